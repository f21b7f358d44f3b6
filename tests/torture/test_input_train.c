// The input that learns while memory runs out: making it, and the rows of a minibatch. Refused with
// words, nothing left behind, and with memory there again it learns.
#include "model/train/input_train.h"

#include "tests/support/check.h"
#include "tests/support/failmalloc.h"
#include "tests/support/input_case.h"

static const char features[] =
    "- {name: u, scope: user, kind: id, buckets: 4, dim: 3}\n"
    "- {name: h, scope: user, kind: id_list, table: i, max_len: 4, pool: din, target: i}\n"
    "- {name: i, scope: item, kind: id, buckets: 7, dim: 3}\n"
    "- {name: loo, scope: item, kind: id, source: loo_mean, of: i, dim: 2, privileged: true}\n";

static void learn(struct input_train *input, const struct input_case *test)
{
    assert_int_equal(input_train_forward(input, &test->batch, NULL), STATUS_OK);
    for (size_t i = 0; i < INPUT_CASE_ROWS * input->width; i++)
        input->grad[i] = (float)(i % 5) - 2;
    assert_true(input_train_backward(input) > 0);
}

// False: no allocation was left to fail.
static bool attempt(const struct input_case *test, const struct input_train_config *config,
                    struct team *team, unsigned long nth, enum failmalloc_mode mode)
{
    struct input_train input;
    struct diag diag = {0};
    failmalloc_arm(nth, mode);
    enum status code = input_train_init(&input, config, team, &diag);
    const bool made = code == STATUS_OK;
    if (made)
        code = input_train_forward(&input, &test->batch, &diag);
    const bool failed = failmalloc_disarm();
    if (failed ? code != STATUS_NO_MEMORY || diag.words[0] == '\0' : code != STATUS_OK)
        fail_msg("allocation %lu gave %s: %s", nth, status_label(code), diag.words);
    if (made)
        learn(&input, test);
    input_train_fini(&input);
    return failed;
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    struct input_case test;
    input_case_init(&test, features);
    const struct input_train_config config = {.schema = &test.schema,
                                              .kernels = kernels_at(0),
                                              .privileged = true,
                                              .attention = {1, {3}, DIN_DICE, true},
                                              .deviation = .1,
                                              .name = "input",
                                              .shards = 2,
                                              .max_rows = INPUT_CASE_ROWS,
                                              .max_lists = INPUT_CASE_LISTS,
                                              .seed = 1};
    struct team *team = team_start(1);
    assert_non_null(team);
    for (unsigned mode = 0; mode < 2; mode++) {
        unsigned long nth = 1;
        while (attempt(&test, &config, team, nth, mode == 0 ? FAILMALLOC_ONCE : FAILMALLOC_SINCE)) {
            nth++;
            assert_true(nth < 1000);
        }
        assert_true(nth > 20); // tables, DIN, x, and what a minibatch needs
    }
    team_stop(team);
    input_case_fini(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
