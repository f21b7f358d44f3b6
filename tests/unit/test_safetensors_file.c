// Oracle: the tensors as they were given to the writer, and safetensors_parse of the same bytes.
#include "model/safetensors_file.h"

#include "base/file.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT = 4, LONG = 1 << 19 }; // more floats than a block of the reader holds

static struct scratch scratch;
static char path[128];
static const unsigned char bytes[5] = {1, 2, 3, 4, 5};
static const double pair[2] = {-1.5, 1e300};
static const uint64_t numbers[8] = {1, 2, 3, 4, 5, 6, 7, UINT64_MAX};
static float *values;
static struct safetensors_tensor tensors[COUNT] = {
    {"bytes", SAFETENSORS_U8, 1, {5}, bytes},
    {"pair", SAFETENSORS_F64, 2, {1, 2}, pair},
    {"numbers", SAFETENSORS_U64, 2, {2, 4}, numbers}, // 64 bytes: no pad behind
    {"values", SAFETENSORS_F32, 1, {LONG}, NULL},
};
static const struct safetensors_note notes[] = {{"format", "test"}};

static int setup(void **state)
{
    (void)state;
    scratch_make(&scratch);
    scratch_path(&scratch, "t.safetensors", path);
    values = calloc(LONG, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < LONG; i++)
        values[i] = (float)i;
    tensors[COUNT - 1].data = values;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(values);
    scratch_remove(&scratch);
    return 0;
}

static void test_reads_what_was_written(void **state)
{
    (void)state;
    struct safetensors_file file;
    assert_int_equal(safetensors_write(path, tensors, COUNT, notes, 1, NULL), STATUS_OK);
    assert_int_equal(safetensors_file_open(path, &file, NULL), STATUS_OK);
    assert_int_equal(file.tensors.count, COUNT);
    assert_string_equal(safetensors_note(&file.tensors, "format"), "test");
    for (size_t i = COUNT; i-- > 0;) {
        const struct safetensors_tensor *have = NULL;
        assert_int_equal(safetensors_need(&file.tensors, tensors[i].name, tensors[i].dtype,
                                          tensors[i].rank, tensors[i].shape, &have, NULL),
                         STATUS_OK);
        assert_null(have->data);
        size_t size = safetensors_bytes(have);
        assert_int_equal(size, safetensors_bytes(&tensors[i]));
        unsigned char *data = calloc(size + 1, 1);
        assert_non_null(data);
        data[size] = 7;
        assert_int_equal(safetensors_file_read(&file, have, data, NULL), STATUS_OK);
        assert_memory_equal(data, tensors[i].data, size);
        assert_int_equal(data[size], 7); // nothing behind it is written
        free(data);
    }
    safetensors_file_close(&file);
}

// The reader in memory and this one accept and refuse the same, with the same words.
static void check_same(const unsigned char *data, size_t size)
{
    char other[128], words[2][800];
    struct diag diag[2] = {0};
    struct safetensors parsed;
    struct safetensors_file file;
    unsigned char *aligned = aligned_alloc(64, (size / 64 + 1) * 64);
    assert_non_null(aligned);
    memcpy(aligned, data, size);
    scratch_file(&scratch, "other", data, size, other);
    enum status wanted = safetensors_parse(aligned, size, &parsed, &diag[0]);
    enum status got = safetensors_file_open(other, &file, &diag[1]);
    if (wanted == STATUS_OK)
        safetensors_fini(&parsed);
    if (got == STATUS_OK)
        safetensors_file_close(&file);
    else
        diag_in_file(&diag[0], other);
    free(aligned);
    assert_int_equal(got, wanted);
    if (got != STATUS_OK)
        assert_string_equal(diag_format(&diag[1], words[1], sizeof words[1]),
                            diag_format(&diag[0], words[0], sizeof words[0]));
}

static void test_refuses_damage(void **state)
{
    (void)state;
    struct file_bytes whole;
    assert_int_equal(safetensors_write(path, tensors, COUNT - 1, notes, 1, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, 0, &whole, NULL), STATUS_OK);
    check_same(whole.data, whole.size);
    for (size_t size = 0; size < whole.size; size++)
        check_same(whole.data, size);
    for (size_t i = 0; i < whole.size; i++) {
        whole.data[i] ^= 0x20;
        check_same(whole.data, whole.size);
        whole.data[i] ^= 0x20;
    }
    file_free(&whole);
}

static void test_names_the_file(void **state)
{
    (void)state;
    struct safetensors_file file;
    struct diag diag = {0};
    char absent[128];
    scratch_path(&scratch, "absent", absent);
    assert_int_equal(safetensors_file_open(absent, &file, &diag), STATUS_NOT_FOUND);
    assert_string_equal(diag.file, absent);
    assert_int_equal(safetensors_file_open(scratch.folder, &file, &diag), STATUS_IO);
    assert_string_equal(diag.file, scratch.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_was_written),
        cmocka_unit_test(test_refuses_damage),
        cmocka_unit_test(test_names_the_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
