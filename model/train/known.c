#include "model/train/known.h"

#include "base/file.h"
#include "model/train/numberfile.h"
#include "model/train/truth.h"

#include <stdio.h>
#include <stdlib.h>

// `named`, or FILE and ending where that is wanted and there. *ret_path NULL: neither.
MUST_USE static enum status known_path(const char *named, bool beside, const char *data,
                                       const char *ending, char **ret_path, struct diag *reterr)
{
    char *path = NULL;
    *ret_path = NULL;
    if (named == NULL && !beside)
        return STATUS_OK;
    if (asprintf(&path, "%s%s", named != NULL ? named : data, named != NULL ? "" : ending) < 0)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    if (named == NULL && !file_exists(path)) {
        free(path);
        return STATUS_OK;
    }
    *ret_path = path;
    return STATUS_OK;
}

MUST_USE static enum status known_read_bids(const char *path, size_t docs, double **ret_bids,
                                            struct diag *reterr)
{
    const struct numberfile_rule rule = {0, 1e300, "a bid of at least 0"};
    return numberfile_read(path, docs, &rule, ret_bids, reterr);
}

enum status known_read(const struct known_paths *paths, const char *data, size_t docs,
                       struct known *ret_known, struct diag *reterr)
{
    const struct {
        const char *named, *ending;
        bool beside;
        double **numbers;
        enum status (*read)(const char *path, size_t docs, double **ret_numbers,
                            struct diag *reterr);
    } files[] = {
        {paths->truth, ".truth", true, &ret_known->truth, truth_read},
        {paths->money ? paths->appeal : NULL, ".appeal", paths->money && paths->truth == NULL,
         &ret_known->appeal, truth_read},
        {paths->money ? paths->bid : NULL, ".bid", paths->money && !paths->draw_bids,
         &ret_known->bid, known_read_bids},
    };
    *ret_known = (struct known){0};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char *path;
        TRY(known_path(files[i].named, files[i].beside, data, files[i].ending, &path, reterr));
        if (path == NULL)
            continue;
        enum status code = files[i].read(path, docs, files[i].numbers, reterr);
        free(path);
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}

void known_fini(struct known *known)
{
    free(known->truth);
    free(known->appeal);
    free(known->bid);
    *known = (struct known){0};
}
