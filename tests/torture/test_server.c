// The start of a server and a request while memory runs out: every allocation fails once, and from
// each on for good. The start is refused for want of memory and leaves nothing behind (the
// sanitizer counts); a request is answered whole or its buffer says that it is not.
#include "base/file.h"
#include "base/tick.h"
#include "server/conns.h"
#include "server/expiry.h"
#include "server/server_metrics.h"
#include "server/slot.h"
#include "server/worker.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/model_case.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <string.h>

enum { MAX_BODY = 4096, READERS = 5 };

static const struct serve_limits limits = {.max_body_bytes = MAX_BODY,
                                           .rank = {.max_candidates = 20}};
static const char body[] = "{\"id\":\"r\\u0031\",\"candidates\":["
                           "{\"id\":\"a\",\"bid\":1,\"features\":{\"f\":[1,2]}},"
                           "{\"id\":\"b\\u0062\",\"bid\":2,\"features\":{\"f\":[3,4]}}]}";

struct bench {
    struct scratch scratch;
    char folder[128];
    const struct kernels *kernels;
};

// What the parts of a daemon need, as far as it was made.
struct parts {
    struct model_case models;
    struct server_metrics metrics;
    struct admit admit;
    struct conns *conns;
    struct live live;
    struct worker_parts worker;
    struct slot_pool *slots;
    struct expiry *expiry;
    struct worker_crew *crew;
};

static enum status start(struct parts *parts, const struct bench *bench)
{
    static const struct slot_limits slots = {.max_body_bytes = MAX_BODY,
                                             .max_reply_bytes = MAX_BODY};
    static const struct conns_limits conns = {.max_connections = 3};
    struct diag diag = {0};
    TRY(model_case_open(&parts->models, bench->folder, "", READERS, &diag));
    TRY(conns_start(&conns, &parts->conns, &diag));
    admit_init(&parts->admit, 1 << 20, 2);
    TRY(server_metrics_init(&parts->metrics, READERS));
    parts->worker = (struct worker_parts){
        .queue = queue_new(4),
        .admit = &parts->admit,
        .registry = parts->models.registry,
        .metrics = &parts->metrics,
        .live = &parts->live,
        .limits = limits,
    };
    parts->slots = slot_pool_new(3, &slots);
    if (parts->worker.queue == NULL || parts->slots == NULL)
        return STATUS_NO_MEMORY;
    const struct expiry_parts expiry = {.slots = 3,
                                        .registry = parts->models.registry,
                                        .metrics = &parts->metrics,
                                        .thread = READERS - EXPIRY_THREADS,
                                        .limits = limits,
                                        .admit = &parts->admit,
                                        .live = &parts->live};
    TRY(expiry_start(&expiry, &parts->expiry, &diag));
    return worker_start(&parts->worker, 2, &parts->crew, &diag);
}

// All that daemon.c makes before it listens, and its end.
static enum status start_and_stop(const struct bench *bench)
{
    struct parts parts = {.crew = NULL};
    enum status code = start(&parts, bench);
    if (parts.worker.queue != NULL)
        queue_close(parts.worker.queue);
    worker_stop(parts.crew);
    expiry_stop(parts.expiry);
    expiry_free(parts.expiry);
    conns_stop(parts.conns);
    slot_pool_free(parts.slots);
    queue_free(parts.worker.queue);
    server_metrics_fini(&parts.metrics);
    if (parts.models.registry != NULL)
        model_case_close(&parts.models);
    return code;
}

static void test_the_start(void **state)
{
    const struct bench *bench = *state;
    for (enum failmalloc_mode mode = FAILMALLOC_ONCE; mode <= FAILMALLOC_SINCE; mode++) {
        unsigned long nth = 0;
        for (bool failed = true; failed;) {
            failmalloc_arm(++nth, mode);
            enum status code = start_and_stop(bench);
            failed = failmalloc_disarm();
            assert_true(nth < 10000);
            if (code != (failed ? STATUS_NO_MEMORY : STATUS_OK))
                fail_msg("allocation %lu failing gave %s", nth, status_label(code));
        }
        assert_true(nth > 20);
    }
}

static void note(void *context, enum status code, uint64_t version, const struct diag *why)
{
    (void)version, (void)why;
    *(enum status *)context = code;
}

static enum status label_without_memory(struct model_case *models, const char *name,
                                        unsigned long nth)
{
    enum status code = STATUS_OK;
    failmalloc_arm(nth, FAILMALLOC_ONCE);
    lifecycle_label(models->lifecycle, "demo", name, 1, note, &code);
    assert_int_equal(failmalloc_disarm(), nth == 1);
    return code;
}

// What could not be published is not there either when something else is.
static void test_a_label(void **state)
{
    const struct bench *bench = *state;
    struct model_case models;
    assert_int_equal(model_case_open(&models, bench->folder, "", 1, NULL), STATUS_OK);
    // There is one allocation, the view.
    assert_int_equal(label_without_memory(&models, "blue", 1), STATUS_NO_MEMORY);
    assert_int_equal(label_without_memory(&models, "green", 1000), STATUS_OK);
    const struct registry_view *view = registry_pin(models.registry, 0);
    assert_int_equal(view->models[0].label_count, 1);
    assert_string_equal(view->models[0].labels[0].name, "green");
    registry_unpin(models.registry, 0);
    model_case_close(&models);
}

// One request as connection and worker see it, in buffers that are new and must grow.
static enum status one_request(struct serve *serve, struct slot_pool *slots, bool *ret_whole)
{
    struct slot *slot = slot_take(slots);
    for (size_t i = 0; i < strlen(body); i += 7)
        buf_append(&slot->body, body + i, strlen(body) - i < 7 ? strlen(body) - i : 7);
    enum status code = slot_seal(slot);
    if (code == STATUS_OK) {
        struct serve_call call = {.body = slot->body.data,
                                  .size = slot->body_size,
                                  .arrival_ns = tick_ns(),
                                  .facts = &slot->reply.facts};
        assert_int_equal(slot->body_size, strlen(body));
        code = serve_rank(serve, &call, &slot->reply.body);
    }
    struct span reply = buf_view(&slot->reply.body);
    *ret_whole = buf_status(&slot->reply.body) == STATUS_OK && reply.size > 0 &&
                 reply.data[0] == '{' && reply.data[reply.size - 1] == '}';
    slot_release(slot);
    return code;
}

static void test_a_request(void **state)
{
    const struct bench *bench = *state;
    struct model_case models;
    struct server_metrics metrics;
    struct serve serve;
    const struct slot_limits sizes = {.max_body_bytes = MAX_BODY,
                                      .max_reply_bytes = serve_max_reply_bytes(&limits)};
    assert_int_equal(model_case_open(&models, bench->folder, "", 1, NULL), STATUS_OK);
    assert_int_equal(server_metrics_init(&metrics, 1), STATUS_OK);
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct slot_pool *slots = slot_pool_new(1, &sizes);
        assert_non_null(slots);
        bool whole = false;
        assert_int_equal(
            serve_init(&serve, &limits, models.registry, 0, metric_shard(metrics.set, 0)),
            STATUS_OK); // its arena is made by the first request
        failmalloc_arm(++nth, FAILMALLOC_SINCE);
        enum status code = one_request(&serve, slots, &whole);
        failed = failmalloc_disarm();
        assert_true(nth < 1000);
        // Of an arena that is emulated the client hears that its request is too large.
        if (failed)
            assert_true(code == STATUS_NO_MEMORY || code == STATUS_TOO_LARGE);
        else
            assert_true(code == STATUS_OK && whole);
        // The same slot serves the next request.
        assert_int_equal(one_request(&serve, slots, &whole), STATUS_OK);
        assert_true(whole);
        slot_pool_free(slots);
        serve_fini(&serve);
    }
    assert_true(nth > 3); // body, arena and reply
    server_metrics_fini(&metrics);
    model_case_close(&models);
}

static int set_up(void **state)
{
    static struct bench bench;
    static const size_t hidden[] = {4};
    static const struct make_checkpoint spec = {.role = CHECKPOINT_STUDENT,
                                                .features = "f:item:2",
                                                .hidden = hidden,
                                                .hidden_count = 1,
                                                .seed = 5};
    char version[160], file[192];
    scratch_make(&bench.scratch);
    scratch_path(&bench.scratch, "demo", bench.folder);
    snprintf(version, sizeof(version), "%s/1", bench.folder);
    snprintf(file, sizeof(file), "%s/student.safetensors", version);
    *state = &bench;
    return file_make_folder(version, NULL) != STATUS_OK ||
           make_checkpoint_file(file, &spec, NULL) != STATUS_OK ||
           kernels_choose("auto", &bench.kernels, NULL) != STATUS_OK;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    scratch_remove(&bench->scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_start),
        cmocka_unit_test(test_a_label),
        cmocka_unit_test(test_a_request),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
