// One test for both arenas: arena.c, and arena_emu.c in the sanitizer builds.
#include "base/arena.h"
#include "tests/support/check.h"

#include <string.h>

static void test_alloc(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_init(&arena, 1000), STATUS_OK); // 1024: whole lines
    assert_int_equal(arena.capacity, 1024);
    unsigned char *a = arena_alloc(&arena, 1), *b = arena_alloc(&arena, 65);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal((uintptr_t)a % ARENA_ALIGN, 0);
    assert_int_equal((uintptr_t)b % ARENA_ALIGN, 0);
    assert_int_equal(arena_mark(&arena), 64 + 128);
    memset(a, 1, 1);
    memset(b, 2, 65);
    assert_int_equal(a[0], 1);
    assert_non_null(arena_alloc(&arena, 0));
    assert_int_equal(arena_mark(&arena), 192);
    arena_fini(&arena);
}

static void test_overflow(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_init(&arena, 128), STATUS_OK);
    assert_non_null(arena_alloc(&arena, 100)); // takes both lines
    assert_false(arena.overflowed);
    assert_null(arena_alloc(&arena, 1));
    assert_true(arena.overflowed);
    assert_non_null(arena_alloc(&arena, 0));
    arena_rewind(&arena, 0);
    assert_true(arena.overflowed); // sticky until reset
    arena_reset(&arena);
    assert_false(arena.overflowed);
    assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
    assert_true(arena.overflowed);
    arena_reset(&arena);
    assert_null(arena_copy_text(&arena, "", SIZE_MAX));
    assert_true(arena.overflowed);
    arena_reset(&arena);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_fini(&arena);
    assert_int_equal(arena_init(&arena, SIZE_MAX - 3), STATUS_NO_MEMORY);
}

static void test_rewind_and_peak(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_init(&arena, 1024), STATUS_OK);
    char *kept = arena_copy_text(&arena, "kept!", 4);
    size_t mark = arena_mark(&arena);
    for (int i = 0; i < 50; i++) {
        assert_non_null(arena_alloc(&arena, 300));
        assert_non_null(arena_alloc(&arena, 300));
        arena_rewind(&arena, mark);
    }
    assert_string_equal(kept, "kept");
    assert_int_equal(arena.peak, 64 + 2 * 320);
    assert_int_equal(arena_mark(&arena), 64);
    arena_reset(&arena);
    assert_int_equal(arena_mark(&arena), 0);
    arena_fini(&arena);
}

static void test_arrays(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_init(&arena, 1024), STATUS_OK);
    int *dirty = arena_array(&arena, 100, sizeof(int));
    assert_non_null(dirty);
    memset(dirty, 0xFF, 100 * sizeof(int));
    arena_reset(&arena);
    int *zero = arena_zero_array(&arena, 100, sizeof(int));
    assert_non_null(zero);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zero[i], 0);
    assert_non_null(arena_zero_array(&arena, 0, sizeof(int)));
    assert_string_equal(arena_copy_text(&arena, NULL, 0), "");
    arena_fini(&arena);
    assert_int_equal(arena_init(&arena, 0), STATUS_OK);
    assert_non_null(arena_alloc(&arena, 0));
    assert_null(arena_alloc(&arena, 1));
    arena_fini(&arena);
}

static void test_fit(void **state)
{
    (void)state;
    struct arena arena = {.capacity = 0};
    assert_int_equal(arena_fit(&arena, 100), STATUS_OK);
    assert_int_equal(arena.capacity, 128);
    assert_null(arena_alloc(&arena, 200));
    assert_int_equal(arena_fit(&arena, 20), STATUS_OK); // empty, and no smaller
    assert_false(arena.overflowed);
    assert_non_null(arena_alloc(&arena, 128));
    assert_int_equal(arena_fit(&arena, 300), STATUS_OK);
    assert_non_null(arena_alloc(&arena, 300));
    assert_int_equal(arena_fit(&arena, SIZE_MAX - 3), STATUS_NO_MEMORY);
    assert_int_equal(arena.capacity, 0);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_rewind_and_peak),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
