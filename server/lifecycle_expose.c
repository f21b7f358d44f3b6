// The state of the models, for people (JSON) and for Prometheus.
#include "proto/json_text.h"
#include "server/lifecycle_state.h"

#include <inttypes.h>
#include <string.h>

static const char *const load_bound_texts[LIFECYCLE_LOAD_BOUNDS] = {"0.01", "0.03", "0.1", "0.3",
                                                                    "1.0",  "3.0",  "10.0"};

static const char *state_of(const struct lifecycle_entry *entry,
                            const struct registry_version *version)
{
    return version == lifecycle_serving(entry) ? "serving" : "resident";
}

static size_t bytes_of(const struct registry_version *version)
{
    return version->scorer.checkpoint.bytes.size;
}

static void describe_version(const struct lifecycle_entry *entry,
                             const struct registry_version *version, struct buf *out)
{
    buf_printf(out,
               "{\"version\":\"%s\",\"state\":\"%s\",\"sha256_12\":\"%s\",\"bytes\":%zu,"
               "\"load_seconds\":%.6f}",
               version->text, state_of(entry, version), version->sha256_12, bytes_of(version),
               version->load_seconds);
}

static void describe_versions(const struct lifecycle_entry *entry, struct buf *out)
{
    const char *separator = "";
    for (size_t i = 0; i < entry->count; i++, separator = ",") {
        buf_text(out, separator);
        describe_version(entry, entry->residents[i].version, out);
    }
    if (entry->loading != 0) {
        buf_printf(out, "%s{\"version\":\"%" PRIu64 "\",\"state\":\"loading\"}", separator,
                   entry->loading);
        separator = ",";
    }
    for (size_t i = 0; i < LIFECYCLE_FAILURES; i++) {
        const struct lifecycle_failure *failure = &entry->failures[i];
        if (failure->file.version == 0)
            continue;
        buf_printf(out, "%s{\"version\":\"%" PRIu64 "\",\"state\":\"failed\",\"error\":", separator,
                   failure->file.version);
        json_text_string(out, span_of(failure->words));
        buf_char(out, '}');
        separator = ",";
    }
}

static void describe_entry(const struct lifecycle_entry *entry, struct buf *out)
{
    buf_printf(out, "{\"name\":\"%s\",\"held\":%s,\"versions\":[", entry->plan->name,
               entry->held ? "true" : "false");
    describe_versions(entry, out);
    buf_text(out, "],\"labels\":{");
    for (size_t i = 0; i < entry->label_count; i++)
        buf_printf(out, "%s\"%s\":\"%s\"", i == 0 ? "" : ",", entry->labels[i].name,
                   entry->labels[i].version->text);
    buf_text(out, "}}");
}

void lifecycle_describe(struct lifecycle *lifecycle, struct buf *out)
{
    pthread_mutex_lock(&lifecycle->lock);
    buf_text(out, "{\"models\":[");
    for (size_t i = 0; i < lifecycle->plan.count; i++) {
        buf_text(out, i == 0 ? "" : ",");
        describe_entry(&lifecycle->entries[i], out);
    }
    buf_text(out, "]}");
    pthread_mutex_unlock(&lifecycle->lock);
}

// ---- Prometheus --------------------------------------------------------------------------------

static void sample_info(struct lifecycle_entry *entry, struct buf *out)
{
    for (size_t i = 0; i < entry->count; i++) {
        const struct registry_version *version = entry->residents[i].version;
        buf_printf(out,
                   "ctrd_model_info{model=\"%s\",version=\"%s\",sha256_12=\"%s\",calibrator=\"%s\","
                   "feature_set=\"%s\"} 1\n",
                   entry->plan->name, version->text, version->sha256_12,
                   calibrate_kind_name(version->scorer.checkpoint.calibrate.kind),
                   version->feature_set);
    }
}

static void sample_one_hot(struct lifecycle_entry *entry, uint64_t version, const char *state,
                           struct buf *out)
{
    static const char *const states[] = {"serving", "resident", "loading", "failed"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        buf_printf(out, "ctrd_model_state{model=\"%s\",version=\"%" PRIu64 "\",state=\"%s\"} %d\n",
                   entry->plan->name, version, states[i], strcmp(states[i], state) == 0);
}

// A version once: what is resident stays so while it is loaded again or its file is bad by now.
static void sample_state(struct lifecycle_entry *entry, struct buf *out)
{
    for (size_t i = 0; i < entry->count; i++) {
        const struct registry_version *version = entry->residents[i].version;
        sample_one_hot(entry, version->number, state_of(entry, version), out);
    }
    if (entry->loading != 0 && lifecycle_resident(entry, entry->loading) == NULL)
        sample_one_hot(entry, entry->loading, "loading", out);
    for (size_t i = 0; i < LIFECYCLE_FAILURES; i++) {
        uint64_t failed = entry->failures[i].file.version;
        if (failed != 0 && failed != entry->loading && lifecycle_resident(entry, failed) == NULL)
            sample_one_hot(entry, failed, "failed", out);
    }
}

static void sample_bytes(struct lifecycle_entry *entry, struct buf *out)
{
    for (size_t i = 0; i < entry->count; i++)
        buf_printf(out, "ctrd_model_bytes{model=\"%s\",version=\"%s\"} %zu\n", entry->plan->name,
                   entry->residents[i].version->text, bytes_of(entry->residents[i].version));
}

static void sample_label(struct lifecycle_entry *entry, struct buf *out)
{
    for (size_t i = 0; i < entry->label_count; i++)
        buf_printf(out, "ctrd_model_label{model=\"%s\",version=\"%s\",label=\"%s\"} 1\n",
                   entry->plan->name, entry->labels[i].version->text, entry->labels[i].name);
}

static void sample_held(struct lifecycle_entry *entry, struct buf *out)
{
    buf_printf(out, "ctrd_model_held{model=\"%s\"} %d\n", entry->plan->name, entry->held);
}

static void sample_loads(struct lifecycle_entry *entry, struct buf *out)
{
    buf_printf(out, "ctrd_model_load_total{model=\"%s\",result=\"ok\"} %" PRIu64 "\n",
               entry->plan->name, entry->loads);
    buf_printf(out, "ctrd_model_load_total{model=\"%s\",result=\"failed\"} %" PRIu64 "\n",
               entry->plan->name, entry->failed_loads);
}

static void sample_duration(struct lifecycle_entry *entry, struct buf *out)
{
    static const char family[] = "ctrd_model_load_duration_seconds";
    uint64_t count = 0;
    for (size_t i = 0; i <= LIFECYCLE_LOAD_BOUNDS; i++) {
        count += entry->load_buckets[i];
        buf_printf(out, "%s_bucket{model=\"%s\",le=\"%s\"} %" PRIu64 "\n", family,
                   entry->plan->name, i < LIFECYCLE_LOAD_BOUNDS ? load_bound_texts[i] : "+Inf",
                   count);
    }
    buf_printf(out, "%s_sum{model=\"%s\"} %.9g\n", family, entry->plan->name, entry->load_seconds);
    buf_printf(out, "%s_count{model=\"%s\"} %" PRIu64 "\n", family, entry->plan->name, count);
}

static void sample_last_load(struct lifecycle_entry *entry, struct buf *out)
{
    buf_printf(out, "ctrd_model_last_load_timestamp_seconds{model=\"%s\"} %" PRId64 "\n",
               entry->plan->name, entry->last_load_s);
}

static void sample_psi(struct lifecycle_entry *entry, struct buf *out)
{
    double raw, corrected;
    for (size_t i = 0; i < entry->count; i++)
        if (version_metrics_psi(entry->residents[i].version->metrics, &raw, &corrected))
            buf_printf(out, "ctrd_score_psi{model=\"%s\",version=\"%s\"} %.6g\n", entry->plan->name,
                       entry->residents[i].version->text, corrected);
}

static const struct family {
    const char *name;
    enum metric_kind kind;
    void (*sample)(struct lifecycle_entry *entry, struct buf *out);
    const char *labels, *help;
} families[] = {
    {"ctrd_model_info", METRIC_GAUGE, sample_info,
     "`model`, `version`, `sha256_12`, `calibrator`, `feature_set`",
     "resident model versions; those of one feature set take the same bodies"},
    {"ctrd_model_state", METRIC_GAUGE, sample_state, "`model`, `version`, `state`",
     "1 for the state of a version: `serving` who names none, `resident`, `loading`, or `failed` "
     "(its file was refused, and it is not loaded)"},
    {"ctrd_model_label", METRIC_GAUGE, sample_label, "`model`, `version`, `label`",
     "where the labels of a model stand"},
    {"ctrd_model_held", METRIC_GAUGE, sample_held, "`model`",
     "1 after a rollback: new versions do not serve until somebody says so"},
    {"ctrd_model_bytes", METRIC_GAUGE, sample_bytes, "`model`, `version`",
     "size of the model file"},
    {"ctrd_model_load_total", METRIC_COUNTER, sample_loads, "`model`, `result`",
     "loads, by result"},
    {"ctrd_model_load_duration_seconds", METRIC_HISTOGRAM, sample_duration, "`model`",
     "time to read, verify and warm a version"},
    {"ctrd_model_last_load_timestamp_seconds", METRIC_GAUGE, sample_last_load, "`model`",
     "when the last version was loaded, seconds since 1970"},
    {"ctrd_score_psi", METRIC_GAUGE, sample_psi, "`model`, `version`",
     "population stability index of the scores since the load against validation, chance taken "
     "off; above 0.1 worth a look, above 0.25 an alarm"},
};
enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

void lifecycle_expose(struct lifecycle *lifecycle, bool openmetrics, struct buf *out)
{
    pthread_mutex_lock(&lifecycle->lock);
    for (size_t i = 0; i < FAMILIES; i++) {
        const struct family *family = &families[i];
        metric_family(family->name, family->kind, family->help, openmetrics, out);
        for (size_t k = 0; k < lifecycle->plan.count; k++)
            family->sample(&lifecycle->entries[k], out);
    }
    pthread_mutex_unlock(&lifecycle->lock);
}

void lifecycle_markdown(struct buf *out)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    for (size_t i = 0; i < FAMILIES; i++)
        buf_printf(out, "| `%s` | %s | %s | %s |\n", families[i].name, kinds[families[i].kind],
                   families[i].labels, families[i].help);
}
