// Made LETOR data against the formula of its header, written here a second time.
#include "base/file.h"
#include "model/train/dataset.h"
#include "model/train/synth_letor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct synth_letor *make(struct synth_letor_config config)
{
    struct synth_letor *synth;
    assert_int_equal(synth_letor_new(&config, &synth, NULL), STATUS_OK);
    return synth;
}

static double relevance_of(const double *u)
{
    return 1.2 * tanh(u[0]) + 0.5 * u[1] + 0.6 * u[0] * u[2] / (1 + fabs(u[2])) -
           0.3 * (u[3] * u[3] - 1);
}

static double logit(double p)
{
    return log(p) - log1p(-p);
}

// What a document's logit is beside its relevance and the other documents: the same for the whole
// list.
static double rest_of(const struct synth_letor_doc *docs, size_t n, size_t i, double context)
{
    double others = 0;
    for (size_t j = 0; j < n; j++)
        if (j != i)
            others += relevance_of(docs[j].u) / (double)(n - 1);
    return logit(docs[i].p) - 1.2 * relevance_of(docs[i].u) + context * 0.9 * others;
}

static void logits_follow_the_formula(void **state)
{
    (void)state;
    static const double contexts[] = {0, 1, 2.5};
    for (size_t c = 0; c < 3; c++) {
        struct synth_letor_config config = synth_letor_defaults();
        config.context = contexts[c];
        struct synth_letor *synth = make(config);
        struct synth_letor_doc docs[300];
        double low = HUGE_VAL, high = -HUGE_VAL;
        for (uint32_t list = 0; list < 40; list++) {
            size_t n = synth_letor_list(synth, list, docs);
            double first = rest_of(docs, n, 0, contexts[c]);
            assert_in_range(n, 1, 300);
            for (size_t i = 0; i < n; i++)
                assert_true(fabs(rest_of(docs, n, i, contexts[c]) - first) < 1e-9);
            low = fmin(low, first);
            high = fmax(high, first);
        }
        // Without context the rest is b; with it the list's factor and size stand there too.
        assert_true(contexts[c] == 0 ? high - low < 1e-9 : high - low > contexts[c]);
        synth_letor_free(synth);
    }
}

static void rate_and_grades(void **state)
{
    (void)state;
    static const double rates[] = {0.02, 0.2, 0.6};
    for (size_t r = 0; r < 3; r++) {
        struct synth_letor_config config = synth_letor_defaults();
        config.click_rate = rates[r];
        struct synth_letor *synth = make(config);
        struct synth_letor_doc docs[300];
        double expected = 0, variance = 0, clicks = 0, count = 0, sizes = 0;
        double least[5], most[5];
        size_t grades[5] = {0};
        for (int g = 0; g < 5; g++) {
            least[g] = HUGE_VAL;
            most[g] = -HUGE_VAL;
        }
        for (uint32_t list = 0; list < 1000; list++) {
            size_t n = synth_letor_list(synth, list, docs);
            sizes += (double)n;
            for (size_t i = 0; i < n; i++, count++) {
                int g = docs[i].grade;
                assert_in_range(g, 0, 4);
                grades[g]++;
                least[g] = fmin(least[g], docs[i].relevance);
                most[g] = fmax(most[g], docs[i].relevance);
                expected += docs[i].p;
                variance += docs[i].p * (1 - docs[i].p);
                clicks += g > 0;
            }
        }
        assert_true(fabs(sizes / 1000 - 120.5) < 10);             // mean of 1 + 300 U^1.5 - 1/2
        assert_true(fabs(expected / count / rates[r] - 1) < 0.2); // lists differ
        assert_true(fabs(clicks - expected) < 5 * sqrt(variance));
        for (int g = 1; g < 4; g++)
            assert_true(most[g] < least[g + 1]); // among clicks the grade is a step of r
        assert_true(fabs((double)grades[1] / clicks - 0.65) < 0.05);
        assert_true(fabs((double)grades[2] / clicks - 0.25) < 0.05);
        assert_true(grades[4] > 0);
        synth_letor_free(synth);
    }
}

struct place {
    char folder[64];
    char data[2][96], truth[2][96];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    char folder[] = "/tmp/test_synth.XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(place->folder, sizeof(place->folder), "%s", folder);
    for (int i = 0; i < 2; i++) {
        snprintf(place->data[i], sizeof(place->data[i]), "%s/%d", folder, i);
        snprintf(place->truth[i], sizeof(place->truth[i]), "%s/%d.truth", folder, i);
    }
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    for (int i = 0; i < 2; i++) {
        unlink(place->data[i]);
        unlink(place->truth[i]);
    }
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static struct file_bytes bytes_of(const char *path)
{
    struct file_bytes bytes;
    assert_int_equal(file_read(path, 1 << 28, 1, &bytes, NULL), STATUS_OK);
    return bytes;
}

// Lists 3..6 written alone are the end of lists 1..6: a list depends on its number, not on the
// file.
static void files_are_a_function_of_the_lists(void **state)
{
    const struct place *place = *state;
    struct synth_letor *synth = make(synth_letor_defaults());
    assert_int_equal(synth_letor_write(synth, place->data[0], place->truth[0], 6, 1, NULL, NULL),
                     STATUS_OK);
    synth_letor_free(synth);
    synth = make(synth_letor_defaults());
    assert_int_equal(synth_letor_write(synth, place->data[1], place->truth[1], 4, 3, NULL, NULL),
                     STATUS_OK);
    synth_letor_free(synth);
    for (int i = 0; i < 2; i++) {
        struct file_bytes all = bytes_of(i == 0 ? place->data[0] : place->truth[0]);
        struct file_bytes end = bytes_of(i == 0 ? place->data[1] : place->truth[1]);
        assert_true(end.size > 0 && end.size < all.size);
        assert_memory_equal(all.data + all.size - end.size, end.data, end.size);
        file_free(&all);
        file_free(&end);
    }
}

static void another_seed_is_other_data(void **state)
{
    const struct place *place = *state;
    for (int i = 0; i < 2; i++) {
        struct synth_letor_config config = synth_letor_defaults();
        config.seed = (uint64_t)i;
        config.docs_min = config.docs_max = 2;
        struct synth_letor *synth = make(config);
        assert_int_equal(
            synth_letor_write(synth, place->data[i], place->truth[i], 1, 1, NULL, NULL), STATUS_OK);
        synth_letor_free(synth);
    }
    struct file_bytes a = bytes_of(place->truth[0]), b = bytes_of(place->truth[1]);
    assert_true(a.size != b.size || memcmp(a.data, b.data, a.size) != 0);
    file_free(&a);
    file_free(&b);
}

static void files_hold_the_lists(void **state)
{
    const struct place *place = *state;
    enum { LISTS = 30, FIRST = 100 };
    struct synth_letor_config config = synth_letor_defaults();
    struct synth_letor *synth = make(config);
    struct synth_letor_report report;
    struct synth_letor_doc docs[300];
    struct dataset dataset;
    double logloss = 0, mean = 0;
    size_t doc = 0;
    assert_int_equal(
        synth_letor_write(synth, place->data[0], place->truth[0], LISTS, FIRST, &report, NULL),
        STATUS_OK);
    assert_int_equal(dataset_open(place->data[0], &(struct dataset_options){0}, &dataset, NULL),
                     STATUS_OK);
    struct file_bytes truth = bytes_of(place->truth[0]);
    char *at = (char *)truth.data;
    assert_int_equal(dataset.lists, LISTS);
    assert_int_equal(dataset.columns, config.features);
    assert_int_equal(dataset.docs, report.docs);
    for (uint32_t l = 0; l < LISTS; l++) {
        char name[16];
        snprintf(name, sizeof(name), "%u", FIRST + l);
        assert_true(span_is(dataset_qid(&dataset, l), name));
        size_t n = synth_letor_list(synth, FIRST + l, docs);
        assert_int_equal(dataset.offset[l + 1] - dataset.offset[l], n);
        for (size_t i = 0; i < n; i++, doc++) {
            assert_true(dataset.grade[doc] == (float)docs[i].grade);
            assert_true(strtod(at, &at) == docs[i].p); // reads back to the same bits
            assert_int_equal(*at++, '\n');
            mean += docs[i].p;
            logloss -= docs[i].p * log(docs[i].p) + (1 - docs[i].p) * log(1 - docs[i].p);
        }
    }
    assert_ptr_equal(at, (char *)truth.data + truth.size);
    assert_true(fabs(report.mean_p - mean / (double)doc) < 1e-12);
    assert_true(fabs(report.logloss - logloss / (double)doc) < 1e-12);
    file_free(&truth);
    dataset_close(&dataset);
    synth_letor_free(synth);
}

static double correlation(const double *x, const double *y, size_t n)
{
    double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++) {
        mx += x[i] / (double)n;
        my += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
    }
    return xy / sqrt(xx * yy);
}

// Feature j shows factor j mod 6: their ranks go together, visibly but not exactly. Shapes are
// monotone, so the correlation with sign(x) log(1 + |x|) is enough to see it.
static void features_show_their_factors(void **state)
{
    const struct place *place = *state;
    struct synth_letor *synth = make(synth_letor_defaults());
    struct synth_letor_doc docs[300];
    struct dataset dataset;
    double *u = calloc(SYNTH_LETOR_FACTORS * 100000, sizeof(*u)), *x = calloc(100000, sizeof(*x));
    size_t n = 0, heavy = 0;
    assert_true(u != NULL && x != NULL);
    assert_int_equal(synth_letor_write(synth, place->data[0], place->truth[0], 60, 1, NULL, NULL),
                     STATUS_OK);
    assert_int_equal(dataset_open(place->data[0], &(struct dataset_options){0}, &dataset, NULL),
                     STATUS_OK);
    for (uint32_t l = 0; l < 60; l++) {
        size_t count = synth_letor_list(synth, 1 + l, docs);
        for (size_t i = 0; i < count; i++, n++)
            for (size_t k = 0; k < SYNTH_LETOR_FACTORS; k++)
                u[k * 100000 + n] = docs[i].u[k];
    }
    for (size_t c = 0; c < dataset.columns; c++) {
        double most = 0;
        for (size_t i = 0; i < n; i++) {
            double value = (double)dataset.values[i * dataset.columns + c];
            x[i] = copysign(log1p(fabs(value)), value);
            most = fmax(most, value);
        }
        heavy += most > 1000;
        double r = fabs(correlation(x, u + c % SYNTH_LETOR_FACTORS * 100000, n));
        assert_true(r > 0.2 && r < 0.99);
    }
    assert_true(heavy >= 10);
    free(u);
    free(x);
    dataset_close(&dataset);
    synth_letor_free(synth);
}

static void refusals(void **state)
{
    const struct place *place = *state;
    struct synth_letor_config config = synth_letor_defaults();
    struct synth_letor *synth;
    struct diag diag = {0};
    config.features = 0;
    assert_int_equal(synth_letor_new(&config, &synth, &diag), STATUS_INVALID);
    assert_string_equal(diag.path, "features");
    config = synth_letor_defaults();
    config.docs_min = 301;
    assert_int_equal(synth_letor_new(&config, &synth, &diag), STATUS_INVALID);
    config = synth_letor_defaults();
    config.click_rate = NAN;
    assert_int_equal(synth_letor_new(&config, &synth, &diag), STATUS_INVALID);
    config = synth_letor_defaults();
    config.context = -1;
    assert_int_equal(synth_letor_new(&config, &synth, &diag), STATUS_INVALID);
    synth = make(synth_letor_defaults());
    assert_int_not_equal(
        synth_letor_write(synth, place->data[0], "/nonexistent/t", 1, 1, NULL, &diag), STATUS_OK);
    assert_false(file_exists(place->data[0]));
    synth_letor_free(synth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_follow_the_formula),
        cmocka_unit_test(rate_and_grades),
        cmocka_unit_test_setup_teardown(files_are_a_function_of_the_lists, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(another_seed_is_other_data, make_place, remove_place),
        cmocka_unit_test_setup_teardown(files_hold_the_lists, make_place, remove_place),
        cmocka_unit_test_setup_teardown(features_show_their_factors, make_place, remove_place),
        cmocka_unit_test_setup_teardown(refusals, make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
