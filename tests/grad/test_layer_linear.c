// Linear layer: y and gradients against a double loss L = sum u * (x W^T + b) and its central
// differences.
#include "model/layer_linear.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 5, IN = 7, OUT = 3 };

struct reference {
    const double *x, *weight, *bias, *upstream;
};

static double product(const struct reference *r, size_t i, size_t j)
{
    double y = r->bias == NULL ? 0 : r->bias[j];
    for (size_t k = 0; k < IN; k++)
        y += r->x[i * IN + k] * r->weight[j * IN + k];
    return y;
}

static double loss(const struct reference *r)
{
    double sum = 0;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < OUT; j++)
            sum += r->upstream[i * OUT + j] * product(r, i, j);
    return sum;
}

static double of_x(void *context, const double *x)
{
    struct reference r = *(const struct reference *)context;
    r.x = x;
    return loss(&r);
}

static double of_weight(void *context, const double *weight)
{
    struct reference r = *(const struct reference *)context;
    r.weight = weight;
    return loss(&r);
}

static double of_bias(void *context, const double *bias)
{
    struct reference r = *(const struct reference *)context;
    r.bias = bias;
    return loss(&r);
}

static void check(bool with_bias)
{
    float x[N * IN], weight[OUT * IN], bias[OUT], g[N * OUT], y[N * OUT];
    double wide_x[N * IN], wide_weight[OUT * IN], wide_bias[OUT], upstream[N * OUT], want[N * IN];
    numeric_fill(1, 1, x, wide_x, N * IN);
    numeric_fill(2, 1, weight, wide_weight, OUT * IN);
    numeric_fill(3, 1, bias, wide_bias, OUT);
    numeric_fill(4, 1, g, upstream, N * OUT);
    struct reference r = {wide_x, wide_weight, with_bias ? wide_bias : NULL, upstream};
    struct layer_linear layer = {IN, OUT, weight, with_bias ? bias : NULL};

    layer_linear_forward(&layer, x, N, y);
    for (size_t i = 0; i < N * OUT; i++)
        want[i] = product(&r, i / OUT, i % OUT);
    numeric_is_close("y", y, want, N * OUT, 1e-6);

    float grad_x[N * IN], grad_weight[OUT * IN];
    double bias_sum[OUT] = {17, 17, 17};
    memset(grad_weight, 0x41, sizeof(grad_weight));
    layer_linear_backward_input(&layer, g, N, grad_x);
    layer_linear_backward_weight(&layer, g, x, N, grad_weight, with_bias ? bias_sum : NULL);
    numeric_gradient(of_x, &r, wide_x, N * IN, want);
    numeric_is_close("grad_x", grad_x, want, N * IN, 1e-6);
    numeric_gradient(of_weight, &r, wide_weight, OUT * IN, want);
    numeric_is_close("grad_weight", grad_weight, want, OUT * IN, 1e-6);
    if (with_bias) {
        numeric_gradient(of_bias, &r, wide_bias, OUT, want);
        for (size_t j = 0; j < OUT; j++)
            assert_true(fabs(bias_sum[j] - want[j]) < 1e-7);
    }
}

static void with_bias(void **state)
{
    (void)state;
    check(true);
}

static void without_bias(void **state)
{
    (void)state;
    check(false);
}

static void no_rows_give_no_gradient(void **state)
{
    (void)state;
    float weight[OUT * IN] = {0}, grad[OUT * IN];
    double bias_sum[OUT] = {1, 2, 3};
    memset(grad, 0x41, sizeof(grad));
    struct layer_linear layer = {IN, OUT, weight, NULL};
    layer_linear_backward_weight(&layer, weight, weight, 0, grad, bias_sum);
    for (size_t i = 0; i < OUT * IN; i++)
        assert_true(grad[i] == 0);
    for (size_t j = 0; j < OUT; j++)
        assert_true(bias_sum[j] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_bias),
        cmocka_unit_test(without_bias),
        cmocka_unit_test(no_rows_give_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
