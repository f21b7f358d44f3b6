"""The command line of `ctr`: help with examples, exit codes, messages that name the place."""
import json
import pathlib
import struct
import subprocess

import ctrtest
from ctrtest import CTR, Folder, run, synth

COMMANDS = ("train", "evaluate", "score", "calibrate", "inspect", "publish", "synth")


class Help(Folder):
    def test_every_command_has_help_with_an_example(self):
        listed, _ = run("--help")
        for name in COMMANDS:
            out, err = run(name, "--help")
            self.assertIn(f"  ctr {name} ", out)
            self.assertIn("Example:", out)
            self.assertEqual(err, "")
            self.assertIn(f"  {name} ", listed)

    def test_version(self):
        self.assertRegex(run("--version")[0], r"^ctr \d+\.\d+\.\d+ \(\w+\)\n$")

    def test_usage_errors_exit_2(self):
        for line, words in (([], ""), (["fly"], "unknown command 'fly'"), (["train"], "--out"),
                            (["train", "--fly"], "unknown option --fly"),
                            (["train", "--out"], "needs a value: --out"),
                            (["train", "--out", "x"], "CONFIG.yaml"),
                            (["inspect"], "missing"), (["inspect", "a", "b"], "one argument too many: b"),
                            (["score", "m"], "--data"),
                            (["publish", "a", "b", "--version", "0"], "--version: expected a whole number"),
                            (["synth", "letor"], "--out"), (["synth", "images", "--out", "x"], "images"),
                            (["synth", "letor", "--out", "x", "--click-rate", "2"], "click")):
            out, err = run(*line, code=2)
            self.assertIn(words, err + out)
        self.assertFalse(pathlib.Path("x").exists())

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([CTR, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)


class Faults(Folder):
    def fault(self, text, code, *words, options=()):
        config = self.config(text)
        _, err = run("train", config, "--out", self.path / "run", *options, code=code)
        for word in words:
            self.assertIn(word, err)

    def test_configuration_errors_name_place_and_key(self):
        train = "data: {train: t.txt}\n"
        self.fault(train + "trian: {}\n", 78, "config.yaml:2:1", "trian", "train")
        self.fault(train + "train: {batch: many}\n", 78, "config.yaml:2:", "train.batch", "many")
        self.fault(train + "train: {batch: 1}\n", 78, "train.batch", "2")
        self.fault("train: {batch: 8}\n", 78, "data.train")
        self.fault(train + "method: magic\n", 78, "method", "base", "teacher", "clid")
        self.fault(train + "network: {hidden: []}\n", 78, "network.hidden")
        self.fault(train, 78, "--set", "train.epoch", "train.epochs", options=["--set", "train.epoch=3"])
        self.fault("data: {train: t.txt\n", 78, "config.yaml:")
        self.fault("data: &a {train: t.txt}\n", 78, "config.yaml:1:", "anchor")

    def test_missing_files(self):
        self.fault("data: {train: t.txt, page_context: loo_mean_std}\n", 1, "t.txt", "No such file")
        _, err = run("train", self.path / "none.yaml", "--out", self.path / "run", code=78)
        self.assertIn("none.yaml", err)
        _, err = run("inspect", self.path / "none.safetensors", code=1)
        self.assertIn("none.safetensors", err)

    def test_a_teacher_needs_something_privileged(self):
        synth(self.path / "data")
        self.fault("data: {train: data/train.txt}\nmethod: clid\n", 78, "data.privileged", "page_context")

    def test_a_bad_line_names_file_and_line(self):
        synth(self.path / "data")
        good = (self.path / "data/train.txt").read_text().splitlines()
        bad = good[:4] + ["1 qid:x 1:nan"] + good[4:] + ["one more"]
        (self.path / "data/bad.txt").write_text("\n".join(bad) + "\n")
        text = "data: {train: data/bad.txt, valid: data/valid.txt}\nmethod: base\ntrain: {epochs: 1}\n" \
               "network: {hidden: [4]}\n"
        self.fault(text, 1, "bad.txt:5:")
        self.fault(text, 1, f"bad.txt:{len(bad)}:", options=["--set", "data.skip_bad=1"])
        _, err = run("train", self.config(text), "--out", self.path / "skipped", "--set", "data.skip_bad=2")
        self.assertIn("skipped_lines=2", err)

    def test_a_feature_beyond_the_training_data(self):
        synth(self.path / "data")
        run("train", self.config("data: {train: data/train.txt}\nmethod: base\ntrain: {epochs: 1}\n"
                                 "network: {hidden: [4]}\n"), "--out", self.path / "run")
        (self.path / "wide.txt").write_text("0 qid:1 1:1\n1 qid:1 9:1\n")
        _, err = run("score", self.path / "run/student.safetensors", "--data", self.path / "wide.txt", code=1)
        self.assertIn("wide.txt:2", err)


class Evaluate(Folder):
    def test_table_and_json_agree(self):
        synth(self.path / "data")
        run("train", self.config("data: {train: data/train.txt, page_context: loo_mean_std}\n"
                                 "train: {epochs: 1}\nnetwork: {hidden: [4]}\n"), "--out", self.path / "run")
        models = [self.path / "run/teacher.safetensors", self.path / "run/student.safetensors"]
        table, _ = run("evaluate", *models, "--data", self.path / "data/test.txt")
        rows = {line[:20].strip(): line[20:].split() for line in table.splitlines()[1:]}
        found = json.loads(run("evaluate", *models, "--data", self.path / "data/test.txt", "--json")[0])
        self.assertEqual(list(found), sorted(map(str, models)))
        for column, model in enumerate(models):
            for name in ("ndcg10", "auc", "gauc", "logloss", "ece_list", "pcoc", "slope"):
                self.assertAlmostEqual(float(rows[name][column]), found[str(model)][name], delta=6e-7)

    def test_measures_of_a_score_file_by_hand(self):
        """LogLoss, PCOC and Brier from the scores that `ctr score` writes."""
        import math
        synth(self.path / "data")
        run("train", self.config("data: {train: data/train.txt}\nmethod: base\ntrain: {epochs: 2}\n"
                                 "network: {hidden: [4]}\n"), "--out", self.path / "run")
        model, data = self.path / "run/student.safetensors", self.path / "data/test.txt"
        run("score", model, "--data", data, "--out", self.path / "s.tsv")
        p = [1 / (1 + math.exp(-struct.unpack("<f", ctrtest.bits(row[2]))[0])) for row in ctrtest.scores(self.path / "s.tsv")]
        y = [float(line.split()[0]) > 0 for line in data.read_text().splitlines()]
        want = {"logloss": -sum(math.log(q if c else 1 - q) for q, c in zip(p, y)) / len(y),
                "pcoc": sum(p) / sum(y), "brier": sum((q - c) ** 2 for q, c in zip(p, y)) / len(y)}
        found = json.loads(run("evaluate", model, "--data", data, "--json")[0])[str(model)]
        for name, value in want.items():
            self.assertAlmostEqual(found[name], value, places=9)


class Publish(Folder):
    def test_versions_count_up_and_never_overwrite(self):
        synth(self.path / "data")
        run("train", self.config("data: {train: data/train.txt, page_context: loo_mean_std}\n"
                                 "train: {epochs: 1}\nnetwork: {hidden: [4]}\n"), "--out", self.path / "run")
        student, models = self.path / "run/student.safetensors", self.path / "models/m"
        self.assertIn("m/1/student.safetensors", run("publish", student, models)[0])
        self.assertIn("m/9/", run("publish", student, models, "--version", 9)[0])
        self.assertIn("m/10/", run("publish", student, models)[0])
        _, err = run("publish", student, models, "--version", 9, code=1)
        self.assertIn("9", err)
        self.assertEqual((models / "10/student.safetensors").read_bytes(), student.read_bytes())
        _, err = run("publish", self.path / "run/teacher.safetensors", models, code=1)
        self.assertIn("teacher", err)
        self.assertEqual(sorted(p.name for p in models.iterdir()), ["1", "10", "9"])


if __name__ == "__main__":
    ctrtest.main()
