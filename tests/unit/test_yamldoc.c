// Oracle: YAML 1.2 as stated by hand beside each text.
#include "base/buf.h"
#include "base/yamldoc.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <stdlib.h>
#include <string.h>

static struct yamldoc *parse(const char *text)
{
    struct yamldoc *doc = NULL;
    struct diag diag = {0};
    enum status code = yamldoc_parse(span_of(text), "t.yaml", &doc, &diag);
    if (code != STATUS_OK)
        fail_msg("%s", diag.words);
    return doc;
}

static void test_tree(void **state)
{
    (void)state;
    struct yamldoc *doc = parse("# comment\nname: ctr\nnet:\n  hidden: [64, 32]\n  act: 'relu'\n");
    const struct yamldoc_node *root = yamldoc_root(doc);
    assert_string_equal(yamldoc_name(doc), "t.yaml");
    assert_int_equal(root->kind, YAMLDOC_MAP);
    assert_int_equal(root->count, 2);
    assert_true(span_is(root->keys[1]->text, "net"));
    const struct yamldoc_node *net = yamldoc_get(root, "net");
    assert_ptr_equal(net, root->items[1]);
    assert_int_equal(net->line, 4);
    assert_int_equal(net->column, 3);
    const struct yamldoc_node *hidden = yamldoc_get(net, "hidden");
    assert_int_equal(hidden->kind, YAMLDOC_LIST);
    assert_int_equal(hidden->count, 2);
    assert_null(hidden->keys);
    assert_true(span_is(hidden->items[1]->text, "32"));
    assert_int_equal(hidden->items[1]->line, 4);
    assert_int_equal(hidden->items[1]->column, 16);
    assert_false(hidden->items[1]->quoted);
    assert_true(yamldoc_get(net, "act")->quoted);
    assert_null(yamldoc_get(net, "absent"));
    yamldoc_free(doc);
}

static void test_scalars(void **state)
{
    (void)state;
    struct yamldoc *doc = parse("a: null\nb: ~\nc:\nd: \"null\"\ne: '~'\nf: ''\ng: NULLABLE\n"
                                "h: \"\\u00e9\\n\"\ni: |\n  two\n  lines\nnull: x\n");
    const struct yamldoc_node *root = yamldoc_root(doc);
    static const enum yamldoc_kind kinds[] = {
        YAMLDOC_NULL,   YAMLDOC_NULL,   YAMLDOC_NULL,   YAMLDOC_SCALAR, YAMLDOC_SCALAR,
        YAMLDOC_SCALAR, YAMLDOC_SCALAR, YAMLDOC_SCALAR, YAMLDOC_SCALAR, YAMLDOC_SCALAR};
    assert_int_equal(root->count, 10);
    for (size_t i = 0; i < root->count; i++)
        assert_int_equal(root->items[i]->kind, kinds[i]);
    assert_string_equal(yamldoc_get(root, "h")->text.data, "\xC3\xA9\n");
    assert_string_equal(yamldoc_get(root, "i")->text.data, "two\nlines\n");
    assert_int_equal(yamldoc_get(root, "f")->text.size, 0);
    assert_int_equal(root->keys[9]->kind, YAMLDOC_SCALAR);
    yamldoc_free(doc);
}

static void test_empty(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# only a comment\n", "\n\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct yamldoc *doc = parse(texts[i]);
        assert_null(yamldoc_root(doc));
        yamldoc_free(doc);
    }
    struct yamldoc *doc = parse("[]");
    assert_int_equal(yamldoc_root(doc)->kind, YAMLDOC_LIST);
    assert_int_equal(yamldoc_root(doc)->count, 0);
    yamldoc_free(doc);
    struct span nothing = {NULL, 0};
    assert_int_equal(yamldoc_parse(nothing, "x", &doc, NULL), STATUS_OK);
    yamldoc_free(doc);
    yamldoc_free(NULL);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
        unsigned line, column;
    } cases[] = {
        {"a: &x 1\n", "anchors are not allowed", 1, 4},
        {"a: 1\nb: *x\n", "aliases are not allowed", 2, 4},
        {"*x", "aliases are not allowed", 1, 1},
        {"a: !!str 1\n", "tags are not allowed", 1, 4},
        {"a: ! 1\n", "tags are not allowed", 1, 4},
        {"!t [1]", "tags are not allowed", 1, 1},
        {"a: &m {b: 1}", "anchors are not allowed", 1, 4},
        {"--- 1\n--- 2\n", "a second document begins here", 2, 1},
        {"a: 1\nb: 2\na: 3\n", "key 'a' stands twice, first in line 1", 3, 1},
        {"{x: {k: 1, \"k\": 2}}", "key 'k' stands twice, first in line 1", 1, 12},
        {"[1]: 2\n", "a key must be a text", 1, 1},
        {"{a: 1}: 2\n", "a key must be a text", 1, 1},
        {"'': 2\n", "a key is empty", 1, 1},
        {"a: \"x\\0y\"\n", "a text cannot hold the character NUL", 1, 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct yamldoc *doc = NULL;
        struct diag diag = {0};
        enum status code = yamldoc_parse(span_of(cases[i].text), "bad.yaml", &doc, &diag);
        assert_int_equal(code, STATUS_INVALID);
        assert_null(doc);
        assert_string_equal(diag.file, "bad.yaml");
        assert_string_equal(diag.words, cases[i].words);
        assert_int_equal(diag.line, cases[i].line);
        assert_int_equal(diag.column, cases[i].column);
        assert_int_equal(yamldoc_parse(span_of(cases[i].text), "x", &doc, NULL), STATUS_INVALID);
    }
}

// What libyaml itself refuses: the line must be right, the words are its own.
static void test_syntax(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
    } cases[] = {{"a: [1, 2\nb: 3\n", 2},   {"a: 1\n\tb: 2\n", 2}, {"a: 'open\n", 2},
                 {"ok: 1\nbad: \xff\n", 2}, {"a: \x01", 1},        {"a: b: c\n", 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct yamldoc *doc = NULL;
        struct diag diag = {0};
        assert_int_equal(yamldoc_parse(span_of(cases[i].text), "s", &doc, &diag), STATUS_INVALID);
        assert_int_equal(diag.line, cases[i].line);
        assert_true(strlen(diag.words) > 0);
    }
}

static void test_depth(void **state)
{
    (void)state;
    char text[2 * YAMLDOC_MAX_DEPTH + 3] = "";
    for (int i = 0; i < YAMLDOC_MAX_DEPTH; i++) {
        text[i] = '[';
        text[2 * YAMLDOC_MAX_DEPTH - 1 - i] = ']';
    }
    yamldoc_free(parse(text));
    memmove(text + 1, text, 2 * YAMLDOC_MAX_DEPTH);
    text[0] = '[';
    text[2 * YAMLDOC_MAX_DEPTH + 1] = ']';
    struct yamldoc *doc = NULL;
    struct diag diag;
    assert_int_equal(yamldoc_parse(span_of(text), "d", &doc, &diag), STATUS_INVALID);
    assert_string_equal(diag.words, "nested deeper than 16 levels");
    assert_int_equal(diag.column, 17);
}

static void test_many_keys(void **state)
{
    (void)state;
    enum { KEYS = 40000 };
    struct buf text;
    buf_init(&text, YAMLDOC_MAX_BYTES);
    for (int i = 0; i < KEYS; i++)
        buf_printf(&text, "key%d: %d\n", i * 7919 % KEYS, i);
    assert_int_equal(buf_status(&text), STATUS_OK);
    struct yamldoc *doc = parse(text.data);
    assert_int_equal(yamldoc_root(doc)->count, KEYS);
    assert_true(span_is(yamldoc_root(doc)->items[KEYS - 1]->text, "39999"));
    yamldoc_free(doc);
    buf_fini(&text);
}

static void test_read(void **state)
{
    (void)state;
    struct scratch scratch;
    char path[128];
    struct yamldoc *doc = NULL;
    struct diag diag = {0};
    scratch_make(&scratch);
    scratch_file(&scratch, "a.yaml", "a: 1\n", 5, path);
    assert_int_equal(yamldoc_read(path, &doc, &diag), STATUS_OK);
    assert_string_equal(yamldoc_name(doc), path);
    yamldoc_free(doc);
    assert_int_equal(yamldoc_read(scratch_path(&scratch, "no", path), &doc, &diag),
                     STATUS_NOT_FOUND);
    assert_string_equal(diag.file, path);
    size_t size = YAMLDOC_MAX_BYTES + 1;
    char *large = malloc(size);
    assert_non_null(large);
    memset(large, ' ', size);
    assert_int_equal(yamldoc_parse((struct span){large, size}, "l", &doc, &diag), STATUS_TOO_LARGE);
    scratch_file(&scratch, "large.yaml", large, size, path);
    assert_int_equal(yamldoc_read(path, &doc, &diag), STATUS_TOO_LARGE);
    free(large);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),      cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_empty),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_syntax),    cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_keys), cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
