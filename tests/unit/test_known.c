// What lies beside the data, what was named instead, and what is wrong with either.
#include "model/train/known.h"
#include "tests/support/check.h"
#include "tests/support/near.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct scratch scratch;
    char data[128], other[128];
};

static void put(const struct place *place, const char *name, const char *text)
{
    char path[128];
    scratch_file(&place->scratch, name, text, strlen(text), path);
}

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    scratch_make(&place->scratch);
    scratch_path(&place->scratch, "d.jsonl", place->data);
    put(place, "d.jsonl.truth", ".5\n.25\n");
    scratch_file(&place->scratch, "other", ".125\n.75\n", 9, place->other);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    scratch_remove(&place->scratch);
    free(place);
    return 0;
}

static void the_truth_alone(void **state)
{
    const struct place *place = *state;
    struct known known;
    assert_int_equal(known_read(&(struct known_paths){.money = true}, place->data, 2, &known, NULL),
                     STATUS_OK);
    near_is(known.truth[1], .25, 0);
    assert_null(known.appeal);
    assert_null(known.bid);
    known_fini(&known);
    assert_int_equal(
        known_read(&(struct known_paths){.money = true}, place->other, 2, &known, NULL), STATUS_OK);
    assert_true(known.truth == NULL && known.appeal == NULL && known.bid == NULL);
    known_fini(&known);
}

static void all_that_lies_beside(void **state)
{
    const struct place *place = *state;
    struct known known;
    put(place, "d.jsonl.appeal", ".75\n.5\n");
    put(place, "d.jsonl.bid", "0\n3\n");
    assert_int_equal(known_read(&(struct known_paths){.money = true}, place->data, 2, &known, NULL),
                     STATUS_OK);
    near_is(known.truth[0], .5, 0);
    near_is(known.appeal[0], .75, 0);
    near_is(known.bid[1], 3, 0);
    known_fini(&known);
    // Bids that are to be drawn are not read, money that nobody asks for neither.
    assert_int_equal(known_read(&(struct known_paths){.money = true, .draw_bids = true},
                                place->data, 2, &known, NULL),
                     STATUS_OK);
    assert_true(known.appeal != NULL && known.bid == NULL);
    known_fini(&known);
    put(place, "d.jsonl.appeal", "broken\n");
    assert_int_equal(known_read(&(struct known_paths){0}, place->data, 2, &known, NULL), STATUS_OK);
    assert_true(known.truth != NULL && known.appeal == NULL && known.bid == NULL);
    known_fini(&known);
}

// Another truth is not that of the appeal which lies beside the data.
static void what_is_named_comes_first(void **state)
{
    const struct place *place = *state;
    struct known known;
    put(place, "d.jsonl.appeal", ".75\n.5\n");
    struct known_paths paths = {.truth = place->other, .money = true};
    assert_int_equal(known_read(&paths, place->data, 2, &known, NULL), STATUS_OK);
    near_is(known.truth[0], .125, 0);
    assert_null(known.appeal);
    known_fini(&known);
    paths = (struct known_paths){.appeal = place->other, .bid = place->other, .money = true};
    assert_int_equal(known_read(&paths, place->data, 2, &known, NULL), STATUS_OK);
    near_is(known.truth[0], .5, 0);
    near_is(known.appeal[0], .125, 0);
    near_is(known.bid[0], .125, 0);
    known_fini(&known);
}

static void faults_name_the_file(void **state)
{
    const struct place *place = *state;
    static const char *const endings[] = {"appeal", "bid"};
    for (size_t i = 0; i < 2; i++) {
        char name[32];
        struct known known;
        struct diag diag = {0};
        snprintf(name, sizeof(name), "d.jsonl.%s", endings[i]);
        put(place, name, i == 0 ? ".5\n1.5\n" : "1\n-1\n");
        assert_int_equal(
            known_read(&(struct known_paths){.money = true}, place->data, 2, &known, &diag),
            STATUS_INVALID);
        assert_int_equal(diag.line, 2);
        assert_non_null(strstr(diag.file, name));
        known_fini(&known);
        put(place, name, ".5\n.5\n");
    }
    struct known known;
    assert_int_equal(
        known_read(&(struct known_paths){.truth = "/nonexistent/t"}, place->data, 2, &known, NULL),
        STATUS_NOT_FOUND);
    known_fini(&known);
}

#define KNOWN_TEST(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KNOWN_TEST(the_truth_alone),
        KNOWN_TEST(all_that_lies_beside),
        KNOWN_TEST(what_is_named_comes_first),
        KNOWN_TEST(faults_name_the_file),
    };
    return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
