#include "model/train/results_markdown.h"

#include "model/train/results_cell.h"
#include "model/train/results_production.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

// The paper's measures, and what only data with a known truth tell.
static const char *const markdown_paper[] = {"ndcg10",  "logloss", "ece_list", "gauc",
                                             "ece_100", "pcoc",    "slope",    NULL};
static const char *const markdown_truth[] = {
    "true_error",      "true_bias",          "true_kl", "regret_percent",
    "revenue_percent", "overcharge_percent", NULL};

enum markdown_shows { MARKDOWN_MEAN, MARKDOWN_VS_CLID, MARKDOWN_VS_BASE };

static const struct json_value *markdown_measure(const struct json_value *results, const char *key)
{
    const struct json_value *list = json_value_get(results, "measures");
    for (size_t i = 0; i < json_value_size(list); i++)
        if (strcmp(results_cell_text(json_value_at(list, i), "key"), key) == 0)
            return json_value_at(list, i);
    return NULL;
}

// "•+" where the difference to CLID is significant and positive.
static void markdown_mark(struct buf *out, const struct json_value *difference)
{
    if (results_cell_true(difference, "significant"))
        buf_text(out, results_cell_number(difference, "mean") > 0 ? " •+" : " •-");
}

static void markdown_cell(struct buf *out, const struct json_value *method, const char *key,
                          enum markdown_shows shows, int digits)
{
    const struct json_value *versus =
        results_cell_at(method, shows == MARKDOWN_VS_BASE ? "vs_base" : "vs_clid");
    const struct json_value *difference = results_cell_at(versus, key);
    if (shows == MARKDOWN_MEAN) {
        const struct json_value *cell = results_cell_at(json_value_get(method, "test"), key);
        results_cell_mean(out, results_cell_number(cell, "mean"), results_cell_number(cell, "half"),
                          digits);
        markdown_mark(out, difference);
        return;
    }
    const double half = results_cell_number(difference, "half");
    results_cell_signed(out, results_cell_number(difference, "mean"), digits + 1);
    if (!isnan(half))
        buf_printf(out, " ± %.*f", digits + 1, half);
    if (results_cell_true(difference, "significant"))
        buf_text(out, " •");
}

static void markdown_bootstrap(struct buf *out, const struct json_value *method)
{
    const struct json_value *drawn = results_cell_at(method, "bootstrap");
    const double low = results_cell_number(drawn, "low"), high = results_cell_number(drawn, "high");
    if (isnan(low)) {
        buf_text(out, " - |");
        return;
    }
    buf_char(out, ' ');
    results_cell_signed(out, low, 5);
    buf_text(out, " to ");
    results_cell_signed(out, high, 5);
    buf_text(out, results_cell_true(drawn, "significant") ? " • |" : " |");
}

// Rows are methods, columns measures.
static void markdown_table(struct buf *out, const struct json_value *results,
                           const char *const *keys, enum markdown_shows shows)
{
    const struct json_value *methods = json_value_get(results, "methods");
    size_t columns = 0;
    buf_text(out, "| method | n |");
    for (size_t k = 0; keys[k] != NULL; k++) {
        const struct json_value *measure = markdown_measure(results, keys[k]);
        if (measure == NULL)
            continue;
        buf_printf(out, " %s |", results_cell_text(measure, "title"));
        columns++;
    }
    buf_text(out, shows == MARKDOWN_VS_CLID ? " NDCG@10 over lists |\n|---|--:|" : "\n|---|--:|");
    for (size_t k = 0; k < columns + (shows == MARKDOWN_VS_CLID); k++)
        buf_text(out, "--:|");
    buf_char(out, '\n');
    for (size_t m = 0; m < json_value_size(methods); m++) {
        const struct json_value *method = json_value_at(methods, m);
        const char *versus = shows == MARKDOWN_VS_BASE ? "vs_base" : "vs_clid";
        if (shows != MARKDOWN_MEAN && results_cell_at(method, versus) == NULL)
            continue;
        buf_printf(out, "| %s | %" PRId64 " |", results_cell_text(method, "title"),
                   json_value_int(json_value_get(method, "n")));
        for (size_t k = 0; keys[k] != NULL; k++) {
            const struct json_value *measure = markdown_measure(results, keys[k]);
            if (measure == NULL)
                continue;
            buf_char(out, ' ');
            markdown_cell(out, method, keys[k], shows,
                          (int)json_value_int(json_value_get(measure, "digits")));
            buf_text(out, " |");
        }
        if (shows == MARKDOWN_VS_CLID)
            markdown_bootstrap(out, method);
        buf_char(out, '\n');
    }
    buf_char(out, '\n');
}

static const char *markdown_seen(const struct json_value *item)
{
    if (results_cell_at(item, "seen") == NULL)
        return "cannot be told";
    return results_cell_true(item, "seen") ? "seen" : "not seen";
}

static void markdown_check(struct buf *out, const struct json_value *check)
{
    const double mean = results_cell_number(check, "mean");
    const bool relative = results_cell_true(check, "relative");
    buf_printf(out, "- %s: ", results_cell_text(check, "what"));
    if (!isnan(mean)) {
        results_cell_range(out, mean, results_cell_number(check, "low"),
                           results_cell_number(check, "high"), relative ? 3 : 5);
        buf_printf(out, ", n = %" PRId64 "; ", json_value_int(json_value_get(check, "n")));
    }
    if (strcmp(results_cell_text(check, "interval"), "spread of Base") == 0)
        buf_text(out, "interval by the spread of Base; ");
    if (results_cell_text(check, "note")[0] != '\0')
        buf_printf(out, "%s; ", results_cell_text(check, "note"));
    buf_printf(out, "%s: **%s**%s\n", results_cell_text(check, "rule"), markdown_seen(check),
               results_cell_true(check, "required") ? "" : " (beside the rule)");
}

static void markdown_claims(struct buf *out, const struct json_value *results)
{
    const struct json_value *claims = json_value_get(results, "claims");
    buf_text(out, "## What the paper says, and whether it is seen here\n\n"
                  "| | claim | here |\n|---|---|---|\n");
    for (size_t i = 0; i < json_value_size(claims); i++) {
        const struct json_value *claim = json_value_at(claims, i);
        buf_printf(out, "| %s | %s | %s |\n", results_cell_text(claim, "id"),
                   results_cell_text(claim, "claim"), markdown_seen(claim));
    }
    buf_char(out, '\n');
    for (size_t i = 0; i < json_value_size(claims); i++) {
        const struct json_value *claim = json_value_at(claims, i);
        const struct json_value *checks = json_value_get(claim, "checks");
        buf_printf(out, "**%s** %s: %s.", results_cell_text(claim, "id"),
                   results_cell_text(claim, "claim"), markdown_seen(claim));
        if (results_cell_text(claim, "words")[0] != '\0')
            buf_printf(out, " %s.", results_cell_text(claim, "words"));
        if (results_cell_text(claim, "note")[0] != '\0')
            buf_printf(out, " (%s)", results_cell_text(claim, "note"));
        buf_text(out, "\n\n");
        for (size_t k = 0; k < json_value_size(checks); k++)
            markdown_check(out, json_value_at(checks, k));
        buf_char(out, '\n');
    }
}

static void markdown_selection(struct buf *out, const struct json_value *results)
{
    const struct json_value *selection = json_value_get(results, "selection");
    const struct json_value *methods = json_value_get(results, "methods");
    const struct json_value *diverged = json_value_get(results, "diverged");
    const char *rank = results_cell_text(json_value_get(results, "rank"), "title");
    const double percent = results_cell_number(results, "search_percent");
    buf_printf(out,
               "## Settings\n\nChosen on validation with the first seed: the best %s among "
               "settings whose LogLoss is at most Base's mean plus half of its interval, ",
               rank);
    results_cell_fixed(out, results_cell_number(selection, "base_logloss"), 5);
    buf_text(out, " + ");
    results_cell_fixed(out, results_cell_number(selection, "base_ci"), 5);
    buf_printf(out,
               "; else the lowest LogLoss. Base and the teachers: the best %s within 0.5 %% of the "
               "lowest LogLoss.",
               rank);
    if (percent < 100)
        buf_printf(out,
                   " The search, and the Base that it is compared with, learned from %.0f "
                   "%% of the training lists; the chosen settings were trained on all of them.",
                   percent);
    buf_text(out, "\n\n"
                  "| method | r | τ | learning rate | by | |\n|---|--:|--:|--:|---|---|\n");
    for (size_t m = 0; m < json_value_size(methods); m++) {
        const struct json_value *method = json_value_at(methods, m);
        const struct json_value *chosen = results_cell_at(method, "chosen");
        buf_printf(out, "| %s | ", results_cell_text(method, "title"));
        results_cell_short(out, results_cell_number(chosen, "ratio"));
        buf_text(out, " | ");
        results_cell_short(out, results_cell_number(chosen, "tau"));
        buf_text(out, " | ");
        results_cell_short(out, results_cell_number(chosen, "lr"));
        buf_printf(out, " | %s | %s |\n", results_cell_text(chosen, "rule"),
                   results_cell_text(method, "words"));
    }
    buf_char(out, '\n');
    if (json_value_size(diverged) > 0) {
        buf_text(out, "Diverged:");
        for (size_t i = 0; i < json_value_size(diverged); i++)
            buf_printf(out, "%s %s", i == 0 ? "" : ",",
                       json_value_text(json_value_at(diverged, i)).data);
        buf_text(out, ".\n\n");
    }
}

static void markdown_teacher(struct buf *out, const struct json_value *results)
{
    const struct json_value *check = results_cell_at(results, "teacher_check");
    const char *const keys[] = {results_cell_text(json_value_get(results, "rank"), "key"),
                                "logloss"};
    if (check == NULL)
        return;
    buf_printf(out, "Validation: %s. Teacher - Base:", results_cell_text(check, "words"));
    for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
        const struct json_value *item = results_cell_at(check, keys[k]);
        buf_printf(out, "%s %s ", k == 0 ? "" : ",",
                   results_cell_text(markdown_measure(results, keys[k]), "title"));
        results_cell_range(out, results_cell_number(item, "mean"), results_cell_number(item, "low"),
                           results_cell_number(item, "high"), 5);
    }
    buf_text(out, ".\n\n");
}

static void markdown_head(struct buf *out, const struct json_value *results)
{
    static const char *const parts[] = {"train", "valid", "test"};
    static const char *const names[] = {"training", "validation", "test"};
    const struct json_value *data = json_value_get(results, "data");
    const struct json_value *runs = json_value_get(results, "runs");
    const struct json_value *network = json_value_get(results, "network");
    const int64_t planned = json_value_int(json_value_get(runs, "planned"));
    const int64_t finished = json_value_int(json_value_get(runs, "finished"));
    const int64_t stopped = json_value_int(json_value_get(runs, "stopped"));
    buf_printf(out, "# Experiment %s\n\n", results_cell_text(results, "title"));
    if (finished + stopped < planned)
        buf_printf(out, "**Unfinished: %" PRId64 " of %" PRId64 " runs.**\n\n", finished, planned);
    buf_text(out, "| data | lists | documents | clicks |\n|---|--:|--:|--:|\n");
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        const struct json_value *part = results_cell_at(data, parts[i]);
        buf_printf(out, "| %s | ", names[i]);
        results_cell_fixed(out, results_cell_number(part, "lists"), 0);
        buf_text(out, " | ");
        results_cell_fixed(out, results_cell_number(part, "docs"), 0);
        buf_text(out, " | ");
        results_cell_fixed(out, results_cell_number(part, "clicks"), 0);
        buf_text(out, " |\n");
    }
    buf_text(out, "\nNetwork ");
    for (size_t i = 0; i < json_value_size(network); i++)
        buf_printf(out, "%s%" PRId64, i == 0 ? "" : "-", json_value_int(json_value_at(network, i)));
    buf_printf(out, ", %zu seeds, %" PRId64 " runs.\n\n",
               json_value_size(json_value_get(results, "seeds")), planned);
}

static const char markdown_how[] =
    "## How to read this\n\n"
    "- mean ± half of the 95 % interval by Student's t over seeds, n of them. It tells how much "
    "training varies, not how much other data would: for that, \"over lists\" is the 95 % interval "
    "of a paired bootstrap over the test lists.\n"
    "- Differences are paired by seed. • : the interval of the difference leaves out 0; beside a "
    "mean, •+ is above CLID and •- below it. One in twenty such intervals does so by chance.\n"
    "- n = 1 has no interval. Small data have wide ones: \"not seen\" is then not \"false\", and "
    "that a difference includes 0 says little.\n"
    "- PCOC = 1 does not make single probabilities right (a listwise loss keeps the sum and bends "
    "the rest), and the ECE of short lists rewards over-confidence. Judge calibration by LogLoss, "
    "pooled ECE and slope, and by the true error where the truth is known.\n";

void results_markdown(const struct json_value *results, struct buf *out)
{
    markdown_head(out, results);
    markdown_teacher(out, results);
    buf_text(out, "## Test\n\n");
    markdown_table(out, results, markdown_paper, MARKDOWN_MEAN);
    results_production_markdown(results, out);
    buf_text(out, "## Differences to CLID\n\n");
    markdown_table(out, results, markdown_paper, MARKDOWN_VS_CLID);
    buf_text(out, "## Differences to Base\n\n");
    markdown_table(out, results, markdown_paper, MARKDOWN_VS_BASE);
    if (markdown_measure(results, "true_error") != NULL) {
        buf_text(out, "## Against the true probabilities, and what that costs in an auction\n\n"
                      "True error: root of the mean square of p - P. Regret: welfare lost, in "
                      "percent of what the true probabilities earn. Revenue and over-charge: in "
                      "percent of the revenue with the true probabilities.\n\n");
        markdown_table(out, results, markdown_truth, MARKDOWN_MEAN);
    }
    markdown_claims(out, results);
    markdown_selection(out, results);
    buf_text(out, markdown_how);
}
