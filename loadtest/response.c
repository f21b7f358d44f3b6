#include "loadtest/response.h"

#include "base/num.h"

#include <string.h>
#include <strings.h>

void response_start(struct response *response, bool bodiless)
{
    response->state = RESPONSE_HEAD;
    response->begun = response->closes = response->retry_after = false;
    response->bodiless = bodiless;
    response->fault = NULL;
    response->status = 0;
    response->left = response->head_size = 0;
}

// False, for the caller to return.
static bool refuse(struct response *response, const char *fault)
{
    response->state = RESPONSE_MALFORMED;
    response->fault = fault;
    return false;
}

static bool read_status(struct response *response, struct span line)
{
    // "HTTP/1.1 200 OK"
    uint64_t status;
    if (line.size < 12 || memcmp(line.data, "HTTP/1.", 7) != 0 || line.data[8] != ' ' ||
        num_parse_u64((struct span){line.data + 9, 3}, &status) != STATUS_OK || status < 100)
        return refuse(response, "no status line of HTTP/1");
    response->status = (int)status;
    response->closes = line.data[7] == '0';
    return true;
}

static bool is_named(struct span line, const char *name, struct span *ret_value)
{
    size_t length = strlen(name);
    if (line.size < length + 1 || strncasecmp(line.data, name, length) != 0 ||
        line.data[length] != ':')
        return false;
    *ret_value = span_trim((struct span){line.data + length + 1, line.size - length - 1});
    return true;
}

static bool read_field(struct response *response, struct span line, bool *ret_measured)
{
    struct span value;
    uint64_t length;
    if (is_named(line, "Transfer-Encoding", &value))
        return refuse(response, "Transfer-Encoding: chunked bodies are not understood");
    if (is_named(line, "Content-Length", &value)) {
        if (*ret_measured)
            return refuse(response, "Content-Length twice");
        if (num_parse_u64(value, &length) != STATUS_OK)
            return refuse(response, "Content-Length is no number");
        response->left = (size_t)length;
        *ret_measured = true;
    }
    if (is_named(line, "Connection", &value) && value.size == 5 &&
        strncasecmp(value.data, "close", 5) == 0)
        response->closes = true;
    if (is_named(line, "Retry-After", &value) && num_parse_u64(value, &length) == STATUS_OK)
        response->retry_after = true;
    return true;
}

// The whole head is there. A response without a length would go on for ever.
static bool read_head(struct response *response)
{
    struct span rest = {response->head, response->head_size};
    bool first = true, measured = false;
    while (rest.size > 0) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t length = (size_t)(end - rest.data);
        struct span line = {rest.data, length > 0 && end[-1] == '\r' ? length - 1 : length};
        if ((first || line.size > 0) &&
            !(first ? read_status(response, line) : read_field(response, line, &measured)))
            return false;
        first = false;
        rest = (struct span){end + 1, rest.size - length - 1};
    }
    bool bodiless = response->bodiless || response->status < 200 || response->status == 204 ||
                    response->status == 304;
    if (bodiless)
        response->left = 0;
    return measured || bodiless || refuse(response, "no Content-Length");
}

static bool ends_head(const struct response *response)
{
    size_t size = response->head_size;
    return size >= 4 && memcmp(response->head + size - 4, "\r\n\r\n", 4) == 0;
}

// Up to the end of the head.
static size_t take_head(struct response *response, const char *data, size_t size)
{
    size_t used = 0;
    while (used < size && response->state == RESPONSE_HEAD) {
        if (response->head_size == RESPONSE_HEAD_BYTES) {
            (void)refuse(response, "the head is too long");
            break;
        }
        response->head[response->head_size++] = data[used++];
        if (!ends_head(response))
            continue;
        if (!read_head(response))
            break;
        if (response->status >= 100 && response->status < 200)
            response->head_size = 0; // 100 Continue: the response is still to come
        else
            response->state = RESPONSE_BODY;
    }
    return used;
}

size_t response_take(struct response *response, const char *data, size_t size)
{
    response->begun = response->begun || size > 0;
    size_t used = response->state == RESPONSE_HEAD ? take_head(response, data, size) : 0;
    if (response->state != RESPONSE_BODY)
        return used;
    size_t body = size - used < response->left ? size - used : response->left;
    response->left -= body;
    if (response->left == 0)
        response->state = RESPONSE_DONE;
    return used + body;
}
