#include "model/calibrate.h"

#include "model/kernels/sigmoid.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

// Keeps LogLoss finite and prices defined: a price divides by p.
static const double p_min = 1e-7;
// Flat pieces of sir would tie candidates that the network tells apart.
static const double sir_slope = 1e-9;

// Beyond these no fit can come; a number outside is damage.
static const double least_shift = -745; // ln of the smallest double
static const double most_logit = 1e39;  // floats end at 3.4e38

enum { TEMPERATURE = 1, SLOPE = 2, INTERCEPT = 4, KNOTS = 8 };

static const struct {
    const char *name;
    unsigned uses;
} kinds[CALIBRATE_KINDS] = {
    [CALIBRATE_IDENTITY] = {"identity", 0},
    [CALIBRATE_OFFSET] = {"offset", INTERCEPT},
    [CALIBRATE_TEMPERATURE] = {"temperature", TEMPERATURE},
    [CALIBRATE_PLATT] = {"platt", SLOPE | INTERCEPT},
    [CALIBRATE_SIR] = {"sir", KNOTS},
    [CALIBRATE_ISOTONIC] = {"isotonic", KNOTS},
};

const char *calibrate_kind_name(enum calibrate_kind kind)
{
    return kinds[kind].name;
}

bool calibrate_kind_of(const char *name, enum calibrate_kind *ret_kind)
{
    for (int i = 0; i < CALIBRATE_KINDS; i++)
        if (strcmp(name, kinds[i].name) == 0) {
            *ret_kind = (enum calibrate_kind)i;
            return true;
        }
    return false;
}

MUST_USE static enum status read_number(const struct json_value *value, const char *key,
                                        double *ret_number, struct diag *reterr)
{
    const enum json_value_kind kind = json_value_kind(value);
    if (kind != JSON_VALUE_INT && kind != JSON_VALUE_REAL)
        return diag_at_path(reterr, STATUS_INVALID, "calibration", "\"%s\" is not a number", key);
    *ret_number = json_value_number(value);
    return STATUS_OK;
}

MUST_USE static enum status read_knots(const struct json_value *value, size_t *ret_knots,
                                       struct diag *reterr)
{
    const int64_t knots = json_value_kind(value) == JSON_VALUE_INT ? json_value_int(value) : 0;
    if (knots < 1 || knots > CALIBRATE_MAX_KNOTS)
        return diag_at_path(reterr, STATUS_INVALID, "calibration",
                            "\"knots\" is not an integer in 1..%d", (int)CALIBRATE_MAX_KNOTS);
    *ret_knots = (size_t)knots;
    return STATUS_OK;
}

// A key of the object; its bit among those that the kind uses is taken off *left.
MUST_USE static enum status read_member(const char *key, const struct json_value *value,
                                        unsigned *left, struct calibrate *calibrate,
                                        struct diag *reterr)
{
    if (strcmp(key, "kind") == 0)
        return STATUS_OK;
    if (strcmp(key, "shift") == 0)
        return read_number(value, key, &calibrate->shift, reterr);
    const struct {
        const char *key;
        unsigned bit;
        double *number;
    } scalars[] = {{"temperature", TEMPERATURE, &calibrate->temperature},
                   {"slope", SLOPE, &calibrate->slope},
                   {"intercept", INTERCEPT, &calibrate->intercept}};
    for (size_t i = 0; i < sizeof(scalars) / sizeof(*scalars); i++)
        if (strcmp(key, scalars[i].key) == 0 && (*left & scalars[i].bit) != 0) {
            *left &= ~scalars[i].bit;
            return read_number(value, key, scalars[i].number, reterr);
        }
    if (strcmp(key, "knots") == 0 && (*left & KNOTS) != 0) {
        *left &= ~(unsigned)KNOTS;
        return read_knots(value, &calibrate->knots, reterr);
    }
    return diag_at_path(reterr, STATUS_INVALID, "calibration", "unknown key \"%.64s\" of kind %s",
                        key, kinds[calibrate->kind].name);
}

enum status calibrate_from_json(const struct json_value *object, struct calibrate *ret_calibrate,
                                struct diag *reterr)
{
    static const struct {
        unsigned bit;
        const char *key;
    } keys[] = {
        {TEMPERATURE, "temperature"}, {SLOPE, "slope"}, {INTERCEPT, "intercept"}, {KNOTS, "knots"}};
    struct calibrate calibrate = {0};
    const struct json_value *kind;
    TRY(json_value_need(object, "kind", JSON_VALUE_TEXT, &kind, reterr));
    if (!calibrate_kind_of(json_value_text(kind).data, &calibrate.kind))
        return diag_at_path(reterr, STATUS_INVALID, "calibration.kind",
                            "\"%.64s\" is no calibration that is known here",
                            json_value_text(kind).data);
    unsigned left = kinds[calibrate.kind].uses;
    for (size_t i = 0; i < json_value_size(object); i++)
        TRY(read_member(json_value_key_at(object, i), json_value_at(object, i), &left, &calibrate,
                        reterr));
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if ((left & keys[i].bit) != 0)
            return diag_at_path(reterr, STATUS_INVALID, "calibration",
                                "\"%s\" of kind %s is missing", keys[i].key,
                                kinds[calibrate.kind].name);
    *ret_calibrate = calibrate;
    return STATUS_OK;
}

struct json_value *calibrate_to_json(const struct calibrate *calibrate)
{
    const unsigned uses = kinds[calibrate->kind].uses;
    struct json_value *object = json_value_new_map();
    json_value_set_text(object, "kind", kinds[calibrate->kind].name);
    if (calibrate->shift < 0)
        json_value_set_number(object, "shift", calibrate->shift);
    if ((uses & TEMPERATURE) != 0)
        json_value_set_number(object, "temperature", calibrate->temperature);
    if ((uses & SLOPE) != 0)
        json_value_set_number(object, "slope", calibrate->slope);
    if ((uses & INTERCEPT) != 0)
        json_value_set_number(object, "intercept", calibrate->intercept);
    if ((uses & KNOTS) != 0)
        json_value_set_int(object, "knots", (int64_t)calibrate->knots);
    return object;
}

MUST_USE static enum status check_knots(const struct calibrate *calibrate, struct diag *reterr)
{
    const double *x = calibrate->x, *y = calibrate->y;
    for (size_t i = 0; i < calibrate->knots; i++) {
        if (!(fabs(x[i]) <= most_logit))
            return diag_at_path(reterr, STATUS_CORRUPT, "cal.x", "knot %zu, %g, is not a logit", i,
                                x[i]);
        if (i > 0 && !(x[i] > x[i - 1]))
            return diag_at_path(reterr, STATUS_CORRUPT, "cal.x",
                                "knot %zu, %.17g, does not rise from %.17g before it", i, x[i],
                                x[i - 1]);
        if (!(y[i] >= 0 && y[i] <= 1))
            return diag_at_path(reterr, STATUS_CORRUPT, "cal.y",
                                "knot %zu, %g, is not a probability", i, y[i]);
        if (i > 0 && !(y[i] >= y[i - 1]))
            return diag_at_path(reterr, STATUS_CORRUPT, "cal.y",
                                "knot %zu, %.17g, falls from %.17g before it: the map would turn "
                                "the order round",
                                i, y[i], y[i - 1]);
    }
    const size_t last = calibrate->knots - 1;
    if (calibrate->kind == CALIBRATE_SIR && !(x[0] == 0 && x[last] == 1))
        return diag_at_path(reterr, STATUS_CORRUPT, "cal.x",
                            "the knots of sir go from %g to %g, not from 0 to 1", x[0], x[last]);
    return STATUS_OK;
}

enum status calibrate_check(const struct calibrate *calibrate, struct diag *reterr)
{
    const unsigned uses = kinds[calibrate->kind].uses;
    if (!(calibrate->shift <= 0 && calibrate->shift >= least_shift))
        return diag_at_path(reterr, STATUS_CORRUPT, "calibration.shift",
                            "%g is not the logarithm of a keep rate in (0, 1]", calibrate->shift);
    if ((uses & TEMPERATURE) != 0 &&
        !(calibrate->temperature > 0 && isfinite(calibrate->temperature)))
        return diag_at_path(reterr, STATUS_CORRUPT, "calibration.temperature",
                            "%g is not a finite number above 0", calibrate->temperature);
    if ((uses & SLOPE) != 0 && !(calibrate->slope > 0 && isfinite(calibrate->slope)))
        return diag_at_path(reterr, STATUS_CORRUPT, "calibration.slope",
                            "%g is not a finite number above 0: the map would not keep the order",
                            calibrate->slope);
    if ((uses & INTERCEPT) != 0 && !isfinite(calibrate->intercept))
        return diag_at_path(reterr, STATUS_CORRUPT, "calibration.intercept", "%g is not finite",
                            calibrate->intercept);
    return (uses & KNOTS) != 0 ? check_knots(calibrate, reterr) : STATUS_OK;
}

void calibrate_describe(const struct calibrate *calibrate, struct buf *out)
{
    const unsigned uses = kinds[calibrate->kind].uses;
    if (calibrate->shift < 0)
        buf_printf(out, "logit %.6g (negatives kept: %.6g), then ", calibrate->shift,
                   exp(calibrate->shift));
    buf_text(out, kinds[calibrate->kind].name);
    if ((uses & TEMPERATURE) != 0)
        buf_printf(out, ", sigma(logit / %.6g)", calibrate->temperature);
    if ((uses & SLOPE) != 0)
        buf_printf(out, ", sigma(%.6g logit %+.6g)", calibrate->slope, calibrate->intercept);
    else if ((uses & INTERCEPT) != 0)
        buf_printf(out, ", sigma(logit %+.6g)", calibrate->intercept);
    if ((uses & KNOTS) != 0)
        buf_printf(out, ", %zu knots from %.6g -> %.6g to %.6g -> %.6g", calibrate->knots,
                   calibrate->x[0], calibrate->y[0], calibrate->x[calibrate->knots - 1],
                   calibrate->y[calibrate->knots - 1]);
}

bool calibrate_is_plain(const struct calibrate *calibrate)
{
    return calibrate->kind == CALIBRATE_IDENTITY && calibrate->shift == 0;
}

// Each line rounds something that never falls where `at` rises, so neither does the result; at the
// end of a piece it might pass its knot by a bit.
static double between_knots(const struct calibrate *calibrate, double at)
{
    const double *x = calibrate->x, *y = calibrate->y;
    size_t low = 0, high = calibrate->knots - 1;
    if (at <= x[low])
        return y[low];
    if (at >= x[high])
        return y[high];
    while (high - low > 1) { // x[low] <= at < x[high]
        const size_t middle = low + (high - low) / 2;
        if (x[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    const double share = (at - x[low]) / (x[high] - x[low]);
    const double value = y[low] + share * (y[high] - y[low]);
    return value > y[high] ? y[high] : value;
}

double calibrate_unclamped(const struct calibrate *calibrate, float logit)
{
    const double s = (double)logit + calibrate->shift;
    switch (calibrate->kind) {
    case CALIBRATE_IDENTITY:
        return sigmoid_of(s);
    case CALIBRATE_OFFSET:
        return sigmoid_of(s + calibrate->intercept);
    case CALIBRATE_TEMPERATURE:
        return sigmoid_of(s / calibrate->temperature);
    case CALIBRATE_PLATT:
        return sigmoid_of(calibrate->slope * s + calibrate->intercept);
    case CALIBRATE_SIR: {
        const double p = sigmoid_of(s);
        return between_knots(calibrate, p) + sir_slope * p;
    }
    case CALIBRATE_ISOTONIC:
        return between_knots(calibrate, s);
    case CALIBRATE_KINDS:
        break;
    }
    assert(false); // every kind of the table returned
    return 0;
}

double calibrate_probability(const struct calibrate *calibrate, float logit)
{
    const double p = calibrate_unclamped(calibrate, logit);
    if (p < p_min)
        return p_min;
    return p > 1 - p_min ? 1 - p_min : p;
}

enum status calibrate_apply(const struct calibrate *calibrate, const float *logit, size_t n,
                            float *pctr)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(logit[i]))
            return STATUS_NOT_FINITE;
    for (size_t i = 0; i < n; i++)
        pctr[i] = (float)calibrate_probability(calibrate, logit[i]);
    return STATUS_OK;
}
