// Oracle: the layout of design 7 and the rules of spec/security.md 3.3, by hand.
#include "model/store.h"

#include "base/file.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/scratch.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t hidden[] = {4};

static struct make_checkpoint spec_of(uint64_t seed)
{
    return (struct make_checkpoint){.role = CHECKPOINT_STUDENT,
                                    .features = "f:item:3",
                                    .hidden = hidden,
                                    .hidden_count = 1,
                                    .seed = seed};
}

// A fresh model folder NAME in the scratch folder, and a valid student beside it.
static void prepare(const struct scratch *scratch, const char *name, char modeldir[128],
                    char student[128])
{
    struct make_checkpoint spec = spec_of(1);
    assert_int_equal(mkdir(scratch_path(scratch, name, modeldir), 0777), 0);
    assert_int_equal(make_checkpoint_file(scratch_path(scratch, "s.file", student), &spec, NULL),
                     0);
}

static void add_version(const char *modeldir, const char *version, uint64_t seed)
{
    char path[256];
    struct make_checkpoint spec = spec_of(seed);
    snprintf(path, sizeof path, "%s/%s", modeldir, version);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/%s/student.safetensors", modeldir, version);
    assert_int_equal(make_checkpoint_file(path, &spec, NULL), STATUS_OK);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "_", "7", "A.b-c_9", "x..y"};
    static const char *const bad[] = {"", ".", "..", ".a", "-a", "a/b", "a b", "\xc3\xa9", "a\n"};
    char name[66], found[STORE_NAME_BYTES + 1];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(store_name_valid(span_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(store_name_valid(span_of(bad[i])));
    memset(name, 'x', 65);
    name[65] = '\0';
    assert_false(store_name_valid(span_of(name)));
    assert_true(store_name_valid((struct span){name, 64}));
    assert_int_equal(store_name("/models/clid//", found, NULL), STATUS_OK);
    assert_string_equal(found, "clid");
    assert_int_equal(store_name("clid", found, NULL), STATUS_OK);
    assert_int_equal(store_name("/", found, NULL), STATUS_CONFIG);
    assert_int_equal(store_name("models/..", found, NULL), STATUS_CONFIG);
    assert_int_equal(store_name("", found, NULL), STATUS_CONFIG);
}

static void test_version_numbers(void **state)
{
    (void)state;
    uint64_t version = 0;
    assert_true(store_version_parse(span_of("9223372036854775807"), &version));
    assert_true(version == INT64_MAX);
    static const char *const bad[] = {
        "",       "0",  "01", "-1", "+1", "1a", " 1", "9223372036854775808", "99999999999999999999",
        "..data", "1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(store_version_parse(span_of(bad[i]), &version));
}

static void test_lists_by_number(void **state)
{
    char modeldir[128], student[128], path[256];
    struct store_list list;
    prepare(*state, "list", modeldir, student);
    add_version(modeldir, "9", 1);
    add_version(modeldir, "10", 1);
    add_version(modeldir, "2", 1);
    add_version(modeldir, "007", 1);
    add_version(modeldir, "tmp", 1);
    snprintf(path, sizeof path, "%s/11", modeldir);
    assert_int_equal(mkdir(path, 0777), 0); // without the file: ignored
    snprintf(path, sizeof path, "%s/12", modeldir);
    assert_int_equal(symlink("10", path), 0);
    snprintf(path, sizeof path, "%s/13", modeldir);
    assert_int_equal(file_write_atomic(path, "x", 1, NULL), STATUS_OK);
    assert_int_equal(store_versions(modeldir, &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 4);
    static const uint64_t wanted[] = {12, 10, 9, 2};
    assert_memory_equal(list.versions, wanted, sizeof wanted);
    store_list_fini(&list);
    uint64_t largest = 0;
    assert_int_equal(store_largest(modeldir, &largest, NULL), STATUS_OK);
    assert_true(largest == 13);
    assert_int_equal(store_versions("/nowhere/m", &list, NULL), STATUS_CONFIG);
}

static void test_newest_valid_serves(void **state)
{
    char modeldir[128], student[128], path[256];
    struct scorer scorer;
    struct store_refusals refusals;
    struct diag diag = {0};
    uint64_t version = 0;
    struct make_checkpoint spec = spec_of(5), teacher = spec_of(6);
    teacher.role = CHECKPOINT_TEACHER;
    prepare(*state, "newest", modeldir, student);
    assert_int_equal(store_newest(modeldir, kernels_at(0), &scorer, &version, &refusals, &diag),
                     STATUS_CONFIG);
    assert_non_null(strstr(diag.words, "no version"));
    assert_int_equal(refusals.count, 0);

    add_version(modeldir, "1", 1);
    add_version(modeldir, "2", 2);
    add_version(modeldir, "3", 3);
    add_version(modeldir, "4", 4);
    add_version(modeldir, "5", 5);
    snprintf(path, sizeof path, "%s/5/student.safetensors", modeldir);
    assert_int_equal(truncate(path, 100), 0);
    snprintf(path, sizeof path, "%s/4/student.safetensors", modeldir);
    assert_int_equal(make_checkpoint_file(path, &teacher, NULL), STATUS_OK);
    snprintf(path, sizeof path, "%s/3/student.safetensors", modeldir);
    assert_int_equal(make_checkpoint_widened(path, &spec, NULL), STATUS_OK);
    assert_int_equal(store_newest(modeldir, kernels_at(0), &scorer, &version, &refusals, NULL),
                     STATUS_OK);
    assert_true(version == 2);
    assert_int_equal(refusals.count, 3);
    assert_true(refusals.items[0].version == 5);
    assert_non_null(strstr(refusals.items[0].why.words, "ends inside its header"));
    assert_non_null(strstr(refusals.items[0].why.file, "newest/5/student.safetensors"));
    assert_non_null(strstr(refusals.items[1].why.words, "teacher"));
    assert_non_null(strstr(refusals.items[2].why.words, "wider than the served inputs"));
    store_refusals_fini(&refusals);
    scorer_fini(&scorer);
    assert_int_equal(store_load(modeldir, 1, kernels_at(0), &scorer, NULL), STATUS_OK);
    scorer_fini(&scorer);
    assert_int_equal(store_load(modeldir, 6, kernels_at(0), &scorer, &diag), STATUS_NOT_FOUND);

    for (unsigned v = 1; v <= 2; v++) {
        snprintf(path, sizeof path, "%s/%u/student.safetensors", modeldir, v);
        assert_int_equal(file_write_atomic(path, "", 0, NULL), STATUS_OK);
    }
    assert_int_equal(store_newest(modeldir, kernels_at(0), &scorer, &version, &refusals, &diag),
                     STATUS_CONFIG);
    assert_string_equal(diag.words, "none of 5 versions is valid");
    assert_int_equal(refusals.count, 5);
    store_refusals_fini(&refusals);
}

// Of a path that is too long for a diag the end is told: which version of which model.
static void test_reason_names_the_file_in_a_deep_folder(void **state)
{
    const struct scratch *scratch = *state;
    char folder[512], piece[101];
    memset(piece, 'd', 100);
    piece[100] = '\0';
    int used = snprintf(folder, sizeof folder, "%s", scratch->folder);
    for (int i = 0; i < 3; i++) {
        used += snprintf(folder + used, sizeof folder - (size_t)used, "/%s", piece);
        assert_int_equal(mkdir(folder, 0777), 0);
    }
    const struct kernels *kernels;
    struct scorer scorer;
    struct diag diag = {0};
    assert_int_equal(kernels_choose("scalar", &kernels, NULL), STATUS_OK);
    assert_int_not_equal(store_load(folder, 7, kernels, &scorer, &diag), STATUS_OK);
    static const char end[] = "/7/student.safetensors";
    assert_true(strlen(diag.file) > sizeof end);
    assert_string_equal(diag.file + strlen(diag.file) - strlen(end), end);
}

static void test_links_do_not_lead_out(void **state)
{
    char modeldir[128], student[128], path[256];
    struct scorer scorer;
    struct diag diag = {0};
    struct store_list list;
    prepare(*state, "links", modeldir, student);
    snprintf(path, sizeof path, "%s/1", modeldir);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/1/student.safetensors", modeldir);
    assert_int_equal(symlink("../../s.file", path), 0); // a valid student, but outside
    assert_int_equal(store_load(modeldir, 1, kernels_at(0), &scorer, &diag), STATUS_IO);
    assert_non_null(strstr(diag.words, "leads out of its folder"));
    assert_int_equal(store_versions(modeldir, &list, NULL), STATUS_OK);
    assert_int_equal(list.count, 1); // listed, so that the refusal is told
    store_list_fini(&list);
}

static size_t entries_of(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    return count;
}

static void test_publish(void **state)
{
    char modeldir[128], student[128], other[128], path[256];
    uint64_t version = 0;
    struct diag diag = {0};
    struct make_checkpoint spec = spec_of(2);
    prepare(*state, "publish", modeldir, student);
    assert_int_equal(store_publish(student, modeldir, 0, &version, NULL), STATUS_OK);
    assert_true(version == 1);
    struct file_bytes from, to;
    snprintf(path, sizeof path, "%s/1/student.safetensors", modeldir);
    assert_int_equal(file_read(student, 1 << 20, 0, &from, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, 0, &to, NULL), STATUS_OK);
    assert_int_equal(from.size, to.size);
    assert_memory_equal(from.data, to.data, from.size);
    file_free(&from);
    file_free(&to);
    assert_int_equal(store_publish(student, modeldir, 40, &version, NULL), STATUS_OK);
    assert_int_equal(store_publish(student, modeldir, 0, &version, NULL), STATUS_OK);
    assert_true(version == 41);

    // What is refused leaves nothing behind.
    assert_int_equal(store_publish(student, modeldir, 40, &version, &diag), STATUS_INVALID);
    assert_non_null(strstr(diag.words, "version 40 is there already"));
    snprintf(path, sizeof path, "%s/50", modeldir);
    assert_int_equal(mkdir(path, 0777), 0); // an empty folder is not overwritten either
    assert_int_equal(store_publish(student, modeldir, 50, &version, &diag), STATUS_INVALID);
    spec.role = CHECKPOINT_TEACHER;
    scratch_path(*state, "t.file", other);
    assert_int_equal(make_checkpoint_file(other, &spec, NULL), STATUS_OK);
    assert_int_equal(store_publish(other, modeldir, 0, &version, &diag), STATUS_INVALID);
    assert_non_null(strstr(diag.words, "this is a teacher"));
    assert_int_equal(make_checkpoint_widened(other, &spec, NULL), STATUS_OK);
    assert_int_equal(store_publish(other, modeldir, 0, &version, &diag), STATUS_CORRUPT);
    assert_int_equal(entries_of(modeldir), 4);

    snprintf(path, sizeof path, "%s/new/deeper/clid", modeldir);
    assert_int_equal(store_publish(student, path, 7, &version, NULL), STATUS_OK);
    assert_true(version == 7);
    snprintf(path, sizeof path, "%s/.hidden", modeldir);
    assert_int_equal(store_publish(student, path, 0, &version, &diag), STATUS_CONFIG);
    assert_false(file_exists(path));
}

struct racer {
    const char *student, *modeldir;
    uint64_t versions[8];
};

static void *race(void *argument)
{
    struct racer *racer = argument;
    for (size_t i = 0; i < 8; i++)
        if (store_publish(racer->student, racer->modeldir, 0, &racer->versions[i], NULL) !=
            STATUS_OK)
            racer->versions[i] = 0;
    return NULL;
}

// Publishers that race get numbers of their own, without a hole.
static void test_publishers_race(void **state)
{
    char modeldir[128], student[128];
    prepare(*state, "race", modeldir, student);
    struct racer racers[3];
    pthread_t threads[3];
    bool taken[25] = {false};
    for (size_t t = 0; t < 3; t++) {
        racers[t] = (struct racer){.student = student, .modeldir = modeldir};
        assert_int_equal(pthread_create(&threads[t], NULL, race, &racers[t]), 0);
    }
    for (size_t t = 0; t < 3; t++)
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    for (size_t t = 0; t < 3; t++)
        for (size_t i = 0; i < 8; i++) {
            assert_in_range(racers[t].versions[i], 1, 24);
            assert_false(taken[racers[t].versions[i]]);
            taken[racers[t].versions[i]] = true;
        }
    assert_int_equal(entries_of(modeldir), 24);
}

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make(&scratch);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_version_numbers),
        cmocka_unit_test(test_lists_by_number),
        cmocka_unit_test(test_newest_valid_serves),
        cmocka_unit_test(test_reason_names_the_file_in_a_deep_folder),
        cmocka_unit_test(test_links_do_not_lead_out),
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_publishers_race),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
