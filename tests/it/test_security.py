"""What docs/security.md promises: hostile requests, slow clients, few privileges, silent logs."""

import ast
import gzip
import json
import os
import pathlib
import re
import resource
import signal
import socket
import tempfile
import time
import unittest

import ctrdtest
from ctrdtest import body_of, make_model, publish, read_reply, until

SOURCE = pathlib.Path(os.environ["SOURCE_DIR"])
FOREIGN = "Q" * 5000
# The search for leaks stops the process by ptrace(2), which the sandbox rules out.
NO_LEAKS = ctrdtest.sanitizer("detect_leaks=0")
ROOT = unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")


def head_of(length, path="/v1/rank", more=""):
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {length}\r\n\r\n".encode()


class Page(unittest.TestCase):
    def test_every_listed_test_exists(self):
        page = (SOURCE / "docs/security.md").read_text()
        named = re.findall(r"`(test_\w+)\.(\w+)\.(test_\w+)`", page)
        self.assertGreater(len(named), 25)
        for file, case, name in named:
            tree = ast.parse((SOURCE / "tests/it" / (file + ".py")).read_text())
            found = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == case]
            self.assertTrue(found, f"{file}.{case}")
            self.assertIn(name, [node.name for node in found[0].body if isinstance(node, ast.FunctionDef)])
        for kind, name in re.findall(r"`(unit|fuzz)\.(\w+)`", page):
            wanted = name if kind == "unit" else "fuzz_" + name
            self.assertTrue(list((SOURCE / "tests" / kind).glob(wanted + ".c*")), f"{kind}.{name}")
        rows = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.M)]
        self.assertEqual(sorted(set(rows)), list(range(1, max(rows) + 1)))


class Requests(ctrdtest.DaemonTest):
    sets = ("http.max_body_bytes=1m",)

    def grown_kb(self, use):
        """How far the resident memory rose meanwhile; 0 under a sanitizer, which keeps what was freed."""
        def peak():
            return int(re.search(r"VmHWM:\s+(\d+)", self.daemon.proc("status"))[1])
        with open(f"/proc/{self.daemon.process.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the peak is what it is now
        before = peak()
        use()
        return 0 if ctrdtest.SANITIZED else peak() - before

    def test_json_depth(self):
        for path in ("/v1/rank", "/v1/explain"):
            for opening, closing in (("[", "]"), ('{"a":', "}")):
                for depth in (33, 100_000):
                    for whole in (True, False):
                        text = opening * depth + "1" + (closing * depth if whole else "")
                        for body in (text, '{"context":' + text, '{"context":' + text + ',"candidates":[]}'):
                            status, _, reply = self.daemon.request("POST", path, body.encode()[:1 << 20])
                            self.assertEqual(status, 400, reply)
        self.assertEqual(self.daemon.rank(body_of())[0], 200)

    def test_numbers(self):
        for number in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "01", "+1", ".5", "1.", "0x1", "1e", "--1", "1e400"):
            body = body_of(1).replace(b'"bid": 1.0', b'"bid": ' + number.encode())
            self.assertEqual(self.daemon.rank(body)[0], 400, number)
        for member in ("slots", "timeout_us"):
            for number in ("-1", "1e999", "1.5", "99999999999999999999999999", "true", "[]"):
                body = body_of().replace(b"{", b'{"%s": %s, ' % (member.encode(), number.encode()), 1)
                self.assertEqual(self.daemon.rank(body)[0], 400, (member, number))

    def test_duplicate_keys(self):
        body = body_of(2).decode()
        for twice in (body.replace("{", '{"slots": 1, "slots": 2, ', 1), body.replace("{", '{"candidates": [], ', 1),
                      body.replace('"bid"', '"bid": 1, "bid"', 1), body.replace('"f"', '"f": [1, 2, 3, 4], "f"', 1),
                      body.replace("{", '{"context": {}, "context": {}, ', 1),
                      body.replace("{", '{"model": "demo", "m\\u006fdel": "demo", ', 1)):
            self.assertEqual(self.daemon.rank(twice.encode())[0], 400, twice[:80])

    def test_strings_and_sizes_are_limited(self):
        long = "x" * 300_000
        for body in (body_of(1, id=long), body_of(1, model=long), body_of(1, unit=long),
                     json.dumps({long: 1, **json.loads(body_of(1))}).encode(),
                     body_of(1).replace(b'"a0"', b'"' + long.encode() + b'"')):
            self.assertIn(self.daemon.rank(body)[0], (400, 404))
        for text in (b'{"candidates": "\xff"}', b'{"id": "\\ud800"}', b"\xef\xbb\xbf{}", b"\x00", b'{"id": "a\x01"}'):
            self.assertEqual(self.daemon.rank(text)[0], 400, text)

    def test_many_chunks_cost_no_memory(self):
        """A body in chunks of one byte is as large as its bytes, whatever the number of chunks."""
        body = body_of() + b" " * 900_000
        request = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

        def send(size):
            with self.daemon.raw() as sock:
                pieces = [body[i:i + size] for i in range(0, len(body), size)]
                sock.sendall(request + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
                self.assertEqual(read_reply(sock.makefile("rb"))[0], 200)
        send(100_000)
        self.assertLess(self.grown_kb(lambda: send(1)), 2048)

    def test_header_limits(self):
        for lines in ("X: y\r\n" * 101, "X: " + "y" * 40_000 + "\r\n"):
            with self.daemon.raw() as sock:
                sock.sendall(head_of(0, more=lines))
                self.assertEqual(read_reply(sock.makefile("rb"))[0], 431)
        with self.daemon.raw() as sock:
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 99 + b"\r\n")
            self.assertEqual(read_reply(sock.makefile("rb"))[0], 200)

    def test_gzip_bombs(self):
        bomb = gzip.compress(b" " * (200 << 20), 9)
        self.assertLess(len(bomb), 1 << 20)
        packed = {"Content-Encoding": "gzip"}

        def burst():
            for path in ("/v1/rank", "/v1/explain"):
                status, _, reply = self.daemon.request("POST", path, bomb, packed)
                self.assertEqual(status, 413, reply)
            # Within the limit of bytes, but of a ratio that no request has; and over the limit.
            for spaces, wanted in ((60_000, 200), (500_000, 413), (1 << 20, 413)):
                body = gzip.compress(body_of() + b" " * spaces, 9)
                self.assertEqual(self.daemon.request("POST", "/v1/rank", body, packed)[0], wanted)
        self.assertLess(self.grown_kb(burst), 4 << 10)
        whole = gzip.compress(body_of())
        for body, status in ((whole, 200), (whole[:-1], 400), (whole + b"x", 400), (whole + whole, 400),
                             (body_of(), 400), (b"", 400), (whole[:3], 400), (gzip.compress(bomb), 413)):
            got, _, reply = self.daemon.request("POST", "/v1/rank", body, packed)
            self.assertEqual(got, status, reply)
        self.assertEqual(self.daemon.request("POST", "/v1/rank", whole, {"Content-Encoding": "br"})[0], 415)

    def test_names(self):
        make_model(os.path.join(self.folder.name, "x"))  # what "../x" would be
        for name in ("../x", "..", "/etc/passwd", "a/b", "a\\b", "", "a\x00b", ".hidden", "a" * 65, "%2e%2e", "\u00e9"):
            self.assertIn(self.daemon.rank(body_of(model=name))[0], (400, 404), name)
            self.assertIn(self.daemon.rank(body_of(version=name))[0], (400, 404), name)
        for path in ("/v1/schema?model=../x", "/v1/schema?version=../1", "/v1/schema?model=%2e%2e", "/v1/models/../rank"):
            self.assertIn(self.daemon.request("GET", path)[0], (400, 404), path)

    def test_error_text(self):
        """No paths, no pointers, printable ASCII, and little of what the client sent."""
        candidate = {"id": "x", "bid": 1, "features": {"f": [0, 0, 0, 0]}}
        bodies = [{FOREIGN: 1}, {"model": FOREIGN, "candidates": [candidate]}, {"version": FOREIGN, "candidates": [candidate]},
                  {"candidates": [{**candidate, FOREIGN: 1}]}, {"candidates": [{**candidate, "features": {FOREIGN: 1}}]},
                  {"candidates": [{**candidate, "features": {"f": FOREIGN}}]}, {"candidates": [{**candidate, "id": FOREIGN}]},
                  {"candidates": FOREIGN}, {"floors": {FOREIGN: 1}}, {"model": "\x1b[2J\n\u202e" + FOREIGN, "candidates": [candidate]},
                  {"context": {FOREIGN: FOREIGN}, "candidates": [candidate]}, FOREIGN]
        replies = [self.daemon.request("POST", path, json.dumps(body))[2]
                   for path in ("/v1/rank", "/v1/explain", "/" + FOREIGN) for body in bodies]
        replies += [self.daemon.request("GET", path)[2] for path in (
            "/" + FOREIGN, f"/v1/schema?model={FOREIGN}", f"/v1/schema?{FOREIGN}=1", f"/readyz?exclude={FOREIGN}",
            f"/v1/schema?version={FOREIGN}")]
        replies += [self.daemon.request("POST", "/v1/rank", b"{}", {name: FOREIGN})[2]
                    for name in ("Content-Type", "Content-Encoding", "X-Request-Timeout-Ms", "Expect")]
        faults = 0
        for text in replies:
            reply = json.loads(text)
            if "error" not in reply:
                continue
            faults += 1
            error = reply["error"]
            self.assertTrue(error.isascii() and error.isprintable(), error)
            self.assertLessEqual(max(map(len, re.findall("Q+", error)), default=0), 120, error)
            self.assertNotRegex(error, r"0x[0-9a-f]{4}")
            self.assertNotIn(str(self.models), error)
            self.assertNotRegex(error, r"(/tmp|/proc|/etc|\.c\b|\.safetensors)")
        self.assertGreater(faults, 40)

    def test_sigpipe(self):
        """Replies to clients that are gone, and to a log that nobody reads, end nothing."""
        body = body_of(500)
        for _ in range(30):
            sock = self.daemon.raw()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.sendall((head_of(len(body)) + body) * 3)
            sock.close()
        self.assertEqual(self.daemon.rank(body_of())[0], 200)
        ignored = int(re.search(r"SigIgn:\s+(\w+)", self.daemon.proc("status"))[1], 16)
        self.assertTrue(ignored >> (signal.SIGPIPE - 1) & 1)
        reads, writes = os.pipe()
        os.close(reads)
        with os.fdopen(writes) as nobody:
            logs = ctrdtest.Daemon(self.models, "log.access_file=-", stdout=nobody)
        self.addCleanup(logs.kill)
        for _ in range(3):
            self.assertEqual(logs.rank(body_of())[0], 200)
        until(lambda: logs.metrics()['ctrd_access_log_lost_total{reason="full"}'] >= 3, "lines that nobody took")
        self.assertEqual(logs.stop(), 0)


class Ignoring(ctrdtest.DaemonTest):
    sets = ("rank.unknown_features=ignore",)

    def test_depth_ends_at_32(self):
        for deep, wanted in ((30, 200), (31, 400)):  # below the request and its user
            odd = b"[" * deep + b"]" * deep
            status, reply = self.daemon.rank(body_of().replace(b"{", b'{"user": {"odd": %s}, ' % odd, 1))
            self.assertEqual(status, wanted, reply)
        self.assertIn("nested deeper", reply["error"])
        self.assertEqual(self.daemon.metrics()["ctrd_feature_unknown_total"], 1)


class Started(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrdtest-")
        self.addCleanup(holder.cleanup)
        self.path = pathlib.Path(holder.name)
        self.path.chmod(0o755)
        self.models = self.path / "demo"
        make_model(self.models)

    def start(self, *sets, **more):
        daemon = ctrdtest.Daemon(self.models, *sets, **more)
        self.addCleanup(daemon.kill)
        return daemon


class Slow(Started):
    def closes(self, sock, begun, least):
        """The server ends the connection, and not before `least` seconds have passed since `begun`."""
        try:
            while sock.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        self.assertGreaterEqual(time.monotonic() - begun, least)

    def test_a_slow_head_and_a_slow_body_are_cut(self):
        for timeouts, sent in ((("http.idle_timeout_s=1", "http.transfer_timeout_s=3600"), (b"", b"POST /v1/ra", head_of(9)[:-2])),
                               (("http.idle_timeout_s=3600", "http.transfer_timeout_s=1"), (head_of(9), head_of(9) + b"{"))):
            daemon = self.start(*timeouts)
            for bytes_sent in sent:
                begun = time.monotonic()
                with self.subTest(sent=bytes_sent), daemon.raw(timeout=60) as sock:
                    sock.sendall(bytes_sent)
                    self.closes(sock, begun, 1.0)
            self.assertEqual(daemon.metrics()["ctrd_connections_cut_total"], len(sent))
            self.assertEqual(daemon.stop(), 0)

    def test_a_byte_now_and_then_does_not_help(self):
        for timeouts, begun in ((("http.idle_timeout_s=1", "http.transfer_timeout_s=3600"), b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nX: "),
                                (("http.idle_timeout_s=3600", "http.transfer_timeout_s=1"), head_of(1000))):
            daemon = self.start(*timeouts)
            with self.subTest(begun=begun), daemon.raw(timeout=0.1) as sock:
                sock.sendall(begun)
                begun_s, ended = time.monotonic(), False
                while not ended and time.monotonic() < begun_s + 30:
                    try:
                        ended = sock.recv(1) == b""
                    except TimeoutError:
                        try:
                            sock.sendall(b" ")
                        except ConnectionError:
                            ended = True
                    except ConnectionError:
                        ended = True
                self.assertTrue(ended)
            self.assertEqual(daemon.stop(), 0)

    def test_a_reply_that_nobody_reads_is_cut(self):
        daemon = self.start("http.transfer_timeout_s=1", "http.idle_timeout_s=3600")
        body = body_of(2000)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(60)
            sock.connect(("127.0.0.1", daemon.port))
            sock.setblocking(False)
            cut = 'ctrd_connections_cut_total'
            request, sent = (head_of(len(body)) + body) * 200, 0

            def stuffed():
                nonlocal sent
                try:
                    sent += sock.send(request[sent:sent + (1 << 20)])
                except BlockingIOError:
                    pass
                except ConnectionError:
                    return True
                return daemon.metrics()[cut] >= 1
            until(stuffed, "the connection is cut")
        until(lambda: daemon.metrics()["ctrd_inflight_requests"] == 1, "nothing in flight")
        self.assertEqual(daemon.stop(), 0)

    def test_connections_are_capped(self):
        daemon = self.start("http.max_connections=16", "http.idle_timeout_s=3600")
        socks = []
        self.addCleanup(lambda: [sock.close() for sock in socks])
        for _ in range(100):  # more than the cap: idle ones make room
            socks.append(daemon.raw())
            self.assertEqual(daemon.request("GET", "/livez")[0], 200)
        self.assertLessEqual(daemon.metrics()["ctrd_connections"], 16)
        self.assertLess(daemon.open_files(), 100)
        self.assertEqual(daemon.stop(), 0)

    def test_connections_of_one_address_are_capped(self):
        daemon = self.start("http.max_per_address=4", "http.idle_timeout_s=3600", f"admin.socket={self.path}/admin")
        socks = [daemon.raw() for _ in range(4)]
        for sock in socks:
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(read_reply(sock.makefile("rb"))[0], 200)
        with daemon.raw() as fifth:
            try:
                fifth.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(fifth.recv(1), b"")
            except ConnectionError:
                pass
        with socket.create_connection(("127.0.0.1", daemon.port), 30, ("127.0.0.2", 0)) as other:
            other.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(read_reply(other.makefile("rb"))[0], 200)
        # Sockets of the machine itself have no address.
        held = [ctrdtest.UnixConnection(daemon.admin_path) for _ in range(8)]
        for connection in held:
            connection.request("GET", "/livez")
            self.assertEqual(connection.getresponse().read(), b'{"live":true}\n')
        for connection in held:
            connection.close()
        for sock in socks:
            sock.close()
        self.assertEqual(daemon.stop(), 0)


class Privileges(Started):
    def everything(self, daemon):
        """Every route answers, and every way to reload works."""
        for method, path, body in (("POST", "/v1/rank", body_of()), ("POST", "/v1/explain", body_of()),
                                   *(("GET", path, None) for path in ("/v1/schema", "/livez", "/readyz", "/startupz", "/healthz",
                                                                      "/metrics", "/version", "/openapi.json"))):
            self.assertEqual(daemon.request(method, path, body)[0], 200, path)
        self.assertEqual(daemon.request("POST", "/v1/rank", gzip.compress(body_of()), {"Content-Encoding": "gzip"})[0], 200)
        student = self.models / "1/student.safetensors"
        publish(self.models, 2, student)
        until(lambda: daemon.version_of() == 2, "version 2, watched")
        publish(self.models, 3, student)
        daemon.signal(signal.SIGHUP)
        until(lambda: daemon.version_of() == 3, "version 3, by SIGHUP")
        publish(self.models, 4, student)
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/load")[1], {"model": "demo", "version": "4"})
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/rollback", {})[0], 200)
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/label", {"label": "a", "version": 4})[0], 200)
        self.assertEqual(daemon.admin("GET", "/v1/models")[0], 200)
        daemon.signal(signal.SIGUSR2)
        daemon.wait_for_log("state")
        os.rename(self.path / "logs/access", self.path / "logs/old")
        daemon.signal(signal.SIGUSR1)
        until((self.path / "logs/access").exists, "a new access log")
        self.assertEqual(daemon.rank(body_of())[0], 200)

    def test_sandbox(self):
        (self.path / "logs").mkdir()
        daemon = self.start("security.sandbox=enforce", "model.watch=true", f"admin.socket={self.path}/admin",
                            f"log.access_file={self.path}/logs/access", env=NO_LEAKS)
        for task in os.listdir(f"/proc/{daemon.process.pid}/task"):
            self.assertRegex(daemon.proc(f"task/{task}/status"), r"Seccomp:\s+2")
        self.everything(daemon)
        until(lambda: "rank" in (self.path / "logs/access").read_text(), "a line in it")
        self.assertEqual(daemon.stop(), 0)

    def test_no_new_privileges(self):
        daemon = self.start()
        self.assertRegex(daemon.proc("status"), r"NoNewPrivs:\s+1")
        self.assertRegex(daemon.proc("status"), r"Seccomp:\s+0")
        self.assertEqual(daemon.stop(), 0)

    @ROOT
    def test_user(self):
        (self.path / "logs").mkdir()
        os.chown(self.path / "logs", 65534, 65534)
        daemon = self.start("security.user=nobody", "security.sandbox=enforce", "model.watch=true",
                            f"admin.socket={self.path}/admin", f"log.access_file={self.path}/logs/access", env=NO_LEAKS)
        for task in os.listdir(f"/proc/{daemon.process.pid}/task"):
            status = daemon.proc(f"task/{task}/status")
            self.assertRegex(status, r"Uid:\t65534\t65534\t65534\t65534")
            self.assertRegex(status, r"Gid:\t65534\t65534\t65534\t65534")
            self.assertRegex(status, r"Groups:\s*\n")
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertRegex(status, kind + r":\s+0{16}")
        self.assertEqual(os.lstat(self.path / "admin").st_uid, 65534)
        self.everything(daemon)
        self.assertEqual(daemon.stop(), 0)

    def test_users_that_are_none(self):
        for user in ("root", "nobody-of-that-name"):
            code, text = ctrdtest.run_to_end(self.models, f"security.user={user}")
            self.assertEqual(code, 78)
            self.assertIn("security.user", text)


class Files(Started):
    def test_log_files_that_are_links_are_refused(self):
        precious = self.path / "precious"
        precious.write_text("precious")
        (self.path / "link").symlink_to(precious)
        os.mkfifo(self.path / "pipe")
        for name in ("link", "pipe", "demo"):
            for option in ("log.file", "log.access_file"):
                code, text = ctrdtest.run_to_end(self.models, f"{option}={self.path}/{name}")
                self.assertNotEqual(code, 0)
                self.assertIn(name, text)
        self.assertEqual(precious.read_text(), "precious")
        # Nor when it becomes one while the daemon runs.
        daemon = self.start(f"log.access_file={self.path}/access")
        self.assertEqual(daemon.rank(body_of())[0], 200)
        until(lambda: "rank" in (self.path / "access").read_text(), "a line")
        os.rename(self.path / "access", self.path / "old")
        (self.path / "access").symlink_to(precious)
        daemon.signal(signal.SIGUSR1)
        daemon.wait_for_log("access log cannot be opened anew")
        self.assertEqual(daemon.rank(body_of())[0], 200)
        until(lambda: (self.path / "old").read_text().count("rank") == 2, "the next line goes on in the old file")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(precious.read_text(), "precious")

    def test_logs_hold_no_values(self):
        secrets = {"unit": "unit-of-somebody", "id": "request-77001"}
        daemon = self.start(f"log.access_file={self.path}/access", "log.level=debug")
        body = body_of(2).replace(b"-1.0", b"-0.7654321")
        self.assertIn(b"0.7654321", body)
        request = {**json.loads(body), **secrets}
        request["candidates"][0]["id"] = "candidate-88002"
        self.assertEqual(daemon.rank(json.dumps(request))[0], 200)
        for fault in ({"candidates": [{"id": "x", "features": {"f": "value-99003"}}]},
                      {"candidates": [{"id": "x", "features": {"f": [0.7654321]}}]}):
            self.assertEqual(daemon.rank(json.dumps(fault))[0], 400)
        self.assertEqual(daemon.stop(), 0)
        written = (self.path / "access").read_text()
        lines = [json.loads(line) for line in written.splitlines()]
        self.assertEqual(sorted(line["http.response.status_code"] for line in lines), [200, 400, 400])
        for text in (written, daemon.stderr()):
            for value in ("7654321", "value-99003", "candidate-88002", *secrets.values()):
                self.assertNotIn(value, text)

    def test_model_folders_lead_nowhere_else(self):
        outside = self.path / "outside"
        make_model(outside, 9)
        daemon = self.start(f"admin.socket={self.path}/admin")
        (self.models / "2").symlink_to(outside / "9")
        (self.models / "3").mkdir()
        (self.models / "3/student.safetensors").symlink_to(outside / "9/student.safetensors")
        for version in (2, 3):
            status, reply = daemon.admin("POST", "/v1/models/demo/load", {"version": version})
            self.assertGreaterEqual(status, 400, reply)
            self.assertNotIn(str(self.path), reply["error"])
        self.assertEqual(daemon.version_of(), 1)
        # Links inside the folder are fine: volumes of Kubernetes are made of them.
        os.rename(outside / "9", self.models / "..data")
        (self.models / "4").symlink_to("..data")
        self.assertEqual(daemon.admin("POST", "/v1/models/demo/load", {"version": 4})[0], 200)
        self.assertEqual(daemon.version_of(), 4)
        self.assertEqual(daemon.stop(), 0)

    def test_a_file_that_changes_after_the_load_changes_nothing(self):
        daemon = self.start()
        before = daemon.request("POST", "/v1/rank", body_of(50))[2]
        with open(self.models / "1/student.safetensors", "r+b") as file:
            file.write(b"\xff" * 64)
            file.truncate(64)
        self.assertEqual(daemon.request("POST", "/v1/rank", body_of(50))[2], before)
        self.assertEqual(daemon.stop(), 0)

    def test_no_descriptors_left_is_survived(self):
        limit = 400
        daemon = self.start("http.max_connections=128")
        kept = daemon.connect()

        def rank():
            kept.request("POST", "/v1/rank", body_of())
            reply = kept.getresponse()
            reply.read()
            return reply.status
        self.assertEqual(rank(), 200)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (daemon.open_files() + 4, limit))
        socks = [daemon.raw() for _ in range(20)]
        daemon.wait_for_log("cannot accept")
        self.assertEqual(rank(), 200)
        for sock in (kept, *socks):
            sock.close()
        until(lambda: daemon.request("GET", "/livez")[0] == 200, "an answer")
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
