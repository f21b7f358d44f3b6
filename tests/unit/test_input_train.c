// The input as towers use it: the same bits for any number of threads, towers that share it, and
// what a step moves. Its gradients are held to differences in tests/grad/test_input_train.c.
#include "model/train/input_train.h"
#include "model/train/tower.h"
#include "tests/support/check.h"
#include "tests/support/input_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = INPUT_CASE_ROWS };

static const char features[] =
    "- {name: u, scope: user, kind: id, buckets: 4, dim: 3}\n"
    "- {name: h, scope: user, kind: id_list, table: i, max_len: 4, pool: din, target: i}\n"
    "- {name: us, scope: user, kind: id_list, table: i, max_len: 4, pool: sum}\n"
    "- {name: age, scope: context, kind: dense, quantiles: 4, dim: 2}\n"
    "- {name: i, scope: item, kind: id, buckets: 7, dim: 3}\n"
    "- {name: ui, kind: cross, cross: [u, i], buckets: 5, dim: 2}\n"
    "- {name: price, scope: item, kind: dense, size: 1}\n"
    "- {name: loo, scope: item, kind: id, source: loo_mean, of: i, privileged: true}\n"
    "- {name: pi, scope: item, kind: id, buckets: 4, dim: 2, privileged: true}\n";
enum { SERVED = 3 + 3 + 2 + 3 + 3 + 2 + 1, ALL = SERVED + 3 + 2 };

static struct input_train_config config_of(const struct input_case *test, bool privileged)
{
    return (struct input_train_config){.schema = &test->schema,
                                       .kernels = kernels_at(0),
                                       .privileged = privileged,
                                       .attention = {2, {5, 3}, DIN_DICE, false},
                                       .deviation = .5,
                                       .name = "input",
                                       .shards = 3,
                                       .max_rows = ROWS,
                                       .max_lists = INPUT_CASE_LISTS,
                                       .seed = 8};
}

static struct input_train start(const struct input_case *test, bool privileged, struct team *team)
{
    struct input_train input;
    const struct input_train_config config = config_of(test, privileged);
    assert_int_equal(input_train_init(&input, &config, team, NULL), STATUS_OK);
    return input;
}

static const struct embed_table *table(const struct input_train *input, const char *name)
{
    return &input->tables[schema_find_table(input->config.schema, name)];
}

// ---- threads

static void step(struct input_train *input, const struct input_case *test, unsigned at)
{
    static const struct adam_config adam = {
        .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .weight_decay = .01, .clip_norm = 1};
    assert_int_equal(input_train_forward(input, &test->batch, NULL), STATUS_OK);
    for (size_t i = 0; i < ROWS * input->width; i++)
        input->grad[i] = (float)((i * 7 + at) % 13) / 8 - .75F;
    input_train_update(input, &adam, .01, .05, input_train_backward(input));
}

static void threads_change_nothing(void **state)
{
    (void)state;
    struct input_case test;
    struct input_train inputs[3];
    struct team *teams[3];
    input_case_init(&test, features);
    for (unsigned t = 0; t < 3; t++) {
        teams[t] = team_start(t + 1);
        assert_non_null(teams[t]);
        inputs[t] = start(&test, true, teams[t]);
        for (unsigned s = 0; s < 4; s++)
            step(&inputs[t], &test, s);
    }
    for (unsigned t = 1; t < 3; t++) {
        assert_memory_equal(inputs[t].x, inputs[0].x, ROWS * ALL * sizeof(float));
        for (size_t k = 0; k < test.schema.table_count; k++)
            assert_memory_equal(inputs[t].tables[k].values, inputs[0].tables[k].values,
                                inputs[0].tables[k].rows * inputs[0].tables[k].dim * sizeof(float));
        assert_memory_equal(din_train_values(inputs[t].din[0].unit),
                            din_train_values(inputs[0].din[0].unit),
                            din_train_params(inputs[0].din[0].unit)->floats * sizeof(float));
        assert_memory_equal(din_train_stat_values(inputs[t].din[0].unit),
                            din_train_stat_values(inputs[0].din[0].unit),
                            din_train_stats(inputs[0].din[0].unit)->floats * sizeof(float));
    }
    for (unsigned t = 0; t < 3; t++) {
        input_train_fini(&inputs[t]);
        team_stop(teams[t]);
    }
    input_case_fini(&test);
}

// ---- a step

static void a_step_moves_what_was_used(void **state)
{
    (void)state;
    struct input_case test;
    struct team *team = team_start(1);
    input_case_init(&test, features);
    struct input_train input = start(&test, true, team);
    const struct embed_table *users = table(&input, "u");
    float before[5 * 3];
    assert_int_equal(users->rows, 5);
    memcpy(before, users->values, sizeof(before));
    step(&input, &test, 0);
    for (size_t row = 0; row < 5; row++) {
        bool used = false;
        for (size_t q = 0; q < INPUT_CASE_LISTS; q++)
            used |= row != 0 && test.shared[q * test.schema.shared_cells].id == row;
        const bool same = memcmp(before + row * 3, users->values + row * 3, 3 * sizeof(float)) == 0;
        if (same == used)
            fail_msg("row %zu is %s and %s", row, used ? "used" : "not used",
                     same ? "stays" : "moves");
    }
    for (size_t k = 0; k < test.schema.table_count; k++)
        for (size_t j = 0; j < input.tables[k].dim; j++)
            assert_true(input.tables[k].values[j] == 0); // row 0
    input_train_fini(&input);
    team_stop(team);
    input_case_fini(&test);
}

// Rows of a name and a seed begin alike, whoever else is there.
static void a_student_begins_as_the_teacher(void **state)
{
    (void)state;
    struct input_case test;
    struct team *team = team_start(1);
    input_case_init(&test, features);
    struct input_train teacher = start(&test, true, team), student = start(&test, false, team);
    assert_int_equal(teacher.width, ALL);
    assert_int_equal(student.width, SERVED);
    assert_int_equal(table(&student, "pi")->rows, 0);
    assert_int_equal(table(&teacher, "pi")->rows, 5);
    assert_memory_equal(table(&student, "i")->values, table(&teacher, "i")->values,
                        8 * 3 * sizeof(float));
    assert_int_equal(input_train_forward(&teacher, &test.batch, NULL), STATUS_OK);
    assert_int_equal(input_train_forward(&student, &test.batch, NULL), STATUS_OK);
    for (size_t row = 0; row < ROWS; row++)
        assert_memory_equal(student.x + row * SERVED, teacher.x + row * ALL,
                            SERVED * sizeof(float));
    input_train_fini(&teacher);
    input_train_fini(&student);
    team_stop(team);
    input_case_fini(&test);
}

static void numbers_alone_learn_nothing(void **state)
{
    (void)state;
    struct input_case test;
    struct team *team = team_start(1);
    input_case_init(&test, "- {name: a, scope: user, kind: dense, size: 2}\n"
                           "- {name: b, scope: item, kind: dense, size: 3}\n");
    struct input_train input = start(&test, false, team);
    assert_false(input.learns);
    assert_null(input.grad);
    assert_int_equal(input_train_forward(&input, &test.batch, NULL), STATUS_OK);
    assert_true(input_train_backward(&input) == 0);
    for (size_t q = 0; q < INPUT_CASE_LISTS; q++)
        for (size_t row = (size_t)test.offset[q]; row < test.offset[q + 1]; row++) {
            assert_memory_equal(input.x + row * 5, test.shared + q * 2, 2 * sizeof(float));
            assert_memory_equal(input.x + row * 5 + 2, test.cells + row * 3, 3 * sizeof(float));
        }
    input_train_fini(&input);
    team_stop(team);
    input_case_fini(&test);
}

// ---- two towers over one input

// A student over the served columns and a teacher over all; who moves the input.
static void share(const struct input_case *test, struct input_train *input, struct team *team,
                  bool student_moves, bool teacher_moves, float *grad)
{
    struct net_train_config net = {.input = SERVED,
                                   .hidden_count = 1,
                                   .hidden = {4},
                                   .input_bn = true,
                                   .hidden_bn = true,
                                   .grad_input = student_moves,
                                   .shards = 2,
                                   .max_rows = ROWS,
                                   .seed = 1};
    struct tower student, teacher;
    assert_int_equal(tower_init(&student, "student", &net, 0, 0, input, team, NULL), STATUS_OK);
    net.input = ALL;
    net.seed = 2;
    net.grad_input = teacher_moves;
    assert_int_equal(tower_init(&teacher, "teacher", &net, 0, 0, input, team, NULL), STATUS_OK);
    assert_int_equal(input_train_forward(input, &test->batch, NULL), STATUS_OK);
    tower_forward(&student, ROWS, 0, 0);
    tower_forward(&teacher, ROWS, 0, 0);
    for (size_t i = 0; i < ROWS; i++) {
        student.grad[i] = i % 2 == 0 ? .5F : -.25F;
        teacher.grad[i] = i % 3 == 0 ? 1 : -.125F;
    }
    (void)tower_backward(&student, team);
    (void)tower_backward(&teacher, team);
    memcpy(grad, input->grad, ROWS * ALL * sizeof(float));
    tower_fini(&student);
    tower_fini(&teacher);
}

static void towers_share_an_input(void **state)
{
    (void)state;
    static float none[ROWS * ALL], student[ROWS * ALL], teacher[ROWS * ALL], both[ROWS * ALL];
    struct input_case test;
    struct team *team = team_start(2);
    input_case_init(&test, features);
    struct input_train input = start(&test, true, team);

    share(&test, &input, team, false, false, none);
    assert_true(input_train_backward(&input) == 0);
    share(&test, &input, team, true, false, student);
    assert_true(input_train_backward(&input) > 0);
    // What only the teacher sees is not moved by the student's loss: exactly zero.
    const struct embed_table *pi = table(&input, "pi");
    assert_true(pi->touched_count > 0);
    for (size_t i = 0; i < pi->touched_count * pi->dim; i++)
        assert_true(pi->sums[i] == 0);
    share(&test, &input, team, false, true, teacher);
    share(&test, &input, team, true, true, both);

    size_t moved = 0;
    for (size_t row = 0; row < ROWS; row++)
        for (size_t k = 0; k < ALL; k++) {
            const size_t i = row * ALL + k;
            assert_true(none[i] == 0);
            if (k >= SERVED)
                assert_true(student[i] == 0);
            assert_true(both[i] == student[i] + teacher[i]);
            moved += student[i] != 0 && teacher[i] != 0;
        }
    assert_true(moved > ROWS * SERVED / 2);
    input_train_fini(&input);
    team_stop(team);
    input_case_fini(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_step_moves_what_was_used),
        cmocka_unit_test(a_student_begins_as_the_teacher),
        cmocka_unit_test(numbers_alone_learn_nothing),
        cmocka_unit_test(towers_share_an_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
