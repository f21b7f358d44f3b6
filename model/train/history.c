#include "model/train/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HISTORY_MAX_LINE = 1 << 20 };

enum status history_open(const char *path, uint64_t keep_bytes, struct history *ret_history,
                         struct diag *reterr)
{
    struct history history = {.fd = -1, .path = strdup(path), .bytes = keep_bytes};
    if (history.path == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    enum status code = STATUS_OK;
    struct stat info;
    history.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (history.fd < 0 || fstat(history.fd, &info) != 0)
        code = diag_errno(reterr, path, "cannot open");
    else if ((uint64_t)info.st_size < keep_bytes)
        code = diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0,
                            "is shorter than the saved state says");
    else if (ftruncate(history.fd, (off_t)keep_bytes) != 0)
        code = diag_errno(reterr, path, "cannot cut back");
    if (code != STATUS_OK) {
        history_close(&history);
        return code;
    }
    *ret_history = history;
    return STATUS_OK;
}

MUST_USE static enum status history_append(struct history *history, struct span text,
                                           struct diag *reterr)
{
    while (text.size > 0) {
        ssize_t n = write(history->fd, text.data, text.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return diag_errno(reterr, history->path, "cannot write");
        text.data += n;
        text.size -= (size_t)n;
        history->bytes += (uint64_t)n;
    }
    return STATUS_OK;
}

enum status history_write(struct history *history, struct json_value *line, struct diag *reterr)
{
    struct buf text;
    buf_init(&text, HISTORY_MAX_LINE);
    enum status code = line == NULL ? STATUS_NO_MEMORY : json_value_write(line, 0, &text);
    json_value_free(line);
    buf_char(&text, '\n');
    if (code == STATUS_OK)
        code = buf_status(&text);
    if (code == STATUS_OK)
        code = history_append(history, buf_view(&text), reterr);
    else
        diag_set(reterr, code, "cannot write a line of history");
    buf_fini(&text);
    return code;
}

enum status history_sync(struct history *history, struct diag *reterr)
{
    // A pipe or a device has nothing to sync and says EINVAL.
    if (fdatasync(history->fd) != 0 && errno != EINVAL)
        return diag_errno(reterr, history->path, "cannot sync");
    return STATUS_OK;
}

void history_close(struct history *history)
{
    if (history->fd >= 0)
        close(history->fd);
    free(history->path);
    *history = (struct history){.fd = -1};
}
