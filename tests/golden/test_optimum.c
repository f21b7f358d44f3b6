// The parts of the file that concern CLID alone. The file itself is claimed by the issue that
// brings the other distillation losses.
#include "model/train/loss.h"
#include "tests/support/golden.h"
#include "tests/support/losses.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Logits of c * p, rounded to float: so the tolerances of float32 hold.
static float *logits_of(const struct golden_case *c, double scale, size_t *ret_n)
{
    const double *p = golden_doubles(c, golden_member(c, c->in, "p"), ret_n);
    float *logit = golden_memory(c, *ret_n, sizeof(*logit));
    for (size_t i = 0; i < *ret_n; i++)
        logit[i] = (float)(log(scale * p[i]) - log1p(-scale * p[i]));
    return logit;
}

static const struct json_value *clid_entry(const struct golden_case *c)
{
    for (size_t i = 0; i < json_value_size(c->expect); i++) {
        const struct json_value *entry = json_value_at(c->expect, i);
        if (strcmp(golden_text(c, entry, "method"), "clid") == 0)
            return entry;
    }
    fail_msg("%s: no entry for clid", c->name);
    return NULL;
}

static void check_gradient_at_truth(const struct golden_case *c)
{
    size_t n;
    const float *logit = logits_of(c, 1, &n);
    double *grad = golden_memory(c, n, sizeof(*grad)), kl, norm = 0;
    losses_clid(logit, logit, n, grad, &kl);
    for (size_t i = 0; i < n; i++)
        norm += grad[i] * grad[i];
    assert_true(sqrt(norm) <= 1e-12);
    struct golden_want want = golden_want(c, GOLDEN_F64, clid_entry(c), "grad");
    golden_is_doubles(&want, grad, n);
}

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

// Vectors whose logits are decimals are rounded to float, hence f32.
static float *vector(const struct golden_case *c, const char *key, size_t *ret_n)
{
    const double *wide = golden_doubles(c, golden_member(c, c->in, key), ret_n);
    float *logit = golden_memory(c, *ret_n, sizeof(*logit));
    for (size_t i = 0; i < *ret_n; i++)
        logit[i] = (float)wide[i];
    return logit;
}

static void check_gradient_sum(const struct golden_case *c)
{
    size_t n;
    const float *student = vector(c, "student", &n), *teacher = vector(c, "teacher", &n);
    double *grad = golden_memory(c, n, sizeof(*grad)), kl, sum = 0;
    losses_clid(student, teacher, n, grad, &kl);
    for (size_t i = 0; i < n; i++)
        sum += grad[i];
    struct golden_want want = golden_want(c, GOLDEN_F32, clid_entry(c), "sum");
    golden_is_number(&want, sum);
}

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
}

int main(void)
{
    static const char later[] = "with the issue that adds the other distillation losses";
    static const struct golden_op ops[] = {
        {"gradient_at_truth", check_gradient_at_truth, NULL},
        {"clid_scale", check_clid_scale, NULL},
        {"gradient_sum", check_gradient_sum, NULL},
        {"entropy_bound", check_entropy_bound, NULL},
        {"minimum", NULL, later},
        {"asymmetry", NULL, later},
        {"rcr_asks", NULL, later},
    };
    return golden_run("optimum.json", ops, sizeof(ops) / sizeof(ops[0]));
}
