#include "base/stat.h"

#include <math.h>

enum { STAT_TERMS = 500, STAT_HALVINGS = 200 };

// The continued fraction of I_x(a, b), from its tail by Lentz's method, for x below the mean.
static double stat_beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double fraction = d;
    for (int m = 1; m <= STAT_TERMS; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        const double terms[] = {even, odd};
        double step = 1;
        for (int k = 0; k < 2; k++) {
            d = 1 + terms[k] * d;
            c = 1 + terms[k] / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            step = d * c;
            fraction *= step;
        }
        if (fabs(step - 1) < 1e-16)
            break;
    }
    return fraction;
}

// I_x(a, b), with 1 - x given apart so that neither end cancels.
static double stat_beta(double a, double b, double x, double rest)
{
    if (x <= 0 || rest <= 0)
        return x <= 0 ? 0 : 1;
    const double log_front = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest);
    if (x < (a + 1) / (a + b + 2))
        return exp(log_front) * stat_beta_fraction(a, b, x) / a;
    return 1 - exp(log_front) * stat_beta_fraction(b, a, rest) / b;
}

double stat_student_tail(double t, double freedom)
{
    const double square = t * t, whole = freedom + square;
    if (isinf(square))
        return 0;
    return stat_beta(freedom / 2, .5, freedom / whole, square / whole);
}

double stat_student_quantile(double tail, double freedom)
{
    double low = 0, high = 1;
    while (stat_student_tail(high, freedom) > tail && high < 1e300)
        high *= 2;
    for (int i = 0; i < STAT_HALVINGS && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        if (stat_student_tail(middle, freedom) > tail)
            low = middle;
        else
            high = middle;
    }
    return high;
}

struct stat_mean stat_mean_of(const double *values, size_t n)
{
    struct stat_mean result = {n, (double)NAN, (double)NAN};
    if (n == 0)
        return result;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    result.mean = sum / (double)n;
    if (n < 2)
        return result;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - result.mean) * (values[i] - result.mean);
    const double freedom = (double)(n - 1), error = sqrt(squares / freedom / (double)n);
    result.half = stat_student_quantile(.05, freedom) * error;
    return result;
}
