// Oracle: RFC 1952 files made here from stored blocks with a CRC of our own, and the program gzip.
#include "base/buf.h"
#include "base/gzip.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scratch scratch;

static int setup(void **state)
{
    (void)state;
    scratch_make(&scratch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

static uint32_t crc32_of(const char *data, size_t size)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned char)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void put32(struct buf *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        buf_char(out, (char)(value >> (8 * i)));
}

// A member of one stored block; `size` < 65536.
static void put_member(struct buf *out, const char *data, size_t size)
{
    buf_append(out, "\x1f\x8b\x08\0\0\0\0\0\0\xff\x01", 11);
    buf_char(out, (char)size);
    buf_char(out, (char)(size >> 8));
    buf_char(out, (char)~size);
    buf_char(out, (char)(~size >> 8));
    buf_append(out, data, size);
    put32(out, crc32_of(data, size));
    put32(out, (uint32_t)size);
}

// Reads all in pieces of `step` into `out`; the code of the first read that fails.
static enum status read_all(const char *path, size_t step, struct buf *out, struct diag *diag)
{
    struct gzip_reader *reader = NULL;
    char piece[4096];
    size_t got = 0;
    enum status code = gzip_open(path, &reader, diag);
    while (code == STATUS_OK) {
        code = gzip_read(reader, piece, step, &got, diag);
        if (code != STATUS_OK || got == 0)
            break;
        assert_true(got <= step);
        buf_append(out, piece, got);
    }
    if (code == STATUS_OK)
        assert_true(gzip_position(reader) == gzip_file_size(reader));
    gzip_close(reader);
    return code;
}

static void check_reads(const char *path, const char *content, size_t size)
{
    static const size_t steps[] = {1, 7, 4096};
    for (size_t i = 0; i < 3; i++) {
        struct buf out;
        buf_init(&out, 1 << 26);
        assert_int_equal(read_all(path, steps[i], &out, NULL), STATUS_OK);
        assert_int_equal(out.size, size);
        if (size > 0)
            assert_memory_equal(out.data, content, size);
        buf_fini(&out);
    }
}

static void test_plain(void **state)
{
    (void)state;
    char path[128];
    static const char *const texts[] = {"", "\x1f", "1 qid:1 1:0.5\n", "\x1f\x8c no gzip"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        scratch_file(&scratch, "plain", texts[i], strlen(texts[i]), path);
        check_reads(path, texts[i], strlen(texts[i]));
    }
}

static void test_members(void **state)
{
    (void)state;
    char path[128];
    struct buf file;
    buf_init(&file, 1 << 20);
    put_member(&file, "hello ", 6);
    put_member(&file, "", 0);
    put_member(&file, "world", 5);
    scratch_file(&scratch, "m.gz", file.data, file.size, path);
    check_reads(path, "hello world", 11);
    buf_clear(&file);
    put_member(&file, "", 0);
    scratch_file(&scratch, "e.gz", file.data, file.size, path);
    check_reads(path, "", 0);
    buf_fini(&file);
}

// By the program gzip: blocks with matches, larger than the reader's own block.
static void test_compressed(void **state)
{
    (void)state;
    char path[128], command[320];
    struct buf text;
    buf_init(&text, 1 << 24);
    uint32_t noise = 1;
    for (int i = 0; i < 60000; i++) {
        noise = noise * 1664525u + 1013904223u;
        buf_printf(&text, "%u 0000000000000000000000000000000000 %08x\n", (unsigned)i % 5, noise);
    }
    scratch_file(&scratch, "t", text.data, text.size, path);
    snprintf(command, sizeof(command), "gzip -1 %s", path);
    assert_int_equal(system(command), 0);
    check_reads(scratch_path(&scratch, "t.gz", path), text.data, text.size);
    buf_fini(&text);
}

static void test_damaged(void **state)
{
    (void)state;
    char path[128];
    struct buf file, out;
    struct diag diag;
    buf_init(&file, 1 << 20);
    buf_init(&out, 1 << 20);
    put_member(&file, "some text", 9);
    for (size_t size = 2; size < file.size; size++) { // cut anywhere
        scratch_file(&scratch, "cut.gz", file.data, size, path);
        assert_int_equal(read_all(path, 16, &out, &diag), STATUS_CORRUPT);
        assert_string_equal(diag.file, path);
    }
    for (size_t i = file.size - 8; i < file.size; i++) { // a flipped bit in CRC or length
        file.data[i] = (char)(file.data[i] ^ 1);
        scratch_file(&scratch, "flip.gz", file.data, file.size, path);
        assert_int_equal(read_all(path, 16, &out, &diag), STATUS_CORRUPT);
        file.data[i] = (char)(file.data[i] ^ 1);
    }
    buf_text(&file, "rubbish");
    scratch_file(&scratch, "tail.gz", file.data, file.size, path);
    assert_int_equal(read_all(path, 16, &out, &diag), STATUS_CORRUPT);
    buf_fini(&file);
    buf_fini(&out);
}

static void test_open_faults(void **state)
{
    (void)state;
    char path[128];
    struct gzip_reader *reader = NULL;
    struct diag diag;
    assert_int_equal(gzip_open(scratch_path(&scratch, "no", path), &reader, &diag),
                     STATUS_NOT_FOUND);
    assert_int_equal(gzip_open(scratch.folder, &reader, &diag), STATUS_IO);
    assert_null(reader);
    gzip_close(NULL);
}

// ---- whole texts in memory

enum { TEXT = 60000 };

struct inflated {
    enum status code;
    struct buf text;
};

static struct inflated inflate_whole(struct gzip_inflater *inflater, const char *data, size_t size,
                                     size_t limit, size_t most)
{
    struct inflated result;
    buf_init(&result.text, limit);
    result.code = gzip_inflate(inflater, data, size, &result.text, most, NULL);
    return result;
}

static void test_a_text_of_exactly_the_limit(void **state)
{
    (void)state;
    static char text[TEXT];
    struct gzip_inflater *inflater = gzip_inflater_new();
    struct buf packed;
    buf_init(&packed, 1 << 20);
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (char)('a' + i * i % 23);
    put_member(&packed, text, TEXT);
    for (int again = 0; again < 2; again++) { // the inflater is used anew
        struct inflated whole = inflate_whole(inflater, packed.data, packed.size, TEXT + 1, TEXT);
        assert_int_equal(whole.code, STATUS_OK);
        assert_int_equal(whole.text.size, TEXT);
        assert_memory_equal(whole.text.data, text, TEXT);
        buf_fini(&whole.text);
        struct inflated less = inflate_whole(inflater, packed.data, packed.size, TEXT, TEXT - 1);
        assert_int_equal(less.code, STATUS_TOO_LARGE);
        buf_fini(&less.text);
    }
    gzip_inflater_free(inflater);
    buf_fini(&packed);
}

static void test_what_is_no_whole_text(void **state)
{
    (void)state;
    struct gzip_inflater *inflater = gzip_inflater_new();
    struct buf packed;
    buf_init(&packed, 1 << 16);
    put_member(&packed, "hello", 5);
    for (size_t size = 0; size < packed.size; size++) { // cut short everywhere
        struct inflated part = inflate_whole(inflater, packed.data, size, 1000, 100);
        assert_int_equal(part.code, STATUS_INVALID);
        buf_fini(&part.text);
    }
    for (size_t at = 0; at < 2; at++) {
        packed.data[at] ^= 1; // not gzip
        struct inflated other = inflate_whole(inflater, packed.data, packed.size, 1000, 100);
        assert_int_equal(other.code, STATUS_INVALID);
        buf_fini(&other.text);
        packed.data[at] ^= 1;
    }
    packed.data[packed.size - 6] ^= 1; // the check of the text
    struct inflated damaged = inflate_whole(inflater, packed.data, packed.size, 1000, 100);
    assert_int_equal(damaged.code, STATUS_INVALID);
    buf_fini(&damaged.text);
    packed.data[packed.size - 6] ^= 1;
    buf_char(&packed, 'x');
    struct inflated followed = inflate_whole(inflater, packed.data, packed.size, 1000, 100);
    assert_int_equal(followed.code, STATUS_INVALID);
    buf_fini(&followed.text);
    gzip_inflater_free(inflater);
    gzip_inflater_free(NULL);
    buf_fini(&packed);
}

// 256 MB of nothing in 250 KB: it is not inflated further than the limit.
static void test_a_bomb_is_cut_at_the_limit(void **state)
{
    (void)state;
    struct gzip_inflater *inflater = gzip_inflater_new();
    struct buf packed;
    char piece[4096];
    buf_init(&packed, 1 << 20);
    FILE *pipe = popen("head -c 268435456 /dev/zero | gzip", "r");
    assert_non_null(pipe);
    for (size_t got; (got = fread(piece, 1, sizeof(piece), pipe)) > 0;)
        buf_append(&packed, piece, got);
    assert_int_equal(pclose(pipe), 0);
    struct inflated bomb = inflate_whole(inflater, packed.data, packed.size, 1 << 21, 1 << 20);
    assert_int_equal(bomb.code, STATUS_TOO_LARGE);
    assert_int_equal(bomb.text.size, (1 << 20) + 1);
    buf_fini(&bomb.text);
    gzip_inflater_free(inflater);
    buf_fini(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_open_faults),
        cmocka_unit_test(test_a_text_of_exactly_the_limit),
        cmocka_unit_test(test_what_is_no_whole_text),
        cmocka_unit_test(test_a_bomb_is_cut_at_the_limit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
