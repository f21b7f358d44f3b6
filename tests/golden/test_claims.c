// No golden file without a reader: every file of the folder stands in this table, and what the
// table claims is held to the test sources.
#include "base/file.h"
#include "tests/support/golden.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct claim {
    const char *file;
    const char *reader;  // source under tests/golden; NULL: not yet
    const char *why_not; // then the reason
};

static const struct claim claims[] = {
    {"losses.json", "test_losses.c", NULL},   {"metrics.json", "test_metrics.c", NULL},
    {"auction.json", "test_auction.c", NULL}, {"network.json", "test_network.c", NULL},
    {"context.json", "test_context.c", NULL}, {"train.json", "test_train.c", NULL},
    {"optimum.json", "test_optimum.c", NULL}, {"calibrate.json", "test_calibrate.c", NULL},
    {"din.json", "test_din.c", NULL},
};
enum { CLAIMS = sizeof(claims) / sizeof(claims[0]) };

static const struct claim *find_claim(const char *file)
{
    for (size_t i = 0; i < CLAIMS; i++)
        if (strcmp(claims[i].file, file) == 0)
            return &claims[i];
    return NULL;
}

static void every_file_is_in_the_table(void **state)
{
    DIR *folder = *state;
    size_t unclaimed = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        const struct claim *claim = find_claim(entry->d_name);
        if (claim == NULL) {
            print_error("golden file %s is read by no test: add it to the table of test_claims.c\n",
                        entry->d_name);
            unclaimed++;
        } else if (claim->reader == NULL) {
            print_message("NOT YET claimed: %s (%s)\n", claim->file, claim->why_not);
        }
    }
    assert_int_equal(unclaimed, 0);
}

// Whether tests/golden/SOURCE is there and names the file as a C string.
static bool reads(const char *source, const char *file)
{
    const char *root = getenv("SOURCE_DIR");
    char path[4096], quoted[256];
    snprintf(path, sizeof(path), "%s/tests/golden/%s", root != NULL ? root : ".", source);
    snprintf(quoted, sizeof(quoted), "\"%s\"", file);
    struct file_bytes bytes;
    if (file_read(path, 1 << 20, 1, &bytes, NULL) != STATUS_OK)
        return false;
    bool found = strstr((const char *)bytes.data, quoted) != NULL;
    file_free(&bytes);
    return found;
}

static void every_claim_is_kept(void **state)
{
    (void)state;
    size_t broken = 0;
    for (size_t i = 0; i < CLAIMS; i++) {
        if (claims[i].reader == NULL || reads(claims[i].reader, claims[i].file))
            continue;
        print_error("%s is claimed by tests/golden/%s, which is absent or does not read it\n",
                    claims[i].file, claims[i].reader);
        broken++;
    }
    assert_int_equal(broken, 0);
}

int main(void)
{
    const char *path = golden_path(".");
    DIR *folder = opendir(path);
    if (folder == NULL)
        return golden_absent(path);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_file_is_in_the_table, folder),
        cmocka_unit_test(every_claim_is_kept),
    };
    int failures = cmocka_run_group_tests_name("claims", tests, NULL, NULL);
    closedir(folder);
    return failures;
}
