#include "model/calibrate.h"

#include "model/kernels/sigmoid.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// Keeps LogLoss finite and prices defined: a price divides by p.
static const double p_min = 1e-7;

static const char *const kind_names[] = {[CALIBRATE_IDENTITY] = "identity"};
enum { KINDS = sizeof(kind_names) / sizeof(kind_names[0]) };

enum status calibrate_from_json(const struct json_value *object, struct calibrate *ret_calibrate,
                                struct diag *reterr)
{
    const struct json_value *kind;
    TRY(json_value_need(object, "kind", JSON_VALUE_TEXT, &kind, reterr));
    for (size_t i = 0; i < json_value_size(object); i++)
        if (strcmp(json_value_key_at(object, i), "kind") != 0)
            return diag_at_path(reterr, STATUS_INVALID, "calibration", "unknown key \"%s\"",
                                json_value_key_at(object, i));
    for (size_t i = 0; i < KINDS; i++) {
        if (span_is(json_value_text(kind), kind_names[i])) {
            ret_calibrate->kind = (enum calibrate_kind)i;
            return STATUS_OK;
        }
    }
    return diag_at_path(reterr, STATUS_INVALID, "calibration.kind",
                        "\"%s\" is no calibration that is known here", json_value_text(kind).data);
}

struct json_value *calibrate_to_json(const struct calibrate *calibrate)
{
    struct json_value *object = json_value_new_map();
    json_value_set_text(object, "kind", kind_names[calibrate->kind]);
    return object;
}

double calibrate_probability(const struct calibrate *calibrate, float logit)
{
    assert(calibrate->kind == CALIBRATE_IDENTITY);
    double p = sigmoid_of((double)logit);
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
