#include "tests/support/golden_tower.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct net_train_config golden_tower_config(const struct golden_case *c,
                                            const struct json_value *params, bool input_bn,
                                            size_t max_rows)
{
    const struct json_value *hidden = golden_member(c, params, "hidden");
    struct net_train_config config = {.hidden_count = json_value_size(hidden),
                                      .input_bn = input_bn,
                                      .shards = 2,
                                      .max_rows = max_rows};
    assert_in_range(config.hidden_count, 1, NET_TRAIN_MAX_HIDDEN);
    for (size_t k = 0; k < config.hidden_count; k++) {
        const struct json_value *layer = json_value_at(hidden, k);
        const struct json_value *weight = golden_member(c, layer, "W");
        config.hidden[k] = json_value_size(weight);
        config.hidden_bn = json_value_get(layer, "gamma") != NULL;
        if (k == 0)
            config.input = json_value_size(json_value_at(weight, 0));
    }
    return config;
}

struct visit {
    const struct golden_case *c;
    const struct param_set *set;
    float *values;    // written, where `compare` is false
    const float *got; // compared
    bool compare;
    size_t seen; // floats
};

static const struct param_view *find_view(const struct visit *visit, const char *name)
{
    for (size_t i = 0; i < visit->set->count; i++)
        if (strcmp(visit->set->views[i].name, name) == 0)
            return &visit->set->views[i];
    fail_msg("case '%s': the network has no tensor %s", visit->c->name, name);
    return NULL;
}

static void visit_tensor(struct visit *visit, const struct json_value *map, const char *key,
                         const char *name)
{
    const struct param_view *view = find_view(visit, name);
    size_t floats = view->rows * view->columns, count;
    if (visit->compare) {
        struct golden_want want = golden_want(visit->c, GOLDEN_F32, map, key);
        want.field = name;
        golden_is_floats(&want, visit->got + view->offset, floats);
    } else {
        float *from = golden_floats(visit->c, golden_member(visit->c, map, key), &count);
        assert_int_equal(count, floats);
        memcpy(visit->values + view->offset, from, floats * sizeof(*from));
    }
    visit->seen += floats;
}

// Nothing of the network may be left out, or a wrong gradient could hide there.
static void assert_complete(const struct visit *visit)
{
    size_t floats = 0;
    for (size_t i = 0; i < visit->set->count; i++)
        floats += visit->set->views[i].rows * visit->set->views[i].columns;
    assert_int_equal(visit->seen, floats);
}

static void visit_layers(struct visit *visit, const struct json_value *layers,
                         const char *const keys[][2], size_t keys_count)
{
    for (size_t k = 0; k < json_value_size(layers); k++) {
        const struct json_value *layer = json_value_at(layers, k);
        for (size_t i = 0; i < keys_count; i++) {
            char name[PARAM_NAME];
            (void)snprintf(name, sizeof(name), "hidden.%zu.%s", k, keys[i][1]);
            if (json_value_get(layer, keys[i][0]) != NULL)
                visit_tensor(visit, layer, keys[i][0], name);
        }
    }
}

static void visit_params(struct visit *visit, const struct json_value *params)
{
    static const char *const keys[][2] = {
        {"W", "weight"}, {"b", "bias"}, {"gamma", "gamma"}, {"beta", "beta"}};
    visit_layers(visit, golden_member(visit->c, params, "hidden"), keys, 4);
    const struct json_value *out = golden_member(visit->c, params, "out");
    visit_tensor(visit, out, "W", "out.weight");
    visit_tensor(visit, out, "b", "out.bias");
    assert_complete(visit);
}

static void visit_stats(struct visit *visit, const struct json_value *stats)
{
    static const char *const keys[][2] = {{"mean", "mean"}, {"var", "var"}};
    const struct json_value *input = golden_member(visit->c, stats, "input");
    if (json_value_kind(input) == JSON_VALUE_MAP) {
        visit_tensor(visit, input, "mean", "input.mean");
        visit_tensor(visit, input, "var", "input.var");
    }
    visit_layers(visit, golden_member(visit->c, stats, "hidden"), keys, 2);
    assert_complete(visit);
}

void golden_tower_set_params(const struct golden_case *c, const struct json_value *params,
                             struct net_train *net)
{
    visit_params(
        &(struct visit){.c = c, .set = net_train_params(net), .values = net_train_values(net)},
        params);
}

void golden_tower_set_stats(const struct golden_case *c, const struct json_value *stats,
                            struct net_train *net)
{
    visit_stats(
        &(struct visit){.c = c, .set = net_train_stats(net), .values = net_train_stat_values(net)},
        stats);
}

void golden_tower_is_params(const struct golden_case *c, const struct json_value *params,
                            const struct net_train *net, const float *values)
{
    visit_params(
        &(struct visit){.c = c, .set = net_train_params(net), .got = values, .compare = true},
        params);
}

void golden_tower_is_stats(const struct golden_case *c, const struct json_value *stats,
                           struct net_train *net)
{
    visit_stats(&(struct visit){.c = c,
                                .set = net_train_stats(net),
                                .got = net_train_stat_values(net),
                                .compare = true},
                stats);
}
