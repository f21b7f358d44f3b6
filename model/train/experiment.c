#include "model/train/experiment.h"

#include "base/file.h"
#include "base/log.h"
#include "model/train/experiment_claim.h"
#include "model/train/synth_letor.h"
#include "model/train/traindata_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { EXPERIMENT_MAX_NAME = 100 };

static const struct cfg_option experiment_options[] = {
#define CFG(field, kind, key, fallback, min, max, choices, help)                                   \
    CFG_ROW(struct experiment_config, train.field, kind, key, fallback, min, max, choices, help)
#include "model/train/train_config.def"
#undef CFG
#define CFG(field, kind, key, fallback, min, max, choices, help)                                   \
    CFG_ROW(struct experiment_config, field, kind, key, fallback, min, max, choices, help)
#include "model/train/experiment.def"
#undef CFG
};

#define CFG(...) +1
enum {
    EXPERIMENT_OWN = 0
#include "model/train/experiment.def"
    ,
    EXPERIMENT_ALL = sizeof(experiment_options) / sizeof(*experiment_options),
};
#undef CFG

const struct cfg_table experiment_table = {experiment_options, EXPERIMENT_ALL, "CTR_"};
const struct cfg_table experiment_own_table = {experiment_options + EXPERIMENT_ALL - EXPERIMENT_OWN,
                                               EXPERIMENT_OWN, "CTR_"};

char *experiment_path(const struct experiment *experiment, const char *name)
{
    return file_join(experiment->folder, name);
}

// The data files are OUT/data/train.txt and so on.
MUST_USE static enum status experiment_name_data(struct experiment *experiment, struct diag *reterr)
{
    struct train_config *train = &experiment->config.train;
    const struct {
        char **field;
        const char *name;
    } files[] = {{&train->data_train, "data/train.txt"},
                 {&train->data_valid, "data/valid.txt"},
                 {&train->data_test, "data/test.txt"}};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if ((*files[i].field)[0] != '\0')
            return diag_at_path(reterr, STATUS_CONFIG, "experiment.synth.train_lists",
                                "makes the data: leave out data.train, data.valid and data.test");
        char *path = experiment_path(experiment, files[i].name);
        if (path == NULL)
            return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
        free(*files[i].field);
        *files[i].field = path;
    }
    return STATUS_OK;
}

// The place of a number that stands twice, or NULL. Two runs cannot have one folder.
static const char *experiment_find_twice(const struct experiment_config *config)
{
    const struct cfg_ints *seeds = &config->seeds;
    for (size_t i = 0; i < seeds->count; i++)
        for (size_t k = 0; k < i; k++)
            if (seeds->items[i] == seeds->items[k])
                return "experiment.seeds";
    const struct {
        const struct cfg_doubles *numbers;
        const char *key;
    } grids[] = {{&config->ratios, "experiment.ratios"},
                 {&config->taus, "experiment.taus"},
                 {&config->lrs, "experiment.lrs"}};
    for (size_t g = 0; g < sizeof(grids) / sizeof(*grids); g++)
        for (size_t i = 0; i < grids[g].numbers->count; i++)
            for (size_t k = 0; k < i; k++)
                if (grids[g].numbers->items[i] == grids[g].numbers->items[k])
                    return grids[g].key;
    return NULL;
}

// The name is a heading of texts and drawn on terminals: one line.
static bool experiment_is_name(const char *name)
{
    for (const char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return false;
    return name[0] != '\0' && strlen(name) <= EXPERIMENT_MAX_NAME;
}

MUST_USE static enum status experiment_check(const struct experiment *experiment,
                                             struct diag *reterr)
{
    const struct experiment_config *config = &experiment->config;
    const struct {
        bool wrong;
        const char *key, *words;
    } rules[] = {
        {!experiment_is_name(config->name), "experiment.name",
         "must be one line of 1 to 100 bytes without control characters"},
        {config->methods.count == 0, "experiment.methods", "must not be empty"},
        {config->seeds.count == 0, "experiment.seeds", "must not be empty"},
        {config->ratios.count == 0, "experiment.ratios", "must not be empty"},
        {config->taus.count == 0, "experiment.taus", "must not be empty"},
        {config->lrs.count == 0, "experiment.lrs", "must not be empty"},
        {config->train.data_test[0] == '\0', "data.test",
         "is missing: an experiment is judged on a test file"},
        {config->search_percent < 100 && config->train.data_train_percent < 100,
         "experiment.search_percent", "goes with data.train_percent: 100"},
        {config->train.teacher[0] != '\0', "teacher", "is trained by the experiment: leave it out"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (rules[i].wrong)
            return diag_at_path(reterr, STATUS_CONFIG, rules[i].key, "%s", rules[i].words);
    const char *twice = experiment_find_twice(config);
    return twice == NULL ? STATUS_OK
                         : diag_at_path(reterr, STATUS_CONFIG, twice, "names a number twice");
}

enum status experiment_open(const char *file, const char *folder, const char *const *sets,
                            size_t set_count, struct experiment *ret_experiment,
                            struct diag *reterr)
{
    struct experiment *experiment = ret_experiment;
    *experiment = (struct experiment){.sets = sets, .set_count = set_count};
    struct cfg_sources sources = {file, environ, sets, set_count};
    TRY(cfg_load(&experiment_table, &sources, &experiment->config, &experiment->doc, reterr));
    TRY(file_make_folder(folder, reterr));
    experiment->file = realpath(file, NULL);
    experiment->folder = realpath(folder, NULL);
    if (experiment->file == NULL || experiment->folder == NULL)
        return diag_errno(reterr, experiment->file == NULL ? file : folder, "cannot resolve");
    if (experiment->config.synth_lists > 0)
        TRY(experiment_name_data(experiment, reterr));
    enum status code = experiment_check(experiment, reterr);
    if (code == STATUS_OK)
        code = train_config_finish(&experiment->config.train, experiment->file, reterr);
    if (code != STATUS_OK) {
        cfg_blame(&experiment_table, &sources, experiment->doc, reterr);
        diag_in_file(reterr, file);
    }
    return code;
}

void experiment_close(struct experiment *experiment)
{
    cfg_fini(&experiment_table, &experiment->config);
    yamldoc_free(experiment->doc);
    free(experiment->file);
    free(experiment->folder);
    memset(experiment, 0, sizeof(*experiment));
}

MUST_USE static enum status experiment_make_part(const struct synth_letor *synth, const char *path,
                                                 uint32_t lists, uint32_t first,
                                                 struct diag *reterr)
{
    struct synth_letor_report report;
    char *truth = NULL;
    if (asprintf(&truth, "%s.truth", path) < 0)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = STATUS_OK;
    if (!file_exists(path) || !file_exists(truth)) {
        code = synth_letor_write(synth, path, truth, lists, first, &report, reterr);
        if (code == STATUS_OK)
            LOG_EVENT(LOG_INFO, "data made", LOG_S("file", path), LOG_I("lists", lists),
                      LOG_I("docs", report.docs), LOG_F("truth_logloss", report.logloss));
    }
    free(truth);
    return code;
}

MUST_USE static enum status experiment_make_data(const struct experiment *experiment,
                                                 struct diag *reterr)
{
    const struct experiment_config *config = &experiment->config;
    const struct train_config *train = &config->train;
    struct synth_letor_config made = synth_letor_defaults();
    made.seed = (uint64_t)config->synth_seed;
    made.features = (uint32_t)config->synth_features;
    made.docs_min = (uint32_t)config->synth_min_docs;
    made.docs_max = (uint32_t)config->synth_max_docs;
    made.click_rate = config->synth_click_rate;
    made.context = config->synth_context;
    struct synth_letor *synth;
    char *folder = experiment_path(experiment, "data");
    if (folder == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = file_make_folder(folder, reterr);
    free(folder);
    if (code == STATUS_OK)
        code = synth_letor_new(&made, &synth, reterr);
    if (code != STATUS_OK)
        return code == STATUS_INVALID ? STATUS_CONFIG : code;
    const struct {
        const char *path;
        int64_t lists;
    } parts[] = {{train->data_train, config->synth_lists},
                 {train->data_valid, config->synth_valid_lists},
                 {train->data_test, config->synth_test_lists}};
    int64_t first = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && code == STATUS_OK; i++) {
        code = experiment_make_part(synth, parts[i].path, (uint32_t)parts[i].lists, (uint32_t)first,
                                    reterr);
        first += parts[i].lists;
    }
    synth_letor_free(synth);
    return code;
}

// The method that asks most of the data: the fault of a run shows before the first one.
static const struct method *experiment_strictest(const struct experiment *experiment)
{
    const struct cfg_ints *asked = &experiment->config.methods;
    for (size_t i = 0; i < asked->count; i++) {
        const struct method *method = method_at((size_t)asked->items[i]);
        const struct method *teacher = method_find(method->teacher);
        if (method_sees_privileged(method) || (teacher != NULL && method_sees_privileged(teacher)))
            return method;
    }
    return method_find("base");
}

// No method of the set is trained if one of them cannot learn from the data.
MUST_USE static enum status experiment_check_lists(const struct experiment *experiment,
                                                   const struct traindata *data,
                                                   struct diag *reterr)
{
    const struct cfg_ints *asked = &experiment->config.methods;
    enum status code = STATUS_OK;
    for (size_t i = 0; i < asked->count && code == STATUS_OK; i++)
        code = traindata_check_lists(data, method_at((size_t)asked->items[i]), "experiment.methods",
                                     reterr);
    return code;
}

// One process prepares, the others wait for it.
MUST_USE static enum status experiment_lock(const struct experiment *experiment, int *ret_fd,
                                            struct diag *reterr)
{
    char *path = experiment_path(experiment, "lock");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    enum status code = STATUS_OK;
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                            : diag_errno(reterr, path, "cannot lock");
    if (code == STATUS_OK)
        *ret_fd = fd;
    else if (fd >= 0)
        close(fd);
    free(path);
    return code;
}

// What killed processes left half-written; under the lock nobody else writes there.
MUST_USE static enum status experiment_sweep(const struct experiment *experiment,
                                             struct diag *reterr)
{
    static const char *const folders[] = {"data", "cache"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        char *path = experiment_path(experiment, folders[i]);
        enum status code = path == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                        : file_sweep(path, reterr);
        free(path);
        TRY(code);
    }
    return STATUS_OK;
}

enum status experiment_prepare(struct experiment *experiment, struct diag *reterr)
{
    int lock;
    TRY(experiment_lock(experiment, &lock, reterr));
    enum status code = experiment_claim_folder(experiment, reterr);
    if (code == STATUS_OK)
        code = experiment_sweep(experiment, reterr);
    if (code == STATUS_OK && experiment->config.synth_lists > 0)
        code = experiment_make_data(experiment, reterr);
    if (code == STATUS_OK) {
        struct traindata data;
        struct train_config config = experiment->config.train;
        config.method = (int)method_index(experiment_strictest(experiment));
        code = traindata_open(&config, experiment->folder, NULL, &data, reterr);
        if (code == STATUS_OK) {
            code = experiment_check_lists(experiment, &data, reterr);
            if (code == STATUS_OK)
                code = experiment_claim_data(experiment, &data, reterr);
            traindata_close(&data);
        }
    }
    close(lock);
    return code;
}
