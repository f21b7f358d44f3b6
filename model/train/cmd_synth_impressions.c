#include "model/train/cmd_synth_impressions.h"

#include "base/file.h"
#include "base/num.h"
#include "model/train/synth_impressions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMPRESSIONS_MAX_SHARDS = 10000 };

struct cmd_synth_impressions_part {
    const char *name;
    uint64_t pages, shards;
};

MUST_USE static enum status cmd_synth_impressions_number(const struct command *command,
                                                         const struct command_line *line,
                                                         const char *name, double *value,
                                                         struct diag *reterr)
{
    const char *text = command_value(command, line, name);
    if (text != NULL && num_parse_double(span_of(text), value) != STATUS_OK)
        return diag_set(reterr, STATUS_USAGE, "--%s: expected a number, got '%s'", name, text);
    return STATUS_OK;
}

MUST_USE static enum status cmd_synth_impressions_count(const struct command *command,
                                                        const struct command_line *line,
                                                        const char *name, uint32_t least,
                                                        uint32_t most, uint32_t *value,
                                                        struct diag *reterr)
{
    uint64_t count;
    TRY(command_u64(command, line, name, *value, least, most, &count, reterr));
    *value = (uint32_t)count;
    return STATUS_OK;
}

// "10" or "5-20"
MUST_USE static enum status
cmd_synth_impressions_page(const char *text, struct synth_visit_config *config, struct diag *reterr)
{
    uint64_t least = config->page_min, most = config->page_max;
    if (text == NULL)
        return STATUS_OK;
    const char *dash = strchr(text, '-');
    struct span first = {text, dash == NULL ? strlen(text) : (size_t)(dash - text)};
    enum status code = num_parse_u64(first, &least);
    most = least;
    if (code == STATUS_OK && dash != NULL)
        code = num_parse_u64(span_of(dash + 1), &most);
    if (code != STATUS_OK || least < 1 || least > most || most > SYNTH_VISIT_MAX_PAGE)
        return diag_set(reterr, STATUS_USAGE,
                        "--page: expected a whole number or MIN-MAX within 1 to %d, got '%s'",
                        SYNTH_VISIT_MAX_PAGE, text);
    config->page_min = (uint32_t)least;
    config->page_max = (uint32_t)most;
    return STATUS_OK;
}

MUST_USE static enum status cmd_synth_impressions_config(const struct command *command,
                                                         const struct command_line *line,
                                                         struct synth_impressions_config *config,
                                                         struct diag *reterr)
{
    struct synth_world_config *world = &config->world;
    TRY(command_u64(command, line, "seed", world->seed, 0, UINT64_MAX, &world->seed, reterr));
    TRY(cmd_synth_impressions_count(command, line, "users", 1, SYNTH_WORLD_MAX_USERS, &world->users,
                                    reterr));
    TRY(cmd_synth_impressions_count(command, line, "items", 1, SYNTH_WORLD_MAX_ITEMS, &world->items,
                                    reterr));
    TRY(cmd_synth_impressions_count(command, line, "categories", 1, SYNTH_WORLD_MAX_CATEGORIES,
                                    &world->categories, reterr));
    TRY(cmd_synth_impressions_count(command, line, "history", 0, SYNTH_WORLD_MAX_HISTORY,
                                    &world->history, reterr));
    TRY(cmd_synth_impressions_page(command_value(command, line, "page"), &config->visit, reterr));
    TRY(cmd_synth_impressions_number(command, line, "click-rate", &config->click_rate, reterr));
    TRY(cmd_synth_impressions_number(command, line, "position", &config->visit.position, reterr));
    TRY(cmd_synth_impressions_number(command, line, "neighbours", &config->visit.neighbours,
                                     reterr));
    return cmd_synth_impressions_number(command, line, "drift", &world->drift, reterr);
}

MUST_USE static enum status cmd_synth_impressions_parts(const struct command *command,
                                                        const struct command_line *line,
                                                        struct cmd_synth_impressions_part *parts,
                                                        struct diag *reterr)
{
    const uint64_t most = SYNTH_IMPRESSIONS_MAX_PAGES;
    TRY(command_u64(command, line, "pages", 200000, 1, most, &parts[0].pages, reterr));
    const uint64_t tenth = parts[0].pages / 10 + (parts[0].pages < 10);
    TRY(command_u64(command, line, "valid-pages", tenth, 1, most, &parts[1].pages, reterr));
    TRY(command_u64(command, line, "test-pages", tenth, 1, most, &parts[2].pages, reterr));
    TRY(command_u64(command, line, "shards", 1, 1, IMPRESSIONS_MAX_SHARDS, &parts[0].shards,
                    reterr));
    if (parts[0].shards > parts[0].pages)
        return diag_set(reterr, STATUS_USAGE, "--shards: %llu files cannot share %llu pages",
                        (unsigned long long)parts[0].shards, (unsigned long long)parts[0].pages);
    return STATUS_OK;
}

static void cmd_synth_impressions_print(const char *name, const struct synth_tally *tally)
{
    printf("%-6s %10llu %12llu %10llu %8.4f %8.4f %12.5f %14.5f %10.5f\n", name,
           (unsigned long long)tally->pages, (unsigned long long)tally->ads,
           (unsigned long long)tally->clicks, (double)tally->clicks / (double)tally->ads,
           tally->sum_p / (double)tally->ads, synth_tally_rate_logloss(tally),
           synth_tally_appeal_logloss(tally), synth_tally_logloss(tally));
}

// All shards of a part; the first ones are a page longer where the pages do not come out even.
MUST_USE static enum status
cmd_synth_impressions_write(struct synth_impressions *synth, const char *folder,
                            const struct cmd_synth_impressions_part *part, struct diag *reterr)
{
    struct synth_tally *tally = calloc(1, sizeof(*tally));
    if (tally == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = STATUS_OK;
    for (uint64_t shard = 0; shard < part->shards && code == STATUS_OK; shard++) {
        char *path = NULL;
        uint64_t pages = part->pages / part->shards + (shard < part->pages % part->shards);
        if ((part->shards == 1
                 ? asprintf(&path, "%s/%s.jsonl", folder, part->name)
                 : asprintf(&path, "%s/%s-%05u.jsonl", folder, part->name, (unsigned)shard)) < 0) {
            code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
            break;
        }
        code = synth_impressions_write(synth, path, (uint32_t)pages, tally, reterr);
        free(path);
    }
    if (code == STATUS_OK)
        cmd_synth_impressions_print(part->name, tally);
    free(tally);
    return code;
}

enum status cmd_synth_impressions_run(const struct command *command,
                                      const struct command_line *line, const char *folder,
                                      struct diag *reterr)
{
    struct synth_impressions_config config = synth_impressions_defaults();
    struct cmd_synth_impressions_part parts[3] = {{"train", 0, 1}, {"valid", 0, 1}, {"test", 0, 1}};
    struct synth_impressions *synth;
    TRY(cmd_synth_impressions_config(command, line, &config, reterr));
    TRY(cmd_synth_impressions_parts(command, line, parts, reterr));
    enum status code = synth_impressions_new(&config, &synth, reterr);
    // What is out of range came from the command line.
    if (code != STATUS_OK)
        return code == STATUS_INVALID ? STATUS_USAGE : code;
    code = file_make_folder(folder, reterr);
    if (code == STATUS_OK)
        printf("%-6s %10s %12s %10s %8s %8s %12s %14s %10s\n", "", "pages", "impressions", "clicks",
               "CTR", "mean P", "LogLoss: CTR", "P of appeal", "P");
    for (size_t i = 0; i < 3 && code == STATUS_OK; i++)
        code = cmd_synth_impressions_write(synth, folder, &parts[i], reterr);
    synth_impressions_free(synth);
    return code;
}
