// server/pulse: what serves is proven again and again, and readiness asks for it.
#include "server/pulse.h"

#include "base/file.h"
#include "base/tick.h"
#include "server/observe.h"
#include "server/server_metrics.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"a", "b"};
enum { MODELS = 2 };

struct bench {
    struct scratch scratch;
    char folder[128];
    struct registry *registry;
    struct registry_version *versions[MODELS];
    struct server_metrics metrics;
    struct pulse pulse;
    struct observe observe;
};

static void publish(struct bench *bench, size_t count, struct registry_version *const *versions)
{
    struct registry_view *view = registry_view_new(count);
    assert_non_null(view);
    for (size_t i = 0; i < count; i++) {
        struct registry_model *model = &view->models[i];
        snprintf(model->name, sizeof(model->name), "%s", names[i]);
        model->current = versions[i];
        model->versions[0] = versions[i];
        model->count = versions[i] != NULL;
    }
    registry_publish(bench->registry, view);
    (void)registry_reclaim(bench->registry);
}

// Changes the first input of a golden row, as bad memory would; changes it back.
static void flip(struct registry_version *version)
{
    union row_cell *cell =
        (union row_cell *)(uintptr_t)version->scorer.checkpoint.golden_row; // ours, for once
    cell->id ^= 1U << 31;                                                   // the sign
}

static uint64_t probes(struct bench *bench, const char *result)
{
    char wanted[96];
    struct buf text;
    buf_init(&text, 1 << 20);
    const struct metric_part part = {bench->metrics.set, ""};
    metric_expose(&part, 1, false, &text);
    buf_char(&text, '\0');
    assert_int_equal(buf_status(&text), STATUS_OK);
    snprintf(wanted, sizeof(wanted), "\nctrd_golden_probe_total{result=\"%s\"} ", result);
    const char *line = strstr(text.data, wanted);
    assert_non_null(line);
    unsigned long count = strtoul(line + strlen(wanted), NULL, 10);
    buf_fini(&text);
    return count;
}

static enum pulse_state after_beat(struct bench *bench)
{
    pulse_beat(&bench->pulse);
    return pulse_state(&bench->pulse);
}

static void test_what_serves_is_proven(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(after_beat(bench), PULSE_NO_MODEL);
    publish(bench, MODELS, bench->versions);
    assert_int_equal(pulse_state(&bench->pulse), PULSE_NO_MODEL); // nobody has looked
    assert_int_equal(after_beat(bench), PULSE_GOOD);
    size_t passed = MODELS;
    assert_int_equal(probes(bench, "ok"), passed);
    assert_int_equal(probes(bench, "failed"), 0);
    for (size_t i = 0; i < MODELS; i++) {
        flip(bench->versions[i]);
        assert_int_equal(after_beat(bench), PULSE_FAILED);
        assert_int_equal(probes(bench, "failed"), i + 1);
        passed += MODELS - 1; // the rest is proven all the same
        assert_int_equal(probes(bench, "ok"), passed);
        flip(bench->versions[i]);
        assert_int_equal(after_beat(bench), PULSE_GOOD);
        passed += MODELS;
    }
}

static void test_a_model_on_its_way_is_no_fault(void **state)
{
    struct bench *bench = *state;
    struct registry_version *coming[MODELS] = {bench->versions[0], NULL};
    publish(bench, MODELS, coming);
    assert_int_equal(after_beat(bench), PULSE_GOOD);
    flip(bench->versions[0]);
    assert_int_equal(after_beat(bench), PULSE_FAILED);
    publish(bench, 1, &bench->versions[1]); // another serves now
    assert_int_equal(after_beat(bench), PULSE_GOOD);
    flip(bench->versions[0]);
    coming[0] = NULL;
    publish(bench, MODELS, coming);
    assert_int_equal(after_beat(bench), PULSE_NO_MODEL);
}

static void test_an_old_proof_is_none(void **state)
{
    struct bench *bench = *state;
    publish(bench, MODELS, bench->versions);
    assert_int_equal(after_beat(bench), PULSE_GOOD);
    uint64_t second_ns = 1000000000, recent_ns = (uint64_t)PULSE_RECENT_MS * 1000000;
    atomic_store(&bench->pulse.beaten_ns, tick_ns() - recent_ns + second_ns * 10);
    assert_int_equal(pulse_state(&bench->pulse), PULSE_GOOD);
    atomic_store(&bench->pulse.beaten_ns, tick_ns() - recent_ns - 1);
    assert_int_equal(pulse_state(&bench->pulse), PULSE_OLD);
    assert_int_equal(after_beat(bench), PULSE_GOOD);
}

static void asked(struct bench *bench, const char *without, enum status wanted, const char *body)
{
    struct buf text;
    buf_init(&text, 4096);
    struct observe_call call = {.count = 0};
    observe_argument(&call, "verbose", "");
    observe_argument(&call, "exclude", without);
    assert_int_equal(observe_readyz(&bench->observe, &call, &text), wanted);
    buf_char(&text, '\0');
    assert_string_equal(text.data, body);
    buf_fini(&text);
}

static void test_readiness_asks_for_it(void **state)
{
    struct bench *bench = *state;
    publish(bench, MODELS, bench->versions);
    pulse_beat(&bench->pulse);
    asked(bench, "none", STATUS_OK,
          "{\"ready\":true,\"checks\":{\"drain\":\"ok\",\"models\":\"ok\",\"golden\":\"ok\"}}\n");
    flip(bench->versions[1]);
    pulse_beat(&bench->pulse);
    asked(bench, "none", STATUS_UNAVAILABLE,
          "{\"ready\":false,\"error\":\"a model scores otherwise than when it was loaded\","
          "\"checks\":{\"drain\":\"ok\",\"models\":\"ok\","
          "\"golden\":\"a model scores otherwise than when it was loaded\"}}\n");
    asked(bench, "golden", STATUS_OK,
          "{\"ready\":true,\"checks\":{\"drain\":\"ok\",\"models\":\"ok\",\"golden\":\"excluded\"}}"
          "\n");
    asked(bench, "models", STATUS_UNAVAILABLE,
          "{\"ready\":false,\"error\":\"a model scores otherwise than when it was loaded\","
          "\"checks\":{\"drain\":\"ok\",\"models\":\"excluded\","
          "\"golden\":\"a model scores otherwise than when it was loaded\"}}\n");
    flip(bench->versions[1]);
    pulse_beat(&bench->pulse);
    atomic_store(&bench->observe.draining, true);
    asked(bench, "none", STATUS_UNAVAILABLE,
          "{\"ready\":false,\"error\":\"draining\",\"checks\":{\"drain\":\"draining\","
          "\"models\":\"ok\",\"golden\":\"ok\"}}\n");
    atomic_store(&bench->observe.draining, false);
}

static int set_up(void **state)
{
    static struct bench bench;
    static const size_t hidden[] = {4, 64};
    const struct kernels *kernels;
    struct make_checkpoint spec = {
        .role = CHECKPOINT_STUDENT, .features = "f:item:2", .hidden = hidden};
    scratch_make(&bench.scratch);
    scratch_path(&bench.scratch, "demo", bench.folder);
    bench.registry = registry_new(1);
    if (bench.registry == NULL || kernels_choose("auto", &kernels, NULL) != STATUS_OK ||
        server_metrics_init(&bench.metrics, 1) != STATUS_OK)
        return -1;
    for (size_t i = 0; i < MODELS; i++) { // the second needs more memory
        char version[160], file[192];
        spec.hidden_count = i + 1;
        snprintf(version, sizeof(version), "%s/%zu", bench.folder, i + 1);
        snprintf(file, sizeof(file), "%s/student.safetensors", version);
        if (file_make_folder(version, NULL) != STATUS_OK ||
            make_checkpoint_file(file, &spec, NULL) != STATUS_OK ||
            registry_version_load(bench.folder, i + 1, kernels, 1, &bench.versions[i], NULL) !=
                STATUS_OK)
            return -1;
    }
    pulse_init(&bench.pulse, bench.registry, 0, metric_shard(bench.metrics.set, 0));
    bench.observe.pulse = &bench.pulse;
    atomic_store(&bench.observe.started, true);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    pulse_fini(&bench->pulse);
    for (size_t i = 0; i < MODELS; i++)
        registry_version_release(bench->registry, bench->versions[i]);
    (void)registry_reclaim(bench->registry);
    registry_free(bench->registry);
    server_metrics_fini(&bench->metrics);
    scratch_remove(&bench->scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_serves_is_proven),
        cmocka_unit_test(test_a_model_on_its_way_is_no_fault),
        cmocka_unit_test(test_an_old_proof_is_none),
        cmocka_unit_test(test_readiness_asks_for_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
