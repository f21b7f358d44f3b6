// Student's t against printed tables, and intervals worked by hand.
#include "base/stat.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void is(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("got %.15g, want %.15g", got, want);
}

// t of the 95 % two-sided interval, from the closed forms for 1, 2 and 4 degrees of freedom and
// from tables (NIST/SEMATECH e-Handbook 1.3.6.7.2) for others.
static void quantiles(void **state)
{
    (void)state;
    is(stat_student_quantile(.05, 1), tan(.95 * acos(-1) / 2), 1e-12);
    is(stat_student_quantile(.05, 2), .95 * sqrt(2 / (1 - .95 * .95)), 1e-12);
    is(stat_student_quantile(.05, 4), 2.7764451051977987, 1e-12);
    is(stat_student_quantile(.05, 9), 2.262, 2e-4);
    is(stat_student_quantile(.05, 30), 2.042, 2e-4);
    is(stat_student_quantile(.01, 4), 4.604, 2e-4);
    is(stat_student_quantile(.05, 1e7), 1.959964, 1e-6);
}

// P(|T| > t): 1 - (2/pi) atan t for one degree of freedom, 1 - t / sqrt(2 + t^2) for two.
static void tails(void **state)
{
    (void)state;
    const double t[] = {0, 1e-9, .3, 1, 7, 1e3, 1e8};
    for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
        is(stat_student_tail(t[i], 1), atan2(1, t[i]) * 2 / acos(-1), 1e-9);
        is(stat_student_tail(t[i], 2), 2 / (sqrt(2 + t[i] * t[i]) * (sqrt(2 + t[i] * t[i]) + t[i])),
           1e-9);
        is(stat_student_tail(-t[i], 2), stat_student_tail(t[i], 2), 0);
    }
    is(stat_student_tail((double)INFINITY, 3), 0, 0);
}

// P(|T| > t) for whole degrees of freedom as a finite sum of angles (Abramowitz and Stegun 26.7.3
// and 26.7.4).
static double finite_tail(double t, int freedom)
{
    const double angle = atan(t / sqrt(freedom)), c = cos(angle);
    double term = freedom % 2 == 1 ? c : 1, sum = freedom == 1 ? 0 : term;
    for (int k = freedom % 2 == 1 ? 2 : 1; k < freedom - 2; k += 2) {
        term *= c * c * k / (k + 1);
        sum += term;
    }
    return freedom % 2 == 1 ? 1 - 2 / acos(-1) * (angle + sin(angle) * sum) : 1 - sin(angle) * sum;
}

static void whole_degrees(void **state)
{
    (void)state;
    for (int freedom = 1; freedom <= 60; freedom++)
        for (double t = .05; t < 4; t += .17)
            is(stat_student_tail(t, freedom), finite_tail(t, freedom), 1e-9);
    for (int freedom = 1; freedom <= 60; freedom++)
        is(finite_tail(stat_student_quantile(.05, freedom), freedom), .05, 1e-9);
}

static void intervals(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, 4, 5};
    struct stat_mean mean = stat_mean_of(values, 5);
    is(mean.mean, 3, 1e-15);
    is(mean.half, 2.7764451051977987 * sqrt(2.5 / 5), 1e-12);
    mean = stat_mean_of(values, 1);
    is(mean.mean, 1, 0);
    assert_true(isnan(mean.half));
    mean = stat_mean_of(values, 0);
    assert_true(isnan(mean.mean) && mean.n == 0);
    const double same[] = {.25, .25};
    mean = stat_mean_of(same, 2);
    assert_true(mean.half >= 0 && mean.half <= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles),
        cmocka_unit_test(tails),
        cmocka_unit_test(whole_degrees),
        cmocka_unit_test(intervals),
    };
    return cmocka_run_group_tests_name("stat", tests, NULL, NULL);
}
