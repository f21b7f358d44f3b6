#include "base/logline.h"

#include "base/tick.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOGLINE_LEAST_RING = 4096, LOGLINE_WAIT_MS = 1000 };

struct logline {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_t thread;
    int fd;
    bool ended;
    int busy_fd; // that the thread writes to now; -1: it sleeps
    unsigned per_second, this_second;
    uint64_t second; // that this_second counts
    uint64_t dropped, limited;
    size_t capacity, begin, size; // of the ring
    char *ring;                   // (capacity)
    char *block;                  // (capacity), of the thread
};

static void lock(struct logline *lines)
{
    pthread_mutex_lock(&lines->lock);
}

static void unlock(struct logline *lines)
{
    pthread_mutex_unlock(&lines->lock);
}

// All of it, waiting where the descriptor does not take more, but not for ever. Of a pipe that can
// be written to, so much does not block.
static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        struct pollfd probe = {.fd = fd, .events = POLLOUT};
        int ready = poll(&probe, 1, LOGLINE_WAIT_MS);
        if (ready == 0)
            return false;
        ssize_t done = ready < 0 ? -1 : write(fd, data, size < PIPE_BUF ? size : PIPE_BUF);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        data += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

static uint64_t count_lines(const char *data, size_t size)
{
    uint64_t count = 0;
    for (const char *end = data + size; data < end; count++) {
        const char *next = memchr(data, '\n', (size_t)(end - data));
        data = next != NULL ? next + 1 : end;
    }
    return count;
}

// Under the lock: what waits, into the thread's block.
static size_t take(struct logline *lines)
{
    size_t size = lines->size, to_end = lines->capacity - lines->begin;
    size_t first = size < to_end ? size : to_end;
    memcpy(lines->block, lines->ring + lines->begin, first);
    memcpy(lines->block + first, lines->ring, size - first);
    lines->begin = lines->size = 0;
    return size;
}

static void *run(void *argument)
{
    struct logline *lines = argument;
    lock(lines);
    for (;;) {
        while (lines->size == 0 && !lines->ended)
            pthread_cond_wait(&lines->filled, &lines->lock);
        if (lines->size == 0)
            break;
        size_t size = take(lines);
        int fd = lines->busy_fd = lines->fd;
        unlock(lines);
        bool written = write_all(fd, lines->block, size);
        lock(lines);
        if (!written)
            lines->dropped += count_lines(lines->block, size);
        if (fd != lines->fd)
            close(fd); // logline_reopen left it to us
        lines->busy_fd = -1;
    }
    unlock(lines);
    return NULL;
}

static void free_lines(struct logline *lines)
{
    pthread_cond_destroy(&lines->filled);
    pthread_mutex_destroy(&lines->lock);
    free(lines->ring);
    free(lines->block);
    free(lines);
}

enum status logline_start(int fd, size_t ring_bytes, unsigned per_second,
                          struct logline **ret_lines, struct diag *reterr)
{
    struct logline *lines = calloc(1, sizeof(*lines));
    if (lines == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a log");
    pthread_mutex_init(&lines->lock, NULL);
    pthread_cond_init(&lines->filled, NULL);
    lines->fd = fd;
    lines->busy_fd = -1;
    lines->per_second = per_second;
    lines->capacity = ring_bytes < LOGLINE_LEAST_RING ? LOGLINE_LEAST_RING : ring_bytes;
    lines->ring = malloc(lines->capacity);
    lines->block = malloc(lines->capacity);
    enum status code = STATUS_OK;
    if (lines->ring == NULL || lines->block == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "no memory for a log");
    else if (pthread_create(&lines->thread, NULL, run, lines) != 0)
        code = diag_set(reterr, STATUS_IO, "the thread of a log cannot be started");
    if (code != STATUS_OK) {
        free_lines(lines);
        return code;
    }
    *ret_lines = lines;
    return STATUS_OK;
}

void logline_stop(struct logline *lines)
{
    if (lines == NULL)
        return;
    lock(lines);
    lines->ended = true;
    pthread_cond_signal(&lines->filled);
    unlock(lines);
    pthread_join(lines->thread, NULL);
    close(lines->fd);
    free_lines(lines);
}

bool logline_wanted(struct logline *lines)
{
    uint64_t second = tick_ns() / 1000000000;
    lock(lines);
    if (second != lines->second) {
        lines->second = second;
        lines->this_second = 0;
    }
    bool wanted = lines->per_second == 0 || lines->this_second < lines->per_second;
    lines->this_second += wanted;
    lines->limited += !wanted;
    unlock(lines);
    return wanted;
}

void logline_put(struct logline *lines, const char *text, size_t size)
{
    lock(lines);
    if (size > lines->capacity - lines->size) {
        lines->dropped++;
    } else {
        size_t at = (lines->begin + lines->size) % lines->capacity;
        size_t first = size < lines->capacity - at ? size : lines->capacity - at;
        memcpy(lines->ring + at, text, first);
        memcpy(lines->ring, text + first, size - first);
        if (lines->size == 0)
            pthread_cond_signal(&lines->filled);
        lines->size += size;
    }
    unlock(lines);
}

void logline_rate(struct logline *lines, unsigned per_second)
{
    lock(lines);
    lines->per_second = per_second;
    unlock(lines);
}

// The thread may be writing to the old one, and closes it then. If it sleeps, nobody uses it.
void logline_reopen(struct logline *lines, int fd)
{
    lock(lines);
    int old = lines->fd;
    bool used = old == lines->busy_fd;
    lines->fd = fd;
    unlock(lines);
    if (!used)
        close(old);
}

uint64_t logline_dropped(struct logline *lines)
{
    lock(lines);
    uint64_t count = lines->dropped;
    unlock(lines);
    return count;
}

uint64_t logline_limited(struct logline *lines)
{
    lock(lines);
    uint64_t count = lines->limited;
    unlock(lines);
    return count;
}
