#include "model/kernels/kernels.h"

#include "model/kernels/sets.h"

#include <assert.h>
#include <string.h>

static const struct kernels tables[] = {
#define KERNELS_SET(set, runnable, ...) {#set, __VA_ARGS__},
#include "model/kernels/kernels.def"
};

enum { SETS = sizeof(tables) / sizeof(tables[0]) };

size_t kernels_count(void)
{
    return SETS;
}

const struct kernels *kernels_at(size_t index)
{
    assert(index < SETS);
    return &tables[index];
}

bool kernels_runnable(size_t index)
{
    assert(index < SETS);
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    const bool runnable[] = {
#define KERNELS_SET(set, runnable, ...) runnable,
#include "model/kernels/kernels.def"
    };
    return runnable[index];
}

enum status kernels_choose(const char *name, const struct kernels **ret_kernels,
                           struct diag *reterr)
{
    static const char others[] =
#define KERNELS_SET(set, runnable, ...) ", " #set
#include "model/kernels/kernels.def"
        ;
    bool any = strcmp(name, "auto") == 0;
    for (size_t i = SETS; i-- > 0;) {
        if (!any && strcmp(name, tables[i].name) != 0)
            continue;
        if (kernels_runnable(i)) {
            *ret_kernels = &tables[i];
            return STATUS_OK;
        }
        if (!any)
            return diag_set(reterr, STATUS_CONFIG, "kernels: this CPU cannot run \"%s\"", name);
    }
    return diag_set(reterr, STATUS_CONFIG, "kernels: \"%s\" is not one of auto%s", name, others);
}
