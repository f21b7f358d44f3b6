"""SIGTERM under load: no request that was taken fails, readyz says 503, exit code 0."""

import contextlib
import json
import os
import select
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import unittest

import ctrdtest
from ctrdtest import body_of, until


def cpu_seconds(daemon):
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
        return int(file.read().rpartition(")")[2].split()[11]) / os.sysconf("SC_CLK_TCK")


class Drain(unittest.TestCase):
    def start(self, *sets, features="f:item:136", hidden="256,128", env=None):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.models = os.path.join(folder.name, "demo")
        ctrdtest.make_model(self.models, features=features, hidden=hidden)
        daemon = ctrdtest.Daemon(self.models, *sets, env=env)
        self.addCleanup(daemon.kill)
        return daemon

    def client(self, daemon, number, counts, faults):
        """Ranks on one connection until the server says that it closes it, or has closed it while it was idle."""
        body = body_of(60, 136)
        connection = daemon.connect()
        try:
            while connection.sock is None or not select.select([connection.sock], [], [], 0)[0]:
                connection.request("POST", "/v1/rank", body)
                reply = connection.getresponse()
                text = reply.read()
                if reply.status != 200 or len(json.loads(text)["ranked"]) != 60:
                    faults.append((reply.status, text[:200]))
                    return
                counts[number] += 1
                if reply.headers["Connection"] == "close":
                    return
        except Exception as fault:  # whatever it is, it is told
            faults.append((counts[number], repr(fault)))
        finally:
            connection.close()

    def test_term_while_models_are_loaded(self):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile(mode="w+", encoding="utf-8") as log:
            models = os.path.join(folder, "demo")
            ctrdtest.make_model(models, features="f:item:136", hidden="2048,1024")
            plan = ", ".join(f"{{name: m{i}, folder: {models}}}" for i in range(60))
            process = subprocess.Popen([os.path.abspath(ctrdtest.CTRD), "--set", "http.port=0", f"--models=[{plan}]"],
                                       stdin=subprocess.DEVNULL, stderr=log)
            self.addCleanup(process.kill)

            def written():
                return os.pread(log.fileno(), 1 << 20, 0).decode()

            until(lambda: "model loaded" in written(), "a model")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(60), 0, written())
            self.assertIn("stopped before it was ready", written())
            self.assertIn("signal=TERM", written())
            self.assertNotIn(" info ready ", written())
            self.assertLess(written().count("model loaded"), 60)

    def test_term_under_load_loses_nothing(self):
        clients = 16
        for delay in (0, 300):
            with self.subTest(delay=delay):
                daemon = self.start(f"drain.delay_ms={delay}")
                counts, faults = [0] * clients, []
                threads = [threading.Thread(target=self.client, args=(daemon, number, counts, faults))
                           for number in range(clients)]
                for thread in threads:
                    thread.start()
                until(lambda counts=counts, faults=faults: min(counts) >= 5 or faults, "load")
                daemon.signal(signal.SIGTERM)
                for thread in threads:
                    thread.join(60)
                self.assertEqual(daemon.wait(), 0)
                self.assertEqual(faults, [])

    def test_readyz_turns_503_while_requests_are_served(self):
        daemon = self.start("drain.delay_ms=3600000")
        self.assertEqual(daemon.request("GET", "/readyz")[0], 200)
        daemon.signal(signal.SIGTERM)
        until(lambda: daemon.request("GET", "/readyz")[0] != 200, "not ready")
        status, headers, body = daemon.request("GET", "/readyz")
        self.assertEqual((status, headers["Connection"]), (503, "close"))
        self.assertFalse(json.loads(body)["ready"])
        self.assertEqual(daemon.request("GET", "/livez")[0], 200)
        self.assertEqual(daemon.rank(body_of(3, 136))[0], 200)
        self.assertEqual(daemon.stop(signal.SIGINT), 0)  # the second signal does not wait

    def test_a_request_half_sent_is_waited_for(self):
        daemon = self.start()
        body = body_of(3, 136)
        with daemon.raw() as sock:
            sock.sendall(b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
            until(lambda: daemon.metrics()["ctrd_inflight_requests"] == 2, "half a request")
            daemon.signal(signal.SIGTERM)
            # It has stopped to accept, and waits.
            while True:
                try:
                    daemon.raw().close()
                except ConnectionError:
                    break
            self.assertIsNone(daemon.process.poll())
            sock.sendall(body)
            self.assertEqual(ctrdtest.read_reply(sock.makefile("rb"))[0], 200)
        self.assertEqual(daemon.wait(), 0)

    def test_the_timeout_bounds_the_wait(self):
        daemon = self.start("drain.timeout_ms=200")
        with daemon.raw() as sock:
            sock.sendall(b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
            until(lambda: daemon.metrics()["ctrd_inflight_requests"] == 2, "half a request")
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(30), 0)
        self.assertIn("drain timeout", daemon.stderr())

    def test_a_queue_that_takes_too_long_is_refused(self):
        clients = 40
        body = body_of(300, 136)
        request = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        for number, sets in ((signal.SIGTERM, ("drain.timeout_ms=0",)), (signal.SIGINT, ())):
            with self.subTest(number=number), contextlib.ExitStack() as stack:
                daemon = self.start("serve.workers=1", "serve.kernels=scalar", *sets,
                                    hidden="1024,512,256")  # tens of milliseconds a request
                socks = [stack.enter_context(daemon.raw()) for _ in range(clients)]
                for sock in socks:
                    sock.sendall(request)
                until(lambda daemon=daemon: daemon.metrics()["ctrd_queue_depth"] >= clients - 5, "a queue")
                daemon.signal(number)
                replies = [ctrdtest.read_reply(sock.makefile("rb")) for sock in socks]
                self.assertEqual(daemon.wait(), 0)
                self.assertNotIn(None, replies)
                statuses = {status for status, _, _ in replies}
                self.assertTrue(503 in statuses and statuses <= {200, 503}, statuses)
                for status, _, text in replies:
                    self.assertIn("ranked" if status == 200 else "error", json.loads(text))
                self.assertIn("drain timeout", daemon.stderr())

    def test_what_is_being_ranked_is_given_up(self):
        body = body_of(2000, 136)
        request = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        for number, sets in ((signal.SIGTERM, ("drain.timeout_ms=0",)), (signal.SIGINT, ())):
            with self.subTest(number=number):
                daemon = self.start("serve.workers=1", "serve.kernels=scalar", *sets, hidden="2048,2048")  # many seconds a request
                before = cpu_seconds(daemon)
                with daemon.raw() as one, daemon.raw() as other:  # the worker has one, and the other waits
                    for sock in (one, other):
                        sock.sendall(request)
                    until(lambda: cpu_seconds(daemon) > before + 0.5, "busy")
                    daemon.signal(number)
                    replies = [ctrdtest.read_reply(sock.makefile("rb")) for sock in (one, other)]
                self.assertEqual(daemon.wait(), 0)
                self.assertEqual([reply and reply[0] for reply in replies], [503, 503])

    @contextlib.contextmanager
    def manager(self, name):
        """Reads what a service manager is told."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(name)
            sock.settimeout(60)
            yield lambda: sock.recv(4096).decode()

    def test_a_service_manager_is_told(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name in (os.path.join(folder.name, "notify"), f"\0ctrd-{os.getpid()}"):
            with self.subTest(name=name), self.manager(name) as told:
                daemon = self.start("security.sandbox=enforce", "drain.timeout_ms=7000", env={"NOTIFY_SOCKET": name.replace("\0", "@")})
                self.assertEqual(told(), "EXTEND_TIMEOUT_USEC=600000000\nSTATUS=loading models")
                self.assertEqual(told(), "STATUS=serving demo:1")
                self.assertEqual(told(), "READY=1")
                ctrdtest.make_model(self.models, 2, features="f:item:136", hidden="16")
                daemon.signal(signal.SIGHUP)
                words, word, number = told().rpartition("MONOTONIC_USEC=")
                self.assertEqual((words, word), ("RELOADING=1\n", "MONOTONIC_USEC="))
                self.assertLess(abs(int(number) / 1e6 - time.monotonic()), 60)
                self.assertEqual(told(), "READY=1")
                self.assertEqual(told(), "STATUS=serving demo:2")
                self.assertEqual(daemon.stop(), 0)
                self.assertEqual(told(), f"STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC={(7000 + 10000) * 1000}")
        daemon = self.start(env={"NOTIFY_SOCKET": "/nonexistent/notify"})
        self.assertEqual(daemon.stop(), 0)
        self.assertIn("the service manager cannot be told", daemon.stderr())

    def test_the_watchdog_is_fed(self):
        """Every half of its period, during a drain too; not where it is another process's."""
        period, name = 2.0, f"\0ctrd-{os.getpid()}"
        with self.manager(name) as told:
            env = {"NOTIFY_SOCKET": name.replace("\0", "@"), "WATCHDOG_USEC": str(int(period * 1e6))}
            daemon = self.start("drain.delay_ms=60000", env=env)
            times = []
            while len(times) < 6:
                if told() != "WATCHDOG=1":
                    continue
                times.append(time.monotonic())
                if len(times) == 3:
                    daemon.signal(signal.SIGTERM)
            self.assertLess(statistics.median(after - before for before, after in zip(times, times[1:])), 0.75 * period)
            self.assertEqual(daemon.stop(signal.SIGINT), 0)
        with self.manager(name) as told:
            daemon = self.start(env={**env, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"})
            until(lambda: daemon.metrics()['ctrd_golden_probe_total{result="ok"}'] > 1, "another beat")
            self.assertEqual(daemon.stop(), 0)
            seen = [told() for _ in range(4)]
            self.assertTrue(seen[-1].startswith("STOPPING=1"), seen)

    def test_int_and_quit_end_at_once(self):
        for number in (signal.SIGINT, signal.SIGQUIT):
            daemon = self.start("drain.delay_ms=3600000")
            self.assertEqual(daemon.request("GET", "/livez")[0], 200)
            self.assertEqual(daemon.stop(number), 0)
            self.assertIn("signal=" + number.name.removeprefix("SIG"), daemon.stderr())

    def test_int_and_quit_do_not_wait_for_what_a_client_does_not_send(self):
        for first in ((), (signal.SIGTERM,)):  # which would wait for it
            for number in (signal.SIGINT, signal.SIGQUIT):
                daemon = self.start("drain.timeout_ms=3600000", "http.transfer_timeout_s=3600")
                with self.subTest(first=first, number=number), daemon.raw() as sock:
                    sock.sendall(b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
                    until(lambda daemon=daemon: daemon.metrics()["ctrd_inflight_requests"] == 2, "half a request")
                    for before in first:
                        daemon.signal(before)
                        daemon.wait_for_log("stopping")
                    daemon.signal(number)
                    self.assertEqual(daemon.wait(30), 0)


if __name__ == "__main__":
    unittest.main()
