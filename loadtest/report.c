#include "loadtest/report.h"

#include <stdio.h>

static const double quantiles[] = {0.5, 0.9, 0.99, 0.999, 1};
enum { QUANTILES = sizeof(quantiles) / sizeof(quantiles[0]) };
#define REPORT_ERROR(id, text) text,
static const char *const error_names[] = {TALLY_ERROR_TABLE(REPORT_ERROR)};
#undef REPORT_ERROR

static double ms(uint64_t ns)
{
    return (double)ns * 1e-6;
}

static void table_line(const char *name, const struct hist *hist, struct buf *out)
{
    buf_printf(out, "%-12s %10llu", name, (unsigned long long)hist->count);
    for (size_t i = 0; i < QUANTILES; i++)
        buf_printf(out, " %9.3f", ms(hist_quantile(hist, quantiles[i])));
    buf_char(out, '\n');
}

static double per_second(uint64_t count, const struct report *report)
{
    return report->seconds > 0 ? (double)count / report->seconds : 0;
}

static void table_rate(const char *name, uint64_t count, const struct report *report,
                       struct buf *out)
{
    buf_printf(out, ", %s %llu (%.1f/s)", name, (unsigned long long)count,
               per_second(count, report));
}

static void table_connections(const struct report *report, struct buf *out)
{
    uint64_t worst = 0, median = 0, fewest = UINT64_MAX, most = 0;
    for (size_t i = 0; i < report->connection_count; i++) {
        const struct report_connection *one = &report->connections[i];
        worst = one->worst_ns > worst ? one->worst_ns : worst;
        median = one->median_ns > median ? one->median_ns : median;
        fewest = one->count < fewest ? one->count : fewest;
        most = one->count > most ? one->count : most;
    }
    buf_printf(
        out,
        "connections: %zu; answers of one %llu to %llu; longest wait %.3f ms, largest median "
        "of one %.3f ms\n",
        report->connection_count, (unsigned long long)fewest, (unsigned long long)most, ms(worst),
        ms(median));
}

void report_table(const struct report *report, struct buf *out)
{
    const struct tally *tally = report->tally;
    char name[16];
    buf_printf(out, "%-12s %10s %9s %9s %9s %9s %9s\n", "latency, ms", "count", "p50", "p90", "p99",
               "p99.9", "max");
    table_line("all", &tally->all, out);
    for (int i = 0; i < TALLY_STATUSES; i++) {
        if (tally->by_status[i] == NULL)
            continue;
        snprintf(name, sizeof(name), "%d", i);
        table_line(name, tally->by_status[i], out);
    }
    table_line("lateness", &tally->lateness, out);
    table_line("waited", &tally->waited, out);
    buf_printf(out, "planned %llu", (unsigned long long)tally->planned);
    table_rate("sent", tally->sent, report, out);
    table_rate("answered", tally->all.count, report, out);
    table_rate("200", tally->ok, report, out);
    if (report->deadline_ns > 0)
        table_rate("in time", tally->in_time, report, out);
    if (tally->retry_after > 0)
        buf_printf(out, "\nRetry-After: %llu of the answers 429 and 503",
                   (unsigned long long)tally->retry_after);
    buf_text(out, "\nerrors:");
    for (size_t i = 0; i < TALLY_ERRORS; i++)
        buf_printf(out, " %s %llu", error_names[i], (unsigned long long)tally->errors[i]);
    buf_printf(out, "; sent again %llu\n", (unsigned long long)tally->retried);
    if (tally->fault != NULL)
        buf_printf(out, "the first malformed answer: %s\n", tally->fault);
    if (report->interrupted)
        buf_printf(out, "interrupted after %.1f s; open requests are not counted\n",
                   report->seconds);
    if (report->connections != NULL)
        table_connections(report, out);
}

static void json_hist(const struct hist *hist, struct buf *out)
{
    static const char *const names[] = {"p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms"};
    buf_printf(out, "{\"count\":%llu,\"mean_ms\":%.6f", (unsigned long long)hist->count,
               hist->count > 0 ? hist->sum / (double)hist->count * 1e-6 : 0.0);
    for (size_t i = 0; i < QUANTILES; i++)
        buf_printf(out, ",\"%s\":%.6f", names[i], ms(hist_quantile(hist, quantiles[i])));
    buf_char(out, '}');
}

static void json_statuses(const struct tally *tally, struct buf *out)
{
    const char *separator = "";
    buf_text(out, ",\"by_status\":{");
    for (int i = 0; i < TALLY_STATUSES; i++) {
        if (tally->by_status[i] == NULL)
            continue;
        buf_printf(out, "%s\"%d\":", separator, i);
        json_hist(tally->by_status[i], out);
        separator = ",";
    }
    buf_text(out, "},\"errors\":{");
    for (size_t i = 0; i < TALLY_ERRORS; i++)
        buf_printf(out, "%s\"%s\":%llu", i == 0 ? "" : ",", error_names[i],
                   (unsigned long long)tally->errors[i]);
    buf_char(out, '}');
}

static void json_windows(const struct report *report, struct buf *out)
{
    const struct tally *tally = report->tally;
    buf_text(out, ",\"windows\":[");
    for (size_t i = 0; i < tally->window_count; i++) {
        const struct tally_window *window = &tally->windows[i];
        buf_printf(out,
                   "%s{\"start_ms\":%.3f,\"planned\":%llu,\"ok\":%llu,\"other\":%llu,"
                   "\"errors\":%llu,\"latency\":",
                   i == 0 ? "" : ",", ms(i * report->window_ns),
                   (unsigned long long)window->planned, (unsigned long long)window->ok,
                   (unsigned long long)window->other, (unsigned long long)window->errors);
        json_hist(&window->latency, out);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void json_connections(const struct report *report, struct buf *out)
{
    buf_text(out, ",\"connections\":[");
    for (size_t i = 0; i < report->connection_count; i++)
        buf_printf(out, "%s{\"count\":%llu,\"worst_ms\":%.6f,\"median_ms\":%.6f}",
                   i == 0 ? "" : ",", (unsigned long long)report->connections[i].count,
                   ms(report->connections[i].worst_ns), ms(report->connections[i].median_ns));
    buf_char(out, ']');
}

void report_json(const struct report *report, struct buf *out)
{
    const struct tally *tally = report->tally;
    buf_printf(out,
               "{\"seconds\":%.6f,\"interrupted\":%s,\"start_ns\":%llu,"
               "\"asked_per_second\":%.6f,\"achieved_per_second\":%.6f,\"planned\":%llu,"
               "\"sent\":%llu,\"ok\":%llu,\"in_time\":%llu,\"retried\":%llu,\"retry_after\":%llu,"
               "\"fault\":",
               report->seconds, report->interrupted ? "true" : "false",
               (unsigned long long)report->start_ns, report->asked_per_second,
               per_second(tally->sent, report), (unsigned long long)tally->planned,
               (unsigned long long)tally->sent, (unsigned long long)tally->ok,
               (unsigned long long)tally->in_time, (unsigned long long)tally->retried,
               (unsigned long long)tally->retry_after);
    if (tally->fault != NULL)
        buf_printf(out, "\"%s\"", tally->fault);
    else
        buf_text(out, "null");
    buf_text(out, ",\"all\":");
    json_hist(&tally->all, out);
    buf_text(out, ",\"good\":");
    json_hist(&tally->good, out);
    buf_text(out, ",\"lateness\":");
    json_hist(&tally->lateness, out);
    buf_text(out, ",\"waited\":");
    json_hist(&tally->waited, out);
    json_statuses(tally, out);
    if (tally->window_count > 0)
        json_windows(report, out);
    if (report->connections != NULL)
        json_connections(report, out);
    buf_text(out, "}\n");
}
