// From logit to pCTR: every map by its formula, the shift before it, the clamp, the float that is
// answered, that no map ever falls, the JSON form, and what is refused.
#include "base/rng.h"
#include "model/calibrate.h"
#include "tests/support/check.h"
#include "tests/support/near.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const struct calibrate identity = {0};
static const double knot_s[] = {-3, -1, -0.5, 2}, knot_q[] = {0.01, 0.2, 0.2, 0.9};
static const double knot_p[] = {0, 0.25, 0.5, 1}, knot_r[] = {0, 0.1, 0.7, 1};
static const struct calibrate maps[] = {
    {.kind = CALIBRATE_IDENTITY},
    {.kind = CALIBRATE_OFFSET, .intercept = -0.75},
    {.kind = CALIBRATE_TEMPERATURE, .temperature = 1.7},
    {.kind = CALIBRATE_PLATT, .slope = 0.6, .intercept = 0.3},
    {.kind = CALIBRATE_SIR, .knots = 4, .x = knot_p, .y = knot_r},
    {.kind = CALIBRATE_ISOTONIC, .knots = 4, .x = knot_s, .y = knot_q},
};
enum { MAPS = sizeof(maps) / sizeof(maps[0]) };
static_assert((int)MAPS == (int)CALIBRATE_KINDS, "one of each");

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

static double sigma(double z)
{
    return 1 / (1 + exp(-z));
}

static void test_formulas(void **state)
{
    (void)state;
    for (float s = -8; s <= 8; s += 0.25F) {
        const double z = (double)s, p = sigma(z);
        near_is(calibrate_unclamped(&maps[CALIBRATE_OFFSET], s), sigma(z - 0.75), 1e-15);
        near_is(calibrate_unclamped(&maps[CALIBRATE_TEMPERATURE], s), sigma(z / 1.7), 1e-15);
        near_is(calibrate_unclamped(&maps[CALIBRATE_PLATT], s), sigma(0.6 * z + 0.3), 1e-15);
        const double q = p < 0.25  ? p * 0.1 / 0.25
                         : p < 0.5 ? 0.1 + (p - 0.25) / 0.25 * 0.6
                                   : 0.7 + (p - 0.5) / 0.5 * 0.3;
        near_is(calibrate_unclamped(&maps[CALIBRATE_SIR], s), q + 1e-9 * p, 1e-15);
    }
    const struct calibrate *isotonic = &maps[CALIBRATE_ISOTONIC];
    assert_true(calibrate_unclamped(isotonic, -1e30F) == 0.01); // constant outside
    assert_true(calibrate_unclamped(isotonic, -3) == 0.01);
    near_is(calibrate_unclamped(isotonic, -2), 0.105, 1e-15);
    assert_true(calibrate_unclamped(isotonic, -1) == 0.2);
    assert_true(calibrate_unclamped(isotonic, -0.75F) == 0.2);
    near_is(calibrate_unclamped(isotonic, 0), 0.2 + 0.2 * 0.7, 1e-15);
    assert_true(calibrate_unclamped(isotonic, 2) == 0.9);
    assert_true(calibrate_unclamped(isotonic, 1e30F) == 0.9);
    const double one = 0.5, rate = 0.125;
    const struct calibrate single = {.kind = CALIBRATE_ISOTONIC, .knots = 1, .x = &one, .y = &rate};
    for (float s = -1; s < 2; s++)
        assert_true(calibrate_unclamped(&single, s) == 0.125);
}

// A keep rate w: q = p / (p + (1 - p) / w), and the map sees logit q.
static void test_shift_comes_first(void **state)
{
    (void)state;
    const double w = 0.05;
    for (int k = 0; k < MAPS; k++) {
        struct calibrate shifted = maps[k];
        shifted.shift = log(w);
        assert_int_equal(calibrate_check(&shifted, NULL), STATUS_OK);
        assert_false(calibrate_is_plain(&shifted));
        assert_true(calibrate_is_plain(&maps[k]) == (k == CALIBRATE_IDENTITY));
        for (float s = -6; s <= 6; s += 0.5F) {
            const double p = sigma((double)s), q = p / (p + (1 - p) / w);
            const float moved = (float)(log(q) - log1p(-q));
            near_is(calibrate_unclamped(&shifted, s), calibrate_unclamped(&maps[k], moved), 2e-7);
        }
    }
}

static void falls_nowhere(const struct calibrate *map, float from, float to, size_t steps)
{
    double last = calibrate_unclamped(map, from);
    for (size_t i = 0; i < steps && from < to; i++) {
        from = nextafterf(from, to);
        const double p = calibrate_unclamped(map, from);
        if (!(p >= last))
            fail_msg("kind %s falls at %.9g", calibrate_kind_name(map->kind), (double)from);
        last = p;
    }
}

// Neighbouring floats, around knots and elsewhere, with numbers that round badly.
static void test_never_falls(void **state)
{
    (void)state;
    enum { KNOTS = 40 };
    struct rng rng;
    double x[KNOTS], y[KNOTS];
    rng_start(&rng, 3, RNG_TEST, 0, 0);
    for (int round = 0; round < 20; round++) {
        double at = -3, rate = 0;
        for (int i = 0; i < KNOTS; i++) {
            x[i] = at += 1e-7 + rng_uniform(&rng) * (round % 2 == 0 ? 0.3 : 1e-6);
            y[i] = rate += (1 - rate) * rng_uniform(&rng) * (round % 3 == 0 ? 0.2 : 1e-12);
        }
        struct calibrate drawn[MAPS] = {
            {.kind = CALIBRATE_OFFSET, .intercept = rng_normal(&rng)},
            {.kind = CALIBRATE_TEMPERATURE, .temperature = 0.01 + rng_uniform(&rng)},
            {.kind = CALIBRATE_PLATT, .slope = rng_uniform(&rng), .intercept = rng_normal(&rng)},
            {.kind = CALIBRATE_ISOTONIC, .knots = KNOTS, .x = x, .y = y},
        };
        for (int k = 0; k < 4; k++) {
            drawn[k].shift = round % 2 == 0 ? 0 : -rng_uniform(&rng);
            falls_nowhere(&drawn[k], (float)rng_normal(&rng), 9, 2000);
            falls_nowhere(&drawn[k], (float)x[round] - 1e-5F, 9, 2000);
        }
        for (int i = 0; i < KNOTS; i++) // the same in p
            x[i] = i == 0 ? 0 : i == KNOTS - 1 ? 1 : sigma(x[i]);
        const struct calibrate sir = {.kind = CALIBRATE_SIR, .knots = KNOTS, .x = x, .y = y};
        assert_int_equal(calibrate_check(&sir, NULL), STATUS_OK);
        falls_nowhere(&sir, (float)(log(x[7]) - log1p(-x[7])) - 1e-5F, 9, 4000);
    }
}

static void test_far_logits(void **state)
{
    (void)state;
    const float far[] = {-3.4e38F, -1e5F, 1e5F, 3.4e38F};
    for (int k = 0; k < MAPS; k++) {
        float pctr[4];
        assert_int_equal(calibrate_apply(&maps[k], far, 4, pctr), STATUS_OK);
        for (int i = 0; i < 4; i++)
            assert_true(pctr[i] > 0 && pctr[i] < 1 && (i == 0 || pctr[i] >= pctr[i - 1]));
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
    struct calibrate read;
    for (int k = 0; k < MAPS; k++) {
        struct calibrate map = maps[k];
        map.shift = k % 2 == 0 ? 0 : -0.1;
        struct json_value *object = calibrate_to_json(&map);
        assert_int_equal(calibrate_from_json(object, &read, NULL), STATUS_OK);
        json_value_free(object);
        assert_int_equal(read.kind, k);
        assert_true(read.shift == map.shift && read.temperature == map.temperature);
        assert_true(read.slope == map.slope && read.intercept == map.intercept);
        assert_int_equal(read.knots, map.knots);
    }
    assert_int_equal(parse("{\"kind\":\"platt\",\"slope\":2,\"intercept\":0.5}", &read, NULL),
                     STATUS_OK);
    assert_true(read.slope == 2 && read.intercept == 0.5);
}

static void json_refused(const char *text, const char *words)
{
    struct calibrate read;
    struct diag diag = {0};
    assert_int_equal(parse(text, &read, &diag), STATUS_INVALID);
    if (strstr(diag.words, words) == NULL)
        fail_msg("%s: %s", text, diag.words);
}

static void test_json_refused(void **state)
{
    (void)state;
    struct calibrate read;
    json_refused("{\"kind\":\"oracle\"}", "\"oracle\"");
    json_refused("{\"kind\":\"identity\",\"slope\":2}", "\"slope\" of kind identity");
    json_refused("{\"kind\":\"temperature\"}", "\"temperature\" of kind temperature is missing");
    json_refused("{\"kind\":\"platt\",\"slope\":2}", "\"intercept\" of kind platt is missing");
    json_refused("{\"kind\":\"platt\",\"slope\":\"2\",\"intercept\":1}",
                 "\"slope\" is not a number");
    json_refused("{\"kind\":\"sir\"}", "\"knots\" of kind sir is missing");
    json_refused("{\"kind\":\"sir\",\"knots\":0}", "1..1048576");
    json_refused("{\"kind\":\"sir\",\"knots\":1048577}", "1..1048576");
    json_refused("{\"kind\":\"sir\",\"knots\":2.0}", "1..1048576");
    json_refused("{\"kind\":\"identity\",\"shift\":null}", "\"shift\" is not a number");
    assert_int_not_equal(parse("{\"kind\":1}", &read, NULL), STATUS_OK);
    assert_int_not_equal(parse("{}", &read, NULL), STATUS_OK);
}

static void check_refused(const struct calibrate *map, const char *path, const char *words)
{
    struct diag diag = {0};
    assert_int_equal(calibrate_check(map, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.path, path);
    if (strstr(diag.words, words) == NULL)
        fail_msg("wanted \"%s\", got %s", words, diag.words);
}

static void test_check_scalars(void **state)
{
    (void)state;
    const double bad[] = {NAN, INFINITY, 0, -1};
    for (int i = 0; i < 4; i++) {
        const struct calibrate temperature = {.kind = CALIBRATE_TEMPERATURE, .temperature = bad[i]};
        check_refused(&temperature, "calibration.temperature", "above 0");
        const struct calibrate platt = {.kind = CALIBRATE_PLATT, .slope = bad[i]};
        check_refused(&platt, "calibration.slope", "keep the order");
    }
    for (int i = 0; i < 2; i++) {
        const struct calibrate platt = {.kind = CALIBRATE_PLATT, .slope = 1, .intercept = bad[i]};
        check_refused(&platt, "calibration.intercept", "not finite");
        const struct calibrate shifted = {.shift = bad[i]};
        check_refused(&shifted, "calibration.shift", "keep rate");
    }
    const struct calibrate more = {.shift = 0.1}, less = {.shift = -746};
    check_refused(&more, "calibration.shift", "keep rate");
    check_refused(&less, "calibration.shift", "keep rate");
}

static void test_check_knots(void **state)
{
    (void)state;
    for (int k = 0; k < MAPS; k++)
        assert_int_equal(calibrate_check(&maps[k], NULL), STATUS_OK);
    const double bad[] = {NAN, INFINITY, -INFINITY, 2e39};
    double x[] = {-3, -1, -0.5, 2}, y[] = {0.01, 0.2, 0.2, 0.9};
    const struct calibrate map = {.kind = CALIBRATE_ISOTONIC, .knots = 4, .x = x, .y = y};
    for (int i = 0; i < 4; i++) {
        x[2] = bad[i];
        check_refused(&map, "cal.x", "knot 2");
    }
    x[2] = -1;
    check_refused(&map, "cal.x", "does not rise");
    x[2] = -1.25;
    check_refused(&map, "cal.x", "does not rise");
    x[2] = -0.5;
    const double no_rate[] = {NAN, INFINITY, -0.001, 1.001};
    for (int i = 0; i < 4; i++) {
        y[3] = no_rate[i];
        check_refused(&map, "cal.y", "knot 3");
    }
    y[3] = 0.19999;
    check_refused(&map, "cal.y", "falls from");
    double p[] = {0, 0.5, 1}, q[] = {0, 0.4, 1};
    struct calibrate sir = {.kind = CALIBRATE_SIR, .knots = 3, .x = p, .y = q};
    assert_int_equal(calibrate_check(&sir, NULL), STATUS_OK);
    sir.knots = 2;
    check_refused(&sir, "cal.x", "from 0 to 1");
    sir.x = p + 1;
    check_refused(&sir, "cal.x", "from 0 to 1");
}

static void described(const struct calibrate *map, const char *words)
{
    struct buf text;
    buf_init(&text, 1000);
    calibrate_describe(map, &text);
    assert_string_equal(text.data, words);
    buf_fini(&text);
}

static void test_describe(void **state)
{
    (void)state;
    struct calibrate map = maps[CALIBRATE_PLATT];
    map.shift = log(0.25);
    described(&map, "logit -1.38629 (negatives kept: 0.25), then platt, sigma(0.6 logit +0.3)");
    described(&maps[CALIBRATE_IDENTITY], "identity");
    described(&maps[CALIBRATE_OFFSET], "offset, sigma(logit -0.75)");
    described(&maps[CALIBRATE_TEMPERATURE], "temperature, sigma(logit / 1.7)");
    described(&maps[CALIBRATE_ISOTONIC], "isotonic, 4 knots from -3 -> 0.01 to 2 -> 0.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_clamp),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_shift_comes_first),
        cmocka_unit_test(test_never_falls),
        cmocka_unit_test(test_far_logits),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_refused),
        cmocka_unit_test(test_check_scalars),
        cmocka_unit_test(test_check_knots),
        cmocka_unit_test(test_describe),
    };
    return cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);
}
