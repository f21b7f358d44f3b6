#include "loadtest/backlog.h"

#include <assert.h>
#include <stdlib.h>

enum status backlog_init(struct backlog *backlog, size_t capacity)
{
    *backlog = (struct backlog){.jobs = calloc(capacity, sizeof(*backlog->jobs))};
    if (backlog->jobs == NULL)
        return STATUS_NO_MEMORY;
    backlog->capacity = capacity;
    return STATUS_OK;
}

void backlog_fini(struct backlog *backlog)
{
    free(backlog->jobs);
    *backlog = (struct backlog){0};
}

bool backlog_put(struct backlog *backlog, const struct backlog_job *job)
{
    if (backlog->count == backlog->capacity)
        return false;
    backlog->jobs[(backlog->first + backlog->count++) % backlog->capacity] = *job;
    return true;
}

struct backlog_job backlog_take(struct backlog *backlog)
{
    assert(backlog->count > 0);
    struct backlog_job job = backlog->jobs[backlog->first];
    backlog->first = (backlog->first + 1) % backlog->capacity;
    backlog->count--;
    return job;
}
