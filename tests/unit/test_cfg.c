// Oracle: the values and messages, stated by hand; the loop over all kinds needs none: what is
// dumped must load to the same.
#include "base/cfg.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS(CFG)                                                                               \
    CFG(on, CFG_BOOL, "on", "true", 0, 0, NULL, "a switch")                                        \
    CFG(port, CFG_I64, "http.port", "8080", 0, 65535, NULL, "the port")                            \
    CFG(body, CFG_I64, "http.max_body", "1m", 1, 1e12, NULL, "limit of a body, bytes")             \
    CFG(any, CFG_I64, "any", "-1", -9.3e18, 9.3e18, NULL, "any whole number")                      \
    CFG(rate, CFG_DOUBLE, "train.rate", "0.001", 0, 1, NULL, "learning rate")                      \
    CFG(name, CFG_TEXT, "name", "", 0, 0, NULL, "a name | label")                                  \
    CFG(loss, CFG_CHOICE, "train.loss", "clid", 0, 0, "pointce|clid", "the loss")                  \
    CFG(columns, CFG_INTS, "data.columns", "[1, 3-5]", 1, 1000, NULL, "numbers")                   \
    CFG(deep, CFG_DOUBLE, "train.deep.er", "2", -10, 10, NULL, "a map in a map")                   \
    CFG(features, CFG_TREE, "features", "", 0, 0, NULL, "the schema")

#define FIELD(field, kind, ...) CFG_FIELD(field, kind, __VA_ARGS__)
#define ROW(field, kind, ...) CFG_ROW(struct config, field, kind, __VA_ARGS__)

struct config {
    OPTIONS(FIELD)
};

static const struct cfg_option options[] = {OPTIONS(ROW)};
enum { OPTION_COUNT = sizeof(options) / sizeof(*options) };
static const struct cfg_table table = {options, OPTION_COUNT, "T_"};

struct loaded {
    struct config config;
    struct yamldoc *doc;
    enum status code;
    struct diag diag;
    char text[768]; // of the diag
};

static struct loaded load_all(const char *yaml, char *const *environment, const char *const *sets,
                              size_t set_count)
{
    struct loaded loaded = {0};
    struct scratch scratch;
    char path[128];
    scratch_make(&scratch);
    struct cfg_sources sources = {NULL, environment, sets, set_count};
    if (yaml != NULL)
        sources.file = scratch_file(&scratch, "c.yaml", yaml, strlen(yaml), path);
    loaded.code = cfg_load(&table, &sources, &loaded.config, &loaded.doc, &loaded.diag);
    if (loaded.code != STATUS_OK) {
        if (strncmp(loaded.diag.file, scratch.folder, strlen(scratch.folder)) == 0)
            strncpy(loaded.diag.file, "c.yaml", sizeof(loaded.diag.file));
        diag_format(&loaded.diag, loaded.text, sizeof(loaded.text));
        assert_null(loaded.doc);
        assert_null(loaded.config.name);
        assert_null(loaded.config.columns.items);
    }
    scratch_remove(&scratch);
    return loaded;
}

static struct loaded load(const char *yaml)
{
    return load_all(yaml, NULL, NULL, 0);
}

static void unload(struct loaded *loaded)
{
    if (loaded->code != STATUS_OK)
        fail_msg("%s", loaded->text);
    cfg_fini(&table, &loaded->config);
    yamldoc_free(loaded->doc);
}

static void check_ints(const struct cfg_ints *ints, size_t count, const int64_t *items)
{
    assert_int_equal(ints->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ints->items[i], items[i]);
}

static void test_defaults(void **state)
{
    (void)state;
    struct loaded a = load(NULL);
    assert_int_equal(a.code, STATUS_OK);
    assert_null(a.doc);
    assert_true(a.config.on);
    assert_int_equal(a.config.port, 8080);
    assert_int_equal(a.config.body, 1048576);
    assert_int_equal(a.config.any, -1);
    assert_true(a.config.rate == 0.001);
    assert_string_equal(a.config.name, "");
    assert_int_equal(a.config.loss, 1);
    check_ints(&a.config.columns, 4, (int64_t[]){1, 3, 4, 5});
    assert_null(a.config.features);
    unload(&a);
}

static void test_file(void **state)
{
    (void)state;
    struct loaded a = load("on: false\nhttp: {port: 0, max_body: 3k}\nany: -9223372036854775808\n"
                           "train:\n  rate: 1e-2\n  loss: 'pointce'\n  deep: {er: -3}\n"
                           "name: \"42\"\ndata:\n  columns: [7, 11-13, 2]\n"
                           "features:\n  - {name: f}\n");
    assert_int_equal(a.code, STATUS_OK);
    assert_false(a.config.on);
    assert_int_equal(a.config.port, 0);
    assert_int_equal(a.config.body, 3072);
    assert_true(a.config.any == INT64_MIN);
    assert_true(a.config.rate == 0.01);
    assert_true(a.config.deep == -3);
    assert_int_equal(a.config.loss, 0);
    assert_string_equal(a.config.name, "42");
    check_ints(&a.config.columns, 5, (int64_t[]){7, 11, 12, 13, 2});
    assert_int_equal(a.config.features->kind, YAMLDOC_LIST);
    assert_int_equal(a.config.features->line, 12);
    unload(&a);
    a = load("# nothing\n");
    unload(&a);
    a = load("http: # all by default\nname: plain text: no\n");
    assert_int_equal(a.code, STATUS_CONFIG);
    a = load("http: # all by default\nname: plain text\ndata: {columns: []}\n");
    assert_int_equal(a.config.columns.count, 0);
    assert_string_equal(a.config.name, "plain text");
    unload(&a);
}

static void test_precedence(void **state)
{
    (void)state;
    char *environment[] = {"OTHER=1",
                           "T_HTTP_PORT=2",
                           "T_DATA_COLUMNS=[9]",
                           "T_NAME=",
                           "T_SERVICE_HOST=10.0.0.1", // as Kubernetes sets them
                           "T_SERVICE_PORT_HTTP=80",
                           "T_PORT=tcp://10.0.0.1:80",
                           "T_PORT_80_TCP_ADDR=10.0.0.1",
                           NULL};
    const char *sets[] = {"http.port=3", "http.port=4", "name=a=b", "train.deep.er=1"};
    const char *yaml = "http: {port: 1}\ndata: {columns: [1, 2]}\nname: file\n";
    struct loaded a = load(yaml);
    assert_int_equal(a.config.port, 1);
    unload(&a);
    a = load_all(yaml, environment, NULL, 0);
    assert_int_equal(a.config.port, 2);
    check_ints(&a.config.columns, 1, (int64_t[]){9});
    assert_string_equal(a.config.name, "");
    unload(&a);
    a = load_all(yaml, environment, sets, 4);
    assert_int_equal(a.config.port, 4);
    assert_string_equal(a.config.name, "a=b");
    assert_true(a.config.deep == 1);
    unload(&a);
}

static void test_file_faults(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *text;
    } cases[] = {
        {"on: true\nhttp:\n  prot: 1\n",
         "c.yaml:3:3: unknown key 'http.prot', did you mean 'http.port'?"},
        {"trian:\n  rate: 1\n", "c.yaml:1:1: unknown key 'trian', did you mean 'train'?"},
        {"zebra: 1\n", "c.yaml:1:1: unknown key 'zebra'"},
        {"train: {deep: {e: 1}}", "c.yaml:1:16: unknown key 'train.deep.e', did you mean "
                                  "'train.deep.er'?"},
        {"http.port: 1\n", "c.yaml:1:1: key 'http.port' has a dot: write it as a map in a map"},
        {"http: 1\n", "c.yaml:1:7: http: expected a map of options"},
        {"- 1\n", "c.yaml:1:1: expected a map of options"},
        {"on: yes\n", "c.yaml:1:5: on: expected true or false, not 'yes'"},
        {"on: \"true\"\n", "c.yaml:1:5: on: must stand without quotes"},
        {"on:\n", "c.yaml:1:4: on: has no value"},
        {"http: {port: 65536}\n", "c.yaml:1:14: http.port: '65536' is more than 65535"},
        {"http: {port: -1}\n", "c.yaml:1:14: http.port: '-1' is less than 0"},
        {"http: {port: 1k}\n", "c.yaml:1:14: http.port: expected a whole number, not '1k'"},
        {"http: {port: 0x10}\n", "c.yaml:1:14: http.port: expected a whole number, not '0x10'"},
        {"http: {port: 1.0}\n", "c.yaml:1:14: http.port: expected a whole number, not '1.0'"},
        {"http: {port: [1]}\n", "c.yaml:1:14: http.port: expected one value, not a list"},
        {"http: {port: {}}\n", "c.yaml:1:14: http.port: expected one value, not a map"},
        {"http: {max_body: 9000000000g}\n", "c.yaml:1:18: http.max_body: expected a whole number "
                                            "with an optional k, m or g, not '9000000000g'"},
        {"http: {max_body: k}\n", "c.yaml:1:18: http.max_body: expected a whole number with an "
                                  "optional k, m or g, not 'k'"},
        {"any: 9223372036854775808\n",
         "c.yaml:1:6: any: expected a whole number, not '9223372036854775808'"},
        {"train: {rate: nan}\n", "c.yaml:1:15: train.rate: expected a number, not 'nan'"},
        {"train: {rate: 1.5}\n", "c.yaml:1:15: train.rate: '1.5' is more than 1"},
        {"train: {loss: CLID}\n", "c.yaml:1:15: train.loss: expected pointce|clid, not 'CLID'"},
        {"train: {loss: ''}\n", "c.yaml:1:15: train.loss: expected pointce|clid, not ''"},
        {"data: {columns: 3}\n", "c.yaml:1:17: data.columns: expected a list like [1, 3, 11-15]"},
        {"data: {columns: [5-3]}\n", "c.yaml:1:17: data.columns: expected whole numbers and "
                                     "ascending ranges like 11-15, not '5-3'"},
        {"data: {columns: [1, 'x']}\n",
         "c.yaml:1:17: data.columns: item 2 is no plain value, expected a list like [1, 3, 11-15]"},
        {"data: {columns: [0]}\n", "c.yaml:1:17: data.columns: '0' is less than 1"},
        {"data: {columns: [999-1001]}\n",
         "c.yaml:1:17: data.columns: '999-1001' is more than 1000"},
        {"name: \"a\\tb\"\n",
         "c.yaml:1:7: name: the text is not UTF-8 or holds control characters"},
        {"on: true\non: false\n", "c.yaml:2:1: key 'on' stands twice, first in line 1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct loaded a = load(cases[i].yaml);
        assert_int_equal(a.code, STATUS_CONFIG);
        assert_string_equal(a.text, cases[i].text);
    }
    struct cfg_sources absent = {.file = "/nonexistent/c.yaml"};
    struct config config = {0};
    struct yamldoc *doc = NULL;
    assert_int_equal(cfg_load(&table, &absent, &config, &doc, NULL), STATUS_CONFIG);
}

static void test_other_faults(void **state)
{
    (void)state;
    static const struct {
        char *variable;
        const char *set, *text;
    } cases[] = {
        {"T_HTTP_PORT=abc", NULL,
         "environment T_HTTP_PORT: http.port: expected a whole number, not 'abc'"},
        {"T_HTTP_PROT=1", NULL,
         "environment: unknown variable 'T_HTTP_PROT', did you mean 'T_HTTP_PORT'?"},
        {"T_ZEBRA=1", NULL, "environment: unknown variable 'T_ZEBRA'"},
        {"T_FEATURES=[a", NULL,
         "environment T_FEATURES:2:1: while parsing a flow sequence, did not find "
         "expected ',' or ']'"},
        {"T_NAME=\xff", NULL,
         "environment T_NAME: name: the text is not UTF-8 or holds control characters"},
        {NULL, "http.port", "--set http.port: expected key=value"},
        {NULL, "=1", "--set: unknown key ''"},
        {NULL, "http.prt=1", "--set: unknown key 'http.prt', did you mean 'http.port'?"},
        {NULL, "train.rate= 1", "--set train.rate: train.rate: expected a number, not ' 1'"},
        {NULL, "data.columns=1,2",
         "--set data.columns: data.columns: expected a list like "
         "[1, 3, 11-15], not '1,2'"},
        {NULL, "data.columns=[1,,2]",
         "--set data.columns: data.columns: expected whole numbers "
         "and ascending ranges like 11-15, not ''"},
        {NULL, "data.columns=[1,]",
         "--set data.columns: data.columns: expected whole numbers "
         "and ascending ranges like 11-15, not ''"},
        {NULL, "features=[a",
         "--set features:2:1: while parsing a flow sequence, did not find expected "
         "',' or ']'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *environment[] = {cases[i].variable, NULL};
        struct loaded a = load_all(NULL, environment, &cases[i].set, cases[i].set == NULL ? 0 : 1);
        assert_int_equal(a.code, STATUS_CONFIG);
        assert_string_equal(a.text, cases[i].text);
    }
}

// Dumps `from`, loads that file, and demands the same dump and the same values.
static void check_round_trip(struct loaded *from)
{
    struct buf first, second;
    buf_init(&first, 1 << 20);
    buf_init(&second, 1 << 20);
    cfg_dump(&table, &from->config, &first);
    assert_int_equal(buf_status(&first), STATUS_OK);
    struct loaded again = load(first.data);
    assert_string_equal(again.text, "");
    cfg_dump(&table, &again.config, &second);
    assert_string_equal(first.data, second.data);
    assert_int_equal(from->config.on, again.config.on);
    assert_int_equal(from->config.port, again.config.port);
    assert_true(from->config.any == again.config.any);
    assert_memory_equal(&from->config.rate, &again.config.rate, sizeof(double));
    assert_string_equal(from->config.name, again.config.name);
    assert_int_equal(from->config.loss, again.config.loss);
    check_ints(&again.config.columns, from->config.columns.count, from->config.columns.items);
    unload(&again);
    buf_fini(&first);
    buf_fini(&second);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "on=false",
        "on=true",
        "http.port=0",
        "http.port=65535",
        "http.max_body=12",
        "http.max_body=2g",
        "any=-9223372036854775808",
        "any=9223372036854775807",
        "train.rate=0.1",
        "train.rate=4.9e-324",
        "train.rate=0.30000000000000004",
        "train.rate=1",
        "name=null",
        "name=~",
        "name=true",
        "name= two  blanks ",
        "name=\"quoted\" \\ back",
        "name=# no comment",
        "name=a: b",
        "name=\xC3\xA9\xF0\x9F\x98\x80",
        "name=[x",
        "train.loss=pointce",
        "data.columns=[]",
        "data.columns=",
        "data.columns=[ 1000 , 1-3 ]",
        "train.deep.er=-0.5",
    };
    struct loaded plain = load(NULL);
    check_round_trip(&plain);
    unload(&plain);
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        struct loaded a = load_all(NULL, NULL, &sets[i], 1);
        assert_string_equal(a.text, "");
        check_round_trip(&a);
        unload(&a);
    }
}

// For every option: its default through --set and through the environment is the default again.
static void test_every_option(void **state)
{
    (void)state;
    struct buf plain, other;
    buf_init(&plain, 1 << 20);
    buf_init(&other, 1 << 20);
    struct loaded base = load(NULL);
    cfg_dump(&table, &base.config, &plain);
    unload(&base);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].kind == CFG_TREE)
            continue;
        char set[128], variable[160];
        snprintf(set, sizeof(set), "%s=%s", options[i].key, options[i].fallback);
        snprintf(variable, sizeof(variable), "T_%s", set);
        for (char *c = variable; *c != '='; c++)
            *c = (char)(*c == '.' ? '_' : toupper((unsigned char)*c));
        char *environment[] = {variable, NULL};
        const char *sets[] = {set};
        struct loaded a = load_all(NULL, environment, sets, 1);
        assert_string_equal(a.text, "");
        buf_clear(&other);
        cfg_dump(&table, &a.config, &other);
        assert_string_equal(plain.data, other.data);
        unload(&a);
    }
    buf_fini(&plain);
    buf_fini(&other);
}

static void test_texts(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    cfg_help(&table, &out);
    assert_non_null(strstr(out.data, "  http.port=8080\n      the port\n      (whole number, "
                                     "0 to 65535; T_HTTP_PORT)\n"));
    assert_non_null(
        strstr(out.data, "  any=-1\n      any whole number\n      (whole number; T_ANY)\n"));
    assert_non_null(strstr(out.data, "  train.loss=clid\n      the loss\n      (choice, pointce | "
                                     "clid; T_TRAIN_LOSS)\n"));
    assert_non_null(strstr(out.data, "  features\n      the schema\n      (map or list; "
                                     "T_FEATURES)\n"));
    buf_clear(&out);
    cfg_markdown(&table, &out);
    assert_non_null(strstr(out.data, "| `train.loss` | choice | `clid` | pointce \\| clid | "
                                     "`T_TRAIN_LOSS` | the loss |\n"));
    assert_non_null(strstr(out.data, "| `name` | text |  |  | `T_NAME` | a name \\| label |\n"));
    buf_clear(&out);
    struct loaded a = load(NULL);
    cfg_dump(&table, &a.config, &out);
    assert_string_equal(out.data, "on: true\nhttp:\n  port: 8080\n  max_body: 1048576\nany: -1\n"
                                  "train:\n  rate: 0.001\n  loss: clid\n  deep:\n    er: 2\n"
                                  "name: \"\"\ndata:\n  columns: [1, 3, 4, 5]\n");
    unload(&a);
    buf_fini(&out);
}

// Trees too come from anywhere, the strongest wins whole, and the dump reads back to the same.
static void test_trees(void **state)
{
    (void)state;
    char *empty[] = {"T_FEATURES=", NULL};
    struct loaded none = load_all("features: [1]\n", empty, NULL, 0);
    assert_int_equal(none.code, STATUS_OK);
    assert_null(none.config.features);
    unload(&none);
    char *environment[] = {"T_FEATURES=[{name: weak}]", NULL};
    const char *set = "features=[{name: \"a b\", size: 3}, [x, -y], null, 'q\"']";
    struct loaded a = load_all(NULL, environment, &set, 1);
    assert_int_equal(a.code, STATUS_OK);
    const struct yamldoc_node *tree = a.config.features;
    assert_int_equal(tree->count, 4);
    assert_true(span_is(yamldoc_get(tree->items[0], "name")->text, "a b"));
    struct buf out;
    buf_init(&out, 1 << 20);
    cfg_dump(&table, &a.config, &out);
    assert_non_null(strstr(out.data, "features: [{name: \"a b\", size: 3}, [x, -y], null, "
                                     "\"q\\\"\"]\n"));
    struct loaded b = load(out.data);
    assert_int_equal(b.code, STATUS_OK);
    struct buf again;
    buf_init(&again, 1 << 20);
    cfg_dump(&table, &b.config, &again);
    assert_string_equal(again.data, out.data);
    unload(&a);
    unload(&b);
    buf_fini(&out);
    buf_fini(&again);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"epochs", "batch", "seed", "lr"};
    assert_string_equal(cfg_nearest(span_of("epoch"), names, 4), "epochs");
    assert_string_equal(cfg_nearest(span_of("bacth"), names, 4), "batch"); // one swap
    assert_string_equal(cfg_nearest(span_of("l"), names, 4), "lr");
    assert_null(cfg_nearest(span_of("momentum"), names, 4));
    assert_null(cfg_nearest(span_of(""), names, 4));
    assert_null(cfg_nearest(span_of("batch"), names, 0));
    char large[200] = {0};
    memset(large, 'b', sizeof(large) - 1);
    assert_null(cfg_nearest(span_of(large), names, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_file),
        cmocka_unit_test(test_precedence),   cmocka_unit_test(test_file_faults),
        cmocka_unit_test(test_other_faults), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_option), cmocka_unit_test(test_texts),
        cmocka_unit_test(test_trees),        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
