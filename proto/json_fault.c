#include "proto/json_fault.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void json_fault_push_key(struct json_path *path, struct span key)
{
    assert(path->count < JSON_FAULT_STEPS && key.data != NULL);
    path->steps[path->count++].key = key;
}

void json_fault_push_index(struct json_path *path, size_t index)
{
    assert(path->count < JSON_FAULT_STEPS);
    path->steps[path->count++] = (struct json_step){{NULL, 0}, index};
}

void json_fault_pop(struct json_path *path)
{
    assert(path->count > 0);
    path->count--;
}

const char *json_fault_escape(struct span foreign, size_t limit, char *text, size_t size)
{
    assert(size > 4);
    // A terminator and the three dots always fit.
    size_t most = limit < size - 4 ? limit : size - 4, used = 0;
    for (size_t i = 0; i < foreign.size; i++) {
        unsigned char c = (unsigned char)foreign.data[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '\\';
        size_t need = plain ? 1 : 4;
        if (used + need > most) {
            memcpy(text + used, "...", 3);
            used += 3;
            break;
        }
        if (plain)
            text[used] = (char)c;
        else
            snprintf(text + used, 5, "\\x%02x", (unsigned)c);
        used += need;
    }
    text[used] = '\0';
    return text;
}

static const char *json_fault_steps(const struct json_path *path, bool indices, char *text,
                                    size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < path->count && used < size; i++) {
        const struct json_step *step = &path->steps[i];
        char part[JSON_FAULT_TEXT];
        int length;
        if (step->key.data == NULL && !indices) {
            length = snprintf(text + used, size - used, "[]");
        } else if (step->key.data == NULL) {
            length = snprintf(text + used, size - used, "[%zu]", step->index);
        } else {
            json_fault_escape(step->key, JSON_FAULT_FOREIGN, part, sizeof(part));
            length = snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ".", part);
        }
        used += length > 0 ? (size_t)length : 0;
    }
    return text;
}

const char *json_fault_path(const struct json_path *path, char *text, size_t size)
{
    return json_fault_steps(path, true, text, size);
}

const char *json_fault_place(const struct json_path *path, char *text, size_t size)
{
    return json_fault_steps(path, false, text, size);
}

// Bytes of the text that begins after a quote, up to the closing one.
static size_t json_fault_quoted(const char *text, const char *end)
{
    const char *at = text;
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return (size_t)(at - text);
}

const char *json_fault_found(const char *token, const char *end, char *text, size_t size)
{
    char part[JSON_FAULT_TEXT];
    if (token >= end) {
        snprintf(text, size, "the end");
    } else if (*token == '{' || *token == '[') {
        snprintf(text, size, *token == '{' ? "an object" : "a list");
    } else if (*token == '"') {
        struct span inner = {token + 1, json_fault_quoted(token + 1, end)};
        json_fault_escape(inner, JSON_FAULT_FOREIGN, part, sizeof(part));
        snprintf(text, size, "\"%s\"", part);
    } else {
        const char *at = token;
        while (at < end && strchr(",:]} \t\r\n\"", *at) == NULL)
            at++;
        // A lone comma or bracket is a token too.
        struct span bare = {token, at == token ? 1 : (size_t)(at - token)};
        json_fault_escape(bare, JSON_FAULT_FOREIGN, part, sizeof(part));
        snprintf(text, size, "%s", part);
    }
    return text;
}
