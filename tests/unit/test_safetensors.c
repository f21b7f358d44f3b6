// Oracle: the format as its documentation states it; files are put together here, byte by byte.
#include "model/safetensors.h"

#include "base/digest.h"
#include "base/file.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS16 "0000000000000000"
#define META "\"__metadata__\":{\"a\":\"b\",\"sha256\":\"" ZEROS16 ZEROS16 ZEROS16 ZEROS16 "\"}"

struct crafted {
    unsigned char *data;
    size_t size;
};

// Length, header padded to 64, data; the digest set by its definition, not by safetensors_seal.
static struct crafted craft(const char *header, const void *data, size_t data_size)
{
    size_t length = strlen(header), end = (8 + length + 63) / 64 * 64;
    struct crafted file = {aligned_alloc(64, (end + data_size + 63) / 64 * 64), end + data_size};
    assert_non_null(file.data);
    memset(file.data, ' ', end);
    for (unsigned i = 0; i < 8; i++)
        file.data[i] = (unsigned char)((end - 8) >> (8 * i));
    memcpy(file.data + 8, header, length);
    memcpy(file.data + end, data, data_size);
    unsigned char *digits = memmem(file.data, end, ZEROS16 ZEROS16, 32);
    char hex[DIGEST_HEX + 1];
    digest_hex_of(file.data, file.size, hex);
    if (digits != NULL)
        memcpy(digits, hex, DIGEST_HEX);
    return file;
}

static void refuses(const char *header, const void *data, size_t data_size, const char *words)
{
    struct crafted file = craft(header, data, data_size);
    struct safetensors parsed;
    struct diag diag = {0};
    char text[800];
    enum status code = safetensors_parse(file.data, file.size, &parsed, &diag);
    diag_format(&diag, text, sizeof text);
    if (code != STATUS_CORRUPT || strstr(text, words) == NULL)
        fail_msg("%s\n gave %s: \"%s\", wanted \"%s\"", header, status_label(code), text, words);
    free(file.data);
}

static const float six[6] = {1.5f, -2, 3, 4, 5, 6};

static void test_reads_by_the_format(void **state)
{
    (void)state;
    struct crafted file = craft(
        "{" META ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", six, 24);
    struct safetensors parsed;
    assert_int_equal(safetensors_parse(file.data, file.size, &parsed, NULL), STATUS_OK);
    assert_int_equal(parsed.count, 1);
    const struct safetensors_tensor *w = safetensors_find(&parsed, "w");
    assert_non_null(w);
    assert_int_equal(w->dtype, SAFETENSORS_F32);
    assert_int_equal(w->rank, 2);
    assert_int_equal(w->shape[0], 2);
    assert_int_equal(w->shape[1], 3);
    assert_memory_equal(w->data, six, sizeof six);
    assert_string_equal(safetensors_note(&parsed, "a"), "b");
    assert_null(safetensors_note(&parsed, "c"));
    assert_null(safetensors_find(&parsed, "v"));
    safetensors_fini(&parsed);
    free(file.data);
}

static void test_refuses_bad_places(void **state)
{
    (void)state;
    static const struct {
        const char *entries, *words;
    } cases[] = {
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,28]}", "which has 24"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,24]}", "do not make the 24"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]}", "4 bytes stand behind"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[4,24]}", "a gap behind 0"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[24,0]}", "not two ascending"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[-1,24]}", "not two ascending"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0]}", "not two ascending"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,24]}", "1 to 4 dimensions"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[6,0],\"data_offsets\":[0,0]}", "positive integer"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}", "positive integer"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4,6],\"data_offsets\":[0,24]}",
         "do not make"}, // wraps to 0 in 64 bits
        {"\"w\":{\"dtype\":\"F16\",\"shape\":[12],\"data_offsets\":[0,24]}", "\"F16\""},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[6]}", "expected an object"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24],\"x\":1}",
         "expected an object"},
        {"\"w\":7", "expected an object"},
        {"\"v\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
         "\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[8,24]}",
         "inside what ends at 16"},
        {"\"v\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
         "\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]}",
         "not aligned"},
        {"\"pad.0\":{\"dtype\":\"U8\",\"shape\":[24],\"data_offsets\":[0,24]}", "a pad is U8"},
        {"\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]},"
         "\"w\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}",
         "w"}, // a key twice
        {"\"\\u0000\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char header[600];
        snprintf(header, sizeof header, "{" META ",%s}", cases[i].entries);
        refuses(header, six, 24, cases[i].words);
    }
}

static void test_refuses_bad_headers(void **state)
{
    (void)state;
    refuses("{}", six, 0, "no sha256");
    refuses(" {" META "}", six, 0, "begin with '{'");
    refuses("[" META "]", six, 0, "begin with '{'");
    refuses("{" META "} x", six, 0, "");
    refuses("{" META ",}", six, 0, "");
    refuses("{\"__metadata__\":{\"a\":1,\"sha256\":\"" ZEROS16 ZEROS16 ZEROS16 ZEROS16 "\"}}", six,
            0, "\"a\" is not a text");
    // The digits stand in something else than the metadata.
    refuses("{\"__metadata__\":{\"a\":\"b\"},\"x\":{\"sha256\":\"" ZEROS16 ZEROS16 ZEROS16 ZEROS16
            "\"}}",
            six, 0, "sha256");
    refuses("{" META ",\"x\":{\"sha256\":\"" ZEROS16 ZEROS16 ZEROS16 ZEROS16 "\"}}", six, 0,
            "no sha256");
    // Five bytes of U8 leave 59 of padding, one of which is not zero.
    unsigned char data[68] = {1, 2, 3, 4, 5};
    data[40] = 1;
    refuses("{" META ",\"b\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},"
            "\"pad.0\":{\"dtype\":\"U8\",\"shape\":[59],\"data_offsets\":[5,64]},"
            "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[64,68]}}",
            data, 68, "zeros only");
}

static void test_refuses_bad_lengths(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *words;
    } cases[] = {{UINT64_MAX, "over the limit"},
                 {(16u << 20) + 1, "over the limit"},
                 {16u << 20, "ends inside its header"},
                 {57, "not a multiple of 64"},
                 {0, "not a multiple of 64"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct crafted file = craft("{" META "}", six, 24);
        struct safetensors parsed;
        struct diag diag = {0};
        memcpy(file.data, &cases[i].length, 8);
        assert_int_equal(safetensors_parse(file.data, file.size, &parsed, &diag), STATUS_CORRUPT);
        assert_non_null(strstr(diag.words, cases[i].words));
        assert_int_equal(safetensors_parse(file.data, 7, &parsed, &diag), STATUS_CORRUPT);
        free(file.data);
    }
}

// What is written has the documented shape: read here by eye, not by our reader.
static void test_writes_the_format(void **state)
{
    const struct scratch *scratch = *state;
    static const double d[2] = {0.1, -1e300};
    static const uint64_t u[1] = {UINT64_MAX};
    const struct safetensors_tensor tensors[] = {
        {"b", SAFETENSORS_F32, 1, {3}, six},
        {"d", SAFETENSORS_F64, 2, {2, 1}, d},
        {"u", SAFETENSORS_U64, 1, {1}, u},
    };
    const struct safetensors_note notes[] = {{"format", "x-1"}, {"text", "say \"sha256\":\"0\""}};
    char path[128], again[128];
    scratch_path(scratch, "w", path);
    scratch_path(scratch, "v", again);
    assert_int_equal(safetensors_write(path, tensors, 3, notes, 2, NULL), STATUS_OK);
    assert_int_equal(safetensors_write(again, tensors, 3, notes, 2, NULL), STATUS_OK);
    struct file_bytes bytes, twin;
    assert_int_equal(file_read(path, 1 << 20, 0, &bytes, NULL), STATUS_OK);
    assert_int_equal(file_read(again, 1 << 20, 0, &twin, NULL), STATUS_OK);
    assert_int_equal(bytes.size, twin.size);
    assert_memory_equal(bytes.data, twin.data, bytes.size);

    uint64_t length;
    memcpy(&length, bytes.data, 8);
    assert_int_equal((8 + length) % 64, 0);
    assert_int_equal(bytes.data[8], '{');
    assert_int_equal(bytes.size, 8 + length + 64 + 64 + 8);
    const unsigned char *data = bytes.data + 8 + length;
    static const unsigned char zeros[64];
    assert_memory_equal(data, six, 12);
    assert_memory_equal(data + 12, zeros, 52);
    assert_memory_equal(data + 64, d, 16);
    assert_memory_equal(data + 80, zeros, 48);
    assert_memory_equal(data + 128, u, 8);
    assert_non_null(memmem(bytes.data, bytes.size, "\"shape\":[2,1]", 13));

    // The digest by its definition.
    unsigned char *digits = memmem(bytes.data, 8 + length, ",\"sha256\":\"", 11);
    assert_non_null(digits);
    digits += 11;
    char stored[DIGEST_HEX + 1] = {0}, hex[DIGEST_HEX + 1];
    memcpy(stored, digits, DIGEST_HEX);
    memset(digits, '0', DIGEST_HEX);
    digest_hex_of(bytes.data, bytes.size, hex);
    assert_string_equal(stored, hex);
    file_free(&bytes);
    file_free(&twin);
}

static void test_need_names_the_difference(void **state)
{
    (void)state;
    struct crafted file = craft(
        "{" META ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", six, 24);
    struct safetensors parsed;
    struct diag diag = {0};
    const struct safetensors_tensor *tensor = NULL;
    const size_t right[] = {2, 3}, any[] = {0, 3}, wrong[] = {3, 2};
    assert_int_equal(safetensors_parse(file.data, file.size, &parsed, NULL), STATUS_OK);
    assert_int_equal(safetensors_need(&parsed, "w", SAFETENSORS_F32, 2, right, &tensor, &diag), 0);
    assert_int_equal(safetensors_need(&parsed, "w", SAFETENSORS_F32, 2, any, &tensor, &diag), 0);
    assert_int_equal(safetensors_need(&parsed, "w", SAFETENSORS_F64, 2, any, &tensor, &diag),
                     STATUS_CORRUPT);
    assert_string_equal(diag.words, "expected F64 (?,3), got F32 (2,3)");
    assert_int_equal(safetensors_need(&parsed, "w", SAFETENSORS_F32, 2, wrong, &tensor, &diag),
                     STATUS_CORRUPT);
    assert_int_equal(safetensors_need(&parsed, "w", SAFETENSORS_F32, 1, right, &tensor, &diag),
                     STATUS_CORRUPT);
    assert_int_equal(safetensors_need(&parsed, "v", SAFETENSORS_F32, 1, right, &tensor, &diag),
                     STATUS_CORRUPT);
    assert_string_equal(diag.words, "the tensor is missing");
    safetensors_fini(&parsed);
    free(file.data);
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
        cmocka_unit_test(test_reads_by_the_format),
        cmocka_unit_test(test_refuses_bad_places),
        cmocka_unit_test(test_refuses_bad_headers),
        cmocka_unit_test(test_refuses_bad_lengths),
        cmocka_unit_test(test_writes_the_format),
        cmocka_unit_test(test_need_names_the_difference),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
