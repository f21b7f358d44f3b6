"""`ctr experiment` from outside: the three verbs, kill -9, one result whatever the way there."""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import time

import ctrtest
from ctrtest import CTR, SOURCE, Folder, run, synth

TINY = """
experiment:
  name: tiny
  methods: [pal, pointwise, clid, selfkd]
  seeds: [1, 2]
  ratios: [0.1, 1]
  taus: [1, 10]
  teacher_check: warn
  synth: {train_lists: 150, valid_lists: 60, test_lists: 60, features: 8, min_docs: 3, max_docs: 20}
data: {page_context: loo_mean_std}
network: {hidden: [8]}
train: {epochs: 3, batch: 64}
"""
# base, teacher, selfteacher, pal: 1 setting; pointwise 4, clid 2, selfkd 2; one more seed each.
RUNS = 4 + 4 + 2 + 2 + 7
RESULTS = ("results.json", "results.md", "timing.json", "report.html")


class Experiment(Folder):
    def setUp(self):
        super().setUp()
        self.yaml = self.config(TINY, "tiny.yaml")

    def experiment(self, out, *options, code=0, yaml=None):
        return run("experiment", yaml or self.yaml, "--out", self.path / out, *options, code=code)

    def listed(self, out, *options):
        lines = self.experiment(out, "--list", *options)[0].splitlines()
        return [dict(zip(("number", "id", "level", "state", "hours"), line.split("\t"))) for line in lines]

    def results(self, out):
        return (self.path / out / "results.json").read_bytes()


class Verbs(Experiment):
    def test_all_runs_and_the_report(self):
        self.assertEqual({run["state"] for run in self.listed("all")}, {"ready", "waits"})
        self.experiment("all")
        runs = self.listed("all")
        self.assertEqual(len(runs), RUNS)
        self.assertEqual({run["state"] for run in runs}, {"finished"})
        for name in RESULTS:
            self.assertTrue((self.path / "all" / name).is_file(), name)
        found = json.loads(self.results("all"))
        self.assertEqual([m["method"] for m in found["methods"]],
                         ["base", "teacher", "pal", "pointwise", "clid", "selfkd", "selfteacher"])
        for run in runs:
            folder = self.path / "all/runs" / run["id"]
            record = json.loads((folder / "run.json").read_text())
            self.assertEqual((record["id"], record["status"]), (run["id"], "ok"))
            self.assertEqual(len(record["ndcg_lists"]), 60)
            self.assertFalse((folder / "state.safetensors").exists())
            self.assertTrue(list(folder.glob("*.safetensors")))

    def test_a_record_is_what_evaluate_measures(self):
        self.experiment("all")
        folder = self.path / "all/runs/clid-chosen-s2"
        record = json.loads((folder / "run.json").read_text())
        out, _ = run("evaluate", folder / "student.safetensors", "--data", self.path / "all/data/test.txt",
                     "--auction", "--json")
        self.assertEqual(json.loads(out)[str(folder / "student.safetensors")], record["test"])

    def test_a_record_takes_what_lies_beside_the_test_file(self):
        """FILE.appeal clicks and FILE.bid is bid in a record as in `ctr evaluate`; errors stay against FILE.truth."""
        data = synth(self.path / "data")
        lines = len((data / "test.txt").read_text().splitlines())
        options = [word for part in ("train", "valid", "test") for word in ("--set", f"data.{part}={data}/{part}.txt")]
        options += ["--set", "experiment.synth.train_lists=0", "--run", 0]
        told = []
        for name in ("bare", "beside"):
            self.experiment(name, *options)
            path, = self.path.glob(f"{name}/runs/*/run.json")
            told.append(json.loads(path.read_text())["test"])
            student = path.parent / "student.safetensors"
            out, _ = run("evaluate", student, "--data", data / "test.txt", "--auction", "--json")
            self.assertEqual(json.loads(out)[str(student)], told[-1])
            (data / "test.txt.appeal").write_text("".join(f"{0.1 + i % 7 / 10}\n" for i in range(lines)))
            (data / "test.txt.bid").write_text("".join(f"{1 + i % 3}\n" for i in range(lines)))
        self.assertEqual(told[0]["true_kl"], told[1]["true_kl"])
        self.assertNotEqual(told[0]["welfare"], told[1]["welfare"])

    def test_a_run_is_what_train_makes(self):
        """The chosen setting trained by `ctr train`, with the teacher of that seed: the same bytes."""
        self.experiment("all")
        runs = self.path / "all/runs"
        record = json.loads((runs / "clid-chosen-s2/run.json").read_text())
        data = self.path / "all/data"
        config = self.config(f"data: {{train: {data}/train.txt, valid: {data}/valid.txt, page_context: loo_mean_std}}\n"
                             "network: {hidden: [8]}\ntrain: {epochs: 3, batch: 64, seed: 2}\nmethod: clid\n"
                             f"teacher: {runs}/teacher-chosen-s2/teacher.safetensors\n")
        run("train", config, "--out", self.path / "alone", "--set", f"loss.ratio={record['ratio']}")
        name = "student.safetensors"
        self.assertEqual(weights(self.path / "alone" / name), weights(runs / "clid-chosen-s2" / name))

    def test_a_finished_run_is_never_repeated(self):
        self.experiment("all")
        stamps = {path: path.stat().st_mtime_ns for path in self.path.glob("all/runs/*/run.json")}
        before = self.results("all")
        self.experiment("all")
        self.experiment("all", "--run", 0)
        self.assertEqual(stamps, {path: path.stat().st_mtime_ns for path in self.path.glob("all/runs/*/run.json")})
        self.assertEqual(self.results("all"), before)
        # A lost run is done again, with the same bytes; the others stay.
        lost = self.path / "all/runs/clid-chosen-s2/run.json"
        content = lost.read_bytes()
        shutil.rmtree(lost.parent)
        self.experiment("all")
        self.assertEqual(lost.read_bytes(), content)
        self.assertEqual(self.results("all"), before)

    def test_run_by_run_gives_the_same_bytes(self):
        self.experiment("all")
        for level in range(4):
            for one in self.listed("by-hand", "--level", level):
                self.experiment("by-hand", "--run", one["number"])
        self.experiment("by-hand", "--collect")
        self.assertEqual(self.results("by-hand"), self.results("all"))

    def test_gnu_parallel_gives_the_same_bytes(self):
        if shutil.which("parallel") is None:
            raise AssertionError("GNU parallel is not installed: scripts/setup test installs it")
        self.experiment("all")
        script = f"""set -e
        for level in 0 1 2 3; do
          {CTR} experiment {self.yaml} --out {self.path}/spread --list --level $level | cut -f 1 |
            parallel --will-cite -j 2 {CTR} experiment {self.yaml} --out {self.path}/spread --run {{}}
        done
        {CTR} experiment {self.yaml} --out {self.path}/spread --collect"""
        done = subprocess.run(["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True,
                              timeout=ctrtest.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.results("spread"), self.results("all"))

    def test_half_an_experiment_can_be_collected(self):
        self.experiment("half", "--run", 0)
        self.experiment("half", "--collect")
        found = json.loads(self.results("half"))
        self.assertEqual(found["methods"][0]["method"], "base")
        for name in RESULTS:
            self.assertTrue((self.path / "half" / name).is_file(), name)


class Sharing(Experiment):
    """One folder, several processes, other places."""

    def test_two_processes_share_the_runs(self):
        self.experiment("alone")
        children = [subprocess.Popen([CTR, "experiment", self.yaml, "--out", self.path / "shared", "--jobs", "2"],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        for child in children:
            _, err = child.communicate(timeout=ctrtest.TIMEOUT)
            self.assertEqual(child.returncode, 0, err)
        self.assertEqual(self.results("shared"), self.results("alone"))

    def test_a_run_that_another_process_does_is_waited_for(self):
        self.experiment("all", "--run", 0)
        (self.path / "all/runs/pal-lr0.001-s1").mkdir()
        with open(self.path / "all/runs/pal-lr0.001-s1/lock", "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            _, err = self.experiment("all", "--run", self.number("all", "pal-lr0.001-s1"), code=1)
            self.assertIn("another process", err)
            child = subprocess.Popen([CTR, "experiment", self.yaml, "--out", self.path / "all"],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            end = time.monotonic() + ctrtest.TIMEOUT
            # All but that one and its second seed, which waits for it.
            while len(list(self.path.glob("all/runs/*/run.json"))) < RUNS - 2:
                self.assertIsNone(child.poll())
                self.assertLess(time.monotonic(), end)
                os.sched_yield()
            self.assertFalse((self.path / "all/runs/pal-lr0.001-s1/run.json").exists())
        _, err = child.communicate(timeout=ctrtest.TIMEOUT)
        self.assertEqual(child.returncode, 0, err)
        self.assertEqual({run["state"] for run in self.listed("all")}, {"finished"})

    def test_a_moved_folder_goes_on(self):
        self.experiment("here", "--run", 0)
        (self.path / "here").rename(self.path / "there")
        stamp = (self.path / "there/runs/base-lr0.001-s1/run.json").stat().st_mtime_ns
        self.experiment("there")
        self.assertEqual((self.path / "there/runs/base-lr0.001-s1/run.json").stat().st_mtime_ns, stamp)
        self.experiment("whole")
        self.assertEqual(self.results("there"), self.results("whole"))

    def test_changed_data_are_refused_before_anything_is_trained_on_them(self):
        self.experiment("all", "--run", 0)
        data = self.path / "all/data/valid.txt"
        lines = data.read_text().splitlines(keepends=True)
        data.write_text("".join(lines[:-1]))
        _, err = self.experiment("all", "--run", 1, code=78)
        self.assertIn("data files have changed", err)
        self.assertFalse((self.path / "all/runs/teacher-lr0.001-s1").exists())
        data.write_text("".join(lines))
        self.experiment("all", "--run", 1)

    def number(self, out, name):
        return next(run["number"] for run in self.listed(out) if run["id"] == name)


class Stopped(Experiment):
    """A teacher with the noise of one epoch on data without a page: not better than Base."""

    def setUp(self):
        super().setUp()
        self.yaml = self.config(TINY.replace("teacher_check: warn", "teacher_check: stop").replace(
            "max_docs: 20", "max_docs: 20, context: 0").replace("pal, pointwise, clid, selfkd", "clid"), "stopped.yaml")

    def test_what_a_poor_teacher_would_teach_is_left_out_by_every_verb(self):
        shown = self.experiment("all")[0]
        self.assertIn("what it would teach was not trained", shown.splitlines()[-1])
        found = json.loads(self.results("all"))
        self.assertIs(found["teacher_check"]["better"], False, "choose data whose teacher is not better")
        states = {run["id"]: run["state"] for run in self.listed("all")}
        self.assertEqual(states["clid-r1-lr0.001-s1"], "left out")
        self.assertEqual(states["teacher-chosen-s2"], "finished")
        for level in range(4):
            for one in self.listed("by-hand", "--level", level):
                if one["state"] != "waits":  # for the one that is left out
                    self.experiment("by-hand", "--run", one["number"])
        self.assertEqual(list(self.path.glob("by-hand/runs/clid*")), [])
        self.experiment("by-hand", "--collect")
        self.assertEqual(self.results("by-hand"), self.results("all"))


class Terminal(Experiment):
    def test_the_table_is_drawn_over_itself(self):
        """On 80 columns, with a name that is longer: what stands there at the end is one table."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
        child = subprocess.Popen([CTR, "experiment", self.yaml, "--out", self.path / "all", "--set",
                                  "experiment.name=" + 80 * "x"], stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        text = b""
        while True:
            try:
                text += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
        os.close(master)
        self.assertEqual(child.wait(timeout=ctrtest.TIMEOUT), 0)
        lines = shown(text.decode(), 80)
        self.assertGreater(text.count(b"\033[J"), 1)
        self.assertEqual([line.split("]")[1].split(",")[0] for line in lines if " at work" in line], [f" {RUNS}/{RUNS} runs"])
        self.assertEqual(sum(line.startswith("CLID ") for line in lines), 1)


def shown(text, columns):
    """What a terminal shows in the end: wraps unless told not to, knows cursor up and erase."""
    lines, row, column, wrap = [""], 0, 0, True
    for control, count, letter, char in re.findall(r"(\033\[\??(\d*)([A-Za-z]))|(.)", text, re.S):
        if control:
            if letter == "A":
                row, column = max(0, row - int(count)), 0
            elif letter in "JK":
                lines[row] = lines[row][:column]
                if letter == "J":
                    del lines[row + 1:]
            else:
                wrap = {"l": False, "h": True}[letter]
            continue
        if char == "\n" or (wrap and column == columns and char != "\r"):
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        if char == "\r":
            column = 0
        elif char != "\n" and column < columns:
            lines[row] = lines[row][:column] + char + lines[row][column + 1:]
            column += 1
    return lines


class Faults(Experiment):
    def test_a_run_names_what_it_waits_for(self):
        last = self.listed("all")[-1]
        _, err = self.experiment("all", "--run", last["number"], code=1)
        self.assertIn(last["id"], err)
        self.assertIn("base-lr0.001-s1", err)

    def test_usage(self):
        for words, options in (("--run", ["--run", "999"]), ("one of", ["--run", "0", "--list"]),
                               ("--jobs", ["--jobs", "0"]), ("--level", ["--list", "--level", "4"]),
                               ("--jobs", ["--list", "--jobs", "2"]), ("--jobs", ["--run", "0", "--jobs", "2"]),
                               ("--level", ["--run", "0", "--level", "0"]), ("--level", ["--level", "0"])):
            self.assertIn(words, self.experiment("all", *options, code=2)[1])

    def test_configuration_errors_name_the_key(self):
        for old, new, words in (
                ("methods: [pal", "methods: [pall", "experiment.methods"),
                ("methods: [pal", "methods: [pal, pal", "twice"),
                ("seeds: [1, 2]", "seeds: []", "experiment.seeds"),
                ("seeds: [1, 2]", "seeds: [2, 2]", "twice"),
                ("ratios: [0.1, 1]", "ratios: [-1]", "experiment.ratios"),
                ("ratios: [0.1, 1]", "ratios: [1, 1.0]", "twice"),
                ("taus: [1, 10]", "taus: [1, 10, 1e1]", "twice"),
                ("seeds: [1, 2]", "lrs: [0.001, 1e-3]", "twice"),
                ("name: tiny", r'name: "tiny\e[2J"', "experiment.name"),
                ("name: tiny", 'name: ""', "experiment.name"),
                ("taus: [1, 10]", "taus: [0]", "experiment.taus"),
                ("ratios:", "rations:", "experiment.ratios"),
                ("data: {", "data: {train: x, ", "leave out data.train"),
                ("network:", "teacher: x\nnetwork:", "trained by the experiment"),
                ("page_context: loo_mean_std", "page_context: none", "privileged"),
                ("train_lists: 150", "train_lists: 0", "data.t")):
            self.assertIn(old, TINY)
            yaml = self.config(TINY.replace(old, new), "bad.yaml")
            self.assertIn(words, self.experiment("bad", code=78, yaml=yaml)[1], new)

    def test_a_folder_belongs_to_one_experiment(self):
        self.experiment("all", "--run", 0)
        _, err = self.experiment("all", "--set", "train.epochs=4", "--run", 0, code=78)
        self.assertIn("experiment.yaml", err)
        # Nor do the verbs that only look take the runs for those of another configuration.
        for verb in ("--list", "--collect"):
            _, err = self.experiment("all", "--set", "train.epochs=4", verb, code=78)
            self.assertIn("experiment.yaml", err)
        self.assertFalse((self.path / "all/results.json").exists())

    def test_there_is_nothing_to_collect(self):
        self.assertIn("nothing has run", self.experiment("none", "--collect", code=1)[1])
        self.assertEqual(list(self.path.glob("none/*")), [])

    def test_a_damaged_record_is_named_and_can_be_removed(self):
        self.experiment("all")
        before = self.results("all")
        record = self.path / "all/runs/clid-chosen-s2/run.json"
        whole = record.read_bytes()
        for damage in (b"", whole[:300], b"{}", b"[1]"):
            record.write_bytes(damage)
            for verb in ([], ["--collect"]):
                _, err = self.experiment("all", *verb, code=1)
                self.assertIn(str(record), err)
                self.assertIn("remove it", err)
        record.unlink()
        self.experiment("all")
        self.assertEqual(record.read_bytes(), whole)
        self.assertEqual(self.results("all"), before)

    def test_a_run_that_diverges_is_a_result(self):
        self.experiment("all", "--set", "train.lr=0.001", "--set", "experiment.lrs=[0.001, 10]", "--set",
                        "train.batch=8", "--set", "network.hidden=[8, 8, 8]", "--set", "train.epochs=2")
        states = {json.loads(path.read_text())["status"] for path in self.path.glob("all/runs/*/run.json")}
        self.assertIn("ok", states)
        self.assertEqual({run["state"] for run in self.listed(
            "all", "--set", "train.lr=0.001", "--set", "experiment.lrs=[0.001, 10]", "--set", "train.batch=8",
            "--set", "network.hidden=[8, 8, 8]", "--set", "train.epochs=2")}, {"finished"})

    def test_a_run_that_fails_does_not_stop_the_others(self):
        self.experiment("all", "--run", 0)
        folder = self.path / "all/runs/pal-lr0.001-s1"
        folder.mkdir()
        (folder / "history.jsonl").mkdir()  # it cannot be written
        _, err = self.experiment("all", code=1)
        self.assertIn("pal-lr0.001-s1", err)
        self.assertTrue((self.path / "all/runs/clid-chosen-s2/run.json").exists())
        (folder / "history.jsonl").rmdir()
        self.experiment("all")
        self.assertEqual({run["state"] for run in self.listed("all")}, {"finished"})


class Kill(Experiment):
    def test_kill_9_at_three_places(self):
        began = time.monotonic()
        self.experiment("whole")
        whole = time.monotonic() - began
        for part, share in enumerate((0.2, 0.5, 0.8)):
            out, life = f"killed{part}", whole * share
            while (dead := self.killed(out, life)) is None:  # faster than the whole one: once more
                shutil.rmtree(self.path / out)
                life /= 2
            # What was half-written then, or at worse moments, does not stay.
            for folder in ("data", "cache", "runs/clid-chosen-s2"):
                (self.path / out / folder).mkdir(parents=True, exist_ok=True)
                (self.path / out / folder / f"half.{dead}.tmp").touch()
            (self.path / out / "runs/clid-chosen-s2/run.json").unlink(missing_ok=True)
            self.experiment(out)
            self.assertEqual(list(self.path.glob(f"{out}/**/half.*")), [])
            for name in ("results.json", "results.md"):
                self.assertEqual((self.path / out / name).read_bytes(), (self.path / "whole" / name).read_bytes(),
                                 f"{name} after a kill at {share} of the experiment")

    def killed(self, out, life):
        """The process of an experiment that was killed after so many seconds. None: it had ended."""
        child = subprocess.Popen([CTR, "experiment", self.yaml, "--out", self.path / out],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            child.wait(life)
            return None
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # with the runs at work
            return child.pid if child.wait() == -signal.SIGKILL else None

    def test_its_runs_end_with_it(self):
        """Killed alone, the parent takes its runs along: nobody works on when it is started again."""
        child = subprocess.Popen([CTR, "experiment", self.yaml, "--out", self.path / "all", "--set", "train.epochs=500",
                                  "--set", "train.patience=500"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.await_run(child)
        child.send_signal(signal.SIGKILL)
        child.wait()
        self.assert_nobody_at_work()

    def test_interrupted_by_a_signal(self):
        child = subprocess.Popen([CTR, "experiment", self.yaml, "--out", self.path / "all", "--set", "train.epochs=500",
                                  "--set", "train.patience=500"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.await_run(child)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=ctrtest.TIMEOUT)
        self.assertEqual(child.returncode, 1)
        self.assertIn("goes on where it stopped", err)
        self.assert_nobody_at_work()

    def await_run(self, child):
        end = time.monotonic() + ctrtest.TIMEOUT
        while not list(self.path.glob("all/runs/*/state.safetensors")):
            self.assertIsNone(child.poll())
            self.assertLess(time.monotonic(), end)
            os.sched_yield()

    def assert_nobody_at_work(self):
        """Every lock of a run can be had: this waits for its holder to end."""
        for path in self.path.glob("all/runs/*/lock"):
            with open(path, "w") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX)


class Files(Experiment):
    def test_the_files_of_the_manual_are_valid(self):
        data = synth(self.path / "data")
        for file in sorted((SOURCE / "docs/experiments").glob("*.yaml")):
            sets = [] if "synth:" in file.read_text() else [
                f"--set=data.{part}={data}/{part}.txt" for part in ("train", "valid", "test")]
            sets = [word for one in sets for word in one.split("=", 1)]
            out, _ = run("experiment", file, "--out", self.path / file.stem, "--list", *sets)
            self.assertGreaterEqual(len(out.splitlines()), 3, file)


def weights(path):
    """The tensors of a model, without its metadata."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    return {key: data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]]
            for key, entry in ctrtest.header(path).items() if key != "__metadata__"}


if __name__ == "__main__":
    ctrtest.main()
