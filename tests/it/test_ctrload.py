"""ctrload against a server that misbehaves on purpose: what it did shows in the numbers."""

import json
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest

CTRLOAD = os.path.join(os.environ.get("BUILD_DIR", "build/dev"), "ctrload")
STALL = threading.Event()  # never set: to wait is to stand still
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Stub:
    """A server in a thread: `answer(number)` gives the bytes for the n-th request, or None to hang up;
    `last` is the request of a connection that is hung up on without an answer."""

    def __init__(self, answer, last=None):
        self.last = last
        self.answer, self.count, self.lock, self.heads = answer, 0, threading.Lock(), []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        data, served = b"", 0
        with connection:
            while True:
                try:
                    got = connection.recv(65536)
                except OSError:
                    return
                if not got:
                    return
                data += got
                while b"\r\n\r\n" in data:
                    head, rest = data.split(b"\r\n\r\n", 1)
                    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                                   if line.lower().startswith(b"content-length")), 0)
                    if len(rest) < length:
                        break
                    data = rest[length:]
                    with self.lock:
                        self.count += 1
                        number = self.count
                        self.heads.append(head)
                    served += 1
                    reply = None if served == self.last else self.answer(number)
                    if reply is None:
                        return
                    connection.sendall(reply)

    def close(self):
        self.listener.close()


def run(stub, *arguments, bodies=None):
    """The JSON report of a run."""
    command = [CTRLOAD, "--port", str(stub.port), "--json", "-", *map(str, arguments)]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        if bodies is not None:
            file.write("".join(body + "\n" for body in bodies))
            file.flush()
            command += ["--bodies", file.name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"ctrload: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


class Ctrload(unittest.TestCase):
    def start(self, answer, last=None):
        stub = Stub(answer, last)
        self.addCleanup(stub.close)
        return stub

    def test_an_open_loop_keeps_its_rate(self):
        stub = self.start(lambda number: OK)
        for arrivals in ("poisson", "constant"):
            report = run(stub, "--rate", 500, "--duration", 2, "--warmup", 0.2, "--connections", 8, "--arrivals", arrivals)
            # 1000 on the average; a Poisson count is within 5 deviations of it.
            self.assertLess(abs(report["planned"] - 1000), 160 if arrivals == "poisson" else 3)
            self.assertEqual(report["ok"], report["planned"])
            self.assertEqual(set(report["errors"].values()), {0})

    def test_a_stall_shows_in_the_windows_that_it_hit(self):
        """The server stands still for 400 ms. A closed loop would see one slow request a connection; who
        sends on time sees that all that came meanwhile waited, the first 400 ms and the last almost nothing."""
        begun, lock = [], threading.Lock()

        def answer(number):
            with lock:
                begun.append(time.monotonic())
                late = begun[-1] - begun[0]
                if 1.0 <= late < 1.4:
                    STALL.wait(1.4 - late)
            return OK
        report = run(self.start(answer), "--rate", 300, "--duration", 3, "--warmup", 0, "--connections", 64,
                     "--window-ms", 500, "--arrivals", "constant")
        slow = [window["start_ms"] for window in report["windows"] if window["latency"]["max_ms"] > 300]
        self.assertIn(slow, ([1000], [500, 1000], [1000, 1500]))
        self.assertEqual(report["ok"], report["planned"])
        # 0.4 s of 3 s came during the stall: more than a tenth of all waited for over 100 ms
        self.assertGreater(report["all"]["p90_ms"], 30)
        self.assertGreater(report["all"]["p99_ms"], 250)
        quiet = [window for window in report["windows"] if window["start_ms"] == 2000][0]
        self.assertLess(quiet["latency"]["p50_ms"], 100)

    def test_statuses_and_goodput(self):
        def answer(number):
            if number % 4 == 0:
                return b"HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
            if number % 4 == 1:
                STALL.wait(0.3)
            return OK
        stub = self.start(answer)
        report = run(stub, "--rate", 100, "--duration", 2, "--warmup", 0, "--connections", 64, "--deadline-ms", 150)
        total = report["planned"]
        self.assertEqual(report["by_status"]["200"]["count"] + report["by_status"]["429"]["count"], total)
        self.assertLess(abs(report["by_status"]["429"]["count"] - total / 4), 3)
        self.assertLess(abs(report["in_time"] - total / 2), 0.1 * total)  # those of 300 ms are late
        self.assertTrue(all(b"X-Request-Timeout-Ms: 150" in head for head in stub.heads))

    def test_every_body_is_sent_in_turn(self):
        bodies = [json.dumps({"n": n}) for n in range(3)]
        stub = self.start(lambda number: OK)
        report = run(stub, "--connections", 1, "--duration", 0.3, "--warmup", 0, bodies=bodies)
        self.assertEqual(report["connections"][0]["count"], report["planned"])
        self.assertIn(b"Content-Length: 8", stub.heads[0])

    def test_a_kept_connection_that_ends_is_tried_again_if_asked(self):
        for retry, lost in (("false", True), ("true", False)):
            report = run(self.start(lambda number: OK, last=5), "--rate", 200, "--duration", 1, "--warmup", 0, "--connections", 2,
                         "--retry-stale", retry)
            self.assertEqual(report["errors"]["reset"] > 0, lost)
            self.assertEqual(report["retried"] > 0, not lost)

    def test_faults_have_names(self):
        garbage = run(self.start(lambda number: b"garbage\r\n\r\n"), "--rate", 50, "--duration", 0.5, "--warmup", 0)
        self.assertEqual(garbage["errors"]["malformed"], garbage["planned"])
        silent = run(self.start(lambda number: b""), "--rate", 50, "--duration", 0.5, "--warmup", 0, "--timeout", 0.2)
        self.assertEqual(silent["errors"]["timeout"], silent["planned"])
        closed = self.start(lambda number: OK)
        closed.close()
        refused = run(closed, "--rate", 50, "--duration", 0.5, "--warmup", 0)
        self.assertEqual(refused["errors"]["connect"], refused["planned"])
        full = run(self.start(lambda number: b""), "--rate", 200, "--duration", 0.5, "--warmup", 0, "--connections", 1,
                   "--max-backlog", 1, "--timeout", 0.1)
        self.assertGreater(full["errors"]["backlog"], 0)

    def test_usage(self):
        for arguments, words in ((["--rat", "5"], "did you mean"), (["5"], "--help"), (["--rate"], "a value is missing"),
                                 (["--host", "localhost"], "numeric"), (["--bodies", "/nonexistent"], "nonexistent")):
            done = subprocess.run([CTRLOAD, *arguments], capture_output=True, text=True, timeout=60)
            self.assertIn(done.returncode, (1, 2))
            self.assertIn(words, done.stderr)
        done = subprocess.run([CTRLOAD, "--help"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertIn("--rate", done.stdout)


if __name__ == "__main__":
    unittest.main()
