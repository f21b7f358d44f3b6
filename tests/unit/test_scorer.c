// Oracle: the network's definition in double, straight from the arrays; bits by the golden rows.
#include "model/scorer.h"

#include "model/safetensors.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <string.h>

static const size_t hidden[] = {33, 5};
static const struct make_checkpoint spec = {
    .role = CHECKPOINT_STUDENT,
    .features = "f:item:7:log1p,g:item:2,h:context:3,u:user:1:log1p",
    .hidden = hidden,
    .hidden_count = 2,
    .seed = 11,
};

static double in_double(const struct checkpoint *c, size_t row)
{
    double x[40] = {0}, y[40] = {0};
    size_t at = 0;
    for (size_t f = 0; f < c->schema.count; f++)
        for (uint32_t i = 0; i < c->schema.features[f].size; i++, at++) {
            double raw = at < 4 ? (double)c->golden_shared[row * 4 + at].number
                                : (double)c->golden_row[row * 9 + at - 4].number;
            bool log_it = c->schema.features[f].transform == SCHEMA_LOG1P;
            x[at] = log_it ? copysign(log1p(fabs(raw)), raw) : raw;
        }
    for (size_t k = 0; k < c->layer_count; k++) {
        const struct checkpoint_layer *layer = &c->layers[k];
        for (size_t j = 0; j < layer->out; j++) {
            y[j] = (double)layer->bias[j];
            for (size_t i = 0; i < layer->in; i++)
                y[j] += (double)layer->weight[j * layer->in + i] * x[i];
            if (k + 1 < c->layer_count && y[j] < 0)
                y[j] = 0;
        }
        memcpy(x, y, sizeof x);
    }
    return x[0];
}

static void test_scores_the_network(void **state)
{
    char path[128];
    scratch_path(*state, "m", path);
    assert_int_equal(make_checkpoint_file(path, &spec, NULL), STATUS_OK);
    for (size_t k = 0; k < kernels_count(); k++) {
        if (!kernels_runnable(k))
            continue;
        struct scorer scorer;
        struct arena arena;
        assert_int_equal(scorer_load(path, kernels_at(k), &scorer, NULL), STATUS_OK);
        assert_ptr_equal(scorer.kernels, kernels_at(k));
        assert_int_equal(arena_init(&arena, 1 << 20), STATUS_OK);
        const struct checkpoint *c = &scorer.checkpoint;
        for (size_t row = 0; row < 8; row++) {
            // The row among seven of its like: the same bits as alone.
            union row_cell rows[7 * 9];
            float logit[7];
            struct scorer_input input;
            for (size_t i = 0; i < 7; i++)
                memcpy(rows + i * 9, c->golden_row + (row + i) % 8 * 9, 9 * sizeof(float));
            size_t mark = arena_mark(&arena);
            assert_int_equal(
                scorer_featurise(&scorer, c->golden_shared + row * 4, rows, 7, &arena, &input),
                STATUS_OK);
            assert_int_equal(scorer_logits(&scorer, &input, 7, &arena, logit), STATUS_OK);
            arena_rewind(&arena, mark);
            assert_memory_equal(&logit[0], &c->golden_logit[row], sizeof(float));
            double wanted = in_double(c, row);
            assert_true(fabs((double)logit[0] - wanted) <= 1e-5 * fmax(1, fabs(wanted)));
        }
        arena_fini(&arena);
        scorer_fini(&scorer);
    }
}

static void test_small_arena_is_an_error(void **state)
{
    char path[128];
    struct scorer scorer;
    struct scorer_input input;
    struct arena arena;
    union row_cell raw[9] = {0}, shared[4] = {0};
    float logit[1];
    scratch_path(*state, "m", path);
    assert_int_equal(make_checkpoint_file(path, &spec, NULL), STATUS_OK);
    assert_int_equal(scorer_load(path, kernels_at(0), &scorer, NULL), STATUS_OK);
    assert_int_equal(arena_init(&arena, 128), STATUS_OK);
    assert_int_equal(scorer_featurise(&scorer, shared, raw, 1, &arena, &input), STATUS_OK);
    assert_int_equal(scorer_logits(&scorer, &input, 1, &arena, logit), STATUS_NO_MEMORY);
    arena_reset(&arena);
    assert_int_equal(scorer_featurise(&scorer, shared, raw, SIZE_MAX / 4, &arena, &input),
                     STATUS_TOO_LARGE);
    arena_fini(&arena);
    scorer_fini(&scorer);
}

// One bit of one golden logit: the digest is right, the proof is not.
static void test_golden_rows_are_held_to_the_bit(void **state)
{
    char path[128];
    scratch_path(*state, "m", path);
    assert_int_equal(make_checkpoint_file(path, &spec, NULL), STATUS_OK);
    struct file_bytes bytes;
    assert_int_equal(file_read(path, 1 << 20, 0, &bytes, NULL), STATUS_OK);
    bytes.data[bytes.size - 4] ^= 1; // golden.logit is the last tensor; low bit of row 7
    assert_true(safetensors_seal(bytes.data, bytes.size));
    assert_int_equal(file_write_atomic(path, bytes.data, bytes.size, NULL), STATUS_OK);
    file_free(&bytes);
    for (size_t k = 0; k < kernels_count(); k++) {
        struct scorer scorer;
        struct diag diag = {0};
        if (!kernels_runnable(k))
            continue;
        assert_int_equal(scorer_load(path, kernels_at(k), &scorer, &diag), STATUS_CORRUPT);
        assert_string_equal(diag.path, "golden.logit");
        assert_non_null(strstr(diag.words, "row 7 scores"));
        assert_non_null(strstr(diag.words, "scalar")); // the truth goes first
        assert_string_equal(diag.file, path);
    }
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
        cmocka_unit_test(test_scores_the_network),
        cmocka_unit_test(test_small_arena_is_an_error),
        cmocka_unit_test(test_golden_rows_are_held_to_the_bit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
