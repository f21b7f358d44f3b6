"""ctrload against a server that misbehaves on purpose: what it did shows in the numbers."""

import json
import os
import signal
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
        self.acceptor = threading.Thread(target=self.accept, daemon=True)
        self.acceptor.start()

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
        """Nothing is accepted any more: a close alone would leave the thread in accept, to take one more."""
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.acceptor.join()
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


class CtrloadTest(unittest.TestCase):
    def start(self, answer, last=None):
        stub = Stub(answer, last)
        self.addCleanup(stub.close)
        return stub

    def assert_whole(self, report):
        """Every request that was planned is answered or an error, in sum and in the windows."""
        self.assertEqual(report["planned"], report["all"]["count"] + sum(report["errors"].values()))
        for window in report.get("windows", []):
            self.assertEqual(window["planned"], window["ok"] + window["other"] + window["errors"])


class OpenLoop(CtrloadTest):

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
        self.assertEqual(report["retry_after"], report["by_status"]["429"]["count"])

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
        self.assertIn("status line", garbage["fault"])
        chunked = run(self.start(lambda number: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "--rate", 50,
                      "--duration", 0.5, "--warmup", 0)
        self.assertEqual(chunked["errors"]["malformed"], chunked["planned"])
        self.assertIn("chunked", chunked["fault"])
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
                                 (["--host", "localhost"], "numeric"), (["--bodies", "/nonexistent"], "nonexistent"),
                                 (["--header", "x"], "--header"), (["--path", "x"], "--path"), (["--method", "a b"], "--method"),
                                 (["--threads", "4", "--connections", "2"], "--threads")):
            done = subprocess.run([CTRLOAD, *arguments], capture_output=True, text=True, timeout=60)
            self.assertIn(done.returncode, (1, 2))
            self.assertIn(words, done.stderr)
        done = subprocess.run([CTRLOAD, "--help"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertIn("--rate", done.stdout)

    def test_every_request_is_in_a_sum(self):
        """A server that answers one connection every 150 ms is asked 100 times a second: some wait too long."""
        def answer(number):
            STALL.wait(0.15)
            return OK
        report = run(self.start(answer), "--rate", 100, "--duration", 1, "--warmup", 0, "--connections", 1, "--timeout", 0.2,
                     "--window-ms", 250)
        self.assert_whole(report)
        self.assertGreater(report["errors"]["backlog"], 0)

    def test_lateness_is_the_generators_own(self):
        """One connection, a server that takes 100 ms, a request every 50 ms: requests wait, the generator does not."""
        def answer(number):
            STALL.wait(0.1)
            return OK
        report = run(self.start(answer), "--rate", 20, "--arrivals", "constant", "--duration", 1, "--warmup", 0, "--connections", 1)
        self.assertGreater(report["waited"]["max_ms"], 500)
        self.assertLess(report["lateness"]["p50_ms"], report["waited"]["p50_ms"])
        self.assertEqual(report["lateness"]["count"], report["planned"])
        self.assertEqual(report["sent"], report["planned"])
        self.assertAlmostEqual(report["achieved_per_second"], report["sent"] / report["seconds"], 3)

    def test_an_interruption_is_told(self):
        """What is open when the signal comes is not counted, and rates are of the time until then."""
        signalled = threading.Event()

        def answer(number):
            if number >= 50:
                signalled.set()
                STALL.wait(60)
            return OK
        stub = self.start(answer)
        load = subprocess.Popen([CTRLOAD, "--port", str(stub.port), "--rate", "100", "--duration", "600", "--warmup", "0", "--json", "-"],
                                stdout=subprocess.PIPE, text=True)
        self.assertTrue(signalled.wait(60))
        load.send_signal(signal.SIGINT)
        report = json.loads(load.communicate(timeout=60)[0])
        self.assertTrue(report["interrupted"])
        self.assert_whole(report)
        self.assertGreaterEqual(report["ok"], 45)
        self.assertLess(report["seconds"], 300)

    def test_a_rate_below_one_request_is_over_in_time(self):
        """With so few none may come within the duration; the run does not wait for one that comes later."""
        begun = time.monotonic()
        report = run(self.start(lambda number: OK), "--rate", 0.001, "--duration", 0.2, "--warmup", 0, "--timeout", 60)
        self.assertEqual(report["planned"], 0)
        self.assertLess(time.monotonic() - begun, 30)

    def test_an_early_answer_ends_the_connection(self):
        """The answer comes when the head has, and the body is larger than what the sockets hold."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.addCleanup(listener.close)
        starts = []

        def serve():
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                starts.append(connection.recv(64))
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                kept.append(connection)
        kept = []
        self.addCleanup(lambda: [connection.close() for connection in kept])
        threading.Thread(target=serve, daemon=True).start()

        class Place:
            port = listener.getsockname()[1]
        report = run(Place, "--rate", 20, "--duration", 0.5, "--warmup", 0, "--connections", 4, "--timeout", 5,
                     bodies=["x" * (16 << 20)])
        self.assertEqual(report["by_status"]["413"]["count"], report["planned"])
        self.assertEqual(len(starts), report["planned"])  # a connection each: none was used again
        self.assertTrue(all(start.startswith(b"POST /v1/rank HTTP/1.1") for start in starts))

    def test_a_server_that_does_not_accept(self):
        """Its queue of connections is full: those that wait for it are given up after the timeout."""
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        self.addCleanup(full.close)

        class Place:
            port = full.getsockname()[1]
        report = run(Place, "--rate", 50, "--duration", 1, "--warmup", 0, "--connections", 8, "--timeout", 0.2)
        self.assert_whole(report)
        self.assertEqual(report["ok"], 0)
        self.assertGreater(report["errors"]["connect"], 0)

    def test_headers_and_answers_to_head(self):
        stub = self.start(lambda number: b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        report = run(stub, "--method", "HEAD", "--path", "/x", "--header", "A: 1", "--header=B: 2", "--rate", 50, "--duration", 0.5,
                     "--warmup", 0, "--timeout", 5)
        self.assertEqual(report["ok"], report["planned"])
        for head in stub.heads:
            self.assertEqual(head.split(b"\r\n"), [b"HEAD /x HTTP/1.1", b"Host: 127.0.0.1:%d" % stub.port, b"A: 1", b"B: 2"])


class ClosedLoop(CtrloadTest):
    def test_latencies_begin_with_the_run(self):
        """Nothing is sent before the start: no latency is longer than the run, with a warm-up or without."""
        for warmup in (0, 0.2):
            begun = time.monotonic()
            report = run(self.start(lambda number: OK), "--duration", 0.3, "--warmup", warmup, "--connections", 2)
            self.assertLess(report["all"]["max_ms"], 1000 * (time.monotonic() - begun))
            self.assertEqual(report["ok"], report["planned"])

    def test_a_connection_that_is_lost_is_replaced(self):
        """The server closes each connection at its fifth request; with four connections, a loop that gave up each would
        end after 20 requests."""
        report = run(self.start(lambda number: OK, last=5), "--duration", 1, "--warmup", 0, "--connections", 4)
        self.assert_whole(report)
        self.assertGreater(report["ok"], 100)
        self.assertEqual(report["errors"]["reset"], sum(report["errors"].values()))
        self.assertEqual(sum(one["count"] for one in report["connections"]), report["ok"])

    def test_a_run_of_nothing_but_errors_lasts(self):
        """And asks again at a pace of the generator's, not as fast as it can be refused: 10 ms a connection."""
        closed = self.start(lambda number: OK)
        closed.close()
        begun = time.monotonic()
        report = run(closed, "--duration", 1, "--warmup", 0, "--connections", 2)
        self.assertGreaterEqual(time.monotonic() - begun, 1)
        self.assert_whole(report)
        self.assertEqual(report["errors"]["connect"], report["planned"])
        self.assertGreater(report["planned"], 2)
        self.assertLessEqual(report["planned"], 2 + 2 * 100)

    def test_as_many_connections_as_asked_for(self):
        report = run(self.start(lambda number: OK), "--duration", 0.3, "--warmup", 0, "--connections", 5, "--threads", 4)
        self.assertEqual(len(report["connections"]), 5)


if __name__ == "__main__":
    unittest.main()
