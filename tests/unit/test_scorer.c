// Oracle: the network's definition in double, straight from the arrays; bits by the golden rows.
#include "model/scorer.h"

#include "model/safetensors.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint_kinds.h"
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

// Histories of every length, ids missing and known, of a student with DIN of either activation: the
// candidates of a request together have the bits of each alone, and of the scalar kernels.
static void check_together(const char *path, const struct make_checkpoint *kinds)
{
    enum { N = 8 };
    float first[N * N];
    assert_int_equal(make_checkpoint_file(path, kinds, NULL), STATUS_OK);
    for (size_t k = 0; k < kernels_count(); k++) {
        if (!kernels_runnable(k))
            continue;
        struct scorer scorer;
        struct scorer_input input;
        struct arena arena;
        struct diag diag = {0};
        float together[N * N], alone;
        size_t bytes = 0;
        if (scorer_load(path, kernels_at(k), &scorer, &diag) != STATUS_OK)
            fail_msg("%s: %s", diag.path, diag.words);
        const struct checkpoint *c = &scorer.checkpoint;
        const size_t row_cells = c->schema.row_cells;
        assert_true(scorer_bytes(&scorer, N, &bytes));
        assert_int_equal(arena_init(&arena, bytes), STATUS_OK); // which is enough
        for (size_t i = 0; i < N; i++) {
            const union row_cell *shared = c->golden_shared + i * c->schema.shared_cells;
            arena_reset(&arena);
            assert_int_equal(scorer_featurise(&scorer, shared, c->golden_row, N, &arena, &input),
                             STATUS_OK);
            assert_int_equal(scorer_logits(&scorer, &input, N, &arena, together + i * N),
                             STATUS_OK);
            for (size_t row = 0; row < N; row++) {
                arena_reset(&arena);
                assert_int_equal(scorer_featurise(&scorer, shared, c->golden_row + row * row_cells,
                                                  1, &arena, &input),
                                 STATUS_OK);
                assert_int_equal(scorer_logits(&scorer, &input, 1, &arena, &alone), STATUS_OK);
                assert_memory_equal(&together[i * N + row], &alone, sizeof alone);
            }
            assert_memory_equal(&together[i * N + i], &c->golden_logit[i], sizeof(float));
        }
        if (k == 0)
            memcpy(first, together, sizeof first);
        assert_memory_equal(first, together, sizeof first);
        arena_fini(&arena);
        scorer_fini(&scorer);
    }
}

static void test_candidates_together_and_alone(void **state)
{
    char path[128];
    struct make_checkpoint kinds = spec;
    scratch_path(*state, "kinds", path);
    kinds.yaml = MAKE_CHECKPOINT_KINDS;
    kinds.features = NULL;
    for (unsigned i = 0; i < 4; i++) {
        kinds.attention =
            (struct checkpoint_attention){2, {17, 5}, i % 2 == 0 ? DIN_PRELU : DIN_DICE, i >= 2};
        kinds.seed = 20 + i;
        check_together(path, &kinds);
    }
}

enum { TILED = 230 }; // more than two tiles

// Candidates of one request in tiles of `size`, first to last or last to first.
static void score_tiled(const struct scorer *scorer, const union row_cell *rows, size_t size,
                        bool backward, struct arena *arena, float *logit)
{
    struct scorer_input input;
    struct scorer_run run;
    const size_t tiles = (TILED + size - 1) / size;
    arena_reset(arena);
    assert_int_equal(
        scorer_featurise(scorer, scorer->checkpoint.golden_shared, rows, TILED, arena, &input),
        STATUS_OK);
    assert_int_equal(scorer_begin(scorer, &input, arena, &run), STATUS_OK);
    for (size_t t = 0; t < tiles; t++) {
        const size_t first = (backward ? tiles - 1 - t : t) * size;
        scorer_tile(&run, first, first + size < TILED ? size : TILED - first, logit);
    }
}

// Every tile size, either direction: the bits of the whole, of the scalar kernels and, in rows that
// are the first golden row, of the file.
static void check_tiles(const char *path, const struct make_checkpoint *kinds)
{
    static const size_t sizes[] = {1, 2, 5, 13, 14, 42, 64, SCORER_TILE + 1, 84, 112, 113, TILED};
    float first[TILED], whole[TILED], tiled[TILED];
    assert_int_equal(make_checkpoint_file(path, kinds, NULL), STATUS_OK);
    for (size_t k = 0; k < kernels_count(); k++) {
        if (!kernels_runnable(k))
            continue;
        struct scorer scorer;
        struct arena arena;
        struct scorer_input input;
        union row_cell rows[TILED * 16];
        size_t bytes = 0;
        assert_int_equal(scorer_load(path, kernels_at(k), &scorer, NULL), STATUS_OK);
        const struct checkpoint *c = &scorer.checkpoint;
        const size_t cells = c->schema.row_cells;
        assert_true(cells <= 16);
        for (size_t i = 0; i < TILED; i++)
            memcpy(rows + i * cells, c->golden_row + i * i % c->golden_rows * cells,
                   cells * sizeof *rows);
        assert_true(scorer_bytes(&scorer, TILED, &bytes));
        assert_int_equal(arena_init(&arena, bytes), STATUS_OK); // which is enough
        assert_int_equal(scorer_featurise(&scorer, c->golden_shared, rows, TILED, &arena, &input),
                         STATUS_OK);
        assert_int_equal(scorer_logits(&scorer, &input, TILED, &arena, whole), STATUS_OK);
        assert_memory_equal(whole, c->golden_logit, sizeof(float));
        if (k == 0)
            memcpy(first, whole, sizeof first);
        assert_memory_equal(first, whole, sizeof first);
        for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
            memset(tiled, 0xff, sizeof tiled);
            score_tiled(&scorer, rows, sizes[i / 2], i % 2 == 1, &arena, tiled);
            assert_memory_equal(tiled, whole, sizeof whole);
        }
        arena_fini(&arena);
        scorer_fini(&scorer);
    }
}

static void test_tiles_of_any_size(void **state)
{
    char path[128];
    struct make_checkpoint plain = spec, kinds = spec;
    scratch_path(*state, "tiles", path);
    check_tiles(path, &plain);
    kinds.yaml = MAKE_CHECKPOINT_KINDS;
    kinds.features = NULL;
    kinds.attention = (struct checkpoint_attention){2, {17, 5}, DIN_DICE, true};
    check_tiles(path, &kinds);
}

static void test_probe(void **state)
{
    char path[128];
    struct scorer scorer;
    struct arena arena;
    struct diag diag = {0};
    size_t bytes = 0;
    scratch_path(*state, "probe", path);
    assert_int_equal(make_checkpoint_file(path, &spec, NULL), STATUS_OK);
    assert_int_equal(scorer_load(path, kernels_at(0), &scorer, NULL), STATUS_OK);
    assert_true(scorer_bytes(&scorer, 1, &bytes));
    assert_int_equal(arena_init(&arena, bytes), STATUS_OK);
    for (size_t i = 0; i < 3; i++) // the memory is given back
        assert_int_equal(scorer_probe(&scorer, &arena, &diag), STATUS_OK);
    assert_int_equal(arena_mark(&arena), 0);
    union row_cell rows[8 * 9]; // another input, another logit
    memcpy(rows, scorer.checkpoint.golden_row, sizeof rows);
    rows[2 * 9].number += 1;
    scorer.checkpoint.golden_row = rows;
    assert_int_equal(scorer_probe(&scorer, &arena, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.path, "golden.logit");
    assert_non_null(strstr(diag.words, "row 2 scores"));
    arena_fini(&arena);
    assert_int_equal(arena_init(&arena, 64), STATUS_OK);
    assert_int_equal(scorer_probe(&scorer, &arena, &diag), STATUS_NO_MEMORY);
    arena_fini(&arena);
    scorer_fini(&scorer);
}

static double activated(const struct din_weights *din, const struct din_layer *layer, size_t j,
                        double h)
{
    if (din->activation == DIN_PRELU)
        return h > 0 ? h : (double)layer->kappa[j] * h;
    double z = (h - (double)layer->mean[j]) / sqrt((double)layer->var[j] + 1e-9);
    double kappa = (double)layer->kappa[j];
    return h * (kappa + (1 - kappa) / (1 + exp(-z)));
}

// a_b by spec/algorithm.md 1.2, its first layer as model/din.h has it.
static double attention(const struct din_weights *din, const float *eb, const float *et)
{
    double x[32] = {0}, y[32] = {0};
    for (size_t j = 0; j < din->layers[0].out; j++) {
        x[j] = (double)din->layers[0].bias[j];
        for (size_t k = 0; k < din->dim; k++)
            x[j] += (double)din->a[j * din->dim + k] * (double)eb[k] +
                    (double)din->b[j * din->dim + k] * (double)et[k] +
                    (double)din->c[j * din->dim + k] * (double)eb[k] * (double)et[k];
        x[j] = activated(din, &din->layers[0], j, x[j]);
    }
    for (size_t l = 1; l < din->layer_count; l++) {
        const struct din_layer *layer = &din->layers[l];
        for (size_t j = 0; j < layer->out; j++) {
            y[j] = (double)layer->bias[j];
            for (size_t k = 0; k < layer->in; k++)
                y[j] += (double)layer->weight[j * layer->in + k] * x[k];
            if (l + 1 < din->layer_count)
                y[j] = activated(din, layer, j, y[j]);
        }
        memcpy(x, y, sizeof x);
    }
    return x[0];
}

// One layer over i (dim 2) and h, its history: logit = w . (h's u, e_i) + bias, in double.
static void test_scores_din(void **state)
{
    char path[128];
    struct make_checkpoint din = {
        .role = CHECKPOINT_STUDENT,
        .yaml = "- {name: i, scope: item, kind: id, buckets: 6, dim: 2}\n"
                "- {name: h, scope: user, kind: id_list, table: i, max_len: 5, pool: din, target: "
                "i}\n",
        .seed = 2,
    };
    scratch_path(*state, "din", path);
    for (unsigned i = 0; i < 4; i++) {
        din.attention =
            (struct checkpoint_attention){2, {9, 4}, i % 2 == 0 ? DIN_PRELU : DIN_DICE, i >= 2};
        struct checkpoint c;
        assert_int_equal(make_checkpoint(&din, &c, NULL), STATUS_OK);
        for (size_t row = 0; row < c.golden_rows; row++) {
            const union row_cell *history = c.golden_shared + row * 5;
            const float *table = c.tables[0], *et = table + 2 * c.golden_row[row].id;
            double a[5], most = -1e9, sum = 0, u[2] = {0, 0};
            size_t count = 0;
            for (; count < 5 && history[count].id != 0; count++) {
                a[count] = attention(&c.din[0], table + 2 * history[count].id, et);
                most = fmax(most, a[count]);
            }
            for (size_t b = 0; b < count; b++)
                sum += exp(a[b] - most);
            for (size_t b = 0; b < count; b++)
                for (size_t k = 0; k < 2; k++)
                    u[k] += (i >= 2 ? exp(a[b] - most) / sum : a[b]) *
                            (double)table[2 * history[b].id + k];
            const float *w = c.layers[0].weight;
            double want = (double)c.layers[0].bias[0] + (double)w[0] * (double)et[0] +
                          (double)w[1] * (double)et[1] + (double)w[2] * u[0] + (double)w[3] * u[1];
            if (!(fabs((double)c.golden_logit[row] - want) <= 1e-5 * fmax(1, fabs(want))))
                fail_msg("case %u, row %zu: got %.9g, want %.9g", i, row,
                         (double)c.golden_logit[row], want);
        }
        checkpoint_fini(&c);
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
        cmocka_unit_test(test_candidates_together_and_alone),
        cmocka_unit_test(test_tiles_of_any_size),
        cmocka_unit_test(test_probe),
        cmocka_unit_test(test_scores_din),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
