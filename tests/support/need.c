#include "tests/support/need.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void need_failed(enum status code, const struct diag *diag)
{
    char text[1024];
    fprintf(stderr, "%s: %s %s\n", program_invocation_short_name, status_text(code),
            diag_format(diag, text, sizeof(text)));
    exit(EXIT_FAILURE);
}
