// The table step by step: sums stated by hand, updates against the textbook recurrences in double,
// written here over all rows that occur (Kingma and Ba 2015, algorithm 1; Duchi, Hazan, Singer
// 2011); other rows keep their bits; the same bits for any number of threads.
#include "base/rng.h"
#include "model/train/embed_table.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 40, DIM = 3, STEPS = 12, USES = 25 };

static const struct adam_config plain = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8};

static struct team *start(struct embed_table *table, size_t rows, enum embed_optimiser optimiser,
                          unsigned threads)
{
    struct team *team = team_start(threads);
    assert_non_null(team);
    assert_int_equal(embed_table_init(table, "item", rows, DIM, optimiser, NULL), STATUS_OK);
    embed_table_draw(table, 5, .1, team);
    embed_table_begin(table);
    return team;
}

static void stop(struct embed_table *table, struct team *team)
{
    embed_table_fini(table);
    team_stop(team);
}

static float *use(struct embed_table *table, const uint32_t *rows, size_t n)
{
    size_t first;
    assert_int_equal(embed_table_use(table, rows, n, &first), STATUS_OK);
    assert_int_equal(first, table->count - n);
    return table->grad + first * DIM;
}

// One occurrence, its gradient (a, b, c).
static void use_one(struct embed_table *table, uint32_t row, float a, float b, float c)
{
    memcpy(use(table, &row, 1), (float[DIM]){a, b, c}, DIM * sizeof(float));
}

static void sum_is(const struct embed_table *table, size_t k, uint32_t row, float a, float b,
                   float c)
{
    const float want[DIM] = {a, b, c};
    assert_true(k < table->touched_count);
    assert_int_equal(table->touched[k], row);
    for (size_t j = 0; j < DIM; j++)
        if (table->sums[k * DIM + j] != want[j])
            fail_msg("row %u, %zu: got %.9g, want %.9g", row, j, (double)table->sums[k * DIM + j],
                     (double)want[j]);
}

// ---- occurrences and sums

static void occurrences_are_added(void **state)
{
    (void)state;
    struct embed_table table;
    struct team *team = start(&table, ROWS, EMBED_ADAM, 2);
    use_one(&table, 7, 1, 2, 3);
    use_one(&table, 39, 100, 200, 300);
    use_one(&table, 7, 10, 20, 30);
    use_one(&table, 0, 1e9F, NAN, -1);
    use_one(&table, 1, -1, -2, -3);
    use_one(&table, 7, .5F, .25F, .125F);
    embed_table_collect(&table, team);
    assert_int_equal(table.touched_count, 3);
    sum_is(&table, 0, 7, 11.5F, 22.25F, 33.125F);
    sum_is(&table, 1, 39, 100, 200, 300);
    sum_is(&table, 2, 1, -1, -2, -3);
    double want = 11.5 * 11.5 + 22.25 * 22.25 + 33.125 * 33.125 + 140000 + 14;
    assert_true(embed_table_squares(&table, team) == want);
    stop(&table, team);
}

// (1e8 + 1) - 1e8 is 0 in float, and 1 in any other order of these.
static void in_their_order(void **state)
{
    (void)state;
    struct embed_table table;
    struct team *team = start(&table, ROWS, EMBED_ADAM, 1);
    use_one(&table, 4, 1e8F, 1, 1e8F);
    use_one(&table, 5, 1, 1, 1);
    use_one(&table, 4, 1, 1e8F, -1e8F);
    use_one(&table, 4, -1e8F, -1e8F, 1);
    embed_table_collect(&table, team);
    sum_is(&table, 0, 4, 0, 0, 1);
    stop(&table, team);
}

// What one step leaves is not seen by the next, whichever rows they share.
static void steps_are_apart(void **state)
{
    (void)state;
    struct embed_table table;
    struct team *team = start(&table, ROWS, EMBED_ADAM, 1);
    use_one(&table, 3, 1, 1, 1);
    use_one(&table, 9, 2, 2, 2);
    use_one(&table, 4, 3, 3, 3);
    embed_table_collect(&table, team);
    embed_table_begin(&table);
    assert_int_equal(table.count, 0);
    use_one(&table, 4, 5, 5, 5);
    use_one(&table, 8, 7, 7, 7);
    use_one(&table, 3, 6, 6, 6);
    embed_table_collect(&table, team);
    embed_table_collect(&table, team); // again changes nothing
    assert_int_equal(table.touched_count, 3);
    sum_is(&table, 0, 4, 5, 5, 5);
    sum_is(&table, 1, 8, 7, 7, 7);
    sum_is(&table, 2, 3, 6, 6, 6);
    stop(&table, team);
}

// Gradients start at zero, in a step after another too, and are kept when the room grows.
static void room_grows(void **state)
{
    (void)state;
    enum { MANY = 5000, FEW = 600, SUM = FEW / ROWS + 100 * (MANY / ROWS) };
    static uint32_t rows[MANY];
    struct embed_table table;
    struct team *team = start(&table, ROWS, EMBED_ADAM, 2);
    for (size_t i = 0; i < MANY; i++)
        rows[i] = (uint32_t)(i % ROWS);
    for (int step = 0; step < 2; step++) {
        embed_table_begin(&table);
        float *grad = use(&table, rows, FEW);
        for (size_t i = 0; i < FEW * DIM; i++) {
            assert_true(grad[i] == 0);
            grad[i] = 1;
        }
        grad = use(&table, rows, MANY);
        for (size_t i = 0; i < MANY * DIM; i++) {
            assert_true(grad[i] == 0);
            grad[i] = 100;
        }
        assert_int_equal(table.count, FEW + MANY);
        embed_table_collect(&table, team);
        assert_int_equal(table.touched_count, ROWS - 1);
        for (uint32_t row = 1; row < ROWS; row++)
            sum_is(&table, row - 1, row, SUM, SUM, SUM);
    }
    stop(&table, team);
}

static void a_step_without_rows(void **state)
{
    (void)state;
    struct embed_table table;
    struct team *team = start(&table, ROWS, EMBED_ADAM, 2);
    float before[ROWS * DIM];
    memcpy(before, table.values, sizeof(before));
    for (int step = 0; step < 2; step++) {
        embed_table_collect(&table, team);
        assert_int_equal(table.touched_count, 0);
        assert_true(embed_table_squares(&table, team) == 0);
        embed_table_update(&table, &plain, .1, 0, team);
        assert_int_equal(table.adam.t, step + 1);
        embed_table_begin(&table);
        use(&table, (uint32_t[]){0, 0}, 2);
    }
    assert_memory_equal(before, table.values, sizeof(before));
    stop(&table, team);
}

// ---- updates

// All of a table in double.
struct mirror {
    double w[ROWS * DIM], m[ROWS * DIM], v[ROWS * DIM], grad[ROWS * DIM];
    bool occurs[ROWS];
};

// Some rows, not those from 30 on, with gradients of very different size.
static void use_some(struct embed_table *table, struct mirror *mirror, uint32_t step)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, step, 0);
    memset(mirror->grad, 0, sizeof(mirror->grad));
    memset(mirror->occurs, 0, sizeof(mirror->occurs));
    embed_table_begin(table);
    for (size_t i = 0; i < USES; i++) {
        uint32_t row = (uint32_t)rng_below(&rng, 30);
        float *grad = use(table, &row, 1);
        for (size_t j = 0; j < DIM; j++) {
            // Multiples of 2^-16, so that a float holds their sums.
            double size = pow(10, -(double)(i % 4));
            grad[j] = (float)(round(rng_normal(&rng) * size * 0x1p16) * 0x1p-16);
            mirror->grad[row * DIM + j] += (double)grad[j];
        }
        mirror->occurs[row] = row != 0;
    }
}

static double adam_by_hand(struct mirror *mirror, size_t i, double g, uint32_t t)
{
    mirror->m[i] = plain.beta1 * mirror->m[i] + (1 - plain.beta1) * g;
    mirror->v[i] = plain.beta2 * mirror->v[i] + (1 - plain.beta2) * g * g;
    double mean = mirror->m[i] / (1 - pow(plain.beta1, t));
    double square = mirror->v[i] / (1 - pow(plain.beta2, t));
    return mean / (sqrt(square) + plain.epsilon);
}

static double adagrad_by_hand(struct mirror *mirror, size_t i, double g, uint32_t t)
{
    (void)t;
    mirror->v[i] += g * g;
    return g / (sqrt(mirror->v[i]) + 1e-10);
}

static double step_by_hand(struct mirror *mirror, const struct adam_config *config, double lr,
                           uint32_t t,
                           double (*direction)(struct mirror *, size_t, double, uint32_t))
{
    double squares = 0;
    for (size_t i = DIM; i < ROWS * DIM; i++)
        squares += mirror->grad[i] * mirror->grad[i];
    double norm = sqrt(squares);
    double clip = config->clip_norm > 0 && norm > config->clip_norm ? config->clip_norm / norm : 1;
    for (size_t i = 0; i < ROWS * DIM; i++) {
        double g = mirror->grad[i] * clip + config->weight_decay * mirror->w[i];
        if (mirror->occurs[i / DIM])
            mirror->w[i] -= lr * direction(mirror, i, g, t);
    }
    return squares;
}

static void check(const struct adam_config *config, enum embed_optimiser optimiser)
{
    const double lr = .01;
    struct embed_table table;
    struct mirror mirror = {0};
    struct team *team = start(&table, ROWS, optimiser, 2);
    float before[ROWS * DIM];
    memcpy(before, table.values, sizeof(before));
    for (size_t i = 0; i < ROWS * DIM; i++)
        mirror.w[i] = (double)table.values[i];
    for (uint32_t t = 1; t <= STEPS; t++) {
        use_some(&table, &mirror, t);
        embed_table_collect(&table, team);
        double squares = embed_table_squares(&table, team);
        embed_table_update(&table, config, lr, squares, team);
        double want = step_by_hand(&mirror, config, lr, t,
                                   optimiser == EMBED_ADAM ? adam_by_hand : adagrad_by_hand);
        assert_true(fabs(squares - want) <= 1e-12 * want);
    }
    assert_int_equal(table.adam.t, STEPS);
    bool moved = false;
    for (size_t i = 0; i < ROWS * DIM; i++) {
        // Each step rounds an update of at most about lr, and the parameter, to float.
        double allowed = STEPS * (2e-6 * lr + 1e-7 * fabs(mirror.w[i]));
        if (!(fabs((double)table.values[i] - mirror.w[i]) <= allowed))
            fail_msg("w[%zu]: got %.9g, want %.9g", i, (double)table.values[i], mirror.w[i]);
        moved = moved || fabs(mirror.w[i] - (double)before[i]) > lr;
        if (i >= DIM && i < 30 * DIM)
            continue;
        // row 0, and those that never occurred
        assert_memory_equal(&table.values[i], &before[i], sizeof(float));
        assert_true(table.adam.v[i] == 0 && (table.adam.m == NULL || table.adam.m[i] == 0));
    }
    assert_true(moved && before[0] == 0);
    stop(&table, team);
}

static void adam(void **state)
{
    (void)state;
    check(&plain, EMBED_ADAM);
}

static void adagrad(void **state)
{
    (void)state;
    check(&plain, EMBED_ADAGRAD);
}

static void decay_and_clipping(void **state)
{
    (void)state;
    struct adam_config config = plain;
    config.weight_decay = .1;
    check(&config, EMBED_ADAM);
    check(&config, EMBED_ADAGRAD);
    config.clip_norm = 1e-2;
    check(&config, EMBED_ADAM);
    check(&config, EMBED_ADAGRAD);
}

// A row that sits out keeps value and moments to the bit, though they are not zero; L2 alone moves
// a row whose gradient is zero, if it occurs.
static void who_sits_out(void **state)
{
    (void)state;
    struct adam_config config = plain;
    config.weight_decay = .5;
    struct embed_table table;
    struct team *team = start(&table, ROWS, EMBED_ADAM, 1);
    float kept[3][DIM], still[DIM];
    use_one(&table, 11, 1, 2, 3);
    use_one(&table, 12, 1, 2, 3);
    embed_table_collect(&table, team);
    embed_table_update(&table, &config, .01, 0, team);
    const float *at[3] = {table.values + 11 * DIM, table.adam.m + 11 * DIM,
                          table.adam.v + 11 * DIM};
    for (size_t i = 0; i < 3; i++) {
        memcpy(kept[i], at[i], sizeof(kept[i]));
        assert_true(at[i][0] != 0);
    }
    memcpy(still, table.values + 13 * DIM, sizeof(still));
    embed_table_begin(&table);
    use_one(&table, 12, 0, 0, 0);
    use_one(&table, 13, 0, 0, 0);
    embed_table_collect(&table, team);
    embed_table_update(&table, &config, .01, 0, team);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(kept[i], at[i], sizeof(kept[i]));
    for (size_t j = 0; j < DIM; j++) // towards zero
        assert_true(fabsf(table.values[13 * DIM + j]) < fabsf(still[j]));
    stop(&table, team);
}

// ---- threads and the start

static void threads_do_not_matter(void **state)
{
    (void)state;
    enum { LONG = 3000, MANY = 4000, ALL = LONG * DIM };
    static uint32_t rows[MANY];
    static float first[3][ALL];
    struct adam_config config = plain;
    config.weight_decay = .01;
    config.clip_norm = .5;
    double first_squares = 0;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct embed_table table;
        struct team *team = start(&table, LONG, EMBED_ADAM, threads);
        double squares = 0;
        for (uint32_t step = 1; step <= STEPS; step++) {
            struct rng rng;
            rng_start(&rng, 2, RNG_TEST, step, 0);
            for (size_t i = 0; i < MANY; i++)
                rows[i] = (uint32_t)rng_below(&rng, 1 + rng_below(&rng, LONG));
            embed_table_begin(&table);
            float *grad = use(&table, rows, MANY);
            for (size_t i = 0; i < MANY * DIM; i++)
                grad[i] = (float)rng_normal(&rng);
            embed_table_collect(&table, team);
            squares = embed_table_squares(&table, team);
            embed_table_update(&table, &config, .01, squares, team);
        }
        const float *got[3] = {table.values, table.adam.m, table.adam.v};
        for (size_t i = 0; i < 3; i++) {
            if (threads == 1)
                memcpy(first[i], got[i], sizeof(first[i]));
            assert_memory_equal(first[i], got[i], sizeof(first[i]));
        }
        first_squares = threads == 1 ? squares : first_squares;
        assert_true(squares == first_squares && squares > 0);
        stop(&table, team);
    }
}

// A row's start is its own: not of the threads, nor of how many rows there are.
static void where_rows_start(void **state)
{
    (void)state;
    struct embed_table table, longer, other;
    struct team *team = start(&table, ROWS, EMBED_ADAM, 1);
    struct team *team3 = start(&longer, 20 * ROWS, EMBED_ADAGRAD, 3);
    assert_memory_equal(table.values, longer.values, ROWS * DIM * sizeof(float));
    assert_int_equal(embed_table_init(&other, "user", ROWS, DIM, EMBED_ADAM, NULL), STATUS_OK);
    embed_table_draw(&other, 5, .1, team);
    embed_table_draw(&longer, 6, .1, team3);
    for (size_t i = 0; i < DIM; i++)
        assert_true(table.values[i] == 0 && other.values[i] == 0 && longer.values[i] == 0);
    for (size_t i = DIM; i < ROWS * DIM; i++) {
        assert_true(table.values[i] != other.values[i]);
        assert_true(table.values[i] != longer.values[i]);
    }
    assert_int_equal((uintptr_t)table.values % 64, 0);
    assert_int_equal((uintptr_t)longer.values % 64, 0);
    embed_table_fini(&other);
    stop(&table, team);
    stop(&longer, team3);
}

static void normal_start(void **state)
{
    (void)state;
    enum { LONG = 20001, NUMBERS = (LONG - 1) * DIM };
    struct embed_table table;
    struct team *team = start(&table, LONG, EMBED_ADAM, 2);
    double sum = 0, squares = 0, fourth = 0, pairs = 0;
    for (size_t i = DIM; i < LONG * DIM; i++) {
        double z = (double)table.values[i] / .1;
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        pairs += z * (double)table.values[i - 1] / .1;
    }
    // Five standard errors around 0, 1, 3, and 0: neighbours have nothing to do with each other.
    double root = sqrt(NUMBERS);
    assert_true(fabs(sum / NUMBERS) < 5 / root);
    assert_true(fabs(squares / NUMBERS - 1) < 5 * sqrt(2) / root);
    assert_true(fabs(fourth / NUMBERS - 3) < 5 * sqrt(96) / root);
    assert_true(fabs(pairs / NUMBERS) < 5 / root);
    stop(&table, team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(occurrences_are_added),
        cmocka_unit_test(in_their_order),
        cmocka_unit_test(steps_are_apart),
        cmocka_unit_test(room_grows),
        cmocka_unit_test(a_step_without_rows),
        cmocka_unit_test(adam),
        cmocka_unit_test(adagrad),
        cmocka_unit_test(decay_and_clipping),
        cmocka_unit_test(who_sits_out),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(where_rows_start),
        cmocka_unit_test(normal_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
