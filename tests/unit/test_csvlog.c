// Tables of CSV: the same cells as JSONL, lists over blocks, faults; the real table obd_small.
#include "model/train/csvlog.h"

#include "base/buf.h"
#include "proto/vocab.h"
#include "tests/support/check.h"
#include "tests/support/log_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char features[] =
    "- {name: age, scope: user, kind: dense, size: 1}\n"
    "- {name: seen, scope: user, kind: id_list, table: item, max_len: 2, pool: mean}\n"
    "- {name: item, scope: item, kind: id, buckets: 1000, dim: 2}\n"
    "- {name: f, scope: item, kind: dense, size: 2, default: 7}\n"
    "- {name: both, scope: item, kind: cross, cross: [item, hour], buckets: 50, dim: 2}\n"
    "- {name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 2}\n";
static const char tree[] = "label: click\n"
                           "list: page\n"
                           "user: who\n"
                           "time: at\n"
                           "bid: price\n"
                           "columns: {seen: {column: history, split: '|'}, f: [f0, 'f,1']}\n";
static const char table[] =
    "\xef\xbb\xbfpage,who,at,click,age,history,item,hour,f0,\"f,1\",price,more\r\n"
    "x,u,5,1,3,a||c|b,\"say \"\"hi\"\",\nyou\",23,1,2e9,2.5,\r\n"
    "x,u,5,0,3,a||c|b,7,23,,,1,zz\r\n"
    "\r\n"
    "y,,,3,-1.5,,,,0.5,1e-3,,\n";
static const char same[] =
    "{\"id\":\"x\",\"ts\":5,\"user\":{\"user_id\":\"u\",\"age\":3,\"seen\":[\"a\",\"c\",\"b\"]},"
    "\"context\":{\"hour\":23},\"candidates\":["
    "{\"features\":{\"item\":\"say \\\"hi\\\",\\nyou\",\"f\":[1,2e9]},\"label\":1,\"bid\":2.5},"
    "{\"features\":{\"item\":7},\"label\":0,\"bid\":1}]}\n"
    "{\"id\":\"y\",\"user\":{\"age\":-1.5},\"candidates\":[{\"label\":3,"
    "\"features\":{\"f\":[0.5,1e-3]}}]}\n";

static enum status open_table(struct log_case *log, const char *text,
                              const struct dataset_options *options, struct dataset *ret_data)
{
    char path[128];
    scratch_file(&log->scratch, "log.csv", text, strlen(text), path);
    return log_case_open(log, "log.csv", options, ret_data);
}

static void test_like_json(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset json, csv;
    log_case_init(&log, features);
    assert_int_equal(log_case_text(&log, same, &(struct dataset_options){0}, &json), STATUS_OK);
    assert_int_equal(log_case_csv(&log, tree, "log.csv", ""), STATUS_OK);
    if (open_table(&log, table, &(struct dataset_options){0}, &csv) != STATUS_OK)
        fail_msg("%s", log.words);
    assert_int_equal(csv.lists, 2);
    assert_int_equal(csv.offset[1], 2);
    assert_int_equal(csv.offset[2], 3);
    assert_memory_equal(dataset_shared(&csv, 0), dataset_shared(&json, 0),
                        (2 * json.shared_cells + 3 * json.columns) * sizeof(union row_cell));
    assert_memory_equal(csv.grade, json.grade, 3 * sizeof(float));
    assert_memory_equal(csv.ts, json.ts, 2 * sizeof(*json.ts));
    assert_true(csv.bid[0] == 2.5 && csv.bid[1] == 1);
    assert_int_equal(csv.group[0], json.group[0]);
    assert_true(csv.content_hash == json.content_hash);
    dataset_close(&csv);
    dataset_close(&json);
    log_case_fini(&log);
}

// Lists of 3 lines that begin and end anywhere in blocks of a mebibyte.
static void test_lists_over_blocks(void **state)
{
    (void)state;
    enum { LISTS = 30000 };
    struct log_case log;
    struct dataset data;
    struct buf text;
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 1}\n"
                        "- {name: item, scope: item, kind: id, encode: identity, buckets: 100000, "
                        "dim: 2}\n");
    assert_int_equal(log_case_csv(&log, "list: page\n", "log.csv", ""), STATUS_OK);
    buf_init(&text, 64 << 20);
    buf_text(&text, "page,label,age,item,filler\n");
    for (unsigned i = 0; i < 3 * LISTS; i++)
        buf_printf(&text, "page%u,%u,%u,%u,\"some more text, and a break\n\"\n", i / 3, i % 3 == 0,
                   i / 3, i);
    for (unsigned threads = 1; threads <= 2; threads++) {
        const struct dataset_options options = {.threads = threads};
        if (open_table(&log, text.data, &options, &data) != STATUS_OK)
            fail_msg("%s", log.words);
        assert_int_equal(data.lists, LISTS);
        assert_int_equal(data.docs, 3 * LISTS);
        for (size_t i = 0; i < LISTS; i++) {
            assert_int_equal(data.offset[i], 3 * i);
            assert_true(dataset_shared(&data, i)->number == (float)i);
            assert_int_equal(dataset_rows(&data, i)[2].id, 3 * i + 3);
        }
        dataset_close(&data);
    }
    buf_fini(&text);
    log_case_fini(&log);
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status code;
        const char *words;
    } cases[] = {
        {"page,label\nx,1\n", STATUS_CONFIG, "log.csv:1: age: the header has not this column"},
        {"page,label,age,age\nx,1,2,3\n", STATUS_CONFIG, "age: the header has this column twice"},
        {"page,label,age\nx,1\n", STATUS_INVALID, "log.csv:2: has 2 fields, the header has 3"},
        {"page,label,age\nx,1,old\n", STATUS_INVALID,
         "log.csv:2: age: expected a number, got \"old\""},
        {"page,label,age\nx,1,2 \n", STATUS_INVALID, "age: expected a number"},
        {"page,label,age\nx,1,nan\n", STATUS_INVALID, "age: expected a number"},
        {"page,label,age\nx,1,\n", STATUS_INVALID, "age: missing"},
        {"page,label,age\n\"x\ny\",,1\n", STATUS_INVALID, "log.csv:2: label: missing"},
        {"page,label,age\nx,1,2\nx,0,3\n", STATUS_INVALID, "log.csv:3: age: differs from"},
        {"page,label,age\nx,1,\"2\n", STATUS_INVALID, "log.csv:2: a quote is not closed"},
        {"page,label,age\nx,1,2\"\n", STATUS_INVALID, "log.csv:2: byte 6: a quote"},
        {"page,label,age\nx,1,2\nx\r1,2\n", STATUS_INVALID, "log.csv:3: byte 2: a line break"},
        {"page,label,age\nx,1,2\r\r\n", STATUS_INVALID, "log.csv:2: byte 6: a line break"},
        {"page,label\r,age\nx,1,2\n", STATUS_CONFIG, "log.csv:1: byte 11: a line break"},
        {"page,label,age\n\"x\r\",,2\n", STATUS_INVALID, "log.csv:2: label: missing"},
        {"page,label,age\nx,600,2\n", STATUS_INVALID, "label: expected a number from 0 to 512"},
        {"page,label,age\n", STATUS_INVALID, "holds no impression"},
        {"", STATUS_INVALID, "the file is empty"},
    };
    struct log_case log;
    struct dataset data;
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 1}\n");
    assert_int_equal(log_case_csv(&log, "list: page\n", "log.csv", ""), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum status code = open_table(&log, cases[i].text, &(struct dataset_options){0}, &data);
        if (code != cases[i].code || strstr(log.words, cases[i].words) == NULL)
            fail_msg("case %zu: %d %s", i, (int)code, log.words);
    }
    // Of lines that are left out the others remain.
    const struct dataset_options some = {.skip_bad = 2};
    assert_int_equal(open_table(&log, "page,label,age\nx,1,2\nx,0,3\ny,1\nz,0,1\n", &some, &data),
                     STATUS_OK);
    assert_int_equal(data.lists, 2);
    assert_int_equal(data.skipped_lines, 2);
    dataset_close(&data);
    log_case_fini(&log);
}

static void test_map_faults(void **state)
{
    (void)state;
    static const struct {
        const char *tree, *words;
    } cases[] = {
        {"lable: x\n", "c.yaml:1:1: csv: lable is not known"},
        {"separator: ab\n", "separator is not one character"},
        {"separator: '\"'\n", "separator is not one character"},
        {"columns: {weight: x}\n", "weight is no feature"},
        {"columns: {both: x}\n", "both is not read"},
        {"columns: {f: [a]}\n", "f has not as many columns"},
        {"columns: {item: [a, b]}\n", "item is one id"},
        {"columns: {item: {column: a, split: x}}\n", "item is no list of ids"},
        {"columns: {age: click}\nlabel: click\n", "\"age\" gives the label away"},
        {"join: item\n", "data.join: is missing"},
        {"[]\n", "the tree is not a map"},
    };
    struct log_case log;
    log_case_init(&log, features);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(log_case_csv(&log, cases[i].tree, "log.csv", ""), STATUS_CONFIG);
        if (strstr(log.words, cases[i].words) == NULL)
            fail_msg("case %zu: %s", i, log.words);
    }
    assert_int_equal(csvmap_separator("a.tsv"), '\t');
    assert_int_equal(csvmap_separator("a.tsv.gz"), '\t');
    assert_int_equal(csvmap_separator("a.csv.gz"), ',');
    log_case_fini(&log);
}

static void test_join(void **state)
{
    (void)state;
    static const char items[] = "item,brand,price\n7,\"acme, inc\",1.5\n3,other,2\n";
    static const char logs[] = "item\tlabel\n3\t1\n7\t0\n4\t0\n";
    struct log_case log;
    struct dataset data;
    char join[128], path[128];
    log_case_init(&log,
                  "- {name: item, scope: item, kind: id, encode: identity, buckets: 9, dim: 2}\n"
                  "- {name: brand, scope: item, kind: id, encode: vocab, dim: 2}\n"
                  "- {name: price, scope: item, kind: dense, size: 1, default: 0}\n");
    scratch_file(&log.scratch, "items.csv", items, strlen(items), join);
    scratch_file(&log.scratch, "log.tsv", logs, strlen(logs), path);
    assert_int_equal(log_case_csv(&log, "join: item\n", "log.tsv", join), STATUS_OK);
    if (log_case_open(&log, "log.tsv", &(struct dataset_options){0}, &data) != STATUS_OK)
        fail_msg("%s", log.words);
    // Each once: "acme, inc" before "other".
    const union row_cell *rows = dataset_rows(&data, 0);
    assert_true(rows[0].id == 4 && rows[1].id == 3 && rows[2].number == 2);
    assert_true(rows[3].id == 8 && rows[4].id == 2 && rows[5].number == 1.5F);
    assert_true(rows[6].id == 5 && rows[7].id == 0 && rows[8].number == 0);
    dataset_close(&data);
    static const char twice[] = "item,brand,price\n7,a,1\n7,b,2\n";
    scratch_file(&log.scratch, "items.csv", twice, strlen(twice), join);
    assert_int_equal(log_case_csv(&log, "join: item\n", "log.tsv", join), STATUS_INVALID);
    assert_non_null(strstr(log.words, "the key \"7\" stands twice"));
    assert_int_equal(log_case_csv(&log, "join: id\n", "log.tsv", join), STATUS_INVALID);
    log_case_fini(&log);
}

// A cache belongs to the columns and the joined table that it was made with.
static void test_cache(void **state)
{
    (void)state;
    static const char text[] = "item,label,bought,cart\n3,1,0,7\n4,0,1,3\n";
    static const char items[] = "item,shelf,price\n3,3,2\n4,7,8\n",
                      dearer[] = "item,shelf,price\n3,3,2\n4,7,9\n";
    static const struct {
        const char *tree, *items;
        float grade, price; // of the last line
    } cases[] = {
        {"join: item\n", items, 0, 8},
        {"{join: item, label: bought}\n", items, 1, 8},
        {"{join: item, label: bought}\n", dearer, 1, 9},
        {"{join: item, label: bought, columns: {price: shelf}}\n", dearer, 1, 7},
        {"{join: item, label: bought, columns: {price: cart}}\n", dearer, 1, 3},
        {"{join: cart, label: bought, columns: {price: shelf}}\n", "cart,shelf\n3,5\n", 1, 5},
    };
    struct log_case log;
    struct dataset data = {0};
    char join[128], cache[128];
    log_case_init(&log, "- {name: price, scope: item, kind: dense, size: 1, default: 0}\n");
    scratch_path(&log.scratch, "c.ctrcache", cache);
    const struct dataset_options options = {.cache_path = cache};
    scratch_file(&log.scratch, "log.csv", text, strlen(text), join);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scratch_file(&log.scratch, "items.csv", cases[i].items, strlen(cases[i].items), join);
        for (size_t again = 0; again < 2; again++) {
            if (log_case_csv(&log, cases[i].tree, "log.csv", join) != STATUS_OK ||
                log_case_open(&log, "log.csv", &options, &data) != STATUS_OK)
                fail_msg("case %zu: %s", i, log.words);
            assert_int_equal(log.totals.lists, again == 0 ? 2 : 0); // or nothing was parsed
            assert_true(strstr(data.cache_note, "joined table") != NULL || i == 0 || again == 1);
            assert_true(data.grade != NULL && data.grade[1] == cases[i].grade);
            assert_true(dataset_rows(&data, 1)->number == cases[i].price);
            dataset_close(&data);
        }
    }
    log_case_fini(&log);
}

// Ids of lines that are left out are not learnt, whatever is wrong with them.
static void test_vocabulary_of_good_lines(void **state)
{
    (void)state;
    static const char text[] = "page,label,age,item\n"
                               "x,1,2,a\n"
                               "x,0,3,bad\n" // differs
                               "x,0,2,b\n"
                               "y,,1,bad\n" // no label
                               "z,1,1,b\n";
    struct log_case log;
    struct dataset data;
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 1}\n"
                        "- {name: item, scope: item, kind: id, encode: vocab, dim: 1}\n");
    assert_int_equal(log_case_csv(&log, "list: page\n", "log.csv", ""), STATUS_OK);
    const struct dataset_options some = {.skip_bad = 2};
    assert_int_equal(open_table(&log, text, &some, &data), STATUS_OK);
    assert_int_equal(data.skipped_lines, 2);
    const struct vocab *vocab = data.schema->tables[0].vocab;
    assert_int_equal(vocab_count(vocab), 2);
    assert_true(span_is(vocab_id(vocab, 0), "b") && span_is(vocab_id(vocab, 1), "a"));
    dataset_close(&data);
    log_case_fini(&log);
}

// 10,000 impressions, 46 clicks, 34 items: the figures of its README.
static void test_real(void **state)
{
    (void)state;
    const char *folder = getenv("SHARED_DATA_DIR");
    char path[512];
    struct shards shards;
    struct impressions_totals totals;
    struct dataset data;
    snprintf(path, sizeof path, "%s/obd_small/random/men/men.csv.gz", folder == NULL ? "" : folder);
    if (folder == NULL || access(path, R_OK) != 0) {
        print_message("skipped: no SHARED_DATA_DIR with obd_small\n");
        skip();
    }
    struct log_case log;
    log_case_init(&log,
                  "- {name: user_feature_0, scope: user, kind: id, encode: vocab, dim: 2}\n"
                  "- {name: affinity, scope: user, kind: dense, size: 34}\n"
                  "- {name: item_id, scope: item, kind: id, encode: vocab, dim: 2}\n"
                  "- {name: position, scope: item, kind: id, encode: identity, buckets: 4, dim: 2, "
                  "privileged: true}\n");
    assert_int_equal(log_case_csv(&log,
                                  "label: click\ncolumns: {affinity: {prefix: "
                                  "user-item_affinity_}}\n",
                                  path, ""),
                     STATUS_OK);
    assert_int_equal(shards_init(&shards, path, NULL), STATUS_OK);
    const struct dataset_options options = {.schema = &log.schema, .csv = &log.csv};
    assert_int_equal(dataset_log_open(&shards, &options, &data, &totals, &log.diag), STATUS_OK);
    shards_fini(&shards);
    assert_int_equal(data.lists, 10000);
    size_t clicks = 0;
    for (size_t d = 0; d < data.docs; d++)
        clicks += data.grade[d] > 0;
    assert_int_equal(clicks, 46);
    const uint32_t table_number = schema_find_table(data.schema, "item_id");
    assert_int_equal(data.schema->tables[table_number].rows, 34 + 2);
    assert_int_equal(dataset_rows(&data, 0)[1].id, 3 + 1); // position 3 of the first line
    dataset_close(&data);
    log_case_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_json),
        cmocka_unit_test(test_lists_over_blocks),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_map_faults),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_vocabulary_of_good_lines),
        cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
