#include "model/train/scoreset.h"

#include "base/num.h"
#include "model/train/listrows.h"

#include <stdlib.h>
#include <string.h>

enum {
    SCORESET_PARTS = 8,      // shards of the work
    SCORESET_ROWS = 256,     // rows after which lists are scored together
    SCORESET_RELEASE = 4096, // lists after which their pages are given back
};

enum status scoreset_init(struct scoreset *set, const struct dataset *dataset, const uint32_t *list,
                          size_t count, struct diag *reterr)
{
    *set = (struct scoreset){.dataset = dataset, .lists = list == NULL ? dataset->lists : count};
    for (size_t i = 0; i < set->lists; i++) {
        size_t number = list == NULL ? i : list[i];
        set->docs += (size_t)(dataset->offset[number + 1] - dataset->offset[number]);
    }
    set->list = calloc(set->lists + 1, sizeof(*set->list));
    set->offset = calloc(set->lists + 1, sizeof(*set->offset));
    set->grade = calloc(set->docs + 1, sizeof(*set->grade));
    set->logit = calloc(set->docs + 1, sizeof(*set->logit));
    if (dataset->group != NULL)
        set->group = calloc(set->docs + 1, sizeof(*set->group));
    if (set->list == NULL || set->offset == NULL || set->grade == NULL || set->logit == NULL ||
        (dataset->group != NULL && set->group == NULL)) {
        scoreset_fini(set);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the scores of %zu documents",
                        set->docs);
    }
    for (size_t i = 0; i < set->lists; i++) {
        size_t number = list == NULL ? i : list[i];
        uint64_t begin = dataset->offset[number], end = dataset->offset[number + 1];
        set->list[i] = (uint32_t)number;
        set->offset[i + 1] = set->offset[i] + (end - begin);
        memcpy(set->grade + set->offset[i], dataset->grade + begin,
               (size_t)(end - begin) * sizeof(float));
        for (uint64_t d = set->offset[i]; dataset->group != NULL && d < set->offset[i + 1]; d++)
            set->group[d] = dataset->group[number];
    }
    return STATUS_OK;
}

void scoreset_fini(struct scoreset *set)
{
    free(set->list);
    free(set->offset);
    free(set->grade);
    free(set->logit);
    free(set->group);
    memset(set, 0, sizeof(*set));
}

// What one shard of the work owns.
struct scoreset_part {
    struct listrows rows;
    struct arena arena;
    union row_cell *shared; // (shared_cells) of the list
    union row_cell *raw;    // (max_rows, row_cells)
    size_t begin, end;      // places in set->list
    enum status code;
};

struct scoreset_job {
    struct scoreset *set;
    const struct scorer *scorer;
    size_t rows;     // lists are scored together until there are so many
    size_t max_rows; // so there may be at once
    struct scoreset_part part[SCORESET_PARTS];
};

MUST_USE static enum status scoreset_part_init(struct scoreset_job *job, struct scoreset_part *part,
                                               struct diag *reterr)
{
    const struct schema *schema = &job->scorer->checkpoint.schema;
    size_t cells, bytes;
    TRY(listrows_init(&part->rows, job->set->dataset, &job->scorer->checkpoint.schema,
                      job->scorer->kernels, reterr));
    if (!num_mul(job->max_rows, schema->row_cells, &cells) ||
        !scorer_bytes(job->scorer, job->max_rows, &bytes))
        return diag_set(reterr, STATUS_TOO_LARGE, "the longest list is too long");
    part->raw = calloc(cells + 1, sizeof(*part->raw));
    part->shared = calloc(schema->shared_cells + 1, sizeof(*part->shared));
    if (part->raw == NULL || part->shared == NULL || arena_init(&part->arena, bytes) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    return STATUS_OK;
}

static void scoreset_part_fini(struct scoreset_part *part)
{
    listrows_fini(&part->rows);
    free(part->raw);
    free(part->shared);
    if (part->arena.capacity > 0)
        arena_fini(&part->arena);
}

// Raw rows of `n` documents, already in part->raw, to logits.
MUST_USE static enum status scoreset_rows(const struct scoreset_job *job,
                                          struct scoreset_part *part, size_t n, float *logit)
{
    struct scorer_input input;
    arena_reset(&part->arena);
    TRY(scorer_featurise(job->scorer, part->shared, part->raw, n, &part->arena, &input));
    return scorer_logits(job->scorer, &input, n, &part->arena, logit);
}

static void scoreset_run(void *context, size_t shard)
{
    struct scoreset_job *job = context;
    struct scoreset_part *part = &job->part[shard];
    const struct scoreset *set = job->set;
    size_t cells = job->scorer->checkpoint.schema.row_cells, n = 0, held = part->begin;
    for (size_t i = part->begin; i < part->end && part->code == STATUS_OK; i++) {
        listrows_fill(&part->rows, set->list[i], part->shared, part->raw + n * cells);
        n += (size_t)(set->offset[i + 1] - set->offset[i]);
        if (n < job->rows && i + 1 < part->end)
            continue;
        part->code = scoreset_rows(job, part, n, set->logit + set->offset[i + 1] - n);
        n = 0;
        if (i - held >= SCORESET_RELEASE && set->list[held] < set->list[i]) {
            dataset_release(set->dataset, set->list[held], set->list[i]);
            held = i;
        }
    }
}

// Lists are scored together only where a row's score depends on nothing but itself.
static size_t scoreset_rows_together(const struct schema *schema)
{
    bool alone = schema->shared_cells == 0;
    for (size_t i = 0; i < schema->count; i++)
        alone = alone && schema->features[i].source != SCHEMA_LOO_MEAN;
    return alone ? SCORESET_ROWS : 1;
}

// Cuts the lists where the documents are as even as whole lists allow.
static void scoreset_cut(struct scoreset_job *job)
{
    const struct scoreset *set = job->set;
    size_t at = 0;
    for (size_t i = 0; i < SCORESET_PARTS; i++) {
        uint64_t until = (uint64_t)set->docs * (i + 1) / SCORESET_PARTS;
        job->part[i].begin = at;
        while (at < set->lists && (set->offset[at + 1] <= until || i + 1 == SCORESET_PARTS))
            at++;
        job->part[i].end = at;
    }
}

enum status scoreset_score(struct scoreset *set, const struct scorer *scorer, struct team *team,
                           struct diag *reterr)
{
    struct scoreset_job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    job->set = set;
    job->scorer = scorer;
    size_t longest = 0;
    for (size_t i = 0; i < set->lists; i++) {
        size_t n = (size_t)(set->offset[i + 1] - set->offset[i]);
        longest = n > longest ? n : longest;
    }
    job->rows = scoreset_rows_together(&scorer->checkpoint.schema);
    job->max_rows = job->rows - 1 + longest;
    scoreset_cut(job);
    enum status code = STATUS_OK;
    for (size_t i = 0; i < SCORESET_PARTS && code == STATUS_OK; i++)
        code = scoreset_part_init(job, &job->part[i], reterr);
    if (code == STATUS_OK)
        team_run(team, SCORESET_PARTS, scoreset_run, job);
    for (size_t i = 0; i < SCORESET_PARTS; i++) {
        if (code == STATUS_OK && job->part[i].code != STATUS_OK)
            code = diag_set(reterr, job->part[i].code, "cannot score: %s",
                            status_text(job->part[i].code));
        scoreset_part_fini(&job->part[i]);
    }
    free(job);
    return code;
}

enum status scoreset_quality(const struct scoreset *set, const struct calibrate *calibrate,
                             struct quality *ret_quality, struct diag *reterr)
{
    struct quality_input input = {.lists = set->lists,
                                  .docs = set->docs,
                                  .offset = set->offset,
                                  .logit = set->logit,
                                  .grade = set->grade,
                                  .group = set->group};
    // Without a map the logits themselves are measured: no digit of LogLoss goes through p.
    if (calibrate_is_plain(calibrate))
        return quality_measure(&input, ret_quality, reterr);
    double *p = malloc((set->docs + 1) * sizeof(*p));
    if (p == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < set->docs; i++)
        p[i] = calibrate_probability(calibrate, set->logit[i]);
    input.p = p;
    enum status code = quality_measure(&input, ret_quality, reterr);
    free(p);
    return code;
}
