#include "tests/support/scratch.h"

#include "tests/support/check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void scratch_make(struct scratch *scratch)
{
    snprintf(scratch->folder, sizeof(scratch->folder), "/tmp/ctrd-test-XXXXXX");
    assert_non_null(mkdtemp(scratch->folder));
}

static int scratch_remove_one(const char *path, const struct stat *info, int kind,
                              struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

void scratch_remove(struct scratch *scratch)
{
    assert_int_equal(nftw(scratch->folder, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *scratch_path(const struct scratch *scratch, const char *name, char path[128])
{
    int length = snprintf(path, 128, "%s/%s", scratch->folder, name);
    assert_true(length > 0 && length < 128);
    return path;
}

const char *scratch_file(const struct scratch *scratch, const char *name, const void *data,
                         size_t size, char path[128])
{
    FILE *file = fopen(scratch_path(scratch, name, path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}
