// Field-ECE and Field-RCE by hand.
#include "model/train/quality_field.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>

static void test_by_hand(void **state)
{
    (void)state;
    // field 9: p 1/2, 1/4, clicks 1, 0: gap 1/4. field 4: p 1/8, no click: gap 1/8.
    struct quality_field_doc docs[] = {
        {9, {0.5, 0, true}}, {4, {0.125, 0, false}}, {9, {0.25, 0, false}}};
    double scratch[6];
    const struct quality_field got = quality_field_measure(docs, 3, scratch);
    near_is(got.ece, 0.375 / 3, 1e-16);
    near_is(got.rce, 0.25, 1e-16);
}

static void test_undefined(void **state)
{
    (void)state;
    struct quality_field_doc docs[] = {{1, {0.5, 0, false}}, {2, {0.25, 0, false}}};
    double scratch[4];
    const struct quality_field got = quality_field_measure(docs, 2, scratch);
    near_is(got.ece, 0.375, 1e-16);
    near_is(got.rce, (double)NAN, 0);
}

// Every field a click and a document of its own: both kinds of terms fill their half of scratch.
static void test_all_fields_clicked(void **state)
{
    (void)state;
    struct quality_field_doc docs[] = {
        {3, {0.5, 0, true}}, {2, {0.25, 0, true}}, {1, {0.75, 0, true}}};
    double scratch[6];
    const struct quality_field got = quality_field_measure(docs, 3, scratch);
    near_is(got.ece, 0.5, 1e-16);
    near_is(got.rce, 0.5, 1e-16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_undefined),
        cmocka_unit_test(test_all_fields_clicked),
    };
    return cmocka_run_group_tests_name("quality_field", tests, NULL, NULL);
}
