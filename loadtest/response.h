// Reads HTTP/1.1 responses as they come, in any pieces: status, length, and whether the connection
// goes on. Bodies are counted and forgotten. Chunked bodies are refused: ctrd sends none.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { RESPONSE_HEAD_BYTES = 16 << 10 };

enum response_state { RESPONSE_HEAD, RESPONSE_BODY, RESPONSE_DONE, RESPONSE_MALFORMED };

struct response {
    enum response_state state;
    bool begun;    // a byte has come
    bool bodiless; // the answer to HEAD: its length is that of a body which is not sent
    int status;
    bool closes;       // the server ends the connection
    bool retry_after;  // it has this header, with seconds
    const char *fault; // of RESPONSE_MALFORMED: what is wrong, a constant
    size_t left;       // of the body
    size_t head_size;
    char head[RESPONSE_HEAD_BYTES];
};

void response_start(struct response *response, bool bodiless);
// Takes bytes of the response that began; returns how many: all, but what follows a whole response.
size_t response_take(struct response *response, const char *data, size_t size);
