"""How late an expired request is answered, and health, while every worker is busy for seconds.

Each round starts a daemon that has not learnt yet what a request costs, so that it admits what will expire, and gives
every worker two requests of seconds. Until the first of them is answered, small requests with a deadline are sent one
by one: late is the time from sending one to its 504, less the deadline. Exit code 1 if the 99th percentile is above
the bound.
"""
import os
import select
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "it"))
import ctrdtest  # noqa: E402
from ctrdtest import body_of, read_reply, until  # noqa: E402

ROUNDS, WIDTH, DEADLINE_MS = 12, 64, 20
# Between two requests: a thread that has just run gives way to those that compute, until the next tick of the scheduler.
PAUSE_S = 0.005
EXPIRY_BOUND_MS, HEALTH_BOUND_MS = 2.0, 5.0
WORKERS = len(os.sched_getaffinity(0))


def post(body, line=""):
    return f"POST /v1/rank HTTP/1.1\r\nHost: x\r\n{line}Content-Length: {len(body)}\r\n\r\n".encode() + body


def timed(sock, stream, request):
    """The status, and the milliseconds from sending to the whole answer."""
    select.select([], [], [], PAUSE_S)
    begun = time.perf_counter()
    sock.sendall(request)
    status = read_reply(stream)[0]
    return status, (time.perf_counter() - begun) * 1e3


def measure(daemon, found):
    late = post(body_of(2, WIDTH), f"X-Request-Timeout-Ms: {DEADLINE_MS}\r\n")
    busy = [daemon.raw(600) for _ in range(2 * WORKERS)]
    for sock in busy:
        sock.sendall(post(body_of(2000, WIDTH)))
    until(lambda: daemon.metrics()["ctrd_queue_depth"] == WORKERS, "every worker busy")
    with socket.create_connection(("127.0.0.1", daemon.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = sock.makefile("rb")
        while True:
            status, spent = timed(sock, stream, late)
            one = {"504 after the deadline": spent - DEADLINE_MS}
            for path in ("/livez", "/readyz", "/metrics"):
                one[path] = timed(sock, stream, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[1]
            if select.select(busy, [], [], 0)[0]:
                break  # it knows what a request costs now, and refuses at once
            if status != 504:
                raise SystemExit(f"expected 504, got {status}")
            for name, spent in one.items():
                found.setdefault(name, []).append(spent)
    for sock in busy:
        sock.close()


def go_ahead():
    """The client's own wait for a core is not the server's: a real-time client has none, where it may be one."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        return "real-time client"
    except OSError as error:
        return f"client without priority ({error.strerror}): its own waits count too"


def main():
    found = {}
    client = go_ahead()
    with tempfile.TemporaryDirectory() as folder:
        ctrdtest.make_model(os.path.join(folder, "demo"), features=f"f:item:{WIDTH}", hidden="1024,1024")
        for _ in range(ROUNDS):
            daemon = ctrdtest.Daemon(os.path.join(folder, "demo"), f"serve.workers={WORKERS}", "serve.kernels=scalar",
                                     "serve.queue=4096")  # what has expired stands there until a worker comes by
            try:
                measure(daemon, found)
                daemon.stop(ctrdtest.signals.SIGQUIT)
            finally:
                daemon.kill()
    slow = False
    print(f"{WORKERS} workers, all busy; {client}; load {os.getloadavg()[0]:.1f}; milliseconds\n{'':24}{'n':>6}{'p50':>8}{'p99':>8}{'max':>8}{'bound':>8}")
    for name, all_ms in found.items():
        all_ms.sort()
        bound = EXPIRY_BOUND_MS if name.startswith("504") else HEALTH_BOUND_MS
        p99 = all_ms[min(len(all_ms) - 1, len(all_ms) * 99 // 100)]
        slow = slow or p99 > bound
        print(f"{name:24}{len(all_ms):6}{all_ms[len(all_ms) // 2]:8.2f}{p99:8.2f}{all_ms[-1]:8.2f}{bound:8.1f}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
