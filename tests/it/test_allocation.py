"""A request costs no allocation of ours, whether it is ranked or refused: a preloaded library counts them in the running
daemon (tests/support/allocations_preload.c). What the HTTP library allocates for a reply is not ours."""

import contextlib
import gzip
import json
import os
import signal
import struct
import subprocess
import unittest

import ctrdtest
from busytest import WIDTH, Busy, post, timeout
from ctrdtest import body_of, read_reply, until

PRELOAD = os.path.abspath(os.path.join(ctrdtest.BUILD_DIR, "tests", "allocations_preload.so"))
COUNT, ROUNDS = 200, 5
LONG = body_of(2000, WIDTH)  # seconds of one worker
SMALL = body_of(3, WIDTH)
FEATURES = """
- {name: user_id, scope: user, kind: id, buckets: 1000, dim: 8}
- {name: history, scope: user, kind: id_list, table: item_id, max_len: 20, pool: din, target: item_id}
- {name: hour, scope: context, kind: id, buckets: 24, dim: 4, encode: identity}
- {name: item_id, scope: item, kind: id, buckets: 1000, dim: 8}
- {name: price, scope: item, kind: dense, size: 1, transform: log1p}
"""


class Counted(Busy):
    def start(self, *sets, **more):
        self.file = self.path / "allocations"
        self.file.unlink(missing_ok=True)
        return super().start(*sets, env={"LD_PRELOAD": PRELOAD, "ALLOCATIONS_FILE": str(self.file)}, **more)

    def allocations(self):
        """Their number, and where the last were called."""
        count, *sites = struct.unpack("=17Q", self.file.read_bytes())
        return count, sites

    def where(self, sites):
        words = subprocess.run(["addr2line", "-fsip", "-e", ctrdtest.CTRD, *map(hex, sites)], capture_output=True, text=True, check=True)
        return words.stdout

    @contextlib.contextmanager
    def none_allocated(self):
        before = self.allocations()[0]
        yield
        count, sites = self.allocations()
        if count != before:
            self.fail(f"{count - before} allocations\n{self.where(sites)}")

    def answers(self, daemon, data):
        """How often each status is the answer when `data` is sent COUNT times over one connection."""
        found = {}
        with daemon.raw() as sock, sock.makefile("rb") as stream:
            for _ in range(COUNT):
                sock.sendall(data)
                status = read_reply(stream)[0]
                found[status] = found.get(status, 0) + 1
        return found

    def none_for(self, daemon, data, status):
        """Buffers grow with the first requests of each slot, and the next request may find its slot still held by the
        worker and take another: soon a whole series needs nothing."""
        for _ in range(ROUNDS):
            before = self.allocations()[0]
            self.assertEqual(self.answers(daemon, data), {status: COUNT})
            count, sites = self.allocations()
            if count == before:
                return
        self.fail(f"{count - before} allocations\n{self.where(sites)}")


class Ranked(Counted):
    hidden, kernels = "16,8", "auto"

    def page(self, **more):
        return json.dumps({
            "model": "pages", "user": {"user_id": "u1", "history": [f"i{k}" for k in range(20)]}, "context": {"hour": 7},
            "candidates": [{"id": f"a{k}", "bid": 1.5, "features": {"item_id": f"i{k}", "price": k / 7}} for k in range(50)], **more}).encode()

    def test_ranked(self):
        (self.path / "features.yaml").write_text(FEATURES)
        (self.path / "pages" / "1").mkdir(parents=True)
        subprocess.run([ctrdtest.MAKE_CHECKPOINT, "--schema", self.path / "features.yaml", "--attention", "16,8", "--hidden", "32,16",
                        "--histogram", self.path / "pages" / "1" / "student.safetensors"], check=True)
        daemon = self.start(f"models=[{{folder: {self.path}/demo}}, {{folder: {self.path}/pages}}]", "model.folder=",
                            f"log.access_file={self.path}/access")
        page, zipped = self.page(), "Content-Encoding: gzip"
        traced = "Traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "X-Request-Id: r1", "X-Server-Timing: 1"
        small = body_of(3, WIDTH, model="demo")
        series = (("small", post(small), 200), ("page", post(page), 200), ("zipped", post(gzip.compress(page), zipped), 200),
                  ("explained", post(page, path="/v1/explain"), 200), ("traced", post(page, *traced), 200),
                  ("in time", post(self.page(timeout_us=10 ** 7)), 200), ("refused", post(self.page(slots=-1)), 400))
        for connections in (1, 10):  # few: the I/O thread ranks what is short and not packed; many: the worker ranks all
            idle = [daemon.raw() for _ in range(connections - 1)]
            for name, data, status in series:
                with self.subTest(name, connections=connections):
                    self.none_for(daemon, data, status)
            for sock in idle:
                sock.close()
        self.assertEqual(daemon.stop(), 0)

    def test_a_load_is_counted(self):
        daemon = self.start(f"admin.socket={self.path}/admin")
        before = self.allocations()[0]
        ctrdtest.make_model(self.path / "demo", version=2, features=f"f:item:{WIDTH}", seed=2)
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/load", {})[0], 200)
        count, sites = self.allocations()
        self.assertGreater(count, before + 10)
        self.assertRegex(self.where(sites), r"\w+ at \w+\.c:\d+")
        self.assertEqual(daemon.stop(), 0)


class Refused(Counted):
    def test_429(self):
        daemon = self.start("serve.queue=1")
        socks = self.occupy(daemon, LONG)
        self.none_for(daemon, post(SMALL), 429)
        self.none_answered(socks)  # its reply would need memory
        self.assertEqual(daemon.stop(signal.SIGQUIT), 0)

    def test_429_for_its_deadline(self):
        daemon = self.start()
        for _ in range(2):  # what such a request costs
            self.assertEqual(daemon.rank(body_of(400, WIDTH))[0], 200)
        socks = self.occupy(daemon, LONG)
        self.none_for(daemon, post(SMALL, timeout(5)), 429)
        self.none_for(daemon, post(body_of(3, WIDTH, timeout_us=5000)), 429)
        self.none_answered(socks)  # its reply would need memory
        self.assertEqual(daemon.stop(signal.SIGQUIT), 0)

    def test_504(self):
        """A small queue gives back those that have expired, so that their buffers are soon warm."""
        for policy in ("error", "by_bid"):
            with self.subTest(policy):
                daemon = self.start("serve.queue=4", f"rank.on_deadline={policy}")
                socks = self.occupy(daemon, LONG)
                late = post(SMALL, timeout(3))
                self.answers(daemon, late)
                with self.none_allocated():
                    found = self.answers(daemon, late)
                self.none_answered(socks)  # its reply would need memory
                self.assertGreater(found.get(200 if policy == "by_bid" else 504, 0), 0)
                self.assertEqual(sum(found.get(status, 0) for status in (200, 504)), COUNT)
                self.assertEqual(daemon.stop(signal.SIGQUIT), 0)

    def test_503(self):
        """What waits when the time to drain is over."""
        daemon = self.start("drain.timeout_ms=0", "serve.queue=1024")
        for over in (False, True):
            socks = self.occupy(daemon, LONG)
            waiting = [self.send(daemon, post(SMALL)) for _ in range(COUNT)]
            until(lambda: daemon.metrics()["ctrd_queue_depth"] == COUNT + 1, "all wait")
            with self.none_allocated() if over else contextlib.nullcontext():
                if over:
                    daemon.signal(signal.SIGTERM)
                self.assertEqual({self.reply(sock)[0] for sock in waiting}, {503 if over else 200})
            for sock in socks + waiting:
                sock.close()
            until(lambda: over or daemon.metrics()["ctrd_connections"] == 1, "all gone")
        self.assertEqual(daemon.wait(), 0)


if __name__ == "__main__":
    unittest.main()
