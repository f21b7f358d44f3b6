// Made impressions: the files against the visits that they tell of, and what must hold of the log.
#include "model/train/synth_impressions.h"

#include "base/file.h"
#include "model/train/synth_record.h"
#include "proto/json_value.h"
#include "tests/support/check.h"
#include "tests/support/near.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGES = 60 };

static struct scratch scratch;

static struct synth_impressions_config small(void)
{
    struct synth_impressions_config config = synth_impressions_defaults();
    config.world.users = 20;
    config.world.items = 200;
    config.world.history = 6;
    config.visit.page_min = 2;
    config.visit.page_max = 6;
    config.click_rate = .2;
    return config;
}

static struct synth_impressions *make(const struct synth_impressions_config *config)
{
    struct synth_impressions *synth;
    assert_int_equal(synth_impressions_new(config, &synth, NULL), STATUS_OK);
    return synth;
}

static struct file_bytes bytes_of(const char *name, const char *ending)
{
    struct file_bytes bytes;
    char file[64], path[128];
    snprintf(file, sizeof(file), "%s%s", name, ending);
    scratch_path(&scratch, file, path);
    assert_int_equal(file_read(path, 1 << 28, 1, &bytes, NULL), STATUS_OK);
    return bytes;
}

static void write_pages(struct synth_impressions *synth, const char *name, uint32_t pages,
                        struct synth_tally *tally)
{
    char path[128];
    scratch_path(&scratch, name, path);
    assert_int_equal(synth_impressions_write(synth, path, pages, tally, NULL), STATUS_OK);
}

static void named(const struct json_value *map, const char *key, char letter, uint64_t number)
{
    char want[32];
    snprintf(want, sizeof(want), "%c%llu", letter, (unsigned long long)number);
    const struct json_value *value = json_value_get(map, key);
    assert_non_null(value);
    assert_true(span_is(json_value_text(value), want));
}

static double number(const struct json_value *map, const char *key)
{
    const struct json_value *value = json_value_get(map, key);
    assert_non_null(value);
    return json_value_number(value);
}

static void names_are(const struct json_value *list, char letter, const uint32_t *numbers,
                      size_t count)
{
    assert_int_equal(json_value_size(list), count);
    for (size_t i = 0; i < count; i++) {
        char want[32];
        snprintf(want, sizeof(want), "%c%u", letter, numbers[i]);
        assert_true(span_is(json_value_text(json_value_at(list, i)), want));
    }
}

static void ad_is(const struct json_value *candidate, const struct synth_world *world,
                  const struct synth_visit_ad *ad, size_t position)
{
    const struct synth_world_item *item = &world->items[ad->item];
    const struct json_value *features = json_value_get(candidate, "features");
    const struct json_value *privileged = json_value_get(candidate, "privileged");
    named(candidate, "id", 'i', ad->item);
    near_is(number(candidate, "bid"), ad->bid_cents / 100., 1e-12);
    near_is(number(candidate, "label"), ad->click, 0);
    named(features, "item_id", 'i', ad->item);
    named(features, "category", 'c', item->category);
    near_is(number(features, "price"), item->price_cents / 100., 1e-9);
    near_is(number(features, "popularity"), item->popularity_millionths / 1e6, 1e-12);
    near_is(number(privileged, "position"), (double)position, 0);
    near_is(number(privileged, "seconds_in_view"), ad->view_tenths / 10., 1e-9);
}

static void record_is(struct span line, const struct synth_world *world,
                      const struct synth_visit *visit, const uint32_t *history, size_t reads)
{
    struct json_value *root;
    uint32_t categories[6];
    assert_int_equal(json_value_parse(line, &root, NULL), STATUS_OK);
    const struct json_value *user = json_value_get(root, "user");
    const struct json_value *context = json_value_get(root, "context");
    const struct json_value *candidates = json_value_get(root, "candidates");
    named(user, "user_id", 'u', visit->user);
    named(user, "segment", 's', world->users[visit->user].segment);
    for (size_t i = 0; i < reads; i++)
        categories[i] = world->items[history[i]].category;
    names_are(json_value_get(user, "history"), 'i', history, reads);
    names_are(json_value_get(user, "history_categories"), 'c', categories, reads);
    near_is(number(root, "ts"), (double)visit->ts, 0);
    const uint64_t hour = visit->ts % 86400 / 3600;
    near_is(number(context, "hour"), (double)hour, 0);
    named(context, "device", 'd', visit->device);
    assert_int_equal(json_value_size(candidates), visit->count);
    for (size_t i = 0; i < visit->count; i++)
        ad_is(json_value_at(candidates, i), world, &visit->ads[i], i);
    json_value_free(root);
}

// A second world of the same configuration visits what the first has written.
static void files_hold_the_visits(void **state)
{
    (void)state;
    const struct synth_impressions_config config = small();
    struct synth_impressions *synth = make(&config);
    write_pages(synth, "a", PAGES, NULL);
    synth_impressions_free(synth);
    struct file_bytes files[4];
    char *at[4];
    static const char *const endings[] = {"", ".truth", ".appeal", ".bid"};
    for (size_t f = 0; f < 4; f++) {
        files[f] = bytes_of("a", endings[f]);
        at[f] = (char *)files[f].data;
    }
    synth = make(&config);
    for (uint64_t page = 1; page <= PAGES; page++) {
        uint32_t history[6];
        const struct synth_visit *visit = synth_impressions_next(synth);
        const struct synth_world *world = synth_impressions_world(synth);
        size_t reads = synth_world_history(world, visit->user, history);
        char *stop = strchr(at[0], '\n');
        char id[32];
        snprintf(id, sizeof(id), "{\"id\":\"%llu\",", (unsigned long long)page);
        assert_memory_equal(at[0], id, strlen(id));
        record_is((struct span){at[0], (size_t)(stop - at[0])}, world, visit, history, reads);
        at[0] = stop + 1;
        for (size_t i = 0; i < visit->count; i++) {
            assert_true(strtod(at[1], &at[1]) == visit->ads[i].p); // reads back to the same bits
            assert_true(strtod(at[2], &at[2]) == visit->ads[i].appeal);
            near_is(strtod(at[3], &at[3]), visit->ads[i].bid_cents / 100., 1e-12);
            for (size_t f = 1; f < 4; f++)
                assert_int_equal(*at[f]++, '\n');
        }
    }
    for (size_t f = 0; f < 4; f++) {
        assert_ptr_equal(at[f], (char *)files[f].data + files[f].size);
        file_free(&files[f]);
    }
    synth_impressions_free(synth);
}

// The valid file goes on where the training file ends, as one file would have.
static void a_second_file_goes_on(void **state)
{
    (void)state;
    const struct synth_impressions_config config = small();
    struct synth_impressions *synth = make(&config);
    write_pages(synth, "one", 30, NULL);
    synth_impressions_free(synth);
    synth = make(&config);
    write_pages(synth, "first", 18, NULL);
    write_pages(synth, "second", 12, NULL);
    synth_impressions_free(synth);
    static const char *const endings[] = {"", ".truth", ".appeal", ".bid"};
    for (size_t f = 0; f < 4; f++) {
        struct file_bytes one = bytes_of("one", endings[f]), first = bytes_of("first", endings[f]),
                          second = bytes_of("second", endings[f]);
        assert_int_equal(one.size, first.size + second.size);
        assert_memory_equal(one.data, first.data, first.size);
        assert_memory_equal(one.data + first.size, second.data, second.size);
        file_free(&one);
        file_free(&first);
        file_free(&second);
    }
}

static void another_seed_is_another_world(void **state)
{
    (void)state;
    struct synth_impressions_config config = small();
    struct file_bytes files[2];
    for (uint64_t seed = 0; seed < 2; seed++) {
        config.world.seed = seed;
        struct synth_impressions *synth = make(&config);
        write_pages(synth, "s", 3, NULL);
        files[seed] = bytes_of("s", "");
        synth_impressions_free(synth);
    }
    assert_true(files[0].size != files[1].size ||
                memcmp(files[0].data, files[1].data, files[0].size) != 0);
    file_free(&files[0]);
    file_free(&files[1]);
}

// What was clicked stands in the user's history at the next visit, and time does not go back.
static void clicks_become_history(void **state)
{
    (void)state;
    const struct synth_impressions_config config = small();
    struct synth_impressions *synth = make(&config);
    uint32_t clicked[20], history[6];
    uint64_t ts = 0;
    size_t found = 0, seen = 0;
    memset(clicked, 0xff, sizeof(clicked));
    for (int page = 0; page < 2000; page++) {
        const struct synth_visit *visit = synth_impressions_next(synth);
        const struct synth_world *world = synth_impressions_world(synth);
        assert_true(visit->ts >= ts && visit->ts >= 1700000000);
        ts = visit->ts;
        size_t reads = synth_world_history(world, visit->user, history);
        if (clicked[visit->user] != UINT32_MAX) {
            bool there = false;
            for (size_t i = 0; i < reads; i++)
                there |= history[i] == clicked[visit->user];
            seen++;
            found += there; // unless what was read since has pushed it out
        }
        clicked[visit->user] = UINT32_MAX;
        for (size_t i = 0; i < visit->count; i++)
            if (visit->ads[i].click)
                clicked[visit->user] = visit->ads[i].item;
    }
    assert_true(seen > 200);
    assert_true(found > seen * 9 / 10);
    // 2000 visits of 20 users, one in 18 hours each
    near_is((double)(ts - 1700000000), 2000 * 18 * 3600 / 20., 6 * sqrt(2000) * 18 * 3600 / 20.);
    synth_impressions_free(synth);
}

static void the_rate_is_the_one_asked_for(void **state)
{
    (void)state;
    static const double rates[] = {.005, .02, .2};
    for (size_t r = 0; r < 3; r++) {
        struct synth_impressions_config config = synth_impressions_defaults();
        config.world.users = 5000; // who comes often weighs less
        config.click_rate = rates[r];
        struct synth_impressions *synth = make(&config);
        double p = 0, variance = 0, clicks = 0, n = 0;
        for (int page = 0; page < 6000; page++) {
            const struct synth_visit *visit = synth_impressions_next(synth);
            for (size_t i = 0; i < visit->count; i++, n++) {
                p += visit->ads[i].p;
                variance += visit->ads[i].p * (1 - visit->ads[i].p);
                clicks += visit->ads[i].click;
            }
        }
        near_is(p / n / rates[r], 1, .1);
        near_is(clicks, p, 5 * sqrt(variance));
        synth_impressions_free(synth);
    }
}

// Seconds in view tell of place and interest, and of the click nothing that P does not tell.
static void time_in_view_does_not_reveal_the_click(void **state)
{
    (void)state;
    struct synth_impressions_config config = synth_impressions_defaults();
    config.world.users = 2000;
    config.click_rate = .2;
    struct synth_impressions *synth = make(&config);
    double sum = 0, square = 0, first = 0, last = 0;
    for (int page = 0; page < 5000; page++) {
        const struct synth_visit *visit = synth_impressions_next(synth);
        for (size_t i = 0; i < visit->count; i++) {
            const struct synth_visit_ad *ad = &visit->ads[i];
            double product = (ad->click - ad->p) * log(1 + ad->view_tenths);
            sum += product;
            square += product * product;
        }
        first += visit->ads[0].view_tenths / 10. / 5000;
        last += visit->ads[visit->count - 1].view_tenths / 10. / 5000;
    }
    assert_true(fabs(sum) < 4 * sqrt(square));
    assert_true(first > 1.5 * last);
    synth_impressions_free(synth);
}

static void the_tally_is_of_what_was_written(void **state)
{
    (void)state;
    struct synth_impressions_config config = small();
    struct synth_tally *tally = calloc(1, sizeof(*tally));
    assert_non_null(tally);
    struct synth_impressions *synth = make(&config);
    write_pages(synth, "t", 400, tally);
    synth_impressions_free(synth);
    struct file_bytes truth = bytes_of("t", ".truth");
    double p = 0, logloss = 0, n = 0;
    for (char *at = (char *)truth.data; *at != '\0'; at++, n++) {
        double one = strtod(at, &at);
        p += one;
        logloss -= one * log(one) + (1 - one) * log(1 - one);
    }
    assert_int_equal(tally->pages, 400);
    near_is((double)tally->ads, n, 0);
    near_is(tally->sum_p, p, 1e-9);
    near_is(synth_tally_logloss(tally), logloss / n, 1e-12);
    assert_true(synth_tally_logloss(tally) < synth_tally_appeal_logloss(tally));
    assert_true(synth_tally_appeal_logloss(tally) < synth_tally_rate_logloss(tally));
    file_free(&truth);
    free(tally);
}

static void decimals(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        unsigned decimals;
        const char *text;
    } cases[] = {{1250, 2, "12.5"}, {7, 2, "0.07"},      {300, 2, "3"},
                 {0, 1, "0"},       {31, 6, "0.000031"}, {1000000, 6, "1"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf buf;
        buf_init(&buf, 100);
        synth_record_put_decimal(&buf, cases[i].n, cases[i].decimals);
        assert_string_equal(buf.data, cases[i].text);
        buf_fini(&buf);
    }
}

static void refusals(void **state)
{
    (void)state;
    struct synth_impressions *synth;
    struct diag diag = {0};
    struct synth_impressions_config config = small();
    config.click_rate = .6;
    assert_int_equal(synth_impressions_new(&config, &synth, &diag), STATUS_INVALID);
    assert_string_equal(diag.path, "click_rate");
    config = small();
    config.world.users = 0;
    assert_int_equal(synth_impressions_new(&config, &synth, &diag), STATUS_INVALID);
    assert_string_equal(diag.path, "users");
    config = small();
    config.visit.position = -1;
    assert_int_equal(synth_impressions_new(&config, &synth, &diag), STATUS_INVALID);
    assert_string_equal(diag.path, "position");
    config = small();
    synth = make(&config);
    assert_int_not_equal(synth_impressions_write(synth, "/nonexistent/x", 1, NULL, &diag),
                         STATUS_OK);
    // All or nothing: the last of the files cannot be made.
    char path[128], folder[128];
    scratch_path(&scratch, "gone", path);
    scratch_path(&scratch, "gone.bid", folder);
    assert_int_equal(file_make_folder(folder, NULL), STATUS_OK);
    assert_int_not_equal(synth_impressions_write(synth, path, 1, NULL, &diag), STATUS_OK);
    assert_false(file_exists(path));
    synth_impressions_free(synth);
}

int main(void)
{
    scratch_make(&scratch);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_hold_the_visits),
        cmocka_unit_test(a_second_file_goes_on),
        cmocka_unit_test(another_seed_is_another_world),
        cmocka_unit_test(clicks_become_history),
        cmocka_unit_test(the_rate_is_the_one_asked_for),
        cmocka_unit_test(time_in_view_does_not_reveal_the_click),
        cmocka_unit_test(the_tally_is_of_what_was_written),
        cmocka_unit_test(decimals),
        cmocka_unit_test(refusals),
    };
    int failures = cmocka_run_group_tests_name("synth_impressions", tests, NULL, NULL);
    scratch_remove(&scratch);
    return failures;
}
