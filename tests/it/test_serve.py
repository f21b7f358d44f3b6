"""POST /v1/rank and the observability routes of the real daemon."""

import json
import os
import pathlib
import re
import unittest

import ctrdtest
from ctrdtest import body_of


def shape(value):
    """What kind of value stands where: numbers and texts lose theirs, a list has the shape of its first."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])]
    return "number" if isinstance(value, (int, float)) else type(value).__name__


PATIENT_US = 60_000_000  # what the page shows may be too short for a sanitizer on a busy machine


class Page(ctrdtest.DaemonTest):
    """The request and the reply of docs/rank.md."""

    name = "student"
    features = "hour:context:1,f:item:2"

    def test_the_request_has_the_reply(self):
        page = pathlib.Path(os.environ["SOURCE_DIR"], "docs/rank.md").read_text()
        request, documented = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", page, re.S))
        request["timeout_us"] = PATIENT_US
        status, reply = self.daemon.rank(json.dumps(request))
        self.assertEqual(status, 200, reply)
        self.assertEqual(shape(reply), shape(documented))
        self.assertEqual(reply["below_floor"], documented["below_floor"])
        request["candidates"][3]["features"]["f"].append(1)
        status, reply = self.daemon.rank(json.dumps(request))
        self.assertEqual(status, 400)
        self.assertIn(f"`{reply['error']}`", page)
        for field in re.findall(r"^\| `(?:candidates\[\]\.)?(\w+)", page.split("```json")[1], re.M):
            if field in ("user", "features", "unit", "timing"):
                continue
            self.assertIn(f'"{field}"', page.split("```json")[1].split("```")[0], field)


    def documented(self, kind):
        page = pathlib.Path(os.environ["SOURCE_DIR"], "docs/rank.md").read_text()
        request = json.loads(re.search(r"```json\n(.*?)```", page, re.S)[1])
        request["timeout_us"] = PATIENT_US
        return request, json.loads(re.search(rf"```json {kind}\n(.*?)```", page, re.S)[1])

    def test_the_explanation_is_as_documented(self):
        request, documented = self.documented("explained")
        status, _, text = self.daemon.request("POST", "/v1/explain", json.dumps(request))
        reply = json.loads(text)
        self.assertEqual(status, 200, reply)
        self.assertEqual(list(map(shape, reply.pop("candidates"))), list(map(shape, documented.pop("candidates"))))
        self.assertEqual(reply, documented)

    def test_headers_are_as_documented(self):
        request, _ = self.documented("explained")
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        _, headers, _ = self.daemon.request("POST", "/v1/rank", json.dumps(request), {
            "X-Server-Timing": "1", "X-Request-Id": "mine", "traceparent": parent})
        self.assertEqual(headers["X-Request-Id"], "mine")
        self.assertEqual(headers["Traceparent"][:36], parent[:36])
        self.assertRegex(headers["Server-Timing"], r"^queue;dur=\d+\.\d{3}, parse;dur=.*encode;dur=")
        _, headers, _ = self.daemon.request("POST", "/v1/rank", json.dumps(request), {
            "X-Request-Id": "x" * 129, "traceparent": parent.upper()})
        self.assertRegex(headers["X-Request-Id"], "^[0-9a-f]+$")
        self.assertIsNone(headers["Traceparent"])
        self.assertIsNone(headers["Server-Timing"])

    def test_every_status_is_documented(self):
        source = pathlib.Path(os.environ["SOURCE_DIR"])
        table = re.findall(r"^    X\(STATUS_\w+, (\d+),", (source / "base/status.h").read_text(), re.M)
        page = (source / "docs/rank.md").read_text().partition("## Errors")[2]
        rows = set(re.findall(r"\d{3}", " ".join(re.findall(r"^\| ([\d, ]+) \|", page, re.M))))
        self.assertEqual(rows, set(table) - {"200"})


class Serve(ctrdtest.DaemonTest):
    def test_rank_answers_every_candidate_in_order(self):
        status, reply = self.daemon.rank(body_of(5, id="r-17"))
        self.assertEqual(status, 200)
        self.assertEqual((reply["id"], reply["model"], reply["version"]), ("r-17", "demo", "1"))
        self.assertEqual((reply["arm"], reply["gamma"], reply["below_floor"]), ("control", 1, 0))
        ranked = reply["ranked"]
        self.assertEqual([place["rank"] for place in ranked], [1, 2, 3, 4, 5])
        self.assertEqual(sorted(place["id"] for place in ranked), [f"a{i}" for i in range(5)])
        ecpm = [place["ecpm"] for place in ranked]
        self.assertEqual(ecpm, sorted(ecpm, reverse=True))
        bids = {f"a{i}": 1.0 + i for i in range(5)}
        for place, after in zip(ranked, ranked[1:] + [None]):
            self.assertTrue(0 < place["pctr"] < 1)
            self.assertAlmostEqual(place["ecpm"], 1000 * place["pctr"] * bids[place["id"]], delta=2e-4 * place["ecpm"])
            wanted = after["ecpm"] / (1000 * place["pctr"]) if after else 0.0
            self.assertAlmostEqual(place["price"], min(wanted, bids[place["id"]]), delta=1e-4)

    def test_same_body_same_bytes(self):
        first = self.daemon.request("POST", "/v1/rank", body_of(7))[2]
        for _ in range(5):
            self.assertEqual(self.daemon.request("POST", "/v1/rank", body_of(7))[2], first)

    def test_a_score_does_not_depend_on_the_other_candidates(self):
        request = json.loads(body_of(20))
        whole = {p["id"]: p["pctr"] for p in self.daemon.rank(json.dumps(request))[1]["ranked"]}
        for candidates in (request["candidates"][::-1], request["candidates"][3:4],
                           request["candidates"][5:12]):
            part = self.daemon.rank(json.dumps({"candidates": candidates}))[1]["ranked"]
            self.assertEqual({p["id"]: p["pctr"] for p in part},
                             {c["id"]: whole[c["id"]] for c in candidates})

    def test_without_bids_by_pctr(self):
        request = json.loads(body_of(6))
        for candidate in request["candidates"]:
            del candidate["bid"]
        status, reply = self.daemon.rank(json.dumps(request))
        self.assertEqual(status, 200)
        pctr = [place["pctr"] for place in reply["ranked"]]
        self.assertEqual(pctr, sorted(pctr, reverse=True))
        self.assertNotIn("price", reply["ranked"][0])

    def test_slots_and_floors(self):
        _, reply = self.daemon.rank(body_of(9, slots=2))
        self.assertEqual(len(reply["ranked"]), 2)
        _, reply = self.daemon.rank(body_of(9, floors={"bid": 3.5}))
        bids = {f"a{i}": 1.0 + i % 7 for i in range(9)}
        below = sum(bid < 3.5 for bid in bids.values())
        self.assertEqual(reply["below_floor"], below)
        self.assertEqual(len(reply["ranked"]), 9 - below)
        self.assertTrue(all(place["price"] >= 3.5 for place in reply["ranked"]))

    def test_faults_have_their_status_and_their_place(self):
        def candidate(**more):
            return {"id": "x", "bid": 1, "features": {"f": [0, 0, 0, 0]}, **more}
        cases = [
            (b"{", 400, ""),
            (b"", 400, ""),
            (b"[]", 400, ""),
            ({"candidates": []}, 400, "candidates"),
            ({}, 400, "candidates"),
            ({"candidates": [candidate(), candidate()]}, 400, "candidates[1].id"),
            ({"candidates": [candidate(features={"f": [1, 2, 3]})]}, 400, "candidates[0].features.f"),
            ({"candidates": [candidate(features={"f": "text"})]}, 400, "candidates[0].features.f"),
            ({"candidates": [candidate(features={"f": [1, 2, 3, 4], "g": 1})]}, 400, "candidates[0].features.g"),
            ({"candidates": [candidate(features={})]}, 400, "candidates[0].features"),
            (b'{"candidates":[{"id":"x","bid":1e999,"features":{"f":[0,0,0,0]}}]}', 400, "candidates[0].bid"),
            (b'{"candidates":[{"id":"x","bid":1,"features":{"f":[0,0,0,NaN]}}]}', 400, "candidates[0].features.f[3]"),
            ({"candidates": [candidate(bid=-1)]}, 400, "candidates[0].bid"),
            ({"candidates": [candidate(label=1)]}, 400, "label"),
            ({"candidates": [candidate(privileged={})]}, 400, "privileged"),
            ({"candidates": [candidate(), {"id": "y", "features": {"f": [0, 0, 0, 0]}}]}, 400, "candidates[1].bid"),
            ({"model": "other", "candidates": [candidate()]}, 404, "model"),
            ({"explain": True, "candidates": [candidate()]}, 400, "explain"),
            ({"slots": -1, "candidates": [candidate()]}, 400, "slots"),
            ({"wrong": 1, "candidates": [candidate()]}, 400, "wrong"),
            ({"version": "01", "candidates": [candidate()]}, 400, "version"),
            ({"candidates": [candidate(id=f"c{i}") for i in range(2001)]}, 413, "candidates"),
        ]
        for body, status, place in cases:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            with self.subTest(body=data[:60]):
                got, reply = self.daemon.rank(data)
                self.assertEqual(got, status, reply)
                self.assertEqual(list(reply), ["error"])
                self.assertIn(place, reply["error"])
                self.assertNotIn(".safetensors", reply["error"])

    def test_deadline(self):
        status, reply = self.daemon.rank(body_of(2000, timeout_us=1))
        self.assertEqual(status, 504, reply)
        self.assertIn("deadline", reply["error"])
        self.assertEqual(self.daemon.rank(body_of(3, timeout_us=30_000_000))[0], 200)
        self.assertEqual(self.daemon.rank(body_of(3), {"X-Request-Timeout-Ms": "30000"})[0], 200)
        self.assertEqual(self.daemon.rank(body_of(3), {"X-Request-Timeout-Ms": "soon"})[0], 400)

    def test_timing_is_there_when_asked_for(self):
        self.assertNotIn("timing_us", self.daemon.rank(body_of(3))[1])
        timing = self.daemon.rank(body_of(3, timing=True))[1]["timing_us"]
        for stage in ("queue", "parse", "featurise", "score", "calibrate", "rank"):
            self.assertGreaterEqual(timing[stage], 0)

    def test_health_and_version(self):
        status, headers, body = self.daemon.request("GET", "/livez")
        self.assertEqual((status, headers["Content-Type"], json.loads(body)),
                         (200, "application/json", {"live": True}))
        status, _, body = self.daemon.request("GET", "/readyz")
        self.assertEqual((status, json.loads(body)), (200, {"ready": True}))
        version = json.loads(self.daemon.request("GET", "/version")[2])
        self.assertEqual(version["name"], "ctrd")
        self.assertEqual([(model["name"], model["version"]) for model in version["models"]], [("demo", "1")])
        self.assertRegex(version["models"][0]["sha256_12"], "^[0-9a-f]{12}$")

    def test_metrics_count_what_was_asked(self):
        before = self.daemon.metrics()
        self.daemon.rank(body_of(11))
        self.daemon.rank(b"nonsense")
        self.daemon.request("GET", "/nowhere")
        after = self.daemon.metrics()

        def grew(name):
            return after.get(name, 0) - before.get(name, 0)
        self.assertEqual(grew('ctrd_http_requests_total{route="/v1/rank",method="POST",code="200"}'), 1)
        self.assertEqual(grew('ctrd_http_requests_total{route="/v1/rank",method="POST",code="400"}'), 1)
        self.assertEqual(grew('ctrd_http_requests_total{route="other",method="other",code="404"}'), 1)
        self.assertEqual(grew("ctrd_candidates_total"), 11)
        for stage in ("queue", "parse", "featurise", "score", "calibrate", "rank", "encode"):
            self.assertEqual(grew(f'ctrd_stage_duration_seconds_count{{stage="{stage}"}}'),
                             2 if stage == "queue" else 1)
        self.assertGreater(after["process_resident_memory_bytes"], 0)
        # The scrape itself; the other requests may end on other threads.
        ctrdtest.until(lambda: self.daemon.metrics()["ctrd_inflight_requests"] == 1, "the others have ended")

    def test_many_connections_at_once(self):
        connections = [self.daemon.connect() for _ in range(50)]
        for connection in connections:
            connection.request("POST", "/v1/rank", body_of(30))
        replies = {connection.getresponse().read() for connection in connections}
        self.assertEqual(len(replies), 1)
        for connection in connections:
            connection.close()


if __name__ == "__main__":
    unittest.main()
