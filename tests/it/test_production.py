"""What the production model asks of `ctr experiment` and `ctr train`: search on a share of the data, ranking by
GAUC beside the paper's production table, refusals before anything is trained, teachers that know the label."""
import json
import random
import shutil

import ctrtest
from ctrtest import Folder, epochs, run

SHARE = """
experiment:
  name: share
  methods: [pointwise, clid]
  seeds: [1, 2]
  ratios: [0.1, 1]
  search_percent: 40
  teacher_check: warn
  synth: {train_lists: 150, valid_lists: 60, test_lists: 60, features: 8, min_docs: 3, max_docs: 20}
data: {page_context: loo_mean_std}
network: {hidden: [8]}
train: {epochs: 2, batch: 64, rank_by: gauc}
"""
# search: base, teacher, two of each taught method; on all lists two seeds of each of four; base's other seed on the share.
SEARCHES, FINAL, SPREAD = 2 + 4, 2 * 4, 1


class Share(Folder):
    def experiment(self, out, *options, code=0):
        return run("experiment", self.config(SHARE), "--out", self.path / out, *options, code=code)

    def record(self, name):
        return json.loads((self.path / "all/runs" / name / "run.json").read_text())

    def test_search_on_a_share_then_all_seeds_on_all(self):
        self.experiment("all")
        runs = [line.split("\t")[1] for line in self.experiment("all", "--list")[0].splitlines()]
        self.assertEqual(len(runs), SEARCHES + FINAL + SPREAD)
        self.assertEqual(sum("-p40-" in name for name in runs), SEARCHES + SPREAD)
        lists = {name: self.record(name)["data"]["train"]["lists"] for name in runs}
        share = lists["base-lr0.001-p40-s1"]
        self.assertTrue(30 < share < 90, share)
        for name in runs:
            self.assertEqual(lists[name], share if "-p40-" in name else 150, name)
            self.assertEqual(self.record(name).get("percent"), 40 if "-p40-" in name else None)
            docs = {line["train"]["docs"] for line in epochs(self.path / "all/runs" / name)}
            self.assertEqual(docs, {self.record(name)["data"]["train"]["docs"]}, name)
        found = json.loads((self.path / "all/results.json").read_text())
        self.assertEqual((found["search_percent"], found["rank"]["key"]), (40, "gauc"))
        self.assertEqual(found["data"]["train"]["lists"], 150)
        for method in found["methods"]:
            self.assertEqual(method["runs"], [f"{method['method']}-chosen-s{seed}" for seed in (1, 2)])
        chosen = {run["id"] for run in found["sweep"] if run["chosen"]}
        self.assertEqual(len(chosen), 4)
        clid = [self.record(name) for name in chosen if name.startswith("clid")]
        self.assertEqual({self.record(f"clid-chosen-s{seed}")["ratio"] for seed in (1, 2)}, {clid[0]["ratio"]})
        text = (self.path / "all/results.md").read_text()
        self.assertIn("learned from 40 % of the training lists", text)
        self.assertIn("arXiv 2312.08727", text)
        self.assertEqual({row["method"] for row in found["production"]["methods"]}, {"base", "teacher", "pointwise", "clid"})

    def test_goes_on_to_the_same_bytes(self):
        self.experiment("all")
        before = (self.path / "all/results.json").read_bytes()
        for name in ("clid-chosen-s1", "base-chosen-p40-s2", "pointwise-r1-t1-lr0.001-p40-s1"):
            shutil.rmtree(self.path / "all/runs" / name)
        self.experiment("all")
        self.assertEqual((self.path / "all/results.json").read_bytes(), before)

    def test_two_shares_are_one_too_many(self):
        _, err = self.experiment("all", "--set", "data.train_percent=50", code=78)
        self.assertIn("experiment.search_percent", err)


def letor(path, lists, docs, leak):
    """Two features that tell little; the third is the label where `leak`, else noise."""
    rng = random.Random(7)
    lines = []
    for qid in range(lists):
        for _ in range(docs):
            x = rng.random()
            click = int(rng.random() < 0.1 + 0.3 * x)
            lines.append(f"{click} qid:{qid + 1} 1:{x:.3f} 2:{rng.random():.3f} 3:{click if leak else rng.random():.3f}")
    path.write_text("\n".join(lines) + "\n")


class Refusals(Folder):
    def config_of(self, method, leak=False, docs=5):
        letor(self.path / "train.txt", 300, docs, leak)
        letor(self.path / "valid.txt", 100, docs, leak)
        return self.config("data: {train: train.txt, valid: valid.txt, test: valid.txt, privileged: [3]}\n"
                           f"network: {{hidden: [8]}}\ntrain: {{epochs: 20, batch: 64, lr: 0.01}}\nmethod: {method}\n")

    def test_list_methods_need_lists(self):
        for method in ("listmle", "listnet", "clid", "listnet_logit", "rcr", "selfkd", "clid_mass"):
            _, err = run("train", self.config_of(method, docs=1), "--out", self.path / method, code=78)
            self.assertIn("every list has one item", err)
            self.assertIn("use base, teacher, pointwise, pal, pridropout", err)
            self.assertFalse((self.path / method / "teacher.safetensors").exists())
        run("train", self.config_of("pointwise", docs=1), "--out", self.path / "pointwise", "--set", "train.epochs=1")

    def test_an_experiment_is_refused_as_a_whole(self):
        base = self.config_of("base", docs=1).read_text().replace("method: base\n", "")
        yaml = self.config("experiment: {methods: [pal, clid], seeds: [1]}\n" + base, "experiment.yaml")
        _, err = run("experiment", yaml, "--out", self.path / "out", code=78)
        self.assertIn("clid: every list has one item", err)
        self.assertFalse((self.path / "out/runs").exists())

    def test_a_teacher_that_knows_the_label(self):
        words = "does a privileged feature give the label away?"
        for leak in (True, False):
            _, err = run("train", self.config_of("teacher", leak), "--out", self.path / f"leak-{leak}")
            self.assertEqual(words in err, leak, err)
        _, err = run("train", self.config_of("clid", True), "--out", self.path / "joint", "--set", "mode=joint")
        self.assertIn(words, err)


if __name__ == "__main__":
    ctrtest.main()
