// The logistic function in fp32, of the kernel sets (not model/kernels/sigmoid.h, in double).
#include "tests/kernels/sweep.h"

// The first float whose exponential is no normal number.
static const float below = -0x1.5d58a0p+6F;

static void run(const struct kernels *set, const float *x, size_t n, float *y)
{
    set->sigmoid(x, n, y);
}

static double exact(double x)
{
    return x <= (double)below ? 0 : 1 / (1 + exp(-x));
}

static const struct sweep sweep = {"sigmoid", run, exact, 3};

static void test_range(void **state)
{
    (void)state;
    sweep_range(&sweep, -1, FLT_MAX, 997);
    sweep_range(&sweep, 1, FLT_MAX, 997);
}

static void test_seams(void **state)
{
    (void)state;
    for (int half = 1; half <= 254; half++) {
        sweep_around(&sweep, (float)(-half * log(2) / 2));
        sweep_around(&sweep, (float)(half * log(2) / 2));
    }
}

static void test_exact_values(void **state)
{
    (void)state;
    const float x[] = {0,       -0.0F,    -0x1p-149F, 0x1p-149F, 18,        100,
                       FLT_MAX, INFINITY, below,      -FLT_MAX,  -INFINITY, NAN};
    static const float want[] = {0.5F, 0.5F, 0.5F, 0.5F, 1, 1, 1, 1, 0, 0, 0, NAN};
    sweep_values(&sweep, x, want, sizeof(x) / sizeof(x[0]));
}

static void test_every_length_in_place(void **state)
{
    (void)state;
    sweep_every_length_in_place(&sweep);
}

int main(void)
{
    floats_announce_sets();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_seams),
        cmocka_unit_test(test_exact_values),
        cmocka_unit_test(test_every_length_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
