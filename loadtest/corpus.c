#include "loadtest/corpus.h"

#include <stdlib.h>
#include <string.h>

enum { CORPUS_MAX_BODIES = 1 << 30 };

static bool is_token(const char *text, size_t size)
{
    static const char signs[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && (c == '\0' || strchr(signs, c) == NULL))
            return false;
    }
    return size > 0;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

static enum status check(const struct corpus_plan *plan, struct diag *reterr)
{
    if (!is_token(plan->method, strlen(plan->method)))
        return diag_set(reterr, STATUS_USAGE, "--method: '%s' is no method", plan->method);
    if (plan->path[0] != '/' || strchr(plan->path, ' ') != NULL || has_control(plan->path))
        return diag_set(reterr, STATUS_USAGE, "--path: '%s' is no path", plan->path);
    for (size_t i = 0; i < plan->header_count; i++) {
        const char *header = plan->headers[i];
        if (header[strcspn(header, ":")] == '\0' || !is_token(header, strcspn(header, ":")) ||
            has_control(header))
            return diag_set(reterr, STATUS_USAGE, "--header: '%s' is not 'Name: value'", header);
    }
    return STATUS_OK;
}

static void add_request(const struct corpus_plan *plan, struct span body, struct buf *out)
{
    bool six = strchr(plan->host, ':') != NULL;
    buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s%s%s:%d\r\n", plan->method, plan->path,
               six ? "[" : "", plan->host, six ? "]" : "", plan->port);
    for (size_t i = 0; i < plan->header_count; i++)
        buf_printf(out, "%s\r\n", plan->headers[i]);
    if (plan->deadline_ms > 0)
        buf_printf(out, "X-Request-Timeout-Ms: %lld\r\n", (long long)plan->deadline_ms);
    if (body.data != NULL)
        buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.size);
    buf_text(out, "\r\n");
    buf_span(out, body);
}

static size_t count_lines(struct span text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '\n';
    return count;
}

// The text may move while it grows: where requests end is kept first, spans are set at the end.
static void add_lines(const struct corpus_plan *plan, struct span text, struct corpus *corpus,
                      size_t *ends)
{
    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t length = end != NULL ? (size_t)(end - text.data) : text.size;
        if (length > 0) {
            add_request(plan, (struct span){text.data, length}, &corpus->texts);
            ends[corpus->count++] = corpus->texts.size;
        }
        length += end != NULL;
        text = (struct span){text.data + length, text.size - length};
    }
}

static enum status make(const struct corpus_plan *plan, struct span text, struct corpus *corpus,
                        struct diag *reterr)
{
    size_t room = count_lines(text);
    size_t *ends = calloc(room, sizeof(*ends));
    corpus->requests = calloc(room, sizeof(*corpus->requests));
    if (ends == NULL || corpus->requests == NULL) {
        free(ends);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the requests");
    }
    if (plan->bodies[0] == '\0') {
        add_request(plan, (struct span){NULL, 0}, &corpus->texts);
        ends[corpus->count++] = corpus->texts.size;
    } else {
        add_lines(plan, text, corpus, ends);
    }
    for (size_t i = 0, begin = 0; i < corpus->count; begin = ends[i++])
        corpus->requests[i] = (struct span){corpus->texts.data + begin, ends[i] - begin};
    free(ends);
    if (corpus->count == 0)
        return diag_set(reterr, STATUS_USAGE, "%s has no body", plan->bodies);
    if (buf_status(&corpus->texts) != STATUS_OK)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the requests");
    return STATUS_OK;
}

enum status corpus_make(const struct corpus_plan *plan, struct corpus *ret_corpus,
                        struct diag *reterr)
{
    struct file_bytes bodies = {0};
    *ret_corpus = (struct corpus){0};
    buf_init(&ret_corpus->texts, SIZE_MAX / 4);
    TRY(check(plan, reterr));
    if (plan->bodies[0] != '\0')
        TRY(file_read(plan->bodies, CORPUS_MAX_BODIES, 1, &bodies, reterr));
    struct span text = {(const char *)bodies.data, bodies.size};
    enum status code = make(plan, text, ret_corpus, reterr);
    file_free(&bodies);
    return code;
}

void corpus_fini(struct corpus *corpus)
{
    free(corpus->requests);
    buf_fini(&corpus->texts);
}
