// A model file with tables, a vocabulary, buckets, DIN, ranges and a histogram, damaged in every
// byte: refused with a reason, or a model that obeys its law and scores. Memory that runs out while
// it loads.
#include "model/checkpoint.h"

#include "model/safetensors.h"
#include "model/scorer.h"
#include "tests/support/check.h"
#include "tests/support/failmalloc.h"
#include "tests/support/make_checkpoint_kinds.h"
#include "tests/support/scratch.h"

#include <string.h>
#include <sys/mman.h>

static const size_t hidden[] = {3};
static const float range[] = {-1, 2};
static const struct make_checkpoint spec = {
    .role = CHECKPOINT_STUDENT,
    .yaml = MAKE_CHECKPOINT_KINDS,
    .hidden = hidden,
    .hidden_count = 1,
    .seed = 6,
    .attention = {.hidden_count = 2, .hidden = {3, 2}, .activation = DIN_DICE, .softmax = true},
    .range = range,
    .histogram = true,
};

struct honest {
    struct scratch scratch;
    struct file_bytes bytes;
    char path[128];
};

static struct file_bytes copy_of(const struct file_bytes *from)
{
    struct file_bytes copy = {.size = from->size, .mapped = from->size};
    copy.data = mmap(NULL, copy.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(copy.data != MAP_FAILED);
    memcpy(copy.data, from->data, from->size);
    return copy;
}

static void scores(const struct checkpoint *read)
{
    struct scorer scorer = {.checkpoint = *read, .kernels = kernels_at(0)};
    struct diag diag = {0};
    float logit[CHECKPOINT_GOLDEN_ROWS];
    assert_int_equal(checkpoint_check_shape(read, NULL), STATUS_OK);
    assert_int_equal(checkpoint_check_numbers(read, NULL), STATUS_OK);
    if (scorer_make(&scorer, &diag) != STATUS_OK)
        fail_msg("what was read is refused: %s", diag.words);
    assert_int_equal(scorer_golden(&scorer, logit, NULL), STATUS_OK);
    scorer_unmake(&scorer);
}

static void test_every_byte_sealed(void **state)
{
    const struct honest *honest = *state;
    size_t good = 0, bad = 0;
    for (size_t i = 0; i < honest->bytes.size; i++) {
        struct file_bytes copy = copy_of(&honest->bytes);
        copy.data[i] ^= i % 2 == 0 ? 0x11 : 0x80;
        struct checkpoint read;
        struct diag diag = {0};
        const bool sealed = safetensors_seal(copy.data, copy.size);
        const enum status code = checkpoint_parse(&copy, "m", &read, &diag);
        if (code == STATUS_OK) {
            scores(&read);
            checkpoint_fini(&read);
            good++;
        } else {
            if (code != STATUS_CORRUPT || diag.words[0] == '\0')
                fail_msg("flip at %zu gave %s: %s", i, status_label(code), diag.words);
            bad++;
        }
        assert_true(sealed || code != STATUS_OK);
        file_free(&copy);
    }
    assert_true(good > 500); // numbers may change
    assert_true(bad > 3000); // header, manifest, pads, ids and offsets mostly may not
}

static void test_every_allocation_fails(void **state)
{
    const struct honest *honest = *state;
    const struct kernels *kernels;
    assert_int_equal(kernels_choose("auto", &kernels, NULL), STATUS_OK);
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct scorer scorer;
        struct diag diag = {0};
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = scorer_load(honest->path, kernels, &scorer, &diag);
        failed = failmalloc_disarm();
        assert_true(nth < 20000);
        if (!failed)
            assert_int_equal(code, STATUS_OK);
        else if (code != STATUS_NO_MEMORY || diag.words[0] == '\0')
            fail_msg("allocation %lu failing gave %s: %s", nth, status_label(code), diag.words);
        if (code == STATUS_OK)
            scorer_fini(&scorer);
    }
    assert_true(nth > 100);
}

// Writing it, and making a student's schema of what was read.
static void test_writing_without_memory(void **state)
{
    const struct honest *honest = *state;
    struct checkpoint read;
    char path[128];
    scratch_path(&honest->scratch, "again", path);
    assert_int_equal(checkpoint_load(honest->path, &read, NULL), STATUS_OK);
    unsigned long nth = 0;
    for (bool failed = true; failed;) {
        struct schema student = {0};
        struct diag diag = {0};
        failmalloc_arm(++nth, FAILMALLOC_ONCE);
        enum status code = checkpoint_write(path, &read, &diag);
        if (code == STATUS_OK)
            code = schema_student(&read.schema, &student, &diag);
        failed = failmalloc_disarm();
        assert_true(nth < 20000);
        // A buffer that could not grow says too_large.
        const bool short_of = code == STATUS_NO_MEMORY || code == STATUS_TOO_LARGE;
        if (failed ? !short_of || diag.words[0] == '\0' : code != STATUS_OK)
            fail_msg("allocation %lu gave %s: %s", nth, status_label(code), diag.words);
        schema_fini(&student);
    }
    checkpoint_fini(&read);
}

static int setup(void **state)
{
    static struct honest honest;
    scratch_make(&honest.scratch);
    scratch_path(&honest.scratch, "m", honest.path);
    *state = &honest;
    return make_checkpoint_file(honest.path, &spec, NULL) != STATUS_OK ||
           file_read(honest.path, 1 << 20, 0, &honest.bytes, NULL) != STATUS_OK;
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
        cmocka_unit_test(test_every_byte_sealed),
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_writing_without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
