"""`ctr calibrate`: every map is fitted, stored, scored and served with the same bits, keeps the order of the
logits, and is refused where a file's map would not; what it must not be fitted on it refuses."""
import gzip
import hashlib
import json
import math
import struct

import ctrdtest
import ctrtest
from ctrtest import bits, header, run, scores

MAPS = ("identity", "offset", "temperature", "platt", "sir", "isotonic")
KEEP_RATE = 0.25


def split(path):
    """(header, data) of a model file."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + size]), bytearray(data[8 + size:])


def join(path, head, data):
    """Writes a model file with a right digest."""
    head["__metadata__"]["sha256"] = "0" * 64
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    whole = struct.pack("<Q", len(text)) + text + bytes(data)
    digest = hashlib.sha256(whole).hexdigest().encode()
    path.write_bytes(whole.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + digest, 1))


def knots(path, name):
    head, data = split(path)
    begin, end = head[name]["data_offsets"]
    return list(struct.unpack(f"<{(end - begin) // 8}d", data[begin:end]))


def manifest(path):
    return json.loads(header(path)["__metadata__"]["manifest"])


def sigma(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def between(x, y, at):
    if at <= x[0]:
        return y[0]
    for i in range(1, len(x)):
        if at < x[i]:
            return y[i - 1] + (y[i] - y[i - 1]) * (at - x[i - 1]) / (x[i] - x[i - 1])
    return y[-1]


def expected(path, logit):
    """The clamped probability by the formulas, from what the file says."""
    map_ = manifest(path)["calibration"]
    s = logit + map_.get("shift", 0)
    kind = map_["kind"]
    if kind in ("sir", "isotonic"):
        x, y = knots(path, "cal.x"), knots(path, "cal.y")
        p = between(x, y, s) if kind == "isotonic" else between(x, y, sigma(s)) + 1e-9 * sigma(s)
    else:
        p = sigma({"identity": lambda: s, "offset": lambda: s + map_["intercept"],
                   "temperature": lambda: s / map_["temperature"],
                   "platt": lambda: map_["slope"] * s + map_["intercept"]}[kind]())
    return min(max(p, 1e-7), 1 - 1e-7)


class Fitted(ctrtest.Folder):
    """A trained student, and lists that it has not seen."""

    @classmethod
    def setUpClass(cls):
        cls.holder = ctrtest.tempfile.TemporaryDirectory(prefix="ctrtest-")
        cls.addClassCleanup(cls.holder.cleanup)
        home = cls.home = ctrtest.pathlib.Path(cls.holder.name)
        run("synth", "letor", "--out", home / "data", "--lists", 500, "--valid-lists", 400, "--test-lists", 60,
            "--features", 6, "--min-docs", 3, "--max-docs", 20)
        # The lists behind those 960: of the same kind, and none of them.
        run("synth", "letor", "--out", home / "held", "--lists", 960, "--valid-lists", 500, "--test-lists", 1,
            "--features", 6, "--min-docs", 3, "--max-docs", 20)
        (home / "config.yaml").write_text(
            "data: {train: data/train.txt, valid: data/valid.txt, page_context: loo_mean_std}\n"
            "network: {hidden: [16]}\ntrain: {epochs: 12, batch: 256}\n")
        run("train", home / "config.yaml", "--out", home / "run")
        cls.student = home / "run/student.safetensors"
        cls.held, cls.test_data = home / "held/valid.txt", home / "data/test.txt"
        cls.logits = [row[2] for row in cls.scored(cls.student)]

    @classmethod
    def scored(cls, model):
        out = cls.home / "scores.tsv"
        run("score", model, "--data", cls.test_data, "--out", out)
        return scores(out)

    def calibrate(self, *options, model=None, name="m.safetensors"):
        """(path of the new model, JSON that was printed, stderr)."""
        out = self.path / name
        text, err = run("calibrate", model or self.student, "--data", self.held, "--out", out, "--json", *options)
        return out, json.loads(text), err

    @staticmethod
    def evaluated(model, data):
        """What `ctr evaluate` measures, without the errors against the truth, which real data do not have."""
        found = json.loads(run("evaluate", model, "--data", data, "--json")[0])[str(model)]
        return {name: value for name, value in found.items() if not name.startswith("true_")}

    def served(self, model, rows):
        """The pctr bits that ctrd answers for each row, in order."""
        models = self.path / f"models-{model.stem}"
        run("publish", model, models)
        lines = self.test_data.read_text().splitlines()
        found = []
        daemon = ctrdtest.Daemon(models)
        try:
            for begin in range(0, len(lines), 100):
                candidates = []
                for number, line in enumerate(lines[begin:begin + 100]):
                    pairs = dict(pair.split(":") for pair in line.split("#")[0].split()[2:])
                    values = [float(pairs.get(str(k), 0)) for k in range(1, 7)]
                    candidates.append({"id": str(number), "bid": 1, "features": {"f": values}})
                status, reply = daemon.rank(json.dumps({"candidates": candidates}))
                self.assertEqual(status, 200, reply)
                answered = {int(place["id"]): bits(place["pctr"]) for place in reply["ranked"]}
                found += [answered[number] for number in range(len(candidates))]
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.kill()
        self.assertEqual(len(found), len(rows))
        return found


class Calibrate(Fitted):
    def check_model(self, model):
        """Logits as before; pctr by formula; the order of the logits; ctrd's bits."""
        rows = self.scored(model)
        self.assertEqual([row[2] for row in rows], self.logits)
        pctr = [struct.unpack("<f", bits(row[3]))[0] for row in rows]
        for row, p in zip(rows, pctr):
            want = expected(model, struct.unpack("<f", bits(row[2]))[0])
            self.assertAlmostEqual(p / want, 1, delta=1e-6)
        pairs = sorted(zip(map(float, self.logits), pctr))
        self.assertTrue(all(a[1] <= b[1] for a, b in zip(pairs, pairs[1:])))
        self.assertEqual(self.served(model, rows), [bits(row[3]) for row in rows])

    def check_histogram(self, model):
        """That of the new probabilities on the data of the fit."""
        run("score", model, "--data", self.held, "--out", self.path / "held.tsv")
        edges, counts = ctrtest.histogram(row[3] for row in scores(self.path / "held.tsv"))
        self.assertEqual([bits(edge) for edge in ctrtest.tensor(model, "pctr.edges")] if edges else [], edges)
        self.assertEqual(ctrtest.tensor(model, "pctr.counts"), counts)
        self.assertEqual(ctrtest.tensor(model, "range.f"), ctrtest.tensor(self.student, "range.f"))

    def test_every_map_is_served_with_the_bits_of_score(self):
        for name in MAPS:
            with self.subTest(map=name):
                model, page, _ = self.calibrate("--map", name, "--min-clicks", 5, "--bins", 20, name=f"{name}.safetensors")
                self.assertEqual(manifest(model)["calibration"]["kind"], name)
                self.assertEqual(page["chosen"], name)
                self.check_model(model)
                self.check_histogram(model)

    def test_every_map_after_a_shift(self):
        for name in MAPS:
            with self.subTest(map=name):
                model, _, _ = self.calibrate("--map", name, "--keep-rate", KEEP_RATE, "--min-clicks", 5, "--bins", 20,
                                             name=f"shifted-{name}.safetensors")
                self.assertEqual(manifest(model)["calibration"]["shift"], math.log(KEEP_RATE))
                self.check_model(model)

    def test_auto_takes_the_lowest_cross_validated_logloss(self):
        model, page, _ = self.calibrate("--test", self.test_data)
        rows = {row["map"]: row for row in page["rows"]}
        self.assertEqual(set(rows), set(MAPS))
        best = min(MAPS, key=lambda name: (rows[name]["cv_logloss"], MAPS.index(name)))
        self.assertEqual(page["chosen"], best)
        self.assertEqual([name for name in MAPS if rows[name]["chosen"]], [best])
        self.assertAlmostEqual(rows["offset"]["fit"]["pcoc"], 1, places=7)  # but for clamped documents
        self.assertAlmostEqual(rows["isotonic"]["fit"]["ece_100"], 0, delta=0.02)
        for row in rows.values():
            self.assertEqual(sum(bin_["docs"] for bin_ in row["reliability"]), len(self.logits))
        # What the lineage says is what `ctr evaluate` measures.
        story = manifest(model)["lineage"]["calibration"]
        self.assertEqual(story["asked"], "auto")
        self.assertEqual(story["map"], best)
        self.assertEqual(story["cv_logloss"], {name: rows[name]["cv_logloss"] for name in MAPS})
        for data, key in ((self.held, "after"), (self.test_data, "test_after")):
            self.assertEqual(self.evaluated(model, data), story[key])
        self.assertEqual(self.evaluated(self.student, self.held), story["before"])
        self.assertEqual(story["model_sha256"], header(self.student)["__metadata__"]["sha256"])
        old, new = manifest(self.student)["lineage"], manifest(model)["lineage"]
        del new["calibration"]
        self.assertEqual(new, old)

    def test_same_bytes_again_whatever_the_order_of_the_lists(self):
        first, page, _ = self.calibrate("--map", "isotonic")
        again, other, _ = self.calibrate("--map", "isotonic", name="again.safetensors")
        self.assertEqual(first.read_bytes(), again.read_bytes())
        lists = {}
        for line in self.held.read_text().splitlines():
            lists.setdefault(line.split()[1], []).append(line)
        turned = self.path / "turned.txt"
        turned.write_text("".join(line + "\n" for qid in reversed(lists) for line in lists[qid]))
        out = self.path / "turned.safetensors"
        text, _ = run("calibrate", self.student, "--data", turned, "--out", out, "--json", "--map", "isotonic")
        self.assertEqual([row["cv_logloss"] for row in json.loads(text)["rows"]],
                         [row["cv_logloss"] for row in page["rows"]])
        for name in ("cal.x", "cal.y"):
            self.assertEqual(knots(out, name), knots(first, name))

    def test_a_calibrated_model_is_fitted_anew(self):
        shifted, _, _ = self.calibrate("--map", "platt", "--keep-rate", KEEP_RATE)
        anew, page, err = self.calibrate("--map", "temperature", model=shifted, name="anew.safetensors")
        fresh, _, _ = self.calibrate("--map", "temperature", name="fresh.safetensors")
        self.assertEqual(manifest(anew)["calibration"], manifest(fresh)["calibration"])
        self.assertIn("is replaced", err)
        self.assertIn("keep_rate=0.25", err)
        was = page["rows"][-1]
        self.assertEqual(was["map"], "as it was")
        self.assertIsNone(was["cv_logloss"])
        found = self.evaluated(shifted, self.held)
        self.assertEqual(was["fit"], found)
        self.assertEqual(manifest(anew)["lineage"]["calibration"]["before"], found)

    def test_tables_and_page(self):
        out, page = self.path / "m.safetensors", self.path / "page.html"
        text, _ = run("calibrate", self.student, "--data", self.held, "--test", self.test_data, "--out", out,
                      "--report", page)
        for words in ("Cross-validated", "On the data of the fit", "On the test data", "Reliability, test", "chosen",
                      f"{out}: "):
            self.assertIn(words, text)
        for name in MAPS:
            self.assertGreaterEqual(sum(line.startswith(name + " ") for line in text.splitlines()), 3)
        self.assertIn('"kind":"calibration"', page.read_text())

    def test_what_it_must_not_be_fitted_on(self):
        out = self.path / "m.safetensors"

        def refused(code, *words, model=self.student, data=self.held, options=()):
            _, err = run("calibrate", model, "--data", data, "--out", out, *options, code=code)
            for word in words:
                self.assertIn(word, err)
            self.assertFalse(out.exists())

        refused(1, "train.txt", "is the training data", data=self.home / "data/train.txt")
        # The same lists under another name.
        twin = self.path / "twin.txt"
        twin.write_bytes((self.home / "data/train.txt").read_bytes())
        refused(1, "twin.txt", "is the training data", data=twin)
        refused(78, "is a teacher", model=self.home / "run/teacher.safetensors")
        one = self.path / "one.txt"
        one.write_text("1 qid:a 1:1\n0 qid:a 1:2\n")
        refused(1, "one fold", data=one)
        _, err = run("calibrate", self.student, "--data", self.home / "data/valid.txt", "--out", out)
        self.assertIn("chose the model's epoch", err)

    def test_of_a_log_with_privileged_features_too(self):
        """Training reads more of the same file than scoring does."""
        run("synth", "impressions", "--out", self.path / "log", "--pages", 300, "--valid-pages", 200, "--test-pages", 10, "--users", 50,
            "--items", 50, "--click-rate", 0.2)
        (self.path / "log.yaml").write_text(
            "data: {train: log/train.jsonl, valid: log/valid.jsonl}\n"
            "features:\n  - {name: item_id, scope: item, kind: id, encode: vocab, dim: 2}\n"
            "  - {name: position, scope: item, kind: id, encode: identity, buckets: 50, dim: 2, privileged: true}\n"
            "method: clid\nnetwork: {hidden: [4]}\ntrain: {epochs: 1}\n")
        run("train", self.path / "log.yaml", "--out", self.path / "log-run")
        student, out = self.path / "log-run/student.safetensors", self.path / "m.safetensors"
        _, err = run("calibrate", student, "--data", self.path / "log/train.jsonl", "--out", out, code=1)
        self.assertIn("is the training data", err)
        packed = self.path / "packed.jsonl.gz"
        packed.write_bytes(gzip.compress((self.path / "log/train.jsonl").read_bytes()))
        _, err = run("calibrate", student, "--data", packed, "--out", out, code=1)
        self.assertIn("is the training data", err)
        _, err = run("calibrate", student, "--data", self.path / "log/valid.jsonl", "--out", out)
        self.assertIn("chose the model's epoch", err)

    def test_usage(self):
        out = self.path / "m.safetensors"
        for options, words in ((("--map", "magic"), "'magic'"), (("--folds", 1), "--folds"),
                               (("--keep-rate", 0), "(0, 1]"), (("--keep-rate", 1.5), "(0, 1]"),
                               (("--keep-rate", "half"), "'half'"), (("--prior", -1), "--prior"),
                               (("--bins", 1), "--bins")):
            _, err = run("calibrate", self.student, "--data", self.held, "--out", out, *options, code=2)
            self.assertIn(words, err)
        self.assertIn("--out", run("calibrate", self.student, "--data", self.held, code=2)[1])
        self.assertIn("--data", run("calibrate", self.student, "--out", out, code=2)[1])
        self.assertFalse(out.exists())

    def test_a_map_that_cannot_be_fitted_is_the_identity(self):
        text = "".join(f"0 qid:{q} 1:{q}\n" for q in range(1, 60))
        data, out = self.path / "none.txt", self.path / "m.safetensors"
        data.write_text(text)
        for name in ("offset", "temperature", "platt", "sir", "isotonic"):
            said, _ = run("calibrate", self.student, "--data", data, "--out", out, "--map", name)
            self.assertIn(f"{name} is the identity: one class only", said)
            self.assertEqual(manifest(out)["calibration"], {"kind": "identity"})
            self.assertEqual(manifest(out)["lineage"]["calibration"]["identity_because"], "one class only")


class Refused(Fitted):
    """ctrd does not start on a map that is not right."""

    def refused(self, path, *words):
        models = self.path / "models"
        (models / "1").mkdir(parents=True, exist_ok=True)
        (models / "1/student.safetensors").write_bytes(path.read_bytes())
        code, stderr = ctrdtest.run_to_end(models)
        self.assertEqual(code, 78, stderr)
        for word in ("1/student.safetensors", *words):
            self.assertIn(word, stderr)

    def change_knot(self, path, name, number, value, *words):
        head, data = split(path)
        struct.pack_into("<d", data, head[name]["data_offsets"][0] + 8 * number, value)
        changed = self.path / "changed.safetensors"
        join(changed, head, data)
        self.refused(changed, *words)

    def change_map(self, path, words, **members):
        head, data = split(path)
        whole = json.loads(head["__metadata__"]["manifest"])
        whole["calibration"].update(members)
        head["__metadata__"]["manifest"] = json.dumps(whole)
        changed = self.path / "changed.safetensors"
        join(changed, head, data)
        self.refused(changed, words)

    def test_bad_knots(self):
        isotonic, _, _ = self.calibrate("--map", "isotonic")
        x = knots(isotonic, "cal.x")
        self.assertGreater(len(x), 4)
        join(self.path / "same.safetensors", *split(isotonic))  # the tool itself is sound
        run("inspect", self.path / "same.safetensors")
        for value in (math.nan, math.inf, -math.inf):
            self.change_knot(isotonic, "cal.x", 2, value, "cal.x", "knot 2")
            self.change_knot(isotonic, "cal.y", 2, value, "cal.y", "knot 2")
        self.change_knot(isotonic, "cal.x", 2, x[1], "cal.x", "does not rise")
        self.change_knot(isotonic, "cal.x", 2, x[0] - 1, "cal.x", "does not rise")
        self.change_knot(isotonic, "cal.y", len(x) - 1, 0.0, "cal.y", "falls")
        self.change_knot(isotonic, "cal.y", len(x) - 1, 1.5, "cal.y", "probability")
        self.change_map(isotonic, "cal.x", knots=len(x) - 1)
        self.change_map(isotonic, "knots", knots=0)
        self.change_map(isotonic, "from 0 to 1" if x[0] >= 0 else "cal.", kind="sir")
        sir, _, _ = self.calibrate("--map", "sir", "--min-clicks", 5)
        self.change_knot(sir, "cal.x", 0, 1e-9, "cal.x", "from 0 to 1")

    def test_bad_numbers(self):
        platt, _, _ = self.calibrate("--map", "platt")
        self.change_map(platt, "calibration.slope", slope=-0.5)
        self.change_map(platt, "calibration.slope", slope=0)
        self.change_map(platt, "slope", slope=None)
        self.change_map(platt, "calibration.shift", shift=0.5)
        self.change_map(platt, "unknown key", temperature=1)
        self.change_map(platt, "oracle", kind="oracle")
        temperature, _, _ = self.calibrate("--map", "temperature")
        self.change_map(temperature, "calibration.temperature", temperature=-1)


if __name__ == "__main__":
    ctrtest.main()
