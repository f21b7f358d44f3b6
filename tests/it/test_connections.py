"""Hundreds of keep-alive connections, some asleep in the queue, some ready: none starves. And clients
that went away hold none.

libmicrohttpd before 1.0.3 could pass over a ready connection while others were suspended. Every
connection sends its requests one after another, on its own: one that is passed over is answered less often than
others of its kind, and waits as long as they send.
"""

import contextlib
import os
import resource
import selectors
import signal
import statistics
import tempfile
import time
import unittest

import ctrdtest
from ctrdtest import body_of, until

CONNECTIONS = 300
SECONDS = 4.0


class Client:
    """A connection that always has one request out."""

    def __init__(self, daemon, request):
        self.request = request
        self.sock = daemon.raw()
        self.sock.setblocking(False)
        self.waits = []  # seconds, of each answer
        self.got = b""

    def send(self, now):
        self.sent = now
        self.got = b""
        sent = self.sock.send(self.request)
        assert sent == len(self.request)

    def take(self, now):
        """Reads what is there; True when the reply is whole."""
        piece = self.sock.recv(1 << 20)
        if not piece:
            raise AssertionError("the server closed a connection")
        self.got += piece
        head, gap, body = self.got.partition(b"\r\n\r\n")
        if not gap:
            return False
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return False
        assert head.startswith(b"HTTP/1.1 200"), head
        self.waits.append(now - self.sent)
        return True


class Starvation(ctrdtest.DaemonTest):
    sets = (f"serve.queue={CONNECTIONS}",)
    features = "f:item:32"
    hidden = "64,32"

    def test_no_connection_starves(self):
        body = body_of(20, 32)
        rank = (b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
        live = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        clients = [Client(self.daemon, live if i % 4 == 0 else rank) for i in range(CONNECTIONS)]
        with selectors.DefaultSelector() as selector:
            for client in clients:
                selector.register(client.sock, selectors.EVENT_READ, client)
                client.send(time.monotonic())
            end = time.monotonic() + SECONDS
            out = CONNECTIONS
            while out > 0:
                events = selector.select(30)
                self.assertTrue(events, f"{out} connections got no answer in 30 s")
                for key, _ in events:
                    now = time.monotonic()
                    if not key.data.take(now):
                        continue
                    if now < end:
                        key.data.send(now)
                    else:
                        out -= 1
        for client in clients:
            client.sock.close()
        for what, kind in (("livez", clients[0::4]), ("rank", [client for i, client in enumerate(clients) if i % 4 != 0])):
            answered = [len(client.waits) for client in kind]
            waits = [wait for client in kind for wait in client.waits]
            print(f"{what}: {len(waits)} answers on {len(kind)} connections, {min(answered)} to {max(answered)}, "
                  f"wait {statistics.median(waits) * 1e3:.0f} ms, at most {max(waits) * 1e3:.0f}", flush=True)
            self.assertGreaterEqual(statistics.median(answered), 3)
            self.assertGreater(min(answered), statistics.median(answered) / 4)
            self.assertLess(max(waits), 5 * statistics.median(waits) + SECONDS / 2)


class Gone(ctrdtest.DaemonTest):
    CLIENTS = 8
    sets = ("http.max_connections=64", "http.idle_timeout_s=3600", "http.transfer_timeout_s=3600")  # nobody is cut

    def test_clients_that_sent_and_closed_hold_no_connection(self):
        body = body_of()
        rank = (b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
        live = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        for sent in (b"", live[:10], live[:-1], live, live + live[:3], rank[:-1], rank[:-len(body)], rank):
            with self.subTest(sent=sent[:40], size=len(sent)):
                # While the server stands still, so that bytes and end of the stream are one event to it.
                self.daemon.signal(signal.SIGSTOP)
                until(lambda: "State:\tT" in self.daemon.proc("status"), "it stands still")
                for _ in range(self.CLIENTS):
                    with self.daemon.raw() as sock:
                        sock.sendall(sent)
                self.daemon.signal(signal.SIGCONT)
                until(lambda: self.daemon.metrics()["ctrd_connections"] == 1, "all are let go")
        until(lambda: self.daemon.metrics()["ctrd_inflight_requests"] == 1, "nothing in flight but the scrape")
        self.assertEqual(self.daemon.metrics()["ctrd_connections_cut_total"], 0)


class Burst(ctrdtest.DaemonTest):
    sets = ("http.io_threads=1",)

    def test_as_many_at_once_as_the_library_asks_for(self):
        # It asks the kernel for 128 events at a time; its own loop would wait for a 129th.
        for count in (128, 256):
            with self.subTest(count=count), contextlib.ExitStack() as stack:
                socks = [stack.enter_context(self.daemon.raw(timeout=20)) for _ in range(count)]
                until(lambda: self.daemon.metrics()["ctrd_connections"] == count + 1, "all are accepted")
                self.daemon.signal(signal.SIGSTOP)
                until(lambda: "State:\tT" in self.daemon.proc("status"), "it stands still")
                for sock in socks:
                    sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                self.daemon.signal(signal.SIGCONT)
                for sock in socks:
                    self.assertEqual(ctrdtest.read_reply(sock.makefile("rb"))[0], 200)


MANY = 10000


class Many(unittest.TestCase):
    """Ten thousand connections, most of them idle."""

    def test_ten_thousand_connections(self):
        need = MANY + 3000  # here, and in the daemon
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, need), max(hard, need)))
        except (ValueError, PermissionError):
            self.skipTest(f"{need} descriptors are needed, {hard} can be had")
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with tempfile.TemporaryDirectory() as folder:
            ctrdtest.make_model(os.path.join(folder, "demo"))
            daemon = ctrdtest.Daemon(os.path.join(folder, "demo"), f"http.max_connections={MANY + 2000}", "http.idle_timeout_s=3600")
            try:
                self.use(daemon)
            finally:
                daemon.kill()

    def use(self, daemon):
        socks = []
        for _ in range(MANY):
            socks.append(daemon.raw())
            if len(socks) % 1000 == 0:
                self.assertEqual(daemon.request("GET", "/livez")[0], 200)
        until(lambda: daemon.metrics()["ctrd_connections"] == MANY + 1, "all are accepted")
        self.assertEqual(daemon.rank(body_of(3))[0], 200)
        rank = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body_of(3)), body_of(3))
        for sock in socks[::100]:  # each of them is alive
            sock.sendall(rank)
            self.assertEqual(ctrdtest.read_reply(sock.makefile("rb"))[0], 200)
        for sock in socks:
            sock.close()
        until(lambda: daemon.metrics()["ctrd_connections"] == 1, "all are let go")
        self.assertEqual(daemon.metrics()["ctrd_connections_cut_total"], 0)
        self.assertEqual(daemon.stop(), 0)


class Slow(unittest.TestCase):
    """Clients that dribble keep nobody out; what ends them is in test_security.py."""

    def start(self, *sets):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        ctrdtest.make_model(os.path.join(holder.name, "demo"))
        daemon = ctrdtest.Daemon(os.path.join(holder.name, "demo"), *sets)
        self.addCleanup(daemon.kill)
        return daemon

    def test_connections_that_wait_make_room(self):
        """A slowloris takes every connection and more; health is still answered, and so is ranking."""
        daemon = self.start("http.max_connections=50", "http.idle_timeout_s=60")
        socks = []
        for _ in range(120):
            try:
                socks.append(daemon.raw())
                socks[-1].sendall(b"GET /livez HTTP/1.1\r\nX: ")
            except ConnectionError:
                pass
            if len(socks) % 20 == 0:
                self.assertEqual(daemon.request("GET", "/livez")[0], 200)
        self.assertEqual(daemon.rank(body_of(3))[0], 200)
        self.assertGreaterEqual(daemon.metrics()["ctrd_connections_cut_total"], 60)
        for sock in socks:
            sock.close()
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
