#include "model/train/progress.h"

#include "base/tick.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    PROGRESS_REDRAW_NS = 100 * 1000 * 1000,
    PROGRESS_LINE = 256,
    PROGRESS_NUMBER = 32,
    PROGRESS_BAR_MIN = 8,
    PROGRESS_BAR_MAX = 30,
    PROGRESS_PARTS = 6,
    PROGRESS_BAR = 1, // place of the bar among the parts
};

// 7, 0.25, 999, 1.23k, 45.6M: a whole number, or three digits and a power of 1000.
static const char *progress_count(double n, char *text, size_t size)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    size_t unit = 0;
    for (; n >= 999.5 && unit + 1 < sizeof(units) / sizeof(*units); unit++)
        n /= 1000;
    // Each is rounded from n itself: rounding twice would make 1000k of 999499.
    unsigned ones = n < 1e9 ? (unsigned)(n + 0.5) : 1000000000;
    unsigned tenths = n < 1000 ? (unsigned)(n * 10 + 0.5) : 10000;
    unsigned hundredths = n < 1000 ? (unsigned)(n * 100 + 0.5) : 100000;
    if ((unit == 0 && hundredths % 100 == 0) || tenths >= 1000)
        snprintf(text, size, "%u%s", ones, units[unit]);
    else if (hundredths >= 1000)
        snprintf(text, size, "%u.%u%s", tenths / 10, tenths % 10, units[unit]);
    else
        snprintf(text, size, "%u.%02u%s", hundredths / 100, hundredths % 100, units[unit]);
    return text;
}

static const char *progress_time(double seconds, char *text, size_t size)
{
    uint64_t s = (uint64_t)(seconds + 0.5);
    if (seconds > 359999) // 100 hours and more say nothing
        snprintf(text, size, "--:--");
    else if (s >= 3600)
        snprintf(text, size, "%u:%02u:%02u", (unsigned)(s / 3600), (unsigned)(s / 60 % 60),
                 (unsigned)(s % 60));
    else
        snprintf(text, size, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
    return text;
}

static double progress_share(const struct progress_view *view)
{
    if (view->total == 0)
        return 0;
    return view->done >= view->total ? 1 : (double)view->done / (double)view->total;
}

static void progress_bar(double share, size_t columns, char *text)
{
    size_t inside = columns - 2, full = (size_t)(share * (double)inside);
    text[0] = '[';
    for (size_t i = 0; i < inside; i++)
        text[1 + i] = i < full ? '=' : i == full ? '>' : ' ';
    text[columns - 1] = ']';
    text[columns] = '\0';
}

// All parts but the bar; an empty part is left out of the line.
static void progress_parts(const struct progress_view *view, char parts[][PROGRESS_LINE])
{
    char a[PROGRESS_NUMBER], b[PROGRESS_NUMBER];
    double rate = view->seconds > 0 ? (double)view->done / view->seconds : 0;
    for (size_t i = 0; i < PROGRESS_PARTS; i++)
        parts[i][0] = '\0';
    snprintf(parts[0], PROGRESS_LINE, "%s", view->title);
    if (view->total == 0) {
        snprintf(parts[2], PROGRESS_LINE, "%s %s", progress_count((double)view->done, a, sizeof(a)),
                 view->unit);
    } else {
        snprintf(parts[2], PROGRESS_LINE, "%3u%% %s/%s %s", (unsigned)(progress_share(view) * 100),
                 progress_count((double)view->done, a, sizeof(a)),
                 progress_count((double)view->total, b, sizeof(b)), view->unit);
    }
    if (rate > 0)
        snprintf(parts[3], PROGRESS_LINE, "%s/s", progress_count(rate, a, sizeof(a)));
    if (rate > 0 && view->total > view->done)
        snprintf(parts[4], PROGRESS_LINE, "ETA %s",
                 progress_time((double)(view->total - view->done) / rate, a, sizeof(a)));
    if (view->text != NULL)
        snprintf(parts[5], PROGRESS_LINE, "%s", view->text);
}

size_t progress_format(const struct progress_view *view, size_t width, char *text, size_t size)
{
    char parts[PROGRESS_PARTS][PROGRESS_LINE];
    size_t length = 0, used = 0;
    if (width >= size)
        width = size - 1;
    progress_parts(view, parts);
    for (size_t i = 0; i < PROGRESS_PARTS; i++)
        used += parts[i][0] == '\0' ? 0 : strlen(parts[i]) + (i > 0);
    if (view->total > 0 && used + 1 + PROGRESS_BAR_MIN <= width) {
        size_t room = width - used - 1;
        progress_bar(progress_share(view), room < PROGRESS_BAR_MAX ? room : PROGRESS_BAR_MAX,
                     parts[PROGRESS_BAR]);
    }
    text[0] = '\0';
    for (size_t i = 0; i < PROGRESS_PARTS; i++) {
        size_t part = strlen(parts[i]);
        if (part == 0)
            continue;
        if (length + (i > 0) + part > width)
            break;
        length +=
            (size_t)snprintf(text + length, size - length, "%s%s", i > 0 ? " " : "", parts[i]);
    }
    return length;
}

void progress_start(struct progress *progress, const char *title, uint64_t total, const char *unit)
{
    *progress = (struct progress){.title = title,
                                  .unit = unit,
                                  .total = total,
                                  .start_ns = tick_ns(),
                                  .terminal = isatty(STDERR_FILENO) == 1};
}

static size_t progress_width(void)
{
    struct winsize window;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col < 2)
        return 80 - 1;
    return window.ws_col - 1; // the last column would wrap on some terminals
}

static void progress_draw(const struct progress *progress)
{
    const struct progress_view view = {progress->title, progress->unit,
                                       progress->text,  progress->done,
                                       progress->total, tick_seconds_since(progress->start_ns)};
    char line[PROGRESS_LINE];
    progress_format(&view, progress_width(), line, sizeof(line));
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
}

void progress_update(struct progress *progress, uint64_t done, const char *text)
{
    progress->done = done;
    if (text != NULL)
        snprintf(progress->text, sizeof(progress->text), "%s", text);
    if (!progress->terminal)
        return;
    uint64_t now_ns = tick_ns();
    if (progress->drawn_ns != 0 && now_ns - progress->drawn_ns < PROGRESS_REDRAW_NS)
        return;
    progress->drawn_ns = now_ns;
    progress_draw(progress);
}

void progress_end(struct progress *progress)
{
    if (!progress->terminal)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
