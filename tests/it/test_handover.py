"""Restarts that nobody notices: sockets handed over, SIGTERM under load, logs rotated under load."""

import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

import ctrdtest
from ctrdtest import body_of, until

# What a service manager does (sd_listen_fds(3)): the sockets from descriptor 3 on, and whom they are for.
ACTIVATE = """
import fcntl, os, sys
count = int(sys.argv[1])
given = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 64) for fd in sys.argv[2:2 + count]]
for number, fd in enumerate(given):
    os.dup2(fd, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count))
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


class Client(threading.Thread):
    """Ranks on a kept connection until told to end. A request is sent once more only if the connection had
    answered before and was closed without a byte of the answer."""

    def __init__(self, port, stop):
        super().__init__()
        self.port, self.stop = port, stop
        self.faults, self.answered, self.again = [], 0, 0
        self.sock, self.used = None, False
        body = body_of(5)
        self.request = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def close(self):
        if self.sock is not None:
            self.sock.close()
        self.sock, self.used = None, False

    def attempt(self):
        """The whole answer, or what had come of it when the connection ended."""
        got = b""
        try:
            if self.sock is None:
                self.sock = socket.create_connection(("127.0.0.1", self.port), 60)
            self.sock.sendall(self.request)
            while not self.whole(got):
                piece = self.sock.recv(1 << 16)
                if not piece:
                    return got
                got += piece
        except ConnectionError:
            pass
        return got

    def whole(self, got):
        head, gap, body = got.partition(b"\r\n\r\n")
        return bool(gap) and len(body) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])

    def run(self):
        while not self.stop.is_set():
            kept = self.used
            got = self.attempt()
            if not got and kept:
                self.close()
                self.again += 1
                continue
            if not self.whole(got) or not got.startswith(b"HTTP/1.1 200 "):
                self.faults.append((kept, got[:200]))
                return
            self.answered += 1
            self.used = True
            if b"connection: close" in got.partition(b"\r\n\r\n")[0].lower():
                self.close()
        self.close()


class Restarts(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrdtest-")
        self.addCleanup(holder.cleanup)
        self.path = pathlib.Path(holder.name)
        ctrdtest.make_model(self.path / "demo")

    def listen(self):
        sock = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.addCleanup(sock.close)
        return sock

    def start(self, *sets, sockets=(), env=None):
        prefix = ()
        fds = [sock.fileno() for sock in sockets]
        if fds:
            prefix = ("/usr/bin/python3", "-c", ACTIVATE, str(len(fds)), *map(str, fds))
        daemon = ctrdtest.Daemon(self.path / "demo", *sets, prefix=prefix, fds=fds, env=env)
        self.addCleanup(daemon.kill)
        return daemon

    def clients(self, port, count=4):
        stop = threading.Event()
        made = [Client(port, stop) for _ in range(count)]
        self.addCleanup(stop.set)
        for client in made:
            client.start()
        return made, stop

    def served(self, daemon):
        return int(daemon.metrics().get('ctrd_http_requests_total{route="/v1/rank",method="POST",code="200"}', 0))


class HandOver(Restarts):
    def test_an_inherited_socket_is_handed_over_without_an_error(self):
        listening = self.listen()
        port = listening.getsockname()[1]
        daemon = self.start("http.port=1", sockets=[listening])
        self.assertEqual(daemon.port, port)  # not the one of the configuration
        clients, stop = self.clients(port)
        until(lambda: min(client.answered for client in clients) >= 20, "the first serves")
        for _ in range(3):
            following = self.start(sockets=[listening])
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.wait(), 0)
            before = [client.answered for client in clients]
            until(lambda: all(client.answered >= had + 20 or client.faults
                              for client, had in zip(clients, before)), "the next serves")
            daemon = following
        stop.set()
        for client in clients:
            client.join(60)
        self.assertEqual([client.faults for client in clients], [[]] * len(clients))
        self.assertEqual(daemon.stop(), 0)

    def test_connections_wait_while_nobody_serves(self):
        listening = self.listen()
        first = self.start(sockets=[listening])
        self.assertEqual(first.stop(), 0)
        with socket.create_connection(listening.getsockname(), 60) as sock:
            sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            second = self.start(sockets=[listening])
            self.assertEqual(ctrdtest.read_reply(sock.makefile("rb"))[0], 200)
        self.assertEqual(second.stop(), 0)

    def test_the_admin_socket_can_be_handed_over_too(self):
        listening = self.listen()
        admin = socket.socket(socket.AF_UNIX)
        self.addCleanup(admin.close)
        admin.bind(str(self.path / "admin"))
        admin.listen()
        daemon = self.start(sockets=[listening, admin], env={"LISTEN_FDNAMES": "http:admin"})
        connection = ctrdtest.UnixConnection(self.path / "admin")
        connection.request("GET", "/v1/models")
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        self.assertEqual(daemon.rank(body_of())[0], 200)
        self.assertEqual(daemon.stop(), 0)
        self.assertTrue((self.path / "admin").exists())  # it is not the daemon's

    def test_sockets_for_somebody_else_are_left_alone(self):
        listening = self.listen()
        daemon = self.start(env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
        self.assertNotEqual(daemon.port, listening.getsockname()[1])
        self.assertEqual(daemon.stop(), 0)

    def test_what_is_no_listening_socket_is_refused(self):
        plain = socket.socket()
        self.addCleanup(plain.close)
        for sockets, env in (([plain], None), ([self.listen()], {"LISTEN_FDNAMES": "ssh"}),
                             ([self.listen(), self.listen()], {"LISTEN_FDNAMES": "http:http"})):
            with self.assertRaisesRegex(RuntimeError, "LISTEN_FD"):
                self.start(sockets=sockets, env=env)


class OpenLoop(Restarts):
    def test_an_open_loop_client_sees_no_error(self):
        """It sends at its rate whatever comes back, and connects anew where it is told that a connection ends."""
        listening = self.listen()
        daemon = self.start("drain.delay_ms=300", sockets=[listening])
        bodies = self.path / "bodies.jsonl"
        bodies.write_bytes(body_of(5) + b"\n")
        generator = [os.path.join(ctrdtest.BUILD_DIR, "ctrload"), "--port", str(daemon.port), "--bodies", bodies, "--connections", "16",
                     "--warmup", "0", "--json", "-"]
        full = json.loads(subprocess.run([*generator, "--duration", "1"], check=True, stdout=subprocess.PIPE).stdout)
        rate = max(100, full["ok"] // 4)  # with two daemons at a time, and the tests beside
        with subprocess.Popen([*generator, "--rate", str(rate), "--duration", "10"], stdout=subprocess.PIPE, text=True) as load:
            self.addCleanup(load.kill)
            restarts = 0
            while load.poll() is None and restarts < 3:
                before = self.served(daemon)
                until(lambda before=before, daemon=daemon: self.served(daemon) >= before + 20 or load.poll() is not None, "load")
                following = self.start("drain.delay_ms=300", sockets=[listening])
                daemon.signal(signal.SIGTERM)
                self.assertEqual(daemon.wait(), 0)
                daemon = following
                restarts += load.poll() is None
            self.assertGreater(restarts, 0, "the first restart took longer than the load")
            report = json.loads(load.communicate()[0])
        self.assertEqual(sum(report["errors"].values()), 0, report["errors"])
        self.assertEqual(report["ok"], report["planned"], report["by_status"])
        self.assertGreater(report["ok"], 500)


class Term(Restarts):
    def test_clients_that_heed_readyz_see_no_error(self):
        """New connections all the time, as by a balancer, until /readyz says 503."""
        daemon = self.start("drain.delay_ms=3600000")
        unready, faults, counts = threading.Event(), [], [0] * 4

        def client(number):
            while not unready.is_set():
                try:
                    status, reply = daemon.rank(body_of(5))
                except Exception as fault:  # whatever it is, it is told
                    status, reply = repr(fault), ""
                if status != 200:
                    faults.append((status, reply))
                    return
                counts[number] += 1

        threads = [threading.Thread(target=client, args=(number,)) for number in range(len(counts))]
        for thread in threads:
            thread.start()
        until(lambda: min(counts) >= 10, "load")
        daemon.signal(signal.SIGTERM)
        until(lambda: daemon.request("GET", "/readyz")[0] == 503, "readyz 503")
        before = list(counts)
        until(lambda: faults or all(now > had for now, had in zip(counts, before)), "served while draining")
        unready.set()
        for thread in threads:
            thread.join(60)
        self.assertEqual(daemon.stop(signal.SIGINT), 0)
        self.assertEqual(faults, [])

    def test_another_term_changes_nothing_and_int_ends_it(self):
        daemon = self.start("drain.delay_ms=3600000")
        for _ in range(2):
            daemon.signal(signal.SIGTERM)
            until(lambda: daemon.request("GET", "/readyz")[0] == 503, "readyz 503")
            self.assertEqual(daemon.rank(body_of())[0], 200)
        self.assertEqual(daemon.stop(signal.SIGINT), 0)


class Logs(Restarts):
    ROTATIONS = 20

    def client(self, daemon, name, stop, sent, faults):
        connection = daemon.connect()
        number = 0
        while not stop.is_set():
            number += 1
            connection.request("POST", "/v1/rank", body_of(3), {"X-Request-Id": f"{name}-{number}"})
            reply = connection.getresponse()
            reply.read()
            if reply.status != 200:
                faults.append(reply.status)
                return
            sent.append(f"{name}-{number}")
        connection.close()

    def test_rotation_under_load_loses_no_line(self):
        folder = self.path / "logs"
        folder.mkdir()
        log, access = folder / "log", folder / "access"
        daemon = self.start(f"log.file={log}", f"log.access_file={access}", "log.access_per_second=0",
                            "log.format=json")
        stop, sent, faults = threading.Event(), [], []
        self.addCleanup(stop.set)
        threads = [threading.Thread(target=self.client, args=(daemon, name, stop, sent, faults)) for name in "abc"]
        for thread in threads:
            thread.start()
        for number in range(1, self.ROTATIONS + 1):
            daemon.signal(signal.SIGUSR2)
            until(lambda: '"state"' in log.read_text(), "the state in the log")
            had = len(sent)
            until(lambda: len(sent) > had + 10, "requests")
            os.rename(log, folder / f"log.{number}")
            os.rename(access, folder / f"access.{number}")
            daemon.signal(signal.SIGUSR1)
            until(lambda: log.exists() and access.exists(), "new files")
        stop.set()
        for thread in threads:
            thread.join(60)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(faults, [])

        def lines(pattern):
            return [json.loads(line) for path in folder.glob(pattern) for line in path.read_text().splitlines()]
        self.assertEqual(sorted(line["request_id"] for line in lines("access*")), sorted(sent))
        states = [line for line in lines("log*") if line.get("event") == "state"]
        self.assertEqual(len(states), self.ROTATIONS)
        for field in ("in_flight", "queue_depth", "connections", "held_bytes"):
            self.assertTrue(all(isinstance(state[field], int) for state in states), field)
        self.assertEqual(daemon.stderr(), "")

    def test_access_lines(self):
        access = self.path / "access"
        daemon = self.start(f"log.access_file={access}", f"admin.socket={self.path}/admin")
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        state = 'a=b,c="d'
        headers = {"X-Request-Id": "mine", "traceparent": parent, "tracestate": state}
        for count, (ask, status) in enumerate(((lambda: daemon.rank(body_of(3), headers), 200), (lambda: daemon.rank(b"{"), 400),
                                               (lambda: daemon.request("GET", "/nowhere"), 404)), 1):
            self.assertEqual(ask()[0], status)
            until(lambda count=count: access.read_text().count("\n") == count, "a line: another thread may write the next")
        self.assertEqual(daemon.admin("GET", "/v1/models")[0], 200)
        self.assertEqual(daemon.stop(), 0)
        lines = [json.loads(line) for line in access.read_text().splitlines()]
        self.assertEqual([line["http.response.status_code"] for line in lines], [200, 400, 404, 200])
        first = lines[0]
        self.assertEqual((first["http.request.method"], first["http.route"], first["request_id"]), ("POST", "/v1/rank", "mine"))
        self.assertEqual((first["ctr.model"], first["ctr.model.version"], first["ctr.candidates"]), ("demo", 1, 3))
        self.assertEqual([line.get("ctr.arm") for line in lines], ["control", None, None, None])
        for end in ("client.address", "server.address"):
            self.assertEqual([line.get(end) for line in lines], ["127.0.0.1"] * 3 + [None])
        self.assertEqual(first["traceparent"][:36], parent[:36])
        self.assertEqual([line.get("tracestate") for line in lines], [state, None, None, None])
        self.assertNotEqual(first["traceparent"][36:52], parent[36:52])  # a span of its own
        self.assertEqual(first["request_bytes"], len(body_of(3)))
        self.assertGreater(first["response_bytes"], 0)
        self.assertEqual([line.get("error.type") for line in lines], [None, "invalid", "not_found", None])
        self.assertNotIn("http.route", lines[2])  # a path that is none is not written down

    def test_a_client_that_reset_has_an_address(self):
        """Whom the kernel no longer knows by then."""
        access = self.path / "access"
        daemon = self.start(f"log.access_file={access}")
        sock = daemon.raw()
        sock.sendall(b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
        until(lambda: daemon.metrics()["ctrd_inflight_requests"] == 2, "it is being read")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        until(lambda: '"sent":false' in access.read_text(), "its line")
        line = next(line for line in map(json.loads, access.read_text().splitlines()) if "sent" in line)
        self.assertEqual((line.get("client.address"), line["http.route"]), ("127.0.0.1", "/v1/rank"))
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
