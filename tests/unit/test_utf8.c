// Oracle: The Unicode Standard, table 3-7 (well-formed UTF-8 byte sequences).
#include "base/utf8.h"
#include "tests/support/check.h"

#include <stdbool.h>

static void test_boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        uint32_t code;
    } cases[] = {
        {"\x7F", 1, 0x7F},
        {"\xC2\x80", 2, 0x80},
        {"\xDF\xBF", 2, 0x7FF},
        {"\xE0\xA0\x80", 3, 0x800},
        {"\xED\x9F\xBF", 3, 0xD7FF},
        {"\xEE\x80\x80", 3, 0xE000},
        {"\xEF\xBF\xBF", 3, 0xFFFF},
        {"\xF0\x90\x80\x80", 4, 0x10000},
        {"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
        // not well-formed
        {"\x80", 0, 0},
        {"\xC0\x80", 0, 0},
        {"\xC1\xBF", 0, 0},
        {"\xC2", 0, 0},
        {"\xC2\x41", 0, 0},
        {"\xE0\x9F\xBF", 0, 0},
        {"\xED\xA0\x80", 0, 0},
        {"\xED\xBF\xBF", 0, 0},
        {"\xE2\x82", 0, 0},
        {"\xF0\x8F\xBF\xBF", 0, 0},
        {"\xF4\x90\x80\x80", 0, 0},
        {"\xF5\x80\x80\x80", 0, 0},
        {"\xFF", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint32_t code = 0;
        assert_int_equal(utf8_next(span_of(cases[i].text), 0, &code), cases[i].length);
        if (cases[i].length > 0)
            assert_int_equal(code, cases[i].code);
    }
}

// Every three-byte sequence, against the rows of the table.
static void test_three_bytes(void **state)
{
    (void)state;
    for (unsigned a = 0xE0; a <= 0xEF; a++)
        for (unsigned b = 0; b < 256; b++) {
            unsigned low = a == 0xE0 ? 0xA0 : 0x80, high = a == 0xED ? 0x9F : 0xBF;
            char text[3] = {(char)a, (char)b, (char)0x85};
            uint32_t code;
            bool good = b >= low && b <= high;
            assert_int_equal(utf8_next((struct span){text, 3}, 0, &code), good ? 3 : 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boundaries),
        cmocka_unit_test(test_three_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
