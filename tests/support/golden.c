#include "tests/support/golden.h"

#include "base/file.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GOLDEN_LIMIT_BYTES = 64 << 20, GOLDEN_MAX_NOT_YET = 64 };

struct golden_block {
    struct golden_block *next;
    max_align_t data[];
};

struct golden {
    const char *file;
    struct json_value *root;
    const struct json_value *cases, *tolerance;
    const struct golden_op *ops;
    size_t op_count;
    struct golden_block *blocks; // of the running case
    struct {
        char what[96];
        size_t count;
    } not_yet[GOLDEN_MAX_NOT_YET];
    size_t not_yet_count;
};

static void golden_fault(const struct golden_case *c, const char *field, const char *what)
{
    fail_msg("%s, case '%s', %s: %s", c->golden->file, c->name, field, what);
}

void *golden_memory(const struct golden_case *c, size_t count, size_t bytes)
{
    assert_true(bytes > 0 && count < SIZE_MAX / 2 / bytes);
    struct golden_block *block = calloc(1, sizeof(*block) + count * bytes + 1);
    assert_non_null(block);
    block->next = c->golden->blocks;
    c->golden->blocks = block;
    return block->data;
}

static void golden_forget(struct golden *golden)
{
    while (golden->blocks != NULL) {
        struct golden_block *next = golden->blocks->next;
        free(golden->blocks);
        golden->blocks = next;
    }
}

// ---- reading

const struct json_value *golden_member(const struct golden_case *c, const struct json_value *map,
                                       const char *key)
{
    const struct json_value *value = json_value_get(map, key);
    if (value == NULL)
        golden_fault(c, key, "is missing in the file");
    return value;
}

static double number_of(const struct golden_case *c, const struct json_value *value,
                        const char *field)
{
    enum json_value_kind kind = json_value_kind(value);
    if (kind == JSON_VALUE_NULL)
        return (double)NAN;
    if (kind != JSON_VALUE_INT && kind != JSON_VALUE_REAL)
        golden_fault(c, field, "is no number in the file");
    return json_value_number(value);
}

double golden_number(const struct golden_case *c, const struct json_value *map, const char *key)
{
    return number_of(c, golden_member(c, map, key), key);
}

size_t golden_size(const struct golden_case *c, const struct json_value *map, const char *key)
{
    const struct json_value *value = golden_member(c, map, key);
    if (json_value_kind(value) != JSON_VALUE_INT || json_value_int(value) < 0)
        golden_fault(c, key, "is no size in the file");
    return (size_t)json_value_int(value);
}

const char *golden_text(const struct golden_case *c, const struct json_value *map, const char *key)
{
    const struct json_value *value = golden_member(c, map, key);
    if (json_value_kind(value) != JSON_VALUE_TEXT)
        golden_fault(c, key, "is no text in the file");
    return json_value_text(value).data;
}

static size_t leaves(const struct json_value *value)
{
    if (json_value_kind(value) != JSON_VALUE_LIST)
        return 1;
    size_t count = 0;
    for (size_t i = 0; i < json_value_size(value); i++)
        count += leaves(json_value_at(value, i));
    return count;
}

static double *flatten(const struct golden_case *c, const struct json_value *value, double *out)
{
    if (json_value_kind(value) != JSON_VALUE_LIST) {
        *out = number_of(c, value, "an element of a list");
        return out + 1;
    }
    for (size_t i = 0; i < json_value_size(value); i++)
        out = flatten(c, json_value_at(value, i), out);
    return out;
}

double *golden_doubles(const struct golden_case *c, const struct json_value *list,
                       size_t *ret_count)
{
    size_t count = leaves(list);
    double *values = golden_memory(c, count, sizeof(*values));
    flatten(c, list, values);
    *ret_count = count;
    return values;
}

float *golden_floats(const struct golden_case *c, const struct json_value *list, size_t *ret_count)
{
    const double *wide = golden_doubles(c, list, ret_count);
    float *values = golden_memory(c, *ret_count, sizeof(*values));
    for (size_t i = 0; i < *ret_count; i++) {
        values[i] = (float)wide[i];
        if (!isnan(wide[i]) && (double)values[i] != wide[i])
            golden_fault(c, "an element of a list", "is not exact in float32");
    }
    return values;
}

// ---- comparing

struct golden_want golden_want(const struct golden_case *c, enum golden_precision precision,
                               const struct json_value *map, const char *key)
{
    return (struct golden_want){c, NULL, precision, key, golden_member(c, map, key)};
}

static double tolerance(const struct golden_want *want, double scale)
{
    const struct golden_case *c = want->c;
    const char *class = want->tolerance_class != NULL ? want->tolerance_class : c->tolerance_class;
    const struct json_value *entry = golden_member(c, c->golden->tolerance, class);
    entry = golden_member(c, entry, want->precision == GOLDEN_F64 ? "f64" : "f32");
    return golden_number(c, entry, "atol") + golden_number(c, entry, "rtol") * scale;
}

static void compare(const struct golden_want *want, const char *place, double got, double expected,
                    double allowed)
{
    bool same = isnan(expected) ? isnan(got) : isfinite(got) && fabs(got - expected) <= allowed;
    if (!same)
        fail_msg("%s, case '%s', %s%s: got %.17g, want %.17g, allowed %.3g", want->c->golden->file,
                 want->c->name, want->field, place, got, expected, allowed);
}

void golden_is_number(const struct golden_want *want, double got)
{
    double expected = number_of(want->c, want->value, want->field);
    compare(want, "", got, expected, tolerance(want, fabs(expected)));
}

void golden_is_doubles(const struct golden_want *want, const double *got, size_t count)
{
    if (json_value_kind(want->value) != JSON_VALUE_LIST)
        golden_fault(want->c, want->field, "is no list in the file");
    size_t expected_count;
    const double *expected = golden_doubles(want->c, want->value, &expected_count);
    if (count != expected_count)
        fail_msg("%s, case '%s', %s: got %zu values, want %zu", want->c->golden->file,
                 want->c->name, want->field, count, expected_count);
    double scale = 0;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(expected[i])); // fmax passes over a NaN
    double allowed = tolerance(want, scale);
    for (size_t i = 0; i < count; i++) {
        char place[32];
        snprintf(place, sizeof(place), "[%zu]", i);
        compare(want, place, got[i], expected[i], allowed);
    }
}

void golden_is_floats(const struct golden_want *want, const float *got, size_t count)
{
    double *wide = golden_memory(want->c, count, sizeof(*wide));
    for (size_t i = 0; i < count; i++)
        wide[i] = (double)got[i];
    golden_is_doubles(want, wide, count);
}

static void same_integer(const struct golden_want *want, const char *place,
                         const struct json_value *value, int64_t got)
{
    if (json_value_kind(value) != JSON_VALUE_INT)
        golden_fault(want->c, want->field, "is no integer in the file");
    if (json_value_int(value) != got)
        fail_msg("%s, case '%s', %s%s: got %" PRId64 ", want %" PRId64, want->c->golden->file,
                 want->c->name, want->field, place, got, json_value_int(value));
}

void golden_is_integer(const struct golden_want *want, int64_t got)
{
    same_integer(want, "", want->value, got);
}

void golden_is_integers(const struct golden_want *want, const int64_t *got, size_t count)
{
    if (json_value_kind(want->value) != JSON_VALUE_LIST)
        golden_fault(want->c, want->field, "is no list in the file");
    if (json_value_size(want->value) != count)
        fail_msg("%s, case '%s', %s: got %zu values, want %zu", want->c->golden->file,
                 want->c->name, want->field, count, json_value_size(want->value));
    for (size_t i = 0; i < count; i++) {
        char place[32];
        snprintf(place, sizeof(place), "[%zu]", i);
        same_integer(want, place, json_value_at(want->value, i), got[i]);
    }
}

void golden_is_text(const struct golden_want *want, const char *got)
{
    if (json_value_kind(want->value) != JSON_VALUE_TEXT)
        golden_fault(want->c, want->field, "is no text in the file");
    if (!span_is(json_value_text(want->value), got))
        fail_msg("%s, case '%s', %s: got '%s', want '%s'", want->c->golden->file, want->c->name,
                 want->field, got, json_value_text(want->value).data);
}

// ---- running

void golden_not_yet(const struct golden_case *c, const char *what)
{
    struct golden *golden = c->golden;
    size_t i = 0;
    while (i < golden->not_yet_count && strcmp(golden->not_yet[i].what, what) != 0)
        i++;
    if (i == golden->not_yet_count) {
        assert_true(i < GOLDEN_MAX_NOT_YET);
        snprintf(golden->not_yet[i].what, sizeof(golden->not_yet[i].what), "%s", what);
        golden->not_yet_count++;
    }
    golden->not_yet[i].count++;
}

static const struct golden_op *find_op(const struct golden_case *c)
{
    const struct golden *golden = c->golden;
    for (size_t i = 0; i < golden->op_count; i++)
        if (strcmp(golden->ops[i].name, c->op) == 0)
            return &golden->ops[i];
    fail_msg("%s, case '%s': no test for operation '%s'", golden->file, c->name, c->op);
    return NULL;
}

static void run_cases(void **state)
{
    struct golden *golden = *state;
    size_t checked = 0;
    for (size_t i = 0; i < json_value_size(golden->cases); i++) {
        const struct json_value *entry = json_value_at(golden->cases, i);
        struct golden_case c = {.golden = golden, .name = "(unnamed)"};
        c.name = golden_text(&c, entry, "name");
        c.op = golden_text(&c, entry, "op");
        c.tolerance_class = golden_text(&c, entry, "class");
        c.in = golden_member(&c, entry, "in");
        c.expect = golden_member(&c, entry, "expect");
        const struct golden_op *op = find_op(&c);
        if (op->check != NULL) {
            op->check(&c);
            checked++;
        } else {
            char what[96];
            snprintf(what, sizeof(what), "operation %s: %s", op->name, op->why_not);
            golden_not_yet(&c, what);
        }
        golden_forget(golden);
    }
    print_message("%s: %zu cases checked\n", golden->file, checked);
    for (size_t i = 0; i < golden->not_yet_count; i++)
        print_message("%s: NOT YET, %zu times, %s\n", golden->file, golden->not_yet[i].count,
                      golden->not_yet[i].what);
    assert_true(checked > 0);
}

const char *golden_path(const char *file)
{
    static char path[4096];
    const char *folder = getenv("GOLDEN_DIR");
    if (folder == NULL || folder[0] == '\0')
        folder = "../shared/golden";
    int length = snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (length < 0 || (size_t)length >= sizeof(path))
        abort();
    return path;
}

int golden_absent(const char *path)
{
    const char *ci = getenv("CI");
    bool required = ci != NULL && strcmp(ci, "true") == 0;
    fprintf(stderr, "%s: %s is absent: set GOLDEN_DIR to the folder of expected values\n",
            required ? "FAILED (CI=true)" : "SKIPPED", path);
    return required ? EXIT_FAILURE : GOLDEN_SKIPPED;
}

static int complain(const struct diag *diag)
{
    char text[1024];
    fprintf(stderr, "FAILED: %s\n", diag_format(diag, text, sizeof(text)));
    return EXIT_FAILURE;
}

int golden_run(const char *file, const struct golden_op *ops, size_t count)
{
    struct golden golden = {.file = file, .ops = ops, .op_count = count};
    struct diag diag = {0};
    struct file_bytes bytes;
    const char *path = golden_path(file);
    enum status status = file_read(path, GOLDEN_LIMIT_BYTES, 0, &bytes, &diag);
    if (status == STATUS_NOT_FOUND)
        return golden_absent(path);
    if (status != STATUS_OK)
        return complain(&diag);
    struct span text = {(const char *)bytes.data, bytes.size};
    status = json_value_parse(text, &golden.root, &diag);
    file_free(&bytes);
    const struct json_value *spec = NULL;
    if (status == STATUS_OK)
        status = json_value_need(golden.root, "spec", JSON_VALUE_MAP, &spec, &diag);
    if (status == STATUS_OK)
        status = json_value_need(spec, "tolerance", JSON_VALUE_MAP, &golden.tolerance, &diag);
    if (status == STATUS_OK)
        status = json_value_need(golden.root, "cases", JSON_VALUE_LIST, &golden.cases, &diag);
    int failures = EXIT_FAILURE;
    if (status == STATUS_OK) {
        const struct CMUnitTest tests[] = {
            cmocka_unit_test_prestate(run_cases, &golden),
        };
        failures = cmocka_run_group_tests_name(file, tests, NULL, NULL);
    } else {
        diag_in_file(&diag, path);
        complain(&diag);
    }
    golden_forget(&golden);
    json_value_free(golden.root);
    return failures;
}
