// server/serve beside ranking: explanations, ranking by bid, versions by name, compressed bodies,
// what is counted, giving up in the middle. Oracle: the same request ranked, and formulas of
// spec/wire.md 5.
#include "base/file.h"
#include "base/tick.h"
#include "proto/json_value.h"
#include "server/serve.h"
#include "server/server_metrics.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/model_case.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static const struct serve_limits limits = {.max_body_bytes = 1 << 20,
                                           .rank = {.max_candidates = 500}};

struct bench {
    struct scratch scratch;
    struct model_case models;
    struct server_metrics metrics;
    struct serve serve;
    struct serve_facts facts;
    struct buf reply;
};

static int set_up(void **state)
{
    static struct bench bench;
    static const size_t hidden[] = {8};
    static const float range[] = {-0.5F, 0.5F};
    struct make_checkpoint spec = {.role = CHECKPOINT_STUDENT,
                                   .features = "f:item:2,g:item:1:default",
                                   .hidden = hidden,
                                   .hidden_count = 1,
                                   .range = range,
                                   .histogram = true};
    char folder[128], version[160], file[192];
    scratch_make(&bench.scratch);
    scratch_path(&bench.scratch, "demo", folder);
    for (int number = 1; number <= 2; number++) {
        spec.seed = (uint64_t)number;
        snprintf(version, sizeof(version), "%s/%d", folder, number);
        snprintf(file, sizeof(file), "%s/student.safetensors", version);
        if (file_make_folder(version, NULL) != STATUS_OK ||
            make_checkpoint_file(file, &spec, NULL) != STATUS_OK)
            return -1;
    }
    struct diag diag = {0};
    assert_int_equal(model_case_open(&bench.models, folder, "", 1, &diag), STATUS_OK);
    assert_int_equal(server_metrics_init(&bench.metrics, 1), STATUS_OK);
    assert_int_equal(serve_init(&bench.serve, &limits, bench.models.registry, 0,
                                metric_shard(bench.metrics.set, 0)),
                     STATUS_OK);
    buf_init(&bench.reply, serve_max_reply_bytes(&limits));
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    serve_fini(&bench->serve);
    server_metrics_fini(&bench->metrics);
    model_case_close(&bench->models);
    buf_fini(&bench->reply);
    scratch_remove(&bench->scratch);
    return 0;
}

typedef enum status serve_fn(struct serve *serve, const struct serve_call *call, struct buf *reply);

static enum status ask_as(struct bench *bench, serve_fn *way, const void *body, size_t size,
                          struct serve_call call)
{
    static char padded[1 << 20];
    assert_true(size + JSON_READ_PADDING < sizeof(padded));
    memset(padded, 0, size + JSON_READ_PADDING);
    memcpy(padded, body, size);
    bench->facts = (struct serve_facts){.version = 0};
    call.body = padded;
    call.size = size;
    call.arrival_ns = tick_ns();
    call.facts = &bench->facts;
    buf_clear(&bench->reply);
    return way(&bench->serve, &call, &bench->reply);
}

static enum status ask(struct bench *bench, serve_fn *way, const char *body)
{
    return ask_as(bench, way, body, strlen(body), (struct serve_call){.gzip = false});
}

static struct json_value *tree(struct bench *bench)
{
    struct json_value *root;
    assert_int_equal(json_value_parse(buf_view(&bench->reply), &root, NULL), STATUS_OK);
    return root;
}

static double number(const struct json_value *map, const char *key)
{
    const struct json_value *value = json_value_get(map, key);
    assert_non_null(value);
    return json_value_number(value);
}

static const char priced[] = "{\"floors\":{\"bid\":0.5},\"candidates\":["
                             "{\"id\":\"a\",\"bid\":1,\"features\":{\"f\":[0.25,-0.25]}},"
                             "{\"id\":\"b\",\"bid\":3,\"features\":{\"f\":[0.5,2]}},"
                             "{\"id\":\"c\",\"bid\":0.25,\"features\":{\"f\":[-3,0]}},"
                             "{\"id\":\"d\",\"bid\":2,\"features\":{\"f\":[0,0],\"g\":9}}]}";

static void test_an_explanation_says_what_ranking_did(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(ask(bench, serve_rank, priced), STATUS_OK);
    struct json_value *ranked = tree(bench);
    assert_int_equal(ask(bench, serve_explain, priced), STATUS_OK);
    struct json_value *explained = tree(bench);
    const struct json_value *places = json_value_get(ranked, "ranked");
    const struct json_value *all = json_value_get(explained, "candidates");
    assert_int_equal(json_value_size(places), 3);
    assert_int_equal(json_value_size(all), 4);
    size_t found = 0;
    for (size_t i = 0; i < 4; i++) {
        const struct json_value *one = json_value_at(all, i);
        double pctr = number(one, "pctr"), logit = number(one, "logit");
        assert_true(fabs(pctr - 1 / (1 + exp(-logit))) < 1e-6); // no calibration in this file
        assert_true(number(one, "ecpm") == 1000.0 * (double)(float)pctr * number(one, "bid"));
        for (size_t k = 0; k < 3; k++) {
            const struct json_value *place = json_value_at(places, k);
            if (!span_equal(json_value_text(json_value_get(place, "id")),
                            json_value_text(json_value_get(one, "id"))))
                continue;
            assert_true(number(place, "rank") == number(one, "rank"));
            assert_true(number(place, "pctr") == pctr);
            assert_true(number(place, "price") == number(one, "price"));
            const struct json_value *next = json_value_get(one, "next_best");
            assert_int_equal(next != NULL, k < 2);
            if (next != NULL)
                assert_true(number(next, "ecpm") == number(json_value_at(places, k + 1), "ecpm"));
            found++;
        }
    }
    assert_int_equal(found, 3);
    assert_true(json_value_bool(json_value_get(json_value_at(all, 2), "below_floor")));
    // The last one pays the floor of the request.
    const struct json_value *last = json_value_at(places, 2);
    assert_true(number(last, "price") == 0.5);
    json_value_free(ranked);
    json_value_free(explained);
}

static void test_by_bid(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(ask(bench, serve_by_bid, priced), STATUS_OK);
    assert_string_equal(bench->reply.data,
                        "{\"model\":\"demo\",\"version\":\"2\",\"arm\":\"control\","
                        "\"degraded\":true,\"ranked\":[{\"id\":\"b\",\"rank\":1},"
                        "{\"id\":\"d\",\"rank\":2},{\"id\":\"a\",\"rank\":3}],\"below_floor\":1,"
                        "\"gamma\":0,\"floors\":{\"bid\":0.5,\"ecpm\":0}}");
    assert_true(bench->facts.degraded);
    assert_int_equal(
        ask(bench, serve_by_bid, "{\"candidates\":[{\"id\":\"a\",\"features\":{\"f\":[1,2]}}]}"),
        STATUS_DEADLINE); // nothing to go by
    assert_int_equal(ask(bench, serve_by_bid, "{}"), STATUS_INVALID);
}

// What a model would read costs no time then: it is passed over, right or wrong.
static void test_by_bid_reads_no_features(void **state)
{
    struct bench *bench = *state;
    static const char odd[] =
        "{\"user\":7,\"context\":[{\"x\":{}}],\"candidates\":["
        "{\"id\":\"a\",\"bid\":1,\"features\":{\"f\":[1e999,\"x\"],\"f\":-}},"
        "{\"features\":[[[]]],\"bid\":2,\"id\":\"b\"},{\"id\":\"c\",\"bid\":3}]}";
    static const char wanted[] = "\"ranked\":[{\"id\":\"c\",\"rank\":1},"
                                 "{\"id\":\"b\",\"rank\":2},{\"id\":\"a\",\"rank\":3}]";
    assert_int_equal(ask(bench, serve_rank, odd), STATUS_INVALID);
    assert_int_equal(ask(bench, serve_by_bid, odd), STATUS_OK);
    assert_non_null(strstr(bench->reply.data, wanted));
    for (size_t size = 1; size + 1 < sizeof(odd); size++) { // cut short anywhere
        char body[sizeof(odd)];
        memcpy(body, odd, size);
        body[size] = '\0';
        assert_int_equal(ask(bench, serve_by_bid, body), STATUS_INVALID);
    }
}

// Only the newest is resident here.
static void test_versions_by_name(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *names;
        enum status wanted;
    } cases[] = {
        {"\"model\":\"demo\",\"version\":2", STATUS_OK}, {"\"version\":\"2\"", STATUS_OK},
        {"\"version\":null,\"model\":null", STATUS_OK},  {"\"version\":1", STATUS_NOT_FOUND},
        {"\"version\":\"canary\"", STATUS_NOT_FOUND},    {"\"model\":\"other\"", STATUS_NOT_FOUND},
        {"\"model\":\"d\\u0065mo\"", STATUS_OK}, // a glance misses it, the parser does not
        {"\"version\":\"\\u0031\"", STATUS_NOT_FOUND},   {"\"version\":0", STATUS_INVALID},
        {"\"version\":\"0\"", STATUS_INVALID},           {"\"version\":1.5", STATUS_INVALID},
        {"\"version\":\"\"", STATUS_NOT_FOUND}, // a label that no version has
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "{%s,\"candidates\":[{\"id\":\"a\",\"features\":{\"f\":[1,2]}}]}", cases[i].names);
        enum status code = ask(bench, serve_rank, body);
        if (code != cases[i].wanted)
            fail_msg("%s: %s", body, bench->reply.data);
    }
}

static void test_counts_of_features(void **state)
{
    struct bench *bench = *state;
    const struct registry_view *view = registry_pin(bench->models.registry, 0);
    const struct metric_set *set = version_metrics_set(view->models[0].current->metrics);
    registry_unpin(bench->models.registry, 0);
    enum { REASONS = 4 };
    double before[2 * REASONS], wanted[2 * REASONS] = {0};
    for (size_t i = 0; i < 2 * REASONS; i++)
        before[i] = metric_sum(set, VERSION_METRICS_INVALID, i);
    assert_int_equal(ask(bench, serve_rank, priced), STATUS_OK);
    // f: 2 is above 0.5, -3 below -0.5, 0.5 on the bound; g: three are missing, 9 is above.
    wanted[0 * REASONS + VERSION_METRICS_ABOVE] = 1;
    wanted[0 * REASONS + VERSION_METRICS_BELOW] = 1;
    wanted[1 * REASONS + VERSION_METRICS_MISSING] = 3;
    wanted[1 * REASONS + VERSION_METRICS_ABOVE] = 1;
    for (size_t i = 0; i < 2 * REASONS; i++)
        assert_true(metric_sum(set, VERSION_METRICS_INVALID, i) - before[i] == wanted[i]);
}

// A gzip text of one stored block, written by hand: RFC 1952 and 1951.
static size_t pack(const char *text, char *out)
{
    size_t size = strlen(text);
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
    }
    const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1};
    const uint16_t lengths[] = {(uint16_t)size, (uint16_t)~size};
    const uint32_t tail[] = {~crc, (uint32_t)size};
    memcpy(out, head, sizeof(head));
    memcpy(out + sizeof(head), lengths, sizeof(lengths));
    memcpy(out + sizeof(head) + sizeof(lengths), text, size);
    memcpy(out + sizeof(head) + sizeof(lengths) + size, tail, sizeof(tail));
    return sizeof(head) + sizeof(lengths) + size + sizeof(tail);
}

static void test_a_compressed_body_is_the_same_request(void **state)
{
    struct bench *bench = *state;
    char packed[1024], plain[1024];
    const struct serve_call call = {.gzip = true};
    assert_int_equal(ask(bench, serve_rank, priced), STATUS_OK);
    snprintf(plain, sizeof(plain), "%s", bench->reply.data);
    size_t size = pack(priced, packed);
    assert_int_equal(ask_as(bench, serve_rank, packed, size, call), STATUS_OK);
    assert_string_equal(bench->reply.data, plain);
    assert_int_equal(ask_as(bench, serve_rank, packed, size - 1, call), STATUS_INVALID);
    assert_int_equal(ask_as(bench, serve_rank, priced, strlen(priced), call), STATUS_INVALID);
}

// Somebody else has answered: no score is made.
static void test_a_request_that_nobody_waits_for(void **state)
{
    struct bench *bench = *state;
    atomic_int where = 5;
    const struct serve_call call = {.state = &where, .expected = 4};
    double before = metric_sum(bench->metrics.set, SERVER_METRICS_CANDIDATES, 0);
    assert_int_equal(ask_as(bench, serve_rank, priced, strlen(priced), call), STATUS_DEADLINE);
    assert_true(metric_sum(bench->metrics.set, SERVER_METRICS_CANDIDATES, 0) == before);
    atomic_store(&where, 4);
    assert_int_equal(ask_as(bench, serve_rank, priced, strlen(priced), call), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_explanation_says_what_ranking_did),
        cmocka_unit_test(test_by_bid),
        cmocka_unit_test(test_by_bid_reads_no_features),
        cmocka_unit_test(test_versions_by_name),
        cmocka_unit_test(test_counts_of_features),
        cmocka_unit_test(test_a_compressed_body_is_the_same_request),
        cmocka_unit_test(test_a_request_that_nobody_waits_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
