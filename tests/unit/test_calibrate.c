// From logit to pCTR: the identity map, its clamp, the float that is answered, its JSON form.
#include "model/calibrate.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <math.h>
#include <string.h>

static const struct calibrate identity = {CALIBRATE_IDENTITY};

static void test_identity(void **state)
{
    (void)state;
    assert_true(calibrate_probability(&identity, 0) == 0.5);
    for (float s = -16; s <= 16; s += 0.125F) {
        double want = 1 / (1 + exp(-(double)s));
        near_is(calibrate_probability(&identity, s), want, 1e-15 * want);
    }
}

static void test_clamp(void **state)
{
    (void)state;
    const float far[] = {-1e30F, -800, -40, -16.2F};
    for (int i = 0; i < 4; i++) {
        assert_true(calibrate_probability(&identity, far[i]) == 1e-7);
        assert_true(calibrate_probability(&identity, -far[i]) == 1 - 1e-7);
    }
    assert_true(calibrate_probability(&identity, -16) > 1e-7);
    assert_true(calibrate_probability(&identity, 16) < 1 - 1e-7);
}

static void test_apply(void **state)
{
    (void)state;
    const float logit[] = {0, -800, 800, -1.5F};
    float pctr[4];
    assert_int_equal(calibrate_apply(&identity, logit, 4, pctr), STATUS_OK);
    assert_true(pctr[0] == 0.5F);
    assert_true(pctr[1] == (float)1e-7 && pctr[1] > 0);
    assert_true(pctr[2] == (float)(1 - 1e-7) && pctr[2] < 1);
    assert_true(pctr[3] == (float)(1 / (1 + exp(1.5))));
    assert_int_equal(calibrate_apply(&identity, logit, 0, pctr), STATUS_OK);

    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        const float broken[] = {0, bad[i]};
        float untouched[] = {7, 7};
        assert_int_equal(calibrate_apply(&identity, broken, 2, untouched), STATUS_NOT_FINITE);
        assert_true(untouched[0] == 7 && untouched[1] == 7);
    }
}

static enum status parse(const char *text, struct calibrate *ret, struct diag *diag)
{
    struct json_value *root = NULL;
    assert_int_equal(json_value_parse(span_of(text), &root, NULL), STATUS_OK);
    enum status status = calibrate_from_json(root, ret, diag);
    json_value_free(root);
    return status;
}

static void test_json(void **state)
{
    (void)state;
    struct calibrate calibrate;
    struct diag diag;
    assert_int_equal(parse("{\"kind\":\"identity\"}", &calibrate, &diag), STATUS_OK);
    assert_int_equal(calibrate.kind, CALIBRATE_IDENTITY);
    assert_int_equal(parse("{\"kind\":\"oracle\"}", &calibrate, &diag), STATUS_INVALID);
    assert_non_null(strstr(diag.words, "\"oracle\""));
    assert_int_not_equal(parse("{\"kind\":1}", &calibrate, &diag), STATUS_OK);
    assert_int_not_equal(parse("{}", &calibrate, &diag), STATUS_OK);
    assert_int_equal(parse("{\"kind\":\"identity\",\"slope\":2}", &calibrate, &diag),
                     STATUS_INVALID);
    assert_non_null(strstr(diag.words, "\"slope\""));

    struct json_value *object = calibrate_to_json(&identity);
    assert_int_equal(calibrate_from_json(object, &calibrate, &diag), STATUS_OK);
    json_value_free(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_clamp),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);
}
