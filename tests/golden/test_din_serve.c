// din.json in evaluation form, through the serving form of DIN: u with PReLU, and u_eval of what
// gives running statistics for Dice; the activations through their kernels. What training needs is
// not looked at here.
#include "model/din.h"
#include "tests/support/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static float *floats_of(const struct golden_case *c, const struct json_value *map, const char *key,
                        size_t want)
{
    size_t count;
    float *x = golden_floats(c, golden_member(c, map, key), &count);
    assert_int_equal(count, want);
    return x;
}

// W (out, 4 dim) as A, B, C.
static void fold(const struct golden_case *c, const float *w, struct din_weights *weights)
{
    size_t out = weights->layers[0].out, dim = weights->dim;
    float *a = golden_memory(c, 3 * out * dim, sizeof(*a)), *b = a + out * dim, *d = b + out * dim;
    for (size_t i = 0; i < out * dim; i++) {
        const float *row = w + i / dim * 4 * dim + i % dim;
        a[i] = (float)((double)row[0] + (double)row[2 * dim]);
        b[i] = (float)((double)row[dim] - (double)row[2 * dim]);
        d[i] = row[3 * dim];
    }
    weights->a = a;
    weights->b = b;
    weights->c = d;
}

static void read_layer(const struct golden_case *c, const struct json_value *map,
                       const struct json_value *running, size_t k, struct din_weights *weights)
{
    struct din_layer *layer = &weights->layers[k];
    const struct json_value *w = golden_member(c, map, "W");
    layer->in = k == 0 ? 4 * weights->dim : weights->layers[k - 1].out;
    layer->out = json_value_size(w);
    layer->weight = floats_of(c, map, "W", layer->in * layer->out);
    layer->bias = floats_of(c, map, "b", layer->out);
    if (k + 1 < weights->layer_count)
        layer->kappa = floats_of(c, map, "kappa", layer->out);
    if (running != NULL) {
        layer->mean = floats_of(c, running, "mean", layer->out);
        layer->var = floats_of(c, running, "var", layer->out);
    }
    if (k == 0) {
        fold(c, layer->weight, weights);
        layer->weight = NULL;
    }
}

static struct din_weights read_weights(const struct golden_case *c, size_t dim)
{
    const struct json_value *params = golden_member(c, c->in, "params");
    const struct json_value *layers = golden_member(c, params, "layers");
    const struct json_value *running = json_value_get(c->in, "running");
    bool dice = strcmp(golden_text(c, c->in, "activation"), "dice") == 0;
    size_t hidden = json_value_size(layers);
    struct din_weights weights = {
        .dim = dim,
        .layer_count = hidden + 1,
        .activation = dice ? DIN_DICE : DIN_PRELU,
        .softmax = json_value_bool(golden_member(c, c->in, "softmax")),
    };
    assert_true(hidden < DIN_MAX_LAYERS);
    for (size_t k = 0; k < hidden; k++)
        read_layer(c, json_value_at(layers, k), dice ? json_value_at(running, k) : NULL, k,
                   &weights);
    read_layer(c, golden_member(c, params, "out"), NULL, hidden, &weights);
    return weights;
}

// u of one user: the behaviours that are valid, in their order.
static void serve(const struct din *din, const float *e_b, size_t behaviours, const float *e_t,
                  float *u)
{
    size_t dim = din_dim(din);
    float *once = malloc((din_once_floats(din, behaviours) + 1) * sizeof(*once));
    void *scratch = aligned_alloc(64, din_scratch_bytes(din, behaviours));
    assert_true(once != NULL && scratch != NULL);
    din_once(din, e_b, behaviours, once);
    din_forward(din, once, e_b, behaviours, e_t, dim, 1, u, dim, scratch);
    free(once);
    free(scratch);
}

struct users {
    size_t n, dim;
    size_t *behaviours;
    float *const *e_b; // (behaviours, dim) of each
    const float *e_t;  // (n, dim)
};

static void check_users(const struct golden_case *c, const struct users *users)
{
    const struct din_weights weights = read_weights(c, users->dim);
    float *u = golden_memory(c, users->n * users->dim, sizeof(*u));
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        struct din *din;
        struct diag diag;
        if (din_new(&weights, kernels_at(s), &din, &diag) != STATUS_OK)
            fail_msg("%s: %s", c->name, diag.words);
        for (size_t i = 0; i < users->n; i++)
            serve(din, users->e_b[i], users->behaviours[i], users->e_t + i * users->dim,
                  u + i * users->dim);
        din_free(din);
        const char *key = weights.activation == DIN_DICE ? "u_eval" : "u";
        struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, key);
        golden_is_floats(&want, u, users->n * users->dim);
    }
}

// (n, longest, dim) of numbers and (n, longest) of what is kept -> users.
static void check_kept(const struct golden_case *c, struct users users, const float *e,
                       const double *kept, size_t longest)
{
    float **e_b = golden_memory(c, users.n, sizeof(*e_b));
    users.behaviours = golden_memory(c, users.n, sizeof(*users.behaviours));
    for (size_t i = 0; i < users.n; i++) {
        e_b[i] = golden_memory(c, longest * users.dim + 1, sizeof(**e_b));
        for (size_t b = 0; b < longest; b++)
            if (kept[i * longest + b] != 0)
                memcpy(e_b[i] + users.behaviours[i]++ * users.dim,
                       e + (i * longest + b) * users.dim, users.dim * sizeof(**e_b));
    }
    users.e_b = e_b;
    check_users(c, &users);
}

static void check_din(const struct golden_case *c)
{
    const struct json_value *target = golden_member(c, c->in, "target");
    const struct json_value *behaviour = golden_member(c, c->in, "behaviour");
    size_t numbers, flags, n = json_value_size(target);
    const double *valid = golden_doubles(c, golden_member(c, c->in, "valid"), &flags);
    const float *e = golden_floats(c, behaviour, &numbers);
    struct users users = {.n = n, .dim = json_value_size(json_value_at(target, 0))};
    users.e_t = floats_of(c, c->in, "target", n * users.dim);
    size_t longest = json_value_size(json_value_at(behaviour, 0));
    assert_int_equal(flags, n * longest);
    assert_int_equal(numbers, flags * users.dim);
    check_kept(c, users, e, valid, longest);
}

// Row 0 of the table is what no item has: zeros.
static void check_table(const struct golden_case *c)
{
    const struct json_value *table = golden_member(c, c->in, "table");
    size_t numbers, count, n;
    const float *rows = golden_floats(c, table, &numbers);
    const double *history = golden_doubles(c, golden_member(c, c->in, "history"), &count);
    const double *target = golden_doubles(c, golden_member(c, c->in, "target"), &n);
    struct users users = {.n = n, .dim = json_value_size(json_value_at(table, 0))};
    float *e = golden_memory(c, count * users.dim, sizeof(*e));
    float *e_t = golden_memory(c, n * users.dim, sizeof(*e_t));
    for (size_t i = 0; i < count; i++)
        if (history[i] != 0)
            memcpy(e + i * users.dim, rows + (size_t)history[i] * users.dim,
                   users.dim * sizeof(*e));
    for (size_t i = 0; i < n; i++)
        if (target[i] != 0)
            memcpy(e_t + i * users.dim, rows + (size_t)target[i] * users.dim,
                   users.dim * sizeof(*e_t));
    users.e_t = e_t;
    check_kept(c, users, e, history, n == 0 ? 0 : count / n);
}

// ---- the activations

static void check_prelu(const struct golden_case *c)
{
    const struct json_value *x = golden_member(c, c->in, "x");
    size_t n = json_value_size(x), width = json_value_size(json_value_at(x, 0));
    const float *kappa = floats_of(c, c->in, "kappa", width);
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        float *y = floats_of(c, c->in, "x", n * width);
        kernels_at(s)->prelu(y, n, width, width, kappa);
        struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "y");
        golden_is_floats(&want, y, n * width);
    }
}

static void check_dice(const struct golden_case *c)
{
    const struct json_value *x = golden_member(c, c->in, "x");
    const struct json_value *running = golden_member(c, c->in, "running");
    size_t n = json_value_size(x), width = json_value_size(json_value_at(x, 0));
    const float *kappa = floats_of(c, c->in, "kappa", width);
    const float *mean = floats_of(c, running, "mean", width);
    const float *var = floats_of(c, running, "var", width);
    float *rest = golden_memory(c, 2 * width, sizeof(*rest)), *inverse = rest + width;
    for (size_t j = 0; j < width; j++) {
        rest[j] = 1 - kappa[j];
        inverse[j] = (float)(1 / sqrt((double)var[j] + 1e-9));
    }
    const struct kernels_dice dice = {kappa, rest, mean, inverse};
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        float *y = floats_of(c, c->in, "x", n * width);
        kernels_at(s)->dice(y, n, width, width, &dice);
        struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "y_eval");
        golden_is_floats(&want, y, n * width);
    }
}

int main(void)
{
    static const char elsewhere[] = "no attention in it";
    static const struct golden_op ops[] = {
        {"prelu", check_prelu, NULL},     {"dice", check_dice, NULL},
        {"embedding", NULL, elsewhere},   {"din", check_din, NULL},
        {"din_table", check_table, NULL},
    };
    return golden_run("din.json", ops, sizeof(ops) / sizeof(ops[0]));
}
