// ReLU: values by hand, gradient against central differences away from the bend.
#include "model/layer_relu.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 67 }; // no multiple of a vector

static double loss(void *context, const double *x)
{
    const double *upstream = context;
    double sum = 0;
    for (size_t i = 0; i < COUNT; i++)
        sum += upstream[i] * fmax(x[i], 0);
    return sum;
}

static void gradient(void **state)
{
    (void)state;
    float y[COUNT], g[COUNT];
    double x[COUNT], upstream[COUNT], want[COUNT];
    numeric_fill(1, 1, y, x, COUNT);
    numeric_fill(2, 1, g, upstream, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(fabs(x[i]) > 1e-4);
    layer_relu_forward(y, COUNT);
    layer_relu_backward(g, y, COUNT);
    numeric_gradient(loss, upstream, x, COUNT, want);
    numeric_is_close("grad_x", g, want, COUNT, 1e-6);
}

static void edges(void **state)
{
    (void)state;
    float x[] = {-1, 0, 2, -INFINITY, INFINITY, NAN, 0x1p-149F};
    layer_relu_forward(x, 7);
    assert_true(x[0] == 0 && x[1] == 0 && x[2] == 2 && x[3] == 0 && x[4] == INFINITY);
    assert_true(isnan(x[5]));
    assert_true(x[6] == 0x1p-149F);
    float g[] = {5, 5, 5}, y[] = {0, -1, 1};
    layer_relu_backward(g, y, 3);
    assert_true(g[0] == 0 && g[1] == 0 && g[2] == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
