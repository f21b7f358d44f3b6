#include "model/train/calibrate_fit.h"

#include "model/train/calibrate_line.h"
#include "model/train/calibrate_step.h"

#include <assert.h>
#include <stdlib.h>

static int by_score(const void *left, const void *right)
{
    const struct calibrate_point *a = left, *b = right;
    if (a->s != b->s)
        return a->s < b->s ? -1 : 1;
    if (a->click != b->click)
        return a->click ? 1 : -1;
    return (a->weight > b->weight) - (a->weight < b->weight);
}

void calibrate_fit_sort(struct calibrate_point *points, size_t n)
{
    if (n > 1)
        qsort(points, n, sizeof(*points), by_score);
}

MUST_USE static enum status fit_kind(enum calibrate_kind kind, const struct calibrate_point *points,
                                     size_t n, const struct calibrate_rules *rules,
                                     struct calibrate_fit *fit, struct diag *reterr)
{
    switch (kind) {
    case CALIBRATE_IDENTITY:
        return STATUS_OK;
    case CALIBRATE_OFFSET:
        fit->why = calibrate_line_offset(points, n, &fit->map);
        return STATUS_OK;
    case CALIBRATE_TEMPERATURE:
        fit->why = calibrate_line_temperature(points, n, &fit->map);
        return STATUS_OK;
    case CALIBRATE_PLATT:
        if (calibrate_line_platt(points, n, &fit->map, &fit->why) != STATUS_OK)
            return diag_set(reterr, STATUS_NO_MEMORY, "no memory to fit %zu documents", n);
        return STATUS_OK;
    case CALIBRATE_SIR:
        return calibrate_step_sir(points, n, rules, fit, reterr);
    case CALIBRATE_ISOTONIC:
        return calibrate_step_isotonic(points, n, fit, reterr);
    case CALIBRATE_KINDS:
        break;
    }
    assert(false); // every kind of the table returned
    return STATUS_INTERNAL;
}

enum status calibrate_fit(enum calibrate_kind kind, const struct calibrate_point *points, size_t n,
                          const struct calibrate_rules *rules, struct calibrate_fit *ret_fit,
                          struct diag *reterr)
{
    struct calibrate_fit fit = {0};
    assert(n > 0);
    enum status code = fit_kind(kind, points, n, rules, &fit, reterr);
    if (code == STATUS_OK && fit.map.knots > CALIBRATE_MAX_KNOTS)
        code = diag_set(reterr, STATUS_TOO_LARGE,
                        "the %s map has %zu knots, a model file holds %d: fit on fewer documents "
                        "or choose another map",
                        calibrate_kind_name(kind), fit.map.knots, (int)CALIBRATE_MAX_KNOTS);
    if (code != STATUS_OK) {
        calibrate_fit_fini(&fit);
        return code;
    }
    *ret_fit = fit;
    return STATUS_OK;
}

void calibrate_fit_fini(struct calibrate_fit *fit)
{
    free(fit->knots);
    *fit = (struct calibrate_fit){0};
}
