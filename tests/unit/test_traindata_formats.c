// Training, validation and test data of different formats.
#include "model/train/traindata.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <string.h>

// The same two pages in each; of the JSONL they have names of their own.
static const char json[] = "{\"candidates\":[{\"features\":{\"item\":\"a\",\"x\":1},\"label\":1},"
                           "{\"features\":{\"item\":\"b\",\"x\":2},\"label\":0}]}\n"
                           "{\"candidates\":[{\"features\":{\"item\":\"b\",\"x\":3},\"label\":0},"
                           "{\"features\":{\"item\":\"c\",\"x\":4},\"label\":1}]}\n";
static const char commas[] = "page,click,item,x\np,1,a,1\np,0,b,2\nq,0,b,3\nq,1,c,4\n";
static const char tabs[] = "page\tclick\titem\tx\np\t1\ta\t1\np\t0\tb\t2\nq\t0\tb\t3\nq\t1\tc\t4\n";
static const char letor[] = "1 qid:1 1:1\n0 qid:1 1:2\n";

struct formats {
    struct scratch scratch;
    struct traindata data;
    char words[1024];
};

static enum status formats_open(struct formats *formats, const char *train, const char *valid,
                                const char *test)
{
    struct train_config config;
    struct yamldoc *doc = NULL;
    struct diag diag = {0};
    char yaml[1024], path[128];
    const int size = snprintf(yaml, sizeof yaml,
                              "data: {train: %s, valid: %s, test: %s, cache: cache-%s}\n"
                              "csv: {label: click, list: page}\n"
                              "features:\n"
                              "  - {name: item, scope: item, kind: id, encode: vocab, dim: 1}\n"
                              "  - {name: x, scope: item, kind: dense, size: 1}\n"
                              "method: base\n",
                              train, valid, test, train);
    scratch_file(&formats->scratch, "config.yaml", yaml, (size_t)size, path);
    const struct train_config_source source = {.file = path};
    if (train_config_load(&source, &config, &doc, &diag) != STATUS_OK)
        fail_msg("%s", diag.words);
    enum status code =
        traindata_open(&config, formats->scratch.folder, NULL, &formats->data, &diag);
    diag_format(&diag, formats->words, sizeof formats->words);
    train_config_fini(&config);
    yamldoc_free(doc);
    return code;
}

static void formats_init(struct formats *formats)
{
    char path[128];
    scratch_make(&formats->scratch);
    scratch_file(&formats->scratch, "a.jsonl", json, strlen(json), path);
    scratch_file(&formats->scratch, "b.csv", commas, strlen(commas), path);
    scratch_file(&formats->scratch, "c.tsv", tabs, strlen(tabs), path);
    scratch_file(&formats->scratch, "d.txt", letor, strlen(letor), path);
}

// b twice, a and c once: rows 2, 3, 4.
static void check_pages(const struct dataset *data)
{
    static const uint32_t ids[] = {3, 2, 2, 4};
    static const float grades[] = {1, 0, 0, 1};
    assert_int_equal(data->lists, 2);
    assert_int_equal(data->docs, 4);
    for (size_t d = 0; d < 4; d++) {
        const union row_cell *rows = dataset_rows(data, d / 2) + d % 2 * data->columns;
        assert_int_equal(rows[0].id, ids[d]);
        assert_true(rows[1].number == (float)(d + 1));
        assert_true(data->grade[d] == grades[d]);
    }
}

static void each_file_by_its_own_format(void **state)
{
    (void)state;
    static const char *const files[][3] = {{"a.jsonl", "b.csv", "c.tsv"},
                                           {"b.csv", "c.tsv", "a.jsonl"},
                                           {"c.tsv", "a.jsonl", "b.csv"}};
    struct formats formats = {0};
    formats_init(&formats);
    for (size_t again = 0; again < 2; again++) { // the second time from caches
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            if (formats_open(&formats, files[i][0], files[i][1], files[i][2]) != STATUS_OK)
                fail_msg("case %zu: %s", i, formats.words);
            check_pages(&formats.data.train);
            check_pages(&formats.data.valid);
            check_pages(&formats.data.test);
            traindata_close(&formats.data);
        }
    }
    scratch_remove(&formats.scratch);
}

static void letor_stays_alone(void **state)
{
    (void)state;
    struct formats formats = {0};
    formats_init(&formats);
    assert_int_equal(formats_open(&formats, "a.jsonl", "d.txt", "b.csv"), STATUS_CONFIG);
    assert_non_null(strstr(formats.words, "d.txt: is a LETOR file"));
    assert_true(formats.data.hash == 0); // of nothing that is open
    assert_null(formats.data.lists);
    scratch_remove(&formats.scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_by_its_own_format),
        cmocka_unit_test(letor_stays_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
