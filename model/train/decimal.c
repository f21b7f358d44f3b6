#include "model/train/decimal.h"

#include "base/num.h"
#include "base/span.h"

#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_MAX_POWER = 22, DECIMAL_MAX_DIGITS = 19 };

bool decimal_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool decimal_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

// Digits added to *mantissa, which may wrap: the caller counts them.
static const char *decimal_digits(const char *p, uint64_t *mantissa)
{
    uint64_t value = *mantissa;
    while (decimal_is_digit(*p))
        value = value * 10 + (uint64_t)(*p++ - '0');
    *mantissa = value;
    return p;
}

// The exponent's digits behind 'e'; NULL for what the slow path shall judge.
static const char *decimal_exponent(const char *p, int *ret_exponent)
{
    bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    const char *first = p;
    uint64_t value = 0;
    p = decimal_digits(p, &value);
    if (p == first || p - first > 4)
        return NULL;
    *ret_exponent = negative ? -(int)value : (int)value;
    return p;
}

// NULL: not a short number.
static const char *decimal_fast(const char *p, const char *end, double *ret_value)
{
    static const double powers[DECIMAL_MAX_POWER + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool negative = *p == '-';
    p += negative;
    uint64_t mantissa = 0;
    const char *first = p;
    p = decimal_digits(p, &mantissa);
    ptrdiff_t digits = p - first;
    int power = 0;
    if (*p == '.') {
        const char *point = ++p;
        p = decimal_digits(p, &mantissa);
        digits += p - point;
        if (digits > DECIMAL_MAX_DIGITS)
            return NULL;
        power = -(int)(p - point);
    }
    if (digits == 0 || digits > DECIMAL_MAX_DIGITS || mantissa > (uint64_t)1 << 53)
        return NULL;
    if (*p == 'e' || *p == 'E') {
        int exponent;
        p = decimal_exponent(p + 1, &exponent);
        if (p == NULL)
            return NULL;
        power += exponent;
    }
    if ((p != end && !decimal_is_blank(*p)) || power > DECIMAL_MAX_POWER ||
        power < -DECIMAL_MAX_POWER)
        return NULL;
    double value = (double)mantissa;
    value = power < 0 ? value / powers[-power] : value * powers[power];
    *ret_value = negative ? -value : value;
    return p;
}

enum status decimal_parse(const char **cursor, const char *end, double *ret_value)
{
    const char *p = *cursor;
    const char *behind = decimal_fast(p, end, ret_value);
    if (behind == NULL) {
        behind = p;
        while (behind < end && !decimal_is_blank(*behind))
            behind++;
        TRY(num_parse_double((struct span){p, (size_t)(behind - p)}, ret_value));
    }
    *cursor = behind;
    return STATUS_OK;
}
