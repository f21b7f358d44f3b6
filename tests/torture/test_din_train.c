// The DIN activation unit while memory runs out: every allocation of din_train_new and of
// din_train_reserve fails once, and from each on for good. Refused with words, nothing left behind
// (the sanitizer counts), and with memory there again the same unit learns.
#include "model/train/din_train.h"

#include "tests/support/check.h"
#include "tests/support/failmalloc.h"

static const struct din_train_config whole = {.dim = 3,
                                              .hidden_count = 2,
                                              .hidden = {7, 3},
                                              .activation = DIN_TRAIN_DICE,
                                              .softmax = true,
                                              .shards = 3,
                                              .seed = 1};
static const struct din_train_config bare = {
    .dim = 1, .hidden_count = 1, .hidden = {1}, .shards = 1, .seed = 1};

static const uint64_t row_offset[] = {0, 2, 5}, behaviour_offset[] = {0, 4, 6};

static enum status reserve(struct din_train *din, struct din_train_batch *batch, struct diag *diag)
{
    static float numbers[5 * 4 * 3];
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        numbers[i] = (float)(i % 7) - 3;
    *batch = (struct din_train_batch){2, row_offset, behaviour_offset, numbers, numbers, 3};
    return din_train_reserve(din, batch, diag);
}

static void use(struct din_train *din, const struct din_train_batch *batch)
{
    float u[5 * 3], grad_behaviour[6 * 3], grad_target[5 * 3];
    din_train_init(din);
    din_train_forward(din, batch, u, 3);
    din_train_backward(din, u, 3, grad_behaviour, grad_target);
    float sum = 0;
    for (size_t i = 0; i < din_train_params(din)->floats; i++)
        sum += din_train_grads(din)[i] < 0 ? -din_train_grads(din)[i] : din_train_grads(din)[i];
    assert_true(sum > 0);
}

static void is_refused(enum status code, const struct diag *diag, unsigned long nth)
{
    if (code != STATUS_NO_MEMORY || diag->words[0] == '\0')
        fail_msg("allocation %lu failing gave %s: %s", nth, status_label(code), diag->words);
}

static void torture_new(const struct din_train_config *config, struct team *team,
                        enum failmalloc_mode mode)
{
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct din_train *din = NULL;
        struct diag diag = {0};
        failmalloc_arm(++nth, mode);
        enum status code = din_train_new(config, team, &din, &diag);
        failed = failmalloc_disarm();
        if (failed) {
            is_refused(code, &diag, nth);
            assert_null(din);
        } else {
            assert_int_equal(code, STATUS_OK);
            din_train_free(din);
        }
        assert_true(nth < 1000);
    }
    assert_true(nth > 10); // parameters, statistics, gradients, sums: each of its own
}

static void torture_reserve(const struct din_train_config *config, struct team *team,
                            enum failmalloc_mode mode)
{
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct din_train *din;
        struct din_train_batch batch;
        struct diag diag = {0};
        assert_int_equal(din_train_new(config, team, &din, NULL), STATUS_OK);
        failmalloc_arm(++nth, mode);
        enum status code = reserve(din, &batch, &diag);
        failed = failmalloc_disarm();
        if (failed)
            is_refused(code, &diag, nth);
        assert_int_equal(reserve(din, &batch, NULL), STATUS_OK);
        use(din, &batch);
        din_train_free(din);
        assert_true(nth < 1000);
    }
    assert_int_equal(nth, 5); // lists, rows, behaviours, pairs, and one that did not fail
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    struct team *team = team_start(2);
    assert_non_null(team);
    for (int mode = 0; mode < 2; mode++) {
        torture_new(&whole, team, mode == 0 ? FAILMALLOC_ONCE : FAILMALLOC_SINCE);
        torture_new(&bare, team, mode == 0 ? FAILMALLOC_ONCE : FAILMALLOC_SINCE);
        torture_reserve(&whole, team, mode == 0 ? FAILMALLOC_ONCE : FAILMALLOC_SINCE);
        torture_reserve(&bare, team, mode == 0 ? FAILMALLOC_ONCE : FAILMALLOC_SINCE);
    }
    team_stop(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
