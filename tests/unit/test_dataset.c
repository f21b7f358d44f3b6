// Data sets and their cache. Expected content is stated by hand; the real set's figures are those
// of its README.
#include "base/file.h"
#include "base/hash64.h"
#include "model/train/dataset.h"
#include "model/train/dataset_image.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char folder[64];
    char text[96], cache[96];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    char folder[] = "/tmp/test_dataset.XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(place->folder, sizeof(place->folder), "%s", folder);
    snprintf(place->text, sizeof(place->text), "%s/data.txt", folder);
    snprintf(place->cache, sizeof(place->cache), "%s/data.cache", folder);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    unlink(place->text);
    unlink(place->cache);
    assert_int_equal(rmdir(place->folder), 0); // no temporary file is left behind
    free(place);
    return 0;
}

static void write_text(const struct place *place, const char *text)
{
    struct diag diag;
    assert_int_equal(file_write_atomic(place->text, text, strlen(text), &diag), STATUS_OK);
}

static struct dataset open_set(const struct place *place, const struct dataset_options *options)
{
    struct dataset dataset;
    struct diag diag = {0};
    char message[600];
    if (dataset_open(place->text, options, &dataset, &diag) != STATUS_OK)
        fail_msg("%s", diag_format(&diag, message, sizeof(message)));
    return dataset;
}

static const char small[] = "2 qid:ab 1:5 # first\n0 qid:ab 3:2e9\n0 qid:7 2:-4\n";

static void assert_small(const struct dataset *dataset)
{
    static const float values[3][3] = {{5, 0, 0}, {0, 0, 1e6F}, {0, -4, 0}};
    assert_int_equal(dataset->lists, 2);
    assert_int_equal(dataset->docs, 3);
    assert_int_equal(dataset->columns, 3);
    assert_memory_equal(dataset->values, values, sizeof(values));
    assert_true(dataset->grade[0] == 2 && dataset->grade[1] == 0 && dataset->grade[2] == 0);
    assert_true(dataset->offset[0] == 0 && dataset->offset[1] == 2 && dataset->offset[2] == 3);
    assert_true(span_is(dataset_qid(dataset, 0), "ab"));
    assert_true(span_is(dataset_qid(dataset, 1), "7"));
}

static void in_memory(void **state)
{
    const struct place *place = *state;
    write_text(place, small);
    struct dataset dataset = open_set(place, &(struct dataset_options){0});
    assert_small(&dataset);
    assert_string_equal(dataset.cache_note, "");
    dataset_close(&dataset);
    assert_null(dataset.owned);
}

// `small`, packed by Python's gzip.
static const unsigned char packed[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0x33, 0x52, 0x28, 0xcc, 0x4c,
    0xb1, 0x4a, 0x4c, 0x52, 0x30, 0xb4, 0x32, 0x55, 0x50, 0x56, 0x48, 0xcb, 0x2c, 0x2a, 0x2e,
    0xe1, 0x32, 0x80, 0x09, 0x1a, 0x5b, 0x19, 0xa5, 0x5a, 0x42, 0xb9, 0xe6, 0x0a, 0x46, 0x56,
    0xba, 0x26, 0x5c, 0x00, 0x77, 0xf4, 0x71, 0xf6, 0x31, 0x00, 0x00, 0x00};

static void gzip_is_read(void **state)
{
    const struct place *place = *state;
    struct dataset dataset;
    struct diag diag = {0};
    assert_int_equal(file_write_atomic(place->text, packed, sizeof(packed), &diag), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        dataset = open_set(place, &(struct dataset_options){.cache_path = place->cache});
        assert_small(&dataset);
        dataset_close(&dataset);
    }
    const struct dataset_options options = {0};
    assert_int_equal(file_write_atomic(place->text, packed, sizeof(packed) - 9, &diag), STATUS_OK);
    assert_int_equal(dataset_open(place->text, &options, &dataset, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.file, place->text);
}

static void count_calls(void *context, uint64_t done, uint64_t total)
{
    assert_true(done <= total);
    ++*(int *)context;
}

static void cache_is_used_again(void **state)
{
    const struct place *place = *state;
    int calls = 0;
    const struct dataset_options options = {
        .cache_path = place->cache, .progress = count_calls, .progress_context = &calls};
    write_text(place, small);
    struct dataset first = open_set(place, &options);
    assert_small(&first);
    assert_true(calls > 0);
    calls = 0;
    struct dataset again = open_set(place, &options);
    assert_small(&again);
    assert_int_equal(calls, 0); // nothing was parsed
    assert_int_equal(again.content_hash, first.content_hash);
    assert_string_equal(again.cache_note, "");
    dataset_close(&first);
    dataset_close(&again);
}

// Rows of different widths end as one matrix, with and without a cache.
static void rows_are_widened(void **state)
{
    const struct place *place = *state;
    enum { DOCS = 400 };
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < DOCS; i++)
        buf_printf(&text, "0 qid:%d %d:%d\n", i / 3, 1 + i / 7, i + 1);
    write_text(place, text.data);
    for (int cached = 0; cached < 3; cached++) {
        struct dataset dataset = open_set(
            place, &(struct dataset_options){.cache_path = cached > 0 ? place->cache : NULL});
        assert_int_equal(dataset.columns, 1 + (DOCS - 1) / 7);
        for (size_t i = 0; i < DOCS; i++)
            for (size_t c = 0; c < dataset.columns; c++)
                assert_true(dataset.values[i * dataset.columns + c] ==
                            (c == i / 7 ? (float)(i + 1) : 0));
        dataset_close(&dataset);
    }
    buf_fini(&text);
}

static void columns_belong_to_the_cache(void **state)
{
    const struct place *place = *state;
    write_text(place, small);
    struct dataset dataset =
        open_set(place, &(struct dataset_options){.cache_path = place->cache, .columns = 5});
    assert_int_equal(dataset.columns, 5);
    assert_true(dataset.values[5 + 2] == 1e6F && dataset.values[10 + 1] == -4);
    uint64_t wide = dataset.content_hash;
    dataset_close(&dataset);
    dataset = open_set(place, &(struct dataset_options){.cache_path = place->cache});
    assert_small(&dataset);
    assert_non_null(strstr(dataset.cache_note, "has 5 columns, wanted are 3"));
    assert_int_not_equal(dataset.content_hash, wide);
    dataset_close(&dataset);
    struct diag diag = {0};
    assert_int_equal(
        dataset_open(place->text,
                     &(struct dataset_options){.cache_path = place->cache, .columns = 2}, &dataset,
                     &diag),
        STATUS_INVALID);
    assert_int_equal(diag.line, 2);
}

static void skipped_lines_are_remembered(void **state)
{
    const struct place *place = *state;
    struct dataset_options options = {.cache_path = place->cache, .skip_bad = 1};
    write_text(place, "1 qid:1 1:1\nbad\n");
    for (int i = 0; i < 2; i++) {
        struct dataset dataset = open_set(place, &options);
        assert_int_equal(dataset.skipped_lines, 1);
        assert_non_null(strstr(dataset.first_skipped, "data.txt:2: the grade is not a decimal"));
        dataset_close(&dataset);
    }
    struct dataset dataset;
    struct diag diag = {0};
    options.skip_bad = 0;
    assert_int_equal(dataset_open(place->text, &options, &dataset, &diag), STATUS_INVALID);
    assert_int_equal(diag.line, 2);
}

// Of the same size and time, as copies and unpacked archives may be.
static void another_file_is_read_again(void **state)
{
    const struct place *place = *state;
    const struct dataset_options options = {.cache_path = place->cache};
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = 1000000000}};
    for (int i = 1; i <= 2; i++) {
        write_text(place, i == 1 ? "0 qid:1 1:1\n" : "0 qid:1 1:2\n");
        assert_int_equal(utimensat(AT_FDCWD, place->text, times, 0), 0);
        struct dataset dataset = open_set(place, &options);
        assert_true(dataset.values[0] == (float)i);
        dataset_close(&dataset);
    }
}

static void changed_data_is_read_again(void **state)
{
    const struct place *place = *state;
    const struct dataset_options options = {.cache_path = place->cache};
    write_text(place, "0 qid:1 1:1\n");
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, place->text, times, 0), 0);
    struct dataset dataset = open_set(place, &options);
    uint64_t before = dataset.content_hash;
    dataset_close(&dataset);
    write_text(place, "0 qid:1 1:2\n");
    times[1].tv_nsec = 1;
    assert_int_equal(utimensat(AT_FDCWD, place->text, times, 0), 0);
    dataset = open_set(place, &options);
    assert_true(dataset.values[0] == 2);
    assert_non_null(strstr(dataset.cache_note, "has changed"));
    assert_int_not_equal(dataset.content_hash, before);
    dataset_close(&dataset);
    dataset = open_set(place, &options);
    assert_string_equal(dataset.cache_note, "");
    dataset_close(&dataset);
}

// Equal content has an equal hash, whatever the text looked like.
static void content_hash_is_of_the_content(void **state)
{
    const struct place *place = *state;
    write_text(place, small);
    struct dataset dataset = open_set(place, &(struct dataset_options){0});
    uint64_t hash = dataset.content_hash;
    dataset_close(&dataset);
    write_text(place, "\r\n2.0 qid:ab 2:0 1:5.00\r\n0 qid:ab 3:1e7\r\n\r\n0 qid:7 2:-.4e1 3:0");
    dataset = open_set(place, &(struct dataset_options){0});
    assert_small(&dataset);
    assert_int_equal(dataset.content_hash, hash);
    dataset_close(&dataset);
    write_text(place, "2 qid:ab 1:5\n0 qid:ac 3:2e9\n0 qid:7 2:-4\n");
    dataset = open_set(place, &(struct dataset_options){0});
    assert_int_not_equal(dataset.content_hash, hash);
    dataset_close(&dataset);
}

// Without the fsync of file_write_atomic: the test writes thousands of files.
static void put_cache(const struct place *place, const void *data, size_t size)
{
    int fd = open(place->cache, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
}

// Every byte of the cache matters or is padding: a damaged cache is never believed.
static void damaged_caches_are_replaced(void **state)
{
    const struct place *place = *state;
    const struct dataset_options options = {.cache_path = place->cache};
    struct diag diag;
    struct file_bytes whole;
    write_text(place, small);
    struct dataset dataset = open_set(place, &options);
    dataset_close(&dataset);
    assert_int_equal(file_read(place->cache, 1 << 20, 0, &whole, &diag), STATUS_OK);
    size_t noticed = 0;
    for (size_t at = 0; at < whole.size; at++) {
        if (at >= sizeof(struct dataset_image_header) && at < DATASET_IMAGE_HEADER)
            continue; // padding
        whole.data[at] ^= 0x10;
        put_cache(place, whole.data, whole.size);
        whole.data[at] ^= 0x10;
        dataset = open_set(place, &options);
        assert_small(&dataset);
        assert_string_equal(dataset.first_skipped, "");
        noticed += dataset.cache_note[0] != '\0';
        dataset_close(&dataset);
    }
    size_t payload =
        offsetof(struct dataset_image_header, header_hash) + 8 + 9 * 4 + 3 * 4 + 3 * 8 + 3 * 8 + 3;
    assert_int_equal(noticed, payload);
    for (size_t size = 0; size < whole.size; size += 61) {
        put_cache(place, whole.data, size);
        dataset = open_set(place, &options);
        assert_small(&dataset);
        assert_string_not_equal(dataset.cache_note, "");
        dataset_close(&dataset);
    }
    file_free(&whole);
}

static void racing_writers_do_no_harm(void **state)
{
    const struct place *place = *state;
    const struct dataset_options options = {.cache_path = place->cache};
    enum { PROCESSES = 6 };
    pid_t children[PROCESSES];
    write_text(place, small);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            int wrong = 0;
            for (int round = 0; round < 30; round++) {
                struct dataset dataset;
                unlink(place->cache);
                if (dataset_open(place->text, &options, &dataset, NULL) != STATUS_OK)
                    _exit(1);
                wrong += dataset.docs != 3 || dataset.values[8 - 1] != -4;
                dataset_close(&dataset);
            }
            _exit(wrong != 0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}

static void refusals(void **state)
{
    const struct place *place = *state;
    struct dataset dataset;
    struct diag diag = {0};
    const struct dataset_options options = {.cache_path = place->cache};
    assert_int_not_equal(dataset_open(place->text, &options, &dataset, &diag), STATUS_OK); // absent
    assert_string_equal(diag.file, place->text);
    write_text(place, "# nothing\n\n");
    assert_int_equal(dataset_open(place->text, &options, &dataset, &diag), STATUS_INVALID);
    assert_string_equal(diag.words, "holds no document");
    write_text(place, "1 qid:1\n");
    assert_int_equal(dataset_open(place->text, &options, &dataset, &diag), STATUS_INVALID);
    assert_string_equal(diag.words, "holds no feature");
    write_text(place, small);
    const struct dataset_options nowhere = {.cache_path = "/nonexistent/cache"};
    assert_int_equal(dataset_open(place->text, &nowhere, &dataset, &diag), STATUS_NOT_FOUND);
    assert_string_equal(diag.file, "/nonexistent/cache");
    assert_false(file_exists(place->cache));
}

// The rule itself, from the design: XXH3_64(qid, seed) mod 100 < percent.
static void split_by_hash(void **state)
{
    const struct place *place = *state;
    enum { LISTS = 2000 };
    struct buf text;
    uint8_t valid[LISTS], other[LISTS];
    size_t taken = 0, moved = 0;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < LISTS; i++)
        buf_printf(&text, "0 qid:q%d 1:1\n", i);
    write_text(place, text.data);
    struct dataset dataset = open_set(place, &(struct dataset_options){0});
    dataset_split(&dataset, 1, 15, valid);
    dataset_split(&dataset, 2, 15, other);
    for (int i = 0; i < LISTS; i++) {
        char name[16];
        int size = snprintf(name, sizeof(name), "q%d", i);
        assert_int_equal(valid[i], hash64(name, (size_t)size, 1) % 100 < 15);
        taken += valid[i];
        moved += valid[i] != other[i];
    }
    assert_in_range(taken, 240, 360); // 300 expected, deviation 16
    assert_in_range(moved, 400, 620); // 510 expected
    dataset_split(&dataset, 1, 0, valid);
    assert_null(memchr(valid, 1, LISTS));
    dataset_close(&dataset);
    buf_fini(&text);
}

static void assert_real(const char *folder, const char *name, size_t lists, size_t docs,
                        const size_t grades[5])
{
    struct dataset dataset;
    struct diag diag = {0};
    size_t counts[5] = {0};
    char *path = file_join(folder, name);
    assert_non_null(path);
    assert_int_equal(dataset_open(path, &(struct dataset_options){.columns = 300}, &dataset, &diag),
                     STATUS_OK);
    assert_int_equal(dataset.lists, lists);
    assert_int_equal(dataset.docs, docs);
    for (size_t i = 0; i < docs; i++)
        counts[(int)dataset.grade[i]]++;
    assert_memory_equal(counts, grades, sizeof(counts));
    dataset_close(&dataset);
    free(path);
}

static void real_data(void **state)
{
    (void)state;
    const char *shared = getenv("SHARED_DATA_DIR");
    char *folder = file_join(shared == NULL ? "absent" : shared, "lightgbm_lambdarank");
    static const size_t train[5] = {645, 1211, 858, 222, 69}, test[5] = {206, 256, 252, 44, 10};
    assert_real(folder, "train.letor.txt", 201, 3005, train);
    assert_real(folder, "test.letor.txt", 50, 768, test);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_memory, make_place, remove_place),
        cmocka_unit_test_setup_teardown(gzip_is_read, make_place, remove_place),
        cmocka_unit_test_setup_teardown(cache_is_used_again, make_place, remove_place),
        cmocka_unit_test_setup_teardown(rows_are_widened, make_place, remove_place),
        cmocka_unit_test_setup_teardown(columns_belong_to_the_cache, make_place, remove_place),
        cmocka_unit_test_setup_teardown(skipped_lines_are_remembered, make_place, remove_place),
        cmocka_unit_test_setup_teardown(another_file_is_read_again, make_place, remove_place),
        cmocka_unit_test_setup_teardown(changed_data_is_read_again, make_place, remove_place),
        cmocka_unit_test_setup_teardown(content_hash_is_of_the_content, make_place, remove_place),
        cmocka_unit_test_setup_teardown(damaged_caches_are_replaced, make_place, remove_place),
        cmocka_unit_test_setup_teardown(racing_writers_do_no_harm, make_place, remove_place),
        cmocka_unit_test_setup_teardown(refusals, make_place, remove_place),
        cmocka_unit_test_setup_teardown(split_by_hash, make_place, remove_place),
    };
    const struct CMUnitTest real[] = {cmocka_unit_test(real_data)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    const char *shared = getenv("SHARED_DATA_DIR");
    char *folder = file_join(shared == NULL ? "absent" : shared, "lightgbm_lambdarank");
    bool present = folder != NULL && file_exists(folder);
    free(folder);
    if (present)
        failed += cmocka_run_group_tests(real, NULL, NULL);
    else
        puts("SKIPPED real_data: SHARED_DATA_DIR has no folder lightgbm_lambdarank");
    return failed > 0 ? 1 : present ? 0 : 77;
}
