// How the threads of the daemon share the cores.
#pragma once

// The calling thread does little work and must do it soon: its slices are short, so that the
// scheduler runs it ahead of threads that compute, and its timers are exact. Without a kernel that
// knows (Linux 6.12) or may (a sandbox), it is a thread like the others.
void priority_prompt(void);
