"""HTTP as hostile and slow clients speak it, on raw sockets."""

import json
import socket
import unittest

import ctrdtest
from ctrdtest import body_of, read_reply

LIMIT = 65536


class Http(ctrdtest.DaemonTest):
    sets = (f"http.max_body_bytes={LIMIT}", "http.idle_timeout_s=3600")

    def exchange(self, data):
        """Sends bytes, returns (first reply, whether the server then closed; if not, it answers what comes next)."""
        with self.daemon.raw(timeout=20) as sock:
            sock.sendall(data)
            stream = sock.makefile("rb")
            reply = read_reply(stream)
            try:
                sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                following = read_reply(stream)
            except ConnectionError:
                following = None
            self.assertIn(following and following[0], (None, 200))
            return reply, following is None

    def post(self, headers, body):
        return self.exchange(b"POST /v1/rank HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + body)

    def fault(self, result, status, *words):
        reply, closed = result
        self.assertEqual(reply[0], status, reply)
        self.assertEqual(reply[1]["content-type"], "application/json")
        error = json.loads(reply[2])["error"]
        for word in words:
            self.assertIn(word, error)
        return closed

    def length(self, body):
        return b"Content-Length: %d\r\n" % len(body)

    def test_duplicate_headers_are_refused_and_the_connection_ends(self):
        body = body_of()
        for name, headers in (
                ("Content-Length", self.length(body) * 2),
                ("Content-Length", self.length(body) + b"content-length: 5\r\n"),
                ("Host", self.length(body) + b"Host: y\r\n"),
                ("Transfer-Encoding", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
                ("Content-Length", self.length(body) + b"Transfer-Encoding: chunked\r\n")):
            with self.subTest(headers=headers):
                self.assertTrue(self.fault(self.post(headers, body), 400, name))

    def test_smuggled_request_is_never_answered(self):
        inner = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        for head in (b"POST /v1/rank", b"GET /livez", b"POST /nowhere", b"GET /v1/rank", b"PUT /livez"):
            for headers in (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                            b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(inner),
                            b"Content-Length : %d\r\n" % len(inner),
                            b"Content-Length:\r\n %d\r\n" % len(inner),
                            b"Content-Length: 0\r\n %d\r\n" % len(inner),
                            b"Transfer-Encoding\t: chunked\r\n",
                            b"Transfer-Encoding:\r\n chunked\r\n",
                            b"Content-Length: %d\r\n" % len(inner)):
                with self.subTest(head=head, headers=headers), self.daemon.raw() as sock:
                    sock.sendall(head + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + inner)
                    sock.shutdown(socket.SHUT_WR)
                    try:
                        everything = sock.makefile("rb").read()
                    except ConnectionError:
                        everything = b""
                    self.assertNotIn(b'"live"', everything)

    def test_body_over_the_limit_is_refused_from_its_length_alone(self):
        closed = self.fault(self.post(b"Content-Length: %d\r\n" % (LIMIT + 1), b""), 413, str(LIMIT))
        self.assertTrue(closed)
        self.fault(self.post(b"Content-Length: 18446744073709551615\r\n", b""), 413)

    def test_body_of_the_limit_is_read(self):
        body = body_of()
        reply, closed = self.post(b"Content-Length: %d\r\n" % LIMIT, body + b" " * (LIMIT - len(body)))
        self.assertEqual((reply[0], closed), (200, False))

    def chunks(self, data, size):
        return b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + size]), data[i:i + size])
                        for i in range(0, len(data), size)) + b"0\r\n\r\n"

    def test_chunked(self):
        body = body_of()
        plain = self.post(self.length(body), body)[0][2]
        for size in (1, 7, 4096):
            with self.subTest(size=size):
                reply, closed = self.post(b"Transfer-Encoding: chunked\r\n", self.chunks(body, size))
                self.assertEqual((reply[0], reply[2], closed), (200, plain, False))

    def test_chunked_over_the_limit(self):
        data = self.chunks(b" " * (LIMIT + 1), 4096)
        self.assertTrue(self.fault(self.post(b"Transfer-Encoding: chunked\r\n", data), 413, str(LIMIT)))
        data = self.chunks(body_of() + b" " * LIMIT, 1000)
        self.fault(self.post(b"Transfer-Encoding: chunked\r\n", data), 413)

    def test_chunks_without_end_are_cut_off(self):
        shed = 'ctrd_shed_total{reason="body_too_large"}'
        before = self.daemon.metrics()[shed]
        with self.daemon.raw() as sock:
            sock.sendall(b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            piece = b"1000\r\n" + b" " * 4096 + b"\r\n"
            with self.assertRaises(ConnectionError):
                for _ in range(100_000):
                    sock.sendall(piece)
        self.assertEqual(self.daemon.metrics()[shed], before + 1)

    def test_methods_and_paths(self):
        for method, path, status, allow in (
                ("GET", "/v1/rank", 405, "POST"), ("DELETE", "/v1/rank", 405, "POST"),
                ("POST", "/livez", 405, "GET, HEAD"), ("PUT", "/metrics", 405, "GET, HEAD"),
                ("HEAD", "/v1/rank", 405, "POST"), ("OPTIONS", "/readyz", 405, "GET, HEAD"),
                ("GET", "/", 404, None), ("GET", "/livez/", 404, None), ("GET", "//livez", 404, None),
                ("GET", "/LIVEZ", 404, None), ("GET", "/live%7a", 404, None),
                ("GET", "/livez%00", 404, None), ("POST", "/v1/rank/../rank", 404, None)):
            with self.subTest(method=method, path=path):
                got, headers, body = self.daemon.request(method, path)
                self.assertEqual(got, status)
                self.assertEqual(headers["Allow"], allow)
                self.assertEqual(headers["Content-Type"], "application/json")
                if method != "HEAD":
                    self.assertIn("error", json.loads(body))

    def test_query_is_no_part_of_the_path(self):
        self.assertEqual(self.daemon.request("GET", "/livez?verbose")[0], 200)

    def test_a_target_may_name_the_server(self):
        """As for a proxy (RFC 9112 3.2.2)."""
        for target, status in (("http://x/livez", 200), ("HTTP://x:80/livez?verbose", 200), ("http://x", 404), ("http://x//livez", 404),
                               ("https://x/livez", 404), ("http:/livez", 404), ("http://x/v1/rank", 405)):
            with self.subTest(target=target), self.daemon.raw() as sock, sock.makefile("rb") as stream:
                sock.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                self.assertEqual(read_reply(stream)[0], status)

    def test_head(self):
        for path in ("/livez", "/readyz", "/metrics", "/version"):
            with self.subTest(path=path):
                status, headers, body = self.daemon.request("HEAD", path)
                self.assertEqual((status, body), (200, b""))
                self.assertGreater(int(headers["Content-Length"]), 0)

    def test_content_type(self):
        body = body_of()
        for value, status in ((b"application/json", 200), (b"Application/JSON; charset=utf-8", 200),
                              (b"text/plain", 415), (b"application/jsonx", 415),
                              (b"application/x-www-form-urlencoded", 415)):
            with self.subTest(value=value):
                reply, _ = self.post(b"Content-Type: " + value + b"\r\n" + self.length(body), body)
                self.assertEqual(reply[0], status)
        self.assertEqual(self.post(self.length(body), body)[0][0], 200)

    def test_observability_takes_no_body(self):
        result = self.exchange(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        self.assertFalse(self.fault(result, 400, "body"))

    def test_a_fault_of_the_head_is_told_after_the_body(self):
        """A client that were cut off while it sends might never see why."""
        body = b" " * 50_000
        for head, status in ((b"POST /nowhere HTTP/1.1\r\n", 404), (b"PUT /v1/rank HTTP/1.1\r\n", 405),
                             (b"POST /v1/rank HTTP/1.1\r\nContent-Type: text/plain\r\n", 415)):
            with self.subTest(head=head), self.daemon.raw() as sock:
                stream = sock.makefile("rb")
                for _ in range(2):
                    sock.sendall(head + b"Host: x\r\n" + self.length(body) + b"\r\n")
                    for at in range(0, len(body), 10_000):
                        sock.sendall(body[at:at + 10_000])
                    self.assertEqual(read_reply(stream)[0], status)

    def test_who_waits_for_leave_to_send_is_answered_at_once(self):
        head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        reply, closed = self.exchange(head)
        self.assertEqual((reply[0], closed), (404, True))

    def test_pipelined_requests_are_answered_in_order(self):
        requests = b""
        for i in range(20):
            body = body_of(1 + i % 4, id=f"r{i}")
            requests += b"POST /v1/rank HTTP/1.1\r\nHost: x\r\n" + self.length(body) + b"\r\n" + body
            requests += b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        with self.daemon.raw() as sock:
            sock.sendall(requests)
            stream = sock.makefile("rb")
            for i in range(20):
                self.assertEqual(json.loads(read_reply(stream)[2])["id"], f"r{i}")
                self.assertEqual(json.loads(read_reply(stream)[2]), {"live": True})

    def test_bytes_one_by_one(self):
        body = body_of(1)
        request = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\n" + self.length(body) + b"\r\n" + body
        with self.daemon.raw() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(request)):
                sock.sendall(request[i:i + 1])
            self.assertEqual(read_reply(sock.makefile("rb"))[0], 200)

    def test_expect_continue(self):
        body = body_of()
        with self.daemon.raw() as sock:
            sock.sendall(b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" +
                         self.length(body) + b"\r\n")
            stream = sock.makefile("rb")
            self.assertEqual(read_reply(stream)[0], 100)
            sock.sendall(body)
            self.assertEqual(read_reply(stream)[0], 200)

    def test_clients_that_go_away_leave_the_server_well(self):
        body = body_of(50)
        request = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\n" + self.length(body) + b"\r\n" + body
        for cut in (1, 20, len(request) - 1, len(request)):
            for _ in range(10):
                sock = self.daemon.raw()
                sock.sendall(request[:cut])
                sock.close()
        self.assertEqual(self.daemon.rank(body)[0], 200)

    def test_malformed_request_lines_get_an_error_or_a_close(self):
        for data in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
                     b"GET /livez HTTP/1.1\r\n\r\n",  # HTTP/1.1 needs a Host
                     b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                     b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n{",
                     b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
                     b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"):
            with self.subTest(data=data[:40]), self.daemon.raw() as sock:
                try:
                    sock.sendall(data)
                    sock.shutdown(socket.SHUT_WR)
                    answer = sock.makefile("rb").read()
                except OSError:
                    answer = b""
                if answer:
                    self.assertRegex(answer[:16], rb"^HTTP/1\.[01] [45]\d\d ")
        self.assertEqual(self.daemon.request("GET", "/livez")[0], 200)

    def test_what_the_library_refuses_has_our_body_and_is_counted(self):
        post = b"POST /v1/rank HTTP/1.1\r\nHost: x\r\n"
        for status, data, words in (
                (505, b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n", "HTTP/1.1"),
                (400, post + b"Content-Length: 1x\r\n\r\n{", "not HTTP"),
                (400, post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
                (400, post + b"No colon\r\n\r\n", "not HTTP"),
                (414, b"GET /" + b"a" * 70_000, "request line"),
                (431, b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000, "header"),
                (431, b'GET /livez HTTP/1.1\r\nHost: x\r\nCookie: a="\r\n\r\n', "header"),
                (431, b"GET /?" + b"a&" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "header")):
            counter = f'ctrd_http_requests_total{{route="other",method="other",code="{status}"}}'
            before = self.daemon.metrics().get(counter, 0)
            with self.subTest(data=data[:60]):
                self.assertTrue(self.fault(self.exchange(data), status, words))
                self.assertEqual(self.daemon.metrics()[counter], before + 1)


class Idle(ctrdtest.DaemonTest):
    sets = ("http.idle_timeout_s=1",)

    def test_a_client_that_never_ends_its_request_is_dropped(self):
        for begun in (b"", b"POST /v1/ra", b"POST /v1/rank HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
            with self.subTest(begun=begun), self.daemon.raw(timeout=30) as sock:
                sock.sendall(begun)
                try:
                    sock.makefile("rb").read()  # ends when the server closes
                except ConnectionError:
                    pass


class Connections(ctrdtest.DaemonTest):
    sets = ("http.max_connections=8",)

    def test_more_connections_wait_until_one_is_free(self):
        held = [self.daemon.raw() for _ in range(8)]
        for sock in held:
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(read_reply(sock.makefile("rb"))[0], 200)
        ninth = self.daemon.raw()
        ninth.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        held.pop().close()
        self.assertEqual(read_reply(ninth.makefile("rb"))[0], 200)
        for sock in held + [ninth]:
            sock.close()
        self.assertEqual(self.daemon.request("GET", "/livez")[0], 200)


if __name__ == "__main__":
    unittest.main()
