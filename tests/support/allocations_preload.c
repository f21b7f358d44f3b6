// Preloaded into a program, counts its allocations in the file that ALLOCATIONS_FILE names: a
// number, then where the last of them were called, as addr2line wants it (test_allocation.py).
// Those of the HTTP library are not counted, because it makes some for every reply: whose one is,
// the nearest caller says that is of either. So what the C library does for us, such as strdup,
// counts.
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

enum { ALLOCATIONS_SITES = 16 };

static struct allocations {
    _Atomic uint64_t count, sites[ALLOCATIONS_SITES];
} * allocations;

static struct image {
    uintptr_t base, end;
} program, http_library;

// What the C library calls its own, whoever else is called malloc.
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static int find_images(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size, (void)context;
    struct image *image = strstr(info->dlpi_name, "libmicrohttpd") != NULL ? &http_library
                          : program.end == 0                               ? &program // the first
                                                                           : NULL;
    for (size_t i = 0; image != NULL && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
        if (part->p_type == PT_LOAD && end > image->end)
            *image = (struct image){info->dlpi_addr, end};
    }
    return 0;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("ALLOCATIONS_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(*allocations)) != 0)
        abort();
    void *shared = mmap(NULL, sizeof(*allocations), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == MAP_FAILED)
        abort();
    dl_iterate_phdr(find_images, NULL);
    allocations = shared;
}

static bool is_in(const struct image *image, uintptr_t address)
{
    return image->base < address && address < image->end;
}

static _Unwind_Reason_Code look_at(struct _Unwind_Context *context, void *argument)
{
    uintptr_t address = _Unwind_GetIP(context);
    if (is_in(&http_library, address))
        return _URC_END_OF_STACK;
    if (!is_in(&program, address))
        return _URC_NO_REASON; // the next
    *(uintptr_t *)argument = address;
    return _URC_END_OF_STACK;
}

static void note(void)
{
    uintptr_t address = 0;
    if (allocations != NULL)
        (void)_Unwind_Backtrace(look_at, &address);
    if (address == 0)
        return;
    uint64_t before = atomic_fetch_add(&allocations->count, 1);
    // A return address: the call is before it.
    atomic_store(&allocations->sites[before % ALLOCATIONS_SITES], address - program.base - 1);
}

void *malloc(size_t size)
{
    note();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    note();
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    note();
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    note();
    *ret = __libc_memalign(alignment, size);
    return *ret != NULL ? 0 : ENOMEM;
}
