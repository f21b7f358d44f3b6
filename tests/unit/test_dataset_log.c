// Impression logs as data sets: cells stated by hand, the cache, damage, threads.
#include "model/train/dataset_log.h"

#include "base/buf.h"
#include "base/hash64.h"
#include "model/train/dataset_image.h"
#include "proto/vocab.h"
#include "tests/support/check.h"
#include "tests/support/log_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char features[] =
    "- {name: age, scope: user, kind: dense, size: 1}\n"
    "- {name: seen, scope: user, kind: id_list, table: item, max_len: 2, pool: mean}\n"
    "- {name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 2}\n"
    "- {name: item, scope: item, kind: id, encode: vocab, dim: 2}\n"
    "- {name: f, scope: item, kind: dense, size: 2, transform: log1p, default: 7}\n"
    "- {name: speed, scope: item, kind: dense, quantiles: 4, dim: 2}\n"
    "- {name: pos, scope: item, kind: id, encode: identity, buckets: 9, dim: 2, "
    "privileged: true}\n";

// Vocabulary: b three times, a two, c and d once: rows 2, 3, 4, 5.
static const char small[] =
    "\xef\xbb\xbf{\"id\":\"x\",\"ts\":5,\"user\":{\"user_id\":\"u\",\"age\":3,"
    "\"seen\":[\"a\",\"c\",\"b\"]},"
    "\"context\":{\"hour\":23},\"candidates\":["
    "{\"id\":1,\"features\":{\"item\":\"b\",\"f\":[1,2e9],\"speed\":2},\"label\":1,"
    "\"privileged\":{\"pos\":0},\"bid\":2.5},"
    "{\"features\":{\"item\":\"a\",\"colour\":1},\"label\":0,\"bid\":1}]}\r\n"
    "\n"
    "{\"user\":{\"age\":-1},\"candidates\":[{\"label\":3,\"features\":{\"item\":\"b\"}},"
    "{\"label\":0,\"features\":{\"item\":\"d\"},\"privileged\":{\"pos\":8}}]}";

static const struct dataset_options plain = {0};

static void test_cells(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    log_case_init(&log, features);
    if (log_case_text(&log, small, &plain, &data) != STATUS_OK)
        fail_msg("%s", log.words);
    assert_int_equal(data.lists, 2);
    assert_int_equal(data.docs, 4);
    assert_int_equal(data.shared_cells, 4);
    assert_int_equal(data.columns, 5);
    const union row_cell *shared = dataset_shared(&data, 0), *rows = dataset_rows(&data, 0);
    assert_true(shared[0].number == 3);
    assert_int_equal(shared[1].id, 4); // c, the last two of the list, oldest first
    assert_int_equal(shared[2].id, 2);
    assert_int_equal(shared[3].id, 24);
    assert_int_equal(rows[0].id, 2);
    assert_true(rows[1].number == 1 && rows[2].number == 1e6F && rows[3].number == 2);
    assert_int_equal(rows[4].id, 1);
    assert_int_equal(rows[5].id, 3);
    assert_true(rows[6].number == 7 && rows[7].number == 7 && isnan(rows[8].number));
    assert_int_equal(rows[9].id, 0);
    shared = dataset_shared(&data, 1);
    rows = dataset_rows(&data, 1);
    assert_true(shared[0].number == -1);
    assert_true(shared[1].id == 0 && shared[2].id == 0 && shared[3].id == 0);
    assert_true(rows[0].id == 2 && rows[5].id == 5 && rows[9].id == 9);
    assert_true(data.grade[0] == 1 && data.grade[1] == 0 && data.grade[2] == 3);
    assert_true(span_is(dataset_qid(&data, 0), "x") && span_is(dataset_qid(&data, 1), "2"));
    assert_true(data.bid[0] == 2.5 && data.bid[1] == 1 && isnan(data.bid[2]));
    assert_true(data.ts[0] == 5 && data.ts[1] == 0);
    assert_int_equal(data.group[0], (uint32_t)hash64("u", 1, 0));
    assert_int_not_equal(data.group[1], data.group[0]);
    dataset_release(&data, 0, 2);
    assert_true(dataset_rows(&data, 1)[9].id == 9);
    dataset_close(&data);
    log_case_fini(&log);
}

static void test_counts(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    log_case_init(&log, features);
    assert_int_equal(log_case_text(&log, small, &plain, &data), STATUS_OK);
    assert_int_equal(log.totals.lists, 2);
    assert_int_equal(log.totals.docs, 4);
    // f twice and speed and pos of the second; hour of the second page; f, speed of both there,
    // pos.
    assert_int_equal(log.totals.counts.missing, 2 + 1 + 1 + 1 + 2 * (2 + 1) + 1);
    assert_int_equal(log.totals.counts.cut_lists, 1);
    assert_int_equal(log.totals.counts.empty_lists, 1);
    assert_int_equal(log.totals.counts.unknown, 1); // the user is known as the group
    assert_string_equal(log.totals.unknown, "candidates[].features.colour");
    dataset_close(&data);
    log_case_fini(&log);
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"user\":{\"age\":1}}\n", "log.jsonl:1: candidates: "},
        {"\n{\"user\":{\"age\":1},\"candidates\":[]}\n", "log.jsonl:2: candidates: "},
        {"{\"user\":{\"age\":1},\"candidates\":[{\"features\":{}}]}", "candidates[0].label: "},
        {"{\"candidates\":[{\"label\":1}]}", "log.jsonl:1: user.age: "},
        {"{\"user\":{\"age\":\"old\"},\"candidates\":[{\"label\":1}]}", "user.age: "},
        {"{\"user\":{\"age\":1},\"context\":{\"hour\":24},\"candidates\":[{\"label\":1}]}",
         "context.hour: "},
        {"{\"user\":{\"age\":1},\"candidates\":[{\"label\":600}]}", "candidates[0].label: "},
        {"rubbish\n", "log.jsonl:1: "},
        {"{\"user\":{\"age\":1},\"candidates\":[{\"label\":1}", "log.jsonl:1: "},
        {"", "holds no impression"},
        {" \r\n\n", "holds no impression"},
    };
    static const char few[] = "- {name: age, scope: user, kind: dense, size: 1}\n"
                              "- {name: hour, scope: context, kind: id, encode: identity, "
                              "buckets: 24, dim: 2}\n";
    struct log_case log;
    struct dataset data;
    log_case_init(&log, few);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(log_case_text(&log, cases[i].text, &plain, &data), STATUS_INVALID);
        if (strstr(log.words, cases[i].words) == NULL)
            fail_msg("case %zu: %s", i, log.words);
    }
    log_case_fini(&log);
}

static void test_vocabulary_faults(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 1}\n"
                        "- {name: item, scope: item, kind: id, encode: vocab, min_count: 2, "
                        "dim: 1}\n");
    assert_int_equal(log_case_text(&log,
                                   "{\"user\":{\"age\":1},\"candidates\":[{\"label\":1,"
                                   "\"features\":{\"item\":\"a\"}}]}\n",
                                   &plain, &data),
                     STATUS_CONFIG);
    assert_non_null(strstr(log.words, "item: the vocabulary is empty: of 1 different ids"));
    assert_int_equal(log_case_text(&log,
                                   "{\"user\":{\"age\":1},\"candidates\":[{\"label\":1,"
                                   "\"features\":{}}]}\n",
                                   &plain, &data),
                     STATUS_CONFIG);
    assert_non_null(strstr(log.words, "item: the vocabulary is empty: no record has a value"));
    log_case_fini(&log);
}

// What only lines without fault say is learnt, and of an empty file nothing.
static void test_vocabulary_of_good_lines(void **state)
{
    (void)state;
    static const char text[] =
        "{\"user\":{\"age\":1},\"candidates\":[{\"label\":1,\"features\":{\"item\":\"bad\"}},"
        "{\"label\":1,\"features\":{\"item\":\"bad\"}},{\"features\":{\"item\":\"a\"}}]}\n"
        "{\"user\":{\"age\":1},\"candidates\":[{\"label\":1,\"features\":{\"item\":\"a\"}},"
        "{\"label\":0,\"features\":{\"item\":\"b\"}}]}\n"
        "{\"user\":{\"age\":1},\"candidates\":[{\"label\":1,\"features\":{\"item\":17}}],\"ts\":"
        "\"x\"}\n"
        "{\"user\":{\"age\":1},\"candidates\":[{\"label\":1,\"features\":{\"item\":\"b\"}}]}\n";
    static const char *const empty[] = {"", " \r\n\n"};
    struct log_case log;
    struct dataset data;
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 1}\n"
                        "- {name: item, scope: item, kind: id, encode: vocab, dim: 1}\n");
    const struct dataset_options options = {.skip_bad = 2};
    assert_int_equal(log_case_text(&log, text, &options, &data), STATUS_OK);
    assert_int_equal(data.skipped_lines, 2);
    const struct vocab *vocab = data.schema->tables[0].vocab;
    assert_int_equal(vocab_count(vocab), 2);
    assert_true(span_is(vocab_id(vocab, 0), "b") && span_is(vocab_id(vocab, 1), "a"));
    dataset_close(&data);
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        assert_int_equal(log_case_text(&log, empty[i], &plain, &data), STATUS_INVALID);
        assert_non_null(strstr(log.words, "log.jsonl: holds no impression"));
    }
    log_case_fini(&log);
}

static void line(struct buf *text, unsigned i)
{
    buf_printf(text,
               "{\"id\":\"p%u\",\"user\":{\"user_id\":%u,\"age\":%u,\"seen\":[%u,%u]},"
               "\"candidates\":[{\"label\":%u,\"features\":{\"item\":%u,\"speed\":%u}},"
               "{\"label\":0,\"features\":{\"item\":\"%u\"}}]}\n",
               i, i % 97, i % 50, i % 31, i % 7, i % 2, i % 1000, i % 13, i % 11);
}

static void test_bad_lines(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    struct buf text;
    char first[16];
    log_case_init(&log, features);
    buf_init(&text, 64 << 20);
    for (unsigned i = 0; i < 30000; i++) {
        line(&text, i);
        if (i % 10000 == 4999)
            buf_text(&text, "{\"bad\"\n");
    }
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct dataset_options options = {.threads = threads, .skip_bad = 3};
        assert_int_equal(log_case_text(&log, text.data, &options, &data), STATUS_OK);
        assert_int_equal(data.lists, 30000);
        assert_int_equal(data.skipped_lines, 3);
        snprintf(first, sizeof first, ":%u: ", 5001);
        assert_non_null(strstr(data.first_skipped, first));
        dataset_close(&data);
        options.skip_bad = 2;
        assert_int_equal(log_case_text(&log, text.data, &options, &data), STATUS_INVALID);
        assert_int_equal(log.diag.line, 25003);
    }
    buf_fini(&text);
    log_case_fini(&log);
}

// Several files, and any number of threads: the same lists in the order of the names.
static void test_threads_and_files(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset one, other;
    struct buf text;
    char path[128], command[256];
    log_case_init(&log, features);
    for (unsigned f = 0; f < 3; f++) {
        char name[32];
        buf_init(&text, 64 << 20);
        for (unsigned i = 0; i < 9000; i++)
            line(&text, f * 9000 + i);
        snprintf(name, sizeof name, "day-%u.jsonl", f);
        scratch_file(&log.scratch, name, text.data, text.size, path);
        buf_fini(&text);
    }
    snprintf(command, sizeof command, "gzip -1 %s",
             scratch_path(&log.scratch, "day-1.jsonl", path));
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
    struct dataset_options options = {.threads = 1};
    assert_int_equal(log_case_open(&log, "day-*.jsonl*", &options, &one), STATUS_OK);
    options.threads = 2;
    assert_int_equal(log_case_open(&log, "day-*.jsonl*", &options, &other), STATUS_OK);
    assert_int_equal(one.lists, 27000);
    assert_true(span_is(dataset_qid(&one, 9000), "p9000"));
    assert_true(one.content_hash == other.content_hash);
    assert_int_equal(one.lists, other.lists);
    for (size_t list = 0; list < one.lists; list++)
        assert_memory_equal(dataset_shared(&one, list), dataset_shared(&other, list),
                            (one.shared_cells + 2 * one.columns) * sizeof(union row_cell));
    dataset_close(&one);
    dataset_close(&other);
    snprintf(command, sizeof command, "truncate -s -9 %s",
             scratch_path(&log.scratch, "day-1.jsonl.gz", path));
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
    assert_int_equal(log_case_open(&log, "day-*.jsonl*", &options, &one), STATUS_CORRUPT);
    assert_non_null(strstr(log.words, "day-1.jsonl.gz: "));
    assert_int_equal(log_case_open(&log, "week-*", &options, &one), STATUS_NOT_FOUND);
    log_case_fini(&log);
}

static void test_cache(void **state)
{
    (void)state;
    struct log_case log, wider;
    struct dataset data, again;
    char cache[128];
    log_case_init(&log, features);
    scratch_path(&log.scratch, "c.ctrcache", cache);
    const struct dataset_options options = {.cache_path = cache};
    assert_int_equal(log_case_text(&log, small, &options, &data), STATUS_OK);
    assert_string_equal(data.cache_note, "");
    assert_int_equal(log_case_open(&log, "log.jsonl", &options, &again), STATUS_OK);
    assert_int_equal(log.totals.lists, 0); // nothing was parsed
    assert_true(again.content_hash == data.content_hash);
    assert_memory_equal(dataset_shared(&data, 0), dataset_shared(&again, 0), 28 * 4);
    dataset_close(&again);
    // Other columns of the network, the same cells.
    log_case_init(&wider, "- {name: age, scope: user, kind: dense, size: 1, transform: log1p}\n"
                          "- {name: hour, scope: context, kind: id, encode: identity, buckets: 24, "
                          "dim: 4}\n");
    const struct dataset_options other = {.cache_path = cache, .schema = &wider.schema};
    assert_int_equal(log_case_open(&log, "log.jsonl", &other, &again), STATUS_OK);
    assert_non_null(strstr(again.cache_note, "was made for other features"));
    assert_int_equal(again.columns, 0);
    dataset_close(&again);
    // What is left out may not come back from the cache unseen, nor a file that has changed.
    assert_int_equal(log_case_text(&log, "{\"user\":{\"age\":2},\"candidates\":[{\"label\":1}]}\n",
                                   &other, &again),
                     STATUS_OK);
    assert_non_null(strstr(again.cache_note, "has changed"));
    dataset_close(&again);
    dataset_close(&data);
    log_case_fini(&wider);
    log_case_fini(&log);
}

static char *read_all(const char *path, size_t *ret_size)
{
    struct stat info;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    *ret_size = (size_t)info.st_size;
    char *bytes = malloc(*ret_size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *ret_size, file), *ret_size);
    fclose(file);
    return bytes;
}

// Every byte of an image is turned over, and it is cut everywhere: refused, or, in the gaps
// between parts, the same content.
static void test_damage(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    struct dataset_image_header header;
    char cache[128], broken[128];
    size_t size, accepted = 0;
    log_case_init(&log, features);
    scratch_path(&log.scratch, "c.ctrcache", cache);
    const struct dataset_options options = {.cache_path = cache};
    assert_int_equal(log_case_text(&log, small, &options, &data), STATUS_OK);
    const uint64_t hash = data.content_hash;
    dataset_close(&data);
    char *bytes = read_all(cache, &size);
    for (size_t i = 0; i < size; i += i >= 1024 && i < DATASET_IMAGE_HEADER ? 512 : 1) {
        bytes[i] = (char)(bytes[i] ^ 0x41);
        scratch_file(&log.scratch, "broken", bytes, size, broken);
        if (dataset_image_map(broken, &data, &header, NULL) == STATUS_OK) {
            assert_true(data.content_hash == hash);
            dataset_close(&data);
            accepted++;
        }
        bytes[i] = (char)(bytes[i] ^ 0x41);
    }
    assert_true(accepted < size / 4); // gaps of up to 63 bytes behind a dozen small parts
    for (size_t cut = 0; cut < size; cut += 37) {
        scratch_file(&log.scratch, "broken", bytes, cut, broken);
        assert_int_equal(dataset_image_map(broken, &data, &header, NULL), STATUS_CORRUPT);
    }
    free(bytes);
    log_case_fini(&log);
}

static void test_unlabelled(void **state)
{
    (void)state;
    static const char text[] = "{\"user\":{\"age\":2},\"candidates\":[{}]}\n";
    struct log_case log;
    struct dataset data;
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 1}\n");
    assert_int_equal(log_case_text(&log, text, &plain, &data), STATUS_INVALID);
    const struct dataset_options options = {.unlabelled = true};
    assert_int_equal(log_case_text(&log, text, &options, &data), STATUS_OK);
    assert_true(data.grade[0] == 0);
    assert_null(data.group);
    assert_null(data.ts);
    assert_null(data.bid);
    dataset_close(&data);
    log_case_fini(&log);
}

// More candidates than a list may have, on a line that is longer than a block.
static void test_long_line(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    struct buf text;
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 1}\n");
    for (unsigned docs = IMPRESSIONS_MAX_DOCS; docs <= IMPRESSIONS_MAX_DOCS + 1; docs++) {
        buf_init(&text, 64 << 20);
        buf_text(&text, "{\"user\":{\"age\":2},\"candidates\":[{\"label\":1}");
        for (unsigned i = 1; i < docs; i++)
            buf_text(&text, ",{\"id\":\"1234567890\",\"label\":0}");
        buf_text(&text, "]}\n{\"user\":{\"age\":3},\"candidates\":[{\"label\":1}]}\n");
        if (docs == IMPRESSIONS_MAX_DOCS) {
            assert_int_equal(log_case_text(&log, text.data, &plain, &data), STATUS_OK);
            assert_int_equal(data.offset[1], IMPRESSIONS_MAX_DOCS);
            assert_int_equal(data.lists, 2);
            dataset_close(&data);
        } else {
            assert_int_equal(log_case_text(&log, text.data, &plain, &data), STATUS_TOO_LARGE);
            assert_non_null(strstr(log.words, "log.jsonl:1: "));
        }
        buf_fini(&text);
    }
    log_case_fini(&log);
}

// A line beyond every limit is refused, or left out without being held.
static void test_endless_line(void **state)
{
    (void)state;
    static const char good[] = "\n{\"user\":{\"age\":4},\"candidates\":[{\"label\":1}]}\n";
    struct log_case log;
    struct dataset data;
    const size_t size = LINEREAD_MAX_LINE + (3 << 20);
    char *text = malloc(size + sizeof good);
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text + size, good, sizeof good);
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 1}\n");
    assert_int_equal(log_case_text(&log, text, &plain, &data), STATUS_TOO_LARGE);
    assert_non_null(strstr(log.words, "log.jsonl:1: the line is longer"));
    const struct dataset_options options = {.skip_bad = 1};
    assert_int_equal(log_case_open(&log, "log.jsonl", &options, &data), STATUS_OK);
    assert_int_equal(data.lists, 1);
    assert_int_equal(data.skipped_lines, 1);
    assert_true(dataset_shared(&data, 0)->number == 4);
    dataset_close(&data);
    free(text);
    log_case_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),      cmocka_unit_test(test_counts),
        cmocka_unit_test(test_faults),     cmocka_unit_test(test_vocabulary_faults),
        cmocka_unit_test(test_bad_lines),  cmocka_unit_test(test_threads_and_files),
        cmocka_unit_test(test_cache),      cmocka_unit_test(test_damage),
        cmocka_unit_test(test_unlabelled), cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_long_line),  cmocka_unit_test(test_vocabulary_of_good_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
