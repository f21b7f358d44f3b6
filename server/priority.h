// How the threads of the daemon share the cores. A thread that is woken takes the core at once from
// one with a longer slice, and from others at the next tick of the clock, which may be 4 ms away.
// Slices are known to Linux from 6.12 on; before it only the last of these makes a difference.
#pragma once

// The calling thread does little work and must do it soon (I/O, deadlines): the shortest slices,
// and timers that are exact.
void priority_prompt(void);
// It has some time for its work (answers by bid ahead of a deadline): comes before those that
// compute, gives way to those above.
void priority_soon(void);
// It computes what somebody waits for (workers): long slices. One that has nearly done with its
// slice is not interrupted, which it seldom is when they are long.
void priority_steady(void);
// It does much work that nobody waits for (loading models): the longest slices, and little of a
// core that others want.
void priority_behind(void);
