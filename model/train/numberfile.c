#include "model/train/numberfile.h"

#include "base/file.h"
#include "base/num.h"
#include "base/span.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERFILE_MAX_LINE = 64 };

MUST_USE static enum status numberfile_parse(const struct file_bytes *bytes, const char *path,
                                             size_t count, const struct numberfile_rule *rule,
                                             double *numbers, struct diag *reterr)
{
    const char *at = (const char *)bytes->data, *end = at + bytes->size;
    unsigned line = 0;
    for (; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct span text = {at, (size_t)((stop == NULL ? end : stop) - at)};
        double number = 0;
        if (line == count)
            return diag_at_line(reterr, STATUS_INVALID, path, line + 1, 0,
                                "is more than the data's %zu documents", count);
        if (text.size > NUMBERFILE_MAX_LINE || num_parse_double(text, &number) != STATUS_OK ||
            !(number >= rule->min && number <= rule->max))
            return diag_at_line(reterr, STATUS_INVALID, path, line + 1, 0, "expected %s",
                                rule->wanted);
        numbers[line] = number;
        at = stop == NULL ? end : stop + 1;
    }
    if (line < count)
        return diag_at_line(reterr, STATUS_INVALID, path, line, 0,
                            "is the end, but the data have %zu documents", count);
    return STATUS_OK;
}

enum status numberfile_read(const char *path, size_t count, const struct numberfile_rule *rule,
                            double **ret_numbers, struct diag *reterr)
{
    struct file_bytes bytes;
    size_t limit;
    if (count >= UINT_MAX || !num_mul(count, NUMBERFILE_MAX_LINE + 1, &limit))
        return diag_set(reterr, STATUS_TOO_LARGE, "%zu documents are too many", count);
    enum status code = file_read(path, limit, 0, &bytes, reterr);
    if (code == STATUS_TOO_LARGE)
        return diag_at_line(reterr, STATUS_INVALID, path, 0, 0,
                            "is longer than a number for each of the data's %zu documents", count);
    if (code != STATUS_OK)
        return code;
    double *numbers = calloc(count + 1, sizeof(*numbers));
    code = numbers == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                           : numberfile_parse(&bytes, path, count, rule, numbers, reterr);
    file_free(&bytes);
    if (code == STATUS_OK)
        *ret_numbers = numbers;
    else
        free(numbers);
    return code;
}
