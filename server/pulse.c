#include "server/pulse.h"

#include "base/log.h"
#include "base/tick.h"
#include "server/server_metrics.h"

void pulse_init(struct pulse *pulse, struct registry *registry, unsigned reader,
                struct metric_shard *shard)
{
    *pulse = (struct pulse){.registry = registry, .reader = reader, .shard = shard};
    atomic_init(&pulse->state, PULSE_NO_MODEL);
}

void pulse_fini(struct pulse *pulse)
{
    arena_fini(&pulse->arena);
}

// Without memory for it, nothing is known: it is no fault of the model.
static bool probe(struct pulse *pulse, const struct registry_model *model)
{
    struct diag diag = {0};
    const struct scorer *scorer = &model->current->scorer;
    size_t bytes;
    if (!scorer_bytes(scorer, 1, &bytes) || arena_fit(&pulse->arena, bytes) != STATUS_OK)
        return true;
    bool passed = scorer_probe(scorer, &pulse->arena, &diag) != STATUS_CORRUPT;
    metric_add(pulse->shard, SERVER_METRICS_GOLDEN,
               passed ? SERVER_METRICS_GOLDEN_OK : SERVER_METRICS_GOLDEN_FAILED, 1);
    if (!passed)
        LOG_EACH(LOG_ERROR, "a model scores otherwise than when it was loaded",
                 LOG_S("model", model->name), LOG_I("version", model->current->number),
                 LOG_S("why", diag.words));
    return passed;
}

// Each that fails is told of, as long as it does.
static enum pulse_state look(struct pulse *pulse, const struct registry_view *view)
{
    size_t serving = 0, failed = 0;
    for (size_t i = 0; i < view->count; i++) {
        if (view->models[i].current == NULL)
            continue; // is loaded for the first time
        serving++;
        failed += !probe(pulse, &view->models[i]);
    }
    return serving == 0 ? PULSE_NO_MODEL : failed > 0 ? PULSE_FAILED : PULSE_GOOD;
}

void pulse_beat(struct pulse *pulse)
{
    const struct registry_view *view = registry_pin(pulse->registry, pulse->reader);
    enum pulse_state state = look(pulse, view);
    registry_unpin(pulse->registry, pulse->reader);
    int before = atomic_exchange_explicit(&pulse->state, state, memory_order_relaxed);
    if (before == PULSE_FAILED && state == PULSE_GOOD)
        LOG_EACH(LOG_INFO, "every model scores as its file says again", LOG_S("state", "good"));
    atomic_store_explicit(&pulse->beaten_ns, tick_ns(), memory_order_release);
}

enum pulse_state pulse_state(const struct pulse *pulse)
{
    uint64_t beaten_ns = atomic_load_explicit(&pulse->beaten_ns, memory_order_acquire);
    if (tick_ns() - beaten_ns > (uint64_t)PULSE_RECENT_MS * 1000000)
        return PULSE_OLD;
    return (enum pulse_state)atomic_load_explicit(&pulse->state, memory_order_relaxed);
}

const char *pulse_words(enum pulse_state state)
{
    static const char *const words[] = {
        [PULSE_GOOD] = "ok",
        [PULSE_NO_MODEL] = "no model serves",
        [PULSE_FAILED] = "a model scores otherwise than when it was loaded",
        [PULSE_OLD] = "nobody has proven the models for a minute",
    };
    return words[state];
}
