// Adam against the textbook recurrence in double, written here (Kingma and Ba 2015, algorithm 1;
// coupled L2 and clipping as spec/algorithm.md 6.2 says); the same bits for any number of threads.
#include "base/rng.h"
#include "model/train/adam.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 37, COLUMNS = 51, VECTOR = 29, STEPS = 12 };

struct fixture {
    struct param_set params;
    size_t floats, weight, vector; // offsets
    float *values, *m, *v, *grads;
    struct adam adam;
};

static const struct adam_config plain = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8};

static void start(struct fixture *f)
{
    *f = (struct fixture){0};
    f->weight = f->params.views[param_declare(&f->params, "w", ROWS, COLUMNS, true)].offset;
    f->vector = f->params.views[param_declare(&f->params, "b", 1, VECTOR, false)].offset;
    f->floats = f->params.floats;
    f->values = calloc(4 * f->floats, sizeof(float));
    assert_non_null(f->values);
    f->m = f->values + f->floats;
    f->v = f->m + f->floats;
    f->grads = f->v + f->floats;
    f->adam = (struct adam){f->m, f->v, 0};
}

static bool is_gap(const struct fixture *f, size_t i)
{
    return (i >= ROWS * COLUMNS && i < f->vector) || i >= f->vector + VECTOR;
}

// Gradients of very different size; gaps stay zero.
static void fill(const struct fixture *f, float *values, uint32_t stream)
{
    struct rng rng;
    rng_start(&rng, 1, RNG_TEST, stream, 0);
    for (size_t i = 0; i < f->floats; i++) {
        double value = rng_normal(&rng) * pow(10, -(double)(i % 5));
        values[i] = is_gap(f, i) ? 0 : (float)value;
    }
}

static void check(const struct adam_config *config, double lr)
{
    struct fixture f;
    start(&f);
    fill(&f, f.values, 0);
    double *w = calloc(3 * f.floats, sizeof(*w)), *m = w + f.floats, *v = m + f.floats;
    assert_non_null(w);
    for (size_t i = 0; i < f.floats; i++)
        w[i] = (double)f.values[i];
    struct team *team = team_start(2);
    assert_non_null(team);
    for (uint32_t t = 1; t <= STEPS; t++) {
        fill(&f, f.grads, t);
        double norm = 0;
        for (size_t i = 0; i < f.floats; i++)
            norm += (double)f.grads[i] * (double)f.grads[i];
        norm = sqrt(norm);
        double squares = adam_squares(&f.params, f.grads, team), got = sqrt(squares);
        adam_step(&f.adam, config, lr, squares, &f.params, f.values, f.grads, team);
        assert_true(fabs(got - norm) <= 1e-12 * norm);
        double clip =
            config->clip_norm > 0 && norm > config->clip_norm ? config->clip_norm / norm : 1;
        for (size_t i = 0; i < f.floats; i++) {
            bool decays = config->decay_all || i < ROWS * COLUMNS;
            double g = (double)f.grads[i] * clip + (decays ? config->weight_decay * w[i] : 0);
            m[i] = config->beta1 * m[i] + (1 - config->beta1) * g;
            v[i] = config->beta2 * v[i] + (1 - config->beta2) * g * g;
            double mean = m[i] / (1 - pow(config->beta1, t));
            double square = v[i] / (1 - pow(config->beta2, t));
            w[i] -= lr * mean / (sqrt(square) + config->epsilon);
        }
    }
    assert_int_equal(f.adam.t, STEPS);
    for (size_t i = 0; i < f.floats; i++) {
        // Each step rounds an update of at most about lr, and the parameter, to float.
        double allowed = STEPS * (2e-6 * lr + 1e-7 * fabs(w[i]));
        if (!is_gap(&f, i) && !(fabs((double)f.values[i] - w[i]) <= allowed))
            fail_msg("w[%zu]: got %.9g, want %.9g", i, (double)f.values[i], w[i]);
        if (is_gap(&f, i))
            assert_true(f.values[i] == 0 && f.m[i] == 0 && f.v[i] == 0);
    }
    team_stop(team);
    free(w);
    free(f.values);
}

static void recurrence(void **state)
{
    (void)state;
    check(&plain, .01);
}

static void coupled_decay(void **state)
{
    (void)state;
    struct adam_config config = plain;
    config.weight_decay = .1;
    check(&config, .01);
    config.decay_all = true;
    check(&config, .01);
}

static void clipping(void **state)
{
    (void)state;
    struct adam_config config = plain;
    config.clip_norm = 1e-3;
    config.weight_decay = .01;
    check(&config, .01);
    config.clip_norm = 1e9; // never reached
    check(&config, .01);
}

// The first step is lr * sign(g), however small the gradient (beside epsilon).
static void first_step(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct team *team = team_start(1);
    assert_non_null(team);
    f.grads[0] = 100;
    f.grads[1] = -1e-4F;
    adam_step(&f.adam, &plain, .01, 0, &f.params, f.values, f.grads, team);
    assert_true(fabsf(f.values[0] + .01F) < 1e-8F);
    assert_true(fabsf(f.values[1] - .01F) < 2e-6F);
    assert_true(f.values[2] == 0);
    team_stop(team);
    free(f.values);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    struct adam_config config = plain;
    config.weight_decay = .01;
    config.clip_norm = .5;
    struct fixture first = {0};
    double first_norm = 0;
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct fixture f;
        start(&f);
        fill(&f, f.values, 0);
        struct team *team = team_start(threads);
        assert_non_null(team);
        double norm = 0;
        for (uint32_t t = 1; t <= STEPS; t++) {
            fill(&f, f.grads, t);
            double squares = adam_squares(&f.params, f.grads, team);
            adam_step(&f.adam, &config, .01, squares, &f.params, f.values, f.grads, team);
            norm = sqrt(squares);
        }
        team_stop(team);
        if (threads == 1) {
            first = f;
            first_norm = norm;
            continue;
        }
        assert_true(norm == first_norm);
        assert_memory_equal(f.values, first.values, 3 * f.floats * sizeof(float));
        free(f.values);
    }
    free(first.values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recurrence),
        cmocka_unit_test(coupled_decay),
        cmocka_unit_test(clipping),
        cmocka_unit_test(first_step),
        cmocka_unit_test(threads_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
