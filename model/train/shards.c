#include "model/train/shards.h"

#include "base/file.h"
#include "base/hash64.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

// One file is what it is; of several the sizes are added and everything is hashed.
MUST_USE static enum status shards_stat(const struct shards *shards,
                                        struct dataset_image_source *ret_source,
                                        struct diag *reterr)
{
    if (shards->count == 1)
        return dataset_image_stat(shards->paths[0], ret_source, reterr);
    struct dataset_image_source all = {.regular = true};
    for (size_t i = 0; i < shards->count; i++) {
        struct dataset_image_source one;
        TRY(dataset_image_stat(shards->paths[i], &one, reterr));
        const char *name = strrchr(shards->paths[i], '/');
        name = name == NULL ? shards->paths[i] : name + 1;
        const uint64_t parts[] = {all.ends_hash, one.size_bytes, one.mtime_ns, one.ends_hash,
                                  hash64(name, strlen(name), 0)};
        all.ends_hash = hash64(parts, sizeof(parts), 0);
        all.size_bytes += one.size_bytes;
        all.mtime_ns = one.mtime_ns > all.mtime_ns ? one.mtime_ns : all.mtime_ns;
        all.regular = all.regular && one.regular;
    }
    *ret_source = all;
    return STATUS_OK;
}

MUST_USE static enum status shards_add(struct shards *shards, const char *path, struct diag *reterr)
{
    char **paths = realloc(shards->paths, (shards->count + 1) * sizeof(char *));
    if (paths != NULL) {
        shards->paths = paths;
        paths[shards->count] = strdup(path);
    }
    if (paths == NULL || paths[shards->count] == NULL)
        return diag_at_line(reterr, STATUS_NO_MEMORY, path, 0, 0, "out of memory");
    shards->count++;
    return STATUS_OK;
}

// glob sorts by the collation of the locale, which is "C" in every program here.
MUST_USE static enum status shards_list(struct shards *shards, const char *path,
                                        struct diag *reterr)
{
    glob_t found = {0};
    if (file_exists(path))
        return shards_add(shards, path, reterr);
    if (glob(path, GLOB_ERR, NULL, &found) != 0) {
        globfree(&found);
        return diag_at_line(reterr, STATUS_NOT_FOUND, path, 0, 0,
                            "there is no such file, and as a pattern it names none");
    }
    enum status code = STATUS_OK;
    for (size_t i = 0; i < found.gl_pathc && code == STATUS_OK; i++)
        code = shards_add(shards, found.gl_pathv[i], reterr);
    globfree(&found);
    return code;
}

enum status shards_init_all(struct shards *shards, const char *const *paths, size_t count,
                            struct diag *reterr)
{
    *shards = (struct shards){0};
    enum status code = STATUS_OK;
    for (size_t i = 0; i < count && code == STATUS_OK; i++)
        code = shards_list(shards, paths[i], reterr);
    if (code == STATUS_OK)
        code = shards_stat(shards, &shards->source, reterr);
    if (code != STATUS_OK)
        shards_fini(shards);
    return code;
}

enum status shards_init(struct shards *shards, const char *path, struct diag *reterr)
{
    return shards_init_all(shards, &path, 1, reterr);
}

void shards_fini(struct shards *shards)
{
    for (size_t i = 0; i < shards->count; i++)
        free(shards->paths[i]);
    free(shards->paths);
    *shards = (struct shards){0};
}

enum status shards_unchanged(const struct shards *shards, struct diag *reterr)
{
    struct dataset_image_source now;
    TRY(shards_stat(shards, &now, reterr));
    const struct dataset_image_source *then = &shards->source;
    if (then->regular && (now.size_bytes != then->size_bytes || now.mtime_ns != then->mtime_ns ||
                          now.ends_hash != then->ends_hash))
        return diag_at_line(reterr, STATUS_IO, shards->paths[0], 0, 0,
                            shards->count == 1 ? "has changed while it was read"
                                               : "this or another of its files has changed while "
                                                 "they were read");
    return STATUS_OK;
}
