#include "tests/support/need.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void need(enum status code, const struct diag *diag)
{
    char text[1024];
    if (code == STATUS_OK)
        return;
    fprintf(stderr, "%s: %s %s\n", program_invocation_short_name, status_text(code),
            diag_format(diag, text, sizeof(text)));
    exit(EXIT_FAILURE);
}
