// exp for arguments that are not positive, as a softmax has them.
#include "tests/kernels/sweep.h"

// The last float whose exponential is normal, and the first that gives 0.
static const float least = -0x1.5d589ep+6F, below = -0x1.5d58a0p+6F;

static void run(const struct kernels *set, const float *x, size_t n, float *y)
{
    set->exp(x, n, y);
}

static double exact(double x)
{
    return x < (double)least ? 0 : exp(x);
}

static const struct sweep sweep = {"exp", run, exact, 1};

static void test_range(void **state)
{
    (void)state;
    sweep_range(&sweep, -1, FLT_MAX, 499);
}

// Where k changes, (k + 1/2) ln 2, and at k ln 2, where the rest is small.
static void test_seams(void **state)
{
    (void)state;
    for (int half = 1; half <= 254; half++)
        sweep_around(&sweep, (float)(-half * log(2) / 2));
}

static void test_exact_values(void **state)
{
    (void)state;
    const float x[] = {0, -0.0F, -0x1p-149F, -0x1p-30F, below, -100, -FLT_MAX, -INFINITY, NAN};
    static const float want[] = {1, 1, 1, 1, 0, 0, 0, 0, NAN};
    sweep_values(&sweep, x, want, sizeof(x) / sizeof(x[0]));
    float y;
    kernels_at(0)->exp(&least, 1, &y);
    assert_true(y >= FLT_MIN && exp((double)below) < (double)FLT_MIN);
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
