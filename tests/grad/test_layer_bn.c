// Batch norm: y, gradients and running statistics against a double batch norm written here and its
// central differences; cut into shards of all sizes; a mean that is large beside the spread.
#include "model/layer_bn.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 11, UNITS = 5, CELLS = N * UNITS };

struct reference {
    const double *x, *gamma, *beta, *upstream; // gamma, beta NULL: no affine part
};

static void moments(const double *x, size_t unit, double *ret_mean, double *ret_var)
{
    double mean = 0, var = 0;
    for (size_t i = 0; i < N; i++)
        mean += x[i * UNITS + unit] / N;
    for (size_t i = 0; i < N; i++)
        var += pow(x[i * UNITS + unit] - mean, 2) / N;
    *ret_mean = mean;
    *ret_var = var;
}

static double output(const struct reference *r, size_t i, size_t unit)
{
    double mean, var;
    moments(r->x, unit, &mean, &var);
    double xhat = (r->x[i * UNITS + unit] - mean) / sqrt(var + 1e-5);
    return r->gamma == NULL ? xhat : r->gamma[unit] * xhat + r->beta[unit];
}

static double loss(const struct reference *r)
{
    double sum = 0;
    for (size_t cell = 0; cell < CELLS; cell++)
        sum += r->upstream[cell] * output(r, cell / UNITS, cell % UNITS);
    return sum;
}

static double of_x(void *context, const double *x)
{
    struct reference r = *(const struct reference *)context;
    r.x = x;
    return loss(&r);
}

static double of_gamma(void *context, const double *gamma)
{
    struct reference r = *(const struct reference *)context;
    r.gamma = gamma;
    return loss(&r);
}

static double of_beta(void *context, const double *beta)
{
    struct reference r = *(const struct reference *)context;
    r.beta = beta;
    return loss(&r);
}

struct whole {
    struct layer_bn bn;
    double mean[UNITS], var[UNITS], sum_g[UNITS], sum_gx[UNITS];
    float high[UNITS], low[UNITS], inverse[UNITS];
};

static void start(struct whole *w, const float *gamma, const float *beta)
{
    *w = (struct whole){0};
    w->bn = (struct layer_bn){UNITS, gamma, beta, w->mean, w->var, w->high, w->low, w->inverse};
}

// Shard 0 has the rows before `cut`, shard 1 the others; sums are added in this order.
static void forward(struct whole *w, const float *x, size_t cut, float *y)
{
    double first[UNITS], second[UNITS];
    layer_bn_forward_sum(&w->bn, x, cut, first);
    layer_bn_forward_sum(&w->bn, x + cut * UNITS, N - cut, second);
    for (size_t j = 0; j < UNITS; j++)
        w->mean[j] = (first[j] + second[j]) / N;
    layer_bn_forward_centred(&w->bn, x, cut, first);
    layer_bn_forward_centred(&w->bn, x + cut * UNITS, N - cut, second);
    for (size_t j = 0; j < UNITS; j++)
        w->var[j] = (first[j] + second[j]) / N;
    layer_bn_prepare(&w->bn);
    layer_bn_forward_normalise(&w->bn, x, cut, y);
    layer_bn_forward_normalise(&w->bn, x + cut * UNITS, N - cut, y + cut * UNITS);
}

static void backward(struct whole *w, const float *x, size_t cut, float *g)
{
    float mean_g[UNITS], mean_gx[UNITS];
    layer_bn_backward_sum(&w->bn, g, x, cut, w->sum_g, w->sum_gx);
    layer_bn_backward_sum(&w->bn, g + cut * UNITS, x + cut * UNITS, N - cut, w->sum_g, w->sum_gx);
    for (size_t j = 0; j < UNITS; j++) {
        mean_g[j] = (float)(w->sum_g[j] / N);
        mean_gx[j] = (float)(w->sum_gx[j] / N);
    }
    layer_bn_backward_input(&w->bn, g, x, cut, mean_g, mean_gx);
    layer_bn_backward_input(&w->bn, g + cut * UNITS, x + cut * UNITS, N - cut, mean_g, mean_gx);
}

static void is_close_double(const char *name, const double *got, const double *want)
{
    for (size_t j = 0; j < UNITS; j++)
        if (!(fabs(got[j] - want[j]) <= 1e-5 * fmax(1, fabs(want[j]))))
            fail_msg("%s[%zu]: got %.9g, want %.9g", name, j, got[j], want[j]);
}

static void check(bool affine, size_t cut)
{
    float x[CELLS], gamma[UNITS], beta[UNITS], g[CELLS], y[CELLS];
    double wide_x[CELLS], wide_gamma[UNITS], wide_beta[UNITS], upstream[CELLS], want[CELLS];
    numeric_fill(1, 2, x, wide_x, CELLS);
    numeric_fill(2, 1, gamma, wide_gamma, UNITS);
    numeric_fill(3, 1, beta, wide_beta, UNITS);
    numeric_fill(4, 1, g, upstream, CELLS);
    struct reference r = {wide_x, affine ? wide_gamma : NULL, affine ? wide_beta : NULL, upstream};
    struct whole w;
    start(&w, affine ? gamma : NULL, affine ? beta : NULL);
    forward(&w, x, cut, y);
    for (size_t cell = 0; cell < CELLS; cell++)
        want[cell] = output(&r, cell / UNITS, cell % UNITS);
    numeric_is_close("y", y, want, CELLS, 1e-6);
    backward(&w, x, cut, g);
    numeric_gradient(of_x, &r, wide_x, CELLS, want);
    numeric_is_close("grad_x", g, want, CELLS, 2e-6);
    if (!affine)
        return;
    numeric_gradient(of_gamma, &r, wide_gamma, UNITS, want);
    is_close_double("grad_gamma", w.sum_gx, want);
    numeric_gradient(of_beta, &r, wide_beta, UNITS, want);
    is_close_double("grad_beta", w.sum_g, want);
}

static void gradients(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= N; cut++) {
        check(true, cut);
        check(false, cut);
    }
}

static void running_statistics(void **state)
{
    (void)state;
    float x[CELLS], y[CELLS], running_mean[UNITS], running_var[UNITS];
    double wide_x[CELLS], want_mean[UNITS], want_var[UNITS];
    numeric_fill(1, 2, x, wide_x, CELLS);
    struct whole w;
    start(&w, NULL, NULL);
    forward(&w, x, 4, y);
    for (size_t j = 0; j < UNITS; j++) {
        double mean, var;
        moments(wide_x, j, &mean, &var);
        running_mean[j] = 3;
        running_var[j] = 2;
        want_mean[j] = .9 * 3 + .1 * mean;
        want_var[j] = .9 * 2 + .1 * var * N / (N - 1);
    }
    layer_bn_running(&w.bn, N, running_mean, running_var);
    numeric_is_close("running mean", running_mean, want_mean, UNITS, 1e-6);
    numeric_is_close("running variance", running_var, want_var, UNITS, 1e-6);
}

// 4096 + k/1024: float sums of squares would lose the spread, and so would a mean in one float.
static void large_mean(void **state)
{
    (void)state;
    float x[CELLS], y[CELLS];
    double wide_x[CELLS], want[CELLS];
    for (size_t cell = 0; cell < CELLS; cell++) {
        wide_x[cell] = 4096 + (double)(cell * cell % 17) / 1024;
        x[cell] = (float)wide_x[cell];
        assert_true((double)x[cell] == wide_x[cell]);
    }
    struct reference r = {wide_x, NULL, NULL, NULL};
    struct whole w;
    start(&w, NULL, NULL);
    forward(&w, x, 5, y);
    for (size_t cell = 0; cell < CELLS; cell++)
        want[cell] = output(&r, cell / UNITS, cell % UNITS);
    numeric_is_close("y", y, want, CELLS, 1e-6);
}

static void constant_column_is_zero(void **state)
{
    (void)state;
    float x[CELLS], y[CELLS];
    for (size_t cell = 0; cell < CELLS; cell++)
        x[cell] = .1F;
    struct whole w;
    start(&w, NULL, NULL);
    forward(&w, x, 3, y);
    for (size_t cell = 0; cell < CELLS; cell++)
        assert_true(fabsf(y[cell]) < 1e-5F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(running_statistics),
        cmocka_unit_test(large_mean),
        cmocka_unit_test(constant_column_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
