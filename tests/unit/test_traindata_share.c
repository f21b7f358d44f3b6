// The share of the training lists that teaches: the same for every seed, a part of a larger share.
#include "model/train/traindata.h"
#include "model/train/traindata_check.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS = 600, TEXT = 64 * 1024 };

// `longest` documents in the last list, one in every other.
static void write_letor(struct scratch *scratch, const char *name, size_t lists, size_t longest,
                        char path[128])
{
    char *text = calloc(TEXT, 1);
    size_t size = 0;
    assert_non_null(text);
    for (size_t i = 0; i < lists; i++)
        for (size_t d = 0; d < (i + 1 == lists ? longest : 1); d++)
            size += (size_t)snprintf(text + size, TEXT - size, "%zu qid:%zu 1:%zu 2:%zu\n",
                                     (i + d) % 2, i + 1, i % 7, i % 5);
    assert_true(size < TEXT);
    scratch_file(scratch, name, text, size, path);
    free(text);
}

struct share {
    struct scratch scratch;
    struct train_config config;
    struct yamldoc *doc;
};

static void share_open(struct share *share, const char *more, size_t longest)
{
    char yaml[512], path[128];
    scratch_make(&share->scratch);
    write_letor(&share->scratch, "train.txt", LISTS, longest, path);
    write_letor(&share->scratch, "valid.txt", 4, 2, path);
    const int length =
        snprintf(yaml, sizeof(yaml), "data: {train: train.txt, %s}\nmethod: base\n", more);
    scratch_file(&share->scratch, "config.yaml", yaml, (size_t)length, path);
    const struct train_config_source source = {.file = path};
    struct diag diag = {0};
    if (train_config_load(&source, &share->config, &share->doc, &diag) != STATUS_OK)
        fail_msg("%s", diag.words);
}

static void share_close(struct share *share)
{
    train_config_fini(&share->config);
    yamldoc_free(share->doc);
    scratch_remove(&share->scratch);
}

static struct traindata open_data(struct share *share, int64_t percent, int64_t seed)
{
    struct traindata data;
    struct diag diag = {0};
    share->config.data_train_percent = percent;
    share->config.train_seed = seed;
    if (traindata_open(&share->config, share->scratch.folder, NULL, &data, &diag) != STATUS_OK)
        fail_msg("%s", diag.words);
    return data;
}

// With a mean of 60 and a deviation of 7.3: 30 to 90 in all but one of 20,000 hashes.
static void the_same_lists_for_every_seed(void **state)
{
    (void)state;
    struct share share;
    share_open(&share, "valid: valid.txt", 2);
    struct traindata tenth = open_data(&share, 10, 1), again = open_data(&share, 10, 2);
    struct traindata half = open_data(&share, 50, 1), all = open_data(&share, 100, 1);
    assert_int_equal(all.list_count, LISTS);
    assert_in_range(tenth.list_count, 30, 90);
    assert_in_range(half.list_count, 240, 360);
    assert_int_equal(again.list_count, tenth.list_count);
    assert_memory_equal(again.lists, tenth.lists, tenth.list_count * sizeof(*tenth.lists));
    assert_int_equal(tenth.hash, all.hash); // the data are the same, less of them teaches
    for (size_t i = 0, k = 0; i < tenth.list_count; i++) {
        while (k < half.list_count && half.lists[k] < tenth.lists[i])
            k++;
        assert_true(k < half.list_count && half.lists[k] == tenth.lists[i]);
    }
    assert_int_equal(tenth.valid_set.lists, 4);
    traindata_close(&tenth);
    traindata_close(&again);
    traindata_close(&half);
    traindata_close(&all);
    share_close(&share);
}

// Validation by hash of names stays whole, and nothing of it teaches.
static void the_part_set_aside_stays_whole(void **state)
{
    (void)state;
    struct share share;
    share_open(&share, "valid_percent: 40", 2);
    struct traindata tenth = open_data(&share, 10, 1), all = open_data(&share, 100, 1);
    assert_int_equal(tenth.valid_set.lists, all.valid_set.lists);
    assert_true(tenth.list_count > 0 && tenth.list_count < all.list_count);
    for (size_t i = 0; i < tenth.list_count; i++)
        for (size_t k = 0; k < tenth.valid_set.lists; k++)
            assert_true(tenth.lists[i] != tenth.valid_set.list[k]);
    traindata_close(&tenth);
    traindata_close(&all);
    share_close(&share);
}

// One list of two documents is enough; a share without it is not.
static void lists_of_one_item(void **state)
{
    (void)state;
    for (size_t longest = 1; longest <= 2; longest++) {
        struct share share;
        share_open(&share, "valid: valid.txt", longest);
        struct traindata data = open_data(&share, 100, 1);
        for (size_t i = 0; i < method_count(); i++) {
            const struct method *method = method_at(i);
            struct diag diag = {0};
            const bool refused = longest == 1 && method_is_listwise(method);
            assert_int_equal(traindata_check_lists(&data, method, "method", &diag),
                             refused ? STATUS_CONFIG : STATUS_OK);
            assert_true(!refused || strstr(diag.words, "every list has one item") != NULL);
        }
        traindata_close(&data);
        share_close(&share);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_lists_for_every_seed),
        cmocka_unit_test(the_part_set_aside_stays_whole),
        cmocka_unit_test(lists_of_one_item),
    };
    return cmocka_run_group_tests_name("traindata_share", tests, NULL, NULL);
}
