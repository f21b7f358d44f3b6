// Every allocation of the generator fails once, and from each on for good: it says that memory ran
// out, and leaves nothing behind (the sanitizer counts).
#include "loadtest/client.h"
#include "loadtest/corpus.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"
#include "tests/support/scratch.h"

static struct scratch scratch;
static char bodies[128];

static int setup(void **state)
{
    (void)state;
    scratch_make(&scratch);
    scratch_file(&scratch, "bodies", "{}\n[]\n", 6, bodies);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

static void torture(enum status (*run)(void))
{
    static const enum failmalloc_mode modes[] = {FAILMALLOC_ONCE, FAILMALLOC_SINCE};
    for (size_t i = 0; i < 2; i++) {
        unsigned long nth = 0;
        bool failed = true;
        while (failed) {
            assert_true(++nth < 10000);
            failmalloc_arm(nth, modes[i]);
            enum status code = run();
            failed = failmalloc_disarm();
            assert_int_equal(code, failed ? STATUS_NO_MEMORY : STATUS_OK);
        }
        assert_true(nth > 1); // it allocates at all
    }
}

static enum status make_corpus(void)
{
    const struct corpus_plan plan = {
        .host = "127.0.0.1", .method = "POST", .path = "/", .port = 80, .bodies = bodies};
    struct corpus corpus;
    struct diag diag;
    enum status code = corpus_make(&plan, &corpus, &diag);
    corpus_fini(&corpus);
    return code;
}

static enum status make_client(double per_second)
{
    const bool stop = false;
    const struct client_plan plan = {.request_count = 1,
                                     .per_second = per_second,
                                     .duration_ns = 1000,
                                     .window_ns = 500,
                                     .threads = 1,
                                     .connections = 3,
                                     .max_backlog = 10,
                                     .stop = &stop};
    struct client *client = NULL;
    struct diag diag;
    enum status code = client_new(&plan, 0, &client, &diag);
    client_free(client);
    return code;
}

static enum status make_open(void)
{
    return make_client(10);
}

static enum status make_closed(void)
{
    return make_client(0);
}

static void test_corpus(void **state)
{
    (void)state;
    torture(make_corpus);
}

static void test_open_loop(void **state)
{
    (void)state;
    torture(make_open);
}

static void test_closed_loop(void **state)
{
    (void)state;
    torture(make_closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_open_loop),
        cmocka_unit_test(test_closed_loop),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
