#include "model/train/input_grad.h"

#include "model/embed_pool.h"
#include "model/featurise.h"

#include <string.h>

bool input_grad_sees(const struct input_train *input, const struct schema_feature *feature)
{
    return input->config.privileged || !feature->privileged;
}

static bool input_grad_has_table(const struct input_train *input,
                                 const struct schema_feature *feature)
{
    return feature->table != SCHEMA_NO_TABLE && input_grad_sees(input, feature);
}

// The rows that a feature reads, `size` for every list or document, and how many in all. The mean
// of the others reads the ids of the feature that it is a mean of.
static size_t input_grad_lookup(struct input_train *input, const struct schema_feature *feature)
{
    const struct schema *schema = input->config.schema;
    const struct minibatch *batch = input->batch;
    const struct schema_feature *from =
        feature->source == SCHEMA_LOO_MEAN ? &schema->features[feature->of] : feature;
    const bool shared = schema_in_shared_cells(from);
    const union row_cell *cells = (shared ? batch->shared : batch->cells) + from->offset;
    const size_t stride = shared ? schema->shared_cells : schema->row_cells;
    const size_t n = shared ? batch->lists : batch->docs, size = schema_cells(from);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < size; k++)
            input->lookup[i * size + k] = featurise_row(from, cells[i * stride + k]);
    return n * size;
}

enum status input_grad_uses(struct input_train *input, struct diag *reterr)
{
    const struct schema *schema = input->config.schema;
    enum status code = STATUS_OK;
    for (size_t i = 0; i < schema->table_count; i++)
        if (input->tables[i].rows > 0)
            embed_table_begin(&input->tables[i]);
    for (size_t i = 0, d = 0; i < schema->count && code == STATUS_OK; i++) {
        const struct schema_feature *feature = &schema->features[i];
        const uint32_t *rows = input->lookup;
        size_t n;
        if (!input_grad_has_table(input, feature))
            continue;
        if (schema_is_din(feature)) {
            rows = input->din[d].rows;
            n = (size_t)input->din[d].offset[input->batch->lists];
            d++;
        } else {
            n = input_grad_lookup(input, feature);
        }
        code = embed_table_use(&input->tables[feature->table], rows, n, &input->first[i]);
    }
    return code == STATUS_OK
               ? code
               : diag_set(reterr, code, "no memory for the rows that a minibatch uses");
}

// ---- scatter, list by list

struct input_grad_place { // of one list in a minibatch
    const struct input_train *input;
    size_t list, first, n; // first row, rows
};

// The place of a feature's columns in a row of x.
static size_t input_grad_column(const struct schema *schema, const struct schema_feature *feature)
{
    return schema_in_shared_columns(feature) ? feature->column
                                             : schema->shared_width + feature->column;
}

static void input_grad_add(float *to, const float *from, size_t dim)
{
    for (size_t k = 0; k < dim; k++)
        to[k] += from[k];
}

// One value of the feature, at occurrence `first`: an id, or a pooled list of them. Their gradient
// is that of the column, which stands in grad of the first occurrence; a mean's a part of it.
static void input_grad_spread(const struct schema_feature *feature, const uint32_t *ids,
                              float *grad)
{
    const size_t dim = feature->width;
    if (feature->kind != SCHEMA_ID_LIST)
        return;
    const size_t count = embed_pool_count(ids, feature->size);
    for (size_t k = 0; feature->pool == SCHEMA_MEAN && count > 0 && k < dim; k++)
        grad[k] /= (float)count;
    for (size_t b = 1; b < count; b++)
        memcpy(grad + b * dim, grad, dim * sizeof(*grad));
}

// A feature that is sent once: its value is in every row of the list.
static void input_grad_shared(const struct input_grad_place *place, size_t f)
{
    const struct input_train *input = place->input;
    const struct schema *schema = input->config.schema;
    const struct schema_feature *feature = &schema->features[f];
    const size_t dim = feature->width, column = input_grad_column(schema, feature);
    const union row_cell *cells =
        input->batch->shared + place->list * schema->shared_cells + feature->offset;
    float *grad =
        input->tables[feature->table].grad + (input->first[f] + place->list * feature->size) * dim;
    for (size_t i = 0; i < place->n; i++)
        input_grad_add(grad, input->grad + (place->first + i) * input->width + column, dim);
    input_grad_spread(feature, &cells->id, grad);
}

static void input_grad_row(const struct input_grad_place *place, size_t f)
{
    const struct input_train *input = place->input;
    const struct schema *schema = input->config.schema;
    const struct schema_feature *feature = &schema->features[f];
    const size_t dim = feature->width, column = input_grad_column(schema, feature);
    for (size_t row = place->first; row < place->first + place->n; row++) {
        const union row_cell *cells =
            input->batch->cells + row * schema->row_cells + feature->offset;
        float *grad =
            input->tables[feature->table].grad + (input->first[f] + row * feature->size) * dim;
        memcpy(grad, input->grad + row * input->width + column, dim * sizeof(*grad));
        input_grad_spread(feature, &cells->id, grad);
    }
}

// c_i = (sum of e_j - e_i) / m_i with m_i the others that have an id: e_j gets g_i / m_i of every
// other row i.
static void input_grad_others(const struct input_grad_place *place, size_t f)
{
    const struct input_train *input = place->input;
    const struct schema *schema = input->config.schema;
    const struct schema_feature *feature = &schema->features[f];
    const size_t dim = feature->width, column = input_grad_column(schema, feature);
    const size_t of = schema->features[feature->of].offset;
    const union row_cell *cells = input->batch->cells + place->first * schema->row_cells + of;
    const float *g = input->grad + place->first * input->width + column;
    float *grad = input->tables[feature->table].grad + (input->first[f] + place->first) * dim;
    size_t known = 0;
    for (size_t i = 0; i < place->n; i++)
        known += cells[i * schema->row_cells].id != 0;
    for (size_t k = 0; k < dim; k++) {
        double sum = 0;
        for (size_t i = 0; i < place->n; i++) {
            size_t others = known - (cells[i * schema->row_cells].id != 0);
            double part = others == 0 ? 0 : (double)g[i * input->width + k] / (double)others;
            grad[i * dim + k] = (float)part;
            sum += part;
        }
        for (size_t i = 0; i < place->n; i++)
            grad[i * dim + k] = (float)(sum - (double)grad[i * dim + k]);
    }
}

static void input_grad_list(const struct input_grad_place *place)
{
    const struct input_train *input = place->input;
    const struct schema *schema = input->config.schema;
    for (size_t f = 0; f < schema->count; f++) {
        const struct schema_feature *feature = &schema->features[f];
        if (!input_grad_has_table(input, feature) || schema_is_din(feature))
            continue;
        if (feature->source == SCHEMA_LOO_MEAN)
            input_grad_others(place, f);
        else if (schema_in_shared_cells(feature))
            input_grad_shared(place, f);
        else
            input_grad_row(place, f);
    }
}

// DIN's part of a list: the target's columns get its gradient too, before they are scattered.
static void input_grad_din(const struct input_grad_place *place, struct input_din *din)
{
    const struct input_train *input = place->input;
    const struct schema *schema = input->config.schema;
    const size_t dim = din->feature->width;
    const size_t column = input_grad_column(schema, &schema->features[din->feature->target]);
    for (size_t row = place->first; row < place->first + place->n; row++)
        input_grad_add(input->grad + row * input->width + column, din->grad_target + row * dim,
                       dim);
    const size_t f = (size_t)(din->feature - schema->features);
    const size_t begin = (size_t)din->offset[place->list];
    const size_t count = (size_t)din->offset[place->list + 1] - begin;
    memcpy(input->tables[din->feature->table].grad + (input->first[f] + begin) * dim,
           din->grad_behaviour + begin * dim, count * dim * sizeof(float));
}

static void input_grad_job(void *context, size_t shard)
{
    struct input_train *input = context;
    const struct minibatch *batch = input->batch;
    const size_t shards = input->config.shards;
    const size_t begin = batch->lists * shard / shards, end = batch->lists * (shard + 1) / shards;
    for (size_t q = begin; q < end; q++) {
        const size_t first = (size_t)batch->offset[q];
        const struct input_grad_place place = {input, q, first,
                                               (size_t)batch->offset[q + 1] - first};
        for (size_t d = 0; d < input->din_count; d++)
            input_grad_din(&place, &input->din[d]);
        input_grad_list(&place);
    }
}

void input_grad_scatter(struct input_train *input)
{
    team_run(input->team, input->config.shards, input_grad_job, input);
}
