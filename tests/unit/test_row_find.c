// Oracle: a linear search over the same fields.
#include "proto/row_find.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

enum { COUNT = 300, FEW = 24 };

struct shop {
    char names[COUNT][12];
    struct row_field fields[COUNT];
    struct row_layout layout;
    struct arena arena;
    struct row_find find;
};

// Scopes alternate; every name stands in two scopes.
static void shop_init(struct shop *shop, unsigned count)
{
    memset(shop, 0, sizeof(*shop));
    for (unsigned i = 0; i < count; i++) {
        int length = snprintf(shop->names[i], sizeof(shop->names[i]), "n%u", i / 2);
        shop->fields[i].name = (struct span){shop->names[i], (size_t)length};
        shop->fields[i].scope = i % 2 == 0 ? ROW_ITEM : ROW_USER;
        shop->fields[i].size = 1;
    }
    shop->layout = (struct row_layout){.fields = shop->fields, .field_count = count};
    assert_int_equal(arena_init(&shop->arena, 1 << 14), STATUS_OK);
    assert_int_equal(row_find_init(&shop->find, &shop->layout, &shop->arena), STATUS_OK);
}

static void check_every_order(unsigned count)
{
    struct shop shop;
    shop_init(&shop, count);
    // Steps that are coprime to half the count visit every field of the scope once; step 1 is the
    // expected order.
    const unsigned steps[] = {1, 7, count / 2 - 1};
    for (size_t s = 0; s < 3; s++) {
        row_find_object(&shop.find, ROW_USER);
        for (unsigned k = 0; k < count / 2; k++) {
            unsigned at = k * steps[s] % (count / 2) * 2 + 1;
            const struct row_field *field = row_find_name(&shop.find, shop.fields[at].name);
            assert_ptr_equal(field, &shop.fields[at]);
            assert_false(row_find_taken(&shop.find, field));
            assert_true(row_find_take(&shop.find, field));
            assert_true(row_find_taken(&shop.find, field));
            assert_false(row_find_take(&shop.find, field));
        }
        assert_int_equal(shop.find.found, count / 2);
        assert_int_equal(shop.find.hashed, s > 0 && count > ROW_FIND_FEW);
        if (s == 0)
            assert_null(row_find_expected(&shop.find));
    }
    arena_fini(&shop.arena);
}

static void test_every_order(void **state)
{
    (void)state;
    check_every_order(COUNT);
    check_every_order(FEW);
}

static void check_unknown(unsigned count)
{
    struct shop shop;
    shop_init(&shop, count);
    row_find_object(&shop.find, ROW_ITEM);
    assert_ptr_equal(row_find_expected(&shop.find), &shop.fields[0]);
    assert_ptr_equal(row_find_elsewhere(&shop.find, span_of("n5")), &shop.fields[11]);
    assert_null(row_find_name(&shop.find, span_of("n150")));
    assert_null(row_find_name(&shop.find, span_of("")));
    assert_null(row_find_elsewhere(&shop.find, span_of("n150")));
    row_find_object(&shop.find, ROW_CONTEXT);
    assert_null(row_find_expected(&shop.find));
    assert_null(row_find_name(&shop.find, span_of("n5")));
    arena_fini(&shop.arena);
    assert_int_equal(arena_init(&shop.arena, 64), STATUS_OK);
    assert_int_equal(row_find_init(&shop.find, &shop.layout, &shop.arena), STATUS_TOO_LARGE);
    arena_fini(&shop.arena);
}

static void test_unknown_and_elsewhere(void **state)
{
    (void)state;
    check_unknown(COUNT);
    check_unknown(FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_order),
        cmocka_unit_test(test_unknown_and_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
