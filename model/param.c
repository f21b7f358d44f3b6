#include "model/param.h"

#include "base/num.h"

#include <assert.h>
#include <stdio.h>

enum { PARAM_ALIGN_FLOATS = 16 }; // 64 bytes: a cache line, an AVX-512 register

size_t param_declare(struct param_set *set, const char *name, size_t rows, size_t columns,
                     bool weight)
{
    assert(set->count < PARAM_MAX);
    struct param_view *view = &set->views[set->count];
    int length = snprintf(view->name, sizeof view->name, "%s", name);
    assert(length > 0 && (size_t)length < sizeof view->name);
    size_t floats, end;
    bool fits = num_mul(rows, columns, &floats) && num_add(set->floats, floats, &end) &&
                num_add(end, PARAM_ALIGN_FLOATS - 1, &end);
    assert(fits);
    (void)fits;
    view->offset = set->floats;
    view->rows = rows;
    view->columns = columns;
    view->weight = weight;
    set->floats = num_round_up(set->floats + floats, PARAM_ALIGN_FLOATS);
    return set->count++;
}
