// Command lines of `ctr`: one table, its parsing and its --help.
#include "model/train/command.h"

#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command_option options[] = {
    {"out", "DIR", "where to"},  {"set", "KEY=VALUE", "one option, again and again"},
    {"number", "N", "how many"}, {"quiet", NULL, "say less"},
    {NULL, NULL, NULL},
};
static const struct command command = {
    .name = "bake",
    .summary = "makes bread",
    .operands = "FLOUR [WATER]",
    .min_operands = 1,
    .max_operands = 2,
    .options = options,
    .details = "Example:\n  ctr bake rye\n",
};

enum { MAX_WORDS = 80 };

// A line in which blanks part the words; `text` is cut up.
static enum status parse(char *text, struct command_line *ret_line, struct diag *reterr)
{
    static char name[] = "bake";
    char *words[MAX_WORDS] = {name}, *rest = NULL;
    int count = 1;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    return command_parse(&command, count, words, ret_line, reterr);
}

static void test_options_and_operands_in_any_order(void **state)
{
    (void)state;
    char text[] = "--set a=1 rye --quiet --out=x=y --set=b=2 water --number 7 --out z";
    struct command_line line;
    const char *values[COMMAND_MAX_VALUES];
    uint64_t number = 0;
    assert_int_equal(parse(text, &line, NULL), STATUS_OK);
    assert_false(line.help);
    assert_int_equal(line.operand_count, 2);
    assert_string_equal(line.operands[0], "rye");
    assert_string_equal(line.operands[1], "water");
    assert_int_equal(command_values(&command, &line, "set", values), 2);
    assert_string_equal(values[0], "a=1");
    assert_string_equal(values[1], "b=2");
    assert_int_equal(command_values(&command, &line, "out", values), 2);
    assert_string_equal(values[0], "x=y");                           // the first '=' parts
    assert_string_equal(command_value(&command, &line, "out"), "z"); // the last one holds
    assert_string_equal(command_value(&command, &line, "quiet"), "");
    assert_int_equal(command_u64(&command, &line, "number", 1, 0, 9, &number, NULL), STATUS_OK);
    assert_int_equal(number, 7);
}

static void test_what_was_not_given(void **state)
{
    (void)state;
    char text[] = "rye";
    struct command_line line;
    const char *values[COMMAND_MAX_VALUES];
    uint64_t number = 0;
    assert_int_equal(parse(text, &line, NULL), STATUS_OK);
    assert_null(command_value(&command, &line, "out"));
    assert_null(command_value(&command, &line, "quiet"));
    assert_int_equal(command_values(&command, &line, "set", values), 0);
    // The fallback need not be inside the bounds: it may mean "none".
    assert_int_equal(command_u64(&command, &line, "number", 100, 0, 9, &number, NULL), STATUS_OK);
    assert_int_equal(number, 100);
}

static void test_what_looks_like_an_option_and_is_none(void **state)
{
    (void)state;
    char value[] = "--out --quiet rye", rest[] = "-- --help --out", dash[] = "- -x";
    char empty[] = "--out= rye";
    struct command_line line;
    assert_int_equal(parse(value, &line, NULL), STATUS_OK); // a value, whatever it looks like
    assert_string_equal(command_value(&command, &line, "out"), "--quiet");
    assert_null(command_value(&command, &line, "quiet"));
    assert_int_equal(parse(rest, &line, NULL), STATUS_OK);
    assert_false(line.help);
    assert_int_equal(line.operand_count, 2);
    assert_string_equal(line.operands[0], "--help");
    assert_string_equal(line.operands[1], "--out");
    assert_int_equal(parse(dash, &line, NULL), STATUS_OK);
    assert_string_equal(line.operands[0], "-");
    assert_string_equal(line.operands[1], "-x");
    assert_int_equal(parse(empty, &line, NULL), STATUS_OK);
    assert_string_equal(command_value(&command, &line, "out"), "");
}

static void test_misuse(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } samples[] = {
        {"", "arguments are missing: FLOUR [WATER]"},
        {"--quiet", "arguments are missing: FLOUR [WATER]"},
        {"a b c", "one argument too many: c"},
        {"a --ou x", "unknown option --ou"}, // no abbreviations
        {"a --outer x", "unknown option --outer"},
        {"a --=x", "unknown option --=x"},
        {"a --quiet=1", "takes no value: --quiet"},
        {"a --quiet=", "takes no value: --quiet"},
        {"a --out", "needs a value: --out"},
    };
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        char text[64];
        struct command_line line;
        struct diag diag = {0};
        snprintf(text, sizeof(text), "%s", samples[i].line);
        assert_int_equal(parse(text, &line, &diag), STATUS_USAGE);
        if (strncmp(diag.words, samples[i].words, strlen(samples[i].words)) != 0)
            fail_msg("'%s' gave: %s", samples[i].line, diag.words);
        assert_non_null(strstr(diag.words, "ctr bake --help"));
    }
}

static void test_more_options_than_there_is_room_for(void **state)
{
    (void)state;
    for (size_t count = COMMAND_MAX_VALUES; count <= COMMAND_MAX_VALUES + 1; count++) {
        char text[32 * (COMMAND_MAX_VALUES + 2)] = "rye";
        for (size_t i = 0; i < count; i++)
            strncat(text, " --quiet", sizeof(text) - strlen(text) - 1);
        struct command_line line;
        struct diag diag = {0};
        assert_int_equal(parse(text, &line, &diag),
                         count > COMMAND_MAX_VALUES ? STATUS_USAGE : STATUS_OK);
        if (count > COMMAND_MAX_VALUES)
            assert_non_null(strstr(diag.words, "too many options"));
        else
            assert_int_equal(line.given_count, count);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } samples[] = {{"3", true},
                   {"9", true},
                   {"2", false},
                   {"10", false},
                   {"-3", false},
                   {"+3", false},
                   {"3.0", false},
                   {"", false},
                   {"0x3", false},
                   {"3k", false},
                   {"18446744073709551620", false}};
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        char text[128];
        struct command_line line;
        struct diag diag = {0};
        uint64_t number = 77;
        snprintf(text, sizeof(text), "rye --number=%s", samples[i].text);
        assert_int_equal(parse(text, &line, NULL), STATUS_OK);
        enum status code = command_u64(&command, &line, "number", 5, 3, 9, &number, &diag);
        assert_int_equal(code, samples[i].good ? STATUS_OK : STATUS_USAGE);
        if (samples[i].good)
            continue;
        assert_int_equal(number, 77);
        snprintf(text, sizeof(text), "--number: expected a whole number from 3 to 9, got '%s'",
                 samples[i].text);
        assert_string_equal(diag.words, text);
    }
}

// stdout is a file for as long as the line is parsed.
static void test_help_is_made_from_the_table(void **state)
{
    (void)state;
    char line_text[] = "--out x --help --nonsense", text[4096];
    struct command_line line;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int old = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    enum status code = parse(line_text, &line, NULL);
    fflush(stdout);
    assert_true(dup2(old, STDOUT_FILENO) >= 0);
    close(old);
    rewind(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    fclose(file);
    assert_int_equal(code, STATUS_OK); // though an argument is missing and an option unknown
    assert_true(line.help);
    static const char *const parts[] = {"ctr bake - makes bread",
                                        "Usage: ctr bake [options] FLOUR [WATER]\n",
                                        "--out DIR ",
                                        " where to\n",
                                        "--set KEY=VALUE ",
                                        "--quiet ",
                                        " say less\n",
                                        "--help ",
                                        "\nExample:\n  ctr bake rye\n"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strstr(text, parts[i]) == NULL)
            fail_msg("'%s' is not in:\n%s", parts[i], text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_and_operands_in_any_order),
        cmocka_unit_test(test_what_was_not_given),
        cmocka_unit_test(test_what_looks_like_an_option_and_is_none),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_more_options_than_there_is_room_for),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_help_is_made_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
