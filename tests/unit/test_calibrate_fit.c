// The door to the fits: each kind, any order of the points, the limit of knots.
#include "base/rng.h"
#include "model/train/calibrate_fit.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOCS = 3000 };
static const struct calibrate_rules rules = {30, 5, 0};

static void draw(struct calibrate_point *points)
{
    struct rng rng;
    rng_start(&rng, 6, RNG_TEST, 0, 0);
    for (size_t i = 0; i < DOCS; i++) {
        const double s = (double)(float)(rng_normal(&rng) * 1.5 - 1);
        points[i] = (struct calibrate_point){i % 3 == 0 ? (double)floorf((float)s) : s, 1,
                                             rng_uniform(&rng) < 1 / (1 + exp(-(0.5 * s - 0.4)))};
    }
}

static void same_fit(const struct calibrate_fit *a, const struct calibrate_fit *b)
{
    assert_int_equal(a->map.kind, b->map.kind);
    assert_true(a->map.temperature == b->map.temperature);
    assert_true(a->map.slope == b->map.slope && a->map.intercept == b->map.intercept);
    assert_int_equal(a->map.knots, b->map.knots);
    const size_t bytes = a->map.knots * sizeof(double);
    assert_true(bytes == 0 || memcmp(a->map.x, b->map.x, bytes) == 0);
    assert_true(bytes == 0 || memcmp(a->map.y, b->map.y, bytes) == 0);
}

static void test_every_kind_in_any_order(void **state)
{
    (void)state;
    static struct calibrate_point points[DOCS], mixed[DOCS];
    uint32_t place[DOCS];
    struct rng rng;
    draw(points);
    for (uint32_t i = 0; i < DOCS; i++)
        place[i] = i;
    rng_start(&rng, 7, RNG_TEST, 0, 0);
    rng_shuffle_u32(&rng, place, DOCS);
    for (size_t i = 0; i < DOCS; i++)
        mixed[i] = points[place[i]];
    calibrate_fit_sort(points, DOCS);
    calibrate_fit_sort(mixed, DOCS);
    for (int k = 0; k < CALIBRATE_KINDS; k++) {
        const enum calibrate_kind kind = (enum calibrate_kind)k;
        struct calibrate_fit fit, other;
        assert_int_equal(calibrate_fit(kind, points, DOCS, &rules, &fit, NULL), STATUS_OK);
        assert_int_equal(calibrate_fit(kind, mixed, DOCS, &rules, &other, NULL), STATUS_OK);
        assert_int_equal(fit.map.kind, kind);
        assert_null(fit.why);
        assert_true(fit.map.shift == 0);
        assert_int_equal(calibrate_check(&fit.map, NULL), STATUS_OK);
        same_fit(&fit, &other);
        calibrate_fit_fini(&fit);
        calibrate_fit_fini(&other);
    }
}

static void test_one_point(void **state)
{
    (void)state;
    const struct calibrate_point one = {0.5, 1, true};
    for (int k = 0; k < CALIBRATE_KINDS; k++) {
        struct calibrate_fit fit;
        assert_int_equal(calibrate_fit((enum calibrate_kind)k, &one, 1, &rules, &fit, NULL),
                         STATUS_OK);
        assert_int_equal(fit.map.kind,
                         k == CALIBRATE_ISOTONIC ? CALIBRATE_ISOTONIC : CALIBRATE_IDENTITY);
        assert_true((fit.why != NULL) == (k != CALIBRATE_ISOTONIC && k != CALIBRATE_IDENTITY));
        calibrate_fit_fini(&fit);
    }
}

// At each score i a click of weight i beside none of weight 1: rates i/(i+1) that all rise.
static void test_too_many_knots(void **state)
{
    (void)state;
    const size_t scores = CALIBRATE_MAX_KNOTS + 1;
    struct calibrate_point *points = calloc(scores, 2 * sizeof(*points));
    struct calibrate_fit fit = {0};
    struct diag diag = {0};
    assert_non_null(points);
    for (size_t i = 0; i < scores; i++) {
        points[2 * i] = (struct calibrate_point){(double)i, 1, false};
        points[2 * i + 1] = (struct calibrate_point){(double)i, (double)(i + 1), true};
    }
    assert_int_equal(calibrate_fit(CALIBRATE_ISOTONIC, points, 2 * scores, &rules, &fit, &diag),
                     STATUS_TOO_LARGE);
    assert_non_null(strstr(diag.words, "1048577 knots"));
    assert_int_equal(
        calibrate_fit(CALIBRATE_ISOTONIC, points, 2 * (scores - 1), &rules, &fit, &diag),
        STATUS_OK);
    assert_int_equal(fit.map.knots, CALIBRATE_MAX_KNOTS);
    calibrate_fit_fini(&fit);
    free(points);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_in_any_order),
        cmocka_unit_test(test_one_point),
        cmocka_unit_test(test_too_many_knots),
    };
    return cmocka_run_group_tests_name("calibrate_fit", tests, NULL, NULL);
}
