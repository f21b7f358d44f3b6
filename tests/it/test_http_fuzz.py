"""Malformed HTTP from a raw socket: requests that were right, changed at random places (fixed seed).

Whatever comes, each answer is HTTP with a body of JSON,
health stays green, and afterwards nothing is left of it: connections, slots, bytes and descriptors are what they
were, and a right request is answered as before.
"""

import gzip
import json
import os
import random
import socket
import unittest

import ctrdtest

CASES = 1500
BODY = ctrdtest.body_of(3)
ZIPPED = gzip.compress(BODY)
BOMB = gzip.compress(b" " * (64 << 20))


def post(body=BODY, headers=(), path=b"/v1/rank", method=b"POST", version=b"HTTP/1.1"):
    lines = [b"%s %s %s" % (method, path, version), b"Host: x", b"Content-Type: application/json", *headers]
    if not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in headers):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body, rng):
    """The body in chunks, some of them wrong."""
    out = b""
    while body:
        size = rng.randrange(1, len(body) + 1)
        told = size if rng.random() < 0.9 else rng.choice([size + 1, 0, 2 ** 63, 2 ** 64, -1])
        ext = b";a=b" if rng.random() < 0.1 else b""
        out += b"%x%s\r\n" % (told, ext) + body[:size] + rng.choice([b"\r\n"] * 9 + [b"\n"])
        body = body[size:]
    return out + rng.choice([b"0\r\n\r\n"] * 5 + [b"0\r\nX: y\r\n\r\n", b"", b"00000000000000000000\r\n\r\n"])


def head_of(rng):
    """Header lines that do not belong together."""
    pool = [b"Content-Length: 5", b"Content-Length: 5, 5", b"Content-Length: -1", b"Content-Length: 99999999999999999999",
            b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding : chunked",
            b"Host: y", b"Host:", b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: close", b"Connection: upgrade",
            b"Content-Encoding: gzip", b"Content-Encoding: br", b"X: " + b"a" * rng.choice([10, 5000, 40000]),
            b" folded", b"\tfolded: 1", b"No-Colon", b": nothing", b"Nul: a\0b", b"Content-Type: text/plain",
            b"X-Request-Timeout-Ms: 1", b"X-Request-Timeout-Ms: x", b"traceparent: 00-x", b"Accept: */*",
            b"Authorization: Bearer x", b"Cookie: " + b"c" * 200,
            b'Cookie: a="', b"Cookie: " + b"c=d; " * rng.choice([20, 2000]), b"Cookie: a=" + b"c" * 40000]
    return rng.sample(pool, rng.randrange(1, 5))


def make(rng):
    """Bytes for one connection."""
    kind = rng.randrange(10)
    if kind == 0:
        return post(headers=head_of(rng))
    if kind == 1:
        return post(chunked(BODY, rng), [b"Transfer-Encoding: chunked"])
    if kind == 2:
        body = rng.choice([ZIPPED, ZIPPED[:-rng.randrange(1, 20)], BOMB, ZIPPED + b"x", b"\x1f\x8b" + os.urandom(0) + BODY])
        return post(body, [b"Content-Encoding: gzip"])
    if kind == 3:
        return b"".join(rng.choice([post(), post(path=b"/v1/explain"), b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
                                    b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"]) for _ in range(rng.randrange(1, 8)))
    if kind == 4:
        return post(method=rng.choice([b"GET", b"PUT", b"post", b"", b"A" * 300, b"PO ST"]),
                    version=rng.choice([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1.1", b"", b"ICY"]))
    if kind == 5:
        path = rng.choice([b"/", b"*", b"/v1/rank?" + b"a=b&" * rng.choice([500, 3000]), b"/%00", b"/v1/../v1/rank", b"http://x/v1/rank", b"/" + b"a" * 30000,
                           b"/v1/models/../../etc/passwd/load"])
        return post(path=path)
    if kind == 6:
        return b"".join(b"H%d: v\r\n" % n for n in range(rng.randrange(50, 3000))).join(
            [b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"\r\n"])
    data = bytearray(post())
    for _ in range(rng.randrange(1, 6)):  # bytes changed, taken out, put in
        at = rng.randrange(len(data))
        choice = rng.randrange(3)
        if choice == 0:
            data[at] = rng.randrange(256)
        elif choice == 1:
            del data[at:at + rng.randrange(1, 20)]
        else:
            data[at:at] = rng.choice([b"\r\n", b"\0", b"\r", b"\n", b" ", b"\xff\xfe", b"A" * 100])
        data = data or bytearray(b"x")
    return bytes(data)


class HttpFuzz(ctrdtest.DaemonTest):
    sets = ("http.idle_timeout_s=20", "http.transfer_timeout_s=5", "http.max_connections=64")

    def check_answers(self, data, raw):
        """Every answer in the bytes that came back has its JSON body."""
        while raw:
            head, gap, rest = raw.partition(b"\r\n\r\n")
            self.assertTrue(gap and head.startswith(b"HTTP/1."), (data[:300], raw[:300]))
            status = int(head.split()[1])
            if status == 100:
                raw = rest
                continue
            fields = {line.split(b":", 1)[0].lower(): line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")[1:]}
            length = int(fields[b"content-length"])
            body, raw = rest[:length], rest[length:]
            if len(body) < length:
                return  # cut off by the end of the connection
            self.assertIn(status, (200, 400, 401, 403, 404, 405, 413, 415, 417, 429, 431, 503, 504, 414, 411, 505, 500, 501), head)
            self.assertLess(status, 500, (data[:300], head)) if status not in (503, 504, 505) else None
            if status != 200:
                self.assertEqual(fields.get(b"content-type"), b"application/json", (data[:300], head))
                self.assertIn("error", json.loads(body))

    def send(self, rng, data):
        """All that comes back for the bytes, sent in pieces; now and then the client goes away early."""
        leaves, half = rng.random() < 0.1, rng.random() < 0.5
        with self.daemon.raw(timeout=30) as sock:
            try:
                while data:
                    size = len(data) if rng.random() < 0.7 else rng.randrange(1, min(len(data), 4000) + 1)
                    sock.sendall(data[:size])
                    data = data[size:]
                    if leaves and rng.random() < 0.5:
                        return b""
                if half:
                    sock.shutdown(socket.SHUT_WR)
                raw = b""
                sock.settimeout(0.05 if not half else 30)
                while True:
                    got = sock.recv(1 << 16)
                    if not got:
                        return raw
                    raw += got
            except TimeoutError:
                return raw  # it waits for more, or keeps the connection
            except OSError:
                return b""  # refused in the middle of a body

    def is_clean(self):
        """Nothing is there but the scrape that asks."""
        seen = self.daemon.metrics()
        return [seen[name] for name in ("ctrd_inflight_requests", "ctrd_connections", "ctrd_held_bytes", "ctrd_queue_depth",
                                        "ctrd_queue_bytes")] == [1, 1, 0, 0, 0]

    def files(self):
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    def test_nothing_breaks_and_nothing_is_left(self):
        rng = random.Random(20260101)
        wanted = self.daemon.rank(BODY)
        ctrdtest.until(self.is_clean, "the daemon is at rest")
        files = self.files() + 1  # the connection of the last scrape may be closed already
        answered = 0
        for case in range(CASES):
            data = make(rng)
            raw = self.send(rng, data)
            answered += raw != b""
            self.check_answers(data, raw)
            if case % 50 == 0:
                self.assertEqual(self.daemon.request("GET", "/livez")[0], 200)
        print(f"{CASES} cases, {answered} answered")
        self.assertGreater(answered, CASES / 3)
        ctrdtest.until(lambda: self.is_clean() and self.files() <= files, "everything is given back")
        self.assertEqual(self.daemon.rank(BODY), wanted)


if __name__ == "__main__":
    unittest.main()
