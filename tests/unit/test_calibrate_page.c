// Tables and JSON of a calibration: what stands in them, undefined values, the chosen row.
#include "model/train/calibrate_page.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct calibrate_page make_page(bool test)
{
    struct calibrate_page page = {.model = "m.safetensors",
                                  .data = "d.txt",
                                  .test = test ? "t.txt" : NULL,
                                  .chosen = "platt",
                                  .validated = true,
                                  .count = 3};
    const char *const names[] = {"identity", "platt", "as it was"};
    for (size_t i = 0; i < 3; i++) {
        struct calibrate_page_row *row = &page.rows[i];
        row->map = names[i];
        row->fit.logloss = 0.5 + 0.125 * (double)i;
        row->fit.slope = i == 1 ? (double)NAN : 0.75;
        row->test.logloss = 0.25 + 0.125 * (double)i;
        row->out_of_fold.logloss = i == 2 ? (double)NAN : 0.625;
        row->gain = (struct stat_mean){.n = 9, .mean = 0.125, .half = i == 1 ? 0.25 : 0};
        row->bins[0] = (struct reliability_bin){4, 1, 2, 0};
        row->bin_count = i == 2 ? 0 : 1;
    }
    page.rows[1].chosen = true;
    page.rows[0].why = "of a reason";
    return page;
}

static void is_printed(const struct calibrate_page *page, const char *words, bool there)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    calibrate_page_print(page, out);
    fclose(out);
    if ((strstr(text, words) != NULL) != there)
        fail_msg("\"%s\" is %s:\n%s", words, there ? "missing" : "there", text);
    free(text);
}

static void test_print(void **state)
{
    (void)state;
    struct calibrate_page page = make_page(true);
    is_printed(&page, "\nas it was      0.750000", true);
    is_printed(&page, "\nas it was      0.500000", true); // of the test data
    is_printed(&page, "identity is the identity: of a reason\n", true);
    is_printed(&page, "  0.00000        -    0.0000  chosen\n", true);
    is_printed(&page, "Reliability, test", true);
    is_printed(&page, "         4    0.250000    0.500000    2.0000\n", true);
    is_printed(&page, "   0.125000   0.250000  chosen\n", true);
    is_printed(&page, "The gain of platt over the identity may be chance", true);
    page.rows[1].gain.half = 0.0625;
    is_printed(&page, "may be chance", false);
    page = make_page(false);
    is_printed(&page, "On the test data", false);
    is_printed(&page, "Reliability, cross-validation", true);
    page.validated = false;
    is_printed(&page, "Cross-validated", false);
    is_printed(&page, "Reliability,", false);
}

static void test_json(void **state)
{
    (void)state;
    const struct calibrate_page page = make_page(false);
    struct json_value *root = calibrate_page_json(&page);
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(json_value_write(root, 0, &text), STATUS_OK);
    const char *const parts[] = {
        "\"kind\":\"calibration\"",
        "\"model\":\"m.safetensors\"",
        "\"chosen\":\"platt\"",
        "\"cv_logloss\":0.625",
        "\"cv_logloss\":null",
        "\"cv_gain\":{\"half\":0.25,\"mean\":0.125}",
        "\"reliability\":[{\"clicks\":0.5,\"docs\":4,\"p\":0.25,\"truth\":null}]",
        "\"reliability_of\":\"cross-validation\"",
        "\"why\":\"of a reason\"",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (strstr(text.data, parts[i]) == NULL)
            fail_msg("%s is not in %s", parts[i], text.data);
    assert_null(strstr(text.data, "\"test\""));
    const struct json_value *rows = json_value_get(root, "rows");
    assert_int_equal(json_value_size(rows), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct json_value *row = json_value_at(rows, i);
        assert_true(json_value_bool(json_value_get(row, "chosen")) == (i == 1));
        assert_true(json_value_number(json_value_get(json_value_get(row, "fit"), "logloss")) ==
                    0.5 + 0.125 * (double)i);
    }
    buf_fini(&text);
    json_value_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests_name("calibrate_page", tests, NULL, NULL);
}
