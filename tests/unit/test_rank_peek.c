// proto/rank_peek: what a glance finds, and that it takes nothing else for it.
#include "proto/rank_peek.h"

#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample {
    const char *body; // with ' for "
    uint64_t timeout_us, version;
    const char *model, *label; // NULL: none
};

static const struct sample samples[] = {
    {"{}", 0, 0, NULL, NULL},
    {"{'timeout_us':5000,'model':'ctr','version':'42'}", 5000, 42, "ctr", NULL},
    {" { 'version' : 7 , 'timeout_us' : 12 } ", 12, 7, NULL, NULL},
    {"{'version':'canary','model':'a.b-c'}", 0, 0, "a.b-c", "canary"},
    {"{'candidates':[{'id':'timeout_us','features':{'timeout_us':9}}],'timeout_us':3}", 3, 0, NULL,
     NULL},
    {"{'user':{'model':'x','version':9},'context':{'timeout_us':1}}", 0, 0, NULL, NULL},
    {"{'id':'\\'timeout_us\\':7','timeout_us':8}", 8, 0, NULL, NULL},
    {"{'id':'a\\\\\\\\','timeout_us':8}", 8, 0, NULL, NULL},
    {"{'timeout_us':99999999999999999999999}", UINT64_MAX, 0, NULL, NULL},
    {"{'timeout_us':null,'model':null,'version':null}", 0, 0, NULL, NULL},
    {"{'timeout_us':'5'}", 0, 0, NULL, NULL},
    {"{'timeout_us':-5}", 0, 0, NULL, NULL},
    {"{'model':'a\\u0062'}", 0, 0, NULL, NULL}, // escapes are left to the parser
    {"{'x':[[[{'a':[']']}]]],'timeout_us':4}", 4, 0, NULL, NULL},
    {"{'timeout_us':", 0, 0, NULL, NULL},
    {"{'timeout_us'", 0, 0, NULL, NULL},
    {"{'timeout_us", 0, 0, NULL, NULL},
    {"{'a':[1,2,'timeout_us':5}", 0, 0, NULL, NULL},
    {"['timeout_us',5]", 0, 0, NULL, NULL},
    {"", 0, 0, NULL, NULL},
};

// The copy is as long as the body: a sanitizer sees a step too far.
static void peek(const char *quoted, unsigned wanted, struct rank_peek *ret, char **ret_body)
{
    size_t size = strlen(quoted);
    char *body = malloc(size > 0 ? size : 1);
    assert_non_null(body);
    for (size_t i = 0; i < size; i++)
        body[i] = quoted[i] == '\'' ? '"' : quoted[i];
    rank_peek(body, size, wanted, ret);
    *ret_body = body;
}

static void check_span(struct span span, const char *wanted)
{
    assert_int_equal(span.data != NULL, wanted != NULL);
    assert_true(wanted == NULL || span_is(span, wanted));
}

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *sample = &samples[i];
        struct rank_peek seen;
        char *body;
        peek(sample->body, RANK_PEEK_TIMEOUT | RANK_PEEK_NAMES, &seen, &body);
        assert_true(seen.timeout_us == sample->timeout_us);
        assert_true(seen.version == sample->version);
        check_span(seen.model, sample->model);
        check_span(seen.label, sample->label);
        free(body);
    }
}

// Names that are not looked for do not end the search.
// Any number of the bytes that the names have, in front of them.
static void test_names_behind_their_letters(void **state)
{
    (void)state;
    for (size_t count = 0; count < 80; count++) {
        char letters[3 * 80 + 1] = "", text[512], *body;
        for (size_t i = 0; i < 3 * count; i++)
            letters[i] = "_mv"[i % 3];
        snprintf(text, sizeof(text), "{'id':'%s','timeout_us':7,'model':'ctr','version':3}",
                 letters);
        struct rank_peek found;
        peek(text, RANK_PEEK_TIMEOUT | RANK_PEEK_NAMES, &found, &body);
        assert_int_equal(found.timeout_us, 7);
        assert_int_equal(found.version, 3);
        check_span(found.model, "ctr");
        free(body);
    }
}

static void test_wanted(void **state)
{
    (void)state;
    struct rank_peek seen;
    char *body;
    peek("{'model':'ctr','version':'42','timeout_us':5000}", RANK_PEEK_TIMEOUT, &seen, &body);
    assert_true(seen.timeout_us == 5000);
    assert_true(seen.model.data == NULL && seen.version == 0);
    free(body);
    peek("{'timeout_us':5000,'version':'a','model':'ctr'}", RANK_PEEK_NAMES, &seen, &body);
    assert_true(seen.timeout_us == 0);
    check_span(seen.model, "ctr");
    check_span(seen.label, "a");
    free(body);
}

static void test_every_prefix_is_safe(void **state)
{
    (void)state;
    static const char whole[] = "{\"id\":\"a\\\\\\\"\",\"user\":{\"h\":[1,\"x\"]},\"timeout_us\":5,"
                                "\"model\":\"m\",\"version\":\"canary\"}";
    for (size_t size = 0; size <= strlen(whole); size++) {
        struct rank_peek seen;
        char *body = malloc(size > 0 ? size : 1);
        assert_non_null(body);
        memcpy(body, whole, size);
        rank_peek(body, size, RANK_PEEK_TIMEOUT | RANK_PEEK_NAMES, &seen);
        assert_true(seen.timeout_us == 0 || seen.timeout_us == 5);
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_names_behind_their_letters),
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_every_prefix_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
