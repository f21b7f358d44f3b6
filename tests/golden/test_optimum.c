// Where the losses have their minimum: at the truth, or not (T2 to T6 and the table of
// spec/algorithm.md 3.5; 3.6). Logits are rounded to float here, so the tolerances of float32 hold.
#include "tests/support/golden_loss.h"
#include "tests/support/minimum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8 }; // documents of a list here

static double logit_of(double p)
{
    return log(p) - log1p(-p);
}

static double sigmoid(double s)
{
    return s >= 0 ? 1 / (1 + exp(-s)) : exp(s) / (1 + exp(s));
}

// Logits of c * p.
static float *logits_of(const struct golden_case *c, double scale, size_t *ret_n)
{
    const double *p = golden_doubles(c, golden_member(c, c->in, "p"), ret_n);
    float *logit = golden_memory(c, *ret_n, sizeof(*logit));
    for (size_t i = 0; i < *ret_n; i++)
        logit[i] = (float)logit_of(scale * p[i]);
    return logit;
}

static double list_loss(const struct golden_loss *loss, const float *student, const float *teacher,
                        const float *label, size_t n, double *grad, double *ret_kl)
{
    const struct loss_batch list = {
        .student = student, .teacher = teacher, .label = label, .log_mass = loss->log_mass};
    return losses_list(&loss->config, &list, n, grad, ret_kl);
}

// T2: what is compatible rests at the truth, the others do not.
static void check_gradient_at_truth(const struct golden_case *c)
{
    size_t n;
    const float *logit = logits_of(c, 1, &n);
    for (size_t k = 0; k < json_value_size(c->expect); k++) {
        const struct json_value *entry = json_value_at(c->expect, k);
        const struct golden_loss loss = golden_loss_of(c, entry);
        double *grad = golden_memory(c, n, sizeof(*grad)), kl, norm = 0;
        list_loss(&loss, logit, logit, NULL, n, grad, &kl);
        for (size_t i = 0; i < n; i++)
            norm += grad[i] * grad[i];
        norm = sqrt(norm);
        if (json_value_bool(golden_member(c, entry, "compatible")))
            assert_true(norm <= 1e-12);
        struct golden_want want = golden_want(c, GOLDEN_F32, entry, "grad");
        golden_is_doubles(&want, grad, n);
        want = golden_want(c, GOLDEN_F32, entry, "norm");
        golden_is_number(&want, norm);
    }
}

// alpha PointCE(p as soft labels) + (1 - alpha) L_d from a teacher that is the truth.
struct truth_objective {
    struct golden_loss loss;
    double alpha;
    const float *teacher;
    const double *p;
    size_t n;
};

static double truth_objective(void *context, const double *s, double *grad)
{
    const struct truth_objective *at = context;
    const double n = (double)at->n;
    float student[MOST];
    double pull[MOST], kl, value = 0;
    for (size_t i = 0; i < at->n; i++)
        student[i] = (float)s[i];
    double kd = list_loss(&at->loss, student, at->teacher, NULL, at->n, pull, &kl);
    for (size_t i = 0; i < at->n; i++) {
        value += at->alpha * loss_point_ce(s[i], at->p[i]) / n;
        grad[i] = at->alpha * loss_point_ce_grad(s[i], at->p[i]) / n + (1 - at->alpha) * pull[i];
    }
    return value + (1 - at->alpha) * kd;
}

// The line a s + b whose sigma is nearest to p in cross-entropy.
struct line_objective {
    const double *s, *p;
    size_t n;
};

static double line_objective(void *context, const double *ab, double *grad)
{
    const struct line_objective *at = context;
    double value = 0;
    grad[0] = grad[1] = 0;
    for (size_t i = 0; i < at->n; i++) {
        double z = ab[0] * at->s[i] + ab[1], slope = loss_point_ce_grad(z, at->p[i]);
        value += loss_point_ce(z, at->p[i]);
        grad[0] += slope * at->s[i];
        grad[1] += slope;
    }
    return value;
}

// T3.
static void check_minimum_entry(const struct golden_case *c, const struct json_value *entry)
{
    struct truth_objective at = {.loss = golden_loss_of(c, entry),
                                 .alpha = 1 / (1 + golden_number(c, c->in, "ratio"))};
    at.p = golden_doubles(c, golden_member(c, c->in, "p"), &at.n);
    at.teacher = logits_of(c, 1, &at.n);
    assert_true(at.n <= MOST);
    double s[MOST], p[MOST], sum = 0, truth = 0, ab[2] = {1, 0};
    for (size_t i = 0; i < at.n; i++)
        s[i] = (double)at.teacher[i];
    double value = minimum_find(truth_objective, &at, s, at.n);
    for (size_t i = 0; i < at.n; i++) {
        p[i] = sigmoid(s[i]);
        sum += p[i];
        truth += at.p[i];
    }
    struct golden_want want = golden_want(c, GOLDEN_F32, entry, "p");
    golden_is_doubles(&want, p, at.n);
    want = golden_want(c, GOLDEN_F32, entry, "objective");
    golden_is_number(&want, value);
    want = golden_want(c, GOLDEN_F32, entry, "pcoc");
    golden_is_number(&want, sum / truth);
    struct line_objective line = {s, at.p, at.n};
    minimum_find(line_objective, &line, ab, 2);
    want = golden_want(c, GOLDEN_F32, entry, "slope");
    golden_is_number(&want, ab[0]);
    want = golden_want(c, GOLDEN_F32, entry, "intercept");
    golden_is_number(&want, ab[1]);
}

static void check_minimum(const struct golden_case *c)
{
    for (size_t k = 0; k < json_value_size(c->expect); k++)
        check_minimum_entry(c, json_value_at(c->expect, k));
}

// T4.
static void check_clid_scale(const struct golden_case *c)
{
    size_t n, scales;
    const double *scale = golden_doubles(c, golden_member(c, c->in, "c"), &scales);
    const float *teacher = logits_of(c, 1, &n);
    struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "loss");
    for (size_t k = 0; k < scales; k++) {
        double *grad = golden_memory(c, n, sizeof(*grad)), kl;
        golden_is_number(&want, losses_clid(logits_of(c, scale[k], &n), teacher, n, grad, &kl));
    }
}

static float *vector(const struct golden_case *c, const char *key, size_t *ret_n)
{
    const double *wide = golden_doubles(c, golden_member(c, c->in, key), ret_n);
    float *logit = golden_memory(c, *ret_n, sizeof(*logit));
    for (size_t i = 0; i < *ret_n; i++)
        logit[i] = (float)wide[i];
    return logit;
}

// T5.
static void check_gradient_sum(const struct golden_case *c)
{
    size_t n;
    const float *student = vector(c, "student", &n), *teacher = vector(c, "teacher", &n);
    for (size_t k = 0; k < json_value_size(c->expect); k++) {
        const struct json_value *entry = json_value_at(c->expect, k);
        const struct golden_loss loss = golden_loss_of(c, entry);
        double *grad = golden_memory(c, n, sizeof(*grad)), kl, sum = 0;
        list_loss(&loss, student, teacher, NULL, n, grad, &kl);
        for (size_t i = 0; i < n; i++)
            sum += grad[i];
        struct golden_want want = golden_want(c, GOLDEN_F32, entry, "sum");
        golden_is_number(&want, sum);
    }
}

// T6.
static void check_entropy_bound(const struct golden_case *c)
{
    size_t n;
    const float *student = vector(c, "student", &n), *teacher = vector(c, "teacher", &n);
    double *grad = golden_memory(c, n, sizeof(*grad)), kl;
    const double loss = losses_clid(student, teacher, n, grad, &kl);
    struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "loss");
    golden_is_number(&want, loss);
    want = golden_want(c, GOLDEN_F32, c->expect, "entropy");
    golden_is_number(&want, loss - kl);
    want = golden_want(c, GOLDEN_F32, c->expect, "kl");
    golden_is_number(&want, kl);
    assert_true(kl >= 0);
}

// A teacher that knows more: its logits are base + z, with z on nodes.
struct asymmetry {
    struct golden_loss loss;
    double alpha;
    const double *base, *node, *weight;
    size_t n, nodes;
    bool shared; // one z for the list; else two documents with one each
    const double *truth;
};

static double asymmetry_kd(const struct asymmetry *at, const float *student, double *grad)
{
    double value = 0;
    memset(grad, 0, at->n * sizeof(*grad));
    for (size_t a = 0; a < at->nodes; a++)
        for (size_t b = at->shared ? a : 0; b < (at->shared ? a + 1 : at->nodes); b++) {
            const float teacher[] = {(float)(at->base[0] + at->node[a]),
                                     (float)(at->base[1] + at->node[b])};
            double weight = at->weight[a] * (at->shared ? 1 : at->weight[b]), pull[2], kl;
            value += weight * list_loss(&at->loss, student, teacher, NULL, 2, pull, &kl);
            grad[0] += weight * pull[0];
            grad[1] += weight * pull[1];
        }
    return value;
}

static double asymmetry_objective(void *context, const double *s, double *grad)
{
    const struct asymmetry *at = context;
    const float student[] = {(float)s[0], (float)s[1]};
    double value = (1 - at->alpha) * asymmetry_kd(at, student, grad);
    for (size_t i = 0; i < 2; i++) {
        value += at->alpha * loss_point_ce(s[i], at->truth[i]) / 2;
        grad[i] =
            (1 - at->alpha) * grad[i] + at->alpha * loss_point_ce_grad(s[i], at->truth[i]) / 2;
    }
    return value;
}

static void check_asymmetry(const struct golden_case *c)
{
    struct asymmetry at = {.alpha = 1 / (1 + golden_number(c, c->in, "ratio"))};
    at.base = golden_doubles(c, golden_member(c, c->in, "base"), &at.n);
    at.node = golden_doubles(c, golden_member(c, c->in, "node"), &at.nodes);
    at.weight = golden_doubles(c, golden_member(c, c->in, "weight"), &at.nodes);
    at.shared = strcmp(golden_text(c, c->in, "coupling"), "shared") == 0;
    at.truth = golden_doubles(c, golden_member(c, c->expect, "truth"), &at.n);
    assert_int_equal(at.n, 2);
    const struct json_value *methods = golden_member(c, c->expect, "methods");
    for (size_t k = 0; k < json_value_size(methods); k++) {
        const struct json_value *entry = json_value_at(methods, k);
        at.loss = golden_loss_of(c, entry);
        double s[] = {logit_of(at.truth[0]), logit_of(at.truth[1])}, grad[2], p[2];
        const float start[] = {(float)s[0], (float)s[1]};
        asymmetry_kd(&at, start, grad);
        struct golden_want want = golden_want(c, GOLDEN_F32, entry, "grad_at_truth");
        golden_is_doubles(&want, grad, 2);
        minimum_find(asymmetry_objective, &at, s, 2);
        p[0] = sigmoid(s[0]);
        p[1] = sigmoid(s[1]);
        want = golden_want(c, GOLDEN_F32, entry, "p");
        golden_is_doubles(&want, p, 2);
    }
}

// RCR over all outcomes of independent clicks.
struct rcr {
    struct loss_config config;
    const double *p;
    size_t n;
};

static double rcr_objective(void *context, const double *s, double *grad)
{
    const struct rcr *at = context;
    const struct golden_loss loss = {at->config, 0};
    float student[MOST];
    double value = 0;
    for (size_t i = 0; i < at->n; i++) {
        student[i] = (float)s[i];
        grad[i] = 0;
    }
    for (unsigned outcome = 0; outcome < 1U << at->n; outcome++) {
        float label[MOST];
        double weight = 1, pull[MOST], kl;
        for (size_t i = 0; i < at->n; i++) {
            bool click = (outcome >> i & 1) != 0;
            label[i] = click ? 1 : 0;
            weight *= click ? at->p[i] : 1 - at->p[i];
        }
        value += weight * list_loss(&loss, student, NULL, label, at->n, pull, &kl);
        for (size_t i = 0; i < at->n; i++)
            grad[i] += weight * pull[i];
    }
    return value;
}

static void check_rcr_asks(const struct golden_case *c)
{
    struct rcr at = {.config = losses_config(LOSS_KD_RCR, 0, LOSS_SAMPLE_MEAN)};
    at.p = golden_doubles(c, golden_member(c, c->in, "p"), &at.n);
    assert_true(at.n <= MOST);
    for (int norm = 0; norm < 2; norm++) {
        double s[MOST], share[MOST], sum = 0;
        at.config.rcr_norm = norm != 0;
        for (size_t i = 0; i < at.n; i++)
            s[i] = logit_of(at.p[i]);
        minimum_find(rcr_objective, &at, s, at.n);
        for (size_t i = 0; i < at.n; i++)
            sum += sigmoid(s[i]);
        for (size_t i = 0; i < at.n; i++)
            share[i] = sigmoid(s[i]) / sum;
        struct golden_want want =
            golden_want(c, GOLDEN_F32, c->expect, norm ? "share_norm" : "share_no_norm");
        golden_is_doubles(&want, share, at.n);
    }
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"gradient_at_truth", check_gradient_at_truth, NULL},
        {"minimum", check_minimum, NULL},
        {"clid_scale", check_clid_scale, NULL},
        {"gradient_sum", check_gradient_sum, NULL},
        {"entropy_bound", check_entropy_bound, NULL},
        {"asymmetry", check_asymmetry, NULL},
        {"rcr_asks", check_rcr_asks, NULL},
    };
    return golden_run("optimum.json", ops, sizeof(ops) / sizeof(ops[0]));
}
