// Oracle: the examples of FIPS 180-4 / NIST CAVP for SHA-256.
#include "base/digest.h"
#include "tests/support/check.h"

#include <string.h>

static void test_published(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[DIGEST_HEX + 1];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        digest_hex_of(cases[i].text, strlen(cases[i].text), hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

static void test_stream(void **state)
{
    (void)state;
    char block[1000], hex[DIGEST_HEX + 1];
    memset(block, 'a', sizeof(block));
    struct digest *digest = digest_new();
    assert_non_null(digest);
    for (int i = 0; i < 1000; i++)
        digest_update(digest, block, sizeof(block));
    digest_hex(digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    digest_free(digest);
    digest = digest_new();
    digest_update(digest, "a", 1);
    digest_update(digest, NULL, 0);
    digest_update(digest, "bc", 2);
    digest_hex(digest, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_free(digest);
    digest_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
