"""Impression logs from the record to the ranked reply, on real pages (EB-NeRD) and made ones: every method in both modes serves
the bits of `ctr score`; odd values do the same in training and in a request; runs resume and go on with newer data."""
import json
import math
import os
import re
import signal
import subprocess
import sys

import ctrdtest
import ctrtest
from ctrtest import CTR, SOURCE, bits, history, run, scores

EBNERD = ctrtest.LGB.parent / "ebnerd_tiny"
FEATURES = """
features:
  - {name: user_id, scope: user, kind: id, buckets: 500, dim: 4}
  - {name: subscriber, scope: user, kind: id, encode: vocab, dim: 2}
  - {name: history, scope: user, kind: id_list, table: article_id, max_len: 8, pool: din, target: article_id}
  - {name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 2}
  - {name: device, scope: context, kind: id, encode: vocab, dim: 2}
  - {name: article_id, scope: item, kind: id, encode: vocab, min_count: 2, dim: 4}
  - {name: device_article, kind: cross, cross: [device, article_id], buckets: 300, dim: 2}
  - {name: next_read_time, scope: context, kind: dense, size: 1, transform: log1p, default: 0, privileged: true}
  - {name: next_scroll, scope: context, kind: dense, quantiles: 4, dim: 2, privileged: true}
  - {name: others, scope: item, kind: id, source: loo_mean, of: article_id, privileged: true}
  - {name: own_share, scope: item, kind: dense, source: share, of: article_id, privileged: true}
network: {hidden: [16]}
din: {hidden: [8], activation: dice}
shallow: {hidden: [4]}
train: {epochs: 1, batch: 256, rank_by: gauc}
"""
SERVED = {"user": ("user_id", "subscriber", "history"), "context": ("hour", "device")}


def methods():
    """[(name, role, teacher)] of methods.def."""
    return re.findall(r'^METHOD\((\w+), "[^"]*", (\w+), \w+, \w+, \w+, "(\w*)"',
                      (SOURCE / "model/train/methods.def").read_text(), re.M)


def request_of(record):
    """What of a record is sent: the features that the model serves."""
    body = {key: {name: record[key][name] for name in names if name in record[key]} for key, names in SERVED.items()}
    body["candidates"] = [{"id": candidate["id"], "features": candidate["features"]} for candidate in record["candidates"]]
    return body


def records(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines]


class Real(ctrtest.Folder):
    def setUp(self):
        super().setUp()
        self.file = self.config("data: {train: %s, valid: %s}\n%s" % (EBNERD / "train.jsonl", EBNERD / "valid.jsonl", FEATURES))

    def train(self, name, *options):
        sets = [part for option in options for part in ("--set", option)]
        run("train", self.file, "--out", self.path / name, "--set", f"data.cache={self.path / 'cache'}", *sets)
        return self.path / name

    def check_served(self, model):
        run("score", model, "--data", EBNERD / "test.jsonl", "--out", self.path / "scores.tsv")
        want = [bits(pctr) for _, _, _, pctr in scores(self.path / "scores.tsv")]
        models = self.path / f"models-{model.parent.name}"
        run("publish", model, models)
        daemon = ctrdtest.Daemon(models)
        try:
            seen = 0
            for record in records(EBNERD / "test.jsonl"):
                body = request_of(record)
                status, reply = daemon.rank(json.dumps(body))
                self.assertEqual(status, 200, reply)
                got = {place["id"]: bits(place["pctr"]) for place in reply["ranked"]}
                self.assertEqual([got[c["id"]] for c in body["candidates"]], want[seen:seen + len(got)])
                seen += len(got)
            self.assertEqual(seen, len(want))
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.kill()

    def test_every_method_serves_what_it_scores(self):
        students = [(name, teacher) for name, role, teacher in methods() if role == "STUDENT"]
        self.assertEqual(len(students), 11)
        for name, teacher in students:
            for mode in ("two_stage", "joint") if teacher else ("two_stage",):
                with self.subTest(method=name, mode=mode):
                    out = self.train(f"{name}-{mode}", f"method={name}", f"mode={mode}")
                    manifest = json.loads(ctrtest.header(out / "student.safetensors")["__metadata__"]["manifest"])
                    self.assertFalse([f["name"] for f in manifest["features"] if f["privileged"]])
                    self.check_served(out / "student.safetensors")

    def test_din_with_softmax_and_prelu(self):
        out = self.train("softmax", "method=base", "din.softmax=true", "din.activation=prelu", "din.hidden=[12, 20]")
        self.check_served(out / "student.safetensors")

    def test_a_teacher_with_its_own_base_does_not_know_that_it_teaches(self):
        """share_base false: the joint teacher has the bits of a teacher that was trained alone."""
        alone = self.train("alone", "method=teacher")
        joint = self.train("joint", "method=clid", "mode=joint", "share_base=false")
        shared = self.train("shared", "method=clid", "mode=joint")

        def weights(folder):
            data = (folder / "teacher.safetensors").read_bytes()
            size = int.from_bytes(data[:8], "little")
            return data[8 + size:]
        self.assertEqual(weights(alone), weights(joint))
        self.assertNotEqual(weights(alone), weights(shared))


class Odd(ctrtest.Folder):
    """Missing, unknown, empty, long and wrong values, in training data and in a request."""
    SCHEMA = """
features:
  - {name: user_id, scope: user, kind: id, buckets: 50, dim: 2}
  - {name: history, scope: user, kind: id_list, table: item, max_len: 3, pool: mean}
  - {name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 2}
  - {name: item, scope: item, kind: id, encode: vocab, min_count: 2, dim: 2}
  - {name: price, scope: item, kind: dense, size: 1}
  - {name: age, scope: user, kind: dense, size: 1, default: 40}
network: {hidden: [4]}
method: base
train: {epochs: 1, batch: 16}
"""

    @staticmethod
    def page(k, **more):
        page = {"id": f"p{k}", "user": {"user_id": f"u{k % 7}", "history": ["a", "b"], "age": 30}, "context": {"hour": k % 24},
                "candidates": [{"id": str(i), "features": {"item": "abc"[(k + i) % 3], "price": i + k % 5}, "label": int((k + i) % 3 == 0)}
                               for i in range(3)]}
        page.update(more)
        return page

    def write(self, name, pages):
        (self.path / name).write_text("".join(json.dumps(page) + "\n" for page in pages))
        return self.path / name

    def setUp(self):
        super().setUp()
        self.good = [self.page(k) for k in range(60)]
        self.file = self.config("data: {train: train.jsonl, valid_percent: 20}\n" + self.SCHEMA)

    def test_training_counts_and_refuses(self):
        odd = [self.page(100, user={"user_id": None, "history": [], "age": None}),
               self.page(101, user={"history": [f"h{i}" for i in range(10000)], "user_id": ""}),
               self.page(102, extra=1)]
        self.write("train.jsonl", self.good + odd)
        _, err = run("train", self.file, "--out", self.path / "run")
        counts = dict(re.findall(r"(\w+)=(\d+)", next(line for line in err.splitlines() if "impressions read" in line)))
        self.assertEqual(counts["empty_lists"], "1")
        self.assertEqual(counts["cut_lists"], "1")
        self.assertEqual(counts["unknown_fields"], "1")
        self.assertEqual(counts["missing_values"], "4")  # two user ids, two ages
        self.assertEqual(counts["unknown_ids"], "3")     # what is kept of 10,000 strangers
        bad = self.page(103)
        bad["candidates"][1]["features"]["price"] = "cheap"
        self.write("train.jsonl", self.good + [bad])
        _, err = run("train", self.file, "--out", self.path / "bad", code=1)
        self.assertIn("train.jsonl:61", err)
        self.assertIn("candidates[1].features.price", err)
        _, err = run("train", self.file, "--out", self.path / "skipped", "--set", "data.skip_bad=1")
        self.assertIn("skipped_lines=1", err)
        bad = self.page(104, context={"hour": 24})
        self.write("train.jsonl", self.good + [bad])
        _, err = run("train", self.file, "--out", self.path / "hour", code=1)
        self.assertIn("context.hour", err)

    def test_a_name_that_is_not_the_logs_is_told(self):
        self.write("train.jsonl", self.good)
        other = self.config(self.file.read_text().replace("name: user_id", "name: userid"), "other.yaml")
        _, err = run("train", other, "--out", self.path / "other")
        told = [line for line in err.splitlines() if "no value in any page" in line]
        self.assertEqual(len(told), 1, err)
        self.assertIn("feature=userid", told[0])
        _, err = run("train", self.file, "--out", self.path / "good")
        self.assertNotIn("no value in any page", err)

    def test_a_request_does_the_same(self):
        self.write("train.jsonl", self.good)
        run("train", self.file, "--out", self.path / "run")
        run("publish", self.path / "run" / "student.safetensors", self.path / "models")
        daemon = ctrdtest.Daemon(self.path / "models")

        def ask(user, context=None, features=None):
            before = daemon.metrics()
            status, reply = daemon.rank(json.dumps({"user": user, "context": context or {"hour": 3}, "candidates": [
                {"id": "x", "features": features or {"item": "a", "price": 1}}]}))
            after = daemon.metrics()
            grown = {}
            for name in after:
                if name.startswith("ctrd_feature_") and after[name] != before.get(name, 0):
                    found = re.search('feature="(.*)",reason="(.*)"', name)
                    short = ".".join(found.groups()) if found else name.removeprefix("ctrd_feature_").removesuffix("_total")
                    grown[short] = after[name] - before.get(name, 0)
            return status, reply, grown
        try:
            usual = {"user_id": "u1", "history": ["a", "b"], "age": 30}
            status, reply, grown = ask(usual)
            self.assertEqual((status, grown), (200, {}))
            self.assertEqual(ask({**usual, "user_id": None, "age": None})[2], {"user_id.missing": 1, "age.missing": 1})
            self.assertEqual(ask({**usual, "history": []})[2], {"empty_lists": 1})
            self.assertEqual(ask({**usual, "history": ["a"] * 9999 + ["b"]})[2], {"cut_lists": 1})
            newest = ask({**usual, "history": ["c"] * 9997 + ["a", "b", "b"]})[1]
            self.assertEqual(newest["ranked"], ask({**usual, "history": ["a", "b", "b"]})[1]["ranked"])
            self.assertEqual(ask(usual, features={"item": "stranger", "price": 1})[2], {"item.unknown": 1})
            for user, context, features, path in (
                    ({**usual, "age": "old"}, None, None, "user.age"),
                    ({**usual, "history": "a"}, None, None, "user.history"),
                    ({**usual, "history": ["a", ["b"]]}, None, None, "user.history[1]"),
                    ({**usual, "user_id": 1.5}, None, None, "user.user_id"),
                    (usual, {"hour": 24}, None, "context.hour"),
                    (usual, {"hour": "noon"}, None, "context.hour"),
                    (usual, None, {"item": "a"}, "candidates[0].features.price"),
                    (usual, None, {"item": "a", "price": "1"}, "candidates[0].features.price"),
                    (usual, None, {"item": "a", "price": 1, "colour": "red"}, "candidates[0].features.colour")):
                status, reply, _ = ask(user, context, features)
                self.assertEqual(status, 400, path)
                self.assertIn(path, reply["error"])
            self.assertEqual(ask({**usual, "user_id": "7"})[1]["ranked"], ask({**usual, "user_id": 7})[1]["ranked"])
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.kill()


class Continued(ctrtest.Folder):
    """Killed runs, and runs that begin with another's state."""

    def setUp(self):
        super().setUp()
        run("synth", "impressions", "--out", self.path / "data", "--pages", 400, "--valid-pages", 60, "--test-pages", 60,
            "--users", 60, "--items", 80, "--categories", 6, "--click-rate", 0.15, "--history", 10, "--shards", 2)
        self.file = self.config("""
data: {train: data/train-00000.jsonl, valid: data/valid.jsonl}
features:
  - {name: user_id, scope: user, kind: id, buckets: 100, dim: 4}
  - {name: history, scope: user, kind: id_list, table: item_id, max_len: 10, pool: din, target: item_id}
  - {name: item_id, scope: item, kind: id, encode: vocab, dim: 4}
  - {name: category, scope: item, kind: id, encode: vocab, dim: 2}
  - {name: popularity, scope: item, kind: dense, quantiles: 4, dim: 2}
  - {name: price, scope: item, kind: dense, size: 1, transform: standardise}
  - {name: position, scope: item, kind: id, encode: identity, buckets: 16, dim: 2, privileged: true}
method: clid
mode: joint
network: {hidden: [8]}
din: {hidden: [6]}
train: {epochs: 2, batch: 64, progressive: true, progressive_docs: 500}
""")

    def results(self, out):
        return [(out / name).read_bytes() for name in ("student.safetensors", "teacher.safetensors", "history.jsonl")]

    def test_killed_anywhere_ends_with_the_same_bytes(self):
        run("train", self.file, "--out", self.path / "whole")
        for lines in (2, 5):
            out = self.path / f"killed-{lines}"
            child = subprocess.Popen([CTR, "train", self.file, "--out", out, "--set", "train.checkpoint_minutes=0"],
                                     stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            try:
                # The state is saved after every step: once some lines of the history are there, it knows of them.
                while child.poll() is None and not ((out / "history.jsonl").exists() and len(history_lines(out)) >= lines):
                    pass
                child.send_signal(signal.SIGKILL)
            finally:
                child.wait()
            shared = self.path / "shared"
            shared.mkdir(exist_ok=True)
            (out / "linked").symlink_to(shared)
            left = [out / "state.safetensors.77.tmp", out / "cache" / "train.ctrcache.aXb1Zq.77.tmp"]
            foreign = shared / "train.ctrcache.aXb1Zq.77.tmp"
            for path in (*left, foreign):
                path.write_text("half written")
            run("train", self.file, "--resume", "--out", out)
            self.assertEqual(self.results(out), self.results(self.path / "whole"))
            self.assertEqual([path for path in left if path.exists()], [])
            self.assertEqual(sorted(path.name for path in out.rglob("*.tmp")), [])
            self.assertTrue(foreign.exists())
            for cache in (shared, "linked"):
                run("train", self.file, "--resume", "--out", out, "--set", f"data.cache={cache}")
                self.assertTrue(foreign.exists())

    def test_warm_start_goes_on_with_newer_pages(self):
        """The first minibatch of Tuesday is scored, before it is learned, by what Monday has learnt."""
        run("train", self.file, "--out", self.path / "monday", "--set", "train.epochs=1")
        newer = self.path / "data" / "train-00001.jsonl"
        run("train", self.file, "--out", self.path / "tuesday", "--warm-start", self.path / "monday" / "state.safetensors",
            "--set", f"data.train={newer}", "--set", "train.epochs=1", "--set", "train.order=as_given",
            "--set", "train.progressive_docs=64")
        windows = [line["progressive"] for line in history(self.path / "tuesday") if "progressive" in line]
        self.assertEqual(windows[0]["docs"], 70)  # seven pages of ten: the first minibatch of at least 64
        first = self.path / "first.jsonl"
        first.write_text("".join(newer.read_text().splitlines(keepends=True)[:windows[0]["lists"]]))
        run("score", self.path / "monday" / "student.safetensors", "--data", first, "--out", self.path / "scores.tsv")
        labels = [candidate["label"] for record in records(first) for candidate in record["candidates"]]
        logits = [float(logit) for _, _, logit, _ in scores(self.path / "scores.tsv")]
        loss = sum(math.log1p(math.exp(-s if y else s)) for s, y in zip(logits, labels, strict=True)) / len(labels)
        self.assertAlmostEqual(loss, windows[0]["logloss"], places=8)
        vocabularies = [ctrtest.header(self.path / name / "student.safetensors")["vocab.item_id.offsets"]["shape"]
                        for name in ("monday", "tuesday")]
        self.assertEqual(*vocabularies)
        _, err = run("train", self.file, "--out", self.path / "other", "--warm-start", self.path / "monday" / "state.safetensors",
                     "--set", "network.hidden=[9]", code=1)
        self.assertIn("state.safetensors", err)
        _, err = run("train", self.file, "--out", self.path / "two", "--warm-start", self.path / "monday" / "state.safetensors",
                     "--set", "mode=two_stage", code=78)
        self.assertIn("warm start", err)

    def test_warm_start_wants_the_same_features(self):
        state = self.path / "monday" / "state.safetensors"
        run("train", self.file, "--out", self.path / "monday", "--set", "train.epochs=1")
        text = self.file.read_text()
        for name, was, now in (("price", "transform: standardise", "transform: log1p"),
                               ("category", "{name: category, scope: item, kind: id, encode: vocab, dim: 2}",
                                "{name: category, scope: item, kind: id, buckets: 7, dim: 2}"),
                               ("popularity", "  - {name: popularity, scope: item, kind: dense, quantiles: 4, dim: 2}\n", ""),
                               ("history", "pool: din, target: item_id", "pool: mean")):
            self.assertIn(was, text)
            other = self.config(text.replace(was, now), "other.yaml")
            _, err = run("train", other, "--out", self.path / f"other-{name}", "--warm-start", state, code=78)
            self.assertIn(f'"{name}"', err)

    def test_a_run_that_lost_what_it_began_with_says_so(self):
        run("train", self.file, "--out", self.path / "monday", "--set", "train.epochs=1")
        run("train", self.file, "--out", self.path / "tuesday", "--warm-start", self.path / "monday" / "state.safetensors",
            "--set", "train.epochs=1")
        self.assertIn("warm_start", history(self.path / "tuesday")[0])
        (self.path / "tuesday" / "state.safetensors").unlink()  # as if killed before the first was written
        _, err = run("train", "--resume", "--out", self.path / "tuesday", code=2)
        self.assertIn("--warm-start", err)

    def test_a_teacher_of_other_cells_is_refused(self):
        run("train", self.file, "--out", self.path / "one", "--set", "method=teacher", "--set", "mode=two_stage")
        other = self.config(self.file.read_text().replace("buckets: 100", "buckets: 99"), "other.yaml")
        _, err = run("train", other, "--out", self.path / "two", "--set", "mode=two_stage",
                     "--set", f"teacher={self.path / 'one' / 'teacher.safetensors'}", code=78)
        self.assertIn("user_id", err)

    def test_whose_loss_moves_what(self):
        """Adam's second moments are zero where no gradient ever came."""
        def moved(name, table):
            path = self.path / name / "state.safetensors"
            data, head = path.read_bytes(), ctrtest.header(path)
            begin, end = head[f"input.emb.{table}.adam.v"]["data_offsets"]
            start = 8 + int.from_bytes(data[:8], "little")
            return any(data[start + begin:start + end])
        for who, shared in (("both", True), ("student", True), ("teacher", True)):
            run("train", self.file, "--out", self.path / who, "--set", f"base_gradient={who}", "--set", "train.epochs=1")
            self.assertTrue(moved(who, "position"), who)  # the teacher's own, whoever moves the rest
            self.assertEqual(moved(who, "item_id"), shared, who)
        states = [(self.path / who / "student.safetensors").read_bytes() for who in ("both", "student", "teacher")]
        self.assertEqual(len(set(states)), 3)

    def test_shards_of_convert_are_the_same_data(self):
        run("convert", "--config", self.file, "--out", self.path / "shards", self.path / "data" / "train-00000.jsonl")
        run("train", self.file, "--out", self.path / "text")
        run("train", self.file, "--out", self.path / "binary", "--set", f"data.train={self.path / 'shards' / 'train-00000.ctr'}")
        self.assertEqual(self.results(self.path / "text")[0], self.results(self.path / "binary")[0])

    def test_shards_like_another_have_its_vocabularies(self):
        train, valid = (self.path / "data" / f"train-0000{i}.jsonl" for i in (0, 1))
        shards = self.path / "shards"
        run("convert", "--config", self.file, "--out", shards, train)
        run("convert", "--like", shards / "train-00000.ctr", "--out", shards, valid)
        run("train", self.file, "--out", self.path / "text", "--set", f"data.valid={valid}")
        run("train", self.file, "--out", self.path / "binary", "--set", f"data.train={shards / 'train-00000.ctr'}",
            "--set", f"data.valid={shards / 'train-00001.ctr'}")
        self.assertEqual(self.results(self.path / "text")[0], self.results(self.path / "binary")[0])
        _, err = run("convert", "--like", shards / "train-00000.ctr", "--model", "x", "--out", shards, valid, code=2)
        self.assertIn("--like", err)
        _, err = run("convert", "--like", valid, "--out", shards, valid, code=1)
        self.assertIn("train-00001.jsonl: is no data image", err)

    def test_convert_refuses_two_files_for_one_shard(self):
        for folder in ("a", "b"):
            (self.path / folder).mkdir()
            (self.path / folder / "day.jsonl").write_text("")
        (self.path / "day.tsv").write_text("")
        (self.path / "b" / "night.jsonl").write_text("")
        logs = self.path / "b" / "night.jsonl", self.path / "b" / "day.jsonl", self.path / "a" / "day.jsonl"
        _, err = run("convert", "--config", self.file, "--out", self.path / "shards", *logs, code=2)
        self.assertIn(f"{self.path / 'shards' / 'day.ctr'}: would be the shard of both", err)
        _, err = run("convert", "--config", self.file, "--out", self.path / "shards", *logs[:2], self.path / "day.tsv", code=2)
        self.assertIn("day.tsv: is of another format", err)
        _, err = run("convert", "--config", self.file, "--out", self.path / "shards", self.file, code=2)
        self.assertIn("is no log by its name", err)


def history_lines(out):
    return (out / "history.jsonl").read_text().splitlines()


if __name__ == "__main__":
    if not EBNERD.is_dir():
        print(f"skipped: {EBNERD} is not there")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    ctrtest.main()
