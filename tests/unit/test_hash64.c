// Oracle: published values of XXH3_64bits: the sanity check of xxHash itself (its byte generator is
// below), and short texts.
#include "base/hash64.h"
#include "tests/support/check.h"

static const uint64_t prime64 = 0x9E3779B185EBCA8Du;
enum { BYTES = 2400 };

static void fill(unsigned char bytes[BYTES])
{
    uint64_t generator = 2654435761u;
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = (unsigned char)(generator >> 56);
        generator *= prime64;
    }
}

static void test_published(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint64_t plain, seeded;
    } cases[] = {
        {1, 0xC44BDFF4074EECDBu, 0x032BE332DD766EF8u},
        {6, 0x27B56A84CD2D7325u, 0x84589C116AB59AB9u},
        {12, 0xA713DAF0DFBB77E7u, 0xE7303E1B2336DE0Eu},
        {24, 0xA3FE70BF9D3510EBu, 0x850E80FC35BDD690u},
        {48, 0x397DA259ECBA1F11u, 0xADC2CBAA44ACC616u},
        {80, 0xBCDEFBBB2C47C90Au, 0xC6DD0CB699532E73u},
        {195, 0xCD94217EE362EC3Au, 0xBA68003D370CB3D9u},
        {403, 0xCDEB804D65C6DEA4u, 0x6259F6ECFD6443FDu},
        {512, 0x617E49599013CB6Bu, 0x3CE457DE14C27708u},
        {2048, 0xDD59E2C3A5F038E0u, 0x66F81670669ABABCu},
        {2240, 0x6E73A90539CF2948u, 0x757BA8487D1B5247u},
        {2367, 0xCB37AEB9E5D361EDu, 0xD2DB3415B942B42Au},
    };
    unsigned char bytes[BYTES];
    fill(bytes);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(hash64(bytes, cases[i].size, 0) == cases[i].plain);
        assert_true(hash64(bytes, cases[i].size, prime64) == cases[i].seeded);
    }
    assert_true(hash64("", 0, 0) == 0x2D06800538D394C2u);
    assert_true(hash64("a", 1, 0) == 0xE6C632B61E964E1Fu);
    assert_true(hash64("abc", 3, 0) == 0x78AF5F94892F3950u);
}

static void test_stream(void **state)
{
    (void)state;
    unsigned char bytes[BYTES];
    fill(bytes);
    for (size_t step = 1; step <= 257; step += 16) {
        struct hash64_stream *stream = hash64_new(42);
        assert_non_null(stream);
        for (size_t at = 0; at < BYTES; at += step) {
            assert_true(hash64_value(stream) == hash64(bytes, at, 42)); // looking changes nothing
            hash64_update(stream, bytes + at, BYTES - at < step ? BYTES - at : step);
        }
        assert_true(hash64_value(stream) == hash64(bytes, BYTES, 42));
        hash64_free(stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
