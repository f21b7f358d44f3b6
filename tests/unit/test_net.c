// Tiny networks by hand; larger ones against the reduction order written a second time in
// tests/support/floats.c, bit for bit, by every kernel set.
#include "model/net.h"
#include "tests/support/floats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static float *scratch_for(const struct net *net)
{
    size_t bytes = net_scratch_bytes(net);
    assert_int_equal(bytes % 64, 0);
    float *scratch = aligned_alloc(64, bytes);
    assert_non_null(scratch);
    memset(scratch, 0xff, bytes); // NaN: nothing may be read before it is written
    return scratch;
}

// shared (shared_width), rows (n, row_width) -> logit (n)
static void score(const struct net *net, const float *shared, const float *rows, size_t n,
                  float *logit)
{
    float *init = malloc((net_shared_floats(net) + 1) * sizeof(float));
    assert_non_null(init);
    float *scratch = scratch_for(net);
    net_shared(net, shared, init);
    net_forward(net, init, rows, n, logit, scratch);
    free(scratch);
    free(init);
}

static struct net *net_of(const struct net_layer *layers, size_t count, size_t shared_width,
                          const struct kernels *kernels)
{
    struct net *net = NULL;
    struct diag diag;
    if (net_new(layers, count, shared_width, kernels, &net, &diag) != STATUS_OK)
        fail_msg("%s", diag.words);
    return net;
}

static void test_one_layer_by_hand(void **state)
{
    (void)state;
    const float weight[] = {2, -1, 0.5F}, bias[] = {10};
    const struct net_layer layer = {weight, bias, 3, 1};
    const float rows[] = {1, 2, 4, 0, 0, 0, -10, 0, 0};
    for (size_t shared = 0; shared <= 3; shared++) {
        struct net *net = net_of(&layer, 1, shared, kernels_at(0));
        assert_int_equal(net_shared_width(net), shared);
        assert_int_equal(net_row_width(net), 3 - shared);
        float logit;
        score(net, rows, rows + shared, 1, &logit);
        assert_true(logit == 12); // 2 - 2 + 2 + 10
        net_free(net);
    }
    float logit[3];
    struct net *net = net_of(&layer, 1, 0, kernels_at(0));
    score(net, NULL, rows, 3, logit);
    assert_true(logit[0] == 12 && logit[1] == 10 && logit[2] == -10); // no ReLU on the logit
    net_free(net);
}

static void test_hidden_layers_by_hand(void **state)
{
    (void)state;
    // 17 hidden units (wide), unit j gives relu(j * x0 - x1); then 2 (narrow): the sum, and minus
    // the sum; then the logit a - 3 b + 1.
    float w0[34], b0[17] = {0}, w1[34];
    for (size_t j = 0; j < 17; j++) {
        w0[2 * j] = (float)j;
        w0[2 * j + 1] = -1;
        w1[j] = 1;
        w1[17 + j] = -1;
    }
    const float b1[] = {0, 5}, w2[] = {1, -3}, b2[] = {1};
    const struct net_layer layers[] = {{w0, b0, 2, 17}, {w1, b1, 17, 2}, {w2, b2, 2, 1}};
    for (size_t shared = 0; shared <= 2; shared++) {
        struct net *net = net_of(layers, 3, shared, kernels_at(0));
        float logit;
        // x = (1, 15): units 15 and 16 give 0 and 1, all else 0. a = 1, b = relu(-1 + 5) = 4.
        const float first[] = {1, 15};
        score(net, first, first + shared, 1, &logit);
        assert_true(logit == 1 - 12 + 1);
        // x = (1, 10): units 11..16 give 1..6, a = 21, b = relu(-21 + 5) = 0.
        const float second[] = {1, 10};
        score(net, second, second + shared, 1, &logit);
        assert_true(logit == 22);
        net_free(net);
    }
}

enum { MAX_LAYERS = 4, MAX_ROWS = 230, MAX_IN = 40 };

struct tower {
    size_t count;
    size_t widths[MAX_LAYERS + 1];
};

static const struct tower towers[] = {
    {1, {40, 1}},        {2, {40, 16, 1}},         {2, {40, 5, 1}},         {3, {9, 70, 33, 1}},
    {3, {40, 3, 64, 1}}, {4, {13, 33, 15, 20, 1}}, {4, {1, 100, 1, 32, 1}},
};
enum { TOWERS = sizeof(towers) / sizeof(towers[0]) };

struct made {
    struct net_layer layers[MAX_LAYERS];
    float *weights[MAX_LAYERS], *biases[MAX_LAYERS];
};

static struct made made_of(const struct tower *tower)
{
    struct made made;
    for (size_t k = 0; k < tower->count; k++) {
        size_t in = tower->widths[k], out = tower->widths[k + 1];
        made.weights[k] = floats_odd(in * out);
        made.biases[k] = floats_odd(out);
        floats_fill(made.weights[k], in * out, 100 + k, FLOATS_TAME);
        floats_fill(made.biases[k], out, 200 + k, FLOATS_TAME);
        made.layers[k] = (struct net_layer){made.weights[k], made.biases[k], in, out};
    }
    return made;
}

static void made_free(struct made *made, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        floats_free(made->weights[k]);
        floats_free(made->biases[k]);
    }
}

static float expected(const struct made *made, const struct tower *tower, const float *x)
{
    float now[100], next[100];
    memcpy(now, x, tower->widths[0] * sizeof(float));
    for (size_t k = 0; k < tower->count; k++) {
        size_t in = tower->widths[k], out = tower->widths[k + 1];
        for (size_t j = 0; j < out; j++) {
            const float *w = made->weights[k] + j * in;
            float bias = made->biases[k][j];
            next[j] = out < 16 ? floats_partials(now, w, in, bias) : floats_chain(now, w, in, bias);
            if (k + 1 < tower->count && next[j] < 0)
                next[j] = 0;
        }
        memcpy(now, next, out * sizeof(float));
    }
    return now[0];
}

// All rows have the same first `shared` columns, as in one request.
static void check_tower(const struct tower *tower, const struct kernels *set, size_t shared)
{
    static float whole[MAX_ROWS * MAX_IN], rows[MAX_ROWS * MAX_IN], logit[MAX_ROWS];
    size_t in = tower->widths[0], width = in - shared;
    floats_fill(whole, MAX_ROWS * in, 300, FLOATS_TAME);
    for (size_t i = 0; i < MAX_ROWS; i++) {
        memcpy(whole + i * in, whole, shared * sizeof(float));
        memcpy(rows + i * width, whole + i * in + shared, width * sizeof(float));
    }
    struct made made = made_of(tower);
    struct net *net = net_of(made.layers, tower->count, shared, set);
    made_free(&made, tower->count); // the net has copied them
    made = made_of(tower);
    static const size_t sizes[] = {0, 1, 2, 14, 111, 112, 113, 225, MAX_ROWS};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        size_t first = s % 4; // the same row at another place of another batch
        size_t n = sizes[s] < MAX_ROWS - first ? sizes[s] : MAX_ROWS - first;
        score(net, whole, rows + first * width, n, logit);
        for (size_t i = 0; i < n; i++)
            assert_true(floats_same(logit[i], expected(&made, tower, whole + (first + i) * in)));
    }
    net_free(net);
    made_free(&made, tower->count);
}

static void test_bits_for_any_split_batch_and_set(void **state)
{
    (void)state;
    for (size_t s = 0; s < kernels_count(); s++)
        for (size_t t = 0; t < TOWERS && kernels_runnable(s); t++) {
            size_t in = towers[t].widths[0];
            const size_t shares[] = {0, 1, in / 2, in};
            for (size_t i = 0; i < 4; i++)
                check_tower(&towers[t], kernels_at(s), shares[i]);
        }
}

static void test_nan_passes(void **state)
{
    (void)state;
    struct made made = made_of(&towers[3]);
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        struct net *net = net_of(made.layers, 3, 4, kernels_at(s));
        float shared[4] = {1, 2, 3, 4}, rows[10] = {1, 2, NAN, 4, 5, 1, 2, 3, 4, 5}, logit[2];
        score(net, shared, rows, 2, logit);
        assert_true(isnan(logit[0]));
        assert_true(isfinite(logit[1]));
        shared[3] = NAN;
        score(net, shared, rows, 2, logit);
        assert_true(isnan(logit[0]) && isnan(logit[1]));
        net_free(net);
    }
    made_free(&made, 3);
}

static void assert_refused(const struct net_layer *layers, size_t count, size_t shared,
                           enum status code, const char *words)
{
    struct net *net = NULL;
    struct diag diag = {0};
    assert_int_equal(net_new(layers, count, shared, kernels_at(0), &net, &diag), code);
    assert_null(net);
    assert_string_equal(diag.words, words);
}

static void test_refuses_shapes(void **state)
{
    (void)state;
    const float w[64] = {0};
    const struct net_layer good = {w, w, 4, 1}, wide = {w, w, 4, 2}, third = {w, w, 3, 1};
    const struct net_layer unchained[] = {wide, third}, empty = {w, w, 0, 1}, none = {w, w, 4, 0};
    assert_refused(&good, 0, 0, STATUS_INVALID, "a network without layers");
    assert_refused(&wide, 1, 0, STATUS_INVALID, "layer 0: the last gives 2 values, not 1");
    assert_refused(&empty, 1, 0, STATUS_INVALID, "layer 0: a width is 0");
    assert_refused(&none, 1, 0, STATUS_INVALID, "layer 0: a width is 0");
    assert_refused(unchained, 2, 0, STATUS_INVALID,
                   "layer 1: takes 3 values, but the layer before gives 2");
    assert_refused(&good, 1, 5, STATUS_INVALID, "5 shared columns, but layer 0 takes only 4");
    const struct net_layer huge[] = {{w, w, SIZE_MAX / 64, SIZE_MAX / 64},
                                     {w, w, SIZE_MAX / 64, 1}};
    struct net *net = NULL;
    assert_int_equal(net_new(huge, 2, 0, kernels_at(0), &net, NULL), STATUS_TOO_LARGE);
}

static void test_refuses_numbers(void **state)
{
    (void)state;
    float w[64] = {0}, bias[2] = {0};
    const struct net_layer layers[] = {{w, bias, 3, 2}, {w + 10, bias, 2, 1}};
    w[4] = NAN;
    assert_refused(layers, 2, 0, STATUS_INVALID, "layer 0: weight (1, 1) is not finite");
    w[4] = 0;
    w[11] = -INFINITY;
    assert_refused(layers, 2, 0, STATUS_INVALID, "layer 1: weight (0, 1) is not finite");
    w[11] = 0;
    bias[1] = INFINITY;
    assert_refused(layers, 2, 0, STATUS_INVALID, "layer 0: bias (1) is not finite");
}

int main(void)
{
    floats_announce_sets();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_layer_by_hand),
        cmocka_unit_test(test_hidden_layers_by_hand),
        cmocka_unit_test(test_bits_for_any_split_batch_and_set),
        cmocka_unit_test(test_nan_passes),
        cmocka_unit_test(test_refuses_shapes),
        cmocka_unit_test(test_refuses_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
