// Oracle: design 7, by hand; files are honest ones with one thing changed and the digest set anew.
#include "model/checkpoint.h"

#include "model/safetensors.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t hidden[] = {20, 6};
static const struct make_checkpoint honest = {
    .role = CHECKPOINT_STUDENT,
    .features = "f:item:5:log1p,h:context:2,u:user:1:default",
    .hidden = hidden,
    .hidden_count = 2,
    .seed = 7,
};

static void test_what_was_written_is_read(void **state)
{
    char path[128], twin[128];
    struct checkpoint made, read;
    struct file_bytes first, second;
    scratch_path(*state, "a", path);
    scratch_path(*state, "b", twin);
    assert_int_equal(make_checkpoint(&honest, &made, NULL), STATUS_OK);
    assert_int_equal(checkpoint_write(path, &made, NULL), STATUS_OK);
    assert_int_equal(checkpoint_load(path, &read, NULL), STATUS_OK);
    assert_int_equal(read.role, CHECKPOINT_STUDENT);
    assert_int_equal(read.schema.shared_width, 3);
    assert_int_equal(read.schema.row_width, 5);
    assert_int_equal(read.layer_count, 3);
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(read.layers[k].in, made.layers[k].in);
        assert_int_equal(read.layers[k].out, made.layers[k].out);
        assert_memory_equal(read.layers[k].weight, made.layers[k].weight,
                            made.layers[k].in * made.layers[k].out * sizeof(float));
        assert_memory_equal(read.layers[k].bias, made.layers[k].bias,
                            made.layers[k].out * sizeof(float));
    }
    assert_int_equal(read.golden_rows, 8);
    assert_memory_equal(read.golden_shared, made.golden_shared, 8 * 3 * sizeof(float));
    assert_memory_equal(read.golden_row, made.golden_row, 8 * 5 * sizeof(float));
    assert_memory_equal(read.golden_logit, made.golden_logit, 8 * sizeof(float));
    assert_string_equal(read.lineage, "{\"method\":\"random\",\"seed\":7}");
    assert_int_equal(strlen(read.sha256), 64);

    // What was read writes back to the same bytes.
    assert_int_equal(checkpoint_write(twin, &read, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, 0, &first, NULL), STATUS_OK);
    assert_int_equal(file_read(twin, 1 << 20, 0, &second, NULL), STATUS_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    file_free(&first);
    file_free(&second);
    checkpoint_fini(&made);
    checkpoint_fini(&read);
}

// Loads the honest file after replacing each `from` by `to` (of equal length) and sealing it.
static void changed(const char *from, const char *to, const void *state, const char *words)
{
    char path[128], text[800];
    struct file_bytes bytes;
    struct checkpoint read;
    struct diag diag = {0};
    scratch_path(state, "changed", path);
    assert_int_equal(strlen(from), strlen(to));
    assert_int_equal(make_checkpoint_file(path, &honest, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, 0, &bytes, NULL), STATUS_OK);
    unsigned char *at = memmem(bytes.data, bytes.size, from, strlen(from));
    if (at == NULL)
        fail_msg("%s is not in the file", from);
    for (; at != NULL; at = memmem(bytes.data, bytes.size, from, strlen(from)))
        memcpy(at, to, strlen(to));
    assert_true(safetensors_seal(bytes.data, bytes.size));
    enum status code = checkpoint_parse(&bytes, "x.safetensors", &read, &diag);
    diag_format(&diag, text, sizeof text);
    if (code != STATUS_CORRUPT || strstr(text, words) == NULL ||
        strstr(text, "x.safetensors") != text)
        fail_msg("%s -> %s gave %s: %s", from, to, status_label(code), text);
    file_free(&bytes);
}

static void test_refuses_what_does_not_fit(void **state)
{
    changed("ctr-student-1", "ctr-student-2", *state, "format \"ctr-student-2\" is not");
    changed("\"format\"", "\"formal\"", *state, "format is missing");
    changed("\"manifest\"", "\"manifold\"", *state, "manifest is missing");
    changed("mlp.0.bias", "mlp.9.bias", *state, "mlp.0.bias: the tensor is missing");
    changed("golden.logit", "golden.logic", *state, "golden.logit: the tensor is missing");
    changed("golden.input.f", "golden.input.g", *state, "golden.input.f: the tensor is missing");
    changed("[8,20,6,1]", "[8,20,5,1]", *state, "expected F32 (5,20), got F32 (6,20)");
    changed("[8,20,6,1]", "[7,20,6,1]", *state, "reads 7 columns, the features have 8");
    changed("[8,20,6,1]", "[9,20,6,1]", *state, "wider than the served inputs");
    changed("[8,20,6,1]", "[8,20,6,2]", *state, "gives 2 values, not one logit");
    changed("[8,20,6,1]", "[8,20,6,0]", *state, "width 3 is not an integer");
    changed("[8,20,6,1]", "[8,2.,6,1]", *state, "manifest");
    changed("[8,20,6,1]", "[        ]", *state, "0 widths are not in 2..17");
    changed("\\\"relu\\\"", "\\\"gelu\\\"", *state, "activation is \"gelu\"");
    changed("\\\"precision\\\"", "\\\"decision_\\\"", *state, "unknown key \"decision_\"");
    changed("\\\"lineage\\\"", "\\\"lignage\\\"", *state, "the nearest known is lineage");
    changed("\\\"identity\\\"", "\\\"identify\\\"", *state, "identify");
    changed("\\\"scope\\\":\\\"item\\\"", "\\\"scope\\\":\\\"user\\\"", *state, "out of the order");
    changed("\\\"privileged\\\":false,\\\"scope\\\":\\\"item\\\"",
            "\\\"privileged\\\":true ,\\\"scope\\\":\\\"item\\\"", *state,
            "a student has the privileged feature \"f\"");
    changed("\\\"size\\\":5", "\\\"size\\\":4", *state, "wider than the served inputs");
    changed("\"F32\"", "\"U8\" ", *state, "do not make");
}

// Knots go through a file as they are; a map without knots leaves no tensor.
static void test_calibration_is_kept(void **state)
{
    static const double x[] = {-1.5, 0, 0.3}, y[] = {0.1, 0.1, 0.7}, p[] = {0, 0.5, 1};
    const struct calibrate maps[] = {
        {.kind = CALIBRATE_ISOTONIC, .knots = 3, .x = x, .y = y, .shift = -0.5},
        {.kind = CALIBRATE_SIR, .knots = 3, .x = p, .y = y},
        {.kind = CALIBRATE_PLATT, .slope = 0.1, .intercept = -1.0 / 3},
    };
    for (size_t i = 0; i < 3; i++) {
        char path[128], twin[128];
        struct checkpoint made, read;
        struct file_bytes first, second;
        struct buf text;
        scratch_path(*state, "calibrated", path);
        scratch_path(*state, "calibrated-twin", twin);
        assert_int_equal(make_checkpoint(&honest, &made, NULL), STATUS_OK);
        made.calibrate = maps[i];
        assert_int_equal(checkpoint_write(path, &made, NULL), STATUS_OK);
        assert_int_equal(checkpoint_load(path, &read, NULL), STATUS_OK);
        assert_int_equal(read.calibrate.kind, maps[i].kind);
        assert_true(read.calibrate.shift == maps[i].shift);
        assert_true(read.calibrate.slope == maps[i].slope);
        assert_true(read.calibrate.intercept == maps[i].intercept);
        assert_int_equal(read.calibrate.knots, maps[i].knots);
        for (size_t k = 0; k < maps[i].knots; k++)
            assert_true(read.calibrate.x[k] == maps[i].x[k] && read.calibrate.y[k] == maps[i].y[k]);
        assert_memory_equal(read.golden_logit, made.golden_logit, 8 * sizeof(float));
        assert_int_equal(checkpoint_write(twin, &read, NULL), STATUS_OK);
        assert_int_equal(file_read(path, 1 << 20, 0, &first, NULL), STATUS_OK);
        assert_int_equal(file_read(twin, 1 << 20, 0, &second, NULL), STATUS_OK);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
        buf_init(&text, 1 << 16);
        assert_int_equal(checkpoint_describe(&read, &text), STATUS_OK);
        assert_non_null(strstr(text.data, i == 0 ? "then isotonic, 3 knots" : "calibration  "));
        buf_fini(&text);
        file_free(&first);
        file_free(&second);
        checkpoint_fini(&made);
        checkpoint_fini(&read);
    }
}

// Writes what checkpoint_write would, with another calibration and other tensors.
static void refuses_calibrated(const void *state, const char *calibration,
                               const struct safetensors_tensor *tensors, size_t count,
                               const char *words)
{
    static const char rest[] =
        ",\"features\":[{\"kind\":\"dense\",\"name\":\"f\","
        "\"privileged\":false,\"scope\":\"item\",\"size\":2,\"source\":\"sent\",\"transform\":"
        "\"none\"}],\"lineage\":{},\"network\":{\"activation\":\"relu\",\"kind\":\"mlp\","
        "\"precision\":\"fp32\",\"widths\":[2,1]}}";
    char manifest[1000];
    snprintf(manifest, sizeof manifest, "{\"calibration\":%s%s", calibration, rest);
    const struct safetensors_note notes[] = {{"format", "ctr-student-1"}, {"manifest", manifest}};
    char path[128], text[800];
    struct checkpoint read;
    struct diag diag = {0};
    scratch_path(state, "tensors", path);
    assert_int_equal(safetensors_write(path, tensors, count, notes, 2, NULL), STATUS_OK);
    enum status code = checkpoint_load(path, &read, &diag);
    if (words == NULL) {
        assert_int_equal(code, STATUS_OK);
        checkpoint_fini(&read);
        return;
    }
    diag_format(&diag, text, sizeof text);
    if (code != STATUS_CORRUPT || strstr(text, words) == NULL)
        fail_msg("wanted \"%s\", got %s: %s", words, status_label(code), text);
}

static void refuses_tensors(const void *state, const struct safetensors_tensor *tensors,
                            size_t count, const char *words)
{
    refuses_calibrated(state, "{\"kind\":\"identity\"}", tensors, count, words);
}

static void test_refuses_bad_knots(void **state)
{
    static const char two[] = "{\"kind\":\"isotonic\",\"knots\":2}";
    float weight[2] = {1, 2}, bias[1] = {0}, input[2] = {0}, logit[1] = {0};
    double x[] = {-1, 1, 2}, y[] = {0.25, 0.5, 0.75};
    struct safetensors_tensor tensors[] = {
        {"mlp.0.weight", SAFETENSORS_F32, 2, {1, 2}, weight},
        {"mlp.0.bias", SAFETENSORS_F32, 1, {1}, bias},
        {"golden.input.f", SAFETENSORS_F32, 2, {1, 2}, input},
        {"golden.logit", SAFETENSORS_F32, 1, {1}, logit},
        {"cal.x", SAFETENSORS_F64, 1, {2}, x},
        {"cal.y", SAFETENSORS_F64, 1, {2}, y},
    };
    refuses_calibrated(*state, two, tensors, 6, NULL);
    refuses_calibrated(*state, two, tensors, 5, "cal.y: the tensor is missing");
    refuses_calibrated(*state, two, tensors, 4, "cal.x: the tensor is missing");
    refuses_tensors(*state, tensors, 6, "cal.x: a student has no such tensor");
    tensors[4].shape[0] = tensors[5].shape[0] = 3;
    refuses_calibrated(*state, two, tensors, 6, "cal.x: expected F64 (2), got F64 (3)");
    tensors[4].shape[0] = 2;
    refuses_calibrated(*state, two, tensors, 6, "cal.y: expected F64 (2), got F64 (3)");
    tensors[5].shape[0] = 2;
    tensors[5].dtype = SAFETENSORS_U64;
    refuses_calibrated(*state, two, tensors, 6, "cal.y: expected F64 (2), got U64 (2)");
    tensors[5].dtype = SAFETENSORS_F64;
    x[1] = -1;
    refuses_calibrated(*state, two, tensors, 6, "cal.x: knot 1");
    x[1] = 1;
    y[1] = 0.125;
    refuses_calibrated(*state, two, tensors, 6, "cal.y: knot 1");
    y[1] = NAN;
    refuses_calibrated(*state, two, tensors, 6, "cal.y: knot 1");
    y[1] = 0.5;
    refuses_calibrated(*state, "{\"kind\":\"sir\",\"knots\":2}", tensors, 6, "from 0 to 1");
    refuses_calibrated(*state, "{\"kind\":\"temperature\",\"temperature\":0}", tensors, 4,
                       "calibration.temperature");
    refuses_calibrated(*state, "{\"kind\":\"identity\",\"shift\":1}", tensors, 4,
                       "calibration.shift");
}

static void test_refuses_bad_tensors(void **state)
{
    float weight[2] = {1, 2}, bias[1] = {0}, input[18] = {0}, logit[9] = {0};
    struct safetensors_tensor tensors[] = {
        {"mlp.0.weight", SAFETENSORS_F32, 2, {1, 2}, weight},
        {"mlp.0.bias", SAFETENSORS_F32, 1, {1}, bias},
        {"golden.input.f", SAFETENSORS_F32, 2, {2, 2}, input},
        {"golden.logit", SAFETENSORS_F32, 1, {2}, logit},
        {"emb.user", SAFETENSORS_F32, 1, {1}, bias},
    };
    refuses_tensors(*state, tensors, 4, NULL);
    refuses_tensors(*state, tensors, 5, "emb.user: a student has no such tensor");
    tensors[4].name = "golden.input.g";
    refuses_tensors(*state, tensors, 5, "golden.input.g: a student has no such tensor");
    weight[1] = NAN;
    refuses_tensors(*state, tensors, 4, "mlp.0.weight: value 1 is not finite");
    weight[1] = 2;
    bias[0] = -INFINITY;
    refuses_tensors(*state, tensors, 4, "mlp.0.bias: value 0 is not finite");
    bias[0] = 0;
    input[3] = 2e6f; // over the clamp of raw values
    refuses_tensors(*state, tensors, 4, "golden.input.f: value 1 is out of range");
    input[3] = 1e6f;
    refuses_tensors(*state, tensors, 4, NULL);
    logit[1] = NAN;
    refuses_tensors(*state, tensors, 4, "golden.logit: value 1 is not finite");
    logit[1] = 0;
    tensors[3].shape[0] = 3;
    refuses_tensors(*state, tensors, 4, "golden.input.f: expected F32 (3,2), got F32 (2,2)");
    tensors[2].shape[0] = tensors[3].shape[0] = 9;
    refuses_tensors(*state, tensors, 4, "9 rows are more than 8");
}

static void test_hostile_students(void **state)
{
    char path[128];
    struct checkpoint read;
    struct diag diag = {0};
    scratch_path(*state, "hostile", path);
    assert_int_equal(make_checkpoint_widened(path, &honest, NULL), STATUS_OK);
    assert_int_equal(checkpoint_load(path, &read, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.words, "the first layer is wider than the served inputs: it reads 9 "
                                    "columns, the features have 8");
    assert_string_equal(diag.file, path);
    assert_int_equal(make_checkpoint_disguised(path, &honest, NULL), STATUS_OK);
    assert_int_equal(checkpoint_load(path, &read, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.words, "a student has the privileged feature \"f_hidden\"");
    assert_int_equal(checkpoint_load("/nowhere/x", &read, &diag), STATUS_NOT_FOUND);
}

static void test_writer_refuses(void **state)
{
    char path[128];
    struct checkpoint made;
    struct diag diag = {0};
    scratch_path(*state, "never", path);
    assert_int_equal(make_checkpoint(&honest, &made, NULL), STATUS_OK);
    float *weight = made.owned, kept = weight[3];
    weight[3] = INFINITY;
    assert_int_equal(checkpoint_write(path, &made, &diag), STATUS_CORRUPT);
    assert_non_null(strstr(diag.words, "value 3 is not finite"));
    weight[3] = kept;
    made.lineage[0] = '[';
    assert_int_not_equal(checkpoint_write(path, &made, &diag), STATUS_OK);
    made.lineage[0] = '{';
    made.schema.features[0].privileged = true;
    assert_int_equal(checkpoint_write(path, &made, &diag), STATUS_CORRUPT);
    assert_false(file_exists(path));
    checkpoint_fini(&made);
}

static void test_describes(void **state)
{
    (void)state;
    struct make_checkpoint spec = honest;
    struct checkpoint made;
    struct buf text;
    buf_init(&text, 1 << 16);
    spec.features = "f:item:5:log1p,h:context:2";
    assert_int_equal(make_checkpoint(&spec, &made, NULL), STATUS_OK);
    assert_int_equal(checkpoint_describe(&made, &text), STATUS_OK);
    checkpoint_fini(&made);
    assert_non_null(strstr(text.data, "student (ctr-student-1)"));
    assert_non_null(strstr(text.data, "inputs       2 once a request, 5 for each candidate"));
    assert_non_null(strstr(text.data, "item, 5 dense, transform log1p"));
    // 20*8 + 6*21 + 7
    assert_non_null(strstr(text.data, "7 -> 20 -> 6 -> 1, ReLU between, fp32, 293 numbers"));
    assert_non_null(strstr(text.data, "0-1  h  served\n  2-6  f  served\n"));
    assert_non_null(strstr(text.data, "7 of 7 columns are served: no privileged input is there"));
    buf_clear(&text);

    spec.role = CHECKPOINT_TEACHER;
    spec.features = "f:item:5,p:item:2:privileged";
    assert_int_equal(make_checkpoint(&spec, &made, NULL), STATUS_OK);
    assert_int_equal(checkpoint_describe(&made, &text), STATUS_OK);
    checkpoint_fini(&made);
    assert_non_null(strstr(text.data, "5-6  p  privileged\n"));
    assert_non_null(strstr(text.data, "2 of 7 columns are privileged: this model cannot serve"));
    buf_fini(&text);
}

static void test_describes_letor_columns(void **state)
{
    (void)state;
    struct make_checkpoint spec = honest;
    struct checkpoint made;
    struct schema letor;
    struct buf text;
    const uint32_t privileged[] = {3, 6};
    buf_init(&text, 1 << 16);
    spec.features = "f:item:5";
    assert_int_equal(make_checkpoint(&spec, &made, NULL), STATUS_OK);
    schema_fini(&made.schema);
    assert_int_equal(schema_letor(7, privileged, 2, false, SCHEMA_LOG1P, &letor, NULL), STATUS_OK);
    assert_int_equal(schema_student(&letor, &made.schema, NULL), STATUS_OK);
    assert_int_equal(checkpoint_describe(&made, &text), STATUS_OK);
    assert_non_null(strstr(text.data, "LETOR columns 1-2, 4-5, 7\n"));
    schema_fini(&letor);
    checkpoint_fini(&made);
    buf_fini(&text);
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
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_refuses_what_does_not_fit),
        cmocka_unit_test(test_refuses_bad_tensors),
        cmocka_unit_test(test_calibration_is_kept),
        cmocka_unit_test(test_refuses_bad_knots),
        cmocka_unit_test(test_hostile_students),
        cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_describes),
        cmocka_unit_test(test_describes_letor_columns),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
