"""`ctr train` from outside: results, repeatability, kill -9 and --resume, privileged features."""
import json
import pathlib
import signal
import subprocess

import ctrtest
from ctrtest import CTR, Folder, epochs, header, run, scores, synth

SMALL = """
data: {train: data/train.txt, valid: data/valid.txt, test: data/test.txt, page_context: loo_mean_std}
network: {hidden: [16, 8]}
train: {epochs: 3, batch: 64}
"""


class Train(Folder):
    def setUp(self):
        super().setUp()
        synth(self.path / "data")
        self.yaml = self.config(SMALL)

    def train(self, name, *options, code=0, env=None):
        out, err = run("train", self.yaml, "--out", self.path / name, *options, code=code, env=env)
        return out if code == 0 else err

    def bytes_of(self, name, file="student.safetensors"):
        return (self.path / name / file).read_bytes()

    def test_clid_leaves_teacher_student_and_history(self):
        table = self.train("run")
        self.assertIn("teacher, test", table)
        self.assertIn("student, valid", table)
        lines = epochs(self.path / "run")
        self.assertEqual([(line["stage"], line["epoch"]) for line in lines],
                         [("teacher", 1), ("teacher", 2), ("teacher", 3),
                          ("student", 1), ("student", 2), ("student", 3)])
        # An epoch of all training documents: 60 lists, a rest of one document at most is dropped.
        docs = len((self.path / "data/train.txt").read_text().splitlines())
        for line in lines:
            self.assertIn(docs - line["train"]["docs"], (0, 1))
        self.assertEqual(header(self.path / "run/student.safetensors")["__metadata__"]["format"], "ctr-student-1")
        self.assertEqual(header(self.path / "run/teacher.safetensors")["__metadata__"]["format"], "ctr-teacher-1")
        self.assertFalse((self.path / "run/kept").exists())

    def test_a_student_carries_ranges_and_histogram(self):
        self.train("run")
        model = self.path / "run/student.safetensors"
        low, high = [0.0] * 8, [0.0] * 8  # an absent value of LETOR data is 0
        rows = 0
        for line in (self.path / "data/train.txt").read_text().splitlines():
            values = dict.fromkeys(range(1, 9), 0.0)
            values.update((int(part.split(":")[0]), float(part.split(":")[1]))
                          for part in line.split("#")[0].split()[2:])
            low = [values[i + 1] if rows == 0 else min(low[i], values[i + 1]) for i in range(8)]
            high = [values[i + 1] if rows == 0 else max(high[i], values[i + 1]) for i in range(8)]
            rows += 1
        seen = ctrtest.tensor(model, "range.f")
        self.assertEqual([ctrtest.bits(x) for x in seen], [ctrtest.bits(x) for x in low + high])
        run("score", model, "--data", self.path / "data/valid.txt", "--out", self.path / "scores.tsv")
        edges, counts = ctrtest.histogram(pctr for _, _, _, pctr in scores(self.path / "scores.tsv"))
        self.assertEqual([ctrtest.bits(edge) for edge in ctrtest.tensor(model, "pctr.edges")], edges)
        self.assertEqual(ctrtest.tensor(model, "pctr.counts"), counts)
        told, _ = run("inspect", model)
        self.assertIn(f"  f[0]  {seen[0]:.6g} to {seen[8]:.6g}\n", told)
        self.assertIn(f"histogram    of {sum(counts)} pCTR in {len(counts)} bins", told)
        for name in header(self.path / "run/teacher.safetensors"):  # never served
            self.assertFalse(name.startswith(("range.", "pctr.")), name)

    def test_loss_goes_down(self):
        self.train("run", "--set", "method=base", "--set", "train.epochs=10")
        lines = epochs(self.path / "run")
        self.assertLess(lines[-1]["train"]["point_ce"], lines[0]["train"]["point_ce"])

    def test_same_seed_same_bytes_other_seed_others(self):
        self.train("one")
        self.train("two")
        self.train("three", "--set", "train.seed=2")
        for file in ("student.safetensors", "teacher.safetensors"):
            self.assertEqual(self.bytes_of("one", file), self.bytes_of("two", file))
            self.assertNotEqual(self.bytes_of("one", file), self.bytes_of("three", file))

    def test_threads_do_not_change_the_result_shards_do(self):
        self.train("one", "--set", "train.threads=1")
        self.train("three", "--set", "train.threads=3")
        self.train("shards", "--set", "train.shards=3")
        self.assertEqual(self.bytes_of("one"), self.bytes_of("three"))
        self.assertNotEqual(self.bytes_of("one"), self.bytes_of("shards"))

    def test_ratio_zero_is_base_bit_for_bit(self):
        self.train("base", "--set", "method=base")
        self.train("zero", "--set", "loss.ratio=0")
        base, zero = (header(self.path / name / "student.safetensors") for name in ("base", "zero"))
        self.assertEqual(self.tensors("base"), self.tensors("zero"))
        self.assertNotEqual(base["__metadata__"]["manifest"], zero["__metadata__"]["manifest"])  # lineage

    def test_alpha_and_ratio_say_the_same(self):
        self.train("ratio", "--set", "loss.ratio=3")
        self.train("alpha", "--set", "loss.alpha=0.25")
        self.assertEqual(self.tensors("ratio"), self.tensors("alpha"))
        error = self.train("both", "--set", "loss.ratio=3", "--set", "loss.alpha=0.25", code=78)
        self.assertIn("loss.alpha", error)

    def test_a_joint_teacher_has_the_bits_of_a_teacher_alone(self):
        """Nothing of the student's losses flows into the teacher: the same towers, step for step."""
        keep_last = ("--set", "train.epochs=1")
        self.train("two", *keep_last)
        for method in ("clid", "pointwise", "listmle", "clid_mass"):
            self.train(method, "--set", "mode=joint", "--set", f"method={method}", *keep_last)
            self.assertEqual(self.tensors(method, "teacher.safetensors"), self.tensors("two", "teacher.safetensors"))
            self.assertNotEqual(self.tensors(method), self.tensors("two"))

    def tensors(self, name, file="student.safetensors"):
        """The weights of a model, without its metadata."""
        data = self.bytes_of(name, file)
        start = 8 + int.from_bytes(data[:8], "little")
        return {key: data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]]
                for key, entry in header(self.path / name / file).items()
                if key != "__metadata__"}

    def test_clid_differs_from_base(self):
        self.train("base", "--set", "method=base")
        self.train("clid")
        self.assertNotEqual(self.tensors("base"), self.tensors("clid"))

    def test_teacher_of_another_run(self):
        self.train("own")
        self.train("taught", "--set", f"teacher={self.path}/own/teacher.safetensors")
        self.assertEqual(self.tensors("own"), self.tensors("taught"))
        self.assertFalse((self.path / "taught/teacher.safetensors").exists())

    def test_a_teacher_of_the_wrong_kind_is_refused(self):
        self.train("own")
        self.train("self", "--set", "method=selfteacher")
        for method, teacher, words in (("clid", "own/student", "is a student"), ("clid", "self/teacher", "method teacher"),
                                       ("selfkd", "own/teacher", "method selfteacher")):
            chosen = f"teacher={self.path}/{teacher}.safetensors"
            self.assertIn(words, self.train(f"{method}-{teacher[:3]}", "--set", f"method={method}", "--set", chosen, code=78))
        self.train("good", "--set", "method=selfkd", "--set", f"teacher={self.path}/self/teacher.safetensors")

    def test_second_run_reads_the_cache(self):
        self.train("one", "--set", f"data.cache={self.path}/shared")
        before = {file.name: file.stat().st_mtime_ns for file in (self.path / "shared").iterdir()}
        self.train("two", "--set", f"data.cache={self.path}/shared")
        after = {file.name: file.stat().st_mtime_ns for file in (self.path / "shared").iterdir()}
        self.assertEqual(sorted(before), ["test.ctrcache", "train.ctrcache", "valid.ctrcache"])
        self.assertEqual(before, after)
        self.assertEqual(self.bytes_of("one"), self.bytes_of("two"))

    def test_a_folder_that_holds_a_run_is_refused(self):
        self.train("run")
        before = self.bytes_of("run")
        self.assertIn("--resume", self.train("run", code=2))
        self.assertEqual(before, self.bytes_of("run"))

    def test_resume_of_a_finished_run_changes_nothing(self):
        first = self.train("run")
        files = ("student.safetensors", "teacher.safetensors", "history.jsonl")
        before = [self.bytes_of("run", file) for file in files]
        again, _ = run("train", "--resume", "--out", self.path / "run")
        self.assertEqual(first, again)
        self.assertEqual(before, [self.bytes_of("run", file) for file in files])

    def test_resume_with_another_configuration_is_refused(self):
        self.train("run")
        message = self.train("run", "--resume", "--set", "train.lr=0.01", code=78)
        self.assertIn("state.safetensors", message)
        self.assertIn("another configuration", message)

    def test_resume_with_other_data_is_refused(self):
        self.train("run")
        with open(self.path / "data/train.txt", "a") as file:
            file.write("1 qid:new 1:0.5\n")
        self.assertIn("other training", self.train("run", "--resume", code=78))

    def test_files_of_somebody_else_are_not_overwritten(self):
        for name in ("config.yaml", "history.jsonl", "student.safetensors", "kept"):
            folder = self.path / f"theirs-{name}"
            folder.mkdir()
            (folder / name).write_text("mine\n")
            self.assertIn(name, self.train(folder.name, code=2))
            self.assertEqual([(f.name, f.read_text()) for f in folder.iterdir()], [(name, "mine\n")])

    def test_features_belong_to_the_configuration(self):
        text = SMALL + "features: [{name: f, scope: item, kind: dense, size: 8, transform: none}]\n"
        self.yaml = self.config(text)
        self.train("run")
        self.yaml = self.config(text.replace("transform: none", "transform: log1p"))
        self.assertIn("another configuration", self.train("run", "--resume", code=78))

    def test_resume_with_another_teacher_is_refused(self):
        self.train("one", "--set", "method=teacher")
        self.train("two", "--set", "method=teacher", "--set", "train.seed=2")
        teachers = [f"teacher={self.path}/{name}/teacher.safetensors" for name in ("one", "two")]
        self.train("run", "--set", teachers[0])
        self.assertIn("another teacher", self.train("run", "--resume", "--set", teachers[1], code=78))
        self.train("run", "--resume", "--set", teachers[0])

    def test_page_values_may_leave_the_range_of_raw_values(self):
        lines = (self.path / "data/train.txt").read_text().splitlines()
        far = [f"{line.split(' 1:')[0]} 1:{-9000000 if i % 2 else 0}" for i, line in enumerate(lines)]
        (self.path / "data/far.txt").write_text("\n".join(far) + "\n")
        self.yaml = self.config(SMALL.replace("train.txt", "far.txt").replace("valid: data/valid.txt, test: data/test.txt",
                                                                               "transform: none"))
        self.train("run", "--set", "train.epochs=1")

    def test_a_damaged_state_is_refused_by_name(self):
        self.train("run")
        path = self.path / "run/state.safetensors"
        whole = path.read_bytes()
        for damage in (whole[:-1], whole[:200], b"", whole[:300] + bytes([whole[300] ^ 1]) + whole[301:]):
            path.write_bytes(damage)
            self.assertIn("state.safetensors", self.train("run", "--resume", code=1))
        path.write_bytes(whole)
        self.train("run", "--resume")

    def test_environment_and_set(self):
        self.train("run", "--set", "method=base", env={"CTR_TRAIN_EPOCHS": "1"})
        self.assertEqual(len(epochs(self.path / "run")), 1)


class Kill(Folder):
    """kill -9 at many places; the resumed run ends with the bytes of an undisturbed one."""

    def kill_and_resume(self, *method):
        synth(self.path / "data", "--lists", 300)
        yaml = self.config(SMALL)
        # A state after every step, so that a run is also killed inside epochs.
        options = [*method, "--set", "train.checkpoint_minutes=0", "--set", "train.epochs=6"]
        run("train", yaml, "--out", self.path / "whole", *options)
        for saves in (1, 5, 20, 60):
            folder = self.path / f"killed{saves}"
            self.kill_after(saves, folder, "train", yaml, "--out", folder, *options)
            run("train", yaml, "--resume", "--out", folder, *options)
            for file in ("student.safetensors", "teacher.safetensors", "history.jsonl"):
                if not (self.path / "whole" / file).exists():
                    continue
                self.assertEqual((folder / file).read_bytes(), (self.path / "whole" / file).read_bytes(),
                                 f"{file} after a kill at save {saves}")

    def kill_after(self, saves, folder, *arguments):
        """Kills once so many states were seen: the machine's speed moves the place, not whether it is hit."""
        child = subprocess.Popen([CTR, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = set()
        while len(seen) < saves and child.poll() is None:
            try:
                seen.add((folder / "state.safetensors").stat().st_mtime_ns)
            except FileNotFoundError:
                pass
        child.send_signal(signal.SIGKILL)
        self.assertEqual(child.wait(), -signal.SIGKILL, f"the run ended before {saves} saves were seen")

    def test_two_stages(self):
        self.kill_and_resume("--set", "method=clid")

    def test_joint(self):
        self.kill_and_resume("--set", "method=clid_mass", "--set", "mode=joint")

    def test_shallow_tower(self):
        self.kill_and_resume("--set", "method=pridropout")


class Privileged(Folder):
    """A student is a function of its own document; a teacher sees the page (spec/algorithm.md 5)."""

    def setUp(self):
        super().setUp()
        synth(self.path / "data")
        run("train", self.config(SMALL), "--out", self.path / "run")

    def score(self, model, data):
        out = self.path / "scores.tsv"
        run("score", self.path / "run" / model, "--data", data, "--out", out)
        return scores(out)

    def test_other_documents_matter_to_the_teacher_alone(self):
        lines = (self.path / "data/test.txt").read_text().splitlines(keepends=True)
        kept = self.path / "kept.txt"
        by_list = {}
        for line in lines:
            by_list.setdefault(line.split()[1], []).append(line)
        # Every second document, in reversed order.
        chosen = {qid: list(range(0, len(docs), 2))[::-1] for qid, docs in by_list.items()}
        kept.write_text("".join(by_list[qid][i] for qid in by_list for i in chosen[qid]))
        for model, same in (("student.safetensors", True), ("teacher.safetensors", False)):
            whole = {(qid, int(doc)): (logit, pctr)
                     for qid, doc, logit, pctr in self.score(model, self.path / "data/test.txt")}
            equal = [whole[(qid, chosen["qid:" + qid][int(doc)])] == (logit, pctr)
                     for qid, doc, logit, pctr in self.score(model, kept)]
            self.assertGreater(len(equal), 100)
            if same:
                self.assertTrue(all(equal))
            else:
                self.assertLess(sum(equal), len(equal) / 10)

    def test_privileged_columns_do_not_reach_the_student(self):
        yaml = self.config(SMALL.replace("page_context: loo_mean_std", "privileged: [2, 5-6]"), "columns.yaml")
        run("train", yaml, "--out", self.path / "columns")
        seen, _ = run("inspect", self.path / "columns/student.safetensors")
        taught, _ = run("inspect", self.path / "columns/teacher.safetensors")
        self.assertNotIn("f_priv", seen)
        self.assertIn("f_priv", taught)
        manifest = json.loads(header(self.path / "columns/student.safetensors")["__metadata__"]["manifest"])
        self.assertEqual([feature["columns"] for feature in manifest["features"]], [[1, 3, 4, 7, 8]])
        # Changing what is privileged changes no score of the student.
        changed = self.path / "changed.txt"
        out = []
        for line in (self.path / "data/test.txt").read_text().splitlines():
            grade, qid, *pairs = line.split()
            pairs = [pair for pair in pairs if pair.split(":")[0] not in ("2", "5", "6")]
            out.append(" ".join([grade, qid, *pairs, "2:17", "5:-3.5", "6:1e6"]))
        changed.write_text("\n".join(out) + "\n")
        model = self.path / "columns/student.safetensors"
        run("score", model, "--data", self.path / "data/test.txt", "--out", self.path / "a.tsv")
        run("score", model, "--data", changed, "--out", self.path / "b.tsv")
        self.assertEqual((self.path / "a.tsv").read_bytes(), (self.path / "b.tsv").read_bytes())


class Kernels(Folder):
    def test_every_kernel_set_gives_the_same_bits(self):
        synth(self.path / "data")
        run("train", self.config(SMALL), "--out", self.path / "run")
        flags = pathlib.Path("/proc/cpuinfo").read_text()
        sets = ["scalar"] + (["avx2"] if " avx2 " in flags else []) + (["avx512"] if " avx512bw " in flags else [])
        print("kernel sets:", *sets)
        for model in ("student.safetensors", "teacher.safetensors"):
            tables = set()
            for name in sets:
                out, _ = run("score", self.path / "run" / model, "--data", self.path / "data/test.txt",
                             "--kernels", name)
                tables.add(out)
            self.assertEqual(len(tables), 1)


if __name__ == "__main__":
    ctrtest.main()
