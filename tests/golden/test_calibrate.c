// Fitted calibration and the order of serving against the reference.
#include "model/calibrate.h"
#include "model/train/calibrate_fit.h"
#include "tests/support/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct calibrate_point *read_points(const struct golden_case *c, size_t *ret_n)
{
    size_t n, labels, weights;
    const float *logit = golden_floats(c, golden_member(c, c->in, "logit"), &n);
    const double *label = golden_doubles(c, golden_member(c, c->in, "label"), &labels);
    const struct json_value *list = json_value_get(c->in, "weight");
    const double *weight = list != NULL ? golden_doubles(c, list, &weights) : NULL;
    assert_int_equal(labels, n);
    struct calibrate_point *points = golden_memory(c, n, sizeof(*points));
    for (size_t i = 0; i < n; i++)
        points[i] = (struct calibrate_point){(double)logit[i], weight != NULL ? weight[i] : 1,
                                             label[i] > 0};
    calibrate_fit_sort(points, n);
    *ret_n = n;
    return points;
}

static void is_numbers(const struct golden_case *c, const struct json_value *map, const char *key,
                       const double *got, size_t count)
{
    const struct golden_want want = golden_want(c, GOLDEN_F64, map, key);
    golden_is_doubles(&want, got, count);
}

static void is_number(const struct golden_case *c, const struct json_value *map, const char *key,
                      double got)
{
    const struct golden_want want = golden_want(c, GOLDEN_F64, map, key);
    golden_is_number(&want, got);
}

static void check_map(const struct golden_case *c, const struct calibrate *map)
{
    const struct json_value *expect = golden_member(c, c->expect, "map");
    const struct golden_want kind = golden_want(c, GOLDEN_F64, expect, "kind");
    golden_is_text(&kind, calibrate_kind_name(map->kind));
    if (map->kind == CALIBRATE_TEMPERATURE)
        is_number(c, expect, "T", map->temperature);
    if (map->kind == CALIBRATE_PLATT)
        is_number(c, expect, "a", map->slope);
    if (map->kind == CALIBRATE_PLATT || map->kind == CALIBRATE_OFFSET)
        is_number(c, expect, "b", map->intercept);
    if (map->kind == CALIBRATE_SIR) {
        is_numbers(c, expect, "p", map->x, map->knots);
        is_numbers(c, expect, "q", map->y, map->knots);
    }
}

static void check_fit(const struct golden_case *c)
{
    enum calibrate_kind kind;
    size_t n, probes;
    assert_true(calibrate_kind_of(c->op, &kind));
    const struct calibrate_point *points = read_points(c, &n);
    struct calibrate_rules rules = {100, 50, 0};
    if (kind == CALIBRATE_SIR)
        rules = (struct calibrate_rules){golden_size(c, c->in, "bins"),
                                         golden_size(c, c->in, "min_clicks"),
                                         golden_number(c, c->in, "prior")};
    struct calibrate_fit fit;
    assert_int_equal(calibrate_fit(kind, points, n, &rules, &fit, NULL), STATUS_OK);
    assert_int_equal(calibrate_check(&fit.map, NULL), STATUS_OK);
    assert_true((fit.why != NULL) == (fit.map.kind == CALIBRATE_IDENTITY));

    const float *probe = golden_floats(c, golden_member(c, c->in, "probe"), &probes);
    double *p = golden_memory(c, probes, sizeof(*p));
    for (size_t i = 0; i < probes; i++)
        p[i] = calibrate_unclamped(&fit.map, probe[i]);
    check_map(c, &fit.map);
    is_numbers(c, c->expect, "p", p, probes);
    calibrate_fit_fini(&fit);
}

static struct calibrate read_map(const struct golden_case *c)
{
    const struct json_value *in = golden_member(c, c->in, "map");
    struct calibrate map = {0};
    size_t n, others;
    assert_true(calibrate_kind_of(golden_text(c, in, "kind"), &map.kind));
    switch (map.kind) {
    case CALIBRATE_TEMPERATURE:
        map.temperature = golden_number(c, in, "T");
        break;
    case CALIBRATE_PLATT:
        map.slope = golden_number(c, in, "a");
        map.intercept = golden_number(c, in, "b");
        break;
    case CALIBRATE_OFFSET:
        map.intercept = golden_number(c, in, "b");
        break;
    case CALIBRATE_ISOTONIC:
    case CALIBRATE_SIR: {
        const bool sir = map.kind == CALIBRATE_SIR;
        map.x = golden_doubles(c, golden_member(c, in, sir ? "p" : "s"), &n);
        map.y = golden_doubles(c, golden_member(c, in, sir ? "q" : "p"), &others);
        assert_int_equal(n, others);
        map.knots = n;
        break;
    }
    case CALIBRATE_IDENTITY:
    case CALIBRATE_KINDS:
        break;
    }
    map.shift = log(golden_number(c, c->in, "keep_rate"));
    assert_int_equal(calibrate_check(&map, NULL), STATUS_OK);
    return map;
}

static void check_serve(const struct golden_case *c)
{
    const struct calibrate map = read_map(c);
    size_t n, bids;
    const float *logit = golden_floats(c, golden_member(c, c->in, "logit"), &n);
    const double *bid = golden_doubles(c, golden_member(c, c->in, "bid"), &bids);
    assert_int_equal(bids, n);
    double *p = golden_memory(c, n, sizeof(*p)), *answered = golden_memory(c, n, sizeof(*answered));
    double *ecpm = golden_memory(c, n, sizeof(*ecpm));
    float *pctr = golden_memory(c, n, sizeof(*pctr));
    assert_int_equal(calibrate_apply(&map, logit, n, pctr), STATUS_OK);
    for (size_t i = 0; i < n; i++) {
        p[i] = calibrate_probability(&map, logit[i]);
        answered[i] = (double)pctr[i];
        ecpm[i] = 1000 * answered[i] * bid[i];
    }
    is_numbers(c, c->expect, "p", p, n);
    is_numbers(c, c->expect, "pctr", answered, n);
    is_numbers(c, c->expect, "ecpm", ecpm, n);
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"temperature", check_fit, NULL}, {"platt", check_fit, NULL}, {"offset", check_fit, NULL},
        {"isotonic", check_fit, NULL},    {"sir", check_fit, NULL},   {"serve", check_serve, NULL},
    };
    return golden_run("calibrate.json", ops, sizeof(ops) / sizeof(ops[0]));
}
