#include "model/train/synth_letor.h"

#include "base/file.h"
#include "base/rng.h"
#include "model/train/synth_shape.h"
#include "proto/json_read.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SYNTH_LETOR_CALIBRATION_LISTS = 400 };

// What a run of random numbers is for; the second word of its address, the first is the list.
enum { SYNTH_LETOR_LOADINGS, SYNTH_LETOR_PAGE, SYNTH_LETOR_NOISE, SYNTH_LETOR_CALIBRATION };

struct synth_letor {
    struct synth_letor_config config;
    double bias;                // b
    double quantiles[3];        // of r among clicks
    struct synth_shape *shapes; // (features)
};

struct synth_letor_config synth_letor_defaults(void)
{
    return (struct synth_letor_config){.seed = 1,
                                       .features = 136,
                                       .docs_min = 1,
                                       .docs_max = 300,
                                       .click_rate = 0.2,
                                       .context = 1};
}

static double synth_letor_sigmoid(double s)
{
    return 1 / (1 + exp(-s));
}

static double synth_letor_relevance(const double *u)
{
    return 1.2 * tanh(u[0]) + 0.5 * u[1] + 0.6 * u[0] * u[2] / (1 + fabs(u[2])) -
           0.3 * (u[3] * u[3] - 1);
}

static size_t synth_letor_size(const struct synth_letor_config *config, struct rng *rng)
{
    double span = (double)(config->docs_max - config->docs_min + 1);
    size_t n = config->docs_min + (size_t)(span * pow(rng_uniform(rng), 1.5));
    return n < config->docs_max ? n : config->docs_max;
}

// Documents with u, r, and the logit without b in place of P.
static size_t synth_letor_page(const struct synth_letor_config *config, struct rng *rng,
                               struct synth_letor_doc *docs)
{
    static const double shared = 0.5916079783099616, own = 0.806225774829855; // roots of .35, .65
    double a[SYNTH_LETOR_FACTORS], sum = 0;
    size_t n = synth_letor_size(config, rng);
    for (size_t k = 0; k < SYNTH_LETOR_FACTORS; k++)
        a[k] = rng_normal(rng);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < SYNTH_LETOR_FACTORS; k++)
            docs[i].u[k] = shared * a[k] + own * rng_normal(rng);
        docs[i].relevance = synth_letor_relevance(docs[i].u);
        sum += docs[i].relevance;
    }
    for (size_t i = 0; i < n; i++) {
        double others = n == 1 ? 0 : (sum - docs[i].relevance) / (double)(n - 1);
        double page = 0.9 * others + 0.6 * a[4] + 0.3 * (log(1 + (double)n) - 4);
        docs[i].p = 1.2 * docs[i].relevance - config->context * page;
    }
    return n;
}

size_t synth_letor_list(const struct synth_letor *synth, uint32_t list,
                        struct synth_letor_doc *docs)
{
    struct rng rng;
    rng_start(&rng, synth->config.seed, RNG_SYNTH, list, SYNTH_LETOR_PAGE);
    size_t n = synth_letor_page(&synth->config, &rng, docs);
    for (size_t i = 0; i < n; i++) {
        docs[i].p = synth_letor_sigmoid(synth->bias + docs[i].p);
        docs[i].grade = 0;
        if (rng_uniform(&rng) >= docs[i].p)
            continue;
        docs[i].grade = 1;
        for (size_t q = 0; q < 3; q++)
            docs[i].grade += docs[i].relevance >= synth->quantiles[q];
    }
    return n;
}

struct synth_letor_sample { // of the calibration
    double relevance, logit;
};

static int synth_letor_by_relevance(const void *a, const void *b)
{
    double x = ((const struct synth_letor_sample *)a)->relevance;
    double y = ((const struct synth_letor_sample *)b)->relevance;
    return (x > y) - (x < y);
}

static double synth_letor_clicks(const struct synth_letor_sample *samples, size_t count,
                                 double bias)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += synth_letor_sigmoid(bias + samples[i].logit);
    return sum;
}

static void synth_letor_fit(struct synth_letor *synth, struct synth_letor_sample *samples,
                            size_t count)
{
    static const double shares[3] = {0.65, 0.90, 0.97};
    double low = -100, high = 100, wanted = synth->config.click_rate * (double)count;
    for (int step = 0; step < 60; step++) {
        synth->bias = (low + high) / 2;
        if (synth_letor_clicks(samples, count, synth->bias) < wanted)
            low = synth->bias;
        else
            high = synth->bias;
    }
    qsort(samples, count, sizeof(*samples), synth_letor_by_relevance);
    double clicks = synth_letor_clicks(samples, count, synth->bias), below = 0;
    size_t at = 0;
    for (size_t q = 0; q < 3; q++) {
        while (at + 1 < count && below < shares[q] * clicks)
            below += synth_letor_sigmoid(synth->bias + samples[at++].logit);
        synth->quantiles[q] = samples[at].relevance;
    }
}

MUST_USE static enum status synth_letor_calibrate(struct synth_letor *synth)
{
    size_t room = (size_t)synth->config.docs_max * SYNTH_LETOR_CALIBRATION_LISTS, count = 0;
    struct synth_letor_sample *samples = calloc(room, sizeof(*samples));
    struct synth_letor_doc *docs = calloc(synth->config.docs_max, sizeof(*docs));
    enum status code = samples == NULL || docs == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (uint32_t list = 0; list < SYNTH_LETOR_CALIBRATION_LISTS && code == STATUS_OK; list++) {
        struct rng rng;
        rng_start(&rng, synth->config.seed, RNG_SYNTH, list, SYNTH_LETOR_CALIBRATION);
        size_t n = synth_letor_page(&synth->config, &rng, docs);
        for (size_t i = 0; i < n; i++)
            samples[count++] = (struct synth_letor_sample){docs[i].relevance, docs[i].p};
    }
    if (code == STATUS_OK)
        synth_letor_fit(synth, samples, count);
    free(samples);
    free(docs);
    return code;
}

MUST_USE static enum status synth_letor_check(const struct synth_letor_config *config,
                                              struct diag *reterr)
{
    if (config->features < 1 || config->features > SYNTH_LETOR_MAX_FEATURES)
        return diag_at_path(reterr, STATUS_INVALID, "features", "%u is not in 1..%d",
                            config->features, SYNTH_LETOR_MAX_FEATURES);
    if (config->docs_min < 1 || config->docs_min > config->docs_max ||
        config->docs_max > SYNTH_LETOR_MAX_DOCS)
        return diag_at_path(reterr, STATUS_INVALID, "docs",
                            "%u..%u documents a list are not within 1..%d", config->docs_min,
                            config->docs_max, SYNTH_LETOR_MAX_DOCS);
    if (!(config->click_rate >= 0.001 && config->click_rate <= 0.9))
        return diag_at_path(reterr, STATUS_INVALID, "click_rate", "%g is not in 0.001..0.9",
                            config->click_rate);
    if (!(config->context >= 0 && config->context <= 10))
        return diag_at_path(reterr, STATUS_INVALID, "context", "%g is not in 0..10",
                            config->context);
    return STATUS_OK;
}

enum status synth_letor_new(const struct synth_letor_config *config, struct synth_letor **ret_synth,
                            struct diag *reterr)
{
    TRY(synth_letor_check(config, reterr));
    struct synth_letor *synth = calloc(1, sizeof(*synth));
    if (synth == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    synth->config = *config;
    synth->shapes = calloc(config->features, sizeof(*synth->shapes));
    if (synth->shapes == NULL || synth_letor_calibrate(synth) != STATUS_OK) {
        synth_letor_free(synth);
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    }
    struct rng rng;
    rng_start(&rng, config->seed, RNG_SYNTH, 0, SYNTH_LETOR_LOADINGS);
    for (uint32_t j = 0; j < config->features; j++)
        synth->shapes[j] = synth_shape_draw(&rng, j % SYNTH_LETOR_FACTORS, SYNTH_LETOR_FACTORS);
    *ret_synth = synth;
    return STATUS_OK;
}

void synth_letor_free(struct synth_letor *synth)
{
    if (synth == NULL)
        return;
    free(synth->shapes);
    free(synth);
}

struct synth_letor_files {
    struct file_writer data, truth;
    char *line; // room for a document
};

static void synth_letor_put(const struct synth_letor *synth, struct synth_letor_files *files,
                            uint32_t list, const struct synth_letor_doc *doc, struct rng *noise)
{
    char p[32];
    char *at = files->line;
    *at++ = (char)('0' + doc->grade);
    memcpy(at, " qid:", 5);
    at = synth_shape_print_integer(at + 5, list);
    for (uint32_t j = 0; j < synth->config.features; j++) {
        *at++ = ' ';
        at = synth_shape_print_integer(at, j + 1);
        *at++ = ':';
        at = synth_shape_print(at, &synth->shapes[j], doc->u, noise);
    }
    *at++ = '\n';
    file_writer_write(&files->data, files->line, (size_t)(at - files->line));
    at = json_read_print_double(p, doc->p);
    *at++ = '\n';
    file_writer_write(&files->truth, p, (size_t)(at - p));
}

static void synth_letor_add(struct synth_letor_report *report, const struct synth_letor_doc *doc)
{
    report->docs++;
    report->clicks += doc->grade > 0;
    report->mean_p += doc->p;
    if (doc->p > 0 && doc->p < 1) // a certain click costs nothing
        report->logloss -= doc->p * log(doc->p) + (1 - doc->p) * log1p(-doc->p);
}

static void synth_letor_put_lists(const struct synth_letor *synth, struct synth_letor_files *files,
                                  uint32_t lists, uint32_t first_list, struct synth_letor_doc *docs,
                                  struct synth_letor_report *report)
{
    for (uint32_t l = 0; l < lists; l++) {
        struct rng noise;
        size_t n = synth_letor_list(synth, first_list + l, docs);
        rng_start(&noise, synth->config.seed, RNG_SYNTH, first_list + l, SYNTH_LETOR_NOISE);
        for (size_t i = 0; i < n; i++) {
            synth_letor_put(synth, files, first_list + l, &docs[i], &noise);
            synth_letor_add(report, &docs[i]);
        }
    }
    report->mean_p /= (double)report->docs;
    report->logloss /= (double)report->docs;
}

// Opens both writers or none.
MUST_USE static enum status synth_letor_open(struct synth_letor_files *files, const char *path,
                                             const char *truth_path, struct diag *reterr)
{
    TRY(file_writer_open(&files->data, path, reterr));
    enum status code = file_writer_open(&files->truth, truth_path, reterr);
    if (code != STATUS_OK)
        file_writer_abort(&files->data);
    return code;
}

enum status synth_letor_write(const struct synth_letor *synth, const char *path,
                              const char *truth_path, uint32_t lists, uint32_t first_list,
                              struct synth_letor_report *ret_report, struct diag *reterr)
{
    assert(lists > 0 && first_list <= UINT32_MAX - lists);
    struct synth_letor_files files;
    struct synth_letor_report report = {0};
    TRY(synth_letor_open(&files, path, truth_path, reterr));
    struct synth_letor_doc *docs = calloc(synth->config.docs_max, sizeof(*docs));
    files.line = malloc(64 + (size_t)synth->config.features * SYNTH_SHAPE_FEATURE_BYTES);
    enum status code = STATUS_OK;
    if (docs == NULL || files.line == NULL)
        code = diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    else
        synth_letor_put_lists(synth, &files, lists, first_list, docs, &report);
    if (code == STATUS_OK)
        code = file_writer_commit(&files.data, reterr);
    if (code == STATUS_OK)
        code = file_writer_commit(&files.truth, reterr);
    file_writer_abort(&files.data);
    file_writer_abort(&files.truth);
    free(files.line);
    free(docs);
    if (code == STATUS_OK && ret_report != NULL)
        *ret_report = report;
    return code;
}
