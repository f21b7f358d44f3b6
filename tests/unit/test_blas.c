// Expected values: products of small integers by a triple loop in double, exact in fp32.
#include "model/kernels/blas.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 5, IN = 3, OUT = 4, STRIDE = 7 };

struct operands {
    float x[N * STRIDE], w[OUT * STRIDE], g[N * STRIDE], result[N * STRIDE];
};

static struct operands operands_make(void)
{
    struct operands o;
    for (int i = 0; i < N * STRIDE; i++) {
        o.x[i] = (float)(i % 11 - 5);
        o.g[i] = (float)(i % 7 - 3);
        o.result[i] = NAN;
    }
    for (int i = 0; i < OUT * STRIDE; i++)
        o.w[i] = (float)(i % 13 - 6);
    return o;
}

// Behind each row of a result the stride leaves a gap that must stay as it was.
static void assert_gaps(const float *result, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = columns; j < STRIDE; j++)
            assert_true(isnan(result[i * STRIDE + j]));
}

static void test_forward(void **state)
{
    (void)state;
    struct operands o = operands_make();
    blas_forward(N, IN, OUT, o.x, STRIDE, o.w, STRIDE, o.result, STRIDE);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < OUT; j++) {
            double sum = 0;
            for (size_t k = 0; k < IN; k++)
                sum += (double)o.x[i * STRIDE + k] * (double)o.w[j * STRIDE + k];
            assert_true((double)o.result[i * STRIDE + j] == sum);
        }
    assert_gaps(o.result, N, OUT);
}

static void test_grad_input(void **state)
{
    (void)state;
    struct operands o = operands_make();
    blas_grad_input(N, IN, OUT, o.g, STRIDE, o.w, STRIDE, o.result, STRIDE);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < IN; k++) {
            double sum = 0;
            for (size_t j = 0; j < OUT; j++)
                sum += (double)o.g[i * STRIDE + j] * (double)o.w[j * STRIDE + k];
            assert_true((double)o.result[i * STRIDE + k] == sum);
        }
    assert_gaps(o.result, N, IN);
}

static void test_grad_weight(void **state)
{
    (void)state;
    struct operands o = operands_make();
    blas_grad_weight(N, IN, OUT, o.g, STRIDE, o.x, STRIDE, o.result, STRIDE);
    for (size_t j = 0; j < OUT; j++)
        for (size_t k = 0; k < IN; k++) {
            double sum = 0;
            for (size_t i = 0; i < N; i++)
                sum += (double)o.g[i * STRIDE + j] * (double)o.x[i * STRIDE + k];
            assert_true((double)o.result[j * STRIDE + k] == sum);
        }
    assert_gaps(o.result, OUT, IN);
}

static void test_empty(void **state)
{
    (void)state;
    struct operands o = operands_make();
    blas_forward(0, IN, OUT, o.x, STRIDE, o.w, STRIDE, o.result, STRIDE);
    blas_forward(N, IN, 0, o.x, IN, o.w, IN, o.result, 0);
    assert_gaps(o.result, N, 0);
    // No rows: the sum over them is 0, not what was there before.
    blas_grad_weight(0, IN, OUT, o.g, STRIDE, o.x, STRIDE, o.result, STRIDE);
    for (size_t j = 0; j < OUT; j++)
        for (size_t k = 0; k < IN; k++)
            assert_true(o.result[j * STRIDE + k] == 0.0F);
    assert_gaps(o.result, OUT, IN);
}

static void test_better_core(void **state)
{
    (void)state;
    assert_string_equal(blas_better_core("Zen", true, true), "SkylakeX");
    assert_string_equal(blas_better_core("Haswell", true, true), "SkylakeX");
    assert_string_equal(blas_better_core("Prescott", true, true), "SkylakeX");
    assert_string_equal(blas_better_core("Prescott", true, false), "Haswell");
    assert_null(blas_better_core("Zen", true, false));
    assert_null(blas_better_core("Prescott", false, false));
    assert_null(blas_better_core("SkylakeX", true, true));
    assert_null(blas_better_core("Cooperlake", true, true));
    assert_null(blas_better_core("a core of tomorrow", true, true));
}

static void test_names(void **state)
{
    (void)state;
    blas_setup();
    assert_true(strlen(blas_core_name()) > 0);
    assert_int_equal(strncmp(blas_version(), "OpenBLAS ", 9), 0);
}

// A user's choice stands, and a second start is never followed by a third.
static void test_restart_refrains(void **state)
{
    (void)state;
    char name[] = "ctr", *argv[] = {name, NULL};
    assert_int_equal(setenv("OPENBLAS_CORETYPE", "Haswell", 1), 0);
    assert_int_equal(blas_restart(argv, NULL), STATUS_OK);
    assert_int_equal(unsetenv("OPENBLAS_CORETYPE"), 0);
    assert_int_equal(setenv("CTR_BLAS_RESTARTED", "1", 1), 0);
    assert_int_equal(blas_restart(argv, NULL), STATUS_OK);
    assert_int_equal(unsetenv("CTR_BLAS_RESTARTED"), 0);
}

// This program started again with a mark as its argument: it must come up with kernels that cannot
// be bettered, and with the argument still there.
static int report_restart(char *argv[])
{
    if (blas_restart(argv, NULL) != STATUS_OK)
        return 1;
    return blas_better_core(blas_core_name(), __builtin_cpu_supports("avx2"),
                            __builtin_cpu_supports("avx512vl")) == NULL
               ? 42
               : 2;
}

static void test_restart(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char name[] = "test_blas", mark[] = "--restart", *argv[] = {name, mark, NULL};
        unsetenv("OPENBLAS_CORETYPE");
        unsetenv("CTR_BLAS_RESTARTED");
        execv("/proc/self/exe", argv);
        _exit(3);
    }
    int wait_status;
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    assert_true(WIFEXITED(wait_status));
    assert_int_equal(WEXITSTATUS(wait_status), 42);
}

int main(int argc, char *argv[])
{
    if (argc > 1 && strcmp(argv[1], "--restart") == 0)
        return report_restart(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),          cmocka_unit_test(test_grad_input),
        cmocka_unit_test(test_grad_weight),      cmocka_unit_test(test_empty),
        cmocka_unit_test(test_better_core),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_restart_refrains), cmocka_unit_test(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
