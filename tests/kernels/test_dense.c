// Every set against an independent chain of fmaf over unpacked weights, bit for bit; the order
// itself by sums done by hand.
#include "model/kernels/kernels.h"
#include "tests/support/floats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_ROWS = 29, MAX_OUT = 65, UNTOUCHED = -12345 }; // two tiles + 1 of the largest

struct problem {
    size_t n, in, out;
    size_t x_stride, y_stride, init_stride, padded;
    float *x, *w, *init, *panels, *want, *got;
};

static size_t round_up(size_t value, size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

static float *filled(size_t n, uint64_t seed, enum floats_kind kind)
{
    float *x = floats_odd(n);
    floats_fill(x, n, seed, kind);
    return x;
}

// The layout of the header, written from its formula.
static float *packed(const float *w, size_t in, size_t out)
{
    size_t columns = round_up(out, 32), floats = columns * in;
    float *panels = aligned_alloc(64, (floats + 16) * sizeof(float));
    assert_non_null(panels);
    for (size_t column = 0; column < columns; column++)
        for (size_t k = 0; k < in; k++)
            panels[(column / 32 * in + k) * 32 + column % 32] =
                column < out ? w[column * in + k] : 0;
    return panels;
}

// Every other problem has one init for all rows.
static struct problem problem_make(size_t n, size_t in, size_t out, enum floats_kind kind)
{
    struct problem p = {.n = n, .in = in, .out = out, .padded = round_up(out, 16)};
    p.init_stride = (n + in + out) % 2 == 0 ? 0 : p.padded + in % 3;
    p.x_stride = in + n % 3;
    p.y_stride = p.padded + n % 5;
    uint64_t seed = n * 10000 + in * 100 + out;
    p.x = filled(n * p.x_stride, seed, kind);
    p.w = filled(in * out, seed + 1000000, kind);
    p.init = filled(p.padded + n * p.init_stride, seed + 2000000, kind);
    p.panels = packed(p.w, in, out);
    p.want = floats_odd(n * p.y_stride);
    p.got = floats_odd(n * p.y_stride);
    return p;
}

static void problem_free(struct problem *p)
{
    free(p->panels);
    float *odd[] = {p->x, p->w, p->init, p->want, p->got};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        floats_free(odd[i]);
}

static void problem_solve(struct problem *p, bool relu)
{
    static const float zeros[512];
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->y_stride; j++) {
            float *y = &p->want[i * p->y_stride + j];
            *y = UNTOUCHED;
            if (j >= p->padded)
                continue;
            const float *w = j < p->out ? p->w + j * p->in : zeros;
            *y = floats_chain(p->x + i * p->x_stride, w, p->in, p->init[i * p->init_stride + j]);
            if (relu && *y < 0)
                *y = 0;
        }
}

static void problem_check(struct problem *p, const struct kernels *set, bool relu)
{
    size_t floats = p->n * p->y_stride;
    for (size_t i = 0; i < floats; i++)
        p->got[i] = UNTOUCHED;
    const struct kernels_panels w = {.data = p->panels, .in = p->in, .out = p->out};
    set->dense(p->x, p->n, p->x_stride, &w, p->init, p->init_stride, relu, p->got, p->y_stride);
    size_t at = floats_differ(p->want, p->got, floats);
    if (at < floats)
        fail_msg("%s: n %zu in %zu out %zu relu %d: row %zu column %zu is %a, not %a", set->name,
                 p->n, p->in, p->out, relu, at / p->y_stride, at % p->y_stride, (double)p->got[at],
                 (double)p->want[at]);
}

// The sums may start where they end.
static void problem_check_in_place(struct problem *p, const struct kernels *set, bool relu)
{
    size_t floats = p->n * p->y_stride;
    for (size_t i = 0; i < floats; i++) {
        size_t row = i / p->y_stride, column = i % p->y_stride;
        p->got[i] = column < p->padded ? p->init[row * p->init_stride + column] : UNTOUCHED;
    }
    const struct kernels_panels w = {.data = p->panels, .in = p->in, .out = p->out};
    set->dense(p->x, p->n, p->x_stride, &w, p->got, p->y_stride, relu, p->got, p->y_stride);
    assert_int_equal(floats_differ(p->want, p->got, floats), floats);
}

static void run_case(size_t n, size_t in, size_t out, enum floats_kind kind, bool relu)
{
    struct problem p = problem_make(n, in, out, kind);
    problem_solve(&p, relu);
    for (size_t s = 0; s < kernels_count(); s++)
        if (kernels_runnable(s)) {
            problem_check(&p, kernels_at(s), relu);
            problem_check_in_place(&p, kernels_at(s), relu);
        }
    problem_free(&p);
}

static void test_every_height_and_width(void **state)
{
    (void)state;
    for (size_t n = 0; n <= MAX_ROWS; n++)
        for (size_t out = 1; out <= MAX_OUT; out++)
            run_case(n, (n + out) % 7, out, FLOATS_TAME, (n + out) % 2 != 0);
}

static void test_every_depth(void **state)
{
    (void)state;
    for (size_t in = 0; in <= 65; in++)
        for (size_t n = 1; n <= MAX_ROWS; n += 4)
            run_case(n, in, 33, FLOATS_TAME, in % 2 == 0);
    run_case(15, 511, 40, FLOATS_TAME, false);
}

static void test_wild_numbers(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MAX_ROWS; n++)
        for (size_t in = 0; in <= 5; in++)
            for (int relu = 0; relu < 2; relu++)
                run_case(n, in, 16 + 7 * in, FLOATS_WILD, relu != 0);
}

// One row, all outputs alike, all weights the same: what is left of x and init shows the order.
static void assert_chain(const float *x, size_t in, float weight, float init, bool relu, float want)
{
    float w[KERNELS_NARROW * 8], inits[KERNELS_PANEL] = {0}, y[KERNELS_PANEL];
    for (size_t i = 0; i < KERNELS_NARROW * in; i++)
        w[i] = weight;
    for (size_t j = 0; j < KERNELS_NARROW; j++)
        inits[j] = init;
    float *panels = packed(w, in, KERNELS_NARROW);
    const struct kernels_panels panel = {.data = panels, .in = in, .out = KERNELS_NARROW};
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        kernels_at(s)->dense(x, 1, in, &panel, inits, 0, relu, y, KERNELS_PANEL);
        for (size_t j = 0; j < KERNELS_NARROW; j++)
            assert_true(floats_same(y[j], want));
    }
    free(panels);
}

static void test_order_by_hand(void **state)
{
    (void)state;
    // 1e8 + 1 is 1e8 in fp32: ascending k loses the 1 here ...
    assert_chain((const float[]){1e8F, 1, -1e8F}, 3, 1, 0, false, 0);
    // ... and keeps it here.
    assert_chain((const float[]){1e8F, -1e8F, 1}, 3, 1, 0, false, 1);
    // The start comes first: (1 + 1e8) - 1e8.
    assert_chain((const float[]){1e8F, -1e8F}, 2, 1, 1, false, 0);
    // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: rounding the product before the sum would leave 0.
    assert_chain((const float[]){1 + 0x1p-12F}, 1, 1 + 0x1p-12F, -(1 + 0x1p-11F), false, 0x1p-24F);
    // Zeros are not skipped: 0 * inf is NaN.
    assert_chain((const float[]){0}, 1, INFINITY, 0, false, NAN);
}

static void test_relu_by_hand(void **state)
{
    (void)state;
    const float none[1] = {0};
    assert_chain(none, 0, 1, -3, true, 0);
    assert_chain(none, 0, 1, -3, false, -3);
    assert_chain(none, 0, 1, 3, true, 3);
    assert_chain(none, 0, 1, NAN, true, NAN);
    assert_chain(none, 0, 1, -0.0F, true, -0.0F);
    assert_chain(none, 0, 1, -INFINITY, true, 0);
}

int main(void)
{
    floats_announce_sets();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_height_and_width), cmocka_unit_test(test_every_depth),
        cmocka_unit_test(test_wild_numbers),           cmocka_unit_test(test_order_by_hand),
        cmocka_unit_test(test_relu_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
