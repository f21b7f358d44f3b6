// The logistic line: recovered exactly from soft labels, the table of section 3.5, no finite fit.
#include "model/train/quality_line.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>

static double sigmoid(double s)
{
    return 1 / (1 + exp(-s));
}

// With y = sigma(a s + b) the cross-entropy has its minimum at (a, b).
static void recover(double slope, double intercept, double spread, double centre)
{
    enum { POINTS = 101 };
    struct quality_line_point points[POINTS];
    for (size_t i = 0; i < POINTS; i++) {
        points[i].s = centre + spread * ((double)i - 50) / 50;
        points[i].y = sigmoid(slope * points[i].s + intercept);
    }
    struct quality_line line;
    assert_true(quality_line_fit(points, POINTS, &line));
    near_is(line.slope, slope, 1e-8 * (fabs(slope) + 1 / spread));
    near_is(line.intercept, intercept, 1e-8 * (fabs(intercept) + fabs(centre) / spread + 1));
}

static void test_recovers(void **state)
{
    (void)state;
    recover(1, 0, 3, 0);
    recover(1.7, -0.3, 2, 0.5);
    recover(0.25, -5, 4, -3);
    recover(-1.2, 0.1, 3, 0); // scores the wrong way round
    recover(0, 0.4, 3, 1);    // scores that say nothing
    recover(0.01, 0.2, 700, 0);
    recover(1000, 0.5, 1e-3, 0);
    recover(2, -200, 1, 100);
}

// Optima at r = 1 in the table of section 3.5 and the slopes that section 7 gives for them.
static void test_table(void **state)
{
    (void)state;
    const double truth[] = {0.9, 0.6, 0.3, 0.05};
    const struct {
        double p[4], slope;
    } rows[] = {
        {{0.73195, 0.62222, 0.41021, 0.08562}, 1.564}, // ListNet
        {{0.99173, 0.72706, 0.12949, 0.00172}, 0.456}, // ListMLE: the plain Newton diverges here
        {{0.9, 0.6, 0.3, 0.05}, 1},
    };
    for (size_t k = 0; k < 3; k++) {
        struct quality_line_point points[4];
        for (size_t i = 0; i < 4; i++)
            points[i] =
                (struct quality_line_point){log(rows[k].p[i] / (1 - rows[k].p[i])), truth[i]};
        struct quality_line line;
        assert_true(quality_line_fit(points, 4, &line));
        near_is(line.slope, rows[k].slope, 6e-4);
    }
}

static void test_no_finite_fit(void **state)
{
    (void)state;
    const struct {
        struct quality_line_point points[4];
        size_t n;
    } cases[] = {
        {{{0, 0}}, 0},
        {{{1, 1}}, 1},
        {{{1, 1}, {2, 1}}, 2},                   // one class
        {{{1, 0}, {2, 0}}, 2},                   //
        {{{1, 0}, {2, 0}, {3, 1}, {4, 1}}, 4},   // separated
        {{{1, 1}, {2, 1}, {3, 0}, {4, 0}}, 4},   // the other way round
        {{{1, 0}, {2, 0}, {2, 1}, {4, 1}}, 4},   // but for an equal score
        {{{3, 1}, {3, 0}, {3, 1}, {3, 0.5}}, 4}, // all scores equal
    };
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct quality_line line = {7, 7};
        assert_false(quality_line_fit(cases[k].points, cases[k].n, &line));
        assert_true(line.slope == 7 && line.intercept == 7);
    }
}

// One pair out of order: a finite fit, far out where the classes nearly separate.
static void test_nearly_separable(void **state)
{
    (void)state;
    struct quality_line_point points[200];
    for (size_t i = 0; i < 200; i++)
        points[i] = (struct quality_line_point){(double)i, i < 100 ? 0 : 1};
    points[99].y = 1;
    points[100].y = 0;
    struct quality_line line;
    assert_true(quality_line_fit(points, 200, &line));
    double slope = 0, level = 0; // the gradient vanishes there
    for (size_t i = 0; i < 200; i++) {
        double gap = sigmoid(line.slope * points[i].s + line.intercept) - points[i].y;
        slope += gap * (points[i].s - 99.5);
        level += gap;
    }
    assert_true(line.slope > 0.5);
    near_is(slope, 0, 1e-9);
    near_is(level, 0, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovers),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_finite_fit),
        cmocka_unit_test(test_nearly_separable),
    };
    return cmocka_run_group_tests_name("quality_line", tests, NULL, NULL);
}
