// Every set against an independent sum in the order of the design, bit for bit; the order itself by
// sums done by hand.
#include "model/kernels/kernels.h"
#include "tests/support/floats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { UNTOUCHED = -12345 };

struct problem {
    size_t n, in, out, x_stride, y_stride;
    float *x, *w, *bias, *got;
};

static struct problem problem_make(size_t n, size_t in, size_t out, enum floats_kind kind)
{
    struct problem p = {.n = n, .in = in, .out = out, .x_stride = in + n % 3};
    p.y_stride = out + (n + in) % 2;
    uint64_t seed = n * 10000 + in * 100 + out;
    p.x = floats_odd(n * p.x_stride);
    p.w = floats_odd(in * out);
    p.bias = floats_odd(out);
    p.got = floats_odd(n * p.y_stride);
    floats_fill(p.x, n * p.x_stride, seed, kind);
    floats_fill(p.w, in * out, seed + 1000000, kind);
    floats_fill(p.bias, out, seed + 2000000, kind);
    return p;
}

static void problem_check(struct problem *p, const struct kernels *set, bool relu)
{
    for (size_t i = 0; i < p->n * p->y_stride; i++)
        p->got[i] = UNTOUCHED;
    set->narrow(p->x, p->n, p->x_stride, p->w, p->in, p->out, p->bias, relu, p->got, p->y_stride);
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->y_stride; j++) {
            float want = UNTOUCHED, got = p->got[i * p->y_stride + j];
            if (j < p->out)
                want = floats_partials(p->x + i * p->x_stride, p->w + j * p->in, p->in, p->bias[j]);
            if (j < p->out && relu && want < 0)
                want = 0;
            if (!floats_same(want, got))
                fail_msg("%s: n %zu in %zu out %zu relu %d: row %zu column %zu is %a, not %a",
                         set->name, p->n, p->in, p->out, relu, i, j, (double)got, (double)want);
        }
}

static void run_case(size_t n, size_t in, size_t out, enum floats_kind kind, bool relu)
{
    struct problem p = problem_make(n, in, out, kind);
    for (size_t s = 0; s < kernels_count(); s++)
        if (kernels_runnable(s))
            problem_check(&p, kernels_at(s), relu);
    float *odd[] = {p.x, p.w, p.bias, p.got};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        floats_free(odd[i]);
}

static void test_every_size(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 3; n++)
        for (size_t in = 0; in <= 49; in++)
            for (size_t out = 0; out < KERNELS_NARROW; out++)
                run_case(n, in, out, FLOATS_TAME, (in + out) % 2 != 0);
    for (size_t n = 4; n <= 33; n++)
        run_case(n, 256 + n, 1, FLOATS_TAME, false);
}

static void test_wild_numbers(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 8; n++)
        for (size_t in = 0; in <= 33; in++)
            for (int relu = 0; relu < 2; relu++)
                run_case(n, in, 1 + in % 15, FLOATS_WILD, relu != 0);
}

// One row and one output; x is 0 but for these places, all weights are 1.
struct term {
    size_t k;
    float x;
};

static void assert_sum(const struct term *terms, size_t count, size_t in, float bias, float want)
{
    float x[64] = {0}, w[64];
    for (size_t k = 0; k < 64; k++)
        w[k] = 1;
    for (size_t i = 0; i < count; i++)
        x[terms[i].k] = terms[i].x;
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        float y;
        kernels_at(s)->narrow(x, 1, in, w, in, 1, &bias, false, &y, 1);
        assert_true(floats_same(y, want));
    }
}

// 1e8 + 1 is 1e8 in fp32, so that what is left shows who met whom first.
static void test_order_by_hand(void **state)
{
    (void)state;
    // Same partial, 16 apart: 1e8 - 1e8 before the 1 of another partial comes in.
    assert_sum((const struct term[]){{0, 1e8F}, {1, 1}, {16, -1e8F}}, 3, 17, 0, 1);
    // Inside a partial k ascends: the 1 is lost in 1e8 before that is taken away.
    assert_sum((const struct term[]){{3, 1e8F}, {19, 1}, {35, -1e8F}}, 3, 36, 0, 0);
    // 8 apart before 4, 4 before 2, 2 before 1.
    assert_sum((const struct term[]){{0, 1e8F}, {8, -1e8F}, {4, 1}}, 3, 16, 0, 1);
    assert_sum((const struct term[]){{0, 1e8F}, {4, -1e8F}, {2, 1}}, 3, 16, 0, 1);
    assert_sum((const struct term[]){{0, 1e8F}, {2, -1e8F}, {1, 1}}, 3, 16, 0, 1);
    assert_sum((const struct term[]){{0, 1e8F}, {4, -1e8F}, {8, 1}}, 3, 16, 0, 0);
    assert_sum((const struct term[]){{0, 1e8F}, {2, -1e8F}, {4, 1}}, 3, 16, 0, 0);
    assert_sum((const struct term[]){{0, 1e8F}, {1, -1e8F}, {2, 1}}, 3, 16, 0, 0);
    // The bias comes last.
    assert_sum((const struct term[]){{0, 1e8F}, {1, -1e8F}}, 2, 16, 1, 1);
    assert_sum(NULL, 0, 0, -3, -3);
}

// Products that underflow leave -0 in every partial. Lanes behind the end must not add +0 to it;
// only with a bias of -0 does the sum show it.
static void test_negative_zero(void **state)
{
    (void)state;
    float x[17], w[17], bias = -0.0F, y;
    for (size_t k = 0; k < 17; k++) {
        x[k] = 0x1p-149F;
        w[k] = -0x1p-10F;
    }
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        kernels_at(s)->narrow(x, 1, 17, w, 17, 1, &bias, false, &y, 1);
        assert_true(y == 0 && signbit(y));
    }
}

int main(void)
{
    floats_announce_sets();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_wild_numbers),
        cmocka_unit_test(test_order_by_hand),
        cmocka_unit_test(test_negative_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
