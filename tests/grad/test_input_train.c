// The whole input: L = sum c * x in double, written here from spec/algorithm.md 1 over raw cells,
// and its central differences in every number of every table and of DIN, against what the way back
// leaves. Rows that no cell names must get nothing.
#include "model/train/input_train.h"
#include "tests/support/check.h"
#include "tests/support/input_case.h"
#include "tests/support/numeric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = INPUT_CASE_ROWS, MAX_DIM = 4, MAX_HIDDEN = 8, MAX_PAIRS = 80, MAX_FLOATS = 2000 };

// Where the numbers of a table, or of a DIN feature, begin in the vector of all.
struct reference {
    const struct input_case *test;
    const struct input_train *input;
    const double *c; // (ROWS, width)
    size_t tables[16], dins[4];
    double *x; // (ROWS, width) of the last evaluation
};

// Zero for row 0, whatever stands there.
static double value(const struct reference *r, const double *values, uint32_t table, uint32_t row,
                    size_t k)
{
    return row == 0 ? 0 : values[r->tables[table] + row * r->test->schema.tables[table].dim + k];
}

static const union row_cell *cells_of(const struct reference *r, const struct schema_feature *f,
                                      size_t list, size_t row)
{
    const struct minibatch *b = &r->test->batch;
    const struct schema *s = &r->test->schema;
    return f->scope == ROW_ITEM ? b->cells + row * s->row_cells + f->offset
                                : b->shared + list * s->shared_cells + f->offset;
}

static uint32_t row_of(const struct schema_feature *f, const union row_cell *cell)
{
    if (f->quantiles == 0)
        return cell->id;
    uint32_t row = 1;
    for (uint32_t e = 0; e < f->edge_count; e++)
        row += f->edges[e] <= cell->number;
    return isnan(cell->number) ? 0 : row;
}

static size_t length_of(const struct schema_feature *f, const union row_cell *cells)
{
    size_t length = 0;
    while (length < f->size && cells[length].id != 0)
        length++;
    return length;
}

// ---- DIN

static const double *tensor(const struct reference *r, const double *values, size_t d,
                            const char *layer, const char *what)
{
    char name[PARAM_NAME];
    const struct param_set *set = din_train_params(r->input->din[d].unit);
    int length = snprintf(name, sizeof(name), "%s.%s", layer, what);
    assert_in_range(length, 1, sizeof(name) - 1);
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->views[i].name, name) == 0)
            return values + r->dins[d] + set->views[i].offset;
    fail_msg("DIN has no %s", name);
    return NULL;
}

static void linear(const double *weight, const double *bias, size_t in, size_t out, size_t n,
                   const double *x, double *y)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++) {
            y[i * out + j] = bias[j];
            for (size_t k = 0; k < in; k++)
                y[i * out + j] += weight[j * in + k] * x[i * in + k];
        }
}

static void prelu(const double *kappa, size_t units, size_t n, double *y)
{
    for (size_t i = 0; i < n * units; i++)
        y[i] = y[i] > 0 ? y[i] : kappa[i % units] * y[i];
}

// Statistics over all pairs of the minibatch.
static void dice(const double *kappa, size_t units, size_t n, double *y)
{
    for (size_t j = 0; j < units; j++) {
        double mean = 0, var = 0;
        for (size_t i = 0; i < n; i++)
            mean += y[i * units + j] / (double)n;
        for (size_t i = 0; i < n; i++)
            var += pow(y[i * units + j] - mean, 2) / (double)n;
        for (size_t i = 0; i < n; i++) {
            double h = y[i * units + j], p = 1 / (1 + exp(-(h - mean) / sqrt(var + 1e-9)));
            y[i * units + j] = h * (kappa[j] + (1 - kappa[j]) * p);
        }
    }
}

// z (n, in) -> a (n)
static void unit(const struct reference *r, const double *values, size_t d, size_t in, size_t n,
                 double *z, double *a)
{
    const struct checkpoint_attention *attention = &r->input->config.attention;
    double y[MAX_PAIRS * 4 * MAX_DIM];
    for (size_t k = 0; k < attention->hidden_count; k++) {
        char layer[32];
        const size_t out = attention->hidden[k];
        (void)snprintf(layer, sizeof(layer), "layer.%zu", k);
        linear(tensor(r, values, d, layer, "weight"), tensor(r, values, d, layer, "bias"), in, out,
               n, z, y);
        (attention->activation == DIN_DICE ? dice : prelu)(tensor(r, values, d, layer, "kappa"),
                                                           out, n, y);
        memcpy(z, y, n * out * sizeof(*z));
        in = out;
    }
    linear(tensor(r, values, d, "out", "weight"), tensor(r, values, d, "out", "bias"), in, 1, n, z,
           a);
}

static void softmax(double *a, size_t n)
{
    double sum = 0;
    for (size_t b = 0; b < n; b++)
        sum += exp(a[b]);
    for (size_t b = 0; b < n; b++)
        a[b] = exp(a[b]) / sum;
}

// The columns of a DIN feature, for all rows.
static void attend(const struct reference *r, const double *values, size_t d, double *u,
                   size_t stride)
{
    const struct schema_feature *f = r->input->din[d].feature;
    const struct schema_feature *target = &r->test->schema.features[f->target];
    const struct minibatch *batch = &r->test->batch;
    const size_t dim = f->width;
    double z[MAX_PAIRS * 4 * MAX_DIM] = {0}, a[MAX_PAIRS] = {0};
    size_t n = 0;
    for (size_t q = 0; q < batch->lists; q++)
        for (size_t i = (size_t)batch->offset[q]; i < batch->offset[q + 1]; i++) {
            const union row_cell *history = cells_of(r, f, q, i);
            const uint32_t id = cells_of(r, target, q, i)->id;
            for (size_t b = 0; b < length_of(f, history); b++, n++)
                for (size_t k = 0; k < dim; k++) {
                    assert_true(n < MAX_PAIRS);
                    double eb = value(r, values, f->table, history[b].id, k);
                    double et = value(r, values, f->table, id, k);
                    z[n * 4 * dim + k] = eb;
                    z[n * 4 * dim + dim + k] = et;
                    z[n * 4 * dim + 2 * dim + k] = eb - et;
                    z[n * 4 * dim + 3 * dim + k] = eb * et;
                }
        }
    unit(r, values, d, 4 * dim, n, z, a);
    n = 0;
    for (size_t q = 0; q < batch->lists; q++)
        for (size_t i = (size_t)batch->offset[q]; i < batch->offset[q + 1]; i++) {
            const union row_cell *history = cells_of(r, f, q, i);
            const size_t length = length_of(f, history);
            if (r->input->config.attention.softmax)
                softmax(a + n, length);
            for (size_t b = 0; b < length; b++, n++)
                for (size_t k = 0; k < dim; k++)
                    u[i * stride + k] += a[n] * value(r, values, f->table, history[b].id, k);
        }
}

// ---- everything else

static double others(const struct reference *r, const double *values,
                     const struct schema_feature *f, size_t list, size_t row, size_t k)
{
    const struct schema_feature *of = &r->test->schema.features[f->of];
    const struct minibatch *batch = &r->test->batch;
    double sum = 0, count = 0;
    for (size_t j = (size_t)batch->offset[list]; j < batch->offset[list + 1]; j++) {
        const uint32_t id = cells_of(r, of, list, j)->id;
        if (j == row || id == 0)
            continue;
        sum += value(r, values, f->table, id, k);
        count++;
    }
    return count == 0 ? 0 : sum / count;
}

static double column(const struct reference *r, const double *values,
                     const struct schema_feature *f, size_t list, size_t row, size_t k)
{
    const union row_cell *cells = cells_of(r, f, list, row);
    if (f->table == SCHEMA_NO_TABLE)
        return (double)cells[k].number;
    if (f->source == SCHEMA_LOO_MEAN)
        return others(r, values, f, list, row, k);
    if (f->kind != SCHEMA_ID_LIST)
        return value(r, values, f->table, row_of(f, cells), k);
    const size_t length = length_of(f, cells);
    double sum = 0;
    for (size_t b = 0; b < length; b++)
        sum += value(r, values, f->table, cells[b].id, k);
    return f->pool == SCHEMA_MEAN && length > 0 ? sum / (double)length : sum;
}

static double loss(void *context, const double *values)
{
    struct reference *r = context;
    const struct schema *schema = &r->test->schema;
    const struct minibatch *batch = &r->test->batch;
    const size_t width = r->input->width;
    memset(r->x, 0, ROWS * width * sizeof(*r->x));
    for (size_t f = 0, d = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        double *x =
            r->x + feature->column + (schema_in_shared_columns(feature) ? 0 : schema->shared_width);
        if (feature->privileged && !r->input->config.privileged)
            continue;
        if (schema_is_din(feature)) {
            attend(r, values, d++, x, width);
            continue;
        }
        for (size_t q = 0; q < batch->lists; q++)
            for (size_t i = (size_t)batch->offset[q]; i < batch->offset[q + 1]; i++)
                for (size_t k = 0; k < feature->width; k++)
                    x[i * width + k] = column(r, values, feature, q, i, k);
    }
    double sum = 0;
    for (size_t i = 0; i < ROWS * width; i++)
        sum += r->c[i] * r->x[i];
    return sum;
}

// ---- ours

// All numbers that learn, one after another.
static size_t gather(struct reference *r, const struct input_train *input, double *values)
{
    size_t count = 0;
    for (size_t t = 0; t < r->test->schema.table_count; t++) {
        const struct embed_table *table = &input->tables[t];
        r->tables[t] = count;
        assert_true(count + table->rows * table->dim <= MAX_FLOATS);
        for (size_t i = 0; i < table->rows * table->dim; i++)
            values[count++] = (double)table->values[i];
    }
    for (size_t d = 0; d < input->din_count; d++) {
        const size_t floats = din_train_params(input->din[d].unit)->floats;
        r->dins[d] = count;
        assert_true(count + floats <= MAX_FLOATS);
        for (size_t i = 0; i < floats; i++)
            values[count++] = (double)din_train_values(input->din[d].unit)[i];
    }
    return count;
}

static void gather_grads(const struct reference *r, const struct input_train *input, float *grads)
{
    for (size_t t = 0; t < r->test->schema.table_count; t++) {
        const struct embed_table *table = &input->tables[t];
        for (size_t k = 0; k < table->touched_count; k++)
            for (size_t j = 0; j < table->dim; j++)
                grads[r->tables[t] + table->touched[k] * table->dim + j] =
                    table->sums[k * table->dim + j];
    }
    for (size_t d = 0; d < input->din_count; d++)
        memcpy(grads + r->dins[d], din_train_grads(input->din[d].unit),
               din_train_params(input->din[d].unit)->floats * sizeof(float));
}

static void check_batch(struct input_case *test, struct input_train *input)
{
    static double values[MAX_FLOATS], want[MAX_FLOATS], wide[ROWS * 128], x[ROWS * 128];
    static float got[MAX_FLOATS], c[ROWS * 128];
    const size_t width = input->width;
    assert_true(width <= 128);
    struct reference r = {.test = test, .input = input, .c = wide, .x = x};
    // Off the starting points of biases and slopes, where errors could hide.
    for (size_t d = 0; d < input->din_count; d++)
        for (size_t i = 0; i < din_train_params(input->din[d].unit)->floats; i++)
            din_train_values(input->din[d].unit)[i] += .03F * (float)(i % 7);
    const size_t count = gather(&r, input, values);
    numeric_fill(1, 1, c, wide, ROWS * width);
    assert_int_equal(input_train_forward(input, &test->batch, NULL), STATUS_OK);
    for (size_t i = 0; i < ROWS * width; i++) {
        assert_true(input->grad[i] == 0);
        input->grad[i] = c[i];
    }
    const double squares = input_train_backward(input);
    memset(got, 0, sizeof(got));
    gather_grads(&r, input, got);
    (void)loss(&r, values);
    numeric_is_close("x", input->x, x, ROWS * width, 1e-5);
    numeric_gradient(loss, &r, values, count, want);
    numeric_is_close("gradient", got, want, count, 1e-5);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)got[i] * (double)got[i];
    assert_true(fabs(squares - sum) <= 1e-6 * sum && sum > 0);
}

static void check(const char *yaml, bool privileged, struct checkpoint_attention attention,
                  size_t shards)
{
    struct input_case test;
    struct input_train input;
    input_case_init(&test, yaml);
    const struct input_train_config config = {.schema = &test.schema,
                                              .kernels = kernels_at(0),
                                              .privileged = privileged,
                                              .attention = attention,
                                              .deviation = .7,
                                              .name = "input",
                                              .shards = shards,
                                              .max_rows = ROWS,
                                              .max_lists = INPUT_CASE_LISTS,
                                              .seed = 5};
    struct team *team = team_start(2);
    assert_non_null(team);
    assert_int_equal(input_train_init(&input, &config, team, NULL), STATUS_OK);
    check_batch(&test, &input);
    check_batch(&test, &input); // again: what a step leaves does not reach the next
    input_train_fini(&input);
    team_stop(team);
    input_case_fini(&test);
}

#define EVERYTHING                                                                                 \
    "- {name: u, scope: user, kind: id, buckets: 4, dim: 3}\n"                                     \
    "- {name: us, scope: user, kind: id_list, table: i, max_len: 4, pool: sum}\n"                  \
    "- {name: um, scope: user, kind: id_list, table: i, max_len: 3, pool: mean}\n"                 \
    "- {name: age, scope: user, kind: dense, quantiles: 4, dim: 2}\n"                              \
    "- {name: hour, scope: context, kind: id, encode: identity, buckets: 5, dim: 2}\n"             \
    "- {name: n, scope: context, kind: dense, size: 2}\n"                                          \
    "- {name: uh, kind: cross, cross: [u, hour], buckets: 5, dim: 2}\n"                            \
    "- {name: i, scope: item, kind: id, buckets: 7, dim: 3}\n"                                     \
    "- {name: is, scope: item, kind: id_list, buckets: 6, dim: 2, max_len: 3, pool: sum}\n"        \
    "- {name: im, scope: item, kind: id_list, table: i, max_len: 4, pool: mean}\n"                 \
    "- {name: ui, kind: cross, cross: [u, i], buckets: 5, dim: 1}\n"                               \
    "- {name: price, scope: item, kind: dense, quantiles: 3, dim: 3}\n"                            \
    "- {name: loo, scope: item, kind: id, source: loo_mean, of: i, privileged: true}\n"            \
    "- {name: own, scope: item, kind: id, source: loo_mean, of: i, dim: 2, privileged: true}\n"    \
    "- {name: pc, scope: context, kind: id, table: i, privileged: true}\n"                         \
    "- {name: pm, scope: context, kind: id_list, buckets: 4, dim: 2, max_len: 3, privileged: "     \
    "true}\n"                                                                                      \
    "- {name: pi, scope: item, kind: id, buckets: 4, dim: 2, privileged: true}\n"                  \
    "- {name: pu, kind: cross, cross: [pi, u], buckets: 4, dim: 2, privileged: true}\n"            \
    "- {name: pn, scope: item, kind: dense, size: 1, privileged: true}\n"

static const struct checkpoint_attention none = {0};

static void of_every_kind(void **state)
{
    (void)state;
    check(EVERYTHING, true, none, 1);
    check(EVERYTHING, true, none, 2);
    check(EVERYTHING, true, none, 7); // more shards than lists
}

static void of_a_student(void **state)
{
    (void)state;
    check(EVERYTHING, false, none, 2);
}

#define HISTORIES                                                                                  \
    "- {name: h, scope: user, kind: id_list, table: i, max_len: 4, pool: din, target: i}\n"        \
    "- {name: g, scope: context, kind: id_list, table: i, max_len: 3, pool: din, target: j}\n"     \
    "- {name: j, scope: item, kind: id, table: i}\n"
#define ALONE                                                                                      \
    "- {name: h, scope: user, kind: id_list, table: i, max_len: 4, pool: din, target: i}\n"        \
    "- {name: i, scope: item, kind: id, buckets: 7, dim: 4}\n"

static void of_din(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct checkpoint_attention attention = {
            2, {5, 3}, i % 2 == 0 ? DIN_PRELU : DIN_DICE, i >= 2};
        check(ALONE, false, attention, 1);
        check(ALONE, false, attention, 2);
        check(EVERYTHING HISTORIES, true, attention, 2);
        check(EVERYTHING HISTORIES, false, attention, 3);
    }
}

static void of_din_of_one_layer(void **state)
{
    (void)state;
    check(ALONE, false, (struct checkpoint_attention){1, {6}, DIN_PRELU, false}, 2);
    check(ALONE, false, (struct checkpoint_attention){1, {6}, DIN_DICE, true}, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_every_kind),
        cmocka_unit_test(of_a_student),
        cmocka_unit_test(of_din),
        cmocka_unit_test(of_din_of_one_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
