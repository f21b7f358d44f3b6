// The LETOR reader. Expected documents and messages are stated by hand from the rules of the
// format.
#include "base/buf.h"
#include "model/train/letor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// What came out, as text: "new|same grade v v v" a line.
static enum status note(void *context, const struct letor_doc *doc, struct diag *reterr)
{
    (void)reterr;
    struct buf *out = context;
    buf_printf(out, "%s %g", doc->new_list ? "new" : "same", (double)doc->grade);
    for (uint32_t i = 0; i < doc->width; i++)
        buf_printf(out, " %g", (double)doc->values[i]);
    buf_char(out, '\n');
    return buf_status(out);
}

struct outcome {
    enum status code;
    struct buf text;
    char message[512];
    uint64_t skipped;
    unsigned first_skipped_line;
    size_t lists;
};

struct setting {
    uint32_t columns;
    uint64_t skip_bad;
    size_t block; // bytes fed at once; 0: all
};

static struct outcome parse_bytes(const char *data, size_t size, struct setting setting)
{
    struct outcome outcome = {0};
    struct diag diag = {0};
    struct letor *letor;
    buf_init(&outcome.text, 1 << 24);
    const struct letor_config config = {"f.txt", setting.columns, setting.skip_bad, note,
                                        &outcome.text};
    assert_int_equal(letor_new(&config, &letor), STATUS_OK);
    size_t block = setting.block == 0 ? size : setting.block;
    for (size_t at = 0; at < size && outcome.code == STATUS_OK; at += block)
        outcome.code = letor_feed(letor, data + at, size - at < block ? size - at : block, &diag);
    if (outcome.code == STATUS_OK)
        outcome.code = letor_end(letor, &diag);
    diag_format(&diag, outcome.message, sizeof(outcome.message));
    outcome.skipped = letor_skipped(letor);
    outcome.lists = letor_qids(letor)->count;
    if (letor_first_skipped(letor) != NULL)
        outcome.first_skipped_line = letor_first_skipped(letor)->line;
    letor_free(letor);
    return outcome;
}

static struct outcome parse(const char *text, struct setting setting)
{
    return parse_bytes(text, strlen(text), setting);
}

static void expect(const char *text, struct setting setting, const char *want)
{
    static const size_t blocks[] = {0, 1, 2, 7};
    for (size_t b = 0; b < sizeof(blocks) / sizeof(*blocks); b++) {
        setting.block = blocks[b];
        struct outcome outcome = parse(text, setting);
        if (outcome.code != STATUS_OK)
            fail_msg("refused: %s", outcome.message);
        assert_string_equal(outcome.text.size == 0 ? "" : outcome.text.data, want);
        buf_fini(&outcome.text);
    }
}

static void refuse(const char *text, struct setting setting, const char *message)
{
    for (size_t block = 0; block < 4; block++) {
        setting.block = block;
        struct outcome outcome = parse(text, setting);
        assert_int_equal(outcome.code, STATUS_INVALID);
        assert_string_equal(outcome.message, message);
        buf_fini(&outcome.text);
    }
}

static const struct setting plain = {0};

static void documents(void **state)
{
    (void)state;
    expect("2 qid:10 1:0.5 3:-7\n0 qid:10 2:1e-2\n1 qid:b 1:.5 # docid = 4\n", plain,
           "new 2 0.5 0 -7\nsame 0 0 0.01 0\nnew 1 0.5 0 0\n");
}

static void layout_is_free(void **state)
{
    (void)state;
    expect("", plain, "");
    expect("\n \t\n# only a comment\n  # too\n\r\n", plain, "");
    expect("\t1\t qid:1 \t 2:5  1:4 \r\n0 qid:1\r\n0 qid:1 #1:2 3:4\r\n0 qid:1 2:1", plain,
           "new 1 4 5\nsame 0 0 0\nsame 0 0 0\nsame 0 0 1\n");
    expect("0 qid:a#b 1:1\n0 qid:a#b 1:2\n", plain, "new 0 1\nsame 0 2\n");
}

static void width_grows_or_is_fixed(void **state)
{
    (void)state;
    expect("0 qid:1\n0 qid:1 2:1\n0 qid:2 1:1\n", plain, "new 0\nsame 0 0 1\nnew 0 1 0\n");
    expect("0 qid:1\n0 qid:1 2:1\n", (struct setting){.columns = 3}, "new 0 0 0 0\nsame 0 0 1 0\n");
    refuse("0 qid:1 3:1\n0 qid:1 4:1\n", (struct setting){.columns = 3},
           "f.txt:2: the feature number is not in 1..3: '4:1'");
}

// 1.79769e308 is read and clamped to 1e6; the lower bound is -1e38 (spec/algorithm.md 6.1).
static void values_are_clamped(void **state)
{
    (void)state;
    expect("0 qid:1 1:1.79769e308 2:1000001 3:999999.5 4:-1.7e308 5:-1e30 6:1e-400\n", plain,
           "new 0 1e+06 1e+06 1e+06 -1e+38 -1e+30 0\n");
    refuse("0 qid:1 1:1e999\n", plain, "f.txt:1: feature 1 is not a decimal number: '1:1e999'");
}

static void grades(void **state)
{
    (void)state;
    expect("31 qid:1 1:1\n1.5 qid:1 1:1\n-0 qid:1 1:1\n", plain,
           "new 31 1\nsame 1.5 1\nsame 0 1\n");
    refuse("32 qid:1\n", plain, "f.txt:1: the grade is not in 0..31: '32'");
    refuse("-1 qid:1\n", plain, "f.txt:1: the grade is not in 0..31: '-1'");
    refuse("nan qid:1\n", plain, "f.txt:1: the grade is not a decimal number: 'nan'");
    refuse("qid:1 1:2\n", plain, "f.txt:1: the grade is not a decimal number: 'qid:1'");
}

static void bad_lines(void **state)
{
    (void)state;
    refuse("0 1:2\n", plain, "f.txt:1: 'qid:ID' is missing behind the grade: '1:2'");
    refuse("0\n", plain, "f.txt:1: 'qid:ID' is missing behind the grade: ''");
    refuse("0 qid:\n", plain, "f.txt:1: 'qid:ID' is missing behind the grade: 'qid:'");
    refuse("# c\n\n0 qid:1 1:1 2\n", plain, "f.txt:3: expected number:value: '2'");
    refuse("0 qid:1 a:1\n", plain, "f.txt:1: expected number:value: 'a:1'");
    refuse("0 qid:1 :1\n", plain, "f.txt:1: expected number:value: ':1'");
    refuse("0 qid:1 -1:1\n", plain, "f.txt:1: expected number:value: '-1:1'");
    refuse("0 qid:1 0:1\n", plain, "f.txt:1: feature numbers begin with 1: '0:1'");
    refuse("0 qid:1 65537:1\n", plain, "f.txt:1: the feature number is not in 1..65536: '65537:1'");
    refuse("0 qid:1 99999999999999999999:1\n", plain,
           "f.txt:1: the feature number is not in 1..65536: '99999999999999999999:1'");
    refuse("0 qid:1 1:\n", plain, "f.txt:1: feature 1 is not a decimal number: '1:'");
    refuse("0 qid:1 1:inf\n", plain, "f.txt:1: feature 1 is not a decimal number: '1:inf'");
    refuse("0 qid:1 1:0x1p3\n", plain, "f.txt:1: feature 1 is not a decimal number: '1:0x1p3'");
    refuse("0 qid:1 1:1,5\n", plain, "f.txt:1: feature 1 is not a decimal number: '1:1,5'");
    refuse("0 qid:1 1:1 qid:1\n", plain, "f.txt:1: expected number:value: 'qid:1'");
    refuse("0 qid:1 7:1 2:1 7:1\n", plain, "f.txt:1: feature 7 is given twice: '7:1'");
    refuse(
        "0 qid:1 1:1\n1 qid:2 1:1\n0 qid:1 1:1\n", plain,
        "f.txt:3: this qid comes back after another list: the lines of a list stand together: '1'");
    refuse("0 qid:1 1:x123456789012345678901234567890123456789012345678901234567890\n", plain,
           "f.txt:1: feature 1 is not a decimal number: '1:x1234567890123456789012345678901234567"
           "...'");
}

// A bad line belongs to no list, ends none, and does not widen the rows.
static void bad_lines_are_skipped(void **state)
{
    (void)state;
    static const char text[] = "1 qid:1 1:1\n"
                               "x qid:1 1:1\n"
                               "1 qid:2 9:1 9:1\n"
                               "2 qid:1 2:1\n"
                               "0 qid:3 1:3\n"
                               "0 qid:1 1:4\n"
                               "0 qid:3 1:5\n";
    struct outcome outcome = parse(text, (struct setting){.skip_bad = 3});
    assert_int_equal(outcome.code, STATUS_OK);
    assert_string_equal(outcome.text.data, "new 1 1\nsame 2 0 1\nnew 0 3 0\nsame 0 5 0\n");
    assert_int_equal(outcome.skipped, 3);
    assert_int_equal(outcome.first_skipped_line, 2);
    assert_int_equal(outcome.lists, 2);
    buf_fini(&outcome.text);
    refuse(
        text, (struct setting){.skip_bad = 2},
        "f.txt:6: this qid comes back after another list: the lines of a list stand together: '1'");
}

// A comment fills the line to the length asked for.
static struct outcome parse_long(size_t length, struct setting setting)
{
    static const char head[] = "1 qid:1 1:1 #", tail[] = "\n1 qid:1 1:2\n";
    size_t size = length + strlen(tail);
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'c', size);
    memcpy(text, head, strlen(head));
    memcpy(text + length, tail, strlen(tail) + 1);
    struct outcome outcome = parse_bytes(text, size, setting);
    free(text);
    return outcome;
}

static void long_lines(void **state)
{
    (void)state;
    static const size_t blocks[] = {0, 100000, 1 << 20, (1 << 20) + 1};
    for (size_t b = 0; b < sizeof(blocks) / sizeof(*blocks); b++) {
        struct setting setting = {.block = blocks[b]};
        struct outcome outcome = parse_long(LETOR_MAX_LINE, setting);
        assert_int_equal(outcome.code, STATUS_OK);
        assert_string_equal(outcome.text.data, "new 1 1\nsame 1 2\n");
        buf_fini(&outcome.text);
        outcome = parse_long(LETOR_MAX_LINE + 1, setting);
        assert_int_equal(outcome.code, STATUS_INVALID);
        assert_string_equal(outcome.message, "f.txt:1: the line is longer than 1048576 bytes");
        buf_fini(&outcome.text);
        setting.skip_bad = 1;
        outcome = parse_long(3 * LETOR_MAX_LINE, setting);
        assert_int_equal(outcome.code, STATUS_OK);
        assert_string_equal(outcome.text.data, "new 1 2\n");
        assert_int_equal(outcome.skipped, 1);
        buf_fini(&outcome.text);
    }
}

static enum status stop(void *context, const struct letor_doc *doc, struct diag *reterr)
{
    (void)context;
    (void)doc;
    return diag_set(reterr, STATUS_INVALID, "the sink is full");
}

// A refusal of the sink is not a bad line: it ends the parse whatever may be skipped.
static void sink_ends_the_parse(void **state)
{
    (void)state;
    struct letor *letor;
    struct diag diag = {0};
    const struct letor_config config = {"f.txt", 0, 100, stop, NULL};
    static const char text[] = "1 qid:1 1:1\n";
    assert_int_equal(letor_new(&config, &letor), STATUS_OK);
    assert_int_equal(letor_feed(letor, text, strlen(text), &diag), STATUS_INVALID);
    assert_string_equal(diag.words, "the sink is full");
    assert_int_equal(letor_skipped(letor), 0);
    letor_free(letor);
}

static void an_absent_file(void **state)
{
    (void)state;
    struct buf text;
    struct letor *letor;
    struct diag diag = {0};
    buf_init(&text, 1 << 20);
    const struct letor_config config = {"absent", 0, 0, note, &text};
    assert_int_equal(letor_new(&config, &letor), STATUS_OK);
    const struct letor_progress silent = {0};
    assert_int_not_equal(letor_read(letor, "/nonexistent/absent", &silent, &diag), STATUS_OK);
    assert_string_equal(diag.file, "/nonexistent/absent");
    letor_free(letor);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),
        cmocka_unit_test(layout_is_free),
        cmocka_unit_test(width_grows_or_is_fixed),
        cmocka_unit_test(values_are_clamped),
        cmocka_unit_test(grades),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(bad_lines_are_skipped),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(sink_ends_the_parse),
        cmocka_unit_test(an_absent_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
