// network.json: transform, batch norm, towers. Each tower runs twice: through net_train as the
// trainer uses it, on two threads (logits, gradients, running statistics, evaluation, folding), and
// through the layers one by one in this file (what stands behind each layer, gradient of the
// input).
#include "model/kernels/kernels.h"
#include "model/layer_bn.h"
#include "model/layer_dropout.h"
#include "model/layer_linear.h"
#include "model/layer_relu.h"
#include "model/net.h"
#include "tests/support/golden_tower.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void is_floats(const struct golden_case *c, const struct json_value *map, const char *key,
                      const float *got, size_t count)
{
    struct golden_want want = golden_want(c, GOLDEN_F32, map, key);
    golden_is_floats(&want, got, count);
}

static bool is_list(const struct json_value *value)
{
    return value != NULL && json_value_kind(value) == JSON_VALUE_LIST;
}

// NULL where the file says null or nothing.
static float *floats_or_null(const struct golden_case *c, const struct json_value *map,
                             const char *key)
{
    const struct json_value *list = json_value_get(map, key);
    size_t count;
    return is_list(list) ? golden_floats(c, list, &count) : NULL;
}

static uint8_t *mask_of(const struct golden_case *c, const struct json_value *list)
{
    size_t count;
    const double *numbers = golden_doubles(c, list, &count);
    uint8_t *mask = golden_memory(c, count, sizeof(*mask));
    for (size_t i = 0; i < count; i++)
        mask[i] = numbers[i] != 0;
    return mask;
}

// ---- transform

static void check_transform(const struct golden_case *c)
{
    double raw = golden_number(c, c->in, "x");
    float x = (float)fmin(fmax(raw, -1e38), 1e6);
    for (size_t i = 0; i < kernels_count(); i++) {
        if (!kernels_runnable(i))
            continue;
        float y;
        kernels_at(i)->log1p(&x, 1, &y);
        struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "y");
        golden_is_number(&want, (double)y);
    }
}

// ---- batch norm of a whole minibatch

struct whole_bn {
    struct layer_bn bn;
    size_t n;
    const float *x;
    double *sums; // (2, units)
};

static struct whole_bn bn_make(const struct golden_case *c, size_t n, size_t units,
                               const float *gamma, const float *beta)
{
    double *doubles = golden_memory(c, 4 * units, sizeof(*doubles));
    float *floats = golden_memory(c, 3 * units, sizeof(*floats));
    return (struct whole_bn){.bn = {.units = units,
                                    .gamma = gamma,
                                    .beta = beta,
                                    .mean = doubles,
                                    .var = doubles + units,
                                    .mean_high = floats,
                                    .mean_low = floats + units,
                                    .inverse = floats + 2 * units},
                             .n = n,
                             .sums = doubles + 2 * units};
}

static void bn_forward(struct whole_bn *whole, const float *x, float *y)
{
    struct layer_bn *bn = &whole->bn;
    whole->x = x;
    layer_bn_forward_sum(bn, x, whole->n, whole->sums);
    for (size_t j = 0; j < bn->units; j++)
        bn->mean[j] = whole->sums[j] / (double)whole->n;
    layer_bn_forward_centred(bn, x, whole->n, whole->sums);
    for (size_t j = 0; j < bn->units; j++)
        bn->var[j] = whole->sums[j] / (double)whole->n;
    layer_bn_prepare(bn);
    layer_bn_forward_normalise(bn, x, whole->n, y);
}

// g in place; sums: gradient of beta, then of gamma
static void bn_backward(const struct golden_case *c, struct whole_bn *whole, float *g)
{
    size_t units = whole->bn.units;
    float *means = golden_memory(c, 2 * units, sizeof(*means));
    memset(whole->sums, 0, 2 * units * sizeof(*whole->sums));
    layer_bn_backward_sum(&whole->bn, g, whole->x, whole->n, whole->sums, whole->sums + units);
    for (size_t j = 0; j < 2 * units; j++)
        means[j] = (float)(whole->sums[j] / (double)whole->n);
    layer_bn_backward_input(&whole->bn, g, whole->x, whole->n, means, means + units);
}

static void check_batch_norm(const struct golden_case *c)
{
    size_t count, units;
    const struct json_value *running = golden_member(c, c->in, "running");
    float *x = golden_floats(c, golden_member(c, c->in, "x"), &count);
    float *g = golden_floats(c, golden_member(c, c->in, "upstream"), &count);
    float *mean = golden_floats(c, golden_member(c, running, "mean"), &units);
    float *var = golden_floats(c, golden_member(c, running, "var"), &units);
    float *y = golden_memory(c, count, sizeof(*y));
    struct whole_bn whole = bn_make(c, count / units, units, floats_or_null(c, c->in, "gamma"),
                                    floats_or_null(c, c->in, "beta"));
    bn_forward(&whole, x, y);
    is_floats(c, c->expect, "y", y, count);
    bn_backward(c, &whole, g);
    is_floats(c, c->expect, "grad_x", g, count);
    if (whole.bn.gamma != NULL) {
        struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "grad_beta");
        golden_is_doubles(&want, whole.sums, units);
        want = golden_want(c, GOLDEN_F32, c->expect, "grad_gamma");
        golden_is_doubles(&want, whole.sums + units, units);
    }
    for (size_t j = 0; j < units; j++) {
        // Before the running statistics move: evaluation takes those given.
        double batch_mean = whole.bn.mean[j], batch_var = whole.bn.var[j];
        whole.bn.mean[j] = (double)mean[j];
        whole.bn.var[j] = (double)var[j];
        mean[j] = (float)batch_mean;
        var[j] = (float)batch_var;
    }
    layer_bn_prepare(&whole.bn);
    layer_bn_forward_normalise(&whole.bn, x, count / units, y);
    is_floats(c, c->expect, "y_eval", y, count);
}

static void check_batch_norm_running(const struct golden_case *c)
{
    size_t count, units;
    const struct json_value *running = golden_member(c, c->in, "running");
    const struct json_value *expect = golden_member(c, c->expect, "running");
    float *x = golden_floats(c, golden_member(c, c->in, "x"), &count);
    float *mean = golden_floats(c, golden_member(c, running, "mean"), &units);
    float *var = golden_floats(c, golden_member(c, running, "var"), &units);
    float *y = golden_memory(c, count, sizeof(*y));
    struct whole_bn whole = bn_make(c, count / units, units, NULL, NULL);
    bn_forward(&whole, x, y);
    layer_bn_running(&whole.bn, whole.n, mean, var);
    is_floats(c, expect, "mean", mean, units);
    is_floats(c, expect, "var", var, units);
}

static void check_batch_norm_whole(const struct golden_case *c)
{
    check_batch_norm(c);
    check_batch_norm_running(c);
}

// ---- the tower, layer by layer

struct layer_trace {
    struct layer_linear linear;
    struct whole_bn norm; // bn.units 0: none
    const uint8_t *mask;
    float *x, *z, *bn, *y; // after dropout, linear, batch norm, ReLU
};

struct tower_trace {
    size_t rows, count; // hidden layers
    double rate;
    struct layer_trace hidden[NET_TRAIN_MAX_HIDDEN];
    struct layer_linear out;
    struct whole_bn input;
    float *x;
};

static void make_layer(const struct golden_case *c, struct tower_trace *tower, size_t k, size_t in)
{
    const struct json_value *params = golden_member(c, c->in, "params");
    const struct json_value *layer = json_value_at(golden_member(c, params, "hidden"), k);
    const struct json_value *mask = json_value_at(golden_member(c, c->in, "masks"), k);
    struct layer_trace *trace = &tower->hidden[k];
    size_t out = json_value_size(golden_member(c, layer, "W"));
    trace->linear = (struct layer_linear){in, out, floats_or_null(c, layer, "W"),
                                          floats_or_null(c, layer, "b")};
    const float *gamma = floats_or_null(c, layer, "gamma");
    if (gamma != NULL)
        trace->norm = bn_make(c, tower->rows, out, gamma, floats_or_null(c, layer, "beta"));
    if (is_list(mask))
        trace->mask = mask_of(c, mask);
    trace->x = golden_memory(c, tower->rows * in, sizeof(float));
    trace->z = golden_memory(c, tower->rows * out, sizeof(float));
    trace->bn = golden_memory(c, tower->rows * out, sizeof(float));
    trace->y = golden_memory(c, tower->rows * out, sizeof(float));
}

static void layer_forward(const struct golden_case *c, struct tower_trace *tower, size_t k,
                          const float *x)
{
    const struct json_value *layers =
        golden_member(c, golden_member(c, c->expect, "train"), "layers");
    const struct json_value *expect = json_value_at(golden_member(c, layers, "hidden"), k);
    struct layer_trace *trace = &tower->hidden[k];
    size_t in = tower->rows * trace->linear.in, out = tower->rows * trace->linear.out;
    memcpy(trace->x, x, in * sizeof(*x));
    if (trace->mask != NULL) {
        layer_dropout_forward(trace->x, trace->mask, in, tower->rate);
        is_floats(c, expect, "dropped", trace->x, in);
    }
    layer_linear_forward(&trace->linear, trace->x, tower->rows, trace->z);
    is_floats(c, expect, "linear", trace->z, out);
    const float *before = trace->z;
    if (trace->norm.bn.units > 0) {
        bn_forward(&trace->norm, trace->z, trace->bn);
        is_floats(c, expect, "bn", trace->bn, out);
        before = trace->bn;
    }
    memcpy(trace->y, before, out * sizeof(*before));
    layer_relu_forward(trace->y, out);
    is_floats(c, expect, "relu", trace->y, out);
}

static void check_tower_forward(const struct golden_case *c, struct tower_trace *tower)
{
    const struct json_value *params = golden_member(c, c->in, "params");
    const struct json_value *train = golden_member(c, c->expect, "train");
    const struct json_value *x = golden_member(c, c->in, "x");
    size_t count;
    tower->rows = json_value_size(x);
    tower->rate = golden_number(c, c->in, "rate");
    tower->x = golden_floats(c, x, &count);
    size_t width = count / tower->rows;
    const float *flow = tower->x;
    if (json_value_bool(golden_member(c, c->in, "input_bn"))) {
        float *y = golden_memory(c, count, sizeof(*y));
        tower->input = bn_make(c, tower->rows, width, NULL, NULL);
        bn_forward(&tower->input, tower->x, y);
        is_floats(c, golden_member(c, train, "layers"), "input", y, count);
        flow = y;
    }
    tower->count = json_value_size(golden_member(c, params, "hidden"));
    assert_in_range(tower->count, 1, NET_TRAIN_MAX_HIDDEN);
    for (size_t k = 0; k < tower->count; k++) {
        make_layer(c, tower, k, width);
        layer_forward(c, tower, k, flow);
        flow = tower->hidden[k].y;
        width = tower->hidden[k].linear.out;
    }
    const struct json_value *out = golden_member(c, params, "out");
    tower->out =
        (struct layer_linear){width, 1, floats_or_null(c, out, "W"), floats_or_null(c, out, "b")};
    float *logit = golden_memory(c, tower->rows, sizeof(*logit));
    layer_linear_forward(&tower->out, flow, tower->rows, logit);
    is_floats(c, train, "logit", logit, tower->rows);
}

static void check_tower_backward(const struct golden_case *c, struct tower_trace *tower)
{
    size_t count, widest = tower->hidden[0].linear.in;
    for (size_t k = 0; k < tower->count; k++)
        widest = widest > tower->hidden[k].linear.out ? widest : tower->hidden[k].linear.out;
    float *g = golden_memory(c, tower->rows * widest, sizeof(*g));
    float *next = golden_memory(c, tower->rows * widest, sizeof(*next));
    const float *upstream = golden_floats(c, golden_member(c, c->in, "upstream"), &count);
    layer_linear_backward_input(&tower->out, upstream, tower->rows, g);
    for (size_t k = tower->count; k-- > 0;) {
        struct layer_trace *trace = &tower->hidden[k];
        size_t in = tower->rows * trace->linear.in, out = tower->rows * trace->linear.out;
        layer_relu_backward(g, trace->y, out);
        if (trace->norm.bn.units > 0)
            bn_backward(c, &trace->norm, g);
        layer_linear_backward_input(&trace->linear, g, tower->rows, next);
        if (trace->mask != NULL)
            layer_dropout_backward(next, trace->mask, in, tower->rate);
        memcpy(g, next, in * sizeof(*g));
    }
    if (tower->input.bn.units > 0)
        bn_backward(c, &tower->input, g);
    is_floats(c, golden_member(c, c->expect, "train"), "grad_x", g,
              tower->rows * tower->hidden[0].linear.in);
}

// ---- the tower as the trainer has it

static void given_mask(void *context, size_t layer, size_t row, uint8_t *mask)
{
    const struct tower_trace *tower = context;
    const struct layer_trace *trace = &tower->hidden[layer];
    if (trace->mask == NULL) {
        fail_msg("dropout in front of layer %zu, where the file has no mask", layer);
        return;
    }
    memcpy(mask, trace->mask + row * trace->linear.in, trace->linear.in);
}

static void is_folded(const struct golden_case *c, const struct net_layer *layers, size_t count)
{
    const struct json_value *params =
        golden_member(c, golden_member(c, c->expect, "folded"), "params");
    const struct json_value *hidden = golden_member(c, params, "hidden");
    assert_int_equal(count, json_value_size(hidden) + 1);
    for (size_t k = 0; k < count; k++) {
        const struct json_value *layer =
            k + 1 < count ? json_value_at(hidden, k) : golden_member(c, params, "out");
        is_floats(c, layer, "W", layers[k].weight, layers[k].in * layers[k].out);
        is_floats(c, layer, "b", layers[k].bias, layers[k].out);
    }
}

static void check_serving(const struct golden_case *c, struct net_train *net, const float *x,
                          size_t rows)
{
    struct net_layer layers[NET_TRAIN_MAX_HIDDEN + 1];
    size_t count;
    assert_int_equal(net_train_fold(net, layers, &count, NULL), STATUS_OK);
    is_folded(c, layers, count);
    const struct kernels *kernels;
    struct net *served;
    assert_int_equal(kernels_choose("scalar", &kernels, NULL), STATUS_OK);
    assert_int_equal(net_new(layers, count, 0, kernels, &served, NULL), STATUS_OK);
    float init[256], logit[256];
    _Alignas(64) static char scratch[1 << 20];
    assert_true(net_shared_floats(served) <= 256 && rows <= 256);
    assert_true(net_scratch_bytes(served) <= sizeof(scratch));
    net_shared(served, x, init);
    net_forward(served, init, x, rows, logit, scratch);
    is_floats(c, golden_member(c, c->expect, "folded"), "logit", logit, rows);
    is_floats(c, golden_member(c, c->expect, "eval"), "logit", logit, rows);
    net_free(served);
}

static void check_tower_net(const struct golden_case *c, struct tower_trace *tower)
{
    const struct json_value *train = golden_member(c, c->expect, "train");
    const struct json_value *params = golden_member(c, c->in, "params");
    struct net_train_config config =
        golden_tower_config(c, params, tower->input.bn.units > 0, tower->rows);
    config.dropout = tower->rate;
    config.dropout_input = tower->hidden[0].mask != NULL;
    config.mask = given_mask;
    config.mask_context = tower;
    struct team *team = team_start(2);
    struct net_train *net;
    assert_non_null(team);
    assert_int_equal(net_train_new(&config, team, &net, NULL), STATUS_OK);
    golden_tower_set_params(c, params, net);
    golden_tower_set_stats(c, golden_member(c, c->in, "running"), net);
    float *logit = golden_memory(c, tower->rows, sizeof(*logit));
    size_t count;

    net_train_evaluate(net, tower->x, tower->rows, logit);
    is_floats(c, golden_member(c, c->expect, "eval"), "logit", logit, tower->rows);
    check_serving(c, net, tower->x, tower->rows);

    net_train_forward(net, tower->x, tower->rows, 0, 0, logit);
    is_floats(c, train, "logit", logit, tower->rows);
    net_train_backward(net, golden_floats(c, golden_member(c, c->in, "upstream"), &count));
    golden_tower_is_params(c, golden_member(c, train, "grads"), net, net_train_grads(net));
    golden_tower_is_stats(c, golden_member(c, train, "running"), net);
    net_train_free(net);
    team_stop(team);
}

static void check_tower(const struct golden_case *c)
{
    struct tower_trace tower = {0};
    check_tower_forward(c, &tower);
    check_tower_backward(c, &tower);
    check_tower_net(c, &tower);
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"transform", check_transform, NULL},
        {"batch_norm", check_batch_norm_whole, NULL},
        {"tower", check_tower, NULL},
    };
    return golden_run("network.json", ops, sizeof(ops) / sizeof(ops[0]));
}
