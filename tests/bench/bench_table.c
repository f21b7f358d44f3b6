// Seconds that a large model file takes: reading with all its proofs, the scorer, writing. For
// bench_table.py, which trains one.
//
//   bench_table FILE COPY
#include "base/log.h"
#include "base/tick.h"
#include "model/scorer.h"
#include "tests/support/need.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void lap(const char *what, uint64_t *begin_ns)
{
    printf("| %s | %.2f |\n", what, tick_seconds_since(*begin_ns));
    *begin_ns = tick_ns();
}

int main(int argc, char **argv)
{
    struct diag diag = {0};
    struct checkpoint checkpoint;
    struct scorer scorer;
    const struct kernels *kernels;
    char hex[DIGEST_HEX + 1];
    if (argc != 3)
        return EXIT_FAILURE;
    log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
    need(kernels_choose("auto", &kernels, &diag), &diag);
    printf("| step | seconds |\n| --- | --: |\n");
    uint64_t begin_ns = tick_ns();
    need(checkpoint_load(argv[1], &checkpoint, &diag), &diag);
    lap("read and validate", &begin_ns);
    digest_hex_of(checkpoint.bytes.data, checkpoint.bytes.size, hex);
    lap("of which the digest", &begin_ns);
    need(scorer_take(&checkpoint, kernels, &scorer, &diag), &diag);
    lap("make the scorer, prove the golden rows", &begin_ns);
    need(checkpoint_write(argv[2], &scorer.checkpoint, &diag), &diag);
    lap("check and write, on the disk", &begin_ns);
    scorer_fini(&scorer);
    return EXIT_SUCCESS;
}
