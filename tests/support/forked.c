#include "tests/support/forked.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int forked(int (*check)(void *context), void *context)
{
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0)
        _exit(check(context)); // no handlers: a leak check could not run behind a filter
    int state = 0;
    if (waitpid(child, &state, 0) != child || !WIFEXITED(state))
        return -1;
    return WEXITSTATUS(state);
}
