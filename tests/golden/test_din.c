// din.json: PReLU, Dice, and the DIN activation unit as the trainer uses it, on two threads:
// scores, weights, u, all gradients, running statistics, and from the folded numbers u in
// evaluation mode. Every row is a list of its own; padding, also inside a history, is left out
// before the unit sees it. Embeddings are gathered and scattered here.
#include "model/layer_dice.h"
#include "model/layer_prelu.h"
#include "model/train/din_train.h"
#include "tests/support/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void is_floats(const struct golden_case *c, const struct json_value *map, const char *key,
                      const float *got, size_t count)
{
    struct golden_want want = golden_want(c, GOLDEN_F32, map, key);
    golden_is_floats(&want, got, count);
}

static float *floats_of(const struct golden_case *c, const struct json_value *map, const char *key)
{
    size_t count;
    return golden_floats(c, golden_member(c, map, key), &count);
}

// ---- layers

static void check_prelu(const struct golden_case *c)
{
    size_t count, units;
    float *x = golden_floats(c, golden_member(c, c->in, "x"), &count);
    float *kappa = golden_floats(c, golden_member(c, c->in, "kappa"), &units);
    float *g = floats_of(c, c->in, "upstream"), *y = golden_memory(c, count, sizeof(*y));
    double *sum = golden_memory(c, units, sizeof(*sum));
    struct layer_prelu prelu = {units, kappa};
    layer_prelu_forward(&prelu, x, count / units, y);
    is_floats(c, c->expect, "y", y, count);
    layer_prelu_backward(&prelu, g, x, count / units, sum);
    is_floats(c, c->expect, "grad_x", g, count);
    struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "grad_kappa");
    golden_is_doubles(&want, sum, units);
}

static void check_dice_backward(const struct golden_case *c, const struct layer_dice *dice,
                                const float *x, size_t n)
{
    size_t units = dice->bn.units;
    float *g = floats_of(c, c->in, "upstream");
    double *sums = golden_memory(c, 3 * units, sizeof(*sums));
    float *means = golden_memory(c, 2 * units, sizeof(*means));
    layer_dice_backward_sum(dice, g, x, n,
                            &(struct layer_dice_sums){sums, sums + units, sums + 2 * units});
    for (size_t j = 0; j < 2 * units; j++)
        means[j] = (float)(sums[j] / (double)n);
    layer_dice_backward_input(dice, g, x, n, means, means + units);
    is_floats(c, c->expect, "grad_x", g, n * units);
    struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "grad_kappa");
    golden_is_doubles(&want, sums + 2 * units, units);
}

static void check_dice(const struct golden_case *c)
{
    size_t count, units;
    float *x = golden_floats(c, golden_member(c, c->in, "x"), &count);
    float *kappa = golden_floats(c, golden_member(c, c->in, "kappa"), &units);
    const struct json_value *given = golden_member(c, c->in, "running");
    const struct json_value *expect = golden_member(c, c->expect, "running");
    float *mean = floats_of(c, given, "mean"), *var = floats_of(c, given, "var");
    float *y = golden_memory(c, count, sizeof(*y));
    float *floats = golden_memory(c, 3 * units, sizeof(*floats));
    double *doubles = golden_memory(c, 2 * units, sizeof(*doubles));
    size_t n = count / units;
    struct layer_dice dice = {.bn = {.units = units,
                                     .mean = doubles,
                                     .var = doubles + units,
                                     .mean_high = floats,
                                     .mean_low = floats + units,
                                     .inverse = floats + 2 * units},
                              .kappa = kappa};
    for (size_t j = 0; j < units; j++) {
        dice.bn.mean[j] = (double)mean[j];
        dice.bn.var[j] = (double)var[j];
    }
    layer_dice_prepare(&dice);
    layer_dice_forward(&dice, x, n, y);
    is_floats(c, c->expect, "y_eval", y, count);

    layer_bn_forward_sum(&dice.bn, x, n, dice.bn.mean);
    for (size_t j = 0; j < units; j++)
        dice.bn.mean[j] /= (double)n;
    layer_bn_forward_centred(&dice.bn, x, n, dice.bn.var);
    for (size_t j = 0; j < units; j++)
        dice.bn.var[j] /= (double)n;
    layer_dice_prepare(&dice);
    layer_dice_forward(&dice, x, n, y);
    is_floats(c, c->expect, "y", y, count);
    layer_dice_running(&dice, n, mean, var);
    is_floats(c, expect, "mean", mean, units);
    is_floats(c, expect, "var", var, units);
    check_dice_backward(c, &dice, x, n);
}

// ---- a minibatch of the file

struct din_case {
    const struct golden_case *c;
    size_t rows, history, dim; // history: places of a row, padding included
    const float *places;       // (rows, history, dim)
    const bool *valid;         // (rows, history)
    float *behaviour, *target, *u, *g, *grad_behaviour, *grad_target;
    uint64_t *row_offset, *behaviour_offset;
    struct din_train_batch batch;
};

static void compact(struct din_case *d)
{
    const struct golden_case *c = d->c;
    size_t places = d->rows * d->history, used = 0;
    d->behaviour = golden_memory(c, places * d->dim, sizeof(float));
    d->grad_behaviour = golden_memory(c, places * d->dim, sizeof(float));
    d->grad_target = golden_memory(c, d->rows * d->dim, sizeof(float));
    d->u = golden_memory(c, d->rows * d->dim, sizeof(float));
    d->row_offset = golden_memory(c, d->rows + 1, sizeof(uint64_t));
    d->behaviour_offset = golden_memory(c, d->rows + 1, sizeof(uint64_t));
    for (size_t place = 0; place < places; place++) {
        if (d->valid[place])
            memcpy(d->behaviour + used++ * d->dim, d->places + place * d->dim,
                   d->dim * sizeof(float));
        d->row_offset[place / d->history + 1] = place / d->history + 1;
        d->behaviour_offset[place / d->history + 1] = used;
    }
    d->batch = (struct din_train_batch){.lists = d->rows,
                                        .row_offset = d->row_offset,
                                        .behaviour_offset = d->behaviour_offset,
                                        .behaviour = d->behaviour,
                                        .target = d->target,
                                        .target_stride = d->dim};
}

// Numbers of the behaviours that exist, (used, width), at their places; the others are 0.
static float *at_places(const struct din_case *d, const float *used, size_t width)
{
    float *places = golden_memory(d->c, d->rows * d->history * width, sizeof(*places));
    for (size_t place = 0; place < d->rows * d->history; place++)
        if (d->valid[place]) {
            memcpy(places + place * width, used, width * sizeof(*used));
            used += width;
        }
    return places;
}

// Numbers of the unit that are written from a tree of the file, or compared with it.
struct visit {
    const struct golden_case *c;
    const struct param_set *set;
    float *values;
    bool compare;
};

static void visit_tensor(const struct visit *visit, const struct json_value *map, const char *key,
                         const char *layer, const char *what)
{
    char name[PARAM_NAME];
    const struct param_view *view = NULL;
    size_t count;
    (void)snprintf(name, sizeof(name), "%s.%s", layer, what);
    for (size_t i = 0; i < visit->set->count; i++)
        if (strcmp(visit->set->views[i].name, name) == 0)
            view = &visit->set->views[i];
    if (view == NULL) {
        fail_msg("case '%s': the unit has no tensor %s", visit->c->name, name);
        return;
    }
    float *values = visit->values + view->offset;
    if (visit->compare) {
        struct golden_want want = golden_want(visit->c, GOLDEN_F32, map, key);
        want.field = name;
        golden_is_floats(&want, values, view->rows * view->columns);
        return;
    }
    const float *from = golden_floats(visit->c, golden_member(visit->c, map, key), &count);
    assert_int_equal(count, view->rows * view->columns);
    memcpy(values, from, count * sizeof(*from));
}

static void visit_layers(const struct visit *visit, const struct json_value *layers,
                         const char *const keys[][2], size_t keys_count)
{
    for (size_t k = 0; k < json_value_size(layers); k++)
        for (size_t i = 0; i < keys_count; i++) {
            char layer[PARAM_NAME];
            (void)snprintf(layer, sizeof(layer), "layer.%zu", k);
            visit_tensor(visit, json_value_at(layers, k), keys[i][0], layer, keys[i][1]);
        }
}

static void visit_params(const struct golden_case *c, const struct json_value *tree,
                         const struct din_train *din, float *values, bool compare)
{
    static const char *const keys[][2] = {{"W", "weight"}, {"b", "bias"}, {"kappa", "kappa"}};
    const struct visit visit = {c, din_train_params(din), values, compare};
    const struct json_value *layers = golden_member(c, tree, "layers");
    const struct json_value *out = golden_member(c, tree, "out");
    assert_int_equal(visit.set->count, 3 * json_value_size(layers) + 2);
    visit_layers(&visit, layers, keys, 3);
    visit_tensor(&visit, out, "W", "out", "weight");
    visit_tensor(&visit, out, "b", "out", "bias");
}

static void visit_stats(const struct golden_case *c, const struct json_value *tree,
                        struct din_train *din, bool compare)
{
    static const char *const keys[][2] = {{"mean", "mean"}, {"var", "var"}};
    const struct visit visit = {c, din_train_stats(din), din_train_stat_values(din), compare};
    assert_int_equal(visit.set->count, 2 * json_value_size(tree));
    visit_layers(&visit, tree, keys, 2);
}

static bool is_dice(const struct golden_case *c)
{
    return strcmp(golden_text(c, c->in, "activation"), "dice") == 0;
}

static struct din_train *make(const struct golden_case *c, size_t dim, struct team *team)
{
    const struct json_value *tree = golden_member(c, c->in, "params");
    const struct json_value *layers = golden_member(c, tree, "layers");
    struct din_train_config config = {
        .dim = dim,
        .hidden_count = json_value_size(layers),
        .activation = is_dice(c) ? DIN_TRAIN_DICE : DIN_TRAIN_PRELU,
        .softmax = json_value_bool(golden_member(c, c->in, "softmax")),
        .shards = 2,
    };
    assert_in_range(config.hidden_count, 1, DIN_TRAIN_MAX_LAYERS);
    for (size_t k = 0; k < config.hidden_count; k++)
        config.hidden[k] = json_value_size(golden_member(c, json_value_at(layers, k), "kappa"));
    struct din_train *din;
    assert_int_equal(din_train_new(&config, team, &din, NULL), STATUS_OK);
    visit_params(c, tree, din, din_train_values(din), false);
    return din;
}

// ---- evaluation mode, from the folded numbers in double

enum { WIDEST = 64 };

static double activate(const struct din_train_folded *f, size_t k, size_t j, double x)
{
    double kappa = (double)f->layers[k].kappa[j];
    if (f->activation == DIN_TRAIN_PRELU)
        return x > 0 ? x : kappa * x;
    double xhat = (x - (double)f->layers[k].mean[j]) / sqrt((double)f->layers[k].var[j] + 1e-9);
    return x * (kappa + (1 - kappa) / (1 + exp(-xhat)));
}

static double evaluate_pair(const struct din_train_folded *f, const float *e, const float *t)
{
    double x[WIDEST] = {0}, y[WIDEST] = {0};
    for (size_t k = 0; k < f->layer_count; k++) {
        assert_in_range(f->layers[k].out, 1, WIDEST);
        for (size_t i = 0; i < f->layers[k].out; i++) {
            y[i] = (double)f->layers[k].bias[i];
            for (size_t j = 0; k == 0 && j < f->dim; j++)
                y[i] += (double)f->a[i * f->dim + j] * (double)e[j] +
                        (double)f->b[i * f->dim + j] * (double)t[j] +
                        (double)f->c[i * f->dim + j] * (double)e[j] * (double)t[j];
            for (size_t j = 0; k > 0 && j < f->layers[k].in; j++)
                y[i] += (double)f->layers[k].weight[i * f->layers[k].in + j] * x[j];
            if (k + 1 < f->layer_count)
                y[i] = activate(f, k, i, y[i]);
        }
        memcpy(x, y, f->layers[k].out * sizeof(*y));
    }
    return x[0];
}

static void check_folded(const struct din_case *d, const struct din_train_folded *f,
                         const char *field)
{
    double *u = golden_memory(d->c, d->rows * d->dim, sizeof(*u));
    for (size_t row = 0; row < d->rows; row++) {
        size_t begin = d->behaviour_offset[row], end = d->behaviour_offset[row + 1];
        double sum = 0;
        for (size_t b = begin; b < end; b++) {
            const float *e = d->behaviour + b * d->dim;
            double score = evaluate_pair(f, e, d->target + row * d->dim);
            double weight = f->softmax ? exp(score) : score;
            sum += weight;
            for (size_t j = 0; j < d->dim; j++)
                u[row * d->dim + j] += weight * (double)e[j];
        }
        for (size_t j = 0; f->softmax && begin < end && j < d->dim; j++)
            u[row * d->dim + j] /= sum;
    }
    struct golden_want want = golden_want(d->c, GOLDEN_F32, d->c->expect, field);
    golden_is_doubles(&want, u, d->rows * d->dim);
}

// ---- operations

static void run(struct din_case *d, struct din_train *din)
{
    const struct golden_case *c = d->c;
    compact(d);
    struct din_train_folded folded;
    assert_int_equal(din_train_fold(din, &folded, NULL), STATUS_OK);
    check_folded(d, &folded, is_dice(c) ? "u_eval" : "u");
    assert_int_equal(din_train_reserve(din, &d->batch, NULL), STATUS_OK);
    din_train_forward(din, &d->batch, d->u, d->dim);
    is_floats(c, c->expect, "u", d->u, d->rows * d->dim);
    din_train_backward(din, d->g, d->dim, d->grad_behaviour, d->grad_target);
    visit_params(c, golden_member(c, c->expect, "grads"), din, din_train_grads(din), true);
}

static void check_din(const struct golden_case *c)
{
    struct din_case d = {.c = c};
    const struct json_value *behaviour = golden_member(c, c->in, "behaviour");
    const struct json_value *valid = golden_member(c, c->in, "valid");
    size_t count;
    d.rows = json_value_size(behaviour);
    d.history = json_value_size(json_value_at(behaviour, 0));
    d.target = golden_floats(c, golden_member(c, c->in, "target"), &count);
    d.dim = count / d.rows;
    float *places = golden_memory(c, d.rows * d.history * d.dim, sizeof(*places));
    bool *exists = golden_memory(c, d.rows * d.history, sizeof(*exists));
    for (size_t row = 0; row < d.rows; row++)
        memcpy(places + row * d.history * d.dim,
               golden_floats(c, json_value_at(behaviour, row), &count),
               d.history * d.dim * sizeof(*places));
    const double *numbers = golden_doubles(c, valid, &count);
    for (size_t place = 0; place < count; place++)
        exists[place] = numbers[place] != 0;
    d.places = places;
    d.valid = exists;
    d.g = floats_of(c, c->in, "upstream");

    struct team *team = team_start(2);
    assert_non_null(team);
    struct din_train *din = make(c, d.dim, team);
    if (is_dice(c))
        visit_stats(c, golden_member(c, c->in, "running"), din, false);
    run(&d, din);
    is_floats(c, c->expect, "attention", at_places(&d, din_train_scores(din), 1),
              d.rows * d.history);
    is_floats(c, c->expect, "weight", at_places(&d, din_train_weights(din), 1), d.rows * d.history);
    const struct json_value *grads = golden_member(c, c->expect, "grad_behaviour");
    const float *got = at_places(&d, d.grad_behaviour, d.dim);
    for (size_t row = 0; row < d.rows; row++) {
        struct golden_want want = {c, NULL, GOLDEN_F32, "grad_behaviour",
                                   json_value_at(grads, row)};
        golden_is_floats(&want, got + row * d.history * d.dim, d.history * d.dim);
    }
    is_floats(c, c->expect, "grad_target", d.grad_target, d.rows * d.dim);
    if (is_dice(c))
        visit_stats(c, golden_member(c, c->expect, "running"), din, true);
    din_train_free(din);
    team_stop(team);
}

static void add_row(float *to, const float *from, size_t dim, float share)
{
    for (size_t j = 0; j < dim; j++)
        to[j] += share * from[j];
}

static void check_din_table(const struct golden_case *c)
{
    struct din_case d = {.c = c};
    const struct json_value *history = golden_member(c, c->in, "history");
    size_t count, floats;
    const float *table = golden_floats(c, golden_member(c, c->in, "table"), &floats);
    const double *ids = golden_doubles(c, history, &count);
    const double *targets = golden_doubles(c, golden_member(c, c->in, "target"), &d.rows);
    d.history = count / d.rows;
    d.dim = floats / json_value_size(golden_member(c, c->in, "table"));
    float *places = golden_memory(c, count * d.dim, sizeof(*places));
    bool *valid = golden_memory(c, count, sizeof(*valid));
    d.target = golden_memory(c, d.rows * d.dim, sizeof(float));
    for (size_t place = 0; place < count; place++) {
        valid[place] = ids[place] != 0;
        add_row(places + place * d.dim, table + (size_t)ids[place] * d.dim, d.dim, 1);
    }
    for (size_t row = 0; row < d.rows; row++)
        add_row(d.target + row * d.dim, table + (size_t)targets[row] * d.dim, d.dim, 1);
    d.places = places;
    d.valid = valid;
    d.g = floats_of(c, c->in, "upstream");

    struct team *team = team_start(2);
    assert_non_null(team);
    struct din_train *din = make(c, d.dim, team);
    run(&d, din);
    float *grad = golden_memory(c, floats, sizeof(*grad));
    const float *by_place = at_places(&d, d.grad_behaviour, d.dim);
    for (size_t place = 0; place < count; place++)
        if (valid[place])
            add_row(grad + (size_t)ids[place] * d.dim, by_place + place * d.dim, d.dim, 1);
    for (size_t row = 0; row < d.rows; row++)
        if (targets[row] != 0)
            add_row(grad + (size_t)targets[row] * d.dim, d.grad_target + row * d.dim, d.dim, 1);
    is_floats(c, c->expect, "grad_table", grad, floats);
    din_train_free(din);
    team_stop(team);
}

static void check_embedding(const struct golden_case *c)
{
    const struct json_value *samples = golden_member(c, c->in, "ids");
    size_t floats, count, rows = json_value_size(samples);
    const float *table = golden_floats(c, golden_member(c, c->in, "table"), &floats);
    size_t dim = floats / json_value_size(golden_member(c, c->in, "table"));
    const float *g = floats_of(c, c->in, "upstream");
    float *y = golden_memory(c, rows * dim, sizeof(*y));
    float *grad = golden_memory(c, floats, sizeof(*grad));
    bool mean = strcmp(golden_text(c, c->in, "pool"), "mean") == 0;
    for (size_t row = 0; row < rows; row++) {
        const double *ids = golden_doubles(c, json_value_at(samples, row), &count);
        size_t used = 0;
        for (size_t i = 0; i < count; i++)
            used += ids[i] != 0;
        float share = mean && used > 0 ? 1 / (float)used : 1;
        for (size_t i = 0; i < count; i++) {
            if (ids[i] == 0)
                continue;
            add_row(y + row * dim, table + (size_t)ids[i] * dim, dim, share);
            add_row(grad + (size_t)ids[i] * dim, g + row * dim, dim, share);
        }
    }
    is_floats(c, c->expect, "y", y, rows * dim);
    is_floats(c, c->expect, "grad_table", grad, floats);
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"prelu", check_prelu, NULL},
        {"dice", check_dice, NULL},
        {"din", check_din, NULL},
        {"din_table", check_din_table, NULL},
        {"embedding", check_embedding, NULL},
    };
    return golden_run("din.json", ops, sizeof(ops) / sizeof(ops[0]));
}
