#include "proto/rank_peek.h"

#include "base/num.h"

#include <stdbool.h>
#include <string.h>

struct glance {
    const char *at, *end;
    struct rank_peek *peek;
    unsigned wanted;
    unsigned left; // names that are in the body and have not been met
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct glance *glance)
{
    while (glance->at < glance->end && is_blank(*glance->at))
        glance->at++;
}

static bool take(struct glance *glance, char c)
{
    skip_blanks(glance);
    if (glance->at == glance->end || *glance->at != c)
        return false;
    glance->at++;
    return true;
}

// At a quote: the text up to the next one. `*ret_plain` is false if there are escapes in it.
static bool take_text(struct glance *glance, struct span *ret_text, bool *ret_plain)
{
    if (!take(glance, '"'))
        return false;
    const char *begin = glance->at;
    *ret_plain = true;
    for (; glance->at < glance->end && *glance->at != '"'; glance->at++) {
        if (*glance->at == '\\') {
            *ret_plain = false;
            glance->at++;
        }
    }
    if (glance->at >= glance->end)
        return false;
    *ret_text = (struct span){begin, (size_t)(glance->at - begin)};
    glance->at++;
    return true;
}

// Behind the opening bracket of a list or an object: behind its end.
static bool skip_nested(struct glance *glance)
{
    struct span text;
    bool plain;
    for (size_t depth = 1; depth > 0;) {
        // Numbers and blanks hold nothing of interest: this loop is where the time goes.
        while (glance->at < glance->end && *glance->at < '[' && *glance->at != '"')
            glance->at++;
        if (glance->at == glance->end)
            return false;
        if (*glance->at == '"') {
            if (!take_text(glance, &text, &plain))
                return false;
            continue;
        }
        char c = *glance->at++;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
    }
    return true;
}

// A number or a word: up to what cannot be part of it.
static struct span take_token(struct glance *glance)
{
    const char *begin = glance->at;
    while (glance->at < glance->end && !is_blank(*glance->at) && *glance->at != ',' &&
           *glance->at != '}')
        glance->at++;
    return (struct span){begin, (size_t)(glance->at - begin)};
}

static bool is_digits(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.size > 0;
}

static uint64_t number_of(struct span text)
{
    uint64_t number;
    if (num_parse_u64(text, &number) == STATUS_OK)
        return number;
    return is_digits(text) ? UINT64_MAX : 0;
}

static void note(struct glance *glance, struct span key, struct span value, bool is_text)
{
    struct rank_peek *peek = glance->peek;
    bool timeout = (glance->wanted & RANK_PEEK_TIMEOUT) != 0;
    bool names = (glance->wanted & RANK_PEEK_NAMES) != 0;
    if (timeout && span_is(key, "timeout_us") && !is_text)
        peek->timeout_us = number_of(value);
    else if (names && span_is(key, "version") && is_text && !is_digits(value))
        peek->label = value;
    else if (names && span_is(key, "version"))
        peek->version = number_of(value);
    else if (names && span_is(key, "model") && is_text)
        peek->model = value;
    else
        return;
    glance->left--;
}

// False at the end, and where no value stands.
static bool take_value(struct glance *glance, struct span key)
{
    struct span value;
    bool plain = true;
    skip_blanks(glance);
    if (glance->at == glance->end)
        return false;
    if (*glance->at == '{' || *glance->at == '[') {
        glance->at++;
        return skip_nested(glance);
    }
    bool is_text = *glance->at == '"';
    if (!is_text)
        value = take_token(glance);
    else if (!take_text(glance, &value, &plain))
        return false;
    if (glance->at == glance->end) // it may go on behind the end of what there is
        return false;
    if (plain)
        note(glance, key, value, is_text);
    return true;
}

// Is the text in the body? Its byte at `rare`, the first of its kind there, is looked for: that
// goes several times as fast as looking for all of it, while the byte is rare. Bodies are mostly
// numbers.
static bool contains(const char *body, size_t size, const char *text, size_t rare)
{
    enum { MOST_MISSES = 64 };
    const char *at = body, *end = body + size;
    size_t length = strlen(text);
    for (int misses = 0; misses < MOST_MISSES; misses++) {
        const char *hit = memchr(at, text[rare], (size_t)(end - at));
        if (hit == NULL)
            return false;
        if ((size_t)(hit - body) >= rare && (size_t)(end - hit) >= length - rare &&
            memcmp(hit - rare, text, length) == 0)
            return true;
        at = hit + 1;
    }
    return memmem(at, (size_t)(end - at), text, length) != NULL;
}

// Where none of the names is in the body at all, and mostly none is, it need not be walked.
static unsigned count_names(const char *body, size_t size, unsigned wanted)
{
    static const struct {
        unsigned of;
        const char *text;
        size_t rare;
    } names[] = {{RANK_PEEK_TIMEOUT, "\"timeout_us\"", sizeof("\"timeout") - 1},
                 {RANK_PEEK_NAMES, "\"model\"", 1},
                 {RANK_PEEK_NAMES, "\"version\"", 1}};
    unsigned count = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((wanted & names[i].of) != 0)
            count += contains(body, size, names[i].text, names[i].rare);
    return count;
}

void rank_peek(const char *body, size_t size, unsigned wanted, struct rank_peek *ret_peek)
{
    *ret_peek = (struct rank_peek){.timeout_us = 0};
    struct glance glance = {body, body + size, ret_peek, wanted, count_names(body, size, wanted)};
    if (glance.left == 0 || !take(&glance, '{'))
        return;
    struct span key;
    bool plain;
    do {
        if (!take_text(&glance, &key, &plain) || !take(&glance, ':') ||
            !take_value(&glance, plain ? key : (struct span){"", 0}))
            return;
    } while (glance.left > 0 && take(&glance, ','));
}
