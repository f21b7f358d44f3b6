// Expected clicks of lists: against sums of p where those exist, and far below.
#include "model/train/loss_mass.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>

static double sigmoid(double s)
{
    return 1 / (1 + exp(-s));
}

static void test_log_of_one_list(void **state)
{
    (void)state;
    const float logit[] = {0, -2, 3.5F};
    near_is(loss_mass_log(logit, 3), log(.5 + sigmoid(-2) + sigmoid(3.5)), 1e-15);
    near_is(loss_mass_log(logit, 1), -log(2), 1e-15);
    const float low[] = {-1000, -1000, -1000};
    near_is(loss_mass_log(low, 3), -1000 + log(3), 1e-12);
    const float sure[] = {500, 600};
    near_is(loss_mass_log(sure, 2), log(2), 1e-15);
}

static void test_log_of_the_mean(void **state)
{
    (void)state;
    const float logit[] = {0, -2, 3.5F, -1, 2, -3};
    const uint64_t offset[] = {0, 2, 3, 6};
    const double z[] = {.5 + sigmoid(-2), sigmoid(3.5), sigmoid(-1) + sigmoid(2) + sigmoid(-3)};
    const uint32_t some[] = {2, 0}, one[] = {1};
    near_is(loss_mass_log_mean(logit, offset, NULL, 3), log((z[0] + z[1] + z[2]) / 3), 1e-15);
    near_is(loss_mass_log_mean(logit, offset, some, 2), log((z[2] + z[0]) / 2), 1e-15);
    near_is(loss_mass_log_mean(logit, offset, one, 1), log(z[1]), 1e-15);

    // Every p underflows; the mean of exp(-1000), exp(-1001) does not.
    const float low[] = {-1001, -1000};
    const uint64_t single[] = {0, 1, 2};
    near_is(loss_mass_log_mean(low, single, NULL, 2), -1000 + log((1 + exp(-1)) / 2), 1e-12);
}

static void test_running_mean(void **state)
{
    (void)state;
    near_is(loss_mass_follow(log(2), log(5)), log(.99 * 2 + .01 * 5), 1e-15);
    near_is(loss_mass_follow(-1000, -1000), -1000, 1e-12);
    near_is(loss_mass_follow(-3000, 0), log(.01), 1e-14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_of_one_list),
        cmocka_unit_test(test_log_of_the_mean),
        cmocka_unit_test(test_running_mean),
    };
    return cmocka_run_group_tests_name("loss_mass", tests, NULL, NULL);
}
