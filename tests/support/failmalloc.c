#include "tests/support/failmalloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Volatile: optimisation across files takes it that realloc changes nothing of ours.
static _Thread_local volatile struct {
    bool armed, failed;
    unsigned long left;
    enum failmalloc_mode mode;
} failmalloc;

void failmalloc_arm(unsigned long nth, enum failmalloc_mode mode)
{
    failmalloc.failed = false;
    failmalloc.left = nth;
    failmalloc.mode = mode;
    failmalloc.armed = true;
}

bool failmalloc_disarm(void)
{
    failmalloc.armed = false;
    return failmalloc.failed;
}

static bool failmalloc_now(void)
{
    if (!failmalloc.armed)
        return false;
    if (failmalloc.left > 1) {
        failmalloc.left--;
        return false;
    }
    if (failmalloc.failed && failmalloc.mode == FAILMALLOC_ONCE)
        return false;
    failmalloc.failed = true;
    errno = ENOMEM;
    return true;
}

// The linker sends calls of malloc to __wrap_malloc and calls of __real_malloc to malloc.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret, size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_vasprintf(char **ret, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
int __wrap_asprintf(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size)
{
    return failmalloc_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failmalloc_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return failmalloc_now() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return failmalloc_now() ? NULL : __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **ret, size_t alignment, size_t size)
{
    return failmalloc_now() ? ENOMEM : __real_posix_memalign(ret, alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return failmalloc_now() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return failmalloc_now() ? NULL : __real_strndup(text, size);
}

int __real_vasprintf(char **ret, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

int __wrap_vasprintf(char **ret, const char *format, va_list args)
{
    return failmalloc_now() ? -1 : __real_vasprintf(ret, format, args);
}

int __wrap_asprintf(char **ret, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = __wrap_vasprintf(ret, format, args);
    va_end(args);
    return length;
}
