#include "base/num.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MUST_USE static bool num_digits(struct span text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9')
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

enum status num_parse_u64(struct span text, uint64_t *ret_value)
{
    return num_digits(text, ret_value) ? STATUS_OK : STATUS_INVALID;
}

enum status num_parse_i64(struct span text, int64_t *ret_value)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    uint64_t digits;
    if (negative) {
        text.data++;
        text.size--;
    }
    if (!num_digits(text, &digits) || digits > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return STATUS_INVALID;
    *ret_value = (int64_t)(negative ? 0 - digits : digits);
    return STATUS_OK;
}

static size_t num_skip_digits(struct span text, size_t at)
{
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at;
}

// [-] digits [. digits] [e [+-] digits]; one of the two digit runs may be empty: "1.", ".5".
static bool num_is_decimal(struct span text)
{
    size_t at = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    size_t whole = num_skip_digits(text, at);
    size_t digits = whole - at;
    at = whole;
    if (at < text.size && text.data[at] == '.') {
        size_t end = num_skip_digits(text, at + 1);
        digits += end - at - 1;
        at = end;
    }
    if (digits == 0)
        return false;
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (at < text.size && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        size_t end = num_skip_digits(text, at);
        if (end == at)
            return false;
        at = end;
    }
    return at == text.size;
}

enum status num_parse_double(struct span text, double *ret_value)
{
    char small[64];
    if (!num_is_decimal(text))
        return STATUS_INVALID;
    char *copy = text.size < sizeof(small) ? small : malloc(text.size + 1);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    // The programs never call setlocale, so the point is '.'.
    double value = strtod(copy, NULL);
    if (copy != small)
        free(copy);
    if (!isfinite(value))
        return STATUS_INVALID;
    *ret_value = value;
    return STATUS_OK;
}

bool num_add(size_t a, size_t b, size_t *ret_sum)
{
    return !__builtin_add_overflow(a, b, ret_sum);
}

bool num_mul(size_t a, size_t b, size_t *ret_product)
{
    return !__builtin_mul_overflow(a, b, ret_product);
}

size_t num_round_up(size_t n, size_t multiple)
{
    assert(multiple > 0);
    size_t rest = n % multiple;
    return rest == 0 ? n : n + (multiple - rest);
}

const char *num_double_text(double value, char text[NUM_DOUBLE_TEXT])
{
    if (fabs(value) < 1e15 && value == trunc(value)) { // "%g" would make 1e+03 of 1000
        snprintf(text, NUM_DOUBLE_TEXT, "%lld", (long long)value);
        return text;
    }
    // 17 digits always read back; the loop ends there at the latest. A NaN equals nothing.
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, NUM_DOUBLE_TEXT, "%.*g", digits, value);
        if (isnan(value) || strtod(text, NULL) == value)
            break;
    }
    return text;
}
