// Every allocation of an operation fails once, and from each on for good: the operation must say
// so, leave nothing behind (the sanitizer counts), and work when memory is there again.
#include "base/arena.h"
#include "base/cfg.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/gzip.h"
#include "base/metric.h"
#include "base/queue.h"
#include "base/yamldoc.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"
#include "tests/support/scratch.h"

#include <stdlib.h>
#include <string.h>

static struct scratch scratch;

static const char yaml[] = "name: abc\nlist: [1, 3-9, 12]\ntree:\n  - {a: 1, b: [x, y]}\n"
                           "  - {a: 2, b: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n";

// Only a clean failure counts: that memory ran out, or that the buffer could not take the append.
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
            if (failed)
                assert_true(code == STATUS_NO_MEMORY || code == STATUS_TOO_LARGE);
            else
                assert_int_equal(code, STATUS_OK);
        }
        assert_true(nth > 1); // it allocates at all
    }
}

static enum status run_yaml(void)
{
    struct yamldoc *doc = NULL;
    struct diag diag;
    enum status code = yamldoc_parse(span_of(yaml), "t.yaml", &doc, &diag);
    yamldoc_free(doc);
    return code;
}

struct config {
    char *name;
    struct cfg_ints list;
    const struct yamldoc_node *tree;
};

static const struct cfg_option options[] = {
    {"name", CFG_TEXT, offsetof(struct config, name), "x", 0, 0, NULL, "name", false},
    {"list", CFG_INTS, offsetof(struct config, list), "[1]", 0, 100, NULL, "list", false},
    {"tree", CFG_TREE, offsetof(struct config, tree), "", 0, 0, NULL, "tree", false},
};
static const struct cfg_table table = {options, 3, "T_"};

static enum status run_cfg(void)
{
    struct config config = {0};
    struct yamldoc *doc = NULL;
    struct diag diag;
    char path[128];
    const char *sets[] = {"list=[4, 5-8]", "name=again"};
    char *environment[] = {(char[]){"T_NAME=env"}, NULL};
    struct cfg_sources sources = {scratch_path(&scratch, "c.yaml", path), environment, sets, 2};
    TRY(cfg_load(&table, &sources, &config, &doc, &diag));
    struct buf out;
    buf_init(&out, 1 << 16);
    cfg_help(&table, &out);
    cfg_markdown(&table, &out);
    cfg_dump(&table, &config, &out);
    enum status code = buf_status(&out);
    buf_fini(&out);
    cfg_fini(&table, &config);
    yamldoc_free(doc);
    return code;
}

static enum status run_buf(void)
{
    struct buf buf;
    buf_init(&buf, 1 << 16);
    for (int i = 0; i < 2000; i++)
        buf_printf(&buf, "%d\n", i);
    enum status code = buf_status(&buf);
    if (code == STATUS_OK)
        free(buf_detach(&buf));
    buf_fini(&buf);
    return code;
}

static enum status run_file(void)
{
    char path[128];
    struct file_bytes bytes;
    struct file_writer writer;
    struct diag diag;
    TRY(file_make_folder(scratch_path(&scratch, "a/b", path), &diag));
    scratch_path(&scratch, "a/b/f", path);
    TRY(file_writer_open(&writer, path, &diag));
    file_writer_write(&writer, "some", 4);
    file_writer_printf(&writer, "%d", 1);
    TRY(file_writer_commit(&writer, &diag));
    TRY(file_read(path, 100, 0, &bytes, &diag));
    assert_int_equal(bytes.size, 5);
    file_free(&bytes);
    char *joined = file_join("a", "b");
    enum status code = joined == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    free(joined);
    return code;
}

static enum status run_gzip(void)
{
    char path[128], text[64];
    struct gzip_reader *reader = NULL;
    struct diag diag;
    size_t got = 0;
    TRY(gzip_open(scratch_path(&scratch, "c.yaml", path), &reader, &diag));
    enum status code = gzip_read(reader, text, sizeof(text), &got, &diag);
    gzip_close(reader);
    return code;
}

// "hello hello hello hello", by Python's gzip.
static const unsigned char member[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                       0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0x01,
                                       0xe3, 0x51, 0x3d, 0x8d, 0x17, 0x00, 0x00, 0x00};

static enum status run_inflate(void)
{
    struct gzip_inflater *inflater = gzip_inflater_new();
    if (inflater == NULL)
        return STATUS_NO_MEMORY;
    struct buf text;
    buf_init(&text, 1 << 20);
    struct diag diag;
    enum status code =
        gzip_inflate(inflater, (const char *)member, sizeof(member), &text, 100, &diag);
    if (code == STATUS_OK)
        assert_true(span_is(buf_view(&text), "hello hello hello hello"));
    buf_fini(&text);
    gzip_inflater_free(inflater);
    return code;
}

static const struct metric_desc descs[] = {
    {.name = "t_total", .kind = METRIC_COUNTER, .value_count = 1, .help = "T."},
    {.name = "t_gauge", .kind = METRIC_GAUGE, .value_count = 1, .help = "G."},
};

static enum status run_objects(void)
{
    struct arena arena;
    struct metric_set *metrics = metric_new(descs, 2, 3);
    struct queue *queue = queue_new(8);
    struct digest *digest = digest_new();
    enum status code = arena_init(&arena, 4096);
    if (code == STATUS_OK) {
        if (arena_alloc(&arena, 100) == NULL)
            code = STATUS_NO_MEMORY; // the emulator's allocation
        arena_fini(&arena);
    }
    if (metrics == NULL || queue == NULL || digest == NULL)
        code = STATUS_NO_MEMORY;
    metric_free(metrics);
    queue_free(queue);
    digest_free(digest);
    return code;
}

static void test_yaml(void **state)
{
    (void)state;
    torture(run_yaml);
}

static void test_cfg(void **state)
{
    (void)state;
    torture(run_cfg);
}

static void test_buf(void **state)
{
    (void)state;
    torture(run_buf);
}

static void test_file(void **state)
{
    (void)state;
    torture(run_file);
}

static void test_gzip(void **state)
{
    (void)state;
    torture(run_gzip);
}

static void test_inflate(void **state)
{
    (void)state;
    torture(run_inflate);
}

static void test_objects(void **state)
{
    (void)state;
    torture(run_objects);
}

static int setup(void **state)
{
    (void)state;
    char path[128];
    scratch_make(&scratch);
    scratch_file(&scratch, "c.yaml", yaml, strlen(yaml), path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml),    cmocka_unit_test(test_cfg),  cmocka_unit_test(test_buf),
        cmocka_unit_test(test_file),    cmocka_unit_test(test_gzip), cmocka_unit_test(test_inflate),
        cmocka_unit_test(test_objects),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
