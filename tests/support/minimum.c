#include "tests/support/minimum.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { STEPS = 200, HALVINGS = 40 };

static const double difference = 1e-3;

// Solves (h + ridge) d = -g by Cholesky; false if the matrix is not positive.
static bool solve(double h[MINIMUM_MOST][MINIMUM_MOST], double ridge, const double *g, double *d,
                  size_t n)
{
    double l[MINIMUM_MOST][MINIMUM_MOST] = {{0}};
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = h[i][j] + (i == j ? ridge : 0);
            for (size_t k = 0; k < j; k++)
                sum -= l[i][k] * l[j][k];
            if (i == j && !(sum > 0))
                return false;
            l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
        }
    for (size_t i = 0; i < n; i++) {
        d[i] = -g[i];
        for (size_t k = 0; k < i; k++)
            d[i] -= l[i][k] * d[k];
        d[i] /= l[i][i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            d[i] -= l[k][i] * d[k];
        d[i] /= l[i][i];
    }
    return true;
}

static void hessian(minimum_function function, void *context, const double *x, size_t n,
                    double h[MINIMUM_MOST][MINIMUM_MOST])
{
    double above[MINIMUM_MOST], below[MINIMUM_MOST], at[MINIMUM_MOST];
    for (size_t i = 0; i < n; i++) {
        memcpy(at, x, n * sizeof(*at));
        at[i] = x[i] + difference;
        function(context, at, above);
        at[i] = x[i] - difference;
        function(context, at, below);
        for (size_t j = 0; j < n; j++)
            h[i][j] = (above[j] - below[j]) / (2 * difference);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            h[i][j] = h[j][i] = (h[i][j] + h[j][i]) / 2;
}

double minimum_find(minimum_function function, void *context, double *x, size_t n)
{
    double h[MINIMUM_MOST][MINIMUM_MOST], g[MINIMUM_MOST], d[MINIMUM_MOST], next[MINIMUM_MOST];
    assert(n <= MINIMUM_MOST);
    double value = function(context, x, g);
    for (int step = 0; step < STEPS; step++) {
        double ridge = 0, unused[MINIMUM_MOST], size = 1, lower = value;
        hessian(function, context, x, n, h);
        while (!solve(h, ridge, g, d, n))
            ridge = ridge > 0 ? 10 * ridge : 1e-9;
        for (int i = 0; i < HALVINGS; i++, size /= 2) {
            for (size_t k = 0; k < n; k++)
                next[k] = x[k] + size * d[k];
            lower = function(context, next, unused);
            if (lower < value)
                break;
        }
        if (!(lower < value))
            return value;
        memcpy(x, next, n * sizeof(*x));
        value = function(context, x, g);
    }
    return value;
}
