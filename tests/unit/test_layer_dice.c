// Dice: the gate over its whole range, values by hand, gradients against central differences of a
// double Dice written here and cut into shards; minibatches of one row and of none.
#include "model/layer_dice.h"
#include "tests/support/near.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 11, UNITS = 19, CELLS = N * UNITS };

struct whole {
    struct layer_dice dice;
    double mean[UNITS], var[UNITS];
    float high[UNITS], low[UNITS], inverse[UNITS];
};

static void start(struct whole *w, size_t units, const float *kappa)
{
    *w = (struct whole){.dice = {.bn = {.units = units}, .kappa = kappa}};
    w->dice.bn.mean = w->mean;
    w->dice.bn.var = w->var;
    w->dice.bn.mean_high = w->high;
    w->dice.bn.mean_low = w->low;
    w->dice.bn.inverse = w->inverse;
}

// `sums` of two shards, the first with `first` rows
static void forward(struct whole *w, const float *x, size_t n, size_t first, float *y)
{
    size_t units = w->dice.bn.units;
    double parts[2][UNITS];
    layer_bn_forward_sum(&w->dice.bn, x, first, parts[0]);
    layer_bn_forward_sum(&w->dice.bn, x + first * units, n - first, parts[1]);
    for (size_t j = 0; j < units; j++)
        w->mean[j] = (parts[0][j] + parts[1][j]) / (double)n;
    layer_bn_forward_centred(&w->dice.bn, x, first, parts[0]);
    layer_bn_forward_centred(&w->dice.bn, x + first * units, n - first, parts[1]);
    for (size_t j = 0; j < units; j++)
        w->var[j] = (parts[0][j] + parts[1][j]) / (double)n;
    layer_dice_prepare(&w->dice);
    layer_dice_forward(&w->dice, x, n, y);
}

static void backward(const struct whole *w, const float *x, size_t n, size_t first, float *g,
                     float *grad_kappa)
{
    size_t units = w->dice.bn.units;
    double h[UNITS] = {0}, hx[UNITS] = {0}, kappa[UNITS] = {0};
    const struct layer_dice_sums sums = {h, hx, kappa};
    float mean_h[UNITS], mean_hx[UNITS];
    layer_dice_backward_sum(&w->dice, g, x, first, &sums);
    layer_dice_backward_sum(&w->dice, g + first * units, x + first * units, n - first, &sums);
    for (size_t j = 0; j < units; j++) {
        mean_h[j] = (float)(h[j] / (double)n);
        mean_hx[j] = (float)(hx[j] / (double)n);
        grad_kappa[j] = (float)kappa[j];
    }
    layer_dice_backward_input(&w->dice, g, x, n, mean_h, mean_hx);
}

// With mean 0, variance 1 - eps and kappa 0 the output over the input is the gate.
static void gate(void **state)
{
    (void)state;
    const float kappa = 0;
    struct whole w;
    start(&w, 1, &kappa);
    w.var[0] = 1 - LAYER_DICE_EPSILON;
    layer_dice_prepare(&w.dice);
    for (int i = -3000; i <= 3000; i++) {
        float x = (float)i / 32, y;
        layer_dice_forward(&w.dice, &x, 1, &y);
        double want = (double)x / (1 + exp(-(double)x));
        near_is((double)y, want, 5e-7 * fabs(want) + fabs((double)x) * exp(-87)); // the least gate
    }
    const float edge[] = {INFINITY, NAN, -1e30F};
    float y[3];
    layer_dice_forward(&w.dice, edge, 3, y);
    assert_true(y[0] == INFINITY && isnan(y[1]) && fabsf(y[2]) < 1e-7F);
}

static void by_hand(void **state)
{
    (void)state;
    // Mean 3, variance 4: xhat = -1, 1; sigma(1) = .731058578630...
    const float x[] = {1, 5}, kappa = .5F;
    const double p = 0.7310585786300049;
    float y[2];
    struct whole w;
    start(&w, 1, &kappa);
    forward(&w, x, 2, 1, y);
    near_is((double)y[0], .5 + .5 * (1 - p), 1e-6);
    near_is((double)y[1], 5 * (.5 + .5 * p), 1e-6);
    float mean = 10, var = 20;
    layer_dice_running(&w.dice, 2, &mean, &var);
    near_is((double)mean, .99 * 10 + .01 * 3, 1e-6);
    near_is((double)var, .99 * 20 + .01 * 8, 1e-5); // n - 1: 8 in place of 4
}

// Its only value is the mean: xhat = 0, half open; nothing flows through the statistics.
static void one_row(void **state)
{
    (void)state;
    const float x = 4, kappa = .5F;
    float y = 0, g = 2, grad_kappa = 0, mean = 7, var = 9;
    struct whole w;
    start(&w, 1, &kappa);
    forward(&w, &x, 1, 1, &y);
    near_is((double)y, 4 * .75, 1e-6);
    layer_dice_running(&w.dice, 1, &mean, &var);
    assert_true(mean == 7 && var == 9);
    backward(&w, &x, 1, 0, &g, &grad_kappa);
    near_is((double)g, 2 * .75, 1e-6);
    near_is((double)grad_kappa, 2 * 4 * .5, 1e-6);
    layer_dice_running(&w.dice, 0, &mean, &var);
    assert_true(mean == 7 && var == 9);
}

// x (N, UNITS), then kappa (UNITS)
static double output(const double *v, size_t i, size_t j)
{
    double mean = 0, var = 0, x = v[i * UNITS + j], kappa = v[CELLS + j];
    for (size_t row = 0; row < N; row++)
        mean += v[row * UNITS + j] / N;
    for (size_t row = 0; row < N; row++)
        var += pow(v[row * UNITS + j] - mean, 2) / N;
    double p = 1 / (1 + exp(-(x - mean) / sqrt(var + 1e-9)));
    return x * (kappa + (1 - kappa) * p);
}

static double loss(void *context, const double *v)
{
    const double *upstream = context;
    double sum = 0;
    for (size_t cell = 0; cell < CELLS; cell++)
        sum += upstream[cell] * output(v, cell / UNITS, cell % UNITS);
    return sum;
}

static void gradients(void **state)
{
    (void)state;
    for (size_t first = 0; first <= N; first += 4) {
        float x[CELLS], y[CELLS], g[CELLS], kappa[UNITS], grad_kappa[UNITS];
        double v[CELLS + UNITS], upstream[CELLS], want[CELLS + UNITS], want_y[CELLS];
        numeric_fill(1, 2, x, v, CELLS);
        numeric_fill(2, 1, g, upstream, CELLS);
        numeric_fill(3, .5, kappa, v + CELLS, UNITS);
        struct whole w;
        start(&w, UNITS, kappa);
        forward(&w, x, N, first, y);
        for (size_t cell = 0; cell < CELLS; cell++)
            want_y[cell] = output(v, cell / UNITS, cell % UNITS);
        numeric_is_close("y", y, want_y, CELLS, 1e-6);
        backward(&w, x, N, first, g, grad_kappa);
        numeric_gradient(loss, upstream, v, CELLS + UNITS, want);
        numeric_is_close("grad_x", g, want, CELLS, 2e-6);
        numeric_is_close("grad_kappa", grad_kappa, want + CELLS, UNITS, 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gate),
        cmocka_unit_test(by_hand),
        cmocka_unit_test(one_row),
        cmocka_unit_test(gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
