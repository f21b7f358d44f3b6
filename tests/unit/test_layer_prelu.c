// PReLU: values by hand, and the gradients against central differences away from the bend.
#include "model/layer_prelu.h"
#include "tests/support/near.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 7, UNITS = 19, CELLS = N * UNITS }; // no multiple of a vector

static void by_hand(void **state)
{
    (void)state;
    const float kappa[] = {.25F, -2}, x[] = {4, 4, -8, -8, 0, 0};
    float y[6], g[] = {3, 3, 3, 3, 3, 3};
    double sum[] = {100, 0};
    const struct layer_prelu prelu = {2, kappa};
    layer_prelu_forward(&prelu, x, 3, y);
    const float want_y[] = {4, 4, -2, 16, 0, 0}, want_g[] = {3, 3, .75F, -6, .75F, -6};
    layer_prelu_backward(&prelu, g, x, 3, sum);
    for (size_t i = 0; i < 6; i++) {
        assert_true(y[i] == want_y[i]);
        assert_true(g[i] == want_g[i]); // at 0 the derivative is kappa
    }
    near_is(sum[0], 100 - 24, 0); // added to what was there
    near_is(sum[1], -24, 0);
}

static void not_a_number(void **state)
{
    (void)state;
    const float kappa[] = {.25F, .25F, .25F}, x[] = {NAN, INFINITY, -INFINITY};
    float y[3];
    layer_prelu_forward(&(struct layer_prelu){3, kappa}, x, 1, y);
    assert_true(isnan(y[0]));
    assert_true(y[1] == INFINITY && y[2] == -INFINITY);
}

static void no_rows(void **state)
{
    (void)state;
    const float kappa = 1;
    double sum = 5;
    layer_prelu_forward(&(struct layer_prelu){1, &kappa}, NULL, 0, NULL);
    layer_prelu_backward(&(struct layer_prelu){1, &kappa}, NULL, NULL, 0, &sum);
    near_is(sum, 5, 0);
}

// x, then kappa
static double loss(void *context, const double *v)
{
    const double *upstream = context;
    double sum = 0;
    for (size_t i = 0; i < CELLS; i++)
        sum += upstream[i] * (v[i] > 0 ? v[i] : v[CELLS + i % UNITS] * v[i]);
    return sum;
}

static void gradients(void **state)
{
    (void)state;
    float x[CELLS], g[CELLS], kappa[UNITS], sum[UNITS];
    double v[CELLS + UNITS], upstream[CELLS], want[CELLS + UNITS], sums[UNITS] = {0};
    numeric_fill(1, 1, x, v, CELLS);
    numeric_fill(2, 1, g, upstream, CELLS);
    numeric_fill(3, .5, kappa, v + CELLS, UNITS);
    for (size_t i = 0; i < CELLS; i++)
        assert_true(fabs(v[i]) > 1e-4);
    layer_prelu_backward(&(struct layer_prelu){UNITS, kappa}, g, x, N, sums);
    numeric_gradient(loss, upstream, v, CELLS + UNITS, want);
    numeric_is_close("grad_x", g, want, CELLS, 1e-6);
    for (size_t j = 0; j < UNITS; j++)
        sum[j] = (float)sums[j];
    numeric_is_close("grad_kappa", sum, want + CELLS, UNITS, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(not_a_number),
        cmocka_unit_test(no_rows),
        cmocka_unit_test(gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
