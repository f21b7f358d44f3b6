#include "model/train/calibrate_line.h"

#include "model/kernels/sigmoid.h"
#include "model/train/quality_line.h"

#include <math.h>
#include <stdlib.h>

enum { CALIBRATE_LINE_STEPS = 4000 };

static const char one_class[] = "one class only";

static size_t count_clicks(const struct calibrate_point *points, size_t n)
{
    size_t clicks = 0;
    for (size_t i = 0; i < n; i++)
        clicks += points[i].click;
    return clicks;
}

// A condition that rises with the parameter: its value and its slope there.
struct slope {
    double value, rise;
};

struct problem {
    const struct calibrate_point *points;
    size_t n, clicks;
    struct slope (*at)(const struct problem *problem, double parameter);
};

// Newton's steps kept inside a bracket that every step shrinks: where a step leaves it (saturated
// sigmoids have no slope) the bracket is halved. `low` has a value below 0, `high` one of at least
// 0, or is infinite. `unit`: the size of parameters below which they need not be exact.
static double root(const struct problem *problem, double low, double start, double high,
                   double unit)
{
    double x = start;
    for (int step = 0; step < CALIBRATE_LINE_STEPS && low < high; step++) {
        const struct slope at = problem->at(problem, x);
        if (at.value < 0)
            low = x;
        else
            high = x;
        const double next = x - at.value / at.rise;
        if (next >= low && next <= high) {
            // Convergence is quadratic: what is left after such a step is far below its size.
            if (fabs(next - x) <= 1e-10 * (unit + fabs(next)))
                return next;
            x = next;
        } else {
            x = isinf(high) ? 2 * x : low + (high - low) / 2;
        }
    }
    return x;
}

// d/d(beta) of the cross-entropy of sigma(beta s).
static struct slope by_beta(const struct problem *problem, double beta)
{
    struct slope at = {0};
    for (size_t i = 0; i < problem->n; i++) {
        const double s = problem->points[i].s, z = beta * s;
        const double p = sigmoid_of(z), q = sigmoid_of(-z);
        at.value += (problem->points[i].click ? -q : p) * s;
        at.rise += p * q * s * s;
    }
    return at;
}

const char *calibrate_line_temperature(const struct calibrate_point *points, size_t n,
                                       struct calibrate *map)
{
    const struct problem problem = {points, n, count_clicks(points, n), by_beta};
    if (problem.clicks == 0 || problem.clicks == n)
        return one_class;
    bool agrees = true;
    for (size_t i = 0; i < n; i++)
        agrees = agrees && (points[i].click ? points[i].s >= 0 : points[i].s <= 0);
    if (by_beta(&problem, 0).value >= 0)
        return "the scores do not order the clicks";
    if (agrees)
        return "the sign of the score tells the clicks";
    const double beta = root(&problem, 0, 1, (double)INFINITY, 0);
    if (!(1 / beta > 0 && isfinite(1 / beta)))
        return "the scores are too large or too small for a temperature";
    map->kind = CALIBRATE_TEMPERATURE;
    map->temperature = 1 / beta;
    return NULL;
}

static struct slope by_offset(const struct problem *problem, double b)
{
    struct slope at = {.value = -(double)problem->clicks};
    for (size_t i = 0; i < problem->n; i++) {
        const double z = problem->points[i].s + b, p = sigmoid_of(z);
        at.value += p;
        at.rise += p * sigmoid_of(-z);
    }
    return at;
}

const char *calibrate_line_offset(const struct calibrate_point *points, size_t n,
                                  struct calibrate *map)
{
    const struct problem problem = {points, n, count_clicks(points, n), by_offset};
    if (problem.clicks == 0 || problem.clicks == n)
        return one_class;
    // At -max s - ln n - 1 no p reaches 1/(e n), so their sum stays below one click; at the other
    // end it is above all clicks but one. The points are sorted.
    const double reach = log((double)n) + 1;
    map->kind = CALIBRATE_OFFSET;
    map->intercept = root(&problem, -points[n - 1].s - reach, 0, -points[0].s + reach, 1);
    return NULL;
}

// Smoothed targets always have a finite fit; whether the clicks themselves do is asked of these.
static const char *fit_platt(struct quality_line_point *line, const struct calibrate_point *points,
                             size_t n, size_t clicks, struct calibrate *map)
{
    for (size_t i = 0; i < n; i++)
        line[i] = (struct quality_line_point){points[i].s, points[i].click ? 1 : 0};
    if (quality_line_separable(line, n))
        return "a threshold on the score separates the clicks";
    const double one = ((double)clicks + 1) / ((double)clicks + 2);
    const double zero = 1 / ((double)(n - clicks) + 2);
    for (size_t i = 0; i < n; i++)
        line[i].y = points[i].click ? one : zero;
    struct quality_line fit;
    if (!quality_line_fit(line, n, &fit) || !isfinite(fit.slope) || !isfinite(fit.intercept))
        return "no finite fit was reached";
    if (!(fit.slope > 0))
        return "the scores do not order the clicks";
    map->kind = CALIBRATE_PLATT;
    map->slope = fit.slope;
    map->intercept = fit.intercept;
    return NULL;
}

enum status calibrate_line_platt(const struct calibrate_point *points, size_t n,
                                 struct calibrate *map, const char **ret_why)
{
    const size_t clicks = count_clicks(points, n);
    if (clicks == 0 || clicks == n) {
        *ret_why = one_class;
        return STATUS_OK;
    }
    struct quality_line_point *line = calloc(n, sizeof(*line));
    if (line == NULL)
        return STATUS_NO_MEMORY;
    *ret_why = fit_platt(line, points, n, clicks, map);
    free(line);
    return STATUS_OK;
}
