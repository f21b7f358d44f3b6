#include "model/train/embed_table.h"

#include "base/clones.h"
#include "base/hash64.h"
#include "base/num.h"
#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Rows are cut into this many pieces, whatever the number of threads.
enum { EMBED_PIECES = 64, EMBED_ALIGN = 64, EMBED_FIRST_CAPACITY = 1024 };

static const float adagrad_epsilon = 1e-10F;

static void piece_range(size_t count, size_t piece, size_t *ret_begin, size_t *ret_end)
{
    size_t step = count / EMBED_PIECES + 1;
    size_t begin = piece * step, end = begin + step;
    *ret_begin = begin < count ? begin : count;
    *ret_end = end < count ? end : count;
}

// ---- memory

// Zeroed and aligned. calloc takes large blocks from the system as pages that do not exist yet.
static void *take(struct embed_table *table, size_t columns, size_t bytes)
{
    size_t size;
    if (!num_mul(table->rows, columns, &size) || !num_mul(size, bytes, &size) ||
        !num_add(size, EMBED_ALIGN - 1, &size))
        return NULL;
    char *block = calloc(size, 1);
    if (block == NULL)
        return NULL;
    table->blocks[table->block_count++] = block;
    return block + (EMBED_ALIGN - (uintptr_t)block % EMBED_ALIGN) % EMBED_ALIGN;
}

enum status embed_table_init(struct embed_table *table, const char *name, size_t rows, size_t dim,
                             enum embed_optimiser optimiser, struct diag *reterr)
{
    assert(rows >= 2 && rows <= UINT32_MAX && dim > 0);
    *table = (struct embed_table){.name = name, .rows = rows, .dim = dim, .optimiser = optimiser};
    bool adam = optimiser == EMBED_ADAM;
    table->values = take(table, dim, sizeof(float));
    table->adam.m = adam ? take(table, dim, sizeof(float)) : NULL;
    table->adam.v = take(table, dim, sizeof(float));
    table->slot = take(table, 1, sizeof(uint32_t));
    if (table->values == NULL || (adam && table->adam.m == NULL) || table->adam.v == NULL ||
        table->slot == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for table %s, %zu rows of %zu",
                        name, rows, dim);
    return STATUS_OK;
}

void embed_table_fini(struct embed_table *table)
{
    for (size_t i = 0; i < table->block_count; i++)
        free(table->blocks[i]);
    free(table->grad);
    free(table->touched);
    free(table->sums);
    free(table->used);
    free(table->chain);
    free(table->ends);
    memset(table, 0, sizeof(*table));
}

// Room for `capacity` occurrences. If it fails, what has grown stays grown: nobody sees it.
static enum status grow(struct embed_table *table, size_t capacity)
{
    size_t floats, bytes;
    // A count, and one more, fits 32 bits.
    if (capacity >= UINT32_MAX || !num_mul(capacity, table->dim, &floats) ||
        !num_mul(floats, sizeof(float), &bytes))
        return STATUS_NO_MEMORY;
    size_t numbers = (capacity + 1) * sizeof(uint32_t);
    uint32_t **arrays[] = {&table->used, &table->chain, &table->ends, &table->touched};
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
        uint32_t *grown = realloc(*arrays[i], numbers);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        *arrays[i] = grown;
    }
    float **blocks[] = {&table->grad, &table->sums};
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        float *grown = realloc(*blocks[i], bytes);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        *blocks[i] = grown;
    }
    table->capacity = capacity;
    return STATUS_OK;
}

// ---- start

struct draw_job {
    struct embed_table *table;
    uint64_t seed;
    uint32_t name;
    double deviation;
};

static void draw_piece(void *context, size_t piece)
{
    const struct draw_job *job = context;
    struct embed_table *table = job->table;
    size_t row, end;
    for (piece_range(table->rows, piece, &row, &end); row < end; row++) {
        float *values = table->values + row * table->dim;
        struct rng rng;
        rng_start(&rng, job->seed, RNG_EMBED, job->name, (uint32_t)row);
        for (size_t j = 0; j < table->dim; j++)
            values[j] = row == 0 ? 0 : (float)(job->deviation * rng_normal(&rng));
    }
}

void embed_table_draw(struct embed_table *table, uint64_t seed, double deviation, struct team *team)
{
    uint32_t name = (uint32_t)hash64(table->name, strlen(table->name), 0);
    struct draw_job job = {table, seed, name, deviation};
    team_run(team, EMBED_PIECES, draw_piece, &job);
}

// ---- occurrences

void embed_table_begin(struct embed_table *table)
{
    table->count = 0;
    table->touched_count = 0;
}

enum status embed_table_use(struct embed_table *table, const uint32_t *rows, size_t n,
                            size_t *ret_first)
{
    size_t first = table->count, end, capacity = EMBED_FIRST_CAPACITY;
    if (!num_add(first, n, &end) || end >= UINT32_MAX)
        return STATUS_NO_MEMORY;
    while (capacity < end)
        capacity *= 2;
    if (capacity > table->capacity)
        TRY(grow(table, capacity < UINT32_MAX ? capacity : UINT32_MAX - 1));
    uint32_t last = 0;
    for (size_t i = 0; i < n; i++) {
        table->used[first + i] = rows[i];
        last = rows[i] > last ? rows[i] : last;
    }
    assert(last < table->rows);
    memset(table->grad + first * table->dim, 0, n * table->dim * sizeof(float));
    table->count = end;
    *ret_first = first;
    return STATUS_OK;
}

// The touched rows, and in ends[k + 1] how often row k of them occurs. `slot` is never cleared:
// what another step left there is not in `touched`, or says another row.
static void find_touched(struct embed_table *table)
{
    uint32_t touched = 0;
    for (size_t i = 0; i < table->count; i++) {
        uint32_t row = table->used[i];
        if (row == 0)
            continue;
        uint32_t slot = table->slot[row];
        if (slot >= touched || table->touched[slot] != row) {
            slot = touched++;
            table->slot[row] = slot;
            table->touched[slot] = row;
            table->ends[slot + 1] = 0;
        }
        table->ends[slot + 1]++;
    }
    table->touched_count = touched;
}

// A sort by counting. Afterwards the occurrences of touched row k are chain[ends[k]] up to, not
// with, chain[ends[k + 1]].
static void chain_occurrences(struct embed_table *table)
{
    uint32_t *ends = table->ends, begin = 0;
    for (size_t k = 0; k < table->touched_count; k++) {
        uint32_t occurs = ends[k + 1];
        ends[k + 1] = begin; // and moves on to the end
        begin += occurs;
    }
    ends[0] = 0;
    for (uint32_t i = 0; i < table->count; i++)
        if (table->used[i] != 0)
            table->chain[ends[table->slot[table->used[i]] + 1]++] = i;
}

CLONES static void add_occurrences(const float *restrict grad, size_t dim, const uint32_t *chain,
                                   size_t count, float *restrict sum)
{
    memcpy(sum, grad + chain[0] * dim, dim * sizeof(*sum));
    for (size_t i = 1; i < count; i++) {
        const float *more = grad + chain[i] * dim;
        for (size_t j = 0; j < dim; j++)
            sum[j] += more[j];
    }
}

static void collect_piece(void *context, size_t piece)
{
    const struct embed_table *table = context;
    size_t k, end;
    for (piece_range(table->touched_count, piece, &k, &end); k < end; k++)
        add_occurrences(table->grad, table->dim, table->chain + table->ends[k],
                        table->ends[k + 1] - table->ends[k], table->sums + k * table->dim);
}

void embed_table_collect(struct embed_table *table, struct team *team)
{
    table->touched_count = 0;
    if (table->count == 0)
        return;
    find_touched(table);
    chain_occurrences(table);
    team_run(team, EMBED_PIECES, collect_piece, table);
}

// ---- update

struct update_job {
    const struct embed_table *table;
    struct adam_rates rates;
    float lr;
    double square_sums[EMBED_PIECES];
};

static void square_piece(void *context, size_t piece)
{
    struct update_job *job = context;
    const struct embed_table *table = job->table;
    size_t begin, end;
    piece_range(table->touched_count, piece, &begin, &end);
    job->square_sums[piece] =
        begin < end ? adam_run_squares(table->sums + begin * table->dim, (end - begin) * table->dim)
                    : 0;
}

double embed_table_squares(const struct embed_table *table, struct team *team)
{
    struct update_job job = {.table = table};
    team_run(team, EMBED_PIECES, square_piece, &job);
    double sum = 0;
    for (size_t piece = 0; piece < EMBED_PIECES; piece++)
        sum += job.square_sums[piece];
    return sum;
}

CLONES static void adagrad_run_step(const struct update_job *job, const float *restrict grads,
                                    float *restrict values, float *restrict squares, size_t count)
{
    const float lr = job->lr, clip = job->rates.clip, decay = job->rates.decay;
    for (size_t i = 0; i < count; i++) {
        float g = grads[i] * clip + decay * values[i];
        float square = squares[i] + g * g;
        squares[i] = square;
        values[i] -= lr * g / (sqrtf(square) + adagrad_epsilon);
    }
}

static void update_piece(void *context, size_t piece)
{
    const struct update_job *job = context;
    const struct embed_table *table = job->table;
    size_t k, end, dim = table->dim;
    for (piece_range(table->touched_count, piece, &k, &end); k < end; k++) {
        size_t at = table->touched[k] * dim;
        float *values = table->values + at, *v = table->adam.v + at;
        if (table->optimiser == EMBED_ADAM)
            adam_run_step(&job->rates, job->rates.decay, table->sums + k * dim, values,
                          table->adam.m + at, v, dim);
        else
            adagrad_run_step(job, table->sums + k * dim, values, v, dim);
    }
}

void embed_table_update(struct embed_table *table, const struct adam_config *config, double lr,
                        double squares, struct team *team)
{
    table->adam.t++;
    struct update_job job = {.table = table,
                             .rates = adam_rates_of(config, table->adam.t, lr, squares),
                             .lr = (float)lr};
    team_run(team, EMBED_PIECES, update_piece, &job);
}
