// server/lifecycle: which version serves whatever happens to the folders.
#include "server/lifecycle.h"

#include "base/file.h"
#include "base/log.h"
#include "base/yamldoc.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/model_case.h"
#include "tests/support/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scratch scratch;
static char folder[128];

// Writes FOLDER/NUMBER/student.safetensors: a model, or rubbish; the folder appears whole.
static void put(int number, bool good)
{
    static const size_t hidden[] = {4};
    const struct make_checkpoint spec = {.role = CHECKPOINT_STUDENT,
                                         .features = "f:item:2",
                                         .hidden = hidden,
                                         .hidden_count = 1,
                                         .seed = (uint64_t)number};
    char beside[160], file[192], version[160];
    snprintf(beside, sizeof(beside), "%s/tmp-%d", folder, number);
    snprintf(file, sizeof(file), "%s/student.safetensors", beside);
    snprintf(version, sizeof(version), "%s/%d", folder, number);
    assert_int_equal(file_make_folder(beside, NULL), STATUS_OK);
    if (good)
        assert_int_equal(make_checkpoint_file(file, &spec, NULL), STATUS_OK);
    else
        assert_int_equal(file_write_atomic(file, "rubbish", 7, NULL), STATUS_OK);
    assert_int_equal(rename(beside, version), 0);
}

static void take_away(int number)
{
    char path[192];
    snprintf(path, sizeof(path), "%s/%d/student.safetensors", folder, number);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/%d", folder, number);
    assert_int_equal(rmdir(path), 0);
}

static int set_up(void **state)
{
    (void)state;
    log_level_set(LOG_ERROR + 1);
    scratch_make(&scratch);
    scratch_path(&scratch, "demo", folder);
    put(1, true);
    put(2, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

// ---- what came of a command ------------------------------------------------------------------

struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool done;
    enum status code;
    uint64_t version;
};

static void note(void *context, enum status code, uint64_t version, const struct diag *why)
{
    struct outcome *outcome = context;
    pthread_mutex_lock(&outcome->lock);
    assert_int_equal(why != NULL, code != STATUS_OK);
    outcome->done = true;
    outcome->code = code;
    outcome->version = version;
    pthread_cond_signal(&outcome->told);
    pthread_mutex_unlock(&outcome->lock);
}

static struct outcome waiting(void)
{
    return (struct outcome){.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
}

static enum status result(struct outcome *outcome)
{
    pthread_mutex_lock(&outcome->lock);
    while (!outcome->done)
        pthread_cond_wait(&outcome->told, &outcome->lock);
    pthread_mutex_unlock(&outcome->lock);
    return outcome->code;
}

static enum status load(struct model_case *models, uint64_t version)
{
    struct outcome outcome = waiting();
    lifecycle_load(models->lifecycle, "demo", version, note, &outcome);
    return result(&outcome);
}

static enum status roll_back(struct model_case *models, uint64_t version)
{
    struct outcome outcome = waiting();
    lifecycle_rollback(models->lifecycle, "demo", version, note, &outcome);
    assert_true(outcome.done); // at once
    return outcome.code;
}

static enum status label(struct model_case *models, const char *name, uint64_t version)
{
    struct outcome outcome = waiting();
    lifecycle_label(models->lifecycle, "demo", name, version, note, &outcome);
    assert_true(outcome.done);
    return outcome.code;
}

// The number that a request gets; 0: none.
static uint64_t chosen(struct model_case *models, uint64_t version, const char *name)
{
    const struct registry_model *model;
    const struct registry_version *found;
    const struct registry_view *view = registry_pin(models->registry, 0);
    enum status code = registry_choose(view, (struct span){NULL, 0}, version,
                                       name != NULL ? span_of(name) : (struct span){NULL, 0},
                                       &model, &found, NULL);
    uint64_t number = code == STATUS_OK ? found->number : 0;
    registry_unpin(models->registry, 0);
    return number;
}

static struct model_case start(void)
{
    struct model_case models;
    struct diag diag = {0};
    assert_int_equal(model_case_open(&models, folder, "", 1, &diag), STATUS_OK);
    return models;
}

// ---- what serves -----------------------------------------------------------------------------

static void test_the_newest_valid_version_serves(void **state)
{
    (void)state;
    struct model_case models = start();
    assert_int_equal(chosen(&models, 0, NULL), 2);
    put(3, false);
    assert_int_equal(load(&models, 0), STATUS_CORRUPT);
    assert_int_equal(chosen(&models, 0, NULL), 2);
    put(4, true);
    assert_int_equal(load(&models, 0), STATUS_OK);
    assert_int_equal(chosen(&models, 0, NULL), 4);
    assert_int_equal(chosen(&models, 2, NULL), 2); // kept, to go back to
    assert_int_equal(load(&models, 3), STATUS_CORRUPT);
    assert_int_equal(load(&models, 9), STATUS_NOT_FOUND);
    assert_int_equal(chosen(&models, 0, NULL), 4);
    take_away(4);
    take_away(3);
    model_case_close(&models);
}

static void test_a_rollback_holds(void **state)
{
    (void)state;
    struct model_case models = start();
    assert_int_equal(roll_back(&models, 0), STATUS_NOT_FOUND); // nothing served before
    put(3, true);
    assert_int_equal(load(&models, 0), STATUS_OK);
    assert_int_equal(roll_back(&models, 0), STATUS_OK);
    assert_int_equal(chosen(&models, 0, NULL), 2);
    put(4, true);
    lifecycle_rescan(models.lifecycle);
    assert_int_equal(load(&models, 1), STATUS_OK); // after the rescan: one thread does both
    assert_int_equal(chosen(&models, 4, NULL), 4); // loaded, and not served
    assert_int_equal(chosen(&models, 0, NULL), 2);
    assert_int_equal(chosen(&models, 1, NULL), 1);
    assert_int_equal(load(&models, 0), STATUS_OK); // somebody says so
    assert_int_equal(chosen(&models, 0, NULL), 4);
    assert_int_equal(roll_back(&models, 77), STATUS_NOT_FOUND);
    take_away(4);
    take_away(3);
    model_case_close(&models);
}

// A command that fails changes nothing: what was taken back does not come again.
static void test_a_failed_load_keeps_the_hold(void **state)
{
    (void)state;
    struct model_case models = start();
    put(3, true);
    assert_int_equal(load(&models, 0), STATUS_OK);
    assert_int_equal(roll_back(&models, 2), STATUS_OK);
    assert_int_equal(chosen(&models, 0, NULL), 2);
    put(4, false);
    assert_int_equal(load(&models, 0), STATUS_CORRUPT);
    assert_int_equal(chosen(&models, 0, NULL), 2);
    take_away(4);
    take_away(3);
    model_case_close(&models);
}

static void test_the_newest_beside_listed_versions(void **state)
{
    (void)state;
    struct model_case models = start();
    struct yamldoc *doc;
    struct lifecycle_plan plan;
    struct diag diag = {0};
    char yaml[256];
    snprintf(yaml, sizeof(yaml), "[{folder: %s, versions: [1, 2]}]", folder);
    assert_int_equal(yamldoc_parse(span_of(yaml), "x", &doc, NULL), STATUS_OK);
    assert_int_equal(lifecycle_plan_read(yamldoc_root(doc), &plan, &diag), STATUS_OK);
    assert_int_equal(lifecycle_configure(models.lifecycle, &plan, &diag), STATUS_OK);
    lifecycle_plan_fini(&plan);
    yamldoc_free(doc);
    assert_int_equal(load(&models, 1), STATUS_OK); // the thread has taken the plan
    assert_int_equal(chosen(&models, 0, NULL), 2);
    put(3, true);
    struct outcome outcome = waiting();
    lifecycle_load(models.lifecycle, "demo", 0, note, &outcome);
    assert_int_equal(result(&outcome), STATUS_OK);
    assert_int_equal(outcome.version, 3);
    assert_int_equal(chosen(&models, 0, NULL), 3);
    lifecycle_rescan(models.lifecycle); // it stays
    assert_int_equal(load(&models, 1), STATUS_OK);
    assert_int_equal(chosen(&models, 0, NULL), 3);
    take_away(3);
    model_case_close(&models);
}

static void test_labels(void **state)
{
    (void)state;
    struct model_case models = start();
    assert_int_equal(chosen(&models, 0, "canary"), 0);
    assert_int_equal(label(&models, "stable", 2), STATUS_OK);
    put(3, true);
    assert_int_equal(load(&models, 0), STATUS_OK);
    assert_int_equal(chosen(&models, 0, NULL), 2); // stable is what serves
    assert_int_equal(label(&models, "canary", 3), STATUS_OK);
    assert_int_equal(chosen(&models, 0, "canary"), 3);
    assert_int_equal(label(&models, "canary", 9), STATUS_NOT_FOUND);
    assert_int_equal(label(&models, "stable", 3), STATUS_OK);
    assert_int_equal(chosen(&models, 0, NULL), 3);
    for (int i = 0; i < REGISTRY_MOST_LABELS - 2; i++) {
        char name[16];
        snprintf(name, sizeof(name), "l%d", i);
        assert_int_equal(label(&models, name, 3), STATUS_OK);
    }
    assert_int_equal(label(&models, "more", 3), STATUS_INVALID);
    assert_int_equal(label(&models, "l0", 0), STATUS_OK); // the last takes its place
    assert_int_equal(label(&models, "l0", 0), STATUS_NOT_FOUND);
    assert_int_equal(chosen(&models, 0, "l5"), 3);
    assert_int_equal(label(&models, "more", 3), STATUS_OK);
    take_away(3);
    model_case_close(&models);
}

// Has the thread look at the folders, and returns when it has: it does one command a round, at its
// end.
static void look(struct model_case *models)
{
    lifecycle_rescan(models->lifecycle);
    for (int i = 0; i < 2; i++)
        assert_int_equal(load(models, 99), STATUS_NOT_FOUND);
}

static void configure_text(struct model_case *models, const char *rest)
{
    struct yamldoc *doc;
    struct lifecycle_plan plan;
    char yaml[256];
    snprintf(yaml, sizeof(yaml), "[{name: demo, folder: %s, %s}]", folder, rest);
    assert_int_equal(yamldoc_parse(span_of(yaml), "x", &doc, NULL), STATUS_OK);
    assert_int_equal(lifecycle_plan_read(yamldoc_root(doc), &plan, NULL), STATUS_OK);
    assert_int_equal(lifecycle_configure(models->lifecycle, &plan, NULL), STATUS_OK);
    look(models);
    lifecycle_plan_fini(&plan);
    yamldoc_free(doc);
}

// A version that only a label keeps goes with it; the plan's labels have their places.
static void test_a_label_is_taken_away(void **state)
{
    (void)state;
    struct model_case models = start();
    configure_text(&models, "keep: 1, labels: {late: 7}");
    assert_int_equal(label(&models, "old", 2), STATUS_OK);
    for (int i = 3; i <= 4; i++) {
        put(i, true);
        assert_int_equal(load(&models, 0), STATUS_OK);
    }
    assert_int_equal(chosen(&models, 2, NULL), 2);
    assert_int_equal(label(&models, "old", 0), STATUS_OK);
    assert_int_equal(chosen(&models, 2, NULL), 2); // nothing else is done
    look(&models);
    assert_int_equal(chosen(&models, 2, NULL), 0);
    for (int i = 0; i < REGISTRY_MOST_LABELS - 1; i++) {
        char name[16];
        snprintf(name, sizeof(name), "l%d", i);
        assert_int_equal(label(&models, name, 4), STATUS_OK);
    }
    assert_int_equal(label(&models, "more", 4), STATUS_INVALID);
    assert_int_equal(label(&models, "late", 4), STATUS_OK);
    assert_int_equal(label(&models, "late", 0), STATUS_OK);
    assert_int_equal(label(&models, "more", 4), STATUS_INVALID);
    take_away(4);
    take_away(3);
    model_case_close(&models);
}

static void test_labels_of_another_plan(void **state)
{
    (void)state;
    struct model_case models = start();
    configure_text(&models, "keep: 2, labels: {stable: latest, other: 1, old: 1}");
    assert_int_equal(chosen(&models, 0, NULL), 2);
    assert_int_equal(label(&models, "other", 2), STATUS_OK);
    assert_int_equal(roll_back(&models, 1), STATUS_OK);
    put(3, true);
    look(&models);
    assert_int_equal(chosen(&models, 3, NULL), 3);
    assert_int_equal(chosen(&models, 0, NULL), 1); // stable, too, is held where it was put
    assert_int_equal(chosen(&models, 0, "other"), 2);
    assert_int_equal(label(&models, "stable", 0), STATUS_OK);
    assert_int_equal(label(&models, "other", 0), STATUS_OK);
    look(&models);
    assert_int_equal(chosen(&models, 0, "stable"), 1); // back, as the plan says, and still held
    assert_int_equal(chosen(&models, 0, "other"), 1);
    configure_text(&models, "keep: 2, labels: {stable: 4, other: 3}");
    assert_int_equal(chosen(&models, 0, NULL), 1); // until there is a version 4
    assert_int_equal(chosen(&models, 0, "other"), 3);
    assert_int_equal(chosen(&models, 0, "old"), 0);
    put(4, true);
    look(&models);
    assert_int_equal(chosen(&models, 0, NULL), 4);
    take_away(4);
    take_away(3);
    model_case_close(&models);
}

// Many versions asked for: those that serve or are named stay, the oldest of the others go.
static void test_memory_is_bounded(void **state)
{
    (void)state;
    enum { MOST = 12 };
    struct model_case models = start();
    for (int i = 3; i <= MOST; i++) {
        put(i, true);
        assert_int_equal(load(&models, (uint64_t)i), STATUS_OK);
    }
    const struct registry_view *view = registry_pin(models.registry, 0);
    assert_true(view->models[0].count <= REGISTRY_MOST_VERSIONS);
    assert_int_equal(view->models[0].current->number, MOST);
    registry_unpin(models.registry, 0);
    for (int i = 3; i <= MOST; i++)
        take_away(i);
    model_case_close(&models);
}

static unsigned open_files(void)
{
    unsigned count = 0;
    DIR *folder_of = opendir("/proc/self/fd");
    while (readdir(folder_of) != NULL)
        count++;
    closedir(folder_of);
    return count;
}

static void test_hundreds_of_loads_leave_nothing(void **state)
{
    (void)state;
    enum { LOADS = 300 };
    struct model_case models = start();
    unsigned before = open_files();
    for (int i = 3; i < 3 + LOADS; i++) {
        bool good = i % 2 == 1;
        put(i, good);
        assert_int_equal(load(&models, 0), good ? STATUS_OK : STATUS_CORRUPT);
        assert_int_equal(chosen(&models, 0, NULL), good ? i : i - 1);
        if (i > 4)
            take_away(i - 2);
    }
    const struct registry_view *view = registry_pin(models.registry, 0);
    assert_true(view->models[0].count <= 3);
    registry_unpin(models.registry, 0);
    assert_int_equal(open_files(), before);
    take_away(LOADS + 1);
    take_away(LOADS + 2);
    model_case_close(&models);
}

static void configure(struct model_case *models, const char *model_folder)
{
    struct lifecycle_plan plan;
    assert_int_equal(lifecycle_plan_one(model_folder, "demo", &plan, NULL), STATUS_OK);
    assert_int_equal(lifecycle_configure(models->lifecycle, &plan, NULL), STATUS_OK);
    lifecycle_plan_fini(&plan);
}

// What serves goes on until the other folder has something, and then it is gone.
static void test_a_model_that_moves_to_another_folder(void **state)
{
    (void)state;
    struct model_case models = start();
    char here[128], there[128];
    snprintf(here, sizeof(here), "%s", folder);
    scratch_path(&scratch, "there", there);
    configure(&models, there); // it does not exist
    assert_int_not_equal(load(&models, 0), STATUS_OK);
    assert_int_equal(label(&models, "x", 2), STATUS_NOT_FOUND); // of the new folder
    assert_int_equal(chosen(&models, 0, NULL), 2);
    assert_int_equal(file_make_folder(there, NULL), STATUS_OK);
    assert_int_equal(load(&models, 0), STATUS_NOT_FOUND);
    assert_int_equal(chosen(&models, 2, NULL), 2);
    configure(&models, here); // and back, before anything was there
    assert_int_equal(load(&models, 0), STATUS_OK);
    assert_int_equal(chosen(&models, 0, NULL), 2);
    configure(&models, there);
    assert_int_equal(load(&models, 0), STATUS_NOT_FOUND);
    snprintf(folder, sizeof(folder), "%s", there);
    put(1, true);
    assert_int_equal(load(&models, 0), STATUS_OK);
    assert_int_equal(chosen(&models, 0, NULL), 1);
    assert_int_equal(chosen(&models, 2, NULL), 0);
    snprintf(folder, sizeof(folder), "%s", here);
    model_case_close(&models);
}

static void test_the_end_answers_everybody(void **state)
{
    (void)state;
    struct model_case models = start();
    struct outcome outcomes[20];
    for (size_t i = 0; i < 20; i++) {
        outcomes[i] = waiting();
        lifecycle_load(models.lifecycle, "demo", 1, note, &outcomes[i]);
    }
    lifecycle_stop(models.lifecycle);
    for (size_t i = 0; i < 20; i++)
        assert_true(outcomes[i].done &&
                    (outcomes[i].code == STATUS_OK || outcomes[i].code == STATUS_UNAVAILABLE));
    assert_int_equal(load(&models, 1), STATUS_UNAVAILABLE);
    assert_int_equal(roll_back(&models, 1), STATUS_UNAVAILABLE);
    assert_int_equal(label(&models, "x", 1), STATUS_UNAVAILABLE);
    model_case_close(&models);
}

static void test_a_model_that_is_not_there(void **state)
{
    (void)state;
    struct model_case models = start();
    struct outcome outcome = waiting();
    lifecycle_load(models.lifecycle, "other", 0, note, &outcome);
    assert_int_equal(result(&outcome), STATUS_NOT_FOUND);
    struct buf text;
    buf_init(&text, 1 << 16);
    lifecycle_describe(models.lifecycle, &text);
    assert_non_null(strstr(text.data, "{\"name\":\"demo\",\"held\":false,\"versions\":["
                                      "{\"version\":\"2\",\"state\":\"serving\""));
    assert_null(strstr(text.data, scratch.folder));
    buf_fini(&text);
    model_case_close(&models);
    struct diag diag;
    assert_int_equal(model_case_open(&models, "/nonexistent", "", 1, &diag), STATUS_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_valid_version_serves),
        cmocka_unit_test(test_a_rollback_holds),
        cmocka_unit_test(test_a_failed_load_keeps_the_hold),
        cmocka_unit_test(test_the_newest_beside_listed_versions),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_a_label_is_taken_away),
        cmocka_unit_test(test_labels_of_another_plan),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_hundreds_of_loads_leave_nothing),
        cmocka_unit_test(test_a_model_that_moves_to_another_folder),
        cmocka_unit_test(test_the_end_answers_everybody),
        cmocka_unit_test(test_a_model_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
