// Every way to damage a small model file: each is refused with a reason, nothing leaks, nothing is
// read outside of the file (the sanitizer builds see to that).
#include "model/checkpoint.h"

#include "model/safetensors.h"
#include "model/scorer.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/scratch.h"

#include <string.h>
#include <sys/mman.h>

static const size_t hidden[] = {3};
static const struct make_checkpoint spec = {.role = CHECKPOINT_STUDENT,
                                            .features = "f:item:2:log1p,h:context:1",
                                            .hidden = hidden,
                                            .hidden_count = 1,
                                            .seed = 5};

struct honest {
    struct scratch scratch;
    struct file_bytes bytes;
};

// The first `size` bytes with zeros behind up to `size`, in memory that ends with them.
static struct file_bytes copy_of(const struct file_bytes *from, size_t size)
{
    struct file_bytes copy = {.size = size, .mapped = size > 0 ? size : 1};
    copy.data = mmap(NULL, copy.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(copy.data != MAP_FAILED);
    memcpy(copy.data, from->data, size < from->size ? size : from->size);
    return copy;
}

static void refused(struct file_bytes *bytes, const char *how, size_t where)
{
    struct checkpoint read;
    struct diag diag = {0};
    enum status code = checkpoint_parse(bytes, "m", &read, &diag);
    if (code != STATUS_CORRUPT || diag.words[0] == '\0' || strcmp(diag.file, "m") != 0)
        fail_msg("%s %zu gave %s: %s", how, where, status_label(code), diag.words);
    assert_non_null(bytes->data); // still the caller's
    file_free(bytes);
}

static void test_honest_file_loads(void **state)
{
    const struct honest *honest = *state;
    struct file_bytes copy = copy_of(&honest->bytes, honest->bytes.size);
    struct checkpoint read;
    assert_int_equal(checkpoint_parse(&copy, "m", &read, NULL), STATUS_OK);
    assert_null(copy.data);
    checkpoint_fini(&read);
}

static void test_every_length(void **state)
{
    const struct honest *honest = *state;
    for (size_t size = 0; size < honest->bytes.size; size++) {
        struct file_bytes cut = copy_of(&honest->bytes, size);
        refused(&cut, "cut to", size);
        // The header's own truth decides where the digest is right.
        cut = copy_of(&honest->bytes, size);
        if (safetensors_seal(cut.data, cut.size))
            refused(&cut, "cut and sealed to", size);
        file_free(&cut);
    }
}

static void test_every_byte(void **state)
{
    const struct honest *honest = *state;
    static const unsigned char flips[] = {0x01, 0x20, 0x80, 0xff};
    for (size_t i = 0; i < honest->bytes.size; i++)
        for (size_t f = 0; f < sizeof flips; f++) {
            struct file_bytes copy = copy_of(&honest->bytes, honest->bytes.size);
            copy.data[i] ^= flips[f];
            refused(&copy, "flip at", i);
        }
}

// With the digest set anew a change may be a different, good model; never a crash, never a
// half-read one.
static void test_every_byte_sealed(void **state)
{
    const struct honest *honest = *state;
    size_t good = 0, bad = 0;
    for (size_t i = 0; i < honest->bytes.size; i++) {
        struct file_bytes copy = copy_of(&honest->bytes, honest->bytes.size);
        copy.data[i] ^= 0x11;
        struct checkpoint read;
        struct diag diag = {0};
        if (safetensors_seal(copy.data, copy.size) &&
            checkpoint_parse(&copy, "m", &read, &diag) == STATUS_OK) {
            assert_int_equal(read.layers[0].in, 3);
            assert_int_equal(read.schema.privileged_width, 0);
            checkpoint_fini(&read);
            good++;
        } else {
            bad++;
        }
        file_free(&copy);
    }
    // Weights and lineage may change; of header and pads, most bytes may not.
    assert_true(good > 100);
    assert_true(bad > 500);
}

static void test_trailing_bytes(void **state)
{
    const struct honest *honest = *state;
    static const size_t more[] = {1, 4, 63, 64, 4096};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        struct file_bytes longer = copy_of(&honest->bytes, honest->bytes.size + more[i]);
        refused(&longer, "zeros behind:", more[i]);
        longer = copy_of(&honest->bytes, honest->bytes.size + more[i]);
        assert_true(safetensors_seal(longer.data, longer.size));
        struct checkpoint read;
        struct diag diag = {0};
        assert_int_equal(checkpoint_parse(&longer, "m", &read, &diag), STATUS_CORRUPT);
        assert_non_null(strstr(diag.words, "behind the last tensor"));
        file_free(&longer);
    }
}

static void test_hostile_students(void **state)
{
    const struct honest *honest = *state;
    char path[128];
    struct checkpoint read;
    struct diag diag = {0};
    scratch_path(&honest->scratch, "hostile", path);
    assert_int_equal(make_checkpoint_widened(path, &spec, NULL), STATUS_OK);
    assert_int_equal(checkpoint_load(path, &read, &diag), STATUS_CORRUPT);
    assert_non_null(strstr(diag.words, "wider than the served inputs"));
    assert_int_equal(make_checkpoint_disguised(path, &spec, NULL), STATUS_OK);
    assert_int_equal(checkpoint_load(path, &read, &diag), STATUS_CORRUPT);
    assert_non_null(strstr(diag.words, "privileged feature \"f_hidden\""));
}

// Loading with its n-th allocation failing, for every n: refused for want of memory, nothing leaks.
static void test_every_allocation_fails(void **state)
{
    const struct honest *honest = *state;
    const struct kernels *kernels;
    char path[128];
    scratch_path(&honest->scratch, "m", path);
    assert_int_equal(kernels_choose("auto", &kernels, NULL), STATUS_OK);
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct scorer scorer;
        struct diag diag = {0};
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = scorer_load(path, kernels, &scorer, &diag);
        failed = failmalloc_disarm();
        assert_true(nth < 10000);
        if (!failed)
            assert_int_equal(code, STATUS_OK);
        else if (code != STATUS_NO_MEMORY || diag.words[0] == '\0')
            fail_msg("allocation %lu failing gave %s: %s", nth, status_label(code), diag.words);
        if (code == STATUS_OK)
            scorer_fini(&scorer);
    }
    assert_true(nth > 10);
}

// A map's knots are numbers that serve: every change is refused, or leaves a map that obeys its
// law.
static void test_every_byte_of_a_map(void **state)
{
    static const double x[] = {-1, 0, 0.5, 3}, y[] = {0.125, 0.25, 0.25, 0.75};
    const struct honest *honest = *state;
    char path[128];
    struct checkpoint made;
    struct file_bytes bytes;
    scratch_path(&honest->scratch, "map", path);
    assert_int_equal(make_checkpoint(&spec, &made, NULL), STATUS_OK);
    made.calibrate = (struct calibrate){.kind = CALIBRATE_ISOTONIC, .knots = 4, .x = x, .y = y};
    assert_int_equal(checkpoint_write(path, &made, NULL), STATUS_OK);
    checkpoint_fini(&made);
    assert_int_equal(file_read(path, 1 << 20, 0, &bytes, NULL), STATUS_OK);
    size_t good = 0, bad = 0;
    for (size_t i = 0; i < bytes.size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct file_bytes copy = copy_of(&bytes, bytes.size);
            copy.data[i] ^= (unsigned char)(1U << bit);
            struct checkpoint read;
            struct diag diag = {0};
            if (safetensors_seal(copy.data, copy.size) &&
                checkpoint_parse(&copy, "m", &read, &diag) == STATUS_OK) {
                assert_int_equal(calibrate_check(&read.calibrate, NULL), STATUS_OK);
                assert_true(calibrate_probability(&read.calibrate, -9) <=
                            calibrate_probability(&read.calibrate, 9));
                checkpoint_fini(&read);
                good++;
            } else {
                assert_true(diag.words[0] != '\0' || !safetensors_seal(copy.data, copy.size));
                bad++;
            }
            file_free(&copy);
        }
    assert_true(good > 100);
    assert_true(bad > 500);
    file_free(&bytes);
}

static int setup(void **state)
{
    static struct honest honest;
    char path[128];
    scratch_make(&honest.scratch);
    scratch_path(&honest.scratch, "m", path);
    *state = &honest;
    return make_checkpoint_file(path, &spec, NULL) != STATUS_OK ||
           file_read(path, 1 << 20, 0, &honest.bytes, NULL) != STATUS_OK;
}

static int teardown(void **state)
{
    struct honest *honest = *state;
    file_free(&honest->bytes);
    scratch_remove(&honest->scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest_file_loads),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_byte_sealed),
        cmocka_unit_test(test_trailing_bytes),
        cmocka_unit_test(test_hostile_students),
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_every_byte_of_a_map),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
