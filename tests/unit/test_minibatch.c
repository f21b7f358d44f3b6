// Minibatches: what an epoch must be is checked from its definition (each list once, whole lists,
// closed at >= batch documents), not from numbers that the program gave.
#include "base/rng.h"
#include "model/train/minibatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LISTS = 300, COLUMNS = 3 };

struct world {
    uint64_t offset[LISTS + 1];
    float *values, *grade;
    struct dataset dataset;
};

// List l has 1 + l mod 23 documents; column 0 is the document's number, column 1 its list's.
static int make_world(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    for (size_t l = 0; l < LISTS; l++)
        world->offset[l + 1] = world->offset[l] + 1 + l % 23;
    size_t docs = world->offset[LISTS];
    world->values = calloc(docs * COLUMNS, sizeof(float));
    world->grade = calloc(docs, sizeof(float));
    assert_true(world->values != NULL && world->grade != NULL);
    for (size_t l = 0, d = 0; l < LISTS; l++)
        for (; d < world->offset[l + 1]; d++) {
            world->values[d * COLUMNS] = (float)d;
            world->values[d * COLUMNS + 1] = (float)l;
            world->values[d * COLUMNS + 2] = -1;
            world->grade[d] = (float)(d % 4) / 2;
        }
    world->dataset = (struct dataset){.lists = LISTS,
                                      .docs = docs,
                                      .columns = COLUMNS,
                                      .offset = world->offset,
                                      .values = world->values,
                                      .grade = world->grade};
    *state = world;
    return 0;
}

static int free_world(void **state)
{
    struct world *world = *state;
    free(world->values);
    free(world->grade);
    free(world);
    return 0;
}

static size_t docs_of(const struct world *world, uint32_t list)
{
    return (size_t)(world->offset[list + 1] - world->offset[list]);
}

static void an_epoch(void **state)
{
    const struct world *world = *state;
    static const size_t sizes[] = {2, 3, 64, 1024, 100000};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        struct minibatch_plan plan;
        struct minibatch_lists lists;
        unsigned char seen[LISTS] = {0};
        size_t docs = 0, last = sizes[s];
        assert_int_equal(minibatch_plan_init(&plan, &world->dataset, NULL, 0, sizes[s]), STATUS_OK);
        assert_int_equal(plan.docs, world->dataset.docs);
        assert_int_equal(plan.longest, 23);
        assert_false(minibatch_plan_next(&plan, &lists)); // not started
        minibatch_plan_start(&plan, 7, 0);
        while (minibatch_plan_next(&plan, &lists)) {
            size_t sum = 0;
            assert_true(last >= sizes[s]); // only the last batch is short
            for (size_t i = 0; i < lists.count; i++) {
                assert_int_equal(seen[lists.lists[i]]++, 0);
                assert_true(sum < sizes[s]); // closed as soon as it is full
                sum += docs_of(world, lists.lists[i]);
            }
            assert_int_equal(sum, lists.docs);
            assert_in_range(sum, 2, minibatch_plan_max_rows(&plan));
            assert_in_range(lists.count, 1, minibatch_plan_max_lists(&plan));
            docs += sum;
            last = sum;
        }
        assert_int_equal(docs + plan.dropped, world->dataset.docs);
        assert_true(plan.dropped <= 1);
        assert_false(minibatch_plan_next(&plan, &lists));
        minibatch_plan_fini(&plan);
    }
}

static void order_of(struct minibatch_plan *plan, uint64_t seed, uint32_t epoch, uint32_t *order)
{
    struct minibatch_lists lists;
    size_t at = 0;
    minibatch_plan_start(plan, seed, epoch);
    while (minibatch_plan_next(plan, &lists)) {
        memcpy(order + at, lists.lists, lists.count * sizeof(*order));
        at += lists.count;
    }
}

// A pure function of (seed, epoch): not of the epochs that came before.
static void order_depends_on_seed_and_epoch(void **state)
{
    const struct world *world = *state;
    struct minibatch_plan plan;
    uint32_t first[LISTS] = {0}, other[LISTS] = {0};
    assert_int_equal(minibatch_plan_init(&plan, &world->dataset, NULL, 0, 64), STATUS_OK);
    order_of(&plan, 7, 3, first);
    order_of(&plan, 7, 4, other);
    assert_memory_not_equal(first, other, sizeof(first));
    order_of(&plan, 8, 3, other);
    assert_memory_not_equal(first, other, sizeof(first));
    order_of(&plan, 7, 3, other);
    assert_memory_equal(first, other, sizeof(first));
    minibatch_plan_fini(&plan);
    // The order is the shuffle of the subset by the stream of the design.
    struct rng rng;
    for (uint32_t i = 0; i < LISTS; i++)
        other[i] = i;
    rng_start(&rng, 7, RNG_SHUFFLE, 3, 0);
    rng_shuffle_u32(&rng, other, LISTS);
    size_t same = 0;
    while (same < LISTS && other[same] == first[same])
        same++;
    assert_true(same >= LISTS - 1); // all but a dropped list of one document
}

static void a_subset_stays_a_subset(void **state)
{
    const struct world *world = *state;
    struct minibatch_plan plan;
    struct minibatch_lists lists;
    const uint32_t subset[] = {5, 17, 40, 299};
    assert_int_equal(minibatch_plan_init(&plan, &world->dataset, subset, 4, 1000), STATUS_OK);
    assert_int_equal(plan.docs, 6 + 18 + 18 + 1); // 40 mod 23 = 17, 299 = 13 * 23
    assert_int_equal(minibatch_plan_max_rows(&plan), 43);
    minibatch_plan_start(&plan, 1, 1);
    assert_true(minibatch_plan_next(&plan, &lists));
    assert_int_equal(lists.count, 4);
    uint32_t sum = 0;
    for (size_t i = 0; i < 4; i++)
        sum += lists.lists[i];
    assert_int_equal(sum, 5 + 17 + 40 + 299);
    minibatch_plan_fini(&plan);
}

// Lists of 3, 3 and 1 documents, batch 6: when the single one comes last it is alone and dropped;
// in any other place it shares a batch with the others.
static void a_rest_of_one_is_dropped(void **state)
{
    (void)state;
    static const uint64_t offset[] = {0, 3, 6, 7};
    const struct dataset dataset = {.lists = 3, .docs = 7, .columns = 1, .offset = offset};
    struct minibatch_plan plan;
    size_t dropped = 0, kept = 0;
    assert_int_equal(minibatch_plan_init(&plan, &dataset, NULL, 0, 6), STATUS_OK);
    for (uint32_t epoch = 0; epoch < 60; epoch++) {
        struct minibatch_lists lists;
        size_t docs = 0;
        minibatch_plan_start(&plan, 1, epoch);
        bool single_last = plan.order[2] == 2;
        while (minibatch_plan_next(&plan, &lists))
            docs += lists.docs;
        assert_int_equal(docs, single_last ? 6 : 7);
        assert_int_equal(plan.dropped, single_last);
        dropped += single_last;
        kept += !single_last;
    }
    assert_true(dropped > 0 && kept > 0);
    minibatch_plan_fini(&plan);
}

static void plus_one(const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] + 1;
}

static void arrays_of_a_batch(void **state)
{
    const struct world *world = *state;
    const struct kernels kernels = {.name = "plus one", .log1p = plus_one};
    struct minibatch_plan plan;
    struct minibatch_lists lists;
    struct minibatch batch;
    struct schema schema;
    assert_int_equal(schema_letor(COLUMNS, NULL, 0, false, SCHEMA_LOG1P, &schema, NULL), STATUS_OK);
    assert_int_equal(minibatch_plan_init(&plan, &world->dataset, NULL, 0, 200), STATUS_OK);
    assert_int_equal(minibatch_init(&batch, &plan, &schema, &kernels, NULL), STATUS_OK);
    minibatch_plan_start(&plan, 3, 9);
    while (minibatch_plan_next(&plan, &lists)) {
        minibatch_fill(&batch, &lists);
        assert_int_equal(batch.docs, lists.docs);
        assert_int_equal(batch.lists, lists.count);
        assert_int_equal(batch.offset[0], 0);
        assert_int_equal(batch.offset[batch.lists], batch.docs);
        for (size_t q = 0; q < batch.lists; q++)
            for (uint64_t i = batch.offset[q]; i < batch.offset[q + 1]; i++) {
                uint64_t doc = world->offset[lists.lists[q]] + i - batch.offset[q];
                assert_int_equal(batch.doc[i], doc);
                assert_true(batch.cells[i * COLUMNS].number == (float)doc);
                assert_true(batch.cells[i * COLUMNS + 1].number == (float)lists.lists[q]);
                assert_true(batch.cells[i * COLUMNS + 2].number == -1);
                assert_true(batch.label[i] == (doc % 4 == 0 ? 0 : 1)); // grades 0, .5, 1, 1.5
            }
    }
    minibatch_fini(&batch);
    minibatch_plan_fini(&plan);
    schema_fini(&schema);
}

// The page columns are made of transformed values and are not transformed again.
static void page_columns_of_a_batch(void **state)
{
    const struct world *world = *state;
    const struct kernels kernels = {.name = "plus one", .log1p = plus_one};
    const uint32_t subset[] = {2}; // documents 3, 4, 5
    struct minibatch_plan plan;
    struct minibatch_lists lists;
    struct minibatch batch;
    struct schema schema;
    assert_int_equal(schema_letor(1, NULL, 0, true, SCHEMA_LOG1P, &schema, NULL), STATUS_OK);
    assert_int_equal(minibatch_plan_init(&plan, &world->dataset, subset, 1, 2), STATUS_OK);
    assert_int_equal(minibatch_init(&batch, &plan, &schema, &kernels, NULL), STATUS_OK);
    minibatch_plan_start(&plan, 1, 0);
    assert_true(minibatch_plan_next(&plan, &lists));
    minibatch_fill(&batch, &lists);
    for (size_t i = 0; i < 3; i++) {
        assert_true(batch.cells[4 * i].number == (float)(i + 3));
        assert_true(batch.cells[4 * i + 1].number == (15 - (float)(i + 4)) / 2); // g = 4, 5, 6
    }
    minibatch_fini(&batch);
    minibatch_plan_fini(&plan);
    schema_fini(&schema);
}

// Lists of one document, more than a window holds: the order is made of permuted blocks, shuffled
// inside windows.
static void large_data_are_read_in_windows(void **state)
{
    (void)state;
    enum { MANY = 2 * MINIBATCH_WINDOW + 3 * MINIBATCH_BLOCK + 17 };
    static uint64_t offset[MANY + 1];
    static uint32_t first_order[MANY];
    static unsigned char seen[MANY];
    struct minibatch_plan plan;
    for (size_t i = 0; i <= MANY; i++)
        offset[i] = i;
    const struct dataset dataset = {.lists = MANY, .docs = MANY, .columns = 1, .offset = offset};
    assert_int_equal(minibatch_plan_init(&plan, &dataset, NULL, 0, 1024), STATUS_OK);
    minibatch_plan_start(&plan, 3, 5);
    memcpy(first_order, plan.order, sizeof(first_order));
    size_t moved = 0, blocks_of_window[(MANY / MINIBATCH_BLOCK) + 1] = {0}, blocks = 0;
    for (size_t i = 0; i < MANY; i++) {
        assert_false(seen[plan.order[i]]);
        seen[plan.order[i]] = 1;
        moved += plan.order[i] != i;
        blocks_of_window[plan.order[i] / MINIBATCH_BLOCK] += i < MINIBATCH_WINDOW;
    }
    assert_true(moved > MANY / 2);
    // The first window has whole blocks only, but for one short one at most.
    for (size_t b = 0; b <= MANY / MINIBATCH_BLOCK; b++) {
        blocks += blocks_of_window[b] > 0;
        assert_true(blocks_of_window[b] == 0 || blocks_of_window[b] >= 17);
    }
    assert_true(blocks <= MINIBATCH_WINDOW / MINIBATCH_BLOCK + 1);
    minibatch_plan_start(&plan, 3, 5);
    assert_memory_equal(plan.order, first_order, sizeof(first_order));
    minibatch_plan_start(&plan, 3, 6);
    assert_memory_not_equal(plan.order, first_order, sizeof(first_order));
    plan.as_given = true;
    minibatch_plan_start(&plan, 3, 5);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(plan.order[i], i);
    minibatch_plan_fini(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch),
        cmocka_unit_test(order_depends_on_seed_and_epoch),
        cmocka_unit_test(a_subset_stays_a_subset),
        cmocka_unit_test(large_data_are_read_in_windows),
        cmocka_unit_test(a_rest_of_one_is_dropped),
        cmocka_unit_test(arrays_of_a_batch),
        cmocka_unit_test(page_columns_of_a_batch),
    };
    return cmocka_run_group_tests(tests, make_world, free_world);
}
