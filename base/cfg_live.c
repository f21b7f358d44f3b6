// Options that change while a program runs.
#include "base/cfg.h"
#include "base/cfg_value.h"

#include <assert.h>
#include <string.h>

enum { CFG_LIVE_TEXT = 1 << 20 };

// By their text, which reads back to the same value.
static bool cfg_live_differs(const struct cfg_option *option, const void *a, const void *b)
{
    struct buf text_a, text_b;
    buf_init(&text_a, CFG_LIVE_TEXT);
    buf_init(&text_b, CFG_LIVE_TEXT);
    cfg_value_print(option, a, &text_a);
    cfg_value_print(option, b, &text_b);
    bool differs = !span_equal(buf_view(&text_a), buf_view(&text_b));
    buf_fini(&text_a);
    buf_fini(&text_b);
    return differs;
}

static size_t cfg_live_size(enum cfg_kind kind)
{
    switch (kind) {
    case CFG_BOOL:
        return sizeof(bool);
    case CFG_I64:
        return sizeof(int64_t);
    case CFG_DOUBLE:
        return sizeof(double);
    case CFG_TEXT:
        return sizeof(char *);
    case CFG_CHOICE:
        return sizeof(int);
    case CFG_INTS:
    case CFG_CHOICES:
        return sizeof(struct cfg_ints);
    case CFG_DOUBLES:
        return sizeof(struct cfg_doubles);
    case CFG_TREE:
        break;
    }
    return 0;
}

static void cfg_live_swap(const struct cfg_option *option, void *a, void *b)
{
    unsigned char kept[sizeof(struct cfg_ints) + sizeof(struct cfg_doubles)];
    size_t size = cfg_live_size(option->kind);
    assert(size <= sizeof(kept));
    char *field_a = (char *)a + option->offset, *field_b = (char *)b + option->offset;
    memcpy(kept, field_a, size);
    memcpy(field_a, field_b, size);
    memcpy(field_b, kept, size);
}

void cfg_take_live(const struct cfg_table *table, void *running, void *fresh,
                   void (*tell_fixed)(void *context, const char *key), void *context)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct cfg_option *option = &table->options[i];
        if (option->kind == CFG_TREE || !cfg_live_differs(option, running, fresh))
            continue;
        if (option->live)
            cfg_live_swap(option, running, fresh);
        else
            tell_fixed(context, option->key);
    }
}
