#include "model/train/impressions.h"

#include "model/train/linelog.h"
#include "model/train/listjoin.h"
#include "model/train/team.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    IMPRESSIONS_SLOTS = 8,    // blocks of a batch
    IMPRESSIONS_BATCHES = 3,  // one is read, one parsed, one handed to the sink
    IMPRESSIONS_THREADS = 64, // at most
};

struct impressions_slot {
    struct lineread_block block;
    struct pack pack;
    struct buf bad;    // struct linelog_bad
    struct diag first; // what is wrong with the first of them
    enum status code;  // that ended the parse of the block
    struct diag fault;
};

struct impressions_batch {
    struct impressions_slot slots[IMPRESSIONS_SLOTS];
    size_t count;
    enum status code; // that ended the reading, behind these blocks
    struct diag fault;
    uint64_t position; // of the reader
};

struct impressions {
    const struct shards *shards;
    const struct impressions_options *options;
    impressions_sink sink;
    void *context;
    struct lineread reader;
    struct impressions_batch *batches;
    size_t turn; // batch `turn` is parsed, the one before goes to the sink, the next is read
    unsigned threads;
    struct linelog **logs; // (threads + 1) the last belongs to the sink
    struct team *team;
    bool ended;           // nothing is left to read
    struct listjoin join; // of tables
    struct impressions_totals totals;
    enum status code; // of the sink
    struct diag fault;
};

unsigned impressions_threads(const struct impressions_options *options)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = options->threads > 0 ? options->threads : cores > 0 ? (unsigned)cores : 1;
    return threads < IMPRESSIONS_THREADS ? threads : IMPRESSIONS_THREADS;
}

static struct impressions_batch *impressions_batch(struct impressions *work, size_t turn)
{
    return &work->batches[turn % IMPRESSIONS_BATCHES];
}

static void impressions_fetch(struct impressions *work, struct impressions_batch *batch)
{
    batch->count = 0;
    batch->code = STATUS_OK;
    for (bool more = true; !work->ended && batch->count < IMPRESSIONS_SLOTS;) {
        batch->code =
            lineread_next(&work->reader, &batch->slots[batch->count].block, &more, &batch->fault);
        work->ended = batch->code != STATUS_OK || !more;
        batch->count += !work->ended;
    }
    batch->position = lineread_position(&work->reader);
}

static void impressions_parse(struct impressions *work, struct impressions_batch *batch,
                              size_t parser)
{
    for (size_t i = parser; i < batch->count; i += work->threads) {
        struct impressions_slot *slot = &batch->slots[i];
        pack_clear(&slot->pack);
        buf_clear(&slot->bad);
        slot->code = linelog_block(work->logs[parser], &slot->block, &slot->pack, &slot->bad,
                                   &slot->first, &slot->fault);
    }
}

// Bad lines are counted, or are what ends the reading.
MUST_USE static enum status
impressions_bad(struct impressions *work, const struct impressions_slot *slot, struct diag *reterr)
{
    const struct linelog_bad *bad = (const void *)slot->bad.data;
    const uint64_t count = slot->bad.size / sizeof(*bad);
    struct impressions_totals *totals = &work->totals;
    if (count > 0 && totals->skipped_lines == 0)
        totals->first_skipped = slot->first;
    const uint64_t left = work->options->skip_bad - totals->skipped_lines;
    if (count > left)
        return linelog_fault(work->logs[work->threads], &slot->block, &bad[left], reterr);
    totals->skipped_lines += count;
    return STATUS_OK;
}

MUST_USE static enum status impressions_hand(struct impressions *work,
                                             struct impressions_batch *batch, struct diag *reterr)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct impressions_slot *slot = &batch->slots[i];
        TRY(impressions_bad(work, slot, reterr));
        if (slot->code != STATUS_OK && reterr != NULL)
            *reterr = slot->fault;
        TRY(slot->code);
        if (slot->pack.lists == 0)
            continue;
        if (work->options->csv != NULL)
            TRY(listjoin_pack(&work->join, linelog_layout(work->logs[work->threads]), &slot->pack,
                              slot->block.file, slot->block.first_line, reterr));
        TRY(work->sink(work->context, &slot->pack, reterr));
        work->totals.lists += slot->pack.lists - slot->pack.continues;
        work->totals.docs += slot->pack.docs;
        pack_count(&work->totals.counts, &slot->pack.counts);
    }
    if (batch->code != STATUS_OK && reterr != NULL)
        *reterr = batch->fault;
    return batch->code;
}

// A turn: shard 0 reads, shard 1 hands on, the others parse.
static void impressions_shard(void *context, size_t shard)
{
    struct impressions *work = context;
    if (shard == 0)
        impressions_fetch(work, impressions_batch(work, work->turn + 1));
    else if (shard == 1)
        work->code = impressions_hand(work, impressions_batch(work, work->turn + 2), &work->fault);
    else
        impressions_parse(work, impressions_batch(work, work->turn), shard - 2);
}

MUST_USE static enum status impressions_run(struct impressions *work, struct diag *reterr)
{
    impressions_fetch(work, impressions_batch(work, 0));
    for (size_t idle = 0; idle < 2; work->turn++) {
        struct impressions_batch *parsed = impressions_batch(work, work->turn);
        idle = parsed->count == 0 ? idle + 1 : 0;
        team_run(work->team, 2 + work->threads, impressions_shard, work);
        if (work->code != STATUS_OK && reterr != NULL)
            *reterr = work->fault;
        TRY(work->code);
        if (work->options->progress != NULL)
            work->options->progress(work->options->progress_context, parsed->position,
                                    work->shards->source.size_bytes);
    }
    return STATUS_OK;
}

static int impressions_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The names that any parser ignored, sorted, each once.
MUST_USE static enum status impressions_unknown(struct impressions *work, struct diag *reterr)
{
    struct buf all;
    size_t count = 0;
    buf_init(&all, 64 << 20);
    for (unsigned i = 0; i < work->threads; i++)
        buf_span(&all, linelog_unknown(work->logs[i]));
    for (size_t i = 0; i < all.size; i++)
        count += all.data[i] == '\n';
    char **names = calloc(count + 1, sizeof(*names));
    if (names == NULL || all.failed) {
        free(names);
        buf_fini(&all);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    char *rest = all.data;
    for (size_t i = 0; i < count; i++)
        names[i] = strsep(&rest, "\n");
    qsort(names, count, sizeof(*names), impressions_compare);
    char *text = work->totals.unknown;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
            continue;
        if (used + strlen(names[i]) + sizeof(", ...") > IMPRESSIONS_UNKNOWN_TEXT) {
            snprintf(text + used, IMPRESSIONS_UNKNOWN_TEXT - used, "%s",
                     used > 0 ? ", ..." : "...");
            break;
        }
        used += (size_t)sprintf(text + used, "%s%s", used > 0 ? ", " : "", names[i]);
    }
    free(names);
    buf_fini(&all);
    return STATUS_OK;
}

MUST_USE static enum status impressions_init(struct impressions *work, struct diag *reterr)
{
    const size_t count = IMPRESSIONS_BATCHES;
    lineread_init(&work->reader, work->shards, work->options->csv != NULL);
    listjoin_init(&work->join);
    work->batches = calloc(count, sizeof(*work->batches));
    work->logs = calloc(work->threads + 1, sizeof(struct linelog *));
    if (work->batches == NULL || work->logs == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    for (size_t b = 0; b < count; b++) {
        for (size_t i = 0; i < IMPRESSIONS_SLOTS; i++) {
            struct impressions_slot *slot = &work->batches[b].slots[i];
            lineread_block_init(&slot->block);
            pack_init(&slot->pack);
            buf_init(&slot->bad, SIZE_MAX / 2);
        }
    }
    for (unsigned i = 0; i <= work->threads; i++)
        TRY(linelog_new(work->options, i, &work->logs[i], reterr));
    work->team = team_start(work->threads);
    return work->team == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "cannot start threads")
                              : STATUS_OK;
}

static void impressions_fini(struct impressions *work)
{
    team_stop(work->team);
    for (unsigned i = 0; work->logs != NULL && i <= work->threads; i++)
        linelog_free(work->logs[i]);
    free(work->logs);
    for (size_t b = 0; work->batches != NULL && b < IMPRESSIONS_BATCHES; b++) {
        for (size_t i = 0; i < IMPRESSIONS_SLOTS; i++) {
            struct impressions_slot *slot = &work->batches[b].slots[i];
            lineread_block_fini(&slot->block);
            pack_fini(&slot->pack);
            buf_fini(&slot->bad);
        }
    }
    free(work->batches);
    listjoin_fini(&work->join);
    lineread_fini(&work->reader);
}

enum status impressions_read(const struct shards *shards, const struct impressions_options *options,
                             impressions_sink sink, void *context,
                             struct impressions_totals *ret_totals, struct diag *reterr)
{
    struct impressions *work = calloc(1, sizeof(*work));
    if (work == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    work->shards = shards;
    work->options = options;
    work->sink = sink;
    work->context = context;
    work->threads = impressions_threads(options);
    enum status code = impressions_init(work, reterr);
    if (code == STATUS_OK)
        code = impressions_run(work, reterr);
    if (code == STATUS_OK)
        code = impressions_unknown(work, reterr);
    *ret_totals = work->totals;
    impressions_fini(work);
    free(work);
    return code;
}
