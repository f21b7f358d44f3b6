// Binary shards together: the same lists as their logs in one, and shards that do not fit.
#include "model/train/dataset_join.h"

#include "base/buf.h"
#include "model/train/dataset_parts.h"
#include "model/train/encoding.h"
#include "model/train/fit_vocab.h"
#include "tests/support/check.h"
#include "tests/support/log_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char features[] =
    "- {name: age, scope: user, kind: dense, size: 1, transform: standardise}\n"
    "- {name: seen, scope: user, kind: id_list, table: item, pool: din, target: item, "
    "max_len: 3}\n"
    "- {name: item, scope: item, kind: id, encode: vocab, dim: 4}\n"
    "- {name: place, scope: item, kind: id, source: position, encode: identity, buckets: 9, "
    "dim: 2, privileged: true}\n";

enum { SHARDS = 3, LISTS = 50 };

static void line(struct buf *text, unsigned i)
{
    buf_printf(text, "{\"id\":\"p%u\",%s\"user\":{%s\"age\":%u,\"seen\":[%u,%u]},\"candidates\":[",
               i, i > 90 ? "\"ts\":9," : "", i > 60 ? "\"user_id\":4," : "", i, i % 7, i % 5);
    for (unsigned d = 0; d <= i % 3; d++)
        buf_printf(text, "%s{\"label\":%u,\"features\":{\"item\":%u}%s}", d > 0 ? "," : "", d == 0,
                   (i + d) % 11, i > 120 ? ",\"bid\":2" : "");
    buf_text(text, "]}\n");
}

// Logs log-0.jsonl .., and shards log-0.ctr .. of the case's features.
static void make_shards(struct log_case *log)
{
    char path[128], name[32];
    struct shards shards;
    struct fit_vocab fit = {0};
    struct schema encoding;
    assert_int_equal(encoding_of(&log->schema, &encoding, &log->diag), STATUS_OK);
    for (unsigned s = 0; s < SHARDS; s++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        for (unsigned i = 0; i < LISTS; i++)
            line(&text, s * LISTS + i);
        snprintf(name, sizeof name, "log-%u.jsonl", s);
        scratch_file(&log->scratch, name, text.data, text.size, path);
        buf_fini(&text);
    }
    assert_int_equal(shards_init(&shards, scratch_path(&log->scratch, "*.jsonl", path), NULL),
                     STATUS_OK);
    const struct impressions_options how = {.schema = &encoding};
    assert_int_equal(fit_vocab_learn(&fit, &shards, &how, &encoding, &log->diag), STATUS_OK);
    for (unsigned s = 0; s < SHARDS; s++) {
        struct shards one;
        struct dataset data;
        const struct dataset_options options = {.schema = &encoding};
        snprintf(name, sizeof name, "log-%u.ctr", s);
        scratch_path(&log->scratch, name, path);
        assert_int_equal(shards_init(&one, shards.paths[s], NULL), STATUS_OK);
        assert_int_equal(dataset_log_write(&one, &options, path, &data, &log->totals, NULL),
                         STATUS_OK);
        assert_int_equal(data.lists, LISTS);
        shards_fini(&one);
        dataset_close(&data);
    }
    shards_fini(&shards);
    schema_fini(&encoding);
    fit_vocab_fini(&fit);
}

static enum status join(struct log_case *log, const char *pattern, const struct schema *schema,
                        struct dataset *ret_data)
{
    char path[128];
    struct shards shards;
    const struct dataset_options options = {.schema = schema};
    assert_int_equal(shards_init(&shards, scratch_path(&log->scratch, pattern, path), NULL),
                     STATUS_OK);
    enum status code = dataset_join(&shards, &options, ret_data, &log->diag);
    shards_fini(&shards);
    diag_format(&log->diag, log->words, sizeof log->words);
    return code;
}

static void test_together(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset joined, whole;
    log_case_init(&log, features);
    make_shards(&log);
    if (join(&log, "*.ctr", &log.schema, &joined) != STATUS_OK)
        fail_msg("%s", log.words);
    assert_int_equal(log_case_open(&log, "*.jsonl", &(struct dataset_options){0}, &whole),
                     STATUS_OK);
    assert_int_equal(joined.lists, SHARDS * LISTS);
    assert_int_equal(joined.docs, whole.docs);
    for (size_t i = 0; i < whole.lists; i++) {
        const size_t docs = (size_t)(whole.offset[i + 1] - whole.offset[i]);
        assert_int_equal(joined.offset[i], whole.offset[i]);
        assert_true(span_equal(dataset_qid(&joined, i), dataset_qid(&whole, i)));
        assert_memory_equal(dataset_shared(&joined, i), dataset_shared(&whole, i),
                            (whole.shared_cells + docs * whole.columns) * sizeof(union row_cell));
        assert_true(joined.ts[i] == whole.ts[i]);
    }
    assert_memory_equal(joined.grade, whole.grade, whole.docs * sizeof(float));
    assert_int_equal(joined.group[61], joined.group[149]);
    assert_int_not_equal(joined.group[0], joined.group[1]);
    assert_true(isnan(joined.bid[0]) && joined.bid[joined.docs - 1] == 2);
    dataset_release(&joined, 10, 140);
    assert_true(dataset_shared(&joined, 149)->number == 149);
    assert_int_equal(encoding_covers(joined.schema, whole.schema, NULL), STATUS_OK);
    dataset_close(&joined);
    dataset_close(&whole);
    log_case_fini(&log);
}

static void test_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *features, *words;
    } cases[] = {
        {"- {name: hour, scope: user, kind: dense, size: 1}\n", "hour: the data do not have"},
        {"- {name: age, scope: user, kind: dense, size: 2}\n", "age: the data have this feature "
                                                               "with another size"},
        {"- {name: age, scope: context, kind: dense, size: 1}\n", "another scope"},
        {"- {name: age, scope: user, kind: dense, size: 1, default: 1}\n", "another default"},
        {"- {name: age, scope: user, kind: dense, quantiles: 3, dim: 1}\n", "another quantiles"},
        {"- {name: item, scope: item, kind: id, encode: hash, buckets: 4, dim: 1}\n",
         "another encode"},
        {"- {name: item, scope: item, kind: id, encode: vocab, min_count: 2, dim: 1}\n",
         "another min_count"},
        {"- {name: other, scope: item, kind: id, encode: vocab, dim: 1}\n"
         "- {name: item, scope: item, kind: id, table: other}\n",
         "the data"},
    };
    struct log_case log;
    struct dataset data;
    log_case_init(&log, features);
    make_shards(&log);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_case wanted;
        log_case_init(&wanted, cases[i].features);
        assert_int_equal(join(&log, "log-1.ctr", &wanted.schema, &data), STATUS_CONFIG);
        if (strstr(log.words, cases[i].words) == NULL || strstr(log.words, "ctr convert") == NULL)
            fail_msg("case %zu: %s", i, log.words);
        log_case_fini(&wanted);
    }
    // Fewer features, and other widths of their tables, are served by the same shards.
    struct log_case fewer;
    log_case_init(&fewer, "- {name: item, scope: item, kind: id, encode: vocab, dim: 9}\n");
    assert_int_equal(join(&log, "*.ctr", &fewer.schema, &data), STATUS_OK);
    dataset_close(&data);
    log_case_fini(&fewer);
    log_case_fini(&log);
}

// What a hash does not tell: a file that was made to have a row that its table has not.
static void test_values(void **state)
{
    (void)state;
    struct log_case log;
    struct dataset data;
    log_case_init(&log, features);
    make_shards(&log);
    assert_int_equal(join(&log, "log-0.ctr", NULL, &data), STATUS_OK);
    assert_true(dataset_parts_values(&data));
    union row_cell cells[4096];
    float grades[1024];
    const size_t count = data.lists * data.shared_cells + data.docs * data.columns;
    assert_true(count <= 4096 && data.docs <= 1024);
    memcpy(cells, data.cells, count * sizeof(cells[0]));
    memcpy(grades, data.grade, data.docs * sizeof(grades[0]));
    struct dataset forged = data;
    forged.cells = cells;
    forged.grade = grades;
    forged.owned = NULL;
    assert_true(dataset_parts_values(&forged));
    const uint32_t rows = (uint32_t)data.schema->tables[0].rows;
    const size_t item = data.shared_cells; // of the first document
    cells[item].id = rows - 1;
    assert_true(dataset_parts_values(&forged));
    cells[item].id = rows;
    assert_false(dataset_parts_values(&forged));
    cells[item].id = 0;
    cells[0].number = INFINITY;
    assert_false(dataset_parts_values(&forged));
    cells[0].number = NAN;
    assert_false(dataset_parts_values(&forged));
    cells[0].number = -1e38F;
    assert_true(dataset_parts_values(&forged));
    grades[3] = -1;
    assert_false(dataset_parts_values(&forged));
    dataset_close(&data);
    log_case_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_do_not_fit),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
