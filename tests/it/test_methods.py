"""Every method from training to the ranked reply: what `ctrd` answers has the bits of `ctr score`, in both modes, calibrated
and not; and no model that is served admits a privileged input."""
import json
import re

import ctrdtest
import ctrtest
from ctrtest import SOURCE, bits, run, scores, synth

COLUMNS = 8
MAPS = ("offset", "temperature", "platt", "sir", "isotonic")


def table():
    """[(name, role, has a teacher)] of methods.def."""
    rows = re.findall(r'^METHOD\((\w+), "[^"]*", (\w+), \w+, \w+, \w+, "(\w*)"', (SOURCE / "model/train/methods.def").read_text(),
                      re.M)
    return [(name, role, bool(teacher)) for name, role, teacher in rows]


class Methods(ctrtest.Folder):
    @classmethod
    def setUpClass(cls):
        cls.holder = ctrtest.tempfile.TemporaryDirectory(prefix="ctrtest-")
        cls.addClassCleanup(cls.holder.cleanup)
        cls.home = ctrtest.pathlib.Path(cls.holder.name)
        cls.data = synth(cls.home / "data")
        # The lists behind those 120: of the same kind, and none of them.
        cls.held = synth(cls.home / "held", "--lists", 120, "--valid-lists", 200) / "valid.txt"
        (cls.home / "config.yaml").write_text(
            "data: {train: data/train.txt, valid: data/valid.txt, page_context: loo_mean_std}\n"
            "network: {hidden: [8]}\nshallow: {hidden: [4]}\ntrain: {epochs: 4, batch: 64, lr: 0.01}\n")

    def train(self, method, mode):
        out = self.path / f"{method}-{mode}"
        run("train", self.home / "config.yaml", "--out", out, "--set", f"method={method}", "--set", f"mode={mode}")
        return out

    def pages(self):
        """{qid: [[values of a document]]} of the test data."""
        pages = {}
        for line in (self.data / "test.txt").read_text().splitlines():
            _, qid, *pairs = line.split()
            values = dict(pair.split(":") for pair in pairs)
            pages.setdefault(qid[4:], []).append([float(values.get(str(k + 1), 0)) for k in range(COLUMNS)])
        return pages

    def calibrate(self, out, kind, *options):
        model = out / f"{kind}.safetensors"
        run("calibrate", out / "student.safetensors", "--data", self.held, "--out", model, "--map", kind, "--bins", 20,
            "--min-clicks", 5, *options)
        self.assertEqual(json.loads(ctrtest.header(model)["__metadata__"]["manifest"])["calibration"]["kind"], kind)
        return model

    def check_served(self, model, name):
        """What ctrd answers for every page is what `ctr score` writes, whose rows are returned."""
        run("score", model, "--data", self.data / "test.txt", "--out", self.path / "scores.tsv")
        rows = scores(self.path / "scores.tsv")
        want = {(qid, int(doc)): bits(pctr) for qid, doc, _, pctr in rows}
        models = self.path / f"models-{name}"
        run("publish", model, models)
        daemon = ctrdtest.Daemon(models)
        try:
            seen = 0
            for qid, documents in self.pages().items():
                status, reply = daemon.rank(json.dumps({"candidates": [
                    {"id": str(i), "bid": 1 + i % 5, "features": {"f": values}} for i, values in enumerate(documents)]}))
                self.assertEqual(status, 200, reply)
                for place in reply["ranked"]:
                    self.assertEqual(bits(place["pctr"]), want[(qid, int(place["id"]))], f"{name}, qid {qid}")
                    seen += 1
            self.assertEqual(seen, len(want))
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.kill()
        return rows

    def check_student(self, out):
        manifest = json.loads(ctrtest.header(out / "student.safetensors")["__metadata__"]["manifest"])
        self.assertEqual([feature["name"] for feature in manifest["features"]], ["f"])
        self.assertEqual(manifest["network"]["widths"], [COLUMNS, 8, 1])

    def test_two_stage(self):
        students = [name for name, role, _ in table() if role == "STUDENT"]
        self.assertEqual(len(students), 11)  # twelve methods with the teacher, which is not served
        logits = {}
        for method in students:
            with self.subTest(method=method):
                out = self.train(method, "two_stage")
                self.check_student(out)
                before = self.check_served(out / "student.safetensors", method)
                logits[method] = tuple(row[2] for row in before)
                for kind in MAPS:
                    after = self.check_served(self.calibrate(out, kind), f"{method}-{kind}")
                    self.assertEqual(tuple(row[2] for row in after), logits[method])
                    self.assertNotEqual([row[3] for row in after], [row[3] for row in before])
        self.assertEqual(len(set(logits.values())), len(students))  # each learnt something of its own

    def test_joint(self):
        taught = [name for name, _, teacher in table() if teacher]
        self.assertGreaterEqual(len(taught), 7)
        for i, method in enumerate(taught):
            with self.subTest(method=method):
                out = self.train(method, "joint")
                self.check_student(out)
                self.check_served(out / "student.safetensors", f"{method}-joint")
                shifted = self.calibrate(out, MAPS[i % len(MAPS)], "--keep-rate", 0.5)
                self.check_served(shifted, f"{method}-joint-shifted")

    def test_teachers_are_not_served(self):
        for method, role, _ in table():
            if role != "TEACHER":
                continue
            out = self.train(method, "two_stage")
            self.assertFalse((out / "student.safetensors").exists())
            _, err = run("publish", out / "teacher.safetensors", self.path / "models", code=1)
            self.assertIn("teacher", err)

    def test_joint_is_refused_where_nobody_teaches(self):
        for method, _, teacher in table():
            if not teacher:
                _, err = run("train", self.home / "config.yaml", "--out", self.path / "x", "--set", f"method={method}",
                             "--set", "mode=joint", code=78)
                self.assertIn("mode", err)


if __name__ == "__main__":
    ctrtest.main()
