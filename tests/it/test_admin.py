"""The three planes: every route of the table on every listener, with every kind of caller."""

import http.client
import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import tempfile
import unittest

import ctrdtest
from ctrdtest import body_of

TOKEN = "a token of some length"
BODIES = {"rank": body_of(), "explain": body_of(), "label": b'{"label": "canary", "version": 1}',
          "load": b"{}", "rollback": b'{"version": 1}'}


def routes():
    """[(method, path with a model in it, plane, whether it is guarded, operation)] of the table."""
    text = pathlib.Path(os.environ["SOURCE_DIR"], "server/routes.def").read_text()
    found = re.findall(r'^ROUTE\(\w+, "(\w+)", "([^"]+)", ROUTE_(\w+), ROUTE_(\w+), "(\w+)"', text, re.M)
    assert len(found) == len(re.findall(r"^ROUTE\(", text, re.M)), "a row of the table is not read"
    return [(method, path.replace("{model}", "demo"), plane, auth == "GUARDED", operation)
            for method, path, plane, auth, operation in found]


def ask(connection, method, path, operation, token=None, accept="application/json"):
    """(status, headers, JSON or text)."""
    headers = {"Accept": accept}
    if token is not None:
        headers["Authorization"] = token
    body = BODIES.get(operation)
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read()
    finally:
        connection.close()


class Planes(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrdtest-")
        self.addCleanup(holder.cleanup)
        self.path = pathlib.Path(holder.name)
        ctrdtest.make_model(self.path / "demo")
        self.token_file = self.path / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.token_file.chmod(0o600)

    def start(self, *sets):
        daemon = ctrdtest.Daemon(self.path / "demo", f"admin.socket={self.path}/admin", "admin.port=0",
                                 f"admin.token_file={self.token_file}", *sets)
        self.addCleanup(daemon.kill)
        return daemon

    def doors(self, daemon):
        """{door: (a new connection, planes, whether a guarded route wants the token)}."""
        return {"http": (daemon.connect, {"DATA", "OBSERVE"}, None),
                "socket": (lambda: ctrdtest.UnixConnection(daemon.admin_path), {"ADMIN", "OBSERVE"}, False),
                "port": (lambda: http.client.HTTPConnection("127.0.0.1", daemon.admin_port, timeout=30),
                         {"ADMIN", "OBSERVE"}, True)}

    def test_every_route_on_every_plane_with_every_token(self):
        table = routes()
        self.assertGreaterEqual(len(table), 14)
        daemon = self.start()
        tokens = {"none": None, "wrong": "Bearer " + TOKEN + "x", "short": "Bearer " + TOKEN[:-1], "empty": "Bearer ",
                  "basic": "Basic " + TOKEN, "bare": TOKEN, "right": "Bearer " + TOKEN}
        for door, (connect, planes, wants_token) in self.doors(daemon).items():
            for method, path, plane, guarded, operation in table:
                for kind, token in tokens.items():
                    with self.subTest(door=door, path=path, token=kind):
                        status, headers, body = ask(connect(), method, path, operation, token)
                        if plane not in planes:
                            wanted = 404
                        elif guarded and wants_token and kind != "right":
                            wanted = 401
                        else:
                            wanted = 200
                        self.assertEqual(status, wanted, body)
                        if status == 401:
                            self.assertEqual(headers["WWW-Authenticate"], "Bearer")
                        if status != 200:
                            self.assertEqual(list(json.loads(body)), ["error"])
        self.assertEqual(daemon.stop(), 0)

    def test_other_methods_tell_no_more_without_the_token(self):
        daemon = self.start()
        connect = self.doors(daemon)["port"][0]
        for method, path, _, guarded, operation in routes():
            if guarded:
                other = "DELETE"
                self.assertEqual(ask(connect(), other, path, operation)[0], 401, path)
                status, headers, _ = ask(connect(), other, path, operation, "Bearer " + TOKEN)
                self.assertEqual(status, 405, path)
                self.assertIn(method, headers["Allow"])
        self.assertEqual(daemon.stop(), 0)

    def test_without_observe_the_data_plane_ranks_alone(self):
        daemon = self.start("http.observe=false")
        for method, path, plane, _, operation in routes():
            with self.subTest(path=path):
                self.assertEqual(ask(daemon.connect(), method, path, operation)[0], 200 if plane == "DATA" else 404)
                if plane == "OBSERVE":
                    self.assertEqual(ask(ctrdtest.UnixConnection(daemon.admin_path), method, path, operation)[0], 200)
        self.assertEqual(daemon.stop(), 0)

    def test_health_beyond_loopback_is_asked_for(self):
        for observe, listen, status in ((None, "127.0.0.1", 200), (None, "0.0.0.0", 404), ("true", "0.0.0.0", 200), ("loopback", "::1", 200), (None, "::", 404)):
            with self.subTest(observe=observe, listen=listen):
                daemon = self.start(f"http.listen={listen}", *([f"http.observe={observe}"] if observe else []))
                connection = http.client.HTTPConnection("::1" if ":" in listen else "127.0.0.1", daemon.port, timeout=30)
                for method, path, plane, _, operation in routes():
                    if plane == "OBSERVE":
                        self.assertEqual(ask(connection, method, path, operation)[0], status, path)
                        self.assertEqual(ask(ctrdtest.UnixConnection(daemon.admin_path), method, path, operation)[0], 200)
                connection.close()
                self.assertEqual("on the admin plane alone" in daemon.stderr(), status == 404)
                self.assertEqual(daemon.stop(), 0)

    def test_two_authorizations_are_none(self):
        daemon = self.start()
        with socket.create_connection(("127.0.0.1", daemon.admin_port), timeout=30) as sock:
            line = f"Authorization: Bearer {TOKEN}\r\n"
            sock.sendall(f"GET /v1/models HTTP/1.1\r\nHost: x\r\n{line}{line}\r\n".encode())
            self.assertEqual(ctrdtest.read_reply(sock.makefile("rb"))[0], 400)
        self.assertEqual(daemon.stop(), 0)

    def test_the_admin_port_is_of_this_machine_alone(self):
        daemon = self.start("http.listen=0.0.0.0")
        inodes = {line.split()[1] for line in daemon.proc("net/tcp").splitlines()[1:] if line.split()[3] == "0A"}
        self.assertIn(f"0100007F:{daemon.admin_port:04X}", inodes)
        self.assertIn(f"00000000:{daemon.port:04X}", inodes)
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn(f"00000000:{daemon.admin_port:04X}", inodes)

    def test_listens_on_loopback_by_default(self):
        daemon = self.start()
        listening = {line.split()[1] for line in daemon.proc("net/tcp").splitlines()[1:] if line.split()[3] == "0A"}
        self.assertIn(f"0100007F:{daemon.port:04X}", listening)
        self.assertEqual(daemon.stop(), 0)

    def test_the_socket_is_for_its_owner_alone(self):
        before = os.umask(0)
        try:
            daemon = self.start()
        finally:
            os.umask(before)
        state = os.lstat(self.path / "admin")
        self.assertTrue(stat.S_ISSOCK(state.st_mode))
        self.assertEqual(stat.S_IMODE(state.st_mode), 0o600)
        self.assertEqual(state.st_uid, os.geteuid())
        self.assertEqual(sorted(os.listdir(self.path)), ["admin", "demo", "token"])  # nothing beside it is left
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(sorted(os.listdir(self.path)), ["demo", "token"])

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_another_user_is_refused_even_if_the_file_lets_him(self):
        daemon = self.start()
        self.path.chmod(0o755)
        client = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
                  "s.sendall(b'%s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' % sys.argv[2].encode())\n"
                  "sys.stdout.buffer.write(s.makefile('rb').read())")

        def as_nobody(request):
            return subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/bin/python3",
                                   "-c", client, daemon.admin_path, request], capture_output=True, cwd="/", timeout=60)
        refused = as_nobody("GET /v1/models")
        self.assertIn(b"PermissionError", refused.stderr)
        os.chmod(daemon.admin_path, 0o666)  # the kernel lets him in now, the daemon does not
        for request, answer in (("GET /v1/models", b"HTTP/1.1 403 "), ("POST /v1/models/demo/load", b"HTTP/1.1 403 "),
                                ("GET /livez", b"HTTP/1.1 200 ")):
            done = as_nobody(request)
            self.assertTrue(done.stdout.startswith(answer), (done.stdout, done.stderr))
        self.assertEqual(daemon.stop(), 0)

    def test_a_dead_socket_is_replaced_a_living_one_is_not(self):
        daemon = self.start()
        code, text = ctrdtest.run_to_end(self.path / "demo", f"admin.socket={self.path}/admin")
        self.assertEqual(code, 78)
        self.assertIn("somebody listens", text)
        self.assertEqual(daemon.admin("GET", "/v1/models")[0], 200)
        daemon.kill()
        self.assertTrue((self.path / "admin").exists())
        daemon = self.start()
        self.assertEqual(daemon.admin("GET", "/v1/models")[0], 200)
        self.assertEqual(daemon.stop(), 0)
        (self.path / "admin").write_text("precious")
        code, text = ctrdtest.run_to_end(self.path / "demo", f"admin.socket={self.path}/admin")
        self.assertEqual((code, (self.path / "admin").read_text()), (78, "precious"), text)

    def test_token_files(self):
        def refused(words):
            code, text = ctrdtest.run_to_end(self.path / "demo", "admin.port=0", f"admin.token_file={self.token_file}")
            self.assertEqual(code, 78, text)
            self.assertIn(words, text)
            self.assertIn("admin.token_file", text)
            self.assertNotIn(TOKEN, text)
        for mode in (0o640, 0o604, 0o620, 0o602, 0o666):
            self.token_file.chmod(mode)
            refused("chmod 600")
        self.token_file.chmod(0o600)
        for content in ("", "\n", "x" * 15 + "\n", "x" * 4097):
            self.token_file.write_text(content)
            refused("bytes")
        self.token_file.unlink()
        refused("No such file")
        self.token_file.mkdir()
        refused("no regular file")
        self.token_file.rmdir()
        os.mkfifo(self.token_file, 0o600)
        refused("no regular file")
        code, text = ctrdtest.run_to_end(self.path / "demo", "admin.port=0")
        self.assertEqual(code, 78)
        self.assertIn("admin.token_file", text)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a file away")
    def test_a_token_file_of_somebody_else_is_refused(self):
        os.chown(self.token_file, 65534, 65534)
        code, text = ctrdtest.run_to_end(self.path / "demo", "admin.port=0", f"admin.token_file={self.token_file}")
        self.assertEqual(code, 78)
        self.assertIn("another user", text)

    def test_the_token_is_nowhere_to_be_seen(self):
        log = self.path / "access"
        daemon = self.start(f"log.access_file={log}", "log.level=debug")
        connect = self.doors(daemon)["port"][0]
        seen = [ask(connect(), "GET", path, "models", "Bearer " + TOKEN)[2] for path in ("/v1/models", "/metrics", "/version")]
        self.assertEqual(daemon.stop(), 0)
        for text in (*seen, log.read_bytes(), daemon.stderr().encode()):
            self.assertNotIn(TOKEN.encode(), text)
        self.assertIn(b"/v1/models", log.read_bytes())


if __name__ == "__main__":
    unittest.main()
