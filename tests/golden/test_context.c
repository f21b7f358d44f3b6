// Context features of a page against the reference, from transformed and from raw features.
#include "model/kernels/kernels.h"
#include "model/train/pagectx.h"
#include "proto/row.h"
#include "tests/support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void check_page(const struct golden_case *c, const float *g, size_t n, size_t width)
{
    const size_t columns = pagectx_width(width);
    float *context = golden_memory(c, n * columns, sizeof(*context));
    double *scratch = golden_memory(c, 2 * width, sizeof(*scratch));
    pagectx_fill(g, n, width, width, context, columns, scratch);
    struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "c");
    golden_is_floats(&want, context, n * columns);
}

static void check_page_context(const struct golden_case *c)
{
    const struct json_value *rows = golden_member(c, c->in, "g");
    size_t count;
    const float *g = golden_floats(c, rows, &count);
    check_page(c, g, json_value_size(rows), count / json_value_size(rows));
}

static void check_raw_page_context(const struct golden_case *c)
{
    const struct json_value *rows = golden_member(c, c->in, "x");
    size_t count;
    const double *x = golden_doubles(c, rows, &count);
    float *g = golden_memory(c, count, sizeof(*g));
    for (size_t i = 0; i < count; i++)
        g[i] = row_value(x[i]);
    kernels_at(0)->log1p(g, count, g);
    struct golden_want want = golden_want(c, GOLDEN_F32, c->expect, "g");
    golden_is_floats(&want, g, count);
    check_page(c, g, json_value_size(rows), count / json_value_size(rows));
}

int main(void)
{
    static const struct golden_op ops[] = {
        {"page_context", check_page_context, NULL},
        {"raw_page_context", check_raw_page_context, NULL},
    };
    return golden_run("context.json", ops, sizeof(ops) / sizeof(ops[0]));
}
