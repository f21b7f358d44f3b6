#include "server/procstat.h"

#include "base/metric.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

// The number at *at after blanks, which moves behind it; false if there is none.
static bool read_number(const char **at, unsigned long long *ret_number)
{
    char *end;
    *ret_number = strtoull(*at, &end, 10);
    bool found = end != *at;
    *at = end;
    return found;
}

// Reads a small file of /proc; false if it cannot be read.
static bool slurp(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return true;
}

static void gauge(struct buf *out, const char *name, const char *help, double value)
{
    metric_family(name, METRIC_GAUGE, help, false, out);
    buf_printf(out, "%s %.17g\n", name, value);
}

static void expose_memory(struct buf *out)
{
    char text[128];
    const char *at = text;
    unsigned long long pages, resident;
    if (!slurp("/proc/self/statm", text, sizeof(text)) || !read_number(&at, &pages) ||
        !read_number(&at, &resident))
        return;
    double page = (double)sysconf(_SC_PAGESIZE);
    gauge(out, "process_virtual_memory_bytes", "Virtual memory.", (double)pages * page);
    gauge(out, "process_resident_memory_bytes", "Resident memory.", (double)resident * page);
}

static void expose_files(struct buf *out)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder != NULL) {
        double count = -3; // ".", ".." and the folder's own descriptor
        while (readdir(folder) != NULL)
            count++;
        closedir(folder);
        gauge(out, "process_open_fds", "Open file descriptors.", count);
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        gauge(out, "process_max_fds", "Most file descriptors.", (double)limit.rlim_cur);
}

// Field 22 of /proc/self/stat, ticks after boot; the name before it may hold blanks, so count from
// the last ')'.
static void expose_start(struct buf *out)
{
    char stat[1024], boot[65536];
    if (!slurp("/proc/self/stat", stat, sizeof(stat)) || !slurp("/proc/stat", boot, sizeof(boot)))
        return;
    const char *at = strrchr(stat, ')');
    const char *btime = strstr(boot, "\nbtime ");
    for (int field = 2; field < 22 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    unsigned long long ticks, seconds;
    if (at == NULL || btime == NULL)
        return;
    btime += strlen("\nbtime");
    if (!read_number(&at, &ticks) || !read_number(&btime, &seconds))
        return;
    gauge(out, "process_start_time_seconds", "Start, seconds since 1970.",
          (double)seconds + (double)ticks / (double)sysconf(_SC_CLK_TCK));
}

void procstat_expose(bool openmetrics, struct buf *out)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
        metric_family("process_cpu_seconds_total", METRIC_COUNTER, "User and system time.",
                      openmetrics, out);
        buf_printf(out, "process_cpu_seconds_total %.17g\n", cpu);
    }
    expose_memory(out);
    expose_files(out);
    expose_start(out);
}
