// server/serve: a deadline that passes while the candidates are scored ends the scoring, and
// nothing of it is answered.
#include "base/tick.h"
#include "server/serve.h"
#include "server/server_metrics.h"
#include "tests/support/check.h"
#include "tests/support/model_case.h"

#include <stdio.h>
#include <string.h>

enum { CANDIDATES = 500, WIDTH = 1024 };

static const struct serve_limits limits = {.max_body_bytes = 1 << 20,
                                           .rank = {.max_candidates = CANDIDATES}};

struct fixture {
    struct scratch scratch;
    struct model_case models;
    struct server_metrics metrics;
    struct serve serve;
    struct buf body, reply;
    size_t body_size;
};

static void write_body(struct fixture *fixture)
{
    buf_init(&fixture->body, 1 << 20);
    buf_text(&fixture->body, "{\"candidates\":[");
    for (int i = 0; i < CANDIDATES; i++)
        buf_printf(&fixture->body, "%s{\"id\":\"%d\",\"features\":{\"f\":[1]}}", i > 0 ? "," : "",
                   i);
    buf_text(&fixture->body, "]}");
    fixture->body_size = fixture->body.size;
    for (size_t i = 0; i < JSON_READ_PADDING; i++)
        buf_char(&fixture->body, '\0');
    assert_int_equal(buf_status(&fixture->body), STATUS_OK);
}

// Scoring takes hundreds of times as long as reading.
static int set_up(void **state)
{
    static struct fixture fixture;
    static const size_t hidden[] = {WIDTH, WIDTH, WIDTH};
    static const struct make_checkpoint spec = {.role = CHECKPOINT_STUDENT,
                                                .features = "f:item:1",
                                                .hidden = hidden,
                                                .hidden_count = 3,
                                                .seed = 1};
    struct diag diag = {0};
    scratch_make(&fixture.scratch);
    assert_int_equal(model_case_make(&fixture.models, &fixture.scratch, &spec, 1, &diag),
                     STATUS_OK);
    assert_int_equal(server_metrics_init(&fixture.metrics, 1), STATUS_OK);
    assert_int_equal(serve_init(&fixture.serve, &limits, fixture.models.registry, 0,
                                metric_shard(fixture.metrics.set, 0)),
                     STATUS_OK);
    buf_init(&fixture.reply, serve_max_reply_bytes(&limits));
    write_body(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    serve_fini(&fixture->serve);
    server_metrics_fini(&fixture->metrics);
    model_case_close(&fixture->models);
    buf_fini(&fixture->body);
    buf_fini(&fixture->reply);
    scratch_remove(&fixture->scratch);
    return 0;
}

static enum status ask(struct fixture *fixture, uint64_t timeout_ns, struct serve_facts *facts)
{
    uint64_t now_ns = tick_ns();
    struct serve_call call = {.body = fixture->body.data,
                              .size = fixture->body_size,
                              .arrival_ns = now_ns,
                              .deadline_ns = now_ns + timeout_ns,
                              .facts = facts};
    buf_clear(&fixture->reply);
    return serve_rank(&fixture->serve, &call, &fixture->reply);
}

// Deadlines from far too short to long enough: some of them must pass between two tiles.
static void test_a_deadline_passes_while_scoring(void **state)
{
    struct fixture *fixture = *state;
    const struct metric_set *set = fixture->metrics.set;
    enum status code = STATUS_DEADLINE;
    unsigned while_scoring = 0;
    for (uint64_t timeout_ns = 1000; code != STATUS_OK; timeout_ns += timeout_ns / 2) {
        assert_true(metric_sum(set, SERVER_METRICS_CANDIDATES, 0) == 0);
        struct serve_facts facts = {.version = 0};
        code = ask(fixture, timeout_ns, &facts);
        assert_true(facts.late == (code == STATUS_DEADLINE));
        while_scoring += facts.late && facts.shed == SERVER_METRICS_DEADLINE_COMPUTE;
        assert_true(code == STATUS_OK || code == STATUS_DEADLINE);
        if (code == STATUS_DEADLINE)
            assert_true(
                span_is(buf_view(&fixture->reply), "{\"error\":\"the deadline has passed\"}"));
    }
    assert_true(while_scoring > 0);
    assert_true(metric_sum(set, SERVER_METRICS_CANDIDATES, 0) == CANDIDATES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_deadline_passes_while_scoring, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
