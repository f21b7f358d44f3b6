#include "server/trace.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    TRACE_ID_DIGITS = 32,
    SPAN_ID_DIGITS = 16,
    VERSION_AT = 0,
    ID_AT = 3,
    SPAN_AT = 36,
    FLAGS_AT = 53
};

void trace_ids_init(struct trace_ids *ids)
{
    // Without random numbers of the kernel ids may repeat, which harms nobody but who reads traces.
    if (getrandom(ids->state, sizeof(ids->state), 0) != (ssize_t)sizeof(ids->state))
        *ids = (struct trace_ids){{(uint64_t)(uintptr_t)ids, 1}};
    ids->state[0] |= 1; // never all zero
}

// xorshift128+ (Vigna 2014): ids have to differ, not to be secret.
static uint64_t next_id(struct trace_ids *ids)
{
    uint64_t a = ids->state[0], b = ids->state[1];
    ids->state[0] = b;
    a ^= a << 23;
    ids->state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    uint64_t id = ids->state[1] + b;
    return id != 0 ? id : 1; // all zero is no id
}

// Lower-case hexadecimal, not all zero where that is asked for.
static bool is_hex(const char *text, size_t digits, bool may_be_zero)
{
    bool zero = true;
    for (size_t i = 0; i < digits; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
        zero = zero && text[i] == '0';
    }
    return may_be_zero || !zero;
}

// Of a version that is not known yet, what version 00 has is read; more may follow behind a '-'.
static bool is_traceparent(struct span text)
{
    const char *t = text.data;
    if (text.data == NULL || text.size < TRACE_PARENT_BYTES || t[2] != '-' || t[35] != '-' ||
        t[52] != '-' || !is_hex(t + VERSION_AT, 2, true) || memcmp(t, "ff", 2) == 0)
        return false;
    bool first_version = memcmp(t, "00", 2) == 0;
    if (text.size > TRACE_PARENT_BYTES && (first_version || t[TRACE_PARENT_BYTES] != '-'))
        return false;
    return is_hex(t + ID_AT, TRACE_ID_DIGITS, false) &&
           is_hex(t + SPAN_AT, SPAN_ID_DIGITS, false) && is_hex(t + FLAGS_AT, 2, true);
}

// 1 to `most` characters of ASCII from `lowest` on.
static bool is_ascii(struct span text, char lowest, size_t most)
{
    if (text.data == NULL || text.size == 0 || text.size > most)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < lowest || text.data[i] > '~')
            return false;
    return true;
}

static void copy(char *to, struct span from)
{
    memcpy(to, from.data, from.size);
    to[from.size] = '\0';
}

void trace_start(struct trace *trace, struct trace_ids *ids, struct span traceparent,
                 struct span tracestate, struct span request_id)
{
    unsigned long long span_id = next_id(ids), high = next_id(ids), low = next_id(ids);
    trace->continued = is_traceparent(traceparent);
    trace->state[0] = '\0';
    if (trace->continued) {
        // The one flag that is known: whether the caller records the trace.
        bool sampled = strchr("13579bdf", traceparent.data[FLAGS_AT + 1]) != NULL;
        snprintf(trace->parent, sizeof(trace->parent), "00-%.32s-%016llx-0%d",
                 traceparent.data + ID_AT, span_id, sampled);
        if (is_ascii(tracestate, ' ', TRACE_STATE_BYTES))
            copy(trace->state, tracestate);
    } else {
        snprintf(trace->parent, sizeof(trace->parent), "00-%016llx%016llx-%016llx-00", high, low,
                 span_id);
    }
    if (is_ascii(request_id, '!', TRACE_REQUEST_ID_BYTES))
        copy(trace->request_id, request_id);
    else
        snprintf(trace->request_id, sizeof(trace->request_id), "%.16s", trace->parent + SPAN_AT);
}
