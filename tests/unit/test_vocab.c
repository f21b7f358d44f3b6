// Oracle: the place of an id in the list that was given.
#include "proto/vocab.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_every_id(void **state)
{
    (void)state;
    enum { COUNT = 50000, MOST = 8 };
    char *bytes = malloc((size_t)COUNT * MOST);
    uint64_t *offset = malloc((COUNT + 1) * sizeof(*offset));
    if (bytes == NULL || offset == NULL)
        abort();
    offset[0] = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        int length = snprintf(bytes + offset[i], MOST, "i%u", i);
        offset[i + 1] = offset[i] + (uint64_t)length;
    }
    struct vocab *vocab;
    assert_int_equal(vocab_new(bytes, offset, COUNT, &vocab, NULL), STATUS_OK);
    assert_int_equal(vocab_count(vocab), COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof(text), "i%u", i);
        assert_int_equal(vocab_row(vocab, span_of(text)), i + VOCAB_FIRST);
        assert_true(span_is(vocab_id(vocab, i), text));
        snprintf(text, sizeof(text), "i%u", i + COUNT);
        assert_int_equal(vocab_row(vocab, span_of(text)), VOCAB_UNKNOWN);
    }
    vocab_free(vocab);
    free(bytes);
    free(offset);
}

static void test_few(void **state)
{
    (void)state;
    static const char bytes[] = "a\0b\xc3\xa9";
    static const uint64_t offset[] = {0, 1, 3, 5};
    struct vocab *vocab;
    assert_int_equal(vocab_new(NULL, offset, 0, &vocab, NULL), STATUS_OK);
    assert_int_equal(vocab_row(vocab, span_of("a")), VOCAB_UNKNOWN);
    vocab_free(vocab);
    assert_int_equal(vocab_new(bytes, offset, 3, &vocab, NULL), STATUS_OK);
    assert_int_equal(vocab_row(vocab, span_of("a")), 2);
    assert_int_equal(vocab_row(vocab, (struct span){"\0b", 2}), 3);
    assert_int_equal(vocab_row(vocab, span_of("\xc3\xa9")), 4);
    assert_int_equal(vocab_row(vocab, span_of("e\xcc\x81")), VOCAB_UNKNOWN); // bytes, not letters
    vocab_free(vocab);
    vocab_free(NULL);
}

static void test_corrupt(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset[4];
        const char *words;
    } cases[] = {
        {{1, 2, 3, 4}, "does not start at byte 0"},
        {{0, 2, 1, 3}, "id 1 of the vocabulary ends before it starts"},
        {{0, 1, 1, 3}, "id 1 of the vocabulary is empty"},
        {{0, 0, 1, 3}, "id 0 of the vocabulary is empty"},
        {{0, 1, 3, 4}, "id 2 of the vocabulary is its id 0 already"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vocab *vocab;
        struct diag diag;
        assert_int_equal(vocab_new("abca", cases[i].offset, 3, &vocab, &diag), STATUS_CORRUPT);
        assert_null(vocab);
        if (strstr(diag.words, cases[i].words) == NULL)
            fail_msg("%s", diag.words);
    }
    static const uint64_t offset[] = {0};
    struct vocab *vocab;
    assert_int_equal(vocab_new("", offset, UINT32_MAX, &vocab, NULL), STATUS_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_id),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
