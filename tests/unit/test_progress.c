// The line of the progress bar, as it is to be read; expected lines are written by hand.
#include "model/train/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct progress_view *view, size_t width, const char *want)
{
    char line[200];
    size_t length = progress_format(view, width, line, sizeof(line));
    assert_string_equal(line, want);
    assert_int_equal(length, strlen(want));
}

static void a_line(void **state)
{
    (void)state;
    const struct progress_view view = {.title = "epoch 3",
                                       .unit = "docs",
                                       .text = "loss 0.45",
                                       .done = 461000,
                                       .total = 1020000,
                                       .seconds = 14.75};
    // rate 31254/s, left 559000 / 31254 = 17.9 s; the bar takes what is free, 12 columns here
    expect(&view, 68, "epoch 3 [====>     ]  45% 461k/1.02M docs 31.3k/s ETA 0:18 loss 0.45");
}

static void narrow_lines_lose_parts(void **state)
{
    (void)state;
    const struct progress_view view = {
        .title = "read", .unit = "B", .text = "x", .done = 50, .total = 100, .seconds = 10};
    expect(&view, 200, "read [==============>             ]  50% 50/100 B 5/s ETA 0:10 x");
    expect(&view, 42, "read [===>  ]  50% 50/100 B 5/s ETA 0:10 x");
    expect(&view, 41, "read  50% 50/100 B 5/s ETA 0:10 x");
    expect(&view, 32, "read  50% 50/100 B 5/s ETA 0:10");
    expect(&view, 30, "read  50% 50/100 B 5/s");
    expect(&view, 20, "read  50% 50/100 B");
    expect(&view, 10, "read");
    expect(&view, 3, "");
}

static void ends_of_the_bar(void **state)
{
    (void)state;
    struct progress_view view = {.title = "t", .unit = "u", .done = 0, .total = 10, .seconds = 0};
    expect(&view, 24, "t [>       ]   0% 0/10 u");
    view.done = 10;
    view.seconds = 2;
    expect(&view, 30, "t [=========] 100% 10/10 u 5/s");
    view.done = 11; // more than was announced
    expect(&view, 34, "t [==========] 100% 11/10 u 5.50/s");
}

static void an_unknown_total(void **state)
{
    (void)state;
    const struct progress_view view = {
        .title = "read", .unit = "docs", .done = 1234567, .seconds = 1};
    expect(&view, 80, "read 1.23M docs 1.23M/s");
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        uint64_t done;
        const char *want;
    } cases[] = {{0, "t 0 u"},
                 {999, "t 999 u"},
                 {1000, "t 1.00k u"},
                 {9994, "t 9.99k u"},
                 {9996, "t 10.0k u"},
                 {99940, "t 99.9k u"},
                 {99960, "t 100k u"},
                 {999499, "t 999k u"},
                 {999600, "t 1.00M u"},
                 {UINT64_C(2500000000), "t 2.50G u"},
                 {UINT64_C(7000000000000), "t 7.00T u"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct progress_view view = {.title = "t", .unit = "u", .done = cases[i].done};
        expect(&view, 80, cases[i].want);
    }
}

static void times(void **state)
{
    (void)state;
    struct progress_view view = {.title = "t", .unit = "u", .done = 1, .total = 3601, .seconds = 1};
    expect(&view, 34, "t   0% 1/3.60k u 1/s ETA 1:00:00");
    view.total = 60;
    expect(&view, 26, "t   1% 1/60 u 1/s ETA 0:59");
    view.total = 1000000;
    expect(&view, 34, "t   0% 1/1.00M u 1/s ETA --:--");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line),          cmocka_unit_test(narrow_lines_lose_parts),
        cmocka_unit_test(ends_of_the_bar), cmocka_unit_test(an_unknown_total),
        cmocka_unit_test(numbers),         cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
