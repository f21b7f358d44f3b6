// server/serve without HTTP: a body in, a reply out.
//
// Oracle of the scores: the network computed here in double, straight from the tensors of the file
// with libm; of order, eCPM and price: the formulas of spec/wire.md 5, computed here from the bids.
#include "base/tick.h"
#include "model/store.h"
#include "proto/json_value.h"
#include "server/serve.h"
#include "server/server_metrics.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/model_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { HIDDEN = 2, MAX_WIDTH = 32 };

struct bench {
    char folder[64], version[96], file[160];
    struct model_case models;
    struct server_metrics metrics;
    struct serve serve;
    struct serve_facts facts; // of the last call
    struct buf reply;
};

static const struct serve_limits limits = {.max_body_bytes = 1 << 20,
                                           .rank = {.max_candidates = 50}};

static int set_up(void **state)
{
    static const size_t hidden[HIDDEN] = {24, 8};
    static const struct make_checkpoint spec = {
        .role = CHECKPOINT_STUDENT,
        .features = "hour:context:1,f:item:3:log1p,g:item:1:default",
        .hidden = hidden,
        .hidden_count = HIDDEN,
        .seed = 11,
    };
    struct bench *bench = calloc(1, sizeof(*bench));
    struct diag diag = {0};
    snprintf(bench->folder, sizeof(bench->folder), "/tmp/test_serve.XXXXXX");
    if (mkdtemp(bench->folder) == NULL)
        return -1;
    snprintf(bench->version, sizeof(bench->version), "%s/42", bench->folder);
    snprintf(bench->file, sizeof(bench->file), "%s/student.safetensors", bench->version);
    assert_int_equal(file_make_folder(bench->version, &diag), STATUS_OK);
    assert_int_equal(make_checkpoint_file(bench->file, &spec, &diag), STATUS_OK);
    assert_int_equal(model_case_open(&bench->models, bench->folder, "demo", 1, &diag), STATUS_OK);
    assert_int_equal(server_metrics_init(&bench->metrics, 1), STATUS_OK);
    assert_int_equal(serve_init(&bench->serve, &limits, bench->models.registry, 0,
                                metric_shard(bench->metrics.set, 0)),
                     STATUS_OK);
    buf_init(&bench->reply, serve_max_reply_bytes(&limits));
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    serve_fini(&bench->serve);
    server_metrics_fini(&bench->metrics);
    model_case_close(&bench->models);
    buf_fini(&bench->reply);
    unlink(bench->file);
    rmdir(bench->version);
    rmdir(bench->folder);
    free(bench);
    return 0;
}

static enum status ask_at(struct bench *bench, const char *body, uint64_t arrival_ns,
                          uint64_t deadline_ns)
{
    char padded[16384] = {0};
    assert_true(strlen(body) + JSON_READ_PADDING < sizeof(padded));
    memcpy(padded, body, strlen(body));
    struct serve_call call = {
        .body = padded,
        .size = strlen(body),
        .arrival_ns = arrival_ns,
        .deadline_ns = deadline_ns,
        .facts = &bench->facts,
    };
    bench->facts = (struct serve_facts){.version = 0};
    buf_clear(&bench->reply);
    return serve_rank(&bench->serve, &call, &bench->reply);
}

static enum status ask(struct bench *bench, const char *body)
{
    return ask_at(bench, body, tick_ns(), 0);
}

static struct json_value *reply_of(struct bench *bench)
{
    struct json_value *root;
    struct diag diag = {0};
    assert_int_equal(json_value_parse(buf_view(&bench->reply), &root, &diag), STATUS_OK);
    return root;
}

// The network by its definition, columns (hour, f0, f1, f2, g), f through sign(x) log(1 + |x|).
static double probability(const struct bench *bench, double hour, const double f[3], double g)
{
    const struct registry_view *view = registry_pin(bench->models.registry, 0);
    const struct checkpoint *checkpoint = &view->models[0].current->scorer.checkpoint;
    registry_unpin(bench->models.registry, 0); // nobody replaces it
    double x[MAX_WIDTH] = {hour};
    for (size_t i = 0; i < 3; i++)
        x[1 + i] = copysign(log1p(fabs(f[i])), f[i]);
    x[4] = g;
    for (size_t k = 0; k < checkpoint->layer_count; k++) {
        const struct checkpoint_layer *layer = &checkpoint->layers[k];
        double y[MAX_WIDTH];
        for (size_t j = 0; j < layer->out; j++) {
            y[j] = (double)layer->bias[j];
            for (size_t i = 0; i < layer->in; i++)
                y[j] += (double)layer->weight[j * layer->in + i] * x[i];
            if (k + 1 < checkpoint->layer_count && y[j] < 0)
                y[j] = 0;
        }
        memcpy(x, y, sizeof(x));
    }
    return 1 / (1 + exp(-x[0]));
}

static double number(const struct json_value *map, const char *key)
{
    const struct json_value *value = json_value_get(map, key);
    assert_non_null(value);
    return json_value_number(value);
}

static const char three[] =
    "{\"id\":\"r-1\",\"model\":\"demo\",\"context\":{\"hour\":0.5},\"candidates\":["
    "{\"id\":\"a\",\"bid\":1.5,\"features\":{\"f\":[1,-2,0.25],\"g\":0.5}},"
    "{\"id\":\"b\",\"bid\":4,\"features\":{\"g\":-1,\"f\":[3,0,-0.5]}},"
    "{\"id\":\"c\",\"bid\":0.5,\"features\":{\"f\":[-1,7,2]}}]}";
static const double three_f[3][3] = {{1, -2, 0.25}, {3, 0, -0.5}, {-1, 7, 2}};
static const double three_bid[3] = {1.5, 4, 0.5};

static void test_scores_order_and_prices(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(ask(bench, three), STATUS_OK);
    const double g[3] = {0.5, -1, 0}; // the default of a feature that is not sent
    double score[3];
    for (size_t i = 0; i < 3; i++)
        score[i] = probability(bench, 0.5, three_f[i], g[i]) * three_bid[i];
    struct json_value *root = reply_of(bench);
    assert_true(span_is(json_value_text(json_value_get(root, "version")), "42"));
    const struct json_value *ranked = json_value_get(root, "ranked");
    assert_int_equal(json_value_size(ranked), 3);
    double before = INFINITY;
    for (size_t r = 0; r < 3; r++) {
        const struct json_value *place = json_value_at(ranked, r);
        struct span id = json_value_text(json_value_get(place, "id"));
        size_t ad = (size_t)(id.data[0] - 'a');
        double pctr = number(place, "pctr");
        assert_true(fabs(pctr - score[ad] / three_bid[ad]) < 1e-5);
        assert_true(score[ad] < before);
        before = score[ad];
        // As double arithmetic on the float that was answered, to the last bit.
        assert_true(number(place, "ecpm") == 1000.0 * (double)(float)pctr * three_bid[ad]);
        double after = r < 2 ? number(json_value_at(ranked, r + 1), "ecpm") : 0;
        double price = fmin(after / (1000.0 * (double)(float)pctr), three_bid[ad]);
        assert_true(number(place, "price") == price);
    }
    json_value_free(root);
}

static void test_floors_hide_and_bound(void **state)
{
    struct bench *bench = *state;
    char body[1024];
    snprintf(body, sizeof(body), "{\"floors\":{\"bid\":1},%s", three + 1);
    assert_int_equal(ask(bench, body), STATUS_OK);
    struct json_value *root = reply_of(bench);
    const struct json_value *ranked = json_value_get(root, "ranked");
    assert_int_equal(json_value_size(ranked), 2); // c bids 0.5
    assert_int_equal(json_value_int(json_value_get(root, "below_floor")), 1);
    assert_true(number(json_value_at(ranked, 1), "price") == 1.0);
    json_value_free(root);
}

static void test_slots_cut_after_ranking(void **state)
{
    struct bench *bench = *state;
    char body[1024];
    snprintf(body, sizeof(body), "{\"slots\":1,%s", three + 1);
    assert_int_equal(ask(bench, three), STATUS_OK);
    struct json_value *whole = reply_of(bench);
    assert_int_equal(ask(bench, body), STATUS_OK);
    struct json_value *one = reply_of(bench);
    const struct json_value *ranked = json_value_get(one, "ranked");
    const struct json_value *first = json_value_at(json_value_get(whole, "ranked"), 0);
    assert_int_equal(json_value_size(ranked), 1);
    // The price is set by the next one, though it is not shown.
    assert_true(number(json_value_at(ranked, 0), "price") == number(first, "price"));
    // It is told, so that the reply alone gives the price again.
    const struct json_value *second = json_value_at(json_value_get(whole, "ranked"), 1);
    assert_true(number(json_value_get(one, "next"), "ecpm") == number(second, "ecpm"));
    assert_null(json_value_get(whole, "next"));
    json_value_free(whole);
    json_value_free(one);
}

struct fault {
    const char *body;
    enum status code;
    const char *words;
};

static const struct fault faults[] = {
    {"{\"context\":{\"hour\":1},\"candidates\":[{\"id\":\"a\",\"bid\":1,\"features\":{\"f\":[1,2,3]"
     "}},{\"id\":\"b\",\"bid\":1.7e308,\"features\":{\"f\":[1,2,3]}}]}",
     STATUS_INVALID, "candidates[1].bid"},
    {"", STATUS_INVALID, ""},
    {"[1]", STATUS_INVALID, ""},
    {"{\"candidates\":[]}", STATUS_INVALID, "candidates"},
    {"{\"model\":\"x\",\"context\":{\"hour\":1},\"candidates\":[{\"id\":\"a\",\"features\":{\"f\":["
     "1,2,3]}}]}",
     STATUS_NOT_FOUND, "model"},
    {"{\"explain\":true,\"context\":{\"hour\":1},\"candidates\":[{\"id\":\"a\",\"features\":{\"f\":"
     "[1,2,3]}}]}",
     STATUS_INVALID, "explain"},
    {"{\"candidates\":[{\"id\":\"a\",\"features\":{\"f\":[1,2,3]}}]}", STATUS_INVALID,
     "context.hour"},
    {"{\"context\":{\"hour\":1},\"candidates\":[{\"id\":\"a\",\"features\":{\"f\":[1,2]}}]}",
     STATUS_INVALID, "candidates[0].features.f"},
    {"{\"context\":{\"hour\":1},\"candidates\":[{\"id\":\"a\",\"features\":{\"f\":[1,2,3]}},{"
     "\"id\":\"b\",\"bid\":1,\"features\":{\"f\":[1,2,3]}}]}",
     STATUS_INVALID, "candidates[0].bid"},
};

static void test_faults_are_told_with_their_place(void **state)
{
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        assert_int_equal(ask(bench, faults[i].body), faults[i].code);
        struct json_value *root = reply_of(bench);
        assert_int_equal(json_value_size(root), 1);
        assert_non_null(
            strstr(json_value_text(json_value_get(root, "error")).data, faults[i].words));
        json_value_free(root);
    }
    // Nothing of a fault stays behind.
    assert_int_equal(ask(bench, three), STATUS_OK);
}

// The ceiling of the buffer is above every reply, so a buffer that fails had no memory: the client
// is not told that its request was too large.
static void test_a_reply_without_memory_is_no_fault_of_the_client(void **state)
{
    struct bench *bench = *state;
    size_t limit = bench->reply.limit;
    bench->reply.limit = 100;
    buf_fini(&bench->reply);
    assert_int_equal(ask(bench, three), STATUS_NO_MEMORY);
    assert_string_equal(bench->reply.data, "{\"error\":\"out of memory\"}");
    bench->reply.limit = limit;
    assert_int_equal(ask(bench, three), STATUS_OK);
}

static void test_deadlines(void **state)
{
    struct bench *bench = *state;
    uint64_t now = tick_ns();
    assert_int_equal(ask_at(bench, three, now, now - 1), STATUS_DEADLINE);
    assert_true(bench->facts.late && bench->facts.shed == SERVER_METRICS_DEADLINE_QUEUE);
    char body[1024];
    snprintf(body, sizeof(body), "{\"timeout_us\":1000,%s", three + 1);
    assert_int_equal(ask_at(bench, body, now - 2000000, 0), STATUS_DEADLINE);
    assert_true(bench->facts.late && bench->facts.shed == SERVER_METRICS_DEADLINE_PARSE);
    snprintf(body, sizeof(body), "{\"timeout_us\":3600000000,%s", three + 1);
    assert_int_equal(ask_at(bench, body, now, 0), STATUS_OK);
    assert_false(bench->facts.late);
}

// The largest request that is allowed, with the longest ids, fits into the arena; one more does
// not.
static void test_the_largest_request_fits(void **state)
{
    struct bench *bench = *state;
    for (size_t count = limits.rank.max_candidates; count <= limits.rank.max_candidates + 1;
         count++) {
        struct buf body;
        buf_init(&body, 1 << 20);
        buf_text(&body, "{\"context\":{\"hour\":1},\"candidates\":[");
        for (size_t i = 0; i < count; i++)
            buf_printf(&body, "%s{\"id\":\"%0256zu\",\"features\":{\"f\":[1,2,3]}}",
                       i > 0 ? "," : "", i);
        buf_text(&body, "]}");
        size_t size = body.size;
        for (size_t i = 0; i < JSON_READ_PADDING; i++)
            buf_char(&body, '\0');
        assert_int_equal(buf_status(&body), STATUS_OK);
        struct serve_call call = {
            .body = body.data, .size = size, .arrival_ns = tick_ns(), .facts = &bench->facts};
        buf_clear(&bench->reply);
        enum status code = serve_rank(&bench->serve, &call, &bench->reply);
        assert_int_equal(code, count > limits.rank.max_candidates ? STATUS_TOO_LARGE : STATUS_OK);
        buf_fini(&body);
    }
}

static void test_equal_bodies_give_equal_replies(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(ask(bench, three), STATUS_OK);
    char *first = strdup(bench->reply.data);
    assert_int_equal(ask(bench, three), STATUS_OK);
    assert_string_equal(bench->reply.data, first);
    free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_order_and_prices),
        cmocka_unit_test(test_floors_hide_and_bound),
        cmocka_unit_test(test_slots_cut_after_ranking),
        cmocka_unit_test(test_faults_are_told_with_their_place),
        cmocka_unit_test(test_a_reply_without_memory_is_no_fault_of_the_client),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_the_largest_request_fits),
        cmocka_unit_test(test_equal_bodies_give_equal_replies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
