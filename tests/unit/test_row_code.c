// Oracle: rows worked out once by hand with the xxhash package of Python (an independent binding;
// xxh3_64_intdigest, struct.pack("<I", ...)), following design 8.
#include "proto/row_code.h"
#include "proto/vocab.h"
#include "tests/support/check.h"

#include <string.h>

enum { MILLION = 1000000 };

static struct row_coding hash_of(const char *table, uint32_t buckets)
{
    return (struct row_coding){
        .encode = ROW_HASH, .buckets = buckets, .seed = row_code_seed(span_of(table))};
}

static uint32_t row_of(const struct row_coding *coding, struct span id)
{
    uint32_t row = 0;
    assert_true(row_code(coding, id, &row));
    return row;
}

static void test_hash(void **state)
{
    (void)state;
    assert_true(row_code_seed(span_of("item_id")) == 0xa119b2561afab679u);
    assert_true(row_code_seed(span_of("user_id")) == 0xd55549748fdc4fa1u);
    assert_true(row_code_seed(span_of("")) == 0x2d06800538d394c2u);
    char longest[ROW_MAX_ID_BYTES];
    memset(longest, 'x', sizeof(longest));
    const struct {
        const char *table;
        struct span id;
        uint32_t buckets, row;
    } cases[] = {
        {"item_id", span_of("7"), MILLION, 883185},
        {"item_id", span_of("9640585"), MILLION, 268969},
        {"user_id", span_of("7"), MILLION, 327566},
        {"item_id", span_of("-9223372036854775808"), 97, 78},
        {"item_id",
         span_of("sm\xc3\xb8rrebr\xc3\xb8"
                 "d"),
         MILLION, 202146},
        {"item_id", {"a\0b", 3}, MILLION, 840472},
        {"item_id", {longest, sizeof(longest)}, UINT32_MAX, 3520712333u},
        {"item_id", span_of("7"), 1, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct row_coding coding = hash_of(cases[i].table, cases[i].buckets);
        assert_int_equal(row_of(&coding, cases[i].id), cases[i].row);
        assert_int_equal(row_code_rows(&coding), (size_t)cases[i].buckets + 1);
    }
}

static void test_cross(void **state)
{
    (void)state;
    struct row_coding coding = hash_of("user_x_item", MILLION);
    struct span u1 = span_of("u1"), item = span_of("9640585"), none = {NULL, 0};
    assert_int_equal(row_code_cross(&coding, u1, item), 626613);
    assert_int_equal(row_code_cross(&coding, item, u1), 513638);
    // The same bytes, cut elsewhere.
    assert_int_equal(row_code_cross(&coding, span_of("u19"), span_of("640585")), 975918);
    char a[ROW_MAX_ID_BYTES], b[ROW_MAX_ID_BYTES];
    memset(a, 'u', sizeof(a));
    memset(b, 'i', sizeof(b));
    struct span whole_a = {a, sizeof(a)}, whole_b = {b, sizeof(b)};
    assert_int_equal(row_code_cross(&coding, whole_a, whole_b), 317505);
    assert_int_equal(row_code_cross(&coding, none, item), 0);
    assert_int_equal(row_code_cross(&coding, u1, none), 0);
}

static void test_identity(void **state)
{
    (void)state;
    struct row_coding coding = {.encode = ROW_IDENTITY, .buckets = 24};
    assert_int_equal(row_code_rows(&coding), 25);
    assert_int_equal(row_of(&coding, span_of("0")), 1);
    assert_int_equal(row_of(&coding, span_of("7")), 8);
    assert_int_equal(row_of(&coding, span_of("23")), 24);
    static const char *const others[] = {"24",
                                         "-1",
                                         "-0",
                                         "+7",
                                         "07",
                                         "00",
                                         "7.0",
                                         " 7",
                                         "7 ",
                                         "7a",
                                         "0x7",
                                         "1e1",
                                         "4294967296",
                                         "x",
                                         "/",
                                         ":",
                                         "18446744073709551617",
                                         "99999999999"};
    uint32_t row;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (row_code(&coding, span_of(others[i]), &row))
            fail_msg("%s", others[i]);
    }
    coding.buckets = UINT32_MAX;
    assert_int_equal(row_of(&coding, span_of("4294967294")), UINT32_MAX);
    assert_false(row_code(&coding, span_of("4294967295"), &row));
}

static void test_vocab(void **state)
{
    (void)state;
    static const uint64_t offset[] = {0, 1, 3};
    struct vocab *vocab;
    assert_int_equal(vocab_new("abc", offset, 2, &vocab, NULL), STATUS_OK);
    struct row_coding coding = {.encode = ROW_VOCAB, .vocab = vocab};
    assert_int_equal(row_code_rows(&coding), 4);
    assert_int_equal(row_of(&coding, span_of("a")), 2);
    assert_int_equal(row_of(&coding, span_of("bc")), 3);
    assert_int_equal(row_of(&coding, span_of("b")), VOCAB_UNKNOWN);
    vocab_free(vocab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_cross),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_vocab),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
