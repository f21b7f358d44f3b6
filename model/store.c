#include "model/store.h"

#include "base/beneath.h"
#include "base/file.h"
#include "base/num.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENTRY_BYTES = 48 }; // "9223372036854775807/student.safetensors"

static bool is_name_char(char c, bool first)
{
    bool word =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    return word || (!first && (c == '.' || c == '-'));
}

bool store_name_valid(struct span name)
{
    if (name.size < 1 || name.size > STORE_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!is_name_char(name.data[i], i == 0))
            return false;
    return true;
}

bool store_version_parse(struct span text, uint64_t *ret_version)
{
    uint64_t version = 0;
    if (text.size == 0 || text.data[0] == '0' || num_parse_u64(text, &version) != STATUS_OK ||
        version > INT64_MAX)
        return false;
    *ret_version = version;
    return true;
}

enum status store_name(const char *modeldir, char ret_name[STORE_NAME_BYTES + 1],
                       struct diag *reterr)
{
    size_t end = strlen(modeldir);
    while (end > 0 && modeldir[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && modeldir[begin - 1] != '/')
        begin--;
    struct span name = {modeldir + begin, end - begin};
    if (!store_name_valid(name))
        return diag_at_line(
            reterr, STATUS_CONFIG, modeldir, 0, 0,
            "the model's name, the folder's last, is not of 1 to %d letters, digits "
            "and _ . - (the first a letter, digit or _)",
            (int)STORE_NAME_BYTES);
    memcpy(ret_name, name.data, name.size);
    ret_name[name.size] = '\0';
    return STATUS_OK;
}

static MUST_USE enum status open_folder(const char *modeldir, int *ret_fd, struct diag *reterr)
{
    int fd = open(modeldir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return diag_at_line(reterr, STATUS_CONFIG, modeldir, 0, 0,
                            "cannot open the model folder: %s", strerror(errno));
    *ret_fd = fd;
    return STATUS_OK;
}

static void entry_of(uint64_t version, char entry[ENTRY_BYTES])
{
    snprintf(entry, ENTRY_BYTES, "%" PRIu64 "/" STORE_FILE, version);
}

// A link that leads out, or a file without permission, is there: loading tells what is wrong with
// it.
static bool holds_file(int root, uint64_t version)
{
    char entry[ENTRY_BYTES];
    entry_of(version, entry);
    int fd = -1;
    enum status code = beneath_open(root, entry, O_RDONLY | O_NONBLOCK, &fd, NULL);
    if (code == STATUS_OK)
        close(fd);
    return code != STATUS_NOT_FOUND;
}

static MUST_USE enum status list_add(struct store_list *list, uint64_t version, struct diag *reterr)
{
    uint64_t *more = reallocarray(list->versions, list->count + 1, sizeof *more);
    if (more == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a list of versions");
    list->versions = more;
    list->versions[list->count++] = version;
    return STATUS_OK;
}

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

// All entries that are named by a version; with the file only, or whatever they are.
static MUST_USE enum status list_folder(int root, const char *modeldir, bool with_file,
                                        struct store_list *ret_list, struct diag *reterr)
{
    // Its own open file description: reading the folder must not move the position of `root`.
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        enum status failed = diag_errno(reterr, modeldir, "cannot read the model folder");
        if (fd >= 0)
            close(fd);
        return failed;
    }
    struct store_list list = {0};
    enum status code = STATUS_OK;
    errno = 0;
    for (struct dirent *entry; code == STATUS_OK && (entry = readdir(folder)) != NULL; errno = 0) {
        uint64_t version = 0;
        if (store_version_parse(span_of(entry->d_name), &version) &&
            (!with_file || holds_file(root, version)))
            code = list_add(&list, version, reterr);
    }
    if (code == STATUS_OK && errno != 0)
        code = diag_errno(reterr, modeldir, "cannot read the model folder");
    closedir(folder);
    if (code != STATUS_OK) {
        store_list_fini(&list);
        return code;
    }
    if (list.count > 0)
        qsort(list.versions, list.count, sizeof *list.versions, descending);
    *ret_list = list;
    return STATUS_OK;
}

void store_list_fini(struct store_list *list)
{
    free(list->versions);
    *list = (struct store_list){0};
}

enum status store_versions(const char *modeldir, struct store_list *ret_list, struct diag *reterr)
{
    int root = -1;
    TRY(open_folder(modeldir, &root, reterr));
    enum status code = list_folder(root, modeldir, true, ret_list, reterr);
    close(root);
    return code;
}

enum status store_largest(const char *modeldir, uint64_t *ret_version, struct diag *reterr)
{
    int root = -1;
    struct store_list list = {0};
    TRY(open_folder(modeldir, &root, reterr));
    enum status code = list_folder(root, modeldir, false, &list, reterr);
    if (code == STATUS_OK)
        *ret_version = list.count > 0 ? list.versions[0] : 0;
    store_list_fini(&list);
    close(root);
    return code;
}

static MUST_USE enum status read_version(int root, const char *entry, const char *path,
                                         struct file_bytes *ret_bytes, struct diag *reterr)
{
    int fd = -1;
    enum status code = beneath_open(root, entry, O_RDONLY | O_NONBLOCK, &fd, reterr);
    if (code == STATUS_OK) {
        code = file_read_fd(fd, path, checkpoint_max_bytes, 0, ret_bytes, reterr);
        close(fd);
    }
    return code;
}

static MUST_USE enum status load_student(struct file_bytes *bytes, const char *path,
                                         const struct kernels *kernels, struct scorer *ret_scorer,
                                         struct diag *reterr)
{
    struct checkpoint checkpoint;
    TRY(checkpoint_parse(bytes, path, &checkpoint, reterr));
    enum status code = STATUS_OK;
    if (checkpoint.role != CHECKPOINT_STUDENT)
        code = diag_at_line(reterr, STATUS_CORRUPT, path, 0, 0,
                            "this is a %s, which must never serve: only a student does",
                            checkpoint_role_text(checkpoint.role));
    if (code == STATUS_OK)
        code = scorer_take(&checkpoint, kernels, ret_scorer, reterr);
    if (code != STATUS_OK)
        checkpoint_fini(&checkpoint);
    return code;
}

static MUST_USE enum status load_version(int root, const char *modeldir, uint64_t version,
                                         const struct kernels *kernels, struct scorer *ret_scorer,
                                         struct diag *reterr)
{
    char entry[ENTRY_BYTES];
    entry_of(version, entry);
    char *path = file_join(modeldir, entry);
    if (path == NULL)
        return diag_at_line(reterr, STATUS_NO_MEMORY, modeldir, 0, 0, "no memory for a path");
    struct file_bytes bytes = {0};
    enum status code = read_version(root, entry, path, &bytes, reterr);
    if (code == STATUS_OK)
        code = load_student(&bytes, path, kernels, ret_scorer, reterr);
    file_free(&bytes);
    // The entry alone would not tell which folder.
    if (code != STATUS_OK && reterr != NULL) {
        reterr->file[0] = '\0';
        diag_in_file(reterr, path);
    }
    free(path);
    return code;
}

enum status store_load(const char *modeldir, uint64_t version, const struct kernels *kernels,
                       struct scorer *ret_scorer, struct diag *reterr)
{
    int root = -1;
    TRY(open_folder(modeldir, &root, reterr));
    enum status code = load_version(root, modeldir, version, kernels, ret_scorer, reterr);
    close(root);
    return code;
}

static MUST_USE enum status refusals_add(struct store_refusals *refusals, uint64_t version,
                                         const struct diag *why)
{
    struct store_refusal *more =
        reallocarray(refusals->items, refusals->count + 1, sizeof *refusals->items);
    if (more == NULL)
        return STATUS_NO_MEMORY;
    refusals->items = more;
    refusals->items[refusals->count++] = (struct store_refusal){version, *why};
    return STATUS_OK;
}

void store_refusals_fini(struct store_refusals *refusals)
{
    free(refusals->items);
    *refusals = (struct store_refusals){0};
}

static MUST_USE enum status try_versions(int root, const char *modeldir,
                                         const struct store_list *list,
                                         const struct kernels *kernels, struct scorer *ret_scorer,
                                         uint64_t *ret_version, struct store_refusals *refusals,
                                         struct diag *reterr)
{
    for (size_t i = 0; i < list->count; i++) {
        struct diag why = {0};
        enum status code =
            load_version(root, modeldir, list->versions[i], kernels, ret_scorer, &why);
        if (code == STATUS_OK) {
            *ret_version = list->versions[i];
            return STATUS_OK;
        }
        // That says nothing about the version: an older one must not serve in its place.
        if (code == STATUS_NO_MEMORY) {
            if (reterr != NULL)
                *reterr = why;
            return code;
        }
        if (refusals_add(refusals, list->versions[i], &why) != STATUS_OK)
            return diag_at_line(reterr, STATUS_NO_MEMORY, modeldir, 0, 0,
                                "no memory for a refusal");
    }
    if (list->count == 0)
        return diag_at_line(reterr, STATUS_CONFIG, modeldir, 0, 0,
                            "the folder holds no version (VERSION/%s)", STORE_FILE);
    return diag_at_line(reterr, STATUS_CONFIG, modeldir, 0, 0, "none of %zu versions is valid",
                        list->count);
}

enum status store_newest(const char *modeldir, const struct kernels *kernels,
                         struct scorer *ret_scorer, uint64_t *ret_version,
                         struct store_refusals *ret_refusals, struct diag *reterr)
{
    *ret_refusals = (struct store_refusals){0};
    int root = -1;
    TRY(open_folder(modeldir, &root, reterr));
    struct store_list list = {0};
    enum status code = list_folder(root, modeldir, true, &list, reterr);
    if (code == STATUS_OK)
        code = try_versions(root, modeldir, &list, kernels, ret_scorer, ret_version, ret_refusals,
                            reterr);
    store_list_fini(&list);
    close(root);
    return code;
}
