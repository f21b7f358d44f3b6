// Files of one number a line, and errors against the truth by hand.
#include "base/file.h"
#include "model/train/truth.h"
#include "tests/support/near.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char path[128];

static enum status read(const char *text, size_t docs, double **ret_truth, struct diag *diag)
{
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), STATUS_OK);
    memset(diag, 0, sizeof(*diag));
    return truth_read(path, docs, ret_truth, diag);
}

static void reads_what_fits(void **state)
{
    (void)state;
    double *truth;
    struct diag diag;
    assert_int_equal(read(".5\n1e-3\n0.999", 3, &truth, &diag), STATUS_OK);
    near_is(truth[0], .5, 0);
    near_is(truth[1], .001, 0);
    near_is(truth[2], .999, 0);
    free(truth);
}

static void refuses_with_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
    } cases[] = {{".5\n0\n.5\n", 2},   {".5\n1\n.5\n", 2},      {".5\n\n.5\n", 2},
                 {".5\nnan\n.5\n", 2}, {"x\n.5\n.5\n", 1},      {".5 \n.5\n.5\n", 1},
                 {".5\n.5\n", 2},      {".5\n.5\n.5\n.5\n", 4}, {"", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double *truth;
        struct diag diag;
        assert_int_equal(read(cases[i].text, 3, &truth, &diag), STATUS_INVALID);
        assert_int_equal(diag.line, cases[i].line);
    }
    double *truth;
    assert_int_equal(truth_read("/nonexistent/truth", 3, &truth, NULL), STATUS_NOT_FOUND);
}

static void measures_by_hand(void **state)
{
    (void)state;
    const double p[] = {.5, .25}, truth[] = {.25, .25};
    struct truth_error error;
    assert_int_equal(truth_measure(p, truth, 2, &error), STATUS_OK);
    near_is(error.rms, .25 / sqrt(2), 1e-15);
    near_is(error.bias, .125, 1e-15);
    near_is(error.kl, (.25 * log(.5) + .75 * log(1.5)) / 2, 1e-15);
    assert_int_equal(truth_measure(truth, truth, 2, &error), STATUS_OK);
    near_is(fabs(error.rms) + fabs(error.bias) + fabs(error.kl), 0, 0);
}

int main(void)
{
    struct scratch scratch;
    scratch_make(&scratch);
    scratch_path(&scratch, "truth", path);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_fits),
        cmocka_unit_test(refuses_with_the_line),
        cmocka_unit_test(measures_by_hand),
    };
    int failures = cmocka_run_group_tests_name("truth", tests, NULL, NULL);
    scratch_remove(&scratch);
    return failures;
}
