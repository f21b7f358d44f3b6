// Every loss, list by list and over minibatches, against the reference.
#include "tests/support/golden_loss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

static void check_distillation(const struct golden_case *c, const struct json_value *entry,
                               const struct list *list)
{
    const struct golden_loss loss = golden_loss_of(c, entry);
    const struct loss_batch batch = {.student = list->student,
                                     .teacher = list->teacher,
                                     .label = list->label,
                                     .log_mass = loss.log_mass};
    double *slope = golden_memory(c, list->n, sizeof(*slope)), kl;
    double got = losses_list(&loss.config, &batch, list->n, slope, &kl);
    struct golden_want value = want(c, entry, GOLDEN_F64, "loss");
    struct golden_want grad = want(c, entry, GOLDEN_F64, "grad");
    golden_is_number(&value, got);
    golden_is_doubles(&grad, slope, list->n);
    if (json_value_get(entry, "kl") == NULL)
        return;
    value = want(c, entry, GOLDEN_F64, "kl");
    golden_is_number(&value, kl);
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
        if (strcmp(golden_text(c, entry, "method"), "point_ce") == 0)
            check_point_ce(c, entry, &list);
        else
            check_distillation(c, entry, &list);
    }
}

static double alpha_of(const struct golden_case *c, const struct json_value *entry)
{
    return json_value_get(entry, "alpha") != NULL ? golden_number(c, entry, "alpha")
                                                  : 1 / (1 + golden_number(c, entry, "ratio"));
}

static void check_student_entry(const struct golden_case *c, const struct json_value *entry)
{
    size_t n, bounds;
    struct golden_loss loss = golden_loss_of(c, entry);
    struct loss_batch batch = {
        .student = golden_floats(c, golden_member(c, c->in, "student"), &n),
        .teacher = golden_floats(c, golden_member(c, c->in, "teacher"), &n),
        .label = golden_floats(c, golden_member(c, c->in, "label"), &n),
        .log_mass = loss.log_mass,
    };
    const double *numbers = golden_doubles(c, golden_member(c, c->in, "offsets"), &bounds);
    uint64_t *offset = golden_memory(c, bounds, sizeof(*offset));
    for (size_t i = 0; i < bounds; i++)
        offset[i] = (uint64_t)numbers[i];
    batch.offset = offset;
    batch.lists = bounds - 1;
    const char *reduce = golden_text(c, entry, "reduce");
    const bool list_sum = strcmp(reduce, "list_sum") == 0;
    assert_true(list_sum || strcmp(reduce, "sample_mean") == 0);
    loss.config.reduce = list_sum ? LOSS_LIST_SUM : LOSS_SAMPLE_MEAN;
    loss.config.alpha = alpha_of(c, entry);
    loss.config.kd_weight = 1 - loss.config.alpha;
    struct loss_scratch scratch = {golden_memory(c, n, sizeof(uint32_t)),
                                   golden_memory(c, n, sizeof(double)),
                                   golden_memory(c, n, sizeof(double))};
    struct loss_value value;
    float *slope = golden_memory(c, n, sizeof(*slope));
    assert_int_equal(loss_minibatch(&loss.config, &batch, &scratch, slope, NULL, &value),
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
    for (size_t i = 0; i < json_value_size(c->expect); i++)
        check_student_entry(c, json_value_at(c->expect, i));
}

// Two towers: PointCE through the join, as one list of all samples.
static void check_join(const struct golden_case *c, enum loss_join join, const char *second,
                       const char *second_grad)
{
    size_t n, others;
    struct loss_config config = losses_config(LOSS_KD_NONE, 1, LOSS_SAMPLE_MEAN);
    config.join = join;
    struct loss_batch batch = {
        .student = golden_floats(c, golden_member(c, c->in, "main"), &n),
        .shallow = golden_floats(c, golden_member(c, c->in, second), &others),
        .label = golden_floats(c, golden_member(c, c->in, "label"), &others),
        .lists = 1,
    };
    const uint64_t offset[] = {0, n};
    batch.offset = offset;
    if (join == LOSS_JOIN_ADD) {
        float *keep = golden_floats(c, golden_member(c, c->in, "keep"), &others);
        const bool rescale = json_value_bool(golden_member(c, c->in, "rescale"));
        for (size_t i = 0; rescale && i < n; i++)
            keep[i] = (float)((double)keep[i] / (1 - golden_number(c, c->in, "rate")));
        batch.keep = keep;
    }
    struct loss_scratch scratch = {golden_memory(c, n, sizeof(uint32_t)),
                                   golden_memory(c, n, sizeof(double)),
                                   golden_memory(c, n, sizeof(double))};
    struct loss_value value;
    float *grad = golden_memory(c, n, sizeof(*grad)), *shallow = golden_memory(c, n, sizeof(float));
    assert_int_equal(loss_minibatch(&config, &batch, &scratch, grad, shallow, &value), STATUS_OK);
    // A rate of one tenth makes a factor that no float holds: then everything is of float's grain.
    struct golden_want loss =
        want(c, c->expect, join == LOSS_JOIN_ADD ? GOLDEN_F32 : GOLDEN_F64, "loss");
    struct golden_want main_grad = want(c, c->expect, GOLDEN_F32, "grad_main");
    struct golden_want other_grad = want(c, c->expect, GOLDEN_F32, second_grad);
    golden_is_number(&loss, value.total);
    golden_is_floats(&main_grad, grad, n);
    golden_is_floats(&other_grad, shallow, n);
}

static void check_pal(const struct golden_case *c)
{
    check_join(c, LOSS_JOIN_PRODUCT, "shallow", "grad_shallow");
}

static void check_pridropout(const struct golden_case *c)
{
    check_join(c, LOSS_JOIN_ADD, "private", "grad_private");
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"list_losses", check_list_losses, NULL},
        {"student_loss", check_student_loss, NULL},
        {"pal", check_pal, NULL},
        {"pridropout", check_pridropout, NULL},
    };
    return golden_run("losses.json", ops, sizeof(ops) / sizeof(ops[0]));
}
