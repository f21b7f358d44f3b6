// A network to be trained while memory runs out: every allocation of net_train_new fails once, and
// from each on for good. Refused with words, nothing left behind (the sanitizer counts), and with
// memory there again the network learns.
#include "model/train/net_train.h"

#include "tests/support/check.h"
#include "tests/support/failmalloc.h"

// All that a network can have: batch norm in front and between, dropout in front and between, and
// gradients of several shards.
static const struct net_train_config whole = {.input = 5,
                                              .hidden_count = 2,
                                              .hidden = {7, 3},
                                              .input_bn = true,
                                              .hidden_bn = true,
                                              .dropout = 0.5,
                                              .dropout_input = true,
                                              .shards = 3,
                                              .max_rows = 8,
                                              .seed = 1};
// And the least: one linear layer.
static const struct net_train_config bare = {.input = 1, .shards = 1, .max_rows = 2, .seed = 1};

static void use(struct net_train *net, const struct net_train_config *config)
{
    float x[8 * 5], logit[8], slope[8];
    for (size_t i = 0; i < 8 * 5; i++)
        x[i] = (float)(i % 7) - 3;
    for (size_t i = 0; i < 8; i++)
        slope[i] = 0.5f;
    net_train_init(net, -1);
    net_train_forward(net, x, config->max_rows, 0, 0, logit);
    net_train_backward(net, slope);
    const float *grads = net_train_grads(net);
    float sum = 0;
    for (size_t i = 0; i < net_train_params(net)->floats; i++)
        sum += grads[i] < 0 ? -grads[i] : grads[i];
    assert_true(sum > 0);
}

static void torture(const struct net_train_config *config, enum failmalloc_mode mode)
{
    struct team *team = team_start(2);
    assert_non_null(team);
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct net_train *net = NULL;
        struct diag diag = {0};
        failmalloc_arm(++nth, mode);
        enum status code = net_train_new(config, team, &net, &diag);
        failed = failmalloc_disarm();
        if (!failed) {
            assert_int_equal(code, STATUS_OK);
            use(net, config);
            net_train_free(net);
        } else if (code != STATUS_NO_MEMORY || diag.words[0] == '\0' || net != NULL) {
            fail_msg("allocation %lu failing gave %s: %s", nth, status_label(code), diag.words);
        }
        assert_true(nth < 1000);
    }
    assert_true(nth > 10); // parameters, statistics, activations, gradients: each of its own
    team_stop(team);
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    torture(&whole, FAILMALLOC_ONCE);
    torture(&whole, FAILMALLOC_SINCE);
    torture(&bare, FAILMALLOC_ONCE);
    torture(&bare, FAILMALLOC_SINCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
