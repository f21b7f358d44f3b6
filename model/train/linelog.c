#include "model/train/linelog.h"

#include "model/train/csvlog.h"
#include "model/train/seenids.h"
#include "proto/json_read.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINELOG_LINE = 64 * 1024 }; // of the first parser; longer lines get a larger one

struct linelog {
    const struct impressions_options *options;
    struct row_field *fields;
    struct row_cross *crosses;
    struct row_layout layout;
    struct record_limits limits;
    struct seenids seen;
    struct seenids_field *seen_fields; // (layout.field_count)
    struct csvlog *csv;                // or
    struct json_reader *reader;        // for lines of up to `longest` bytes
    size_t longest;
    struct arena arena;
    struct buf unknown;
};

// The same name may come again from another reader: it is told once.
static void linelog_told(void *context, const char *path)
{
    struct linelog *log = context;
    const char *at = log->unknown.data;
    const size_t size = strlen(path);
    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, "\n");
        if (length == size && memcmp(at, path, size) == 0)
            return;
        at += length + 1;
    }
    buf_printf(&log->unknown, "%s\n", path);
}

// Ids of fields whose table is counted are told, line by line.
static void linelog_see(struct linelog *log, unsigned parser)
{
    const struct impressions_options *options = log->options;
    for (size_t i = 0; options->seen_of != NULL && i < log->layout.field_count; i++) {
        struct row_field *field = &log->fields[i];
        const struct schema_feature *feature = schema_find(options->schema, field->name.data);
        if (field->kind == ROW_DENSE)
            continue;
        void *context = options->seen_of(options->seen_context, parser, feature->table);
        log->seen_fields[i] = (struct seenids_field){&log->seen, context};
        field->coding.seen = context == NULL ? NULL : seenids_hold;
        field->coding.seen_context = &log->seen_fields[i];
    }
}

enum status linelog_new(const struct impressions_options *options, unsigned parser,
                        struct linelog **ret_log, struct diag *reterr)
{
    struct linelog *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    log->options = options;
    buf_init(&log->unknown, 1 << 20);
    seenids_init(&log->seen, options->seen);
    log->fields = calloc(options->schema->count + 1, sizeof(*log->fields));
    log->crosses = calloc(options->schema->count + 1, sizeof(*log->crosses));
    log->seen_fields = calloc(options->schema->count + 1, sizeof(*log->seen_fields));
    enum status code = STATUS_OK;
    if (log->fields == NULL || log->crosses == NULL || log->seen_fields == NULL) {
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    } else {
        schema_layout(options->schema, log->fields, log->crosses, &log->layout);
        linelog_see(log, parser);
        log->limits = (struct record_limits){.max_candidates = IMPRESSIONS_MAX_DOCS,
                                             .need_label = !options->unlabelled,
                                             .group_name = span_of(record_group_field),
                                             .unknown = linelog_told,
                                             .unknown_context = log};
        if (options->csv != NULL)
            code = csvlog_new(options, &log->layout, &log->seen, &log->csv, reterr);
    }
    if (code != STATUS_OK)
        linelog_free(log);
    else
        *ret_log = log;
    return code;
}

void linelog_free(struct linelog *log)
{
    if (log == NULL)
        return;
    csvlog_free(log->csv);
    json_read_free(log->reader);
    if (log->arena.capacity > 0)
        arena_fini(&log->arena);
    free(log->fields);
    free(log->crosses);
    free(log->seen_fields);
    seenids_fini(&log->seen);
    buf_fini(&log->unknown);
    free(log);
}

// Room for a line of `size` bytes.
MUST_USE static enum status linelog_room(struct linelog *log, size_t size)
{
    if (log->reader != NULL && size <= log->longest)
        return STATUS_OK;
    size_t longest = LINELOG_LINE;
    while (longest < size)
        longest *= 2;
    json_read_free(log->reader);
    log->reader = json_read_new(longest);
    if (log->arena.capacity > 0)
        arena_fini(&log->arena);
    log->longest = longest;
    if (log->reader == NULL ||
        arena_init(&log->arena, record_arena_bytes(&log->layout, &log->limits, longest)) !=
            STATUS_OK) {
        json_read_free(log->reader);
        log->reader = NULL;
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

// A line of the block, without its break, into the pack.
MUST_USE static enum status linelog_line(struct linelog *log, const struct lineread_block *block,
                                         const struct linelog_bad *place, struct pack *pack,
                                         struct diag *reterr)
{
    struct span line = {block->text.data + place->offset, place->size};
    struct record record;
    enum status code;
    if (block->overlong)
        return diag_at_line(reterr, STATUS_TOO_LARGE, block->file, place->line, 0,
                            "the line is longer than %d bytes", LINEREAD_MAX_LINE);
    if (linelog_room(log, line.size) != STATUS_OK)
        return diag_at_line(reterr, STATUS_NO_MEMORY, block->file, place->line, 0, "out of memory");
    arena_reset(&log->arena);
    seenids_forget(&log->seen);
    code = json_read_record(log->reader, line, &log->layout, &log->limits, &log->arena, &record,
                            reterr);
    if (code == STATUS_OK) {
        code = pack_record(pack, &record, log->layout.shared_width, log->layout.item_width);
        if (code != STATUS_OK)
            diag_set(reterr, code, "out of memory");
    }
    if (code != STATUS_OK && reterr != NULL) {
        diag_in_file(reterr, block->file);
        reterr->line = place->line;
    }
    return code;
}

static bool linelog_is_blank(struct span line)
{
    size_t i = 0;
    while (i < line.size && (line.data[i] == ' ' || line.data[i] == '\t' || line.data[i] == '\r'))
        i++;
    return i == line.size;
}

// Only what a line says may be skipped, not what the machine lacks.
static bool linelog_may_skip(enum status code)
{
    return code == STATUS_INVALID || code == STATUS_TOO_LARGE;
}

MUST_USE static enum status linelog_try(struct linelog *log, const struct lineread_block *block,
                                        const struct linelog_bad *place, struct pack *pack,
                                        struct buf *bad, struct diag *ret_first,
                                        struct diag *reterr)
{
    struct diag fault = {0};
    enum status code = linelog_line(log, block, place, pack, &fault);
    if (code == STATUS_OK)
        code = seenids_tell(&log->seen, &fault);
    if (code == STATUS_OK)
        return STATUS_OK;
    if (!linelog_may_skip(code)) {
        if (reterr != NULL)
            *reterr = fault;
        return code;
    }
    if (bad->size == 0)
        *ret_first = fault;
    buf_append(bad, place, sizeof(*place));
    return bad->failed ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}

enum status linelog_block(struct linelog *log, const struct lineread_block *block,
                          struct pack *pack, struct buf *bad, struct diag *ret_first,
                          struct diag *reterr)
{
    struct linelog_bad place = {.line = block->first_line};
    if (block->overlong)
        return linelog_try(log, block, &place, pack, bad, ret_first, reterr);
    if (log->csv != NULL)
        return csvlog_block(log->csv, block, pack, bad, ret_first, reterr);
    const struct span text = buf_view(&block->text);
    while (place.offset < text.size) {
        const char *start = text.data + place.offset;
        const char *end = memchr(start, '\n', text.size - place.offset);
        assert(end != NULL);
        const size_t whole = (size_t)(end - start) + 1;
        place.size = whole - 1;
        place.size -= place.size > 0 && end[-1] == '\r';
        if (!linelog_is_blank((struct span){start, place.size}))
            TRY(linelog_try(log, block, &place, pack, bad, ret_first, reterr));
        place.offset += whole;
        place.line++;
    }
    return STATUS_OK;
}

enum status linelog_fault(struct linelog *log, const struct lineread_block *block,
                          const struct linelog_bad *bad, struct diag *reterr)
{
    struct pack pack;
    pack_init(&pack);
    enum status code = log->csv != NULL && !block->overlong
                           ? csvlog_fault(log->csv, block, bad, reterr)
                           : linelog_line(log, block, bad, &pack, reterr);
    pack_fini(&pack);
    assert(code != STATUS_OK);
    return code;
}

const struct row_layout *linelog_layout(const struct linelog *log)
{
    return &log->layout;
}

struct span linelog_unknown(const struct linelog *log)
{
    return buf_view(&log->unknown);
}
