// Runs a check in a child process, for what a process cannot take back: users, filters of system
// calls.
#pragma once

// 0 if the check gave 0; its exit code otherwise, or -1 if it was killed.
int forked(int (*check)(void *context), void *context);
