#include "model/train/loss.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

double loss_log_sigmoid(double s)
{
    return fmin(s, 0) - log1p(exp(-fabs(s)));
}

static double sigmoid(double s)
{
    double e = exp(-fabs(s));
    return s >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double loss_point_ce(double logit, double label)
{
    return fmax(logit, 0) - logit * label + log1p(exp(-fabs(logit)));
}

// p - y, written so that nothing cancels where p is next to y.
double loss_point_ce_grad(double logit, double label)
{
    return (1 - label) * sigmoid(logit) - label * sigmoid(-logit);
}

// log sum_j sigma(s_j). The greatest term is found on the logits themselves, for log sigma rises
// with its argument.
static double log_total(const float *logit, size_t n)
{
    float greatest = logit[0];
    for (size_t i = 1; i < n; i++)
        greatest = logit[i] > greatest ? logit[i] : greatest;
    double base = loss_log_sigmoid((double)greatest), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp(loss_log_sigmoid((double)logit[i]) - base);
    return base + log(sum);
}

// What a list's terms of CLID are made from, one document after another, without memory.
struct clid {
    double student_total, teacher_total; // log of the sum of p
    double loss, kl;                     // sums so far
};

static struct clid clid_begin(const float *student, const float *teacher, size_t n)
{
    return (struct clid){log_total(student, n), log_total(teacher, n), 0, 0};
}

static double clid_step(struct clid *clid, double student, double teacher)
{
    double log_model = loss_log_sigmoid(student) - clid->student_total;
    double log_target = loss_log_sigmoid(teacher) - clid->teacher_total;
    double target = exp(log_target);
    clid->loss -= target * log_model;
    clid->kl += target * (log_target - log_model);
    return sigmoid(-student) * (exp(log_model) - target);
}

double loss_clid(const float *student, const float *teacher, size_t n, double *grad, double *ret_kl)
{
    assert(n >= 1);
    struct clid clid = clid_begin(student, teacher, n);
    for (size_t i = 0; i < n; i++)
        grad[i] = clid_step(&clid, (double)student[i], (double)teacher[i]);
    *ret_kl = clid.kl;
    return clid.loss;
}

static bool all_finite(const float *x, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

enum status loss_minibatch(const struct loss_config *config, const float *student,
                           const float *teacher, const float *label, const uint64_t *offset,
                           size_t lists, float *grad, struct loss_value *ret_value)
{
    assert(config->alpha >= 0 && config->alpha <= 1);
    const double alpha = config->method == LOSS_BASE ? 1 : config->alpha;
    // At alpha = 1 the teacher is for the report alone: not even a zero of its may reach a
    // gradient.
    const bool distil = config->method != LOSS_BASE && teacher != NULL, weighs = alpha < 1;
    assert(distil || !weighs);
    if (!all_finite(student, offset[0], offset[lists]) ||
        (distil && !all_finite(teacher, offset[0], offset[lists])))
        return STATUS_NOT_FINITE;

    size_t counted = 0;
    for (size_t q = 0; q < lists; q++)
        counted += offset[q + 1] > offset[q];
    const uint64_t docs = offset[lists] - offset[0];
    const double ce_scale =
        1 / (config->reduce == LOSS_SAMPLE_MEAN ? (double)docs : (double)counted);
    const double kd_scale = 1 / (double)counted;

    struct loss_value value = {0, 0, 0, 0};
    for (size_t q = 0; q < lists; q++) {
        const uint64_t begin = offset[q], n = offset[q + 1] - begin;
        if (n == 0)
            continue;
        struct clid clid = {0, 0, 0, 0};
        if (distil)
            clid = clid_begin(student + begin, teacher + begin, n);
        for (uint64_t i = begin; i < begin + n; i++) {
            double s = (double)student[i], y = (double)label[i];
            value.point_ce += ce_scale * loss_point_ce(s, y);
            double slope = alpha * ce_scale * loss_point_ce_grad(s, y);
            const double pull = distil ? clid_step(&clid, s, (double)teacher[i]) : 0;
            if (weighs)
                slope += (1 - alpha) * kd_scale * pull;
            grad[i] = (float)slope;
        }
        value.kd += kd_scale * clid.loss;
        value.kl += kd_scale * clid.kl;
    }
    value.total = alpha * value.point_ce + (1 - alpha) * value.kd;
    *ret_value = value;
    return STATUS_OK;
}
