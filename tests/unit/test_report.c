// The page around its data. What a browser makes of it is tests/it/test_report.py.
#include "model/train/report.h"

#include "base/file.h"
#include "model/train/report_page.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <stdlib.h>
#include <string.h>

static struct json_value *parse(const char *text)
{
    struct json_value *root = NULL;
    assert_int_equal(json_value_parse(span_of(text), &root, NULL), STATUS_OK);
    return root;
}

static void check_data(const char *text, const char *expected)
{
    struct buf out;
    struct json_value *root = parse(text);
    buf_init(&out, 1 << 16);
    assert_int_equal(report_data(root, &out), STATUS_OK);
    assert_string_equal(buf_view(&out).data, expected);
    buf_fini(&out);
    json_value_free(root);
}

// By the rules of HTML a script element ends at "</script" and is confused by "<!--": both begin
// with the one character that the data never hold.
static void test_data_cannot_end_their_element(void **state)
{
    (void)state;
    check_data("{\"kind\":\"experiment\"}", "{\"kind\":\"experiment\"}");
    check_data("{\"a\":\"</script>\",\"<\":[\"<!--\",\"<<\"]}",
               "{\"\\u003c\":[\"\\u003c!--\",\"\\u003c\\u003c\"],\"a\":\"\\u003c/script>\"}");
    check_data("[\"<\"]", "[\"\\u003c\"]");
    check_data("[1,2.5,null,true,\"\\\"&'\"]", "[1,2.5,null,true,\"\\\"&'\"]");
}

static void test_page_has_one_place_for_data(void **state)
{
    (void)state;
    struct span head = report_page_head(), tail = report_page_tail();
    static const char open[] = "<script id=\"data\" type=\"application/json\">";
    assert_true(span_starts(head, "<!DOCTYPE html>"));
    assert_true(head.size > sizeof(open) && tail.size > 100000); // D3 is in the tail
    assert_memory_equal(head.data + head.size - (sizeof(open) - 1), open, sizeof(open) - 1);
    assert_true(span_starts(tail, "</script>"));
    // Nothing that the build should have put in is left as a mark.
    for (size_t i = 0; i < 2; i++) {
        struct span part = i == 0 ? head : tail;
        assert_null(memmem(part.data, part.size, "{{", 2));
    }
}

static void test_write(void **state)
{
    (void)state;
    struct scratch scratch;
    struct file_bytes bytes;
    scratch_make(&scratch);
    char *path = file_join(scratch.folder, "report.html");
    struct json_value *root = parse("{\"kind\":\"calibration\",\"model\":\"<m>\"}");
    static const char data[] = "{\"kind\":\"calibration\",\"model\":\"\\u003cm>\"}";
    struct span head = report_page_head(), tail = report_page_tail();
    // Twice: the second replaces the first.
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(report_write(path, root, NULL), STATUS_OK);
        assert_int_equal(file_read(path, 1 << 22, 1, &bytes, NULL), STATUS_OK);
        assert_int_equal(bytes.size, head.size + sizeof(data) - 1 + tail.size);
        assert_memory_equal(bytes.data, head.data, head.size);
        assert_memory_equal(bytes.data + head.size, data, sizeof(data) - 1);
        assert_memory_equal(bytes.data + head.size + sizeof(data) - 1, tail.data, tail.size);
        file_free(&bytes);
    }
    json_value_free(root);
    free(path);
    scratch_remove(&scratch);
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {"[]", "1", "{}", "{\"kind\":1}",
                                        "{\"kind\":\"experiments\"}"};
    struct scratch scratch;
    scratch_make(&scratch);
    char *path = file_join(scratch.folder, "report.html");
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct diag diag = {0};
        struct json_value *root = parse(texts[i]);
        assert_int_equal(report_write(path, root, &diag), STATUS_INVALID);
        assert_true(diag.words[0] != '\0');
        assert_false(file_exists(path));
        json_value_free(root);
    }
    free(path);
    path = file_join(scratch.folder, "no/such/folder/report.html");
    struct json_value *root = parse("{\"kind\":\"experiment\"}");
    assert_int_not_equal(report_write(path, root, NULL), STATUS_OK);
    json_value_free(root);
    free(path);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_cannot_end_their_element),
        cmocka_unit_test(test_page_has_one_place_for_data),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
