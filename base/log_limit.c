#include "base/log_limit.h"

#include "base/hash64.h"

#include <stddef.h>
#include <string.h>

static struct log_limit_event *log_limit_find(struct log_limit *limit, int level, const char *event)
{
    size_t start = (size_t)(hash64(event, strlen(event), (uint64_t)level) % LOG_LIMIT_EVENTS);
    for (size_t i = 0; i < LOG_LIMIT_EVENTS; i++) {
        struct log_limit_event *slot = &limit->events[(start + i) % LOG_LIMIT_EVENTS];
        if (slot->event == NULL) {
            *slot = (struct log_limit_event){.event = event, .level = level};
            return slot;
        }
        if (slot->level == level && strcmp(slot->event, event) == 0)
            return slot;
    }
    return NULL;
}

bool log_limit_pass(struct log_limit *limit, int level, const char *event, uint64_t now_ns,
                    uint64_t *ret_repeated)
{
    enum { SECOND_NS = 1000000000 };
    struct log_limit_event *slot = log_limit_find(limit, level, event);
    if (slot == NULL) {
        *ret_repeated = 0;
        return true;
    }
    if (slot->lines == 0 || now_ns - slot->window_ns >= SECOND_NS) {
        slot->window_ns = now_ns;
        slot->lines = 0;
    }
    if (slot->lines == LOG_LIMIT_LINES) {
        slot->held++;
        return false;
    }
    slot->lines++;
    *ret_repeated = slot->held;
    slot->held = 0;
    return true;
}
