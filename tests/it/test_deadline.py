"""Deadlines and overload of the real daemon: one worker is kept busy with requests that take long, and what
others get meanwhile is looked at before the worker is free."""

import gzip
import json
import os
import pathlib
import re
import signal
import socket
import unittest

import ctrdtest
from busytest import SLOW, WIDTH, Busy, post, timeout
from ctrdtest import body_of, read_reply, until

MINUTES = 600_000
SHED = 'ctrd_shed_total{{reason="{}"}}'


class Expired(Busy):
    def degraded(self, daemon, data):
        """The reply by bid. Where the machine was too busy to make it within a moment of the deadline it is 504:
        then once more."""
        for _ in range(20):
            status, _, reply = self.reply(self.send(daemon, data))
            if status == 200:
                return reply
            self.assertEqual(status, 504)
        raise AssertionError("never answered by bid")

    def test_in_the_queue(self):
        daemon = self.start()
        socks = self.occupy(daemon)
        small = [body_of(2, WIDTH), body_of(2, WIDTH, timeout_us=20_000), body_of(2, WIDTH, timeout_us=MINUTES * 1000),
                 gzip.compress(body_of(2, WIDTH))]
        small.append(json.dumps({"model": "demo", "version": 1, "timeout_us": 20_000, **json.loads(small[0])}).encode())
        late = [post(small[-1]), post(small[0], timeout(20)), post(small[1]), post(small[1], timeout(MINUTES)), post(small[2], timeout(20)),
                post(small[3], timeout(20), "Content-Encoding: gzip"), post(gzip.compress(small[1]), "Content-Encoding: gzip"),
                post(small[0], timeout(20), path="/v1/explain"),
                post(small[1], path="/v1/explain")]
        waiting = [self.send(daemon, request) for request in late]
        for sock in waiting:
            status, _, reply = self.reply(sock)
            self.assertEqual((status, list(reply)), (504, ["error"]))
        self.still_busy(socks)
        in_time = [self.send(daemon, post(small[0])), self.send(daemon, post(small[2], timeout(MINUTES)))]
        seen = daemon.metrics()  # on a slow machine it is late already when it has been read
        self.assertEqual(seen[SHED.format("deadline_queue")] + seen[SHED.format("deadline_admission")], len(late))
        self.still_busy(socks)
        for sock in in_time:
            self.assertEqual(self.reply(sock)[0], 200)
        self.finish(daemon, socks)

    def test_a_connection_goes_on_after_its_request_expired(self):
        daemon = self.start()
        socks = self.occupy(daemon)
        sock = self.send(daemon, post(body_of(2, WIDTH), timeout(10)) * 3 + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        stream = sock.makefile("rb")
        self.assertEqual([read_reply(stream)[0] for _ in range(4)], [504, 504, 504, 200])
        self.still_busy(socks)
        sock.sendall(post(body_of(2, WIDTH)))
        self.assertEqual(read_reply(stream)[0], 200)
        self.finish(daemon, socks)

    def test_bytes_of_what_expired_are_free_again(self):
        large = body_of(300, WIDTH)
        daemon = self.start(f"http.max_held_bytes={2 * len(SLOW) + 3 * len(large)}", f"http.max_body_bytes={len(SLOW)}")
        socks = self.occupy(daemon)
        for _ in range(9):  # which wait for the worker, expired
            self.assertEqual(self.reply(self.send(daemon, post(large, timeout(10))))[0], 504)
        self.still_busy(socks)
        self.assertEqual(daemon.metrics()[SHED.format("queue_bytes")], 0)
        self.finish(daemon, socks)

    def test_while_it_is_scored(self):
        daemon = self.start()
        sock = self.send(daemon, post(body_of(1500, WIDTH), timeout(150)))
        self.assertEqual(self.reply(sock)[0], 504)
        self.assertEqual(daemon.metrics()[SHED.format("deadline_compute")], 1)
        self.assertEqual(daemon.metrics()["ctrd_candidates_total"], 0)
        self.assertEqual(daemon.rank(body_of(2, WIDTH))[0], 200)
        self.assertEqual(daemon.stop(), 0)

    def test_timeout_of_the_configuration_is_for_who_brings_none(self):
        daemon = self.start("rank.timeout_ms=20")
        slow = self.occupy(daemon, SLOW, timeout(MINUTES))
        body = body_of(2, WIDTH)
        none = self.send(daemon, post(body))
        self.assertEqual(self.reply(none)[0], 504)
        self.still_busy(slow)
        own = [self.send(daemon, post(body, timeout(MINUTES))), self.send(daemon, post(body_of(2, WIDTH, timeout_us=MINUTES * 1000)))]
        self.assertEqual([self.reply(sock)[0] for sock in own], [200, 200])
        self.finish(daemon, slow)

    def test_by_bid(self):
        daemon = self.start("rank.on_deadline=by_bid")
        socks = self.occupy(daemon)
        for count in (9, 200):  # what takes long to read is read by another thread
            body = body_of(count, WIDTH, slots=5, id="r", floors={"bid": 2.0})
            bids = {candidate["id"]: candidate["bid"] for candidate in json.loads(body)["candidates"]}
            order = sorted((id for id in bids if bids[id] >= 2.0), key=lambda id: -bids[id])[:5]
            for data in (post(body, timeout(50)), post(gzip.compress(body), timeout(50), "Content-Encoding: gzip")):
                reply = self.degraded(daemon, data)
                self.assertEqual((reply["degraded"], reply["id"]), (True, "r"))
                self.assertEqual([place["id"] for place in reply["ranked"]], order)
                self.assertFalse(any("pctr" in place or "ecpm" in place for place in reply["ranked"]), reply)
        bare = json.dumps({"candidates": [{"id": f"a{i}", "bid": i + 1} for i in range(9)]}).encode()  # the model asks for 64 numbers each
        self.assertEqual([place["id"] for place in self.degraded(daemon, post(bare, timeout(20)))["ranked"]], [f"a{i}" for i in range(8, -1, -1)])
        without = json.loads(body_of(3, WIDTH))
        for candidate in without["candidates"]:
            del candidate["bid"]
        for data, wanted in ((post(json.dumps(without).encode(), timeout(20)), 504), (post(b"{nonsense", timeout(20)), (400, 504)),
                             (post(body_of(3, WIDTH), timeout(20), path="/v1/explain"), 504)):
            status, _, reply = self.reply(self.send(daemon, data))
            self.assertEqual(list(reply), ["error"])
            self.assertIn(status, wanted if isinstance(wanted, tuple) else (wanted,))
        self.still_busy(socks)
        self.assertEqual(daemon.metrics()["ctrd_degraded_total"], 5)
        self.assertNotIn("degraded", daemon.rank(body_of(3, WIDTH))[1])
        self.finish(daemon, socks)

    def test_the_degraded_reply_is_as_documented(self):
        ctrdtest.make_model(self.path / "student", features="hour:context:1,f:item:2")
        page = pathlib.Path(os.environ["SOURCE_DIR"], "docs/rank.md").read_text()
        request, documented = (json.loads(re.search(rf"```json{kind}\n(.*?)```", page, re.S)[1])
                               for kind in ("", " degraded"))
        self.assertEqual(list(request)[-1], "candidates")  # the timeout stands behind the model
        config = self.path / "two.yaml"
        config.write_text(f"models: [{{folder: {self.path}/demo}}, {{folder: {self.path}/student}}]\n"
                          "rank: {on_deadline: by_bid}\n")
        daemon = ctrdtest.Daemon(None, "serve.workers=1", "serve.kernels=scalar", flags=("--config", str(config)))
        self.addCleanup(daemon.kill)
        socks = self.occupy(daemon)
        request["timeout_us"] = 20_000
        reply = self.degraded(daemon, post(json.dumps(request).encode()))
        self.still_busy(socks)
        self.assertEqual(reply, documented)
        self.finish(daemon, socks)

    def test_hup_changes_timeout_and_policy(self):
        config = self.path / "ctrd.yaml"
        text = f"model: {{folder: {self.path}/demo}}\nrank: {{timeout_ms: %s, on_deadline: %s}}\n"
        config.write_text(text % (0, "error"))
        daemon = ctrdtest.Daemon(None, "serve.workers=1", "serve.kernels=scalar", flags=("--config", str(config)))
        self.addCleanup(daemon.kill)
        socks = self.occupy(daemon)
        for number, policy in enumerate(("error", "by_bid"), 1):
            config.write_text(text % (20, policy))
            daemon.signal(signal.SIGHUP)
            daemon.wait_for_log("configuration taken", number)
            data = post(body_of(2, WIDTH))
            if policy == "error":
                self.assertEqual(self.reply(self.send(daemon, data))[0], 504)
            else:
                self.assertTrue(self.degraded(daemon, data)["degraded"])
        self.still_busy(socks)
        self.finish(daemon, socks)


class Overload(Busy):
    def refused(self, answer, words="error"):
        status, headers, reply = answer
        self.assertEqual((status, list(reply)), (429, [words]))
        self.assertGreaterEqual(int(headers["retry-after"]), 1)
        self.assertLessEqual(int(headers["retry-after"]), 30)

    def test_by_count(self):
        daemon = self.start("serve.queue=2")
        socks = self.occupy(daemon)
        third = self.send(daemon, post(body_of(2, WIDTH)))
        until(lambda: daemon.metrics()["ctrd_queue_depth"] == 2, "two wait")
        for _ in range(5):
            self.refused(self.reply(self.send(daemon, post(body_of(2, WIDTH)))))
        self.still_busy(socks)
        self.assertEqual(daemon.metrics()[SHED.format("queue_full")], 5)
        self.assertEqual(self.reply(third)[0], 200)
        self.finish(daemon, socks)

    def test_by_bytes(self):
        daemon = self.start(f"http.max_held_bytes={3 * len(SLOW)}", f"http.max_body_bytes={len(SLOW)}")
        socks = self.occupy(daemon)
        third = self.send(daemon, post(SLOW))
        until(lambda: daemon.metrics()["ctrd_queue_depth"] == 2, "two wait")
        held = daemon.metrics()["ctrd_held_bytes"]
        self.assertEqual(held, 3 * len(SLOW))
        self.refused(self.reply(self.send(daemon, post(body_of(2, WIDTH)))))
        self.refused(self.reply(self.send(daemon, post(SLOW))))
        self.still_busy(socks)
        self.assertEqual(daemon.metrics()[SHED.format("queue_bytes")], 2)
        self.assertEqual(self.reply(third)[0], 200)
        for sock in socks:
            self.assertEqual(self.reply(sock)[0], 200)
        until(lambda: daemon.metrics()["ctrd_held_bytes"] == 0, "all bytes back")
        self.assertEqual(daemon.rank(body_of(2, WIDTH))[0], 200)
        self.assertEqual(daemon.stop(), 0)

    def test_by_expected_wait(self):
        daemon = self.start()
        for _ in range(2):  # what such a request costs
            self.assertEqual(daemon.rank(SLOW)[0], 200)
        socks = self.occupy(daemon)
        small = body_of(2, WIDTH)
        self.refused(self.reply(self.send(daemon, post(small, timeout(5)))))
        self.refused(self.reply(self.send(daemon, post(body_of(2, WIDTH, timeout_us=5000)))))
        head = f"POST /v1/rank HTTP/1.1\r\nHost: x\r\n{timeout(5)}\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
        careful = self.send(daemon, head.encode())
        self.refused(self.reply(careful))  # before it has sent the body
        self.assertEqual(careful.recv(1), b"")
        patient = [self.send(daemon, post(small)), self.send(daemon, post(small, timeout(MINUTES)))]
        self.still_busy(socks)
        self.assertEqual(daemon.metrics()[SHED.format("deadline_admission")], 3)
        self.assertEqual([self.reply(sock)[0] for sock in patient], [200, 200])
        self.finish(daemon, socks)

    def test_who_went_away_is_not_scored(self):
        daemon = self.start()
        socks = self.occupy(daemon)
        gone = [self.send(daemon, post(SLOW)) for _ in range(3)]
        until(lambda: daemon.metrics()["ctrd_queue_depth"] == 4, "all wait")
        for sock in gone:
            sock.close()
        last = self.send(daemon, post(body_of(2, WIDTH)))
        self.assertEqual(self.reply(last)[0], 200)
        for sock in socks:
            self.assertEqual(self.reply(sock)[0], 200)
        after = daemon.metrics()
        self.assertEqual((after[SHED.format("client_gone")], after["ctrd_candidates_total"]), (3, 802))
        self.assertEqual(daemon.stop(), 0)

    def test_who_has_shut_its_sending_side_counts_as_gone_in_the_queue(self):
        daemon = self.start()
        socks = self.occupy(daemon)
        half = self.send(daemon, post(body_of(2, WIDTH)))
        half.shutdown(socket.SHUT_WR)
        reply = read_reply(half.makefile("rb"))
        self.assertIn(reply and reply[0], (None, 503))
        self.assertEqual(daemon.metrics()[SHED.format("client_gone")], 1)
        self.finish(daemon, socks)

    def test_health_and_metrics_answer_meanwhile(self):
        daemon = self.start(f"admin.socket={self.path}/admin")
        socks = self.occupy(daemon)
        for path in ("/livez", "/readyz", "/startupz", "/healthz", "/metrics", "/version", "/v1/schema", "/openapi.json"):
            self.assertEqual(daemon.request("GET", path)[0], 200, path)
        self.assertEqual(daemon.admin("GET", "/v1/models")[0], 200)
        self.assertEqual(daemon.admin("GET", "/readyz")[0], 200)
        self.still_busy(socks)
        self.finish(daemon, socks)
        self.assertFalse(os.path.exists(self.path / "admin"))


if __name__ == "__main__":
    unittest.main()
