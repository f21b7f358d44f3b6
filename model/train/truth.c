#include "model/train/truth.h"

#include "base/file.h"
#include "base/num.h"
#include "base/span.h"
#include "model/train/sorted_sum.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TRUTH_MAX_LINE = 64 };

MUST_USE static enum status truth_parse(const struct file_bytes *bytes, const char *path,
                                        size_t docs, double *truth, struct diag *reterr)
{
    const char *at = (const char *)bytes->data, *end = at + bytes->size;
    size_t line = 0;
    for (; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct span text = {at, (size_t)((stop == NULL ? end : stop) - at)};
        double p = 0;
        if (line == docs)
            return diag_at_line(reterr, STATUS_INVALID, path, (unsigned)(line + 1), 0,
                                "is more than the data's %zu documents", docs);
        if (text.size > TRUTH_MAX_LINE || num_parse_double(text, &p) != STATUS_OK ||
            !(p > 0 && p < 1))
            return diag_at_line(reterr, STATUS_INVALID, path, (unsigned)(line + 1), 0,
                                "expected a probability between 0 and 1");
        truth[line] = p;
        at = stop == NULL ? end : stop + 1;
    }
    if (line < docs)
        return diag_at_line(reterr, STATUS_INVALID, path, (unsigned)line, 0,
                            "is the last line, but the data have %zu documents", docs);
    return STATUS_OK;
}

enum status truth_read(const char *path, size_t docs, double **ret_truth, struct diag *reterr)
{
    struct file_bytes bytes;
    size_t limit;
    if (!num_mul(docs, TRUTH_MAX_LINE + 1, &limit))
        return diag_set(reterr, STATUS_TOO_LARGE, "%zu documents are too many", docs);
    TRY(file_read(path, limit, 0, &bytes, reterr));
    double *truth = calloc(docs + 1, sizeof(*truth));
    enum status code = truth == NULL ? diag_set(reterr, STATUS_NO_MEMORY, "out of memory")
                                     : truth_parse(&bytes, path, docs, truth, reterr);
    file_free(&bytes);
    if (code == STATUS_OK)
        *ret_truth = truth;
    else
        free(truth);
    return code;
}

enum status truth_measure(const double *p, const double *truth, size_t n,
                          struct truth_error *ret_error)
{
    double *terms = calloc(n, sizeof(*terms));
    if (terms == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        terms[i] = (p[i] - truth[i]) * (p[i] - truth[i]);
    double square = sorted_sum(terms, n) / (double)n;
    for (size_t i = 0; i < n; i++)
        terms[i] = p[i] - truth[i];
    double bias = sorted_sum(terms, n) / (double)n;
    for (size_t i = 0; i < n; i++)
        terms[i] =
            truth[i] * log(truth[i] / p[i]) + (1 - truth[i]) * log((1 - truth[i]) / (1 - p[i]));
    double kl = sorted_sum(terms, n) / (double)n;
    free(terms);
    *ret_error = (struct truth_error){sqrt(square), bias, kl};
    return STATUS_OK;
}
