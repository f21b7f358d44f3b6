// The LETOR reader against a second, slow reading of the same text, written from the rules of the
// format alone: both give the same documents, bit for bit, or both refuse at the same line.
//
// The first byte of the input sets the size of the blocks, the second columns and lines that may be
// skipped.
#include "base/buf.h"
#include "model/train/letor.h"

#include <assert.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT = 1 << 16, MAX_WORDS = MAX_INPUT / 2 + 1 };

// Documents as bytes: new, grade, values.
static enum status keep(void *context, const struct letor_doc *doc, struct diag *reterr)
{
    (void)reterr;
    struct buf *out = context;
    buf_char(out, doc->new_list ? 'n' : 's');
    buf_append(out, &doc->grade, sizeof(doc->grade));
    // Rows widen on the way: what is compared is the row without the zeros at its end.
    uint32_t used = doc->width;
    while (used > 0 && memcmp(&doc->values[used - 1], &(float){0}, sizeof(float)) == 0)
        used--;
    buf_append(out, &used, sizeof(used));
    buf_append(out, doc->values, used * sizeof(*doc->values));
    return buf_status(out);
}

struct slow {
    regex_t number, feature;
    struct buf out;
    struct buf seen;                 // qids that were, one after another, each between two blanks
    char *last_qid;                  // "" before the first
    float values[LETOR_MAX_COLUMNS]; // of a line; only the first `wide` may be more than zero
    bool given[LETOR_MAX_COLUMNS];
    size_t wide;
    char *words[MAX_WORDS];
    unsigned long limit;
};

static bool slow_decimal(const struct slow *slow, const char *word, double *ret_value)
{
    if (regexec(&slow->number, word, 0, NULL, 0) != 0)
        return false;
    *ret_value = strtod(word, NULL);
    return *ret_value - *ret_value == 0;
}

static bool slow_features(struct slow *slow, char **words, size_t count, uint32_t *ret_used)
{
    memset(slow->values, 0, slow->wide * sizeof(*slow->values));
    memset(slow->given, 0, slow->wide * sizeof(*slow->given));
    slow->wide = 0;
    *ret_used = 0;
    for (size_t w = 0; w < count && words[w][0] != '#'; w++) {
        double value;
        char *colon;
        if (regexec(&slow->feature, words[w], 0, NULL, 0) != 0)
            return false;
        unsigned long number = strtoul(words[w], &colon, 10);
        if (number < 1 || number > slow->limit || slow->given[number - 1] ||
            !slow_decimal(slow, colon + 1, &value))
            return false;
        slow->wide = number > slow->wide ? number : slow->wide;
        slow->given[number - 1] = true;
        slow->values[number - 1] = (float)(value > 1e6 ? 1e6 : value < -1e38 ? -1e38 : value);
    }
    for (uint32_t i = 0; i < slow->wide; i++)
        if (memcmp(&slow->values[i], &(float){0}, sizeof(float)) != 0)
            *ret_used = i + 1;
    return true;
}

// Whether `qid` may stand here, and whether it begins a list.
static bool slow_qid(struct slow *slow, const char *qid, bool *ret_new)
{
    char *key = malloc(strlen(qid) + 3);
    assert(key != NULL);
    key[0] = ' ';
    memcpy(key + 1, qid, strlen(qid));
    memcpy(key + 1 + strlen(qid), " ", 2);
    *ret_new = strcmp(qid, slow->last_qid) != 0;
    bool ok = !*ret_new || slow->seen.size == 0 || strstr(slow->seen.data, key) == NULL;
    if (ok && *ret_new) {
        buf_text(&slow->seen, key);
        free(slow->last_qid);
        slow->last_qid = strdup(qid);
    }
    free(key);
    return ok;
}

// A line without its end: false if it is bad. Lines with a 0 byte are not given to it.
static bool slow_line(struct slow *slow, char *line)
{
    char **words = slow->words;
    size_t count = 0;
    for (char *at = line; *at != '\0';) {
        at += strspn(at, " \t");
        size_t length = strcspn(at, " \t");
        if (length == 0)
            break;
        assert(count < MAX_WORDS);
        words[count++] = at;
        at += length;
        if (*at != '\0')
            *at++ = '\0';
    }
    double grade;
    bool fresh;
    uint32_t used;
    if (count == 0 || words[0][0] == '#')
        return true;
    if (!slow_decimal(slow, words[0], &grade) || grade < 0 || grade > LETOR_MAX_GRADE ||
        count < 2 || strncmp(words[1], "qid:", 4) != 0 || words[1][4] == '\0' ||
        !slow_features(slow, words + 2, count - 2, &used) || !slow_qid(slow, words[1] + 4, &fresh))
        return false;
    float small = grade == 0 ? 0 : (float)grade;
    buf_char(&slow->out, fresh ? 'n' : 's');
    buf_append(&slow->out, &small, sizeof(small));
    buf_append(&slow->out, &used, sizeof(used));
    buf_append(&slow->out, slow->values, used * sizeof(float));
    return true;
}

// Returns the number of the line that ends the parse, 0: none.
static unsigned slow_parse(struct slow *slow, char *text, uint64_t skip)
{
    unsigned number = 0;
    while (*text != '\0') {
        char *end = strchr(text, '\n');
        char *next = end == NULL ? text + strlen(text) : end + 1;
        char *stop = end == NULL ? next : end;
        number++;
        if (stop > text && stop[-1] == '\r')
            stop--;
        *stop = '\0';
        if (!slow_line(slow, text) && skip-- == 0)
            return number;
        text = next;
    }
    return 0;
}

static enum status fast_parse(const char *text, size_t block, const struct letor_config *config,
                              struct diag *diag)
{
    struct letor *letor;
    size_t size = strlen(text);
    enum status code = letor_new(config, &letor);
    assert(code == STATUS_OK);
    for (size_t at = 0; at < size && code == STATUS_OK; at += block)
        code = letor_feed(letor, text + at, size - at < block ? size - at : block, diag);
    if (code == STATUS_OK)
        code = letor_end(letor, diag);
    letor_free(letor);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > MAX_INPUT)
        return 0;
    size_t block = (size_t)data[0] + 1;
    struct buf fast;
    buf_init(&fast, SIZE_MAX / 2);
    const struct letor_config config = {"f", data[1] & 1 ? 5 : 0, (data[1] >> 1) % 4, keep, &fast};
    struct slow *slow = calloc(1, sizeof(*slow));
    char *text = malloc(size);
    assert(slow != NULL && text != NULL);
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0'; // what stands behind a 0 byte is not read
    slow->limit = config.columns == 0 ? LETOR_MAX_COLUMNS : config.columns;
    slow->last_qid = strdup("");
    buf_init(&slow->out, SIZE_MAX / 2);
    buf_init(&slow->seen, SIZE_MAX / 2);
    static const char decimal[] = "^-?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$";
    int bad = regcomp(&slow->number, decimal, REG_EXTENDED | REG_NOSUB) |
              regcomp(&slow->feature, "^[0-9]+:", REG_EXTENDED | REG_NOSUB);
    assert(bad == 0);
    struct diag diag = {0};
    enum status code = fast_parse(text, block, &config, &diag);
    unsigned line = slow_parse(slow, text, config.skip_bad);
    assert((code != STATUS_OK) == (line > 0));
    assert(code == STATUS_OK || (code == STATUS_INVALID && diag.line == line));
    assert(fast.size == slow->out.size);
    assert(fast.size == 0 || memcmp(fast.data, slow->out.data, fast.size) == 0);
    regfree(&slow->number);
    regfree(&slow->feature);
    buf_fini(&slow->out);
    buf_fini(&slow->seen);
    buf_fini(&fast);
    free(slow->last_qid);
    free(slow);
    free(text);
    return 0;
}
