"""What tests of an overloaded daemon share: its one worker is kept busy with requests that take long."""

import json
import pathlib
import select
import tempfile
import unittest

import ctrdtest
from ctrdtest import body_of, read_reply, until

WIDTH = 64
SLOW = body_of(400, WIDTH, model="demo")  # 400 million multiplications and more, without SIMD
TAKEN = 'ctrd_stage_duration_seconds_count{stage="queue"}'


def post(body, *headers, path="/v1/rank"):
    lines = "".join(f"{line}\r\n" for line in headers)
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def timeout(milliseconds):
    return f"X-Request-Timeout-Ms: {milliseconds}"


class Busy(unittest.TestCase):
    hidden, kernels = "1024,1024", "scalar"

    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="ctrdtest-")
        cls.addClassCleanup(holder.cleanup)
        cls.path = pathlib.Path(holder.name)
        ctrdtest.make_model(cls.path / "demo", features=f"f:item:{WIDTH}", hidden=cls.hidden)

    def start(self, *sets, **more):
        daemon = ctrdtest.Daemon(self.path / "demo", "serve.workers=1", f"serve.kernels={self.kernels}", *sets, **more)
        self.addCleanup(daemon.kill)
        return daemon

    def send(self, daemon, data):
        sock = daemon.raw(timeout=120)
        self.addCleanup(sock.close)
        sock.sendall(data)
        return sock

    def reply(self, sock):
        status, headers, body = read_reply(sock.makefile("rb"))
        return status, headers, json.loads(body)

    def occupy(self, daemon, slow=SLOW, *headers):
        """Two slow requests: the worker has the first, and the second waits. Returns their sockets."""
        before = daemon.metrics()
        self.assertEqual(before["ctrd_queue_depth"], 0)
        first = self.send(daemon, post(slow, *headers))
        until(lambda: daemon.metrics()[TAKEN] == before[TAKEN] + 1, "the worker has the first")
        second = self.send(daemon, post(slow, *headers))
        until(lambda: daemon.metrics()["ctrd_queue_depth"] == 1, "the second waits")
        return [first, second]

    def none_answered(self, socks):
        self.assertEqual(select.select(socks, [], [], 0)[0], [])

    def still_busy(self, socks):
        """The second of the slow requests has no answer yet."""
        self.none_answered(socks[1:])

    def finish(self, daemon, socks):
        for sock in socks:
            self.assertEqual(self.reply(sock)[0], 200)
        self.assertEqual(daemon.stop(), 0)
