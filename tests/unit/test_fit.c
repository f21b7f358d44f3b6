// What is learnt from the data: edges, mean and scale by hand, the order of vocabularies.
#include "model/train/fit.h"

#include "base/buf.h"
#include "proto/vocab.h"
#include "tests/support/check.h"
#include "tests/support/log_case.h"

#include <math.h>
#include <string.h>

static const struct dataset_options plain = {0};

static enum status fit_text(struct log_case *log, const char *text, struct dataset *ret_data)
{
    uint32_t lists[1000];
    if (log_case_text(log, text, &plain, ret_data) != STATUS_OK)
        fail_msg("%s", log->words);
    assert_true(ret_data->lists <= 1000);
    for (size_t i = 0; i < ret_data->lists; i++)
        lists[i] = (uint32_t)i;
    enum status code = fit_numbers(ret_data, lists, ret_data->lists, &log->schema, &log->diag);
    diag_format(&log->diag, log->words, sizeof log->words);
    return code;
}

static void test_numbers(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    // x of the items: 0 0 0 0 1 2 3 9, and one that is missing. Quantiles of 4: values number 2, 4
    // and 6 are 0, 1 and 3; below 0 lies nothing.
    log_case_init(&log, "- {name: age, scope: user, kind: dense, size: 2, transform: standardise}\n"
                        "- {name: x, scope: item, kind: dense, quantiles: 4, dim: 2}\n"
                        "- {name: y, scope: item, kind: dense, size: 1, transform: standardise, "
                        "default: 0}\n");
    assert_int_equal(
        fit_text(
            &log,
            "{\"user\":{\"age\":[1,5]},\"candidates\":["
            "{\"label\":1,\"features\":{\"x\":0,\"y\":8}},{\"label\":1,\"features\":{\"x\":9}},"
            "{\"label\":1,\"features\":{\"x\":0}},{\"label\":1,\"features\":{\"x\":3}},"
            "{\"label\":1,\"features\":{\"x\":2}},{\"label\":0}]}\n"
            "{\"user\":{\"age\":[5,5]},\"candidates\":["
            "{\"label\":1,\"features\":{\"x\":0}},{\"label\":0,\"features\":{\"x\":1}},"
            "{\"label\":0,\"features\":{\"x\":0}}]}\n",
            &data),
        STATUS_OK);
    const struct schema_feature *x = schema_find(&log.schema, "x");
    assert_int_equal(x->edge_count, 2);
    assert_true(x->edges[0] == 1 && x->edges[1] == 3);
    // A list counts once: mean of 1 and 5, deviation 2; a value that never changes has scale 1.
    const struct schema_feature *age = schema_find(&log.schema, "age");
    assert_true(age->mean[0] == 3 && age->scale[0] == 0.5F);
    assert_true(age->mean[1] == 5 && age->scale[1] == 1);
    // Every document counts, with its default: 8 and eight zeros.
    const struct schema_feature *y = schema_find(&log.schema, "y");
    const double mean = 8.0 / 9, variance = 64.0 / 9 - mean * mean;
    assert_true(fabs((double)y->mean[0] - mean) < 1e-7);
    assert_true(fabs((double)y->scale[0] - 1 / sqrt(variance)) < 1e-7);
    // What is there stays.
    const uint32_t none[1] = {0};
    assert_int_equal(fit_numbers(&data, none, 1, &log.schema, NULL), STATUS_OK);
    assert_int_equal(schema_find(&log.schema, "x")->edge_count, 2);
    dataset_close(&data);
    log_case_fini(&log);
}

static void test_one_value(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"candidates\":[{\"label\":1,\"features\":{\"x\":4}},"
                                        "{\"label\":1,\"features\":{\"x\":4}}]}\n",
                                        "{\"candidates\":[{\"label\":1},{\"label\":1}]}\n"};
    static const char *const words[] = {"x: it has one value", "x: it has no value"};
    for (size_t i = 0; i < 2; i++) {
        struct log_case log;
        struct dataset data;
        log_case_init(&log, "- {name: x, scope: item, kind: dense, quantiles: 4, dim: 2}\n");
        assert_int_equal(fit_text(&log, texts[i], &data), STATUS_CONFIG);
        assert_non_null(strstr(log.words, words[i]));
        dataset_close(&data);
        log_case_fini(&log);
    }
}

// A feature of two values has an edge, however rare the larger one is.
static void test_rare_value(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    struct buf text;
    log_case_init(&log, "- {name: x, scope: user, kind: dense, quantiles: 3, dim: 2}\n");
    buf_init(&text, 1 << 20);
    for (unsigned i = 0; i < 900; i++)
        buf_printf(&text, "{\"user\":{\"x\":%d},\"candidates\":[{\"label\":1}]}\n", i == 7);
    assert_int_equal(fit_text(&log, text.data, &data), STATUS_OK);
    const struct schema_feature *x = schema_find(&log.schema, "x");
    assert_int_equal(x->edge_count, 1);
    assert_true(x->edges[0] == 1);
    dataset_close(&data);
    buf_fini(&text);
    log_case_fini(&log);
}

// Two features share a table, and so its counts; by count, then bytes; the rare are unknown.
static void test_vocabulary(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    struct buf text;
    log_case_init(&log,
                  "- {name: seen, scope: user, kind: id_list, table: item, max_len: 2}\n"
                  "- {name: item, scope: item, kind: id, encode: vocab, min_count: 2, dim: 2}\n");
    buf_init(&text, 1 << 20);
    // b 4, a 3 (2 in lists), ab 2, z 2, once 1; "old" is beyond max_len twice.
    buf_text(&text, "{\"user\":{\"seen\":[\"old\",\"a\",\"b\"]},\"candidates\":["
                    "{\"label\":0,\"features\":{\"item\":\"z\"}},"
                    "{\"label\":0,\"features\":{\"item\":\"b\"}},"
                    "{\"label\":0,\"features\":{\"item\":\"once\"}}]}\n"
                    "{\"user\":{\"seen\":[\"old\",\"a\",\"b\"]},\"candidates\":["
                    "{\"label\":0,\"features\":{\"item\":\"z\"}},"
                    "{\"label\":1,\"features\":{\"item\":\"a\"}},"
                    "{\"label\":0,\"features\":{\"item\":\"b\"}},"
                    "{\"label\":0,\"features\":{\"item\":\"ab\"}}]}\n"
                    "{\"candidates\":[{\"label\":0,\"features\":{\"item\":\"ab\"}}]}\n");
    for (unsigned threads = 1; threads <= 2; threads++) {
        const struct dataset_options options = {.threads = threads};
        assert_int_equal(log_case_text(&log, text.data, &options, &data), STATUS_OK);
        const struct vocab *vocab = data.schema->tables[0].vocab;
        static const char *const ids[] = {"b", "a", "ab", "z"};
        assert_int_equal(vocab_count(vocab), 4);
        for (size_t i = 0; i < 4; i++)
            assert_true(span_is(vocab_id(vocab, i), ids[i]));
        assert_int_equal(dataset_rows(&data, 0)[2].id, VOCAB_UNKNOWN);
        assert_int_equal(log.totals.counts.unknown_ids, 1);
        dataset_close(&data);
    }
    buf_fini(&text);
    log_case_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_one_value),
        cmocka_unit_test(test_rare_value),
        cmocka_unit_test(test_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
