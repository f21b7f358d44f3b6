#include "model/train/loss_list.h"

#include "model/train/loss_mass.h"
#include "model/train/loss_sigmoid.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

// ---- shares of a list against shares of a list ----

// log of what a logit is worth before it is divided by the list's total.
typedef double (*share_log)(double logit);

static double share_identity(double logit)
{
    return logit;
}

// The greatest term is found on the logits themselves, for both kinds of share rise with them.
static double share_total(share_log share, const float *logit, size_t n)
{
    float greatest = logit[0];
    for (size_t i = 1; i < n; i++)
        greatest = logit[i] > greatest ? logit[i] : greatest;
    double base = share((double)greatest), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(share((double)logit[i]) - base);
    return base + log(sum);
}

// Cross-entropy of the student's shares against the teacher's; `slope` is d share / d logit.
static double share_loss(share_log target_share, share_log model_share,
                         const struct loss_list *list, double *grad, double *ret_kl)
{
    const double target_total = share_total(target_share, list->teacher, list->n);
    const double model_total = share_total(model_share, list->student, list->n);
    double loss = 0, kl = 0;
    for (size_t i = 0; i < list->n; i++) {
        double log_model = model_share((double)list->student[i]) - model_total;
        double log_target = target_share((double)list->teacher[i]) - target_total;
        double target = exp(log_target);
        loss -= target * log_model;
        kl += target * (log_target - log_model);
        grad[i] = exp(log_model) - target;
    }
    *ret_kl = kl;
    return loss;
}

// d log sigma(s) / d s = sigma(-s)
static void share_through_sigmoid(const struct loss_list *list, double *grad)
{
    for (size_t i = 0; i < list->n; i++)
        grad[i] *= loss_sigmoid(-(double)list->student[i]);
}

static double listnet(const struct loss_config *config, const struct loss_list *list,
                      struct loss_scratch *scratch, double *grad, double *ret_kl)
{
    (void)config, (void)scratch;
    return share_loss(loss_log_sigmoid, share_identity, list, grad, ret_kl);
}

static double listnet_logit(const struct loss_config *config, const struct loss_list *list,
                            struct loss_scratch *scratch, double *grad, double *ret_kl)
{
    (void)config, (void)scratch;
    return share_loss(share_identity, share_identity, list, grad, ret_kl);
}

static double clid(const struct loss_config *config, const struct loss_list *list,
                   struct loss_scratch *scratch, double *grad, double *ret_kl)
{
    (void)config, (void)scratch;
    double loss = share_loss(loss_log_sigmoid, loss_log_sigmoid, list, grad, ret_kl);
    share_through_sigmoid(list, grad);
    return loss;
}

static double clid_mass(const struct loss_config *config, const struct loss_list *list,
                        struct loss_scratch *scratch, double *grad, double *ret_kl)
{
    double loss = clid(config, list, scratch, grad, ret_kl);
    double weight = exp(loss_mass_log(list->teacher, list->n) - list->log_mass);
    for (size_t i = 0; i < list->n; i++)
        grad[i] *= weight;
    *ret_kl *= weight;
    return weight * loss;
}

// The clicks' shares in the place of a teacher's.
static double rcr(const struct loss_config *config, const struct loss_list *list,
                  struct loss_scratch *scratch, double *grad, double *ret_kl)
{
    (void)scratch;
    double clicks = 0, loss = 0, kl = 0;
    for (size_t i = 0; i < list->n; i++)
        clicks += (double)list->label[i];
    const double weight = config->rcr_norm && clicks > 0 ? 1 / clicks : 1;
    const double total = share_total(loss_log_sigmoid, list->student, list->n);
    for (size_t i = 0; i < list->n; i++) {
        double y = (double)list->label[i];
        double log_model = loss_log_sigmoid((double)list->student[i]) - total;
        loss -= weight * y * log_model;
        kl += y > 0 ? weight * y * (log(y / clicks) - log_model) : 0;
        grad[i] = weight * (clicks * exp(log_model) - y);
    }
    share_through_sigmoid(list, grad);
    *ret_kl = kl;
    return loss;
}

// ---- each document by itself ----

static double pointwise(const struct loss_config *config, const struct loss_list *list,
                        struct loss_scratch *scratch, double *grad, double *ret_kl)
{
    (void)scratch;
    const double tau = config->tau, scale = config->tau2_scale ? tau * tau : 1;
    double loss = 0, kl = 0;
    for (size_t i = 0; i < list->n; i++) {
        double s = (double)list->student[i] / tau, t = (double)list->teacher[i] / tau;
        double click = loss_sigmoid(t), none = loss_sigmoid(-t);
        double log_click = loss_log_sigmoid(s), log_none = loss_log_sigmoid(-s);
        loss -= click * log_click + none * log_none;
        kl += click * (loss_log_sigmoid(t) - log_click) + none * (loss_log_sigmoid(-t) - log_none);
        // sigma(s) - sigma(t), written so that nothing cancels where both are next to 1.
        grad[i] = scale * (none * loss_sigmoid(s) - click * loss_sigmoid(-s)) / tau;
    }
    *ret_kl = scale * kl;
    return scale * loss;
}

// ---- the teacher's order ----

static int order_compare(const void *a, const void *b, void *context)
{
    const struct loss_list *list = context;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    if (list->teacher[i] < list->teacher[j] || list->teacher[i] > list->teacher[j])
        return list->teacher[i] > list->teacher[j] ? -1 : 1;
    if (list->tie != NULL && list->tie[i] != list->tie[j])
        return list->tie[i] < list->tie[j] ? -1 : 1;
    return (i > j) - (i < j);
}

// A_k, the log-sum of what stands at place k or behind it, runs from the tail. The gradient at
// place k is -1 + sum_{i <= k} exp(s_k - A_i), and as the A_i fall that sum is exp(s_k - A_k)
// weight_k, whose weight, at most the place, runs from the head. So nothing overflows, whatever the
// logits.
static double listmle(const struct loss_config *config, const struct loss_list *list,
                      struct loss_scratch *scratch, double *grad, double *ret_kl)
{
    (void)config;
    const size_t n = list->n;
    uint32_t *order = scratch->order;
    double *tail = scratch->first, loss = 0;
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
        grad[i] = 0;
    }
    qsort_r(order, n, sizeof(*order), order_compare, (void *)(uintptr_t)list);
    *ret_kl = 0;
    // A teacher that cannot tell any two apart has no order to teach.
    if (!(list->teacher[order[0]] > list->teacher[order[n - 1]]))
        return 0;
    for (size_t k = n; k-- > 0;) {
        double s = (double)list->student[order[k]];
        tail[k] = k + 1 == n ? s : loss_log_add(tail[k + 1], s);
        loss += tail[k] - s;
    }
    double weight = 1;
    for (size_t k = 0; k < n; k++) {
        if (k > 0)
            weight = 1 + weight * exp(tail[k] - tail[k - 1]);
        grad[order[k]] = -1 + weight * exp((double)list->student[order[k]] - tail[k]);
    }
    *ret_kl = loss;
    return loss;
}

loss_list_function loss_list_of(enum loss_kd kd)
{
    static const loss_list_function functions[] = {
        [LOSS_KD_NONE] = NULL,           [LOSS_KD_POINTWISE] = pointwise,
        [LOSS_KD_LISTMLE] = listmle,     [LOSS_KD_LISTNET] = listnet,
        [LOSS_KD_CLID] = clid,           [LOSS_KD_LISTNET_LOGIT] = listnet_logit,
        [LOSS_KD_CLID_MASS] = clid_mass, [LOSS_KD_RCR] = rcr,
    };
    return functions[kd];
}
