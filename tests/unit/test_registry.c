// server/registry: what a request gets, and views that change under many readers.
#include "server/registry.h"

#include "base/file.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint.h"
#include "tests/support/scratch.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { READERS = 3, PUBLISHES = 4000 };

struct bench {
    struct scratch scratch;
    char folder[128];
    const struct kernels *kernels;
};

static struct registry_version *load(const struct bench *bench, uint64_t number, unsigned readers)
{
    struct registry_version *version = NULL;
    struct diag diag = {0};
    assert_int_equal(
        registry_version_load(bench->folder, number, bench->kernels, readers, &version, &diag),
        STATUS_OK);
    return version;
}

// A view with one model per name, each with these versions; the first is current.
static struct registry_view *view_of(const char *const *names, size_t count,
                                     struct registry_version *const *versions, size_t version_count)
{
    struct registry_view *view = registry_view_new(count);
    assert_non_null(view);
    for (size_t i = 0; i < count; i++) {
        struct registry_model *model = &view->models[i];
        snprintf(model->name, sizeof(model->name), "%s", names[i]);
        model->count = version_count;
        for (size_t k = 0; k < version_count; k++)
            model->versions[k] = versions[k];
        model->current = versions[0];
        model->label_count = 1;
        snprintf(model->labels[0].name, sizeof(model->labels[0].name), "canary");
        model->labels[0].version = versions[version_count - 1];
    }
    return view;
}

static struct span text(const char *words)
{
    return words == NULL ? (struct span){NULL, 0} : span_of(words);
}

static void test_what_a_request_gets(void **state)
{
    struct bench *bench = *state;
    struct registry_version *versions[] = {load(bench, 2, 1), load(bench, 1, 1)};
    static const char *const names[] = {"a", "b"};
    static const struct {
        const char *model;
        uint64_t version;
        const char *label;
        enum status wanted;
        uint64_t number;
        const char *path;
    } cases[] = {
        {"a", 0, NULL, STATUS_OK, 2, ""},
        {"b", 1, NULL, STATUS_OK, 1, ""},
        {"b", 0, "canary", STATUS_OK, 1, ""},
        {NULL, 0, NULL, STATUS_INVALID, 0, "model"},
        {"c", 0, NULL, STATUS_NOT_FOUND, 0, "model"},
        {"", 0, NULL, STATUS_NOT_FOUND, 0, "model"},
        {"a", 3, NULL, STATUS_NOT_FOUND, 0, "version"},
        {"a", 0, "stable", STATUS_NOT_FOUND, 0, "version"},
    };
    struct registry *registry = registry_new(1);
    const struct registry_model *model;
    const struct registry_version *version;
    struct diag diag;
    const struct registry_view *view = registry_pin(registry, 0);
    assert_int_equal(registry_choose(view, text(NULL), 0, text(NULL), &model, &version, &diag),
                     STATUS_UNAVAILABLE);
    registry_unpin(registry, 0);
    registry_publish(registry, view_of(names, 2, versions, 2));
    view = registry_pin(registry, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        diag = (struct diag){.path = ""};
        assert_int_equal(registry_choose(view, text(cases[i].model), cases[i].version,
                                         text(cases[i].label), &model, &version, &diag),
                         cases[i].wanted);
        if (cases[i].wanted == STATUS_OK)
            assert_true(version->number == cases[i].number &&
                        strcmp(model->name, cases[i].model) == 0);
        else
            assert_string_equal(diag.path, cases[i].path);
    }
    registry_unpin(registry, 0);
    registry_publish(registry, view_of(names, 1, versions, 1)); // one model needs no name
    view = registry_pin(registry, 0);
    assert_int_equal(registry_choose(view, text(NULL), 0, text(NULL), &model, &version, &diag),
                     STATUS_OK);
    registry_unpin(registry, 0);
    for (size_t i = 0; i < 2; i++)
        registry_version_release(registry, versions[i]);
    registry_free(registry);
}

static void test_a_pinned_view_outlives_its_successor(void **state)
{
    struct bench *bench = *state;
    static const char *const names[] = {"a"};
    struct registry *registry = registry_new(2);
    struct registry_version *one = load(bench, 1, 2), *two = load(bench, 2, 2);
    registry_publish(registry, view_of(names, 1, &one, 1));
    assert_true(registry_reclaim(registry));
    const struct registry_view *view = registry_pin(registry, 0);
    registry_publish(registry, view_of(names, 1, &two, 1));
    registry_version_release(registry, one);
    assert_false(registry_reclaim(registry));
    assert_int_equal(view->models[0].current->number, 1); // the sanitizer would tell
    assert_int_equal(registry_pin(registry, 1)->models[0].current->number, 2);
    registry_unpin(registry, 1);
    registry_unpin(registry, 0);
    assert_true(registry_reclaim(registry));
    registry_version_release(registry, two);
    registry_free(registry);
}

struct reader {
    struct registry *registry;
    unsigned index;
    atomic_bool *stop;
    atomic_ulong seen;
    atomic_bool torn; // read what was not whole
};

// What is read is whole: a version that is its own text, in a view that stays while it is pinned.
static void *read_views(void *argument)
{
    struct reader *reader = argument;
    while (!atomic_load(reader->stop)) {
        const struct registry_view *view = registry_pin(reader->registry, reader->index);
        const struct registry_version *version = view->models[0].current;
        char number[24];
        snprintf(number, sizeof(number), "%lu", (unsigned long)version->number);
        if (strcmp(number, version->text) != 0 || version->scorer.checkpoint.layer_count == 0) {
            atomic_store(&reader->torn, true);
            break; // pinned
        }
        registry_unpin(reader->registry, reader->index);
        atomic_fetch_add(&reader->seen, 1);
    }
    return NULL;
}

static void test_readers_while_views_change(void **state)
{
    struct bench *bench = *state;
    static const char *const names[] = {"a"};
    struct registry *registry = registry_new(READERS);
    struct registry_version *current = load(bench, 1, READERS);
    struct reader readers[READERS];
    pthread_t threads[READERS];
    atomic_bool stop = false;
    registry_publish(registry, view_of(names, 1, &current, 1));
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.registry = registry, .index = i, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, read_views, &readers[i]), 0);
    }
    for (uint64_t i = 0; i < PUBLISHES; i++) {
        bool fresh = i % 40 == 0; // a new version now and then, a new view always
        struct registry_version *next = fresh ? load(bench, 1 + i / 40 % 2, READERS) : current;
        registry_publish(registry, view_of(names, 1, &next, 1));
        if (fresh)
            registry_version_release(registry, current);
        current = next;
        registry_reclaim(registry);
    }
    for (unsigned i = 0; i < READERS; i++)
        while (atomic_load(&readers[i].seen) == 0 && !atomic_load(&readers[i].torn))
            sched_yield();
    atomic_store(&stop, true);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(atomic_load(&readers[i].torn));
        registry_unpin(registry, i);
    }
    assert_true(registry_reclaim(registry));
    registry_version_release(registry, current);
    registry_free(registry);
}

static int set_up(void **state)
{
    static struct bench bench;
    static const size_t hidden[] = {4};
    struct make_checkpoint spec = {
        .role = CHECKPOINT_STUDENT, .features = "f:item:2", .hidden = hidden, .hidden_count = 1};
    scratch_make(&bench.scratch);
    scratch_path(&bench.scratch, "demo", bench.folder);
    for (uint64_t number = 1; number <= 2; number++) {
        char version[160], file[192];
        spec.seed = number;
        snprintf(version, sizeof(version), "%s/%d", bench.folder, (int)number);
        snprintf(file, sizeof(file), "%s/student.safetensors", version);
        if (file_make_folder(version, NULL) != STATUS_OK ||
            make_checkpoint_file(file, &spec, NULL) != STATUS_OK)
            return -1;
    }
    *state = &bench;
    return kernels_choose("auto", &bench.kernels, NULL) != STATUS_OK;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    scratch_remove(&bench->scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_request_gets),
        cmocka_unit_test(test_a_pinned_view_outlives_its_successor),
        cmocka_unit_test(test_readers_while_views_change),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
