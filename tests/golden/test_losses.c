// PointCE and CLID, list by list and over minibatches, against the reference.
#include "model/train/loss.h"
#include "tests/support/golden.h"
#include "tests/support/losses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool not_yet(const struct golden_case *c, const char *method)
{
    static const char *const later[] = {"pointwise", "listnet",   "listnet_logit",
                                        "listmle",   "clid_mass", "rcr"};
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (strcmp(method, later[i]) != 0)
            continue;
        char what[64];
        snprintf(what, sizeof(what), "%s of %s: not built yet", method, c->op);
        golden_not_yet(c, what);
        return true;
    }
    return false;
}

static struct golden_want want(const struct golden_case *c, const struct json_value *entry,
                               enum golden_precision precision, const char *key)
{
    struct golden_want want = golden_want(c, precision, entry, key);
    if (json_value_get(entry, "class") != NULL)
        want.tolerance_class = golden_text(c, entry, "class");
    return want;
}

struct list {
    const float *student, *teacher, *label;
    size_t n;
};

static void check_point_ce(const struct golden_case *c, const struct json_value *entry,
                           const struct list *list)
{
    double *slope = golden_memory(c, list->n, sizeof(*slope)), mean = 0;
    for (size_t i = 0; i < list->n; i++) {
        double s = (double)list->student[i], y = (double)list->label[i];
        mean += loss_point_ce(s, y) / (double)list->n;
        slope[i] = loss_point_ce_grad(s, y) / (double)list->n;
    }
    struct golden_want loss = want(c, entry, GOLDEN_F64, "loss");
    struct golden_want grad = want(c, entry, GOLDEN_F64, "grad");
    golden_is_number(&loss, mean);
    golden_is_doubles(&grad, slope, list->n);

    // The same through the door of the trainer: one list, its gradient rounded to float.
    const struct loss_config config = losses_config(LOSS_KD_NONE, 1, LOSS_SAMPLE_MEAN);
    const uint64_t offset[] = {0, list->n};
    struct loss_value value;
    float *rounded = golden_memory(c, list->n, sizeof(*rounded));
    assert_int_equal(
        losses_minibatch(&config, list->student, NULL, list->label, offset, 1, rounded, &value),
        STATUS_OK);
    golden_is_number(&loss, value.point_ce);
    golden_is_number(&loss, value.total);
    grad.precision = GOLDEN_F32;
    golden_is_floats(&grad, rounded, list->n);
}

static void check_clid(const struct golden_case *c, const struct json_value *entry,
                       const struct list *list)
{
    double *slope = golden_memory(c, list->n, sizeof(*slope)), got_kl;
    double got = losses_clid(list->student, list->teacher, list->n, slope, &got_kl);
    struct golden_want loss = want(c, entry, GOLDEN_F64, "loss");
    struct golden_want kl = want(c, entry, GOLDEN_F64, "kl");
    struct golden_want grad = want(c, entry, GOLDEN_F64, "grad");
    golden_is_number(&loss, got);
    golden_is_number(&kl, got_kl);
    golden_is_doubles(&grad, slope, list->n);
}

static void check_list_losses(const struct golden_case *c)
{
    struct list list;
    size_t others;
    list.student = golden_floats(c, golden_member(c, c->in, "student"), &list.n);
    list.teacher = golden_floats(c, golden_member(c, c->in, "teacher"), &others);
    assert_int_equal(others, list.n);
    list.label = golden_floats(c, golden_member(c, c->in, "label"), &others);
    assert_int_equal(others, list.n);
    for (size_t i = 0; i < json_value_size(c->expect); i++) {
        const struct json_value *entry = json_value_at(c->expect, i);
        const char *method = golden_text(c, entry, "method");
        if (strcmp(method, "point_ce") == 0)
            check_point_ce(c, entry, &list);
        else if (strcmp(method, "clid") == 0)
            check_clid(c, entry, &list);
        else if (!not_yet(c, method))
            fail_msg("%s: no test for method '%s'", c->name, method);
    }
}

static void check_student_entry(const struct golden_case *c, const struct json_value *entry,
                                enum loss_kd kind)
{
    size_t n, others, bounds;
    const float *student = golden_floats(c, golden_member(c, c->in, "student"), &n);
    const float *teacher = golden_floats(c, golden_member(c, c->in, "teacher"), &others);
    const float *label = golden_floats(c, golden_member(c, c->in, "label"), &others);
    const double *numbers = golden_doubles(c, golden_member(c, c->in, "offsets"), &bounds);
    uint64_t *offset = golden_memory(c, bounds, sizeof(*offset));
    for (size_t i = 0; i < bounds; i++)
        offset[i] = (uint64_t)numbers[i];
    const char *reduce = golden_text(c, entry, "reduce");
    const bool list_sum = strcmp(reduce, "list_sum") == 0;
    assert_true(list_sum || strcmp(reduce, "sample_mean") == 0);

    const double alpha = json_value_get(entry, "alpha") != NULL
                             ? golden_number(c, entry, "alpha")
                             : 1 / (1 + golden_number(c, entry, "ratio"));
    const struct loss_config config =
        losses_config(kind, alpha, list_sum ? LOSS_LIST_SUM : LOSS_SAMPLE_MEAN);
    struct loss_value value;
    float *slope = golden_memory(c, n, sizeof(*slope));
    assert_int_equal(
        losses_minibatch(&config, student, teacher, label, offset, bounds - 1, slope, &value),
        STATUS_OK);
    struct golden_want total = want(c, entry, GOLDEN_F64, "loss");
    struct golden_want point_ce = want(c, entry, GOLDEN_F64, "point_ce");
    struct golden_want kd = want(c, entry, GOLDEN_F64, "kd");
    struct golden_want grad = want(c, entry, GOLDEN_F32, "grad");
    golden_is_number(&total, value.total);
    golden_is_number(&point_ce, value.point_ce);
    golden_is_number(&kd, value.kd);
    golden_is_floats(&grad, slope, n);
}

static void check_student_loss(const struct golden_case *c)
{
    for (size_t i = 0; i < json_value_size(c->expect); i++) {
        const struct json_value *entry = json_value_at(c->expect, i);
        const char *method = golden_text(c, entry, "method");
        if (strcmp(method, "base") == 0)
            check_student_entry(c, entry, LOSS_KD_NONE);
        else if (strcmp(method, "clid") == 0)
            check_student_entry(c, entry, LOSS_KD_CLID);
        else if (!not_yet(c, method))
            fail_msg("%s: no test for method '%s'", c->name, method);
    }
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"list_losses", check_list_losses, NULL},
        {"student_loss", check_student_loss, NULL},
        {"pal", NULL, "two-tower baselines come with the issue of the paper's methods"},
        {"pridropout", NULL, "two-tower baselines come with the issue of the paper's methods"},
    };
    return golden_run("losses.json", ops, sizeof(ops) / sizeof(ops[0]));
}
