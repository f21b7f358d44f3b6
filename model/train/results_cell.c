#include "model/train/results_cell.h"

#include "base/num.h"

#include <math.h>

const struct json_value *results_cell_at(const struct json_value *map, const char *key)
{
    if (map == NULL || json_value_kind(map) != JSON_VALUE_MAP)
        return NULL;
    const struct json_value *value = json_value_get(map, key);
    return value == NULL || json_value_kind(value) == JSON_VALUE_NULL ? NULL : value;
}

double results_cell_number(const struct json_value *map, const char *key)
{
    const struct json_value *value = results_cell_at(map, key);
    return value == NULL ? (double)NAN : json_value_number(value);
}

const char *results_cell_text(const struct json_value *map, const char *key)
{
    const struct json_value *value = results_cell_at(map, key);
    return value == NULL ? "" : json_value_text(value).data;
}

bool results_cell_true(const struct json_value *map, const char *key)
{
    const struct json_value *value = results_cell_at(map, key);
    return value != NULL && json_value_bool(value);
}

void results_cell_fixed(struct buf *out, double value, int digits)
{
    if (isnan(value))
        buf_char(out, '-');
    else
        buf_printf(out, "%.*f", digits, value);
}

void results_cell_signed(struct buf *out, double value, int digits)
{
    if (isnan(value))
        buf_char(out, '-');
    else
        buf_printf(out, "%+.*f", digits, value);
}

void results_cell_short(struct buf *out, double value)
{
    char text[NUM_DOUBLE_TEXT];
    if (isnan(value))
        buf_char(out, '-');
    else
        buf_text(out, num_double_text(value, text));
}

void results_cell_mean(struct buf *out, double mean, double half, int digits)
{
    results_cell_fixed(out, mean, digits);
    if (!isnan(mean) && !isnan(half))
        buf_printf(out, " ± %.*f", digits, half);
}

void results_cell_range(struct buf *out, double mean, double low, double high, int digits)
{
    results_cell_signed(out, mean, digits);
    if (isnan(low) || isnan(high))
        return;
    buf_text(out, " [");
    results_cell_signed(out, low, digits);
    buf_text(out, ", ");
    results_cell_signed(out, high, digits);
    buf_char(out, ']');
}
