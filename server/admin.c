#include "server/admin.h"

#include "model/store.h"
#include "proto/json_fault.h"
#include "proto/json_text.h"
#include "proto/json_value.h"
#include "proto/rank.h"

#include <stdio.h>
#include <string.h>

// A body as a map; an empty one is the empty map. The caller frees.
static enum status read_body(const struct slot *slot, struct json_value **ret_body,
                             struct diag *reterr)
{
    struct span text = span_trim((struct span){slot->body.data, slot->body_size});
    if (slot->gzip)
        return diag_at_path(reterr, STATUS_BAD_TYPE, "Content-Encoding",
                            "not understood on this path");
    if (text.size == 0)
        text = span_of("{}");
    TRY(json_value_parse(text, ret_body, reterr));
    if (json_value_kind(*ret_body) == JSON_VALUE_MAP)
        return STATUS_OK;
    json_value_free(*ret_body);
    return diag_set(reterr, STATUS_INVALID, "expected an object");
}

static enum status unknown_key(const char *key, bool takes_label, struct diag *reterr)
{
    char name[JSON_FAULT_TEXT];
    json_fault_escape(span_of(key), JSON_FAULT_FOREIGN, name, sizeof(name));
    return diag_at_path(reterr, STATUS_INVALID, name, "unknown member; expected version%s",
                        takes_label ? ", label" : " or nothing");
}

static enum status check_keys(const struct json_value *body, bool takes_label, struct diag *reterr)
{
    for (size_t i = 0; i < json_value_size(body); i++) {
        const char *key = json_value_key_at(body, i);
        if (strcmp(key, "version") != 0 && !(takes_label && strcmp(key, "label") == 0))
            return unknown_key(key, takes_label, reterr);
    }
    return STATUS_OK;
}

// 42 or "42"; absent, or null where there may be none: 0.
static enum status read_version(const struct json_value *body, bool may_be_none,
                                uint64_t *ret_version, struct diag *reterr)
{
    const struct json_value *value = json_value_get(body, "version");
    *ret_version = 0;
    if (value == NULL)
        return STATUS_OK;
    if (may_be_none && json_value_kind(value) == JSON_VALUE_NULL)
        return STATUS_OK;
    if (json_value_kind(value) == JSON_VALUE_INT && json_value_int(value) > 0) {
        *ret_version = (uint64_t)json_value_int(value);
        return STATUS_OK;
    }
    if (json_value_kind(value) == JSON_VALUE_TEXT &&
        store_version_parse(json_value_text(value), ret_version))
        return STATUS_OK;
    return diag_at_path(reterr, STATUS_INVALID, "version", "expected a whole number above 0");
}

static enum status read_label(const struct json_value *body, char label[STORE_NAME_BYTES + 1],
                              struct diag *reterr)
{
    const struct json_value *value = json_value_get(body, "label");
    if (value == NULL || json_value_kind(value) != JSON_VALUE_TEXT ||
        !store_name_valid(json_value_text(value)))
        return diag_at_path(reterr, STATUS_INVALID, "label", "expected a name");
    struct span text = json_value_text(value);
    memcpy(label, text.data, text.size);
    label[text.size] = '\0';
    return lifecycle_label_valid(label)
               ? STATUS_OK
               : diag_at_path(reterr, STATUS_INVALID, "label",
                              "a label begins with no digit, and is not latest");
}

// What an admin body may say; label is "" where the route has none.
struct wish {
    uint64_t version;
    char label[STORE_NAME_BYTES + 1];
};

static enum status read_wish(const struct slot *slot, bool takes_label, struct wish *ret_wish,
                             struct diag *reterr)
{
    struct json_value *body;
    TRY(read_body(slot, &body, reterr));
    *ret_wish = (struct wish){.version = 0};
    enum status code = check_keys(body, takes_label, reterr);
    if (code == STATUS_OK)
        code = read_version(body, takes_label, &ret_wish->version, reterr);
    if (code == STATUS_OK && takes_label)
        code = read_label(body, ret_wish->label, reterr);
    if (code == STATUS_OK && takes_label && json_value_get(body, "version") == NULL)
        code = diag_at_path(reterr, STATUS_INVALID, "version",
                            "expected a whole number above 0, or null to take the label away");
    json_value_free(body);
    return code;
}

// Of a model file that is not valid, the operator is told what is wrong, without its path.
static void tell_why(struct buf *body, uint64_t version, const struct diag *why)
{
    char words[sizeof(why->words) + 32];
    snprintf(words, sizeof(words), "version %llu: %s", (unsigned long long)version, why->words);
    buf_clear(body);
    buf_text(body, "{\"error\":");
    json_text_string(body, span_of(version != 0 ? words : why->words));
    buf_char(body, '}');
}

static void answer(struct slot *slot, enum status code, uint64_t version, const struct diag *why)
{
    if (code != STATUS_OK) {
        slot_fail(&slot->reply, why, code);
        if (why != NULL && status_http(code) >= 500)
            tell_why(&slot->reply.body, version, why);
        return;
    }
    buf_clear(&slot->reply.body);
    slot->reply.code = STATUS_OK;
    buf_printf(&slot->reply.body, "{\"model\":\"%s\",\"version\":\"%llu\"}", slot->model,
               (unsigned long long)version);
}

// On whatever thread has finished the command; the connection sleeps and the slot waits for us.
static void done(void *context, enum status code, uint64_t version, const struct diag *why)
{
    struct slot *slot = context;
    answer(slot, code, version, why);
    atomic_store_explicit(&slot->state, SLOT_DONE, memory_order_release);
    slot->wake(slot);
    slot_release(slot);
}

// True: the slot is answered already, because the wish is none or nothing is loaded yet.
static bool refuse(const struct admin *admin, struct slot *slot, bool takes_label,
                   struct wish *ret_wish)
{
    struct diag diag;
    enum status code = read_wish(slot, takes_label, ret_wish, &diag);
    if (code == STATUS_OK && atomic_load_explicit(&admin->lifecycle, memory_order_acquire) == NULL)
        code = diag_set(&diag, STATUS_UNAVAILABLE, "models are being loaded");
    if (code != STATUS_OK)
        answer(slot, code, 0, &diag);
    return code != STATUS_OK;
}

bool admin_models(struct admin *admin, struct slot *slot)
{
    struct lifecycle *lifecycle = atomic_load_explicit(&admin->lifecycle, memory_order_acquire);
    if (lifecycle == NULL)
        answer(slot, STATUS_UNAVAILABLE, 0, NULL);
    else
        lifecycle_describe(lifecycle, &slot->reply.body);
    return true;
}

bool admin_load(struct admin *admin, struct slot *slot)
{
    struct wish wish;
    if (refuse(admin, slot, false, &wish))
        return true;
    lifecycle_load(admin->lifecycle, slot->model, wish.version, done, slot);
    return false;
}

bool admin_rollback(struct admin *admin, struct slot *slot)
{
    struct wish wish;
    if (refuse(admin, slot, false, &wish))
        return true;
    lifecycle_rollback(admin->lifecycle, slot->model, wish.version, done, slot);
    return false;
}

bool admin_label(struct admin *admin, struct slot *slot)
{
    struct wish wish;
    if (refuse(admin, slot, true, &wish))
        return true;
    lifecycle_label(admin->lifecycle, slot->model, wish.label, wish.version, done, slot);
    return false;
}
