#include "model/train/synth_impressions.h"

#include "base/file.h"
#include "model/train/progress.h"
#include "model/train/synth_fit.h"
#include "model/train/synth_record.h"
#include "proto/json_read.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    IMPRESSIONS_START = 1700000000,
    IMPRESSIONS_USER_SECONDS = 64800, // between two visits of a user, in the mean: 18 hours
    IMPRESSIONS_LINE_BYTES = 1 << 20,
};

struct synth_impressions {
    struct synth_impressions_config config;
    struct synth_world world;
    struct synth_visit visit;
    struct synth_visit_fit fit;
    double clock;      // seconds since IMPRESSIONS_START
    uint32_t pages;    // so far
    uint32_t *history; // scratch
};

struct synth_impressions_config synth_impressions_defaults(void)
{
    return (struct synth_impressions_config){
        .world =
            {.seed = 1, .users = 20000, .items = 5000, .categories = 20, .history = 50, .drift = 1},
        .visit = {.page_min = 10, .page_max = 10, .position = .4, .neighbours = 1},
        .click_rate = .02};
}

enum status synth_impressions_new(const struct synth_impressions_config *config,
                                  struct synth_impressions **ret_synth, struct diag *reterr)
{
    if (!(config->click_rate >= 0.001 && config->click_rate <= 0.5))
        return diag_at_path(reterr, STATUS_INVALID, "click_rate", "%g is not in 0.001..0.5",
                            config->click_rate);
    struct synth_impressions *synth = calloc(1, sizeof(*synth));
    if (synth == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    synth->config = *config;
    enum status code = synth_world_init(&synth->world, &config->world, reterr);
    if (code == STATUS_OK)
        code = synth_visit_init(&synth->visit, &config->visit, &synth->world, reterr);
    if (code == STATUS_OK) {
        synth->history = calloc((size_t)config->world.history + 1, sizeof(*synth->history));
        code = synth->history == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                      : synth_fit(&synth->visit, &config->visit, &synth->world,
                                                  config->click_rate, &synth->fit, reterr);
    }
    synth->visit.count = 0; // none yet
    if (code == STATUS_OK)
        *ret_synth = synth;
    else
        synth_impressions_free(synth);
    return code;
}

void synth_impressions_free(struct synth_impressions *synth)
{
    if (synth == NULL)
        return;
    synth_visit_fini(&synth->visit);
    synth_world_fini(&synth->world);
    free(synth->history);
    free(synth);
}

// ---- the log ----

const struct synth_world *synth_impressions_world(const struct synth_impressions *synth)
{
    return &synth->world;
}

const struct synth_visit_fit *synth_impressions_fit(const struct synth_impressions *synth)
{
    return &synth->fit;
}

const struct synth_visit *synth_impressions_next(struct synth_impressions *synth)
{
    const struct synth_impressions_config *config = &synth->config;
    struct synth_visit *visit = &synth->visit;
    struct rng rng;
    for (size_t i = 0; i < visit->count; i++) // of the page before
        if (visit->ads[i].click)
            synth_world_read(&synth->world, visit->user, visit->ads[i].item);
    rng_start(&rng, config->world.seed, RNG_SYNTH, ++synth->pages, SYNTH_WORLD_VISIT);
    synth->clock -= log(1 - rng_uniform(&rng)) * IMPRESSIONS_USER_SECONDS / config->world.users;
    visit->id = synth->pages;
    visit->ts = IMPRESSIONS_START + (uint64_t)synth->clock;
    visit->hour = (uint32_t)(visit->ts / 3600 % 24);
    synth_visit_arrive(visit, &synth->world, &rng);
    synth_world_live(&synth->world, visit->user, &rng);
    synth_visit_show(visit, &config->visit, &synth->world, &rng);
    synth_visit_click(visit, &config->visit, &synth->fit, &synth->world, &rng);
    return visit;
}

// ---- files ----

enum { IMPRESSIONS_FILES = 4 };

struct impressions_files {
    struct file_writer writers[IMPRESSIONS_FILES]; // records, P, appeal, bid
    size_t open;
    struct buf text;
};

MUST_USE static enum status impressions_open(struct impressions_files *files, const char *path,
                                             struct diag *reterr)
{
    static const char *const endings[IMPRESSIONS_FILES] = {"", ".truth", ".appeal", ".bid"};
    for (; files->open < IMPRESSIONS_FILES; files->open++) {
        char *name = NULL;
        if (asprintf(&name, "%s%s", path, endings[files->open]) < 0)
            return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
        enum status code = file_writer_open(&files->writers[files->open], name, reterr);
        free(name);
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}

static void impressions_put_number(struct file_writer *writer, double number)
{
    char text[33];
    char *end = json_read_print_double(text, number);
    *end++ = '\n';
    file_writer_write(writer, text, (size_t)(end - text));
}

// False: a page is longer than IMPRESSIONS_LINE_BYTES.
static bool impressions_put(struct impressions_files *files, const struct synth_impressions *synth)
{
    struct buf *text = &files->text;
    const struct synth_visit *visit = &synth->visit;
    buf_clear(text);
    synth_record_put(text, &synth->world, visit, synth->history);
    if (buf_status(text) != STATUS_OK)
        return false;
    file_writer_write(&files->writers[0], text->data, text->size);
    for (size_t i = 0; i < visit->count; i++) {
        impressions_put_number(&files->writers[1], visit->ads[i].p);
        impressions_put_number(&files->writers[2], visit->ads[i].appeal);
        buf_clear(text);
        synth_record_put_decimal(text, visit->ads[i].bid_cents, 2);
        buf_char(text, '\n');
        file_writer_write(&files->writers[3], text->data, text->size);
    }
    return buf_status(text) == STATUS_OK;
}

MUST_USE static enum status impressions_put_pages(struct synth_impressions *synth,
                                                  struct impressions_files *files, uint32_t pages,
                                                  struct synth_tally *tally, struct diag *reterr)
{
    struct progress progress;
    bool put = true;
    progress_start(&progress, files->writers[0].path, pages, "pages");
    for (uint32_t page = 0; page < pages && put; page++) {
        const struct synth_visit *visit = synth_impressions_next(synth);
        put = impressions_put(files, synth);
        if (tally != NULL)
            synth_tally_add(tally, visit, synth->fit.b);
        progress_update(&progress, page + 1, NULL);
    }
    progress_end(&progress);
    return put ? STATUS_OK : diag_set(reterr, STATUS_NO_MEMORY, "out of memory for a record");
}

enum status synth_impressions_write(struct synth_impressions *synth, const char *path,
                                    uint32_t pages, struct synth_tally *tally, struct diag *reterr)
{
    assert(pages > 0 && pages <= UINT32_MAX - synth->pages);
    struct impressions_files files = {0};
    buf_init(&files.text, IMPRESSIONS_LINE_BYTES);
    enum status code = impressions_open(&files, path, reterr);
    if (code == STATUS_OK)
        code = impressions_put_pages(synth, &files, pages, tally, reterr);
    // The records last: who sees them finds the rest.
    for (size_t i = IMPRESSIONS_FILES; i-- > 0 && code == STATUS_OK;)
        code = file_writer_commit(&files.writers[i], reterr);
    for (size_t i = 0; i < files.open; i++)
        file_writer_abort(&files.writers[i]);
    buf_fini(&files.text);
    return code;
}
