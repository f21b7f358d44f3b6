#include "model/train/csvlog.h"

#include "base/num.h"
#include "model/train/csvjoin.h"
#include "model/train/csvmap.h"
#include "model/train/csvtext.h"
#include "model/train/decimal.h"
#include "model/train/seenids.h"
#include "proto/rank.h"
#include "proto/row_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t CSVLOG_NONE = UINT32_MAX;

struct csvlog_place { // of a column
    const char *name;
    uint32_t at; // CSVLOG_NONE: there is none
    bool joined; // in the joined table, else in the line
};

struct csvlog {
    const struct impressions_options *options;
    const struct csvmap *map;
    const struct row_layout *layout;
    struct seenids *seen;
    struct csvtext *text;
    struct buf header; // the places belong to it
    struct csvlog_place label, list, user, time, bid, on;
    struct csvlog_place *places; // of all columns of all fields of the layout, in their order
    const struct csvmap_feature **features; // (layout->field_count)
    struct arena arena;
    // Of the line that is read.
    const struct span *fields;
    size_t count;
    const struct span *joined; // NULL: its key is not in the table
};

// The map's entry of a field of the layout.
static const struct csvmap_feature *csvlog_feature(const struct csvlog *log, struct span name)
{
    // The map was made for the features of the model, the layout for those that are read.
    for (size_t i = 0; i < log->map->feature_count; i++)
        if (log->map->features[i].name != NULL && span_is(name, log->map->features[i].name))
            return &log->map->features[i];
    return NULL;
}

MUST_USE static enum status csvlog_prepare(struct csvlog *log)
{
    const struct row_layout *layout = log->layout;
    size_t columns = 0;
    log->features = calloc(layout->field_count + 1, sizeof(*log->features));
    log->text = csvtext_new(log->map->separator);
    if (log->features == NULL || log->text == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < layout->field_count; i++) {
        log->features[i] = csvlog_feature(log, layout->fields[i].name);
        assert(log->features[i] != NULL);
        columns += log->features[i]->count;
    }
    log->places = calloc(columns + 1, sizeof(*log->places));
    return log->places == NULL ? STATUS_NO_MEMORY
                               : arena_init(&log->arena, row_build_bytes(layout, 1));
}

enum status csvlog_new(const struct impressions_options *options, const struct row_layout *layout,
                       struct seenids *seen, struct csvlog **ret_log, struct diag *reterr)
{
    struct csvlog *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    log->options = options;
    log->map = options->csv;
    log->layout = layout;
    log->seen = seen;
    buf_init(&log->header, LINEREAD_MAX_LINE);
    if (csvlog_prepare(log) != STATUS_OK) {
        csvlog_free(log);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    *ret_log = log;
    return STATUS_OK;
}

void csvlog_free(struct csvlog *log)
{
    if (log == NULL)
        return;
    if (log->arena.capacity > 0)
        arena_fini(&log->arena);
    csvtext_free(log->text);
    buf_fini(&log->header);
    free(log->places);
    free(log->features);
    free(log);
}

// ---- the header

MUST_USE static enum status csvlog_find(const struct csvlog *log, const char *name,
                                        struct csvlog_place *ret_place, struct diag *reterr)
{
    *ret_place = (struct csvlog_place){.name = name, .at = CSVLOG_NONE};
    if (name == NULL)
        return STATUS_OK;
    for (size_t i = 0; i < log->count; i++) {
        if (!span_is(log->fields[i], name))
            continue;
        if (ret_place->at != CSVLOG_NONE)
            return diag_at_path(reterr, STATUS_CONFIG, name, "the header has this column twice");
        ret_place->at = (uint32_t)i;
    }
    if (ret_place->at == CSVLOG_NONE && log->map->join != NULL) {
        const size_t joined = csvjoin_column(log->map->join, name);
        ret_place->joined = joined != SIZE_MAX;
        ret_place->at = ret_place->joined ? (uint32_t)joined : CSVLOG_NONE;
    }
    return ret_place->at != CSVLOG_NONE
               ? STATUS_OK
               : diag_at_path(reterr, STATUS_CONFIG, name, "the header has not this column");
}

MUST_USE static enum status csvlog_columns(struct csvlog *log, struct diag *reterr)
{
    const struct csvmap *map = log->map;
    struct csvlog_place *place = log->places;
    struct diag absent;
    TRY(csvlog_find(log, map->list, &log->list, reterr));
    TRY(csvlog_find(log, map->user, &log->user, reterr));
    TRY(csvlog_find(log, map->time, &log->time, reterr));
    TRY(csvlog_find(log, map->bid, &log->bid, reterr));
    TRY(csvlog_find(log, map->join == NULL ? NULL : csvjoin_on(map->join), &log->on, reterr));
    const enum status code = csvlog_find(log, map->label, &log->label, &absent);
    if (code != STATUS_OK && !log->options->unlabelled && reterr != NULL)
        *reterr = absent;
    if (!log->options->unlabelled)
        TRY(code);
    for (size_t i = 0; i < log->layout->field_count; i++)
        for (size_t c = 0; c < log->features[i]->count; c++)
            TRY(csvlog_find(log, log->features[i]->columns[c], place++, reterr));
    return STATUS_OK;
}

// Where the columns of the block's file are.
MUST_USE static enum status csvlog_header(struct csvlog *log, const struct lineread_block *block,
                                          struct diag *reterr)
{
    if (log->header.size > 0 && span_equal(buf_view(&log->header), buf_view(&block->header)))
        return STATUS_OK;
    buf_clear(&log->header);
    enum status code =
        csvtext_split(log->text, buf_view(&block->header), &log->fields, &log->count, reterr);
    if (code == STATUS_OK)
        code = csvlog_columns(log, reterr);
    if (code != STATUS_OK && reterr != NULL) {
        diag_in_file(reterr, block->file);
        reterr->line = 1;
    }
    // Not a fault of one line: it is never left out.
    TRY(code == STATUS_INVALID || code == STATUS_TOO_LARGE ? STATUS_CONFIG : code);
    buf_span(&log->header, buf_view(&block->header));
    return log->header.failed ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}

// ---- a line

static struct span csvlog_value(const struct csvlog *log, const struct csvlog_place *place)
{
    static const struct span none = {"", 0};
    if (place->at == CSVLOG_NONE)
        return none;
    if (place->joined)
        return log->joined == NULL ? none : log->joined[place->at];
    return log->fields[place->at];
}

MUST_USE static enum status csvlog_number(struct row_build *build, struct span text,
                                          const char *expected, double *ret)
{
    const char *at = text.data, *end = text.data + text.size; // *end is its terminator
    if (decimal_parse(&at, end, ret) == STATUS_OK && at == end)
        return STATUS_OK;
    char found[JSON_FAULT_TEXT];
    json_fault_escape(text, JSON_FAULT_FOREIGN, found, sizeof(found));
    return row_build_fail(build, STATUS_INVALID, "expected %s, got \"%s\"", expected, found);
}

MUST_USE static enum status csvlog_id(struct row_build *build, struct span id)
{
    if (id.size > ROW_MAX_ID_BYTES)
        return row_build_fail(build, STATUS_INVALID, "expected an id of at most 256 bytes");
    return STATUS_OK;
}

MUST_USE static enum status csvlog_ids(struct row_build *build, const struct row_field *field,
                                       struct span text, char split, struct row_place place)
{
    size_t count = 0;
    uint32_t next = 0;
    for (const char *at = text.data, *end = text.data + text.size; at < end;) {
        const char *stop = memchr(at, split, (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        const struct span id = {at, (size_t)(stop - at)};
        at = stop + 1;
        if (id.size == 0)
            continue;
        TRY(csvlog_id(build, id));
        TRY(row_build_check(build, &field->coding, id));
        build->ring[next] = id;
        next = next + 1 == field->size ? 0 : next + 1;
        count++;
    }
    build->counts.cut_lists += count > field->size;
    if (count > field->size)
        row_build_list(build, field, next, field->size, place);
    else
        row_build_list(build, field, 0, count, place);
    return STATUS_OK;
}

MUST_USE static enum status csvlog_dense(const struct csvlog *log, struct row_build *build,
                                         const struct row_field *field,
                                         const struct csvlog_place *places, struct row_place place)
{
    for (uint32_t i = 0; i < field->size; i++) {
        const struct span text = csvlog_value(log, &places[i]);
        union row_cell *cell = &place.cells[field->offset + i];
        double x;
        json_fault_push_key(&build->path, span_of(places[i].name));
        if (text.size > 0) {
            TRY(csvlog_number(build, text, "a number", &x));
            cell->number = row_value(x);
        } else if (field->has_default) {
            cell->number = field->fallback;
            row_build_count_missing(build, field, 1);
        } else {
            return row_build_missing(build, field, place); // for its words
        }
        json_fault_pop(&build->path);
    }
    return STATUS_OK;
}

MUST_USE static enum status csvlog_field(const struct csvlog *log, struct row_build *build,
                                         const struct row_field *field,
                                         const struct csvmap_feature *feature,
                                         const struct csvlog_place *places, struct row_place place)
{
    if (field->kind == ROW_DENSE)
        return csvlog_dense(log, build, field, places, place);
    const struct span text = csvlog_value(log, places);
    json_fault_push_key(&build->path, span_of(places->name));
    if (field->kind == ROW_IDS) {
        TRY(csvlog_ids(build, field, text, feature->split, place));
    } else if (text.size == 0) {
        TRY(row_build_missing(build, field, place));
    } else {
        TRY(csvlog_id(build, text));
        if (field->keep != ROW_KEEP_NONE)
            place.kept[field->keep] = text;
        TRY(row_build_id(build, field, text, &place.cells[field->offset].id));
    }
    json_fault_pop(&build->path);
    return STATUS_OK;
}

MUST_USE static enum status csvlog_outcome(const struct csvlog *log, struct row_build *build,
                                           struct record_candidate *candidate)
{
    const struct span label = csvlog_value(log, &log->label), bid = csvlog_value(log, &log->bid);
    double x;
    *candidate = (struct record_candidate){0};
    if (label.size > 0) {
        json_fault_push_key(&build->path, span_of(log->label.name));
        TRY(csvlog_number(build, label, "a number from 0 to 512", &x));
        if (!(x >= 0 && x <= record_max_label))
            return row_build_fail(build, STATUS_INVALID, "expected a number from 0 to 512");
        candidate->label = (float)(x + 0.0);
        candidate->has_label = true;
        json_fault_pop(&build->path);
    } else if (!log->options->unlabelled) {
        json_fault_push_key(&build->path, span_of(log->label.name));
        return row_build_fail(build, STATUS_INVALID,
                              "missing, every line of training data needs a label");
    }
    if (bid.size == 0)
        return STATUS_OK;
    json_fault_push_key(&build->path, span_of(log->bid.name));
    TRY(csvlog_number(build, bid, "a number from 0 to 1e15", &candidate->bid));
    if (!(candidate->bid >= 0 && candidate->bid <= rank_max_money))
        return row_build_fail(build, STATUS_INVALID, "expected a number from 0 to 1e15");
    candidate->has_bid = true;
    json_fault_pop(&build->path);
    return STATUS_OK;
}

MUST_USE static enum status csvlog_list(const struct csvlog *log, struct row_build *build,
                                        struct record *record)
{
    const struct csvlog_place *const places[] = {&log->list, &log->user};
    struct span *const ids[] = {&record->id, &record->group};
    for (size_t i = 0; i < 2; i++) {
        const struct span text = csvlog_value(log, places[i]);
        if (text.size == 0)
            continue;
        json_fault_push_key(&build->path, span_of(places[i]->name));
        TRY(csvlog_id(build, text));
        json_fault_pop(&build->path);
        *ids[i] = text;
    }
    const struct span time = csvlog_value(log, &log->time);
    record->has_ts = time.size > 0;
    if (!record->has_ts || num_parse_i64(time, &record->ts) == STATUS_OK)
        return STATUS_OK;
    json_fault_push_key(&build->path, span_of(log->time.name));
    return row_build_fail(build, STATUS_INVALID, "expected a whole number");
}

// The line as a record of one candidate.
MUST_USE static enum status csvlog_record(struct csvlog *log, struct row_build *build,
                                          struct record_candidate *candidate,
                                          struct record *ret_record)
{
    const struct row_layout *layout = log->layout;
    const struct csvlog_place *places = log->places;
    *ret_record = (struct record){.count = 1, .candidates = candidate};
    log->joined = NULL;
    if (log->map->join != NULL)
        log->joined = csvjoin_row(log->map->join, csvlog_value(log, &log->on));
    TRY(row_build_start(build, 1));
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct row_field *field = &layout->fields[i];
        const struct row_place place =
            row_is_shared(field->scope) ? row_build_shared(build) : row_build_item(build, 0);
        TRY(csvlog_field(log, build, field, log->features[i], places, place));
        places += log->features[i]->count;
    }
    TRY(csvlog_outcome(log, build, candidate));
    TRY(csvlog_list(log, build, ret_record));
    row_build_crosses(build, 1);
    ret_record->shared = build->shared;
    ret_record->items = build->items;
    ret_record->counts = build->counts;
    return STATUS_OK;
}

// ---- lists

const char *csvlog_differs(const struct row_layout *layout, const union row_cell *a,
                           const union row_cell *b)
{
    if (memcmp(a, b, layout->shared_width * sizeof(*a)) == 0)
        return NULL;
    for (size_t i = 0; i < layout->field_count; i++) {
        const struct row_field *field = &layout->fields[i];
        if (row_is_shared(field->scope) &&
            memcmp(a + field->offset, b + field->offset, field->size * sizeof(*a)) != 0)
            return field->name.data;
    }
    return "a cross";
}

MUST_USE static enum status csvlog_add(const struct csvlog *log, const struct record *record,
                                       struct pack *pack, struct diag *reterr)
{
    const struct row_layout *layout = log->layout;
    const struct pack_list *last = pack_last(pack);
    const bool more = last != NULL && log->map->list != NULL && record->id.size > 0 &&
                      span_equal(record->id, pack_last_name(pack));
    enum status code;
    if (!more) {
        code = pack_record(pack, record, layout->shared_width, layout->item_width);
    } else {
        const size_t cells = layout->shared_width + last->docs * layout->item_width;
        const union row_cell *shared =
            (const union row_cell *)(const void *)(pack->cells.data + pack->cells.size) - cells;
        const char *feature = csvlog_differs(layout, shared, record->shared);
        if (feature != NULL)
            return diag_at_path(reterr, STATUS_INVALID, feature,
                                "differs from the line before, which is of the same list");
        if (last->docs == IMPRESSIONS_MAX_DOCS)
            return diag_set(reterr, STATUS_TOO_LARGE, "the list has more than %d lines",
                            IMPRESSIONS_MAX_DOCS);
        code = pack_more(pack, record, layout->item_width);
    }
    return code == STATUS_OK ? code : diag_set(reterr, code, "out of memory");
}

MUST_USE static enum status csvlog_line(struct csvlog *log, const struct lineread_block *block,
                                        const struct linelog_bad *place, struct pack *pack,
                                        struct diag *reterr)
{
    struct record record;
    struct record_candidate candidate;
    struct row_build build = {.layout = log->layout,
                              .arena = &log->arena,
                              .reterr = reterr,
                              .text_name = "line",
                              .memory_words = "the line needs more memory than one may have"};
    const struct span line = {block->text.data + place->offset, place->size};
    const uint32_t columns = (uint32_t)log->count;
    arena_reset(&log->arena);
    seenids_forget(log->seen);
    enum status code = csvtext_split(log->text, line, &log->fields, &log->count, reterr);
    if (code == STATUS_OK && log->count != columns)
        code = diag_set(reterr, STATUS_INVALID, "has %zu fields, the header has %u", log->count,
                        columns);
    log->count = columns;
    if (code == STATUS_OK)
        code = csvlog_record(log, &build, &candidate, &record);
    if (code == STATUS_OK)
        code = csvlog_add(log, &record, pack, reterr);
    if (code != STATUS_OK && reterr != NULL) {
        diag_in_file(reterr, block->file);
        reterr->line = place->line;
    }
    return code;
}

// The end of the record that begins at data: its line break, not one between quotes.
static const char *csvlog_end(const char *data, const char *end)
{
    const char *stop = memchr(data, '\n', (size_t)(end - data));
    if (memchr(data, '"', (size_t)((stop == NULL ? end : stop) - data)) == NULL)
        return stop == NULL ? end : stop;
    bool inside = false;
    for (; data < end && (inside || *data != '\n'); data++)
        inside = *data == '"' ? !inside : inside;
    return data;
}

// The record at *at, which moves behind it; its place and number go to *place, whose number is that
// of the line at *at.
static struct linelog_bad csvlog_next(const struct lineread_block *block, const char **at,
                                      unsigned *line)
{
    const char *end = block->text.data + block->text.size, *stop = csvlog_end(*at, end);
    struct linelog_bad place = {
        .offset = (size_t)(*at - block->text.data), .size = (size_t)(stop - *at), .line = *line};
    place.size -= place.size > 0 && stop[-1] == '\r';
    for (; *at < end && *at <= stop; (*at)++)
        *line += **at == '\n';
    return place;
}

enum status csvlog_block(struct csvlog *log, const struct lineread_block *block, struct pack *pack,
                         struct buf *bad, struct diag *ret_first, struct diag *reterr)
{
    const char *at = block->text.data, *end = at + block->text.size;
    unsigned line = block->first_line;
    TRY(csvlog_header(log, block, reterr));
    while (at < end) {
        const struct linelog_bad place = csvlog_next(block, &at, &line);
        struct diag fault = {0};
        enum status code = STATUS_OK;
        if (place.size > 0)
            code = csvlog_line(log, block, &place, pack, &fault);
        if (place.size > 0 && code == STATUS_OK)
            code = seenids_tell(log->seen, &fault);
        if (code == STATUS_NO_MEMORY && reterr != NULL)
            *reterr = fault;
        if (code == STATUS_NO_MEMORY)
            return code;
        if (code != STATUS_OK && bad->size == 0)
            *ret_first = fault;
        if (code != STATUS_OK)
            buf_append(bad, &place, sizeof(place));
    }
    return bad->failed ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}

// Everything before the line is read again: what is wrong may be how it differs from that.
enum status csvlog_fault(struct csvlog *log, const struct lineread_block *block,
                         const struct linelog_bad *bad, struct diag *reterr)
{
    const char *at = block->text.data;
    unsigned line = block->first_line;
    struct pack pack;
    TRY(csvlog_header(log, block, reterr));
    pack_init(&pack);
    enum status code = STATUS_OK;
    for (struct linelog_bad place = {0}; place.offset < bad->offset || at == block->text.data;) {
        place = csvlog_next(block, &at, &line);
        if (place.size > 0)
            code = csvlog_line(log, block, &place, &pack, reterr);
    }
    pack_fini(&pack);
    return code;
}
