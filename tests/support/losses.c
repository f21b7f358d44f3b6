#include "tests/support/losses.h"

#include <assert.h>
#include <stdlib.h>

struct loss_config losses_config(enum loss_kd kd, double alpha, enum loss_reduce reduce)
{
    return (struct loss_config){.kd = kd,
                                .alpha = alpha,
                                .kd_weight = 1 - alpha,
                                .reduce = reduce,
                                .tau = 1,
                                .rcr_norm = true};
}

static struct loss_scratch losses_scratch(size_t n)
{
    struct loss_scratch scratch = {calloc(n + 1, sizeof(uint32_t)), calloc(n + 1, sizeof(double)),
                                   calloc(n + 1, sizeof(double))};
    assert(scratch.order != NULL && scratch.first != NULL && scratch.second != NULL);
    return scratch;
}

static void losses_release(struct loss_scratch *scratch)
{
    free(scratch->order);
    free(scratch->first);
    free(scratch->second);
}

double losses_list(const struct loss_config *config, const struct loss_batch *list, size_t n,
                   double *grad, double *ret_kl)
{
    struct loss_scratch scratch = losses_scratch(n);
    double loss = loss_list(config, list, n, &scratch, grad, ret_kl);
    losses_release(&scratch);
    return loss;
}

double losses_clid(const float *student, const float *teacher, size_t n, double *grad,
                   double *ret_kl)
{
    const struct loss_config config = losses_config(LOSS_KD_CLID, 0, LOSS_SAMPLE_MEAN);
    const struct loss_batch list = {.student = student, .teacher = teacher};
    return losses_list(&config, &list, n, grad, ret_kl);
}

enum status losses_minibatch(const struct loss_config *config, const float *student,
                             const float *teacher, const float *label, const uint64_t *offset,
                             size_t lists, float *grad, struct loss_value *ret_value)
{
    const struct loss_batch batch = {
        .offset = offset, .lists = lists, .label = label, .student = student, .teacher = teacher};
    struct loss_scratch scratch = losses_scratch((size_t)offset[lists]);
    enum status code = loss_minibatch(config, &batch, &scratch, grad, NULL, ret_value);
    losses_release(&scratch);
    return code;
}
