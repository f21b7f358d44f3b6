#include "server/observe.h"

#include "base/num.h"
#include "base/version.h"
#include "proto/rank.h"
#include "server/exposition.h"
#include "server/schema_json.h"

#include <string.h>

void observe_argument(struct observe_call *call, const char *name, const char *value)
{
    if (call->count < OBSERVE_ARGUMENTS) {
        call->arguments[call->count].name = name;
        call->arguments[call->count].value = value != NULL ? value : "";
    }
    call->count++;
}

// The value of an argument; NULL if it was not sent.
static const char *argument(const struct observe_call *call, const char *name)
{
    for (size_t i = 0; i < call->count && i < OBSERVE_ARGUMENTS; i++)
        if (strcmp(call->arguments[i].name, name) == 0)
            return call->arguments[i].value;
    return NULL;
}

static bool excluded(const struct observe_call *call, const char *check)
{
    for (size_t i = 0; i < call->count && i < OBSERVE_ARGUMENTS; i++)
        if (strcmp(call->arguments[i].name, "exclude") == 0 &&
            strcmp(call->arguments[i].value, check) == 0)
            return true;
    return false;
}

struct check {
    const char *name;
    bool passed;
    const char *why; // if it has not
};

// {"ready":false,"error":"draining","checks":{"models":"ok","drain":"draining"}}
static enum status tell(const char *what, const struct check *checks, size_t count,
                        const struct observe_call *call, struct buf *out)
{
    const char *why = NULL;
    for (size_t i = 0; i < count; i++)
        if (!checks[i].passed && why == NULL && !excluded(call, checks[i].name))
            why = checks[i].why;
    buf_printf(out, "{\"%s\":%s", what, why == NULL ? "true" : "false");
    if (why != NULL)
        buf_printf(out, ",\"error\":\"%s\"", why);
    if (argument(call, "verbose") != NULL) {
        buf_text(out, ",\"checks\":{");
        for (size_t i = 0; i < count; i++)
            buf_printf(out, "%s\"%s\":\"%s\"", i == 0 ? "" : ",", checks[i].name,
                       excluded(call, checks[i].name) ? "excluded"
                       : checks[i].passed             ? "ok"
                                                      : checks[i].why);
        buf_char(out, '}');
    }
    buf_text(out, "}\n");
    return why == NULL ? STATUS_OK : STATUS_UNAVAILABLE;
}

static struct check check_started(const struct observe *observe)
{
    bool started = atomic_load_explicit(&observe->started, memory_order_acquire);
    return (struct check){"models", started, "loading models"};
}

static struct check check_drain(const struct observe *observe)
{
    bool draining = atomic_load_explicit(&observe->draining, memory_order_acquire);
    return (struct check){"drain", !draining, "draining"};
}

static struct check check_golden(const struct observe *observe)
{
    enum pulse_state state = pulse_state(observe->pulse);
    return (struct check){"golden", state == PULSE_GOOD, pulse_words(state)};
}

enum status observe_livez(struct observe *observe, const struct observe_call *call, struct buf *out)
{
    (void)observe;
    const struct check checks[] = {{"process", true, ""}};
    return tell("live", checks, 1, call, out);
}

enum status observe_readyz(struct observe *observe, const struct observe_call *call,
                           struct buf *out)
{
    const struct check checks[] = {check_drain(observe), check_started(observe),
                                   check_golden(observe)};
    return tell("ready", checks, 3, call, out);
}

enum status observe_startupz(struct observe *observe, const struct observe_call *call,
                             struct buf *out)
{
    const struct check checks[] = {check_started(observe)};
    return tell("started", checks, 1, call, out);
}

enum status observe_healthz(struct observe *observe, const struct observe_call *call,
                            struct buf *out)
{
    const struct check checks[] = {
        {"process", true, ""}, check_drain(observe), check_started(observe), check_golden(observe)};
    return tell("healthy", checks, 4, call, out);
}

enum status observe_metrics(struct observe *observe, const struct observe_call *call,
                            struct buf *out)
{
    exposition_write(observe, call->reader, call->openmetrics, out);
    return STATUS_OK;
}

// Names, versions and digests are of closed alphabets: nothing in them needs escaping.
enum status observe_version(struct observe *observe, const struct observe_call *call,
                            struct buf *out)
{
    buf_printf(out,
               "{\"name\":\"ctrd\",\"version\":\"%s\",\"commit\":\"%s\",\"kernels\":\"%s\","
               "\"models\":[",
               version_string(), version_commit(), observe->kernels);
    const struct registry_view *view = registry_pin(observe->registry, call->reader);
    bool first = true;
    for (size_t i = 0; i < view->count; i++) {
        const struct registry_model *model = &view->models[i];
        for (size_t k = 0; k < model->count; k++, first = false)
            buf_printf(out, "%s{\"name\":\"%s\",\"version\":\"%llu\",\"sha256_12\":\"%s\"}",
                       first ? "" : ",", model->name,
                       (unsigned long long)model->versions[k]->number,
                       model->versions[k]->sha256_12);
    }
    registry_unpin(observe->registry, call->reader);
    buf_text(out, "]}\n");
    return STATUS_OK;
}

enum status observe_openapi(struct observe *observe, const struct observe_call *call,
                            struct buf *out)
{
    (void)call;
    buf_span(out, observe->openapi);
    return STATUS_OK;
}

static struct span argument_span(const struct observe_call *call, const char *name)
{
    const char *value = argument(call, name);
    return value == NULL || *value == '\0' ? (struct span){NULL, 0} : span_of(value);
}

// ?version= is a number or a label, as in a rank body.
static enum status write_schema(const struct observe *observe, const struct observe_call *call,
                                const struct registry_view *view, struct buf *out,
                                struct diag *reterr)
{
    struct span text = argument_span(call, "version"), label = {NULL, 0};
    uint64_t number = 0;
    if (text.data != NULL && !(text.data[0] >= '0' && text.data[0] <= '9'))
        label = text;
    else if (text.data != NULL && (num_parse_u64(text, &number) != STATUS_OK || number == 0))
        return diag_at_path(reterr, STATUS_INVALID, "version",
                            "expected a whole number above 0, or a label");
    const struct registry_model *model;
    const struct registry_version *version;
    TRY(registry_choose(view, argument_span(call, "model"), number, label, &model, &version,
                        reterr));
    return schema_json_write(&version->scorer.checkpoint, observe->max_candidates, model->name,
                             version->number, out);
}

enum status observe_schema(struct observe *observe, const struct observe_call *call,
                           struct buf *out)
{
    struct diag diag;
    diag_set(&diag, STATUS_OK, "%s", "");
    const struct registry_view *view = registry_pin(observe->registry, call->reader);
    enum status code = write_schema(observe, call, view, out, &diag);
    registry_unpin(observe->registry, call->reader);
    if (code != STATUS_OK) {
        buf_clear(out);
        rank_encode_error(&diag, code, out);
    }
    return code;
}
