// The network that learns: the result depends on the shards and not on the threads; dropout and
// initialisation are functions of their counters; the folded form is the same function.
#include "base/rng.h"
#include "model/net.h"
#include "model/train/adam.h"
#include "model/train/net_train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { INPUT = 21, ROWS = 157, STEPS = 4 };

static struct net_train_config usual(void)
{
    return (struct net_train_config){.input = INPUT,
                                     .hidden_count = 3,
                                     .hidden = {40, 24, 9},
                                     .input_bn = true,
                                     .hidden_bn = true,
                                     .dropout = .5,
                                     .shards = 2,
                                     .max_rows = ROWS,
                                     .seed = 42};
}

static void normals(float *values, size_t count, double mean, double deviation, uint32_t stream)
{
    struct rng rng;
    rng_start(&rng, 5, RNG_TEST, stream, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(mean + deviation * rng_normal(&rng));
}

struct fixture {
    struct team *team;
    struct net_train *net;
    size_t floats, stat_floats;
    float x[ROWS * INPUT], grad[ROWS], logit[ROWS];
};

static void start(struct fixture *f, const struct net_train_config *config, unsigned threads)
{
    f->team = team_start(threads);
    assert_non_null(f->team);
    assert_int_equal(net_train_new(config, f->team, &f->net, NULL), STATUS_OK);
    net_train_init(f->net, -1.25);
    f->floats = net_train_params(f->net)->floats;
    f->stat_floats = net_train_stats(f->net)->floats;
    normals(f->x, ROWS * INPUT, 1, 3, 1);
    normals(f->grad, ROWS, 0, .01, 2);
}

static void stop(struct fixture *f)
{
    net_train_free(f->net);
    team_stop(f->team);
}

// Some steps of training, the last with fewer rows.
static void train(struct fixture *f)
{
    struct adam_config config = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .weight_decay = .001};
    float *moments = calloc(2 * f->floats, sizeof(float));
    assert_non_null(moments);
    struct adam adam = {moments, moments + f->floats, 0};
    for (uint32_t step = 0; step < STEPS; step++) {
        size_t rows = step + 1 < STEPS ? ROWS : 7;
        net_train_forward(f->net, f->x, rows, 1, step, f->logit);
        net_train_backward(f->net, f->grad);
        adam_step(&adam, &config, .01, 0, net_train_params(f->net), net_train_values(f->net),
                  net_train_grads(f->net), f->team);
    }
    free(moments);
}

static void is_same(const struct fixture *a, const struct fixture *b)
{
    assert_memory_equal(a->logit, b->logit, sizeof(a->logit));
    assert_memory_equal(net_train_grads(a->net), net_train_grads(b->net),
                        a->floats * sizeof(float));
    assert_memory_equal(net_train_values(a->net), net_train_values(b->net),
                        a->floats * sizeof(float));
    assert_memory_equal(net_train_stat_values(a->net), net_train_stat_values(b->net),
                        a->stat_floats * sizeof(float));
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    for (size_t shards = 1; shards <= 5; shards++) {
        struct net_train_config config = usual();
        config.shards = shards;
        config.dropout_input = shards == 3;
        static struct fixture first, other;
        start(&first, &config, 1);
        train(&first);
        for (unsigned threads = 2; threads <= 4; threads++) {
            start(&other, &config, threads);
            train(&other);
            is_same(&first, &other);
            stop(&other);
        }
        stop(&first);
    }
}

// More shards than rows leave some without any.
static void shards_without_rows(void **state)
{
    (void)state;
    struct net_train_config config = usual();
    config.dropout = 0;
    static struct fixture two, many;
    start(&two, &config, 2);
    config.shards = 31;
    start(&many, &config, 2);
    net_train_forward(two.net, two.x, 5, 0, 0, two.logit);
    net_train_forward(many.net, many.x, 5, 0, 0, many.logit);
    for (size_t i = 0; i < 5; i++)
        assert_true(fabsf(two.logit[i] - many.logit[i]) < 1e-4F);
    net_train_backward(two.net, two.grad);
    net_train_backward(many.net, many.grad);
    for (size_t i = 0; i < two.floats; i++)
        assert_true(fabsf(net_train_grads(two.net)[i] - net_train_grads(many.net)[i]) < 1e-4F);
    stop(&two);
    stop(&many);
}

static void dropout_is_drawn_by_epoch_and_step(void **state)
{
    (void)state;
    struct net_train_config config = usual();
    static struct fixture f;
    start(&f, &config, 2);
    float first[ROWS];
    net_train_forward(f.net, f.x, ROWS, 3, 4, first);
    net_train_forward(f.net, f.x, ROWS, 3, 4, f.logit);
    assert_memory_equal(first, f.logit, sizeof(first));
    net_train_forward(f.net, f.x, ROWS, 3, 5, f.logit);
    assert_memory_not_equal(first, f.logit, sizeof(first));
    net_train_forward(f.net, f.x, ROWS, 4, 4, f.logit);
    assert_memory_not_equal(first, f.logit, sizeof(first));
    stop(&f);
}

static const struct param_view *view_of(const struct param_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->views[i].name, name) == 0)
            return &set->views[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void initial_values(void **state)
{
    (void)state;
    struct net_train_config config = usual();
    static struct fixture f, other;
    start(&f, &config, 1);
    const struct param_set *params = net_train_params(f.net);
    const float *values = net_train_values(f.net);
    assert_int_equal(params->count, 3 * 3 + 2);
    const struct param_view *weight = view_of(params, "hidden.1.weight");
    assert_int_equal(weight->rows, 24);
    assert_int_equal(weight->columns, 40);
    assert_true(weight->weight);
    assert_false(view_of(params, "hidden.1.gamma")->weight);
    // 960 normals with variance 2 / (40 + 24): mean and variance within five deviations
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 960; i++) {
        double value = (double)values[weight->offset + i] / sqrt(2. / 64);
        sum += value;
        squares += value * value;
    }
    assert_true(fabs(sum / 960) < 5 / sqrt(960));
    assert_true(fabs(squares / 960 - 1) < 5 * sqrt(2. / 960));
    for (size_t j = 0; j < 24; j++) {
        assert_true(values[view_of(params, "hidden.1.gamma")->offset + j] == 1);
        assert_true(values[view_of(params, "hidden.1.beta")->offset + j] == 0);
    }
    assert_true(values[view_of(params, "out.bias")->offset] == -1.25F);
    const struct param_set *stats = net_train_stats(f.net);
    assert_int_equal(stats->count, 8);
    assert_true(net_train_stat_values(f.net)[view_of(stats, "input.mean")->offset] == 0);
    assert_true(net_train_stat_values(f.net)[view_of(stats, "hidden.2.var")->offset] == 1);

    start(&other, &config, 2);
    assert_memory_equal(values, net_train_values(other.net), f.floats * sizeof(float));
    stop(&other);
    config.seed++;
    start(&other, &config, 2);
    assert_memory_not_equal(values, net_train_values(other.net), f.floats * sizeof(float));
    stop(&other);
    stop(&f);
}

// Where no BN follows there is a bias, within 1/sqrt(in) at the start.
static void initial_bias(void **state)
{
    (void)state;
    struct net_train_config config = usual();
    config.hidden_bn = false;
    static struct fixture f;
    start(&f, &config, 1);
    const struct param_set *params = net_train_params(f.net);
    const float *bias = net_train_values(f.net) + view_of(params, "hidden.0.bias")->offset;
    float largest = 0;
    for (size_t j = 0; j < 40; j++)
        largest = fmaxf(largest, fabsf(bias[j]));
    assert_true(largest <= (float)(1 / sqrt(INPUT)) && largest > (float)(.7 / sqrt(INPUT)));
    assert_int_equal(params->count, 3 * 2 + 2);
    assert_int_equal(net_train_stats(f.net)->count, 2);
    stop(&f);
}

static void is_same_function(const struct net_train_config *config)
{
    static struct fixture f;
    start(&f, config, 2);
    train(&f);
    struct net_layer layers[NET_TRAIN_MAX_HIDDEN + 1];
    size_t count;
    assert_int_equal(net_train_fold(f.net, layers, &count, NULL), STATUS_OK);
    assert_int_equal(count, config->hidden_count + 1);
    const struct kernels *kernels;
    struct net *served;
    assert_int_equal(kernels_choose("scalar", &kernels, NULL), STATUS_OK);
    assert_int_equal(net_new(layers, count, 0, kernels, &served, NULL), STATUS_OK);
    size_t bytes = (net_scratch_bytes(served) + 63) / 64 * 64;
    float *init = aligned_alloc(64, (net_shared_floats(served) * sizeof(float) + 64) / 64 * 64);
    void *scratch = aligned_alloc(64, bytes + 64);
    assert_true(init != NULL && scratch != NULL);
    float logit[ROWS];
    net_train_evaluate(f.net, f.x, ROWS, f.logit);
    net_shared(served, f.x, init);
    net_forward(served, init, f.x, ROWS, logit, scratch);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(fabsf(logit[i] - f.logit[i]) <= 1e-5F * fmaxf(1, fabsf(f.logit[i])));
    net_free(served);
    free(init);
    free(scratch);
    stop(&f);
}

static void folded_is_the_same_function(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct net_train_config config = usual();
        config.input_bn = (kind & 1) != 0;
        config.hidden_bn = (kind & 2) != 0;
        is_same_function(&config);
    }
    struct net_train_config config = usual();
    config.hidden_count = 0;
    is_same_function(&config);
}

static void fold_refuses_what_is_not_finite(void **state)
{
    (void)state;
    struct net_train_config config = usual();
    static struct fixture f;
    start(&f, &config, 1);
    struct net_layer layers[NET_TRAIN_MAX_HIDDEN + 1];
    size_t count = 99;
    struct diag diag;
    const struct param_set *params = net_train_params(f.net);
    net_train_values(f.net)[view_of(params, "hidden.2.weight")->offset + 5] = NAN;
    assert_int_equal(net_train_fold(f.net, layers, &count, &diag), STATUS_NOT_FINITE);
    assert_non_null(strstr(diag.words, "linear layer 2"));
    assert_int_equal(count, 99);
    stop(&f);
}

// Evaluation knows no neighbours, and takes more rows than a minibatch may have.
static void evaluation_is_row_by_row(void **state)
{
    (void)state;
    struct net_train_config config = usual();
    config.max_rows = 16;
    static struct fixture f;
    start(&f, &config, 2);
    normals(net_train_stat_values(f.net), f.stat_floats, 1, .1, 3);
    net_train_evaluate(f.net, f.x, ROWS, f.logit);
    for (size_t i = 0; i < ROWS; i++) {
        float alone;
        net_train_evaluate(f.net, f.x + i * INPUT, 1, &alone);
        assert_true(fabsf(alone - f.logit[i]) <= 1e-5F * fmaxf(1, fabsf(alone)));
    }
    stop(&f);
}

static void refuses(struct net_train_config config, const char *words)
{
    struct net_train *net = NULL;
    struct diag diag;
    assert_int_equal(net_train_new(&config, NULL, &net, &diag), STATUS_CONFIG);
    assert_null(net);
    if (strstr(diag.words, words) == NULL)
        fail_msg("'%s' does not say '%s'", diag.words, words);
}

static void wrong_configurations(void **state)
{
    (void)state;
    struct net_train_config config = usual();
    config.input = 0;
    refuses(config, "0 inputs");
    config = usual();
    config.hidden[1] = 0;
    refuses(config, "hidden layer 1 has 0 units");
    config = usual();
    config.hidden_count = NET_TRAIN_MAX_HIDDEN + 1;
    refuses(config, "9 hidden layers");
    config = usual();
    config.dropout = 1;
    refuses(config, "dropout 1");
    config.dropout = (double)NAN;
    refuses(config, "dropout");
    config = usual();
    config.shards = 0;
    refuses(config, "0 shards");
    config = usual();
    config.max_rows = 1;
    refuses(config, "1 rows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(shards_without_rows),
        cmocka_unit_test(dropout_is_drawn_by_epoch_and_step),
        cmocka_unit_test(initial_values),
        cmocka_unit_test(initial_bias),
        cmocka_unit_test(folded_is_the_same_function),
        cmocka_unit_test(fold_refuses_what_is_not_finite),
        cmocka_unit_test(evaluation_is_row_by_row),
        cmocka_unit_test(wrong_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
