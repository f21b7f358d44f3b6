// train.json: some training steps of Base and CLID students, each number of each step.
#include "model/train/adam.h"
#include "model/train/loss.h"
#include "tests/support/golden_tower.h"
#include "tests/support/losses.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct batch {
    size_t rows, lists;
    float *x, *label, *teacher; // (rows, input), (rows), (rows)
    uint64_t *offset;           // (lists + 1)
};

struct run {
    const struct golden_case *c;
    struct loss_config loss;
    struct adam_config adam_config;
    double lr;
    struct adam adam;
    struct team *team;
    struct net_train *net;
    float *logit, *grad; // (most rows)
};

static struct batch read_batch(const struct golden_case *c, const struct json_value *json)
{
    struct batch batch;
    size_t count;
    batch.x = golden_floats(c, golden_member(c, json, "x"), &count);
    batch.label = golden_floats(c, golden_member(c, json, "label"), &batch.rows);
    batch.teacher = golden_floats(c, golden_member(c, json, "teacher"), &batch.rows);
    const double *offsets = golden_doubles(c, golden_member(c, json, "offsets"), &count);
    batch.offset = golden_memory(c, count, sizeof(*batch.offset));
    for (size_t i = 0; i < count; i++)
        batch.offset[i] = (uint64_t)offsets[i];
    batch.lists = count - 1;
    return batch;
}

static void read_config(struct run *run)
{
    const struct golden_case *c = run->c;
    const struct json_value *config = golden_member(c, c->in, "config");
    double ratio = golden_number(c, config, "ratio");
    bool base = strcmp(golden_text(c, config, "method"), "base") == 0;
    if (!base)
        assert_string_equal(golden_text(c, config, "method"), "clid");
    bool list_sum = strcmp(golden_text(c, config, "reduce"), "list_sum") == 0;
    if (!list_sum)
        assert_string_equal(golden_text(c, config, "reduce"), "sample_mean");
    bool all = strcmp(golden_text(c, config, "l2_scope"), "all") == 0;
    if (!all)
        assert_string_equal(golden_text(c, config, "l2_scope"), "weights");
    run->loss = losses_config(base ? LOSS_KD_NONE : LOSS_KD_CLID, 1 / (1 + ratio),
                              list_sum ? LOSS_LIST_SUM : LOSS_SAMPLE_MEAN);
    run->lr = golden_number(c, config, "lr");
    run->adam_config =
        (struct adam_config){.beta1 = .9,
                             .beta2 = .999,
                             .epsilon = 1e-8,
                             .weight_decay = golden_number(c, config, "weight_decay"),
                             .decay_all = all,
                             .clip_norm = golden_number(c, config, "clip_norm")};
}

static void is_number(const struct golden_case *c, const struct json_value *map, const char *key,
                      double got)
{
    struct golden_want want = golden_want(c, GOLDEN_F32, map, key);
    golden_is_number(&want, got);
}

static void is_floats(const struct golden_case *c, const struct json_value *map, const char *key,
                      const float *got, size_t count)
{
    struct golden_want want = golden_want(c, GOLDEN_F32, map, key);
    golden_is_floats(&want, got, count);
}

static void check_step(struct run *run, const struct batch *batch, uint32_t step,
                       const struct json_value *expect)
{
    const struct golden_case *c = run->c;
    struct net_train *net = run->net;
    struct loss_value value;
    net_train_forward(net, batch->x, batch->rows, 0, step, run->logit);
    assert_int_equal(losses_minibatch(&run->loss, run->logit, batch->teacher, batch->label,
                                      batch->offset, batch->lists, run->grad, &value),
                     STATUS_OK);
    net_train_backward(net, run->grad);
    if (json_value_get(expect, "logits") != NULL) {
        is_floats(c, expect, "logits", run->logit, batch->rows);
        golden_tower_is_params(c, golden_member(c, expect, "grads"), net, net_train_grads(net));
    }
    double squares = adam_squares(net_train_params(net), net_train_grads(net), run->team);
    adam_step(&run->adam, &run->adam_config, run->lr, squares, net_train_params(net),
              net_train_values(net), net_train_grads(net), run->team);
    is_number(c, expect, "loss", value.total);
    is_number(c, expect, "point_ce", value.point_ce);
    if (run->loss.kd != LOSS_KD_NONE)
        is_number(c, expect, "kd", value.kd);
    is_number(c, expect, "grad_norm", sqrt(squares));
    golden_tower_is_params(c, golden_member(c, expect, "params"), net, net_train_values(net));
    golden_tower_is_stats(c, golden_member(c, expect, "running"), net);
}

static void check_train(const struct golden_case *c)
{
    struct run run = {.c = c, .team = team_start(2)};
    assert_non_null(run.team);
    read_config(&run);
    const struct json_value *batches = golden_member(c, c->in, "batches");
    const struct json_value *params = golden_member(c, c->in, "params");
    const struct json_value *steps = golden_member(c, c->expect, "steps");
    size_t count = json_value_size(batches), most = 4;
    struct batch *batch = golden_memory(c, count, sizeof(*batch));
    for (size_t i = 0; i < count; i++) {
        batch[i] = read_batch(c, json_value_at(batches, i));
        most = batch[i].rows > most ? batch[i].rows : most;
    }
    struct net_train_config config = golden_tower_config(c, params, true, most);
    assert_int_equal(net_train_new(&config, run.team, &run.net, NULL), STATUS_OK);
    golden_tower_set_params(c, params, run.net);
    golden_tower_set_stats(c, golden_member(c, c->in, "running"), run.net);
    size_t floats = net_train_params(run.net)->floats;
    run.adam.m = golden_memory(c, floats, sizeof(float));
    run.adam.v = golden_memory(c, floats, sizeof(float));
    run.logit = golden_memory(c, most, sizeof(float));
    run.grad = golden_memory(c, most, sizeof(float));

    assert_int_equal(golden_size(c, c->in, "steps"), json_value_size(steps));
    assert_true(count > 0);
    for (size_t k = 0; k < json_value_size(steps) && count > 0; k++)
        check_step(&run, &batch[k % count], (uint32_t)k, json_value_at(steps, k));

    const float *probe = golden_floats(c, golden_member(c, c->in, "probe"), &count);
    size_t rows = count / config.input;
    float *logit = golden_memory(c, rows, sizeof(*logit));
    net_train_evaluate(run.net, probe, rows, logit);
    is_floats(c, c->expect, "probe_logit", logit, rows);
    net_train_free(run.net);
    team_stop(run.team);
}

int main(void)
{
    static const struct golden_op ops[] = {{"train", check_train, NULL}};
    return golden_run("train.json", ops, sizeof(ops) / sizeof(ops[0]));
}
