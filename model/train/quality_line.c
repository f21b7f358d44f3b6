#include "model/train/quality_line.h"

#include <math.h>

enum { QUALITY_LINE_STEPS = 200, QUALITY_LINE_HALVINGS = 60 };

bool quality_line_separable(const struct quality_line_point *points, size_t n)
{
    double min_one = INFINITY, max_one = -INFINITY, min_zero = INFINITY, max_zero = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (points[i].y > 0) {
            min_one = fmin(min_one, points[i].s);
            max_one = fmax(max_one, points[i].s);
        }
        if (points[i].y < 1) {
            min_zero = fmin(min_zero, points[i].s);
            max_zero = fmax(max_zero, points[i].s);
        }
    }
    // A class without a member has the infinities the wrong way round, which holds here too.
    return min_one >= max_zero || max_one <= min_zero;
}

// The problem in units of its own: x = (s - centre) / width has mean 0 and deviation 1, so that the
// Hessian is well conditioned whatever the logits are.
struct problem {
    const struct quality_line_point *points;
    size_t n;
    double centre, width;
};

static struct problem standardise(const struct quality_line_point *points, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += points[i].s;
    const double centre = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (points[i].s - centre) * (points[i].s - centre);
    return (struct problem){points, n, centre, sqrt(squares / (double)n)};
}

struct slopes { // at a place (a, b): value, gradient, Hessian; means over the points
    double value, ga, gb, haa, hab, hbb;
};

static struct slopes evaluate(const struct problem *problem, double a, double b)
{
    struct slopes at = {0};
    for (size_t i = 0; i < problem->n; i++) {
        const double x = (problem->points[i].s - problem->centre) / problem->width;
        const double y = problem->points[i].y, z = a * x + b, e = exp(-fabs(z));
        const double p = z >= 0 ? 1 / (1 + e) : e / (1 + e), q = z >= 0 ? e / (1 + e) : 1 / (1 + e);
        const double gap = (1 - y) * p - y * q, weight = p * q;
        at.value += fmax(z, 0) - z * y + log1p(e);
        at.ga += gap * x;
        at.gb += gap;
        at.haa += weight * x * x;
        at.hab += weight * x;
        at.hbb += weight;
    }
    return at;
}

// Newton's direction. A Hessian that rounding made singular (all p at the ends) gets a ridge of its
// own size, enough for a descent direction.
static void direction(const struct slopes *at, double *ret_a, double *ret_b)
{
    const double ridge = 1e-15 * (at->haa + at->hbb) + 1e-300;
    const double haa = at->haa + ridge, hbb = at->hbb + ridge;
    const double determinant = haa * hbb - at->hab * at->hab;
    *ret_a = -(hbb * at->ga - at->hab * at->gb) / determinant;
    *ret_b = -(haa * at->gb - at->hab * at->ga) / determinant;
}

bool quality_line_fit(const struct quality_line_point *points, size_t n,
                      struct quality_line *ret_line)
{
    if (quality_line_separable(points, n))
        return false;
    const struct problem problem = standardise(points, n);
    double a = 0, b = 0;
    struct slopes at = evaluate(&problem, a, b);
    for (int step = 0; step < QUALITY_LINE_STEPS; step++) {
        double da, db, length = 1;
        direction(&at, &da, &db);
        // Near the minimum the value is flat to its last bits: there a step may seem to ascend.
        const double slack = 1e-13 * at.value;
        struct slopes next = evaluate(&problem, a + da, b + db);
        for (int halving = 0; !(next.value <= at.value + slack); halving++) {
            if (halving == QUALITY_LINE_HALVINGS)
                return false;
            length /= 2;
            next = evaluate(&problem, a + length * da, b + length * db);
        }
        a += length * da;
        b += length * db;
        at = next;
        // Convergence is quadratic: what is left after such a step is far below its size.
        if (length == 1 && fabs(da) + fabs(db) <= 1e-10 * (1 + fabs(a) + fabs(b))) {
            ret_line->slope = a / problem.width;
            ret_line->intercept = b - a * problem.centre / problem.width;
            return true;
        }
    }
    return false;
}
