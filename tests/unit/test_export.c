// What is exported scores as the network in evaluation mode does: tables and DIN unfolded in
// training, folded in serving. With a student of a teacher's input, and of its own.
#include "model/train/export.h"

#include "tests/support/check.h"
#include "tests/support/input_case.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <string.h>

enum { ROWS = INPUT_CASE_ROWS, LISTS = INPUT_CASE_LISTS };

static const char features[] =
    "- {name: u, scope: user, kind: id, buckets: 4, dim: 3}\n"
    "- {name: h, scope: user, kind: id_list, table: i, max_len: 4, pool: din, target: i}\n"
    "- {name: g, scope: context, kind: id_list, table: i, max_len: 3, pool: din, target: i}\n"
    "- {name: us, scope: user, kind: id_list, table: i, max_len: 4, pool: sum}\n"
    "- {name: age, scope: context, kind: dense, quantiles: 4, dim: 2}\n"
    "- {name: dwell, scope: context, kind: id, buckets: 3, dim: 1, privileged: true}\n"
    "- {name: i, scope: item, kind: id, buckets: 7, dim: 3}\n"
    "- {name: ui, kind: cross, cross: [u, i], buckets: 5, dim: 2}\n"
    "- {name: price, scope: item, kind: dense, size: 2, transform: log1p}\n"
    "- {name: loo, scope: item, kind: id, source: loo_mean, of: i, privileged: true}\n"
    "- {name: pi, scope: item, kind: id, buckets: 4, dim: 2, privileged: true}\n";

// A tower over the first columns of an input, after two steps of both.
static void learn(const struct input_case *test, struct input_train *input, struct tower *tower,
                  size_t width, struct team *team)
{
    static const struct adam_config adam = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8};
    const struct net_train_config net = {.input = width,
                                         .hidden_count = 2,
                                         .hidden = {7, 4},
                                         .input_bn = true,
                                         .hidden_bn = true,
                                         .grad_input = true,
                                         .shards = 2,
                                         .max_rows = ROWS,
                                         .seed = 3};
    assert_int_equal(tower_init(tower, "student", &net, -1, 0, input, team, NULL), STATUS_OK);
    for (unsigned s = 0; s < 2; s++) {
        assert_int_equal(input_train_forward(input, &test->batch, NULL), STATUS_OK);
        tower_forward(tower, ROWS, 0, s);
        for (size_t i = 0; i < ROWS; i++)
            tower->grad[i] = test->label[i] > 0 ? -.5F : .25F;
        double squares = tower_backward(tower, team);
        squares += input_train_backward(input);
        tower_update(tower, &adam, .05, squares, team);
        input_train_update(input, &adam, .05, .05, squares);
    }
    assert_int_equal(input_train_forward(input, &test->batch, NULL), STATUS_OK);
}

// The student sees the rows without what is privileged.
static void cells_of(const struct input_case *test, const struct schema *to, bool shared,
                     size_t block, union row_cell *cells)
{
    const struct schema *from = &test->schema;
    const union row_cell *all =
        shared ? test->shared + block * from->shared_cells : test->cells + block * from->row_cells;
    for (size_t f = 0; f < to->count; f++) {
        const struct schema_feature *feature = &to->features[f];
        if (schema_in_shared_cells(feature) == shared)
            memcpy(cells + feature->offset, all + schema_find(from, feature->name)->offset,
                   schema_cells(feature) * sizeof(*cells));
    }
}

static void compare(const struct input_case *test, const struct scorer *scorer, const float *want)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    struct arena arena;
    size_t bytes = 0;
    assert_true(scorer_bytes(scorer, 4, &bytes));
    assert_int_equal(arena_init(&arena, bytes), STATUS_OK);
    for (size_t q = 0; q < LISTS; q++) {
        const size_t first = (size_t)test->offset[q], n = (size_t)test->offset[q + 1] - first;
        union row_cell shared[32], rows[4 * 16];
        struct scorer_input input;
        float logit[4];
        assert_true(schema->shared_cells <= 32 && schema->row_cells <= 16);
        cells_of(test, schema, true, q, shared);
        for (size_t i = 0; i < n; i++)
            cells_of(test, schema, false, first + i, rows + i * schema->row_cells);
        arena_reset(&arena);
        assert_int_equal(scorer_featurise(scorer, shared, rows, n, &arena, &input), STATUS_OK);
        assert_int_equal(scorer_logits(scorer, &input, n, &arena, logit), STATUS_OK);
        for (size_t i = 0; i < n; i++)
            if (!(fabsf(logit[i] - want[first + i]) <= 2e-5F * fmaxf(1, fabsf(want[first + i]))))
                fail_msg("row %zu: got %.9g, want %.9g", first + i, (double)logit[i],
                         (double)want[first + i]);
    }
    arena_fini(&arena);
}

static void write_and_load(const struct input_case *test, const struct scorer *scorer,
                           const void *state, const float *want)
{
    const struct schema *schema = &scorer->checkpoint.schema;
    union row_cell shared[2 * 32] = {0}, rows[2 * 16] = {0};
    char path[128];
    struct scorer loaded;
    struct diag diag = {0};
    scratch_path(state, "exported", path);
    cells_of(test, schema, true, 0, shared);
    cells_of(test, schema, true, 2, shared + schema->shared_cells);
    cells_of(test, schema, false, 0, rows);
    cells_of(test, schema, false, 5, rows + schema->row_cells);
    const struct export_golden golden = {.count = 2, .shared = shared, .rows = rows};
    if (export_write(scorer, path, &golden, NULL, &diag) != STATUS_OK ||
        scorer_load(path, kernels_at(0), &loaded, &diag) != STATUS_OK)
        fail_msg("%s: %s", diag.path, diag.words);
    compare(test, &loaded, want);
    scorer_fini(&loaded);
}

// `privileged`: of the input; `teacher`: of the tower. Dice is by batch in training, by running
// statistics in serving: PReLU alone can be compared.
static void check(const void *state, bool privileged, bool teacher, bool softmax)
{
    struct input_case test;
    struct schema student;
    struct tower tower;
    struct input_train input;
    struct scorer scorer;
    float want[ROWS];
    struct team *team = team_start(2);
    input_case_init(&test, features);
    assert_int_equal(schema_student(&test.schema, &student, NULL), STATUS_OK);
    const struct schema *schema = teacher ? &test.schema : &student;
    const struct input_train_config config = {.schema = &test.schema,
                                              .kernels = kernels_at(0),
                                              .privileged = privileged,
                                              .attention = {2, {17, 5}, DIN_PRELU, softmax},
                                              .deviation = .5,
                                              .name = "input",
                                              .shards = 2,
                                              .max_rows = ROWS,
                                              .max_lists = LISTS,
                                              .seed = 4};
    assert_int_equal(input_train_init(&input, &config, team, NULL), STATUS_OK);
    learn(&test, &input, &tower, schema->shared_width + schema->row_width, team);
    tower_forward(&tower, ROWS, 0, 9); // its columns of the input, as it is now
    net_train_evaluate(tower.net, tower.x != NULL ? tower.x : input.x, ROWS, want);
    assert_int_equal(export_scorer(&tower, teacher ? CHECKPOINT_TEACHER : CHECKPOINT_STUDENT,
                                   schema, kernels_at(0), &scorer, NULL),
                     STATUS_OK);
    compare(&test, &scorer, want);
    write_and_load(&test, &scorer, state, want);
    export_fini(&scorer);
    tower_fini(&tower);
    input_train_fini(&input);
    schema_fini(&student);
    team_stop(team);
    input_case_fini(&test);
}

static void a_student_of_its_own_input(void **state)
{
    check(*state, false, false, false);
    check(*state, false, false, true);
}

static void a_student_of_a_teachers_input(void **state)
{
    check(*state, true, false, false);
    check(*state, true, false, true);
}

static void a_teacher(void **state)
{
    check(*state, true, true, false);
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
        cmocka_unit_test(a_student_of_its_own_input),
        cmocka_unit_test(a_student_of_a_teachers_input),
        cmocka_unit_test(a_teacher),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
