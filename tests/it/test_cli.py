"""The command line of `ctr`: help with examples, exit codes, messages that name the place."""
import json
import math
import pathlib
import struct
import subprocess

import ctrtest
from ctrtest import CTR, Folder, run, synth

class Help(Folder):
    def test_every_command_has_help_with_an_example(self):
        listed, _ = run("--help")
        commands = [line.split()[0] for line in listed.split("Commands:\n")[1].split("\n\n")[0].splitlines()]
        self.assertGreaterEqual(len(commands), 8)
        for name in commands:
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
                            (["synth", "letor", "--out", "x", "--click-rate", "2"], "click"),
                            (["synth", "letor", "--out", "x", "--pages", "2"], "--pages"),
                            (["synth", "impressions"], "--out"),
                            (["synth", "impressions", "--out", "x", "--lists", "2"], "--lists"),
                            (["synth", "impressions", "--out", "x", "--page", "9-3"], "--page"),
                            (["synth", "impressions", "--out", "x", "--items", "39"], "items"),
                            (["synth", "impressions", "--out", "x", "--pages", "3", "--shards", "4"], "--shards"),
                            (["synth", "impressions", "--out", "x", "--drift", "-1"], "drift"),
                            (["synth", "impressions", "--out", "x", "--position", "3", "--click-rate", "0.4"],
                             "cannot be reached")):
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


class Auction(Folder):
    """`ctr evaluate --auction` against the auction written again here, in Python, on the answered pCTR."""
    SLOTS = 3

    def setUp(self):
        super().setUp()
        self.data = synth(self.path / "data") / "test.txt"
        run("train", self.config("data: {train: data/train.txt}\nmethod: base\ntrain: {epochs: 2}\n"
                                 "network: {hidden: [4]}\n"), "--out", self.path / "run")
        self.model = self.path / "run/student.safetensors"

    def shown(self, p, bid):
        """[(ad, price)] by eCPM, second prices, no floors."""
        order = sorted(range(len(p)), key=lambda i: (-p[i] * bid[i], -p[i], i))
        return [(ad, bid[order[k + 1]] * p[order[k + 1]] / p[ad] if k + 1 < len(order) else 0)
                for k, ad in enumerate(order[:self.SLOTS])]

    def pages(self, bids):
        rows = ctrtest.scores(self.path / "s.tsv")
        truth = [float(line) for line in self.data.with_suffix(".txt.truth").read_text().split()]
        pages = {}
        for row, real, bid in zip(rows, truth, bids):
            pages.setdefault(row[0], []).append((struct.unpack("<f", ctrtest.bits(row[3]))[0], real, bid))
        return pages.values()

    def test_money_by_hand(self):
        run("score", self.model, "--data", self.data, "--out", self.path / "s.tsv")
        bids = [1 + 0.37 * (i * i % 7) for i in range(len(self.data.read_text().splitlines()))]
        (self.path / "bids").write_text("".join(f"{bid}\n" for bid in bids))
        welfare = revenue = best = best_revenue = overcharge = 0
        for page in self.pages(bids):
            p, real, bid = zip(*page)
            real32 = [struct.unpack("<f", struct.pack("<f", x))[0] for x in real]
            true_prices = dict(self.shown(real32, bid))
            for k, (ad, price) in enumerate(self.shown(real32, bid)):
                chance = real[ad] / math.log2(k + 2)
                best, best_revenue = best + chance * bid[ad], best_revenue + chance * price
            for k, (ad, price) in enumerate(self.shown(p, bid)):
                chance = real[ad] / math.log2(k + 2)
                welfare, revenue = welfare + chance * bid[ad], revenue + chance * price
                overcharge += chance * (price - true_prices[ad]) if ad in true_prices else 0
        out, _ = run("evaluate", self.model, "--data", self.data, "--auction", "--slots", self.SLOTS,
                     "--bids", self.path / "bids", "--json")
        found, thousands = json.loads(out)[str(self.model)], len(self.pages(bids)) / 1000
        for name, want in {"welfare": welfare / thousands, "revenue": revenue / thousands,
                           "regret": (best - welfare) / thousands, "overcharge": overcharge / thousands,
                           "regret_percent": 100 * (best - welfare) / best,
                           "revenue_percent": 100 * revenue / best_revenue,
                           "overcharge_percent": 100 * overcharge / best_revenue}.items():
            self.assertAlmostEqual(found[name], want, delta=1e-9 * max(1, abs(want)), msg=name)

    def test_errors_of_the_truth(self):
        run("score", self.model, "--data", self.data, "--out", self.path / "s.tsv")
        rows = list(zip(ctrtest.scores(self.path / "s.tsv"), self.data.with_suffix(".txt.truth").read_text().split()))
        apart = [1 / (1 + math.exp(-struct.unpack("<f", ctrtest.bits(row[2]))[0])) - float(real) for row, real in rows]
        out, _ = run("evaluate", self.model, "--data", self.data, "--auction", "--json")
        found = json.loads(out)[str(self.model)]
        self.assertAlmostEqual(found["true_bias"], sum(apart) / len(apart), places=9)
        self.assertAlmostEqual(found["true_error"], math.sqrt(sum(x * x for x in apart) / len(apart)), places=9)
        self.assertGreater(found["true_kl"], 0)
        table, _ = run("evaluate", self.model, "--data", self.data, "--auction")
        for name, value in found.items():
            if name.startswith("true_") or name in ("welfare", "revenue", "regret", "overcharge"):
                self.assertRegex(table, rf"(?m)^{name} +{value:.6f}$")

    def test_without_auction_the_errors_are_told_where_the_truth_is_known(self):
        told = json.loads(run("evaluate", self.model, "--data", self.data, "--auction", "--json")[0])[str(self.model)]
        beside, _ = run("evaluate", self.model, "--data", self.data, "--json")
        bare = self.path / "bare.txt"
        bare.write_text(self.data.read_text())
        named, _ = run("evaluate", self.model, "--data", bare, "--truth", f"{self.data}.truth", "--json")
        self.assertEqual(beside, named)
        found = json.loads(beside)[str(self.model)]
        self.assertEqual(found, {name: told[name] for name in found})
        self.assertEqual(set(told) - set(found), {"welfare", "revenue", "regret", "overcharge", "regret_percent",
                                                  "revenue_percent", "overcharge_percent"})
        unknown, _ = run("evaluate", self.model, "--data", bare, "--json")
        self.assertEqual({name for name in found if name not in json.loads(unknown)[str(self.model)]},
                         {"true_error", "true_bias", "true_kl"})
        table, _ = run("evaluate", self.model, "--data", self.data)
        self.assertIn("true_kl", table)
        self.assertNotIn("regret", table)
        self.assertNotIn("true_", run("evaluate", self.model, "--data", bare)[0])
        (self.path / "bare.txt.truth").write_text("0.5\n1.5\n")
        self.assertIn("bare.txt.truth:2", run("evaluate", self.model, "--data", bare, code=1)[1])
        (self.path / "bare.txt.truth").write_text("0.123456789\n" * 100000)
        self.assertIn("longer than", run("evaluate", self.model, "--data", bare, code=1)[1])

    def test_who_ranks_by_bid_does_not_see_the_model(self):
        found = json.loads(run("evaluate", self.model, "--data", self.data, "--auction", "--gamma", 0, "--json")[0])[str(self.model)]
        for name, want in (("regret", 0), ("overcharge", 0), ("revenue_percent", 100)):
            self.assertAlmostEqual(found[name], want, places=9)
        self.assertGreater(found["true_error"], 0)
        # A floor that no bid meets: no money, and no percentage of it.
        found = json.loads(run("evaluate", self.model, "--data", self.data, "--auction", "--floor-bid", 1e6,
                               "--json")[0])[str(self.model)]
        self.assertEqual([found[name] for name in ("welfare", "revenue", "regret_percent", "overcharge_percent")],
                         [0, 0, None, None])
        seeds = [run("evaluate", self.model, "--data", self.data, "--auction", "--bid-seed", seed)[0] for seed in (1, 1, 2)]
        self.assertEqual(seeds[0], seeds[1])
        self.assertNotEqual(seeds[0], seeds[2])

    def test_bad_input_is_refused_by_name(self):
        bare = self.path / "bare.txt"
        bare.write_text(self.data.read_text())
        lines = len(bare.read_text().splitlines())
        for words, options in ((f"{bare}.truth", ["--auction"]), ("--auction", ["--slots", "3"]),
                               ("--slots", ["--auction", "--slots", "65"]), ("--gamma", ["--auction", "--gamma", "-1"]),
                               ("--floor-bid", ["--auction", "--floor-bid", "x"])):
            self.assertIn(words, run("evaluate", self.model, "--data", bare, *options, code=2)[1])
        bad = self.path / "bids"
        for text, place in (("-1\n" * lines, "bids:1"), ("1\n" * (lines - 1), f"bids:{lines - 1}"),
                            ("1\n" * (lines + 1), f"bids:{lines + 1}"), ("inf\n" * lines, "bids:1")):
            bad.write_text(text)
            self.assertIn(place, run("evaluate", self.model, "--data", self.data, "--auction", "--bids", bad, code=1)[1])


    def test_what_lies_beside_the_data_is_used(self):
        """The chance in a neutral place clicks in auctions, bids of the data are bid; errors stay against the truth."""
        def told(*options):
            return json.loads(run("evaluate", self.model, "--data", self.data, "--auction", *options, "--json")[0])[str(self.model)]
        before = told()
        lines = len(self.data.read_text().splitlines())
        appeal, bids = self.path / "appeal", self.path / "bids"
        appeal.write_text("".join(f"{0.05 + 0.9 * (i * 7 % 11) / 11}\n" for i in range(lines)))
        bids.write_text("".join(f"{1 + i % 5}\n" for i in range(lines)))
        named = told("--appeal", appeal, "--bids", bids)
        pathlib.Path(f"{self.data}.appeal").write_text(appeal.read_text())
        pathlib.Path(f"{self.data}.bid").write_text(bids.read_text())
        self.assertEqual(told(), named)
        self.assertNotEqual(named["welfare"], before["welfare"])
        for name in ("true_error", "true_bias", "true_kl"):
            self.assertEqual(named[name], before[name])
        # What the money is by the appeal is what it would be if that were the truth.
        as_truth = told("--truth", appeal, "--bids", bids)
        for name in ("welfare", "revenue", "regret", "overcharge"):
            self.assertEqual(named[name], as_truth[name])
        self.assertEqual(told("--truth", f"{self.data}.truth", "--bid-seed", 1), before)
        pathlib.Path(f"{self.data}.appeal").write_text("2\n" * lines)
        self.assertIn("test.txt.appeal:1", run("evaluate", self.model, "--data", self.data, "--auction", code=1)[1])


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
