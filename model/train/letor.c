#include "model/train/letor.h"

#include "base/gzip.h"
#include "model/train/decimal.h"
#include "proto/row.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LETOR_BLOCK = 1 << 18, LETOR_SHOWN = 40 }; // LETOR_SHOWN: bytes of a bad word in a message

struct letor {
    struct letor_config config;
    uint32_t limit;   // largest feature number allowed
    uint32_t width;   // of the documents handed on
    uint32_t largest; // feature number in documents handed on
    uint32_t dirty;   // floats of `values` that the last line may have written
    unsigned line;    // number of the current line
    bool overlong;    // inside a line that was refused for its length
    uint64_t serial;
    float *values;  // (limit)
    uint64_t *seen; // (limit) serial of the line that gave the number last
    struct qidset qids;
    struct buf carry; // begin of a line whose end has not come
    uint64_t skipped;
    struct diag fault;         // of the current line
    struct diag first_skipped; // of the first line left out
};

// The words of a line, taken one by one. *end is a byte behind the line that may be read.
struct letor_line {
    const char *at, *end;
};

enum status letor_new(const struct letor_config *config, struct letor **ret_letor)
{
    assert(config->columns <= LETOR_MAX_COLUMNS && config->sink != NULL);
    struct letor *letor = calloc(1, sizeof(*letor));
    if (letor == NULL)
        return STATUS_NO_MEMORY;
    letor->config = *config;
    letor->limit = config->columns == 0 ? LETOR_MAX_COLUMNS : config->columns;
    letor->width = config->columns;
    qidset_init(&letor->qids);
    buf_init(&letor->carry, LETOR_MAX_LINE + 1);
    letor->values = calloc(letor->limit, sizeof(*letor->values));
    letor->seen = calloc(letor->limit, sizeof(*letor->seen));
    if (letor->values == NULL || letor->seen == NULL) {
        letor_free(letor);
        return STATUS_NO_MEMORY;
    }
    *ret_letor = letor;
    return STATUS_OK;
}

void letor_free(struct letor *letor)
{
    if (letor == NULL)
        return;
    qidset_fini(&letor->qids);
    buf_fini(&letor->carry);
    free(letor->values);
    free(letor->seen);
    free(letor);
}

static void letor_skip_blanks(struct letor_line *line)
{
    while (line->at < line->end && decimal_is_blank(*line->at))
        line->at++;
}

static struct span letor_word(const struct letor_line *line)
{
    const char *end = line->at;
    while (end < line->end && !decimal_is_blank(*end))
        end++;
    return (struct span){line->at, (size_t)(end - line->at)};
}

// Refuses the line; `word` is the text at fault, shown cut.
PRINTF_LIKE(3, 4)
static enum status letor_refuse(struct letor *letor, struct span word, const char *format, ...)
{
    char what[160];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    int shown = word.size > LETOR_SHOWN ? LETOR_SHOWN : (int)word.size;
    return diag_at_line(&letor->fault, STATUS_INVALID, letor->config.file, letor->line, 0,
                        "%s: '%.*s%s'", what, shown, word.data,
                        word.size > LETOR_SHOWN ? "..." : "");
}

MUST_USE static enum status letor_refuse_length(struct letor *letor)
{
    return diag_at_line(&letor->fault, STATUS_INVALID, letor->config.file, letor->line, 0,
                        "the line is longer than %d bytes", LETOR_MAX_LINE);
}

MUST_USE static enum status letor_no_memory(struct letor *letor)
{
    return diag_at_line(&letor->fault, STATUS_NO_MEMORY, letor->config.file, letor->line, 0,
                        "out of memory");
}

MUST_USE static enum status letor_grade(struct letor *letor, struct letor_line *line,
                                        float *ret_grade)
{
    struct span word = letor_word(line);
    double grade;
    enum status code = decimal_parse(&line->at, line->end, &grade);
    if (code == STATUS_NO_MEMORY)
        return letor_no_memory(letor);
    if (code != STATUS_OK)
        return letor_refuse(letor, word, "the grade is not a decimal number");
    if (!(grade >= 0 && grade <= LETOR_MAX_GRADE))
        return letor_refuse(letor, word, "the grade is not in 0..%d", LETOR_MAX_GRADE);
    *ret_grade = grade == 0 ? 0 : (float)grade; // no minus zero
    return STATUS_OK;
}

MUST_USE static enum status letor_qid(struct letor *letor, struct letor_line *line,
                                      struct span *ret_qid)
{
    letor_skip_blanks(line);
    struct span word = letor_word(line);
    line->at += word.size;
    if (!span_starts(word, "qid:") || word.size == strlen("qid:"))
        return letor_refuse(letor, word, "'qid:ID' is missing behind the grade");
    *ret_qid = (struct span){word.data + strlen("qid:"), word.size - strlen("qid:")};
    return STATUS_OK;
}

// Digits up to ':'; 0: no number of a feature that is allowed. *at ends behind the ':'.
static uint32_t letor_number(const char **at, uint32_t limit)
{
    const char *p = *at;
    uint64_t number = 0;
    while ((unsigned char)(*p - '0') < 10 && number <= limit)
        number = number * 10 + (uint64_t)(*p++ - '0');
    if (*p != ':' || p == *at || number > limit)
        return 0;
    *at = p + 1;
    return (uint32_t)number;
}

MUST_USE static enum status letor_bad_number(struct letor *letor, const struct letor_line *line)
{
    struct span word = letor_word(line);
    const char *colon = memchr(word.data, ':', word.size);
    size_t digits = 0;
    while (digits < word.size && word.data[digits] >= '0' && word.data[digits] <= '9')
        digits++;
    if (colon == NULL || colon != word.data + digits || digits == 0)
        return letor_refuse(letor, word, "expected number:value");
    if (word.data[0] == '0')
        return letor_refuse(letor, word, "feature numbers begin with 1");
    return letor_refuse(letor, word, "the feature number is not in 1..%u", letor->limit);
}

// Values into letor->values; *ret_largest is the largest number of the line.
MUST_USE static enum status letor_features(struct letor *letor, struct letor_line *line,
                                           uint32_t *ret_largest)
{
    uint32_t largest = 0;
    for (;;) {
        letor_skip_blanks(line);
        if (line->at == line->end || *line->at == '#')
            break;
        struct letor_line word = *line;
        uint32_t number = letor_number(&line->at, letor->limit);
        if (number == 0)
            return letor_bad_number(letor, &word);
        if (letor->seen[number - 1] == letor->serial)
            return letor_refuse(letor, letor_word(&word), "feature %u is given twice", number);
        letor->seen[number - 1] = letor->serial;
        double value;
        enum status code = decimal_parse(&line->at, line->end, &value);
        if (code == STATUS_NO_MEMORY)
            return letor_no_memory(letor);
        if (code != STATUS_OK)
            return letor_refuse(letor, letor_word(&word), "feature %u is not a decimal number",
                                number);
        letor->values[number - 1] = row_value(value);
        largest = number > largest ? number : largest;
        letor->dirty = number > letor->dirty ? number : letor->dirty;
    }
    *ret_largest = largest;
    return STATUS_OK;
}

MUST_USE static enum status letor_continues(struct letor *letor, struct span qid, bool *ret_new)
{
    size_t lists = letor->qids.count;
    *ret_new = lists == 0 || !span_equal(qid, qidset_name(&letor->qids, lists - 1));
    if (*ret_new && qidset_has(&letor->qids, qid))
        return letor_refuse(
            letor, qid,
            "this qid comes back after another list: the lines of a list stand together");
    return STATUS_OK;
}

// Reads a line into *ret_doc and letor->values. What is wrong is told in letor->fault.
MUST_USE static enum status letor_parse(struct letor *letor, struct letor_line *line,
                                        struct letor_doc *ret_doc, struct span *ret_qid,
                                        uint32_t *ret_largest)
{
    letor->serial++;
    memset(letor->values, 0, letor->dirty * sizeof(*letor->values));
    letor->dirty = 0;
    TRY(letor_grade(letor, line, &ret_doc->grade));
    TRY(letor_qid(letor, line, ret_qid));
    TRY(letor_features(letor, line, ret_largest));
    return letor_continues(letor, *ret_qid, &ret_doc->new_list);
}

MUST_USE static enum status letor_fail(struct letor *letor, enum status code, struct diag *reterr)
{
    if (code == STATUS_INVALID && letor->skipped < letor->config.skip_bad) {
        if (letor->skipped++ == 0)
            letor->first_skipped = letor->fault;
        return STATUS_OK;
    }
    if (reterr != NULL)
        *reterr = letor->fault;
    return code;
}

// A line of `size` bytes; data[size] is its '\n'.
MUST_USE static enum status letor_take(struct letor *letor, const char *data, size_t size,
                                       struct diag *reterr)
{
    struct letor_line line = {data, data + size};
    letor->line++;
    if (size > LETOR_MAX_LINE)
        return letor_fail(letor, letor_refuse_length(letor), reterr);
    if (size > 0 && data[size - 1] == '\r')
        line.end--;
    letor_skip_blanks(&line);
    if (line.at == line.end || *line.at == '#')
        return STATUS_OK;
    struct letor_doc doc = {.values = letor->values};
    struct span qid = {0};
    uint32_t largest = 0;
    enum status code = letor_parse(letor, &line, &doc, &qid, &largest);
    if (code == STATUS_OK && doc.new_list && qidset_add(&letor->qids, qid) != STATUS_OK)
        code = letor_no_memory(letor);
    if (code != STATUS_OK)
        return letor_fail(letor, code, reterr);
    letor->largest = largest > letor->largest ? largest : letor->largest;
    letor->width = largest > letor->width ? largest : letor->width;
    doc.width = letor->width;
    return letor->config.sink(letor->config.context, &doc, reterr);
}

// The begin or middle of a line whose end is not in this block.
MUST_USE static enum status letor_keep(struct letor *letor, const char *data, size_t size,
                                       struct diag *reterr)
{
    if (letor->overlong)
        return STATUS_OK;
    if (letor->carry.size + size > LETOR_MAX_LINE) {
        letor->overlong = true;
        letor->line++;
        buf_clear(&letor->carry);
        return letor_fail(letor, letor_refuse_length(letor), reterr);
    }
    buf_append(&letor->carry, data, size);
    return buf_status(&letor->carry);
}

// The rest of a line that began in an earlier block, up to the '\n' at data[size].
MUST_USE static enum status letor_finish(struct letor *letor, const char *data, size_t size,
                                         struct diag *reterr)
{
    TRY(letor_keep(letor, data, size, reterr));
    if (letor->overlong) {
        letor->overlong = false;
        return STATUS_OK;
    }
    buf_char(&letor->carry, '\n');
    TRY(buf_status(&letor->carry));
    enum status code = letor_take(letor, letor->carry.data, letor->carry.size - 1, reterr);
    buf_clear(&letor->carry);
    return code;
}

enum status letor_feed(struct letor *letor, const char *data, size_t size, struct diag *reterr)
{
    const char *end = data + size;
    while (data < end) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        if (newline == NULL)
            return letor_keep(letor, data, (size_t)(end - data), reterr);
        size_t length = (size_t)(newline - data);
        if (letor->carry.size > 0 || letor->overlong)
            TRY(letor_finish(letor, data, length, reterr));
        else
            TRY(letor_take(letor, data, length, reterr));
        data = newline + 1;
    }
    return STATUS_OK;
}

enum status letor_end(struct letor *letor, struct diag *reterr)
{
    if (letor->carry.size == 0)
        return STATUS_OK;
    return letor_finish(letor, "", 0, reterr);
}

MUST_USE static enum status letor_pump(struct letor *letor, struct gzip_reader *reader, char *block,
                                       const struct letor_progress *progress, struct diag *reterr)
{
    for (;;) {
        size_t got;
        TRY(gzip_read(reader, block, LETOR_BLOCK, &got, reterr));
        if (got == 0)
            return letor_end(letor, reterr);
        TRY(letor_feed(letor, block, got, reterr));
        if (progress->report != NULL)
            progress->report(progress->context, gzip_position(reader), gzip_file_size(reader));
    }
}

enum status letor_read(struct letor *letor, const char *path, const struct letor_progress *progress,
                       struct diag *reterr)
{
    struct gzip_reader *reader;
    TRY(gzip_open(path, &reader, reterr));
    char *block = malloc(LETOR_BLOCK);
    enum status code = block == NULL
                           ? diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory")
                           : letor_pump(letor, reader, block, progress, reterr);
    free(block);
    gzip_close(reader);
    return code;
}

uint32_t letor_width(const struct letor *letor)
{
    return letor->width;
}

uint32_t letor_largest(const struct letor *letor)
{
    return letor->largest;
}

const struct qidset *letor_qids(const struct letor *letor)
{
    return &letor->qids;
}

uint64_t letor_skipped(const struct letor *letor)
{
    return letor->skipped;
}

const struct diag *letor_first_skipped(const struct letor *letor)
{
    return letor->skipped == 0 ? NULL : &letor->first_skipped;
}
