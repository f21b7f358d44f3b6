// Ranges and histogram in a model file. Oracle: model/checkpoint.h and model/drift.h, by hand.
#include "model/checkpoint.h"

#include "model/safetensors.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint_kinds.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float range[] = {-1.5F, 7};
static const struct make_checkpoint spec = {
    .role = CHECKPOINT_STUDENT,
    .yaml = MAKE_CHECKPOINT_KINDS,
    .seed = 3,
    .attention = {.hidden_count = 1, .hidden = {4}, .activation = DIN_PRELU},
    .range = range,
    .histogram = true,
};

static void round_trip(void **state)
{
    char path[128], twin[128];
    struct checkpoint read;
    struct file_bytes first, second;
    scratch_path(*state, "a", path);
    scratch_path(*state, "b", twin);
    assert_int_equal(make_checkpoint_file(path, &spec, NULL), STATUS_OK);
    assert_int_equal(checkpoint_load(path, &read, NULL), STATUS_OK);
    size_t values = 0;
    assert_non_null(read.ranges);
    for (size_t f = 0; f < read.schema.count; f++) {
        const struct schema_feature *feature = &read.schema.features[f];
        assert_int_equal(read.ranges[f] != NULL, feature->kind == SCHEMA_DENSE);
        for (size_t i = 0; read.ranges[f] != NULL && i < feature->size; i++, values++)
            assert_true(read.ranges[f][i] == -1.5F && read.ranges[f][feature->size + i] == 7);
    }
    assert_int_equal(values, 1 + 2 + 3); // age, price, f
    assert_int_equal(read.pctr.bins, 20);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(read.pctr.counts[i], 50);
        if (i > 0)
            assert_true(read.pctr.edges[i - 1] == (float)i / 20);
    }
    assert_int_equal(checkpoint_write(twin, &read, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, 0, &first, NULL), STATUS_OK);
    assert_int_equal(file_read(twin, 1 << 20, 0, &second, NULL), STATUS_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    file_free(&first);
    file_free(&second);
    checkpoint_fini(&read);
}

// Either may be there without the other, or neither, as in older files; one bin has no edge.
static void parts_of_it(void **state)
{
    char path[128];
    struct checkpoint made, read;
    scratch_path(*state, "parts", path);
    for (unsigned i = 0; i < 5; i++) {
        struct make_checkpoint some = spec;
        some.range = i % 2 == 1 ? range : NULL;
        some.histogram = i >= 2;
        assert_int_equal(make_checkpoint(&some, &made, NULL), STATUS_OK);
        if (i == 4)
            made.pctr = (struct drift_histogram){.bins = 1, .counts = {9}};
        assert_int_equal(checkpoint_write(path, &made, NULL), STATUS_OK);
        assert_int_equal(checkpoint_load(path, &read, NULL), STATUS_OK);
        assert_int_equal(read.ranges != NULL, i % 2 == 1);
        assert_int_equal(read.pctr.bins, i == 4 ? 1 : i >= 2 ? 20 : 0);
        assert_memory_equal(&read.pctr, &made.pctr, sizeof read.pctr);
        checkpoint_fini(&made);
        checkpoint_fini(&read);
    }
}

static void is_described(void **state)
{
    (void)state;
    struct checkpoint made;
    struct buf text;
    buf_init(&text, 1 << 16);
    assert_int_equal(make_checkpoint(&spec, &made, NULL), STATUS_OK);
    assert_int_equal(checkpoint_describe(&made, &text), STATUS_OK);
    checkpoint_fini(&made);
    assert_non_null(strstr(text.data, "  age  -1.5 to 7\n"));
    assert_non_null(strstr(text.data, "  price[1]  -1.5 to 7\n"));
    assert_non_null(strstr(text.data, "histogram    of 1000 pCTR in 20 bins\n"
                                      "  0.0000000 to 0.0500000  50\n"));
    assert_non_null(strstr(text.data, "  0.9500000 to 1.0000000  50\n"));
    buf_clear(&text);
    struct make_checkpoint plain = spec;
    plain.range = NULL;
    plain.histogram = false;
    assert_int_equal(make_checkpoint(&plain, &made, NULL), STATUS_OK);
    assert_int_equal(checkpoint_describe(&made, &text), STATUS_OK);
    checkpoint_fini(&made);
    assert_non_null(strstr(text.data, "ranges       none\nhistogram    none\n"));
    buf_fini(&text);
}

static void writer_refuses(void **state)
{
    char path[128];
    struct checkpoint made;
    struct diag diag = {0};
    scratch_path(*state, "never", path);
    assert_int_equal(make_checkpoint(&spec, &made, NULL), STATUS_OK);
    static const float upside_down[] = {2, 1};
    for (size_t f = 0; f < made.schema.count; f++)
        if (strcmp(made.schema.features[f].name, "age") == 0)
            made.ranges[f] = upside_down;
    assert_int_equal(checkpoint_write(path, &made, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.path, "range.age");
    free(made.ranges);
    made.ranges = NULL;
    made.pctr.edges[7] = 0.1F;
    assert_int_equal(checkpoint_write(path, &made, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.path, "pctr.edges");
    assert_false(file_exists(path));
    checkpoint_fini(&made);
}

// The honest file after replacing each `from` by `to` (of equal length) and sealing it.
static void changed(void *const *state, const char *from, const void *to, size_t size,
                    const char *words)
{
    char path[128], text[800];
    struct file_bytes bytes;
    struct checkpoint read;
    struct diag diag = {0};
    scratch_path(*state, "changed", path);
    assert_int_equal(make_checkpoint_file(path, &spec, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, 0, &bytes, NULL), STATUS_OK);
    unsigned char *at = memmem(bytes.data, bytes.size, from, size);
    assert_non_null(at);
    for (; at != NULL; at = memmem(bytes.data, bytes.size, from, size))
        memcpy(at, to, size);
    assert_true(safetensors_seal(bytes.data, bytes.size));
    enum status code = checkpoint_parse(&bytes, "x.safetensors", &read, &diag);
    diag_format(&diag, text, sizeof text);
    if (code != STATUS_CORRUPT || strstr(text, words) == NULL)
        fail_msg("wanted \"%s\", got %s: %s", words, status_label(code), text);
    file_free(&bytes);
}

static void text_changed(void *const *state, const char *from, const char *to, const char *words)
{
    assert_int_equal(strlen(from), strlen(to));
    changed(state, from, to, strlen(from), words);
}

static void loader_refuses(void **state)
{
    text_changed(state, "range.price", "range.prize", "range.price: the tensor is missing");
    text_changed(state, "\"pctr.edges\"", "\"pctr.hedge\"", "pctr.edges: the tensor is missing");
    text_changed(state, "\"pctr.counts\"", "\"pctr.county\"", "pctr.counts: the tensor is missing");
    text_changed(state, "\\\"bins\\\":20", "\\\"bins\\\":19",
                 "pctr.edges: expected F32 (18), got F32 (19)");
    text_changed(state, "\\\"bins\\\":20", "\\\"bins\\\":21", "21 bins are not in 0..20");
    text_changed(state, "\\\"bins\\\":20", "\\\"bins\\\":-1", "-1 bins are not in 0..20");
    text_changed(state, "\\\"bins\\\":20", "\\\"bins\\\": 0",
                 "pctr.edges: a student has no such tensor");
    text_changed(state, "\\\"bins\\\":20", "\\\"bins\\\":{}", "bins: expected an integer");
    text_changed(state, "\\\"bins\\\"", "\\\"bind\\\"", "unknown key \"bind\"");
    text_changed(state, "\\\"ranges\\\":true", "\\\"ranges\\\":1   ", "ranges");
    text_changed(state, "\\\"ranges\\\":true", "\\\"ranges\\\":null", "ranges");
    text_changed(state, "\\\"drift\\\"", "\\\"draft\\\"", "unknown key \"draft\"");
    const float low[2] = {-1.5F, -1.5F}, high[2] = {8, -1.5F};
    changed(state, (const char *)low, high, sizeof low, "range.price: of value 0 is not finite");
    const float edges[2] = {0.05F, 0.1F}, swapped[2] = {0.1F, 0.05F};
    changed(state, (const char *)edges, swapped, sizeof edges,
            "pctr.edges: edge 1 is not above the one before");
    const uint64_t counts[2] = {50, 50}, huge[2] = {UINT64_MAX, 49};
    changed(state, (const char *)counts, huge, sizeof counts, "pctr.counts: count 0 is too large");
    const uint64_t none[2] = {0, 0};
    changed(state, (const char *)counts, none, sizeof counts, "pctr.counts: all counts are 0");
}

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make(&scratch);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),     cmocka_unit_test(parts_of_it),
        cmocka_unit_test(is_described),   cmocka_unit_test(writer_refuses),
        cmocka_unit_test(loader_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
