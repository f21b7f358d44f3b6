#include "model/train/minibatch.h"

#include "base/num.h"
#include "base/rng.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t minibatch_docs_of(const struct dataset *dataset, size_t list)
{
    return (size_t)(dataset->offset[list + 1] - dataset->offset[list]);
}

enum status minibatch_plan_init(struct minibatch_plan *plan, const struct dataset *dataset,
                                const uint32_t *subset, size_t count, size_t batch)
{
    assert(batch >= 2 && dataset->lists <= UINT32_MAX);
    size_t lists = subset == NULL ? dataset->lists : count;
    *plan = (struct minibatch_plan){.dataset = dataset, .lists = lists, .batch = batch};
    plan->next = lists; // nothing before the first start
    plan->subset = calloc(lists + 1, sizeof(*plan->subset));
    plan->order = calloc(lists + 1, sizeof(*plan->order));
    plan->blocks = calloc(lists / MINIBATCH_BLOCK + 1, sizeof(*plan->blocks));
    if (plan->subset == NULL || plan->order == NULL || plan->blocks == NULL) {
        minibatch_plan_fini(plan);
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < lists; i++) {
        plan->subset[i] = subset == NULL ? (uint32_t)i : subset[i];
        assert(plan->subset[i] < dataset->lists);
        size_t docs = minibatch_docs_of(dataset, plan->subset[i]);
        plan->docs += docs;
        plan->longest = docs > plan->longest ? docs : plan->longest;
    }
    return STATUS_OK;
}

void minibatch_plan_fini(struct minibatch_plan *plan)
{
    free(plan->subset);
    free(plan->order);
    free(plan->blocks);
    *plan = (struct minibatch_plan){0};
}

// Blocks in permuted order, into plan->order.
static void minibatch_permute_blocks(struct minibatch_plan *plan, struct rng *rng)
{
    const size_t blocks = (plan->lists + MINIBATCH_BLOCK - 1) / MINIBATCH_BLOCK;
    size_t at = 0;
    for (size_t i = 0; i < blocks; i++)
        plan->blocks[i] = (uint32_t)i;
    rng_shuffle_u32(rng, plan->blocks, blocks);
    for (size_t i = 0; i < blocks; i++) {
        const size_t first = (size_t)plan->blocks[i] * MINIBATCH_BLOCK;
        const size_t left = plan->lists - first;
        const size_t count = left < MINIBATCH_BLOCK ? left : MINIBATCH_BLOCK;
        memcpy(plan->order + at, plan->subset + first, count * sizeof(*plan->order));
        at += count;
    }
}

void minibatch_plan_start(struct minibatch_plan *plan, uint64_t seed, uint32_t epoch)
{
    struct rng rng;
    plan->next = 0;
    plan->dropped = 0;
    memcpy(plan->order, plan->subset, plan->lists * sizeof(*plan->order));
    if (plan->as_given)
        return;
    rng_start(&rng, seed, RNG_SHUFFLE, epoch, 0);
    if (plan->lists > MINIBATCH_WINDOW)
        minibatch_permute_blocks(plan, &rng);
    for (size_t first = 0; first < plan->lists; first += MINIBATCH_WINDOW) {
        const size_t left = plan->lists - first;
        rng_shuffle_u32(&rng, plan->order + first,
                        left < MINIBATCH_WINDOW ? left : MINIBATCH_WINDOW);
    }
}

// Lets go of the lists of a window that is over.
static void minibatch_release(const struct minibatch_plan *plan, size_t window)
{
    const size_t per_window = MINIBATCH_WINDOW / MINIBATCH_BLOCK;
    const size_t blocks = (plan->lists + MINIBATCH_BLOCK - 1) / MINIBATCH_BLOCK;
    for (size_t i = window * per_window; i < (window + 1) * per_window && i < blocks; i++) {
        const size_t first = (size_t)(plan->as_given ? i : plan->blocks[i]) * MINIBATCH_BLOCK;
        const size_t left = plan->lists - first;
        const size_t last = first + (left < MINIBATCH_BLOCK ? left : MINIBATCH_BLOCK) - 1;
        dataset_release(plan->dataset, plan->subset[first], plan->subset[last] + 1);
    }
}

bool minibatch_plan_next(struct minibatch_plan *plan, struct minibatch_lists *ret_lists)
{
    const size_t first = plan->next, window = first / MINIBATCH_WINDOW;
    size_t docs = 0;
    while (plan->next < plan->lists && docs < plan->batch)
        docs += minibatch_docs_of(plan->dataset, plan->order[plan->next++]);
    // A minibatch may reach into the next window; what it still reads is fetched again.
    if (plan->lists > MINIBATCH_WINDOW && plan->next / MINIBATCH_WINDOW > window)
        minibatch_release(plan, window);
    if (docs < 2) {
        plan->dropped += docs;
        return false;
    }
    *ret_lists = (struct minibatch_lists){plan->order + first, plan->next - first, docs};
    return true;
}

size_t minibatch_plan_max_rows(const struct minibatch_plan *plan)
{
    size_t rows = plan->batch - 1 + plan->longest;
    return rows < plan->docs ? rows : plan->docs;
}

size_t minibatch_plan_max_lists(const struct minibatch_plan *plan)
{
    return plan->batch < plan->lists ? plan->batch : plan->lists;
}

MUST_USE static enum status minibatch_allocate(struct minibatch *batch, struct diag *reterr)
{
    size_t cells, shared;
    if (!num_mul(batch->max_rows, batch->schema->row_cells, &cells) ||
        !num_mul(batch->max_lists, batch->schema->shared_cells, &shared))
        return diag_set(reterr, STATUS_TOO_LARGE, "a minibatch of %zu documents is too large",
                        batch->max_rows);
    batch->shared = calloc(shared + 1, sizeof(*batch->shared));
    batch->cells = calloc(cells + 1, sizeof(*batch->cells));
    batch->label = calloc(batch->max_rows + 1, sizeof(*batch->label));
    batch->offset = calloc(batch->max_lists + 1, sizeof(*batch->offset));
    batch->doc = calloc(batch->max_rows + 1, sizeof(*batch->doc));
    if (batch->shared == NULL || batch->cells == NULL || batch->label == NULL ||
        batch->offset == NULL || batch->doc == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a minibatch of %zu documents",
                        batch->max_rows);
    return STATUS_OK;
}

enum status minibatch_init(struct minibatch *batch, const struct minibatch_plan *plan,
                           const struct schema *schema, const struct kernels *kernels,
                           struct diag *reterr)
{
    *batch = (struct minibatch){.schema = schema,
                                .max_rows = minibatch_plan_max_rows(plan),
                                .max_lists = minibatch_plan_max_lists(plan)};
    TRY(listrows_init(&batch->rows, plan->dataset, schema, kernels, reterr));
    enum status code = minibatch_allocate(batch, reterr);
    if (code != STATUS_OK)
        minibatch_fini(batch);
    return code;
}

void minibatch_fini(struct minibatch *batch)
{
    listrows_fini(&batch->rows);
    free(batch->shared);
    free(batch->cells);
    free(batch->label);
    free(batch->offset);
    free(batch->doc);
    *batch = (struct minibatch){0};
}

void minibatch_fill(struct minibatch *batch, const struct minibatch_lists *lists)
{
    const struct dataset *dataset = batch->rows.dataset;
    const struct schema *schema = batch->schema;
    assert(lists->docs <= batch->max_rows && lists->count <= batch->max_lists);
    size_t row = 0;
    for (size_t q = 0; q < lists->count; q++) {
        uint64_t first = dataset->offset[lists->lists[q]];
        size_t docs = listrows_docs(&batch->rows, lists->lists[q]);
        listrows_fill(&batch->rows, lists->lists[q], batch->shared + q * schema->shared_cells,
                      batch->cells + row * schema->row_cells);
        batch->offset[q] = row;
        for (size_t i = 0; i < docs; i++) {
            batch->doc[row + i] = first + i;
            batch->label[row + i] = dataset->grade[first + i] > 0 ? 1.0F : 0.0F;
        }
        row += docs;
    }
    assert(row == lists->docs);
    batch->offset[lists->count] = row;
    batch->lists = lists->count;
    batch->docs = row;
}
