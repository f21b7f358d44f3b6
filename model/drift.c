#include "model/drift.h"

#include "base/clones.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

// Far beyond any count, and DRIFT_BINS of it still fit 64 bits.
static const uint64_t most_count = (uint64_t)1 << 53;

size_t drift_bin(const struct drift_histogram *histogram, float pctr)
{
    size_t bin = 0;
    for (size_t i = 0; i + 1 < histogram->bins; i++)
        bin += histogram->edges[i] <= pctr;
    return bin;
}

enum status drift_check(const struct drift_histogram *histogram, struct diag *reterr)
{
    const float *edges = histogram->edges;
    uint64_t sum = 0;
    if (histogram->bins == 0)
        return STATUS_OK;
    if (histogram->bins > DRIFT_BINS)
        return diag_at_path(reterr, STATUS_CORRUPT, "pctr.counts", "%zu bins are more than %d",
                            histogram->bins, (int)DRIFT_BINS);
    for (size_t i = 0; i + 1 < histogram->bins; i++) {
        if (!(edges[i] > 0 && edges[i] < 1))
            return diag_at_path(reterr, STATUS_CORRUPT, "pctr.edges", "edge %zu is not in (0, 1)",
                                i);
        if (i > 0 && !(edges[i] > edges[i - 1]))
            return diag_at_path(reterr, STATUS_CORRUPT, "pctr.edges",
                                "edge %zu is not above the one before", i);
    }
    for (size_t i = 0; i < histogram->bins; i++) {
        if (histogram->counts[i] > most_count)
            return diag_at_path(reterr, STATUS_CORRUPT, "pctr.counts", "count %zu is too large", i);
        sum += histogram->counts[i];
    }
    return sum > 0 ? STATUS_OK
                   : diag_at_path(reterr, STATUS_CORRUPT, "pctr.counts", "all counts are 0");
}

void drift_psi(const uint64_t *expected, const uint64_t *actual, size_t bins, double *ret_raw,
               double *ret_corrected)
{
    assert(bins <= DRIFT_BINS);
    double n = 0, m = 0, raw = 0;
    for (size_t i = 0; i < bins; i++) {
        n += (double)actual[i];
        m += (double)expected[i];
    }
    *ret_raw = *ret_corrected = 0;
    if (!(n > 0 && m > 0))
        return;
    for (size_t i = 0; i < bins; i++) {
        const double a = ((double)actual[i] + 0.5) / (n + 0.5 * (double)bins);
        const double b = ((double)expected[i] + 0.5) / (m + 0.5 * (double)bins);
        raw += (a - b) * log(a / b);
    }
    *ret_raw = raw;
    *ret_corrected = fmax(0, raw - (double)(bins - 1) * (1 / n + 1 / m));
}

bool drift_has_range(const struct schema_feature *feature)
{
    return feature->kind == SCHEMA_DENSE && feature->source == SCHEMA_SENT && !feature->privileged;
}

// Values of one feature in one row. A NaN is outside of nothing; as `fallback` it is no value.
CLONES static void count_outside(const float *x, const float *low, const float *high, size_t size,
                                 float fallback, struct drift_outside *outside)
{
    uint32_t below = 0, above = 0;
    for (size_t i = 0; i < size; i++) {
        below += (x[i] < low[i]) & (x[i] != fallback);
        above += (x[i] > high[i]) & (x[i] != fallback);
    }
    outside->below += below;
    outside->above += above;
}

void drift_ranges(const struct schema *schema, const float *const *ranges,
                  const union row_cell *shared, const union row_cell *rows, size_t n,
                  struct drift_outside *outside)
{
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        if (!drift_has_range(feature))
            continue;
        const float *low = ranges[f], *high = low + feature->size;
        const float fallback = feature->has_default ? feature->fallback : NAN;
        const bool once = schema_in_shared_cells(feature);
        const union row_cell *cells = (once ? shared : rows) + feature->offset;
        for (size_t i = 0; i < (once ? 1 : n); i++)
            count_outside(&cells[i * schema->row_cells].number, low, high, feature->size, fallback,
                          &outside[f]);
    }
}

enum status drift_check_range(const struct schema_feature *feature, const float *range,
                              struct diag *reterr)
{
    char name[96];
    snprintf(name, sizeof name, "range.%s", feature->name);
    for (uint32_t i = 0; i < feature->size; i++) {
        const float low = range[i], high = range[feature->size + i];
        if (!isfinite(low) || !isfinite(high) || low > high)
            return diag_at_path(reterr, STATUS_CORRUPT, name,
                                "of value %u is not finite and in order: %.9g to %.9g", i,
                                (double)low, (double)high);
    }
    return STATUS_OK;
}
