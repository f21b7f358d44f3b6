#include "model/train/loss.h"

#include "model/train/loss_list.h"
#include "model/train/loss_sigmoid.h"

#include <assert.h>
#include <math.h>

double loss_log_sigmoid(double s)
{
    return fmin(s, 0) - log1p(exp(-fabs(s)));
}

double loss_point_ce(double logit, double label)
{
    return fmax(logit, 0) - logit * label + log1p(exp(-fabs(logit)));
}

// p - y, written so that nothing cancels where p is next to y.
double loss_point_ce_grad(double logit, double label)
{
    return (1 - label) * loss_sigmoid(logit) - label * loss_sigmoid(-logit);
}

double loss_log_add(double a, double b)
{
    return fmax(a, b) + log1p(exp(-fabs(a - b)));
}

// PointCE of one document with its gradients towards the main and the shallow tower.
struct click_loss {
    double loss, main, shallow;
};

// p = a b with a = sigma(u) of the shallow tower, b = sigma(v) of the main one.
static struct click_loss click_product(double v, double u, double y)
{
    double log_a = loss_log_sigmoid(u), log_b = loss_log_sigmoid(v);
    double log_no_a = loss_log_sigmoid(-u), log_no_b = loss_log_sigmoid(-v);
    // 1 - ab = (1 - a) + a (1 - b)
    double log_none = loss_log_add(log_no_a, log_a + log_no_b);
    double odds = log_a + log_b - log_none;
    return (struct click_loss){
        .loss = -y * (log_a + log_b) - (1 - y) * log_none,
        .main = (1 - y) * exp(log_no_b + odds) - y * loss_sigmoid(-v),
        .shallow = (1 - y) * exp(log_no_a + odds) - y * loss_sigmoid(-u),
    };
}

static struct click_loss click_of(enum loss_join join, const struct loss_batch *batch, uint64_t i)
{
    double s = (double)batch->student[i], y = (double)batch->label[i];
    if (join == LOSS_JOIN_NONE)
        return (struct click_loss){loss_point_ce(s, y), loss_point_ce_grad(s, y), 0};
    double shallow = (double)batch->shallow[i];
    if (join == LOSS_JOIN_PRODUCT)
        return click_product(s, shallow, y);
    double keep = batch->keep == NULL ? 1 : (double)batch->keep[i];
    double sum = s + keep * shallow, slope = loss_point_ce_grad(sum, y);
    return (struct click_loss){loss_point_ce(sum, y), slope, keep * slope};
}

static struct loss_list list_at(const struct loss_batch *batch, uint64_t begin, size_t n)
{
    return (struct loss_list){
        .student = batch->student + begin,
        .teacher = batch->teacher == NULL ? NULL : batch->teacher + begin,
        .label = batch->label + begin,
        .tie = batch->tie == NULL ? NULL : batch->tie + begin,
        .n = n,
        .log_mass = batch->log_mass,
    };
}

double loss_list(const struct loss_config *config, const struct loss_batch *list, size_t n,
                 struct loss_scratch *scratch, double *grad, double *ret_kl)
{
    assert(n >= 1 && config->kd != LOSS_KD_NONE);
    struct loss_list whole = list_at(list, 0, n);
    double scale = config->kd == LOSS_KD_POINTWISE ? 1 / (double)n : 1;
    double loss = loss_list_of(config->kd)(config, &whole, scratch, grad, ret_kl);
    for (size_t i = 0; i < n; i++)
        grad[i] *= scale;
    *ret_kl *= scale;
    return scale * loss;
}

static bool all_finite(const float *x, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; x != NULL && i < end; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

// What one document's click loss and one list's distillation loss count in the minibatch.
struct scales {
    double ce, kd;
};

static struct scales scales_of(const struct loss_config *config, const struct loss_batch *batch)
{
    const uint64_t *offset = batch->offset;
    size_t counted = 0;
    for (size_t q = 0; q < batch->lists; q++)
        counted += offset[q + 1] > offset[q];
    const double by_list = 1 / (double)counted;
    const double by_sample = 1 / (double)(offset[batch->lists] - offset[0]);
    const double ce = config->reduce == LOSS_SAMPLE_MEAN ? by_sample : by_list;
    return (struct scales){ce, config->kd == LOSS_KD_POINTWISE ? ce : by_list};
}

enum status loss_minibatch(const struct loss_config *config, const struct loss_batch *batch,
                           struct loss_scratch *scratch, float *grad, float *grad_shallow,
                           struct loss_value *ret_value)
{
    const uint64_t *offset = batch->offset, end = offset[batch->lists];
    // RCR's targets are the clicks. Where L_d does not weigh, a teacher is for the report alone.
    const bool distil = config->kd == LOSS_KD_RCR || (config->kd != LOSS_KD_NONE && batch->teacher);
    const bool weighs = config->kd != LOSS_KD_NONE && config->kd_weight > 0;
    const double alpha = config->kd == LOSS_KD_NONE ? 1 : config->alpha;
    assert(alpha >= 0 && alpha <= 1 && (distil || !weighs));
    assert(config->join == LOSS_JOIN_NONE || (batch->shallow && grad_shallow && !distil));
    if (!all_finite(batch->student, offset[0], end) ||
        !all_finite(batch->shallow, offset[0], end) ||
        (distil && !all_finite(batch->teacher, offset[0], end)))
        return STATUS_NOT_FINITE;

    const struct scales scale = scales_of(config, batch);
    const loss_list_function list_loss = loss_list_of(config->kd);
    struct loss_value value = {0, 0, 0, 0};
    for (size_t q = 0; q < batch->lists; q++) {
        const uint64_t begin = offset[q], n = offset[q + 1] - begin;
        double kl = 0, *pull = scratch->second;
        if (n == 0)
            continue;
        if (distil) {
            struct loss_list list = list_at(batch, begin, (size_t)n);
            value.kd += scale.kd * list_loss(config, &list, scratch, pull, &kl);
            value.kl += scale.kd * kl;
        }
        for (uint64_t i = begin; i < begin + n; i++) {
            struct click_loss click = click_of(config->join, batch, i);
            value.point_ce += scale.ce * click.loss;
            double slope = alpha * scale.ce * click.main;
            if (weighs)
                slope += config->kd_weight * scale.kd * pull[i - begin];
            grad[i] = (float)slope;
            if (config->join != LOSS_JOIN_NONE)
                grad_shallow[i] = (float)(scale.ce * click.shallow);
        }
    }
    value.total = alpha * value.point_ce + (weighs ? config->kd_weight * value.kd : 0);
    *ret_value = value;
    return STATUS_OK;
}
