// Random units against the order of operations written down a second time, bit for bit, by every
// kernel set; and against the unfolded formula of the specification in double.
#include "base/rng.h"
#include "model/din.h"
#include "tests/support/din_made.h"
#include "tests/support/floats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_WIDTH = 160, MAX_B = 70, MAX_N = 70 };

static struct din *din_of(const struct din_weights *weights, const struct kernels *set)
{
    struct din *din = NULL;
    struct diag diag;
    if (din_new(weights, set, &din, &diag) != STATUS_OK)
        fail_msg("%s", diag.words);
    return din;
}

struct input {
    size_t behaviours, n, dim, e_t_stride, u_stride;
    float *e_b, *e_t;
};

static struct input input_of(size_t dim, size_t behaviours, size_t n, uint64_t seed)
{
    struct input in = {.behaviours = behaviours, .n = n, .dim = dim};
    in.e_t_stride = dim + n % 3;
    in.u_stride = dim + behaviours % 4;
    in.e_b = din_made_floats(behaviours * dim, seed + 1, 0.5);
    in.e_t = din_made_floats(n * in.e_t_stride, seed + 2, 0.5);
    return in;
}

static void input_free(struct input *in)
{
    floats_free(in->e_b);
    floats_free(in->e_t);
}

// u (n, u_stride); what stands behind a row stays -7.
static float *served(const struct din *din, const struct input *in)
{
    size_t bytes = din_scratch_bytes(din, in->behaviours);
    assert_int_equal(bytes % 64, 0);
    void *scratch = aligned_alloc(64, bytes);
    assert_non_null(scratch);
    memset(scratch, 0xff, bytes); // NaN: nothing may be read before it is written
    float *once = floats_odd(din_once_floats(din, in->behaviours));
    float *u = floats_odd(in->n * in->u_stride);
    for (size_t i = 0; i < in->n * in->u_stride; i++)
        u[i] = -7;
    din_once(din, in->e_b, in->behaviours, once);
    din_forward(din, once, in->e_b, in->behaviours, in->e_t, in->e_t_stride, in->n, u, in->u_stride,
                scratch);
    floats_free(once);
    free(scratch);
    return u;
}

// ---- the order of model/din.h

static float activated(const struct din_weights *weights, size_t layer, size_t j, float x)
{
    const struct din_layer *l = &weights->layers[layer];
    if (weights->activation == DIN_PRELU)
        return x > 0 ? x : l->kappa[j] * x;
    float inverse = (float)(1 / sqrt((double)l->var[j] + 1e-9));
    float rest = (float)(1 - (double)l->kappa[j]), p = (x - l->mean[j]) * inverse;
    kernels_at(0)->sigmoid(&p, 1, &p);
    return x * (l->kappa[j] + rest * p);
}

static float order_attention(const struct din_weights *weights, const float *e_b, const float *e_t)
{
    float now[MAX_WIDTH] = {0}, next[MAX_WIDTH] = {0}, product[MAX_WIDTH] = {0};
    size_t dim = weights->dim;
    for (size_t k = 0; k < dim; k++)
        product[k] = e_b[k] * e_t[k];
    for (size_t j = 0; j < weights->layers[0].out; j++) {
        float p = floats_chain(e_b, weights->a + j * dim, dim, weights->layers[0].bias[j]);
        float q = floats_chain(e_t, weights->b + j * dim, dim, 0);
        now[j] = floats_chain(product, weights->c + j * dim, dim, p + q);
    }
    for (size_t k = 1; k < weights->layer_count; k++) {
        const struct din_layer *layer = &weights->layers[k];
        for (size_t i = 0; i < layer->in; i++)
            now[i] = activated(weights, k - 1, i, now[i]);
        for (size_t j = 0; j < layer->out; j++) {
            const float *w = layer->weight + j * layer->in;
            next[j] = layer->out < 16 ? floats_partials(now, w, layer->in, layer->bias[j])
                                      : floats_chain(now, w, layer->in, layer->bias[j]);
        }
        memcpy(now, next, sizeof(now));
    }
    return now[0];
}

static void order_softmax(float *a, size_t n)
{
    float most = a[0], sum = 0;
    for (size_t b = 1; b < n; b++)
        most = fmaxf(most, a[b]);
    for (size_t b = 0; b < n; b++) {
        a[b] -= most;
        kernels_at(0)->exp(&a[b], 1, &a[b]);
        sum += a[b];
    }
    for (size_t b = 0; b < n; b++)
        a[b] /= sum;
}

static void order_pooled(const struct din_weights *weights, const struct input *in,
                         const float *e_t, float *u)
{
    float a[MAX_B];
    for (size_t b = 0; b < in->behaviours; b++)
        a[b] = order_attention(weights, in->e_b + b * in->dim, e_t);
    if (weights->softmax && in->behaviours > 0)
        order_softmax(a, in->behaviours);
    for (size_t k = 0; k < in->dim; k++) {
        u[k] = 0;
        for (size_t b = 0; b < in->behaviours; b++)
            u[k] = fmaf(a[b], in->e_b[b * in->dim + k], u[k]);
    }
}

// ---- the formula of the specification

static double plain_activated(const struct din_weights *weights, size_t layer, size_t j, double x)
{
    const struct din_layer *l = &weights->layers[layer];
    double kappa = (double)l->kappa[j];
    if (weights->activation == DIN_PRELU)
        return fmax(0, x) + kappa * fmin(0, x);
    double normal = (x - (double)l->mean[j]) / sqrt((double)l->var[j] + 1e-9);
    return x * (kappa + (1 - kappa) / (1 + exp(-normal)));
}

static double plain_attention(const struct din_made *made, const float *e_b, const float *e_t)
{
    const struct din_weights *weights = &made->weights;
    double now[MAX_WIDTH] = {0}, next[MAX_WIDTH] = {0};
    size_t dim = weights->dim;
    for (size_t k = 0; k < dim; k++) {
        now[k] = (double)e_b[k];
        now[dim + k] = (double)e_t[k];
        now[2 * dim + k] = (double)e_b[k] - (double)e_t[k];
        now[3 * dim + k] = (double)e_b[k] * (double)e_t[k];
    }
    for (size_t l = 0; l < weights->layer_count; l++) {
        const struct din_layer *layer = &weights->layers[l];
        const float *w = l == 0 ? made->w : layer->weight;
        for (size_t j = 0; j < layer->out; j++) {
            next[j] = (double)layer->bias[j];
            for (size_t k = 0; k < layer->in; k++)
                next[j] += (double)w[j * layer->in + k] * now[k];
            if (l + 1 < weights->layer_count)
                next[j] = plain_activated(weights, l, j, next[j]);
        }
        memcpy(now, next, sizeof(now));
    }
    return now[0];
}

// u and the sum of the sizes of its terms, by which its error is measured.
static void plain_pooled(const struct din_made *made, const struct input *in, const float *e_t,
                         double *u, double *size)
{
    double a[MAX_B], sum = 0;
    for (size_t b = 0; b < in->behaviours; b++) {
        a[b] = plain_attention(made, in->e_b + b * in->dim, e_t);
        sum += exp(a[b]);
    }
    for (size_t k = 0; k < in->dim; k++) {
        u[k] = size[k] = 0;
        for (size_t b = 0; b < in->behaviours; b++) {
            double weight = made->weights.softmax ? exp(a[b]) / sum : a[b];
            u[k] += weight * (double)in->e_b[b * in->dim + k];
            size[k] += fabs(weight * (double)in->e_b[b * in->dim + k]);
        }
    }
}

// ---- random units

static void check_plain(const struct din_made *made, const struct input *in, const float *e_t,
                        const float *got)
{
    double u[MAX_WIDTH], size[MAX_WIDTH];
    plain_pooled(made, in, e_t, u, size);
    for (size_t k = 0; k < in->dim; k++)
        if (!(fabs((double)got[k] - u[k]) <= 1e-5 * (1 + size[k])))
            fail_msg("u[%zu] is %.9g, not %.9g", k, (double)got[k], u[k]);
}

static void check_served(const struct din_made *made, const struct input *in,
                         const struct kernels *set)
{
    struct din *din = din_of(&made->weights, set);
    assert_int_equal(din_dim(din), in->dim);
    float *u = served(din, in), want[MAX_WIDTH];
    for (size_t i = 0; i < in->n; i++) {
        const float *e_t = in->e_t + i * in->e_t_stride, *got = u + i * in->u_stride;
        order_pooled(&made->weights, in, e_t, want);
        size_t at = floats_differ(want, got, in->dim);
        if (at < in->dim)
            fail_msg("%s: dim %zu, %zu behaviours, candidate %zu of %zu: u[%zu] is %a, not %a",
                     set->name, in->dim, in->behaviours, i, in->n, at, (double)got[at],
                     (double)want[at]);
        check_plain(made, in, e_t, got);
        for (size_t k = in->dim; k < in->u_stride; k++)
            assert_true(got[k] == -7);
    }
    floats_free(u);
    din_free(din);
}

static void run_case(const struct din_made_shape *shape, size_t behaviours, size_t n, uint64_t seed)
{
    struct din_made made = din_made_of(shape, seed);
    struct input in = input_of(shape->dim, behaviours, n, seed + 500);
    for (size_t s = 0; s < kernels_count(); s++)
        if (kernels_runnable(s))
            check_served(&made, &in, kernels_at(s));
    input_free(&in);
    din_made_free(&made);
}

static const size_t dims[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 40};
static const size_t hidden[] = {1, 2, 5, 15, 16, 17, 31, 32, 33, 40, 48, 49, 64, 80, 96, 100};

static size_t pick(struct rng *rng, const size_t *list, size_t count)
{
    return list[rng_below(rng, (uint32_t)count)];
}

static void test_random_units(void **state)
{
    (void)state;
    struct rng rng;
    rng_start(&rng, 7, RNG_TEST, 0, 0);
    for (uint64_t round = 0; round < 120; round++) {
        struct din_made_shape shape = {.dim = pick(&rng, dims, sizeof(dims) / sizeof(dims[0])),
                                       .layer_count = 2 + rng_below(&rng, 3),
                                       .activation = round % 2 == 0 ? DIN_PRELU : DIN_DICE,
                                       .softmax = round / 2 % 2 == 0};
        for (size_t k = 0; k + 1 < shape.layer_count; k++)
            shape.widths[k] = pick(&rng, hidden, sizeof(hidden) / sizeof(hidden[0]));
        shape.widths[shape.layer_count - 1] = 1;
        size_t behaviours = rng_below(&rng, MAX_B + 1), n = rng_below(&rng, 12);
        run_case(&shape, behaviours, n, 1000 * (round + 1));
    }
}

// Blocks of pairs and of candidates, at their ends.
static void test_every_number_of_behaviours(void **state)
{
    (void)state;
    for (int choice = 0; choice < 4; choice++) {
        const struct din_made_shape shape = {.dim = 4,
                                             .layer_count = 3,
                                             .widths = {20, 6, 1},
                                             .activation = choice / 2 == 0 ? DIN_PRELU : DIN_DICE,
                                             .softmax = choice % 2 != 0};
        for (size_t behaviours = 0; behaviours <= MAX_B; behaviours += 1 + behaviours / 4)
            for (size_t n = 0; n <= MAX_N; n += 1 + n / 2)
                run_case(&shape, behaviours, n, behaviours * 100 + n);
    }
}

// ---- properties

static const struct din_made_shape usual = {
    .dim = 16, .layer_count = 3, .widths = {80, 40, 1}, .activation = DIN_DICE, .softmax = true};

static void test_alone_as_in_company(void **state)
{
    (void)state;
    struct din_made made = din_made_of(&usual, 1);
    struct input in = input_of(usual.dim, 50, 67, 2);
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        struct din *din = din_of(&made.weights, kernels_at(s));
        float *all = served(din, &in);
        for (size_t i = 0; i < in.n; i += 11) {
            struct input one = in;
            one.n = 1;
            one.e_t = in.e_t + i * in.e_t_stride;
            float *u = served(din, &one);
            assert_int_equal(floats_differ(u, all + i * in.u_stride, in.dim), in.dim);
            floats_free(u);
        }
        floats_free(all);
        din_free(din);
    }
    input_free(&in);
    din_made_free(&made);
}

static void test_nan_stays_where_it_is(void **state)
{
    (void)state;
    struct din_made made = din_made_of(&usual, 3);
    struct input in = input_of(usual.dim, 9, 40, 4);
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        struct din *din = din_of(&made.weights, kernels_at(s));
        float *before = served(din, &in), kept = in.e_t[5 * in.e_t_stride];
        in.e_t[5 * in.e_t_stride] = NAN;
        float *after = served(din, &in);
        in.e_t[5 * in.e_t_stride] = kept;
        for (size_t i = 0; i < in.n; i++)
            for (size_t k = 0; k < in.dim; k++) {
                size_t at = i * in.u_stride + k;
                assert_true(i == 5 ? isnan(after[at]) : after[at] == before[at]);
            }
        floats_free(before);
        floats_free(after);
        din_free(din);
    }
    input_free(&in);
    din_made_free(&made);
}

static void test_by_hand(void **state)
{
    (void)state;
    // h = 10 + 2 e_b + 3 e_t + 5 e_b e_t, of which half is kept below 0; a = 2 h' + 1.
    const float a = 2, b = 3, c = 5, bias[] = {10}, kappa = 0.5F, weight = 2, last_bias = 1;
    const struct din_weights weights = {
        .dim = 1,
        .a = &a,
        .b = &b,
        .c = &c,
        .layer_count = 2,
        .layers = {{.in = 4, .out = 1, .bias = bias, .kappa = &kappa},
                   {.in = 1, .out = 1, .weight = &weight, .bias = &last_bias}}};
    float e_b[] = {1, -2}, e_t[] = {1, 2, -3};
    const struct input in = {
        .behaviours = 2, .n = 3, .dim = 1, .e_t_stride = 1, .u_stride = 1, .e_b = e_b, .e_t = e_t};
    struct din *din = din_of(&weights, kernels_at(0));
    float *u = served(din, &in);
    // e_t 1: h 20 and -1, a 41 and 0. e_t 2: h 28 and -8, a 57 and -7. e_t -3: h -12 and 27, a -11
    // and 55.
    assert_true(u[0] == 41 && u[1] == 57 + 14 && u[2] == -11 - 110);
    floats_free(u);
    din_free(din);
}

// ---- refusals

static void assert_refused(const struct din_weights *weights, enum status want, const char *words)
{
    struct din *din = NULL;
    struct diag diag = {0};
    assert_int_equal(din_new(weights, kernels_at(0), &din, &diag), want);
    assert_null(din);
    if (strstr(diag.words, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", diag.words, words);
}

static void test_refused_shapes(void **state)
{
    (void)state;
    struct din_made made = din_made_of(&usual, 5);
    struct din_weights w = made.weights;
    w.dim = 0;
    assert_refused(&w, STATUS_INVALID, "embeddings of 0 numbers");
    w = made.weights;
    w.layer_count = 1;
    assert_refused(&w, STATUS_INVALID, "1 layers, not 2 to 8");
    w.layer_count = 9;
    assert_refused(&w, STATUS_INVALID, "9 layers, not 2 to 8");
    w = made.weights;
    w.layers[0].in = 16;
    assert_refused(&w, STATUS_INVALID, "attention layer 0: takes 16 values, not 64");
    w = made.weights;
    w.layers[1].in = 79;
    assert_refused(&w, STATUS_INVALID, "attention layer 1: takes 79 values, not 80");
    w = made.weights;
    w.layers[1].out = 0;
    assert_refused(&w, STATUS_INVALID, "attention layer 1: gives 0 values");
    w = made.weights;
    w.layers[2].out = 2;
    assert_refused(&w, STATUS_INVALID, "attention layer 2: gives 2 values, the last must give 1");
    w = made.weights;
    w.layers[0].out = SIZE_MAX / 8;
    assert_refused(&w, STATUS_TOO_LARGE, "attention layer 0");
    w = made.weights;
    w.dim = SIZE_MAX / 4 + 1;
    w.layers[0].in = 0;
    assert_refused(&w, STATUS_INVALID, "embeddings of");
    din_made_free(&made);
}

static void test_refused_numbers(void **state)
{
    (void)state;
    struct din_made made = din_made_of(&usual, 6);
    float **first = made.arrays[0], **second = made.arrays[1], **last = made.arrays[2];
    const struct {
        float *number;
        float value;
        const char *words;
    } cases[] = {
        {&made.folded[0][17], NAN, "attention layer 0: A (1, 1) is not finite"},
        {&made.folded[1][0], INFINITY, "attention layer 0: B (0, 0)"},
        {&made.folded[2][80 * 16 - 1], NAN, "attention layer 0: C (79, 15)"},
        {&first[1][3], NAN, "attention layer 0: bias (0, 3)"},
        {&first[2][79], -INFINITY, "attention layer 0: kappa (0, 79)"},
        {&second[0][81], NAN, "attention layer 1: weight (1, 1)"},
        {&second[3][1], NAN, "attention layer 1: mean (0, 1)"},
        {&second[4][1], NAN, "attention layer 1: var (0, 1)"},
        {&second[4][39], -1e-9F, "attention layer 1: var (39) is below 0"},
        {&last[0][39], NAN, "attention layer 2: weight (0, 39)"},
        {&last[1][0], NAN, "attention layer 2: bias (0, 0)"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        float kept = *cases[i].number;
        *cases[i].number = cases[i].value;
        assert_refused(&made.weights, STATUS_INVALID, cases[i].words);
        *cases[i].number = kept;
    }
    din_free(din_of(&made.weights, kernels_at(0)));
    din_free(NULL);
    din_made_free(&made);
}

int main(void)
{
    floats_announce_sets();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_units),
        cmocka_unit_test(test_every_number_of_behaviours),
        cmocka_unit_test(test_alone_as_in_company),
        cmocka_unit_test(test_nan_stays_where_it_is),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_refused_shapes),
        cmocka_unit_test(test_refused_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
