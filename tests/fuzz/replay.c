// Replays a corpus through a fuzz target without libFuzzer: every file of the folders given, in
// order of their names. An empty or absent folder is a failure: nothing would have been tested.
#include "base/file.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLAY_LIMIT = 64 << 20 };

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool replay(const char *folder, const char *name)
{
    struct file_bytes bytes;
    struct diag diag = {0};
    char words[600];
    char *path = file_join(folder, name);
    enum status code =
        path == NULL ? STATUS_NO_MEMORY : file_read(path, REPLAY_LIMIT, 0, &bytes, &diag);
    free(path);
    if (code != STATUS_OK) {
        fprintf(stderr, "%s\n", diag_format(&diag, words, sizeof(words)));
        return false;
    }
    // A copy of exactly the size, so that a sanitizer sees a read behind the end.
    uint8_t *copy = malloc(bytes.size + (bytes.size == 0));
    if (copy != NULL) {
        memcpy(copy, bytes.data, bytes.size);
        fprintf(stderr, "%s/%s\n", folder, name);
        LLVMFuzzerTestOneInput(copy, bytes.size);
    }
    free(copy);
    file_free(&bytes);
    return copy != NULL;
}

int main(int argc, char **argv)
{
    int done = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **entries;
        int count = scandir(argv[i], &entries, is_file, alphasort);
        if (count < 0) {
            perror(argv[i]);
            return 1;
        }
        for (int e = 0; e < count; e++) {
            if (replay(argv[i], entries[e]->d_name))
                done++;
            else
                failed++;
            free(entries[e]);
        }
        free(entries);
    }
    printf("%d inputs replayed, %d could not be read\n", done, failed);
    return done > 0 && failed == 0 ? 0 : 1;
}
