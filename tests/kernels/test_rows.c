// PReLU, Dice, adding and multiplying by a row, pooling: every set against the formula, bit for
// bit. (The sigmoid inside Dice is that of the scalar set, which has a test of its own.)
#include "model/kernels/kernels.h"
#include "tests/support/floats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { MAX_ROWS = 5, MAX_WIDTH = 70, WIDE = 600, UNTOUCHED = -12345 };

struct problem {
    size_t n, width, x_stride, y_stride;
    float *x, *y, *want;
    float *rows[4]; // (width) each
    float *a;       // (n)
};

static float *filled(size_t n, uint64_t seed, enum floats_kind kind)
{
    float *x = floats_odd(n);
    floats_fill(x, n, seed, kind);
    return x;
}

static struct problem problem_make(size_t n, size_t width, enum floats_kind kind)
{
    struct problem p = {.n = n, .width = width, .x_stride = width + n % 3};
    p.y_stride = width + width % 4;
    uint64_t seed = n * 1000 + width;
    p.x = filled(n * p.x_stride, seed, kind);
    p.y = floats_odd(n * p.y_stride + width);
    p.want = floats_odd(n * p.y_stride + width);
    for (size_t i = 0; i < 4; i++)
        p.rows[i] = filled(width, seed + 1000000 * (i + 1), FLOATS_TAME);
    p.a = filled(n, seed + 9000000, kind);
    return p;
}

static void problem_free(struct problem *p)
{
    float *odd[] = {p->x, p->y, p->want, p->a, p->rows[0], p->rows[1], p->rows[2], p->rows[3]};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        floats_free(odd[i]);
}

static size_t out_floats(const struct problem *p)
{
    return p->n * p->y_stride;
}

// y = x, with something behind each row that must stay.
static void set_out(const struct problem *p, float *y)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->y_stride; j++)
            y[i * p->y_stride + j] = j < p->width ? p->x[i * p->x_stride + j] : UNTOUCHED;
}

static void assert_out(const struct problem *p, const struct kernels *set, const char *op)
{
    size_t at = floats_differ(p->want, p->y, out_floats(p));
    if (at < out_floats(p))
        fail_msg("%s: %s of (%zu, %zu): number %zu is %a, not %a", set->name, op, p->n, p->width,
                 at, (double)p->y[at], (double)p->want[at]);
}

static float dice_of(const struct problem *p, size_t j, float x)
{
    float kappa = p->rows[0][j], rest = p->rows[1][j];
    float scaled = (x - p->rows[2][j]) * p->rows[3][j], probability;
    kernels_at(0)->sigmoid(&scaled, 1, &probability);
    return x * (kappa + rest * probability);
}

enum op { PRELU, DICE, ADD, MUL };

static float expected(const struct problem *p, enum op op, size_t j, float x)
{
    switch (op) {
    case PRELU:
        return x > 0 ? x : p->rows[0][j] * x;
    case DICE:
        return dice_of(p, j, x);
    case ADD:
        return x + p->rows[0][j];
    default:
        return x * p->rows[0][j];
    }
}

static void apply(const struct problem *p, enum op op, const struct kernels *set)
{
    const struct kernels_dice dice = {p->rows[0], p->rows[1], p->rows[2], p->rows[3]};
    switch (op) {
    case PRELU:
        set->prelu(p->y, p->n, p->y_stride, p->width, p->rows[0]);
        break;
    case DICE:
        set->dice(p->y, p->n, p->y_stride, p->width, &dice);
        break;
    case ADD:
        set->add_row(p->x, p->n, p->x_stride, p->rows[0], p->width, p->y, p->y_stride);
        break;
    default:
        set->mul_row(p->x, p->n, p->x_stride, p->rows[0], p->width, p->y, p->y_stride);
        break;
    }
}

static void check_rows(struct problem *p)
{
    static const char *const names[] = {"prelu", "dice", "add_row", "mul_row"};
    for (enum op op = PRELU; op <= MUL; op++) {
        set_out(p, p->want);
        for (size_t i = 0; i < p->n; i++)
            for (size_t j = 0; j < p->width; j++) {
                float *y = &p->want[i * p->y_stride + j];
                *y = expected(p, op, j, *y);
            }
        for (size_t s = 0; s < kernels_count(); s++) {
            if (!kernels_runnable(s))
                continue;
            set_out(p, p->y);
            apply(p, op, kernels_at(s));
            assert_out(p, kernels_at(s), names[op]);
        }
    }
}

static void check_pool(struct problem *p)
{
    for (size_t j = 0; j < p->width; j++) {
        float acc = 0;
        for (size_t i = 0; i < p->n; i++)
            acc = fmaf(p->a[i], p->x[i * p->x_stride + j], acc);
        p->want[j] = acc;
    }
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        kernels_at(s)->pool(p->a, p->x, p->n, p->x_stride, p->width, p->y);
        assert_int_equal(floats_differ(p->want, p->y, p->width), p->width);
    }
}

static void run_case(size_t n, size_t width, enum floats_kind kind)
{
    struct problem p = problem_make(n, width, kind);
    check_rows(&p);
    check_pool(&p);
    problem_free(&p);
}

static void test_every_size(void **state)
{
    (void)state;
    for (size_t n = 0; n <= MAX_ROWS; n++)
        for (size_t width = 0; width <= MAX_WIDTH; width++)
            run_case(n, width, FLOATS_TAME);
    run_case(2, WIDE, FLOATS_TAME);
    run_case(70, 16, FLOATS_TAME);
}

static void test_wild_numbers(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MAX_ROWS; n++)
        for (size_t width = 1; width <= MAX_WIDTH; width++)
            run_case(n, width, FLOATS_WILD);
}

static void test_by_hand(void **state)
{
    (void)state;
    for (size_t s = 0; s < kernels_count(); s++) {
        if (!kernels_runnable(s))
            continue;
        const struct kernels *set = kernels_at(s);
        float x[] = {-4, 0, 4, NAN, -INFINITY};
        const float quarter[] = {0.25F, 0.25F, 0.25F, 0.25F, 0.25F};
        set->prelu(x, 1, 5, 5, quarter);
        const float prelu[] = {-1, 0, 4, NAN, -INFINITY};
        assert_int_equal(floats_differ(x, prelu, 5), 5);
        // At the mean the probability is 1/2; far above it 1, far below 0.
        float at[] = {3, 1000, -1000, NAN};
        const float rest[] = {0.75F, 0.75F, 0.75F, 0.75F}, mean[] = {3, 3, 3, 3};
        const float inverse[] = {1, 1, 1, 1};
        set->dice(at, 1, 4, 4, &(struct kernels_dice){quarter, rest, mean, inverse});
        const float dice[] = {3 * 0.625F, 1000, -250, NAN};
        assert_int_equal(floats_differ(at, dice, 4), 4);
        // The oldest first: 1e8 + 1 is 1e8.
        float sum;
        set->pool((const float[]){1, 1, 1}, (const float[]){1e8F, 1, -1e8F}, 3, 1, 1, &sum);
        assert_true(sum == 0);
        set->pool((const float[]){1, 1, 1}, (const float[]){1e8F, -1e8F, 1}, 3, 1, 1, &sum);
        assert_true(sum == 1);
    }
}

int main(void)
{
    floats_announce_sets();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_wild_numbers),
        cmocka_unit_test(test_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
