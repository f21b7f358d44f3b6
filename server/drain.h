// The end of a daemon: from the signal to the last reply.
#pragma once

struct daemon;

// After TERM: /readyz answers 503 and requests are served on for drain.delay_ms, then no connection
// is taken any more and what is in flight gets drain.timeout_ms. After INT and QUIT, then or later:
// what is in flight gets a second. What is not done by then is answered 503.
void drain_run(struct daemon *daemon, int signo);
