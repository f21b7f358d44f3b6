// The table of methods: every row makes sense by itself and beside the others.
#include "model/train/method.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names_are_unique_and_found(void **state)
{
    (void)state;
    assert_true(method_count() >= 13);
    for (size_t i = 0; i < method_count(); i++) {
        assert_ptr_equal(method_find(method_at(i)->name), method_at(i));
        assert_int_equal(method_index(method_at(i)), i);
    }
    assert_null(method_at(method_count()));
    assert_null(method_find("nothing"));
}

static void teachers_exist_and_are_not_taught(void **state)
{
    (void)state;
    for (size_t i = 0; i < method_count(); i++) {
        const struct method *method = method_at(i), *teacher = method_find(method->teacher);
        assert_true((teacher != NULL) == (method->teacher[0] != '\0'));
        if (teacher != NULL) {
            assert_int_equal(teacher->role, CHECKPOINT_TEACHER);
            assert_string_equal(teacher->teacher, "");
        }
    }
}

// What is served sees regular features alone, whatever teaches it.
static void students_see_nothing_privileged(void **state)
{
    (void)state;
    for (size_t i = 0; i < method_count(); i++)
        if (method_at(i)->role == CHECKPOINT_STUDENT)
            assert_int_equal(method_at(i)->sees, METHOD_SEES_REGULAR);
}

// A second loss needs a teacher, but for RCR; a shallow tower and a second loss exclude each other.
static void losses_fit_towers(void **state)
{
    (void)state;
    for (size_t i = 0; i < method_count(); i++) {
        const struct method *method = method_at(i);
        bool taught = method->teacher[0] != '\0';
        assert_true(taught == (method->kd != LOSS_KD_NONE && method->kd != LOSS_KD_RCR));
        assert_true(method->join == LOSS_JOIN_NONE || method->kd == LOSS_KD_NONE);
        assert_true(method->tau == (method->kd == LOSS_KD_POINTWISE));
        // every second loss but the pointwise one compares the documents of a list
        assert_true(method_is_listwise(method) == (method_has_ratio(method) && !method->tau));
        assert_true(method_has_ratio(method) == (method->kd != LOSS_KD_NONE));
    }
}

static void choices_name_every_row_in_order(void **state)
{
    (void)state;
    const char *at = method_choices;
    for (size_t i = 0; i < method_count(); i++) {
        size_t length = strlen(method_at(i)->name);
        assert_true(at[0] == '|' && strncmp(at + 1, method_at(i)->name, length) == 0);
        at += 1 + length;
    }
    assert_true(*at == '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_found),
        cmocka_unit_test(teachers_exist_and_are_not_taught),
        cmocka_unit_test(students_see_nothing_privileged),
        cmocka_unit_test(losses_fit_towers),
        cmocka_unit_test(choices_name_every_row_in_order),
    };
    return cmocka_run_group_tests_name("method", tests, NULL, NULL);
}
