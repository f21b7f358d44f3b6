"""`ctr synth impressions`: the files of a run, read again here, and the table that it prints."""
import json
import math

import ctrtest
from ctrtest import Folder, run

SMALL = ("--pages", 300, "--valid-pages", 40, "--test-pages", 50, "--users", 50, "--items", 300, "--page", "3-8",
         "--history", 12, "--click-rate", 0.1)


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def numbers(path):
    return [float(line) for line in path.read_text().splitlines()]


class Impressions(Folder):
    def make(self, name, *options):
        folder = self.path / name
        out, _ = run("synth", "impressions", "--out", folder, *SMALL, *options)
        return folder, out

    def test_records_and_what_is_known_of_them(self):
        folder, out = self.make("a")
        told = {row[0]: row[1:] for row in (line.split() for line in out.splitlines()[1:])}
        last, names = 0, []
        for part, pages in (("train", 300), ("valid", 40), ("test", 50)):
            data = folder / f"{part}.jsonl"
            lists = records(data)
            ads = [ad for record in lists for ad in record["candidates"]]
            truth, appeal, bid = (numbers(folder / f"{part}.jsonl.{known}") for known in ("truth", "appeal", "bid"))
            self.assertEqual([len(ads)] * 3, [len(truth), len(appeal), len(bid)])
            self.assertEqual([ad["bid"] for ad in ads], bid)
            for p, neutral in zip(truth, appeal):
                self.assertTrue(0 < p < 1 and 0 < neutral < 1)
            for record in lists:
                self.assertGreaterEqual(record["ts"], last)
                last = record["ts"]
                names.append(record["id"])
                self.assertTrue(3 <= len(record["candidates"]) <= 8)
                self.assertLessEqual(len(record["user"]["history"]), 12)
                self.assertEqual(len(record["user"]["history"]), len(record["user"]["history_categories"]))
                self.assertEqual([ad["privileged"]["position"] for ad in record["candidates"]],
                                 list(range(len(record["candidates"]))))
                self.assertEqual(record["context"]["hour"], record["ts"] // 3600 % 24)
            self.assertEqual(told[part][:3], [str(pages), str(len(ads)), str(sum(ad["label"] for ad in ads))])
            mean = sum(truth) / len(truth)
            self.assertAlmostEqual(float(told[part][4]), mean, delta=6e-5)
            for column, q in ((5, [mean] * len(truth)), (7, truth)):
                loss = -sum(p * math.log(x) + (1 - p) * math.log(1 - x) for p, x in zip(truth, q)) / len(truth)
                self.assertAlmostEqual(float(told[part][column]), loss, delta=6e-6)
        self.assertEqual(names, [str(1 + i) for i in range(390)])

    def test_an_item_is_the_same_everywhere(self):
        """Category, price and popularity of an item, and its category in histories, never change."""
        folder, _ = self.make("a")
        items, categories = {}, {}
        for record in records(folder / "train.jsonl"):
            for ad in record["candidates"]:
                self.assertEqual(ad["id"], ad["features"]["item_id"])
                self.assertEqual(items.setdefault(ad["id"], ad["features"]), ad["features"])
                categories[ad["id"]] = ad["features"]["category"]
        for record in records(folder / "test.jsonl"):
            for item, category in zip(record["user"]["history"], record["user"]["history_categories"]):
                self.assertEqual(categories.get(item, category), category)

    def test_same_configuration_same_bytes_in_any_number_of_shards(self):
        folder, _ = self.make("a")
        again, _ = self.make("b")
        shards, _ = self.make("c", "--shards", 7)
        other, _ = self.make("d", "--seed", 2)
        for ending in ("", ".truth", ".appeal", ".bid"):
            for part in ("train", "valid", "test"):
                self.assertEqual((folder / f"{part}.jsonl{ending}").read_bytes(),
                                 (again / f"{part}.jsonl{ending}").read_bytes())
            pieces = [(shards / f"train-{i:05}.jsonl{ending}").read_bytes() for i in range(7)]
            self.assertTrue(all(pieces))
            self.assertEqual(b"".join(pieces), (folder / f"train.jsonl{ending}").read_bytes())
            self.assertEqual((shards / f"test.jsonl{ending}").read_bytes(), (folder / f"test.jsonl{ending}").read_bytes())
        self.assertEqual(len(list(shards.iterdir())), 4 * 9)
        self.assertNotEqual((folder / "test.jsonl").read_bytes(), (other / "test.jsonl").read_bytes())

    def test_control_without_effects_of_the_page(self):
        folder, _ = self.make("a", "--position", 0, "--neighbours", 0)
        self.assertEqual((folder / "test.jsonl.truth").read_bytes(), (folder / "test.jsonl.appeal").read_bytes())
        folder, _ = self.make("b")
        self.assertNotEqual((folder / "test.jsonl.truth").read_bytes(), (folder / "test.jsonl.appeal").read_bytes())

    def test_histories_tell_of_clicks(self):
        """Items of categories that stand often in the history are clicked more."""
        folder, _ = self.make("a", "--pages", 5000, "--users", 500)
        seen = {True: [0, 0], False: [0, 0]}
        for record in records(folder / "train.jsonl"):
            history = record["user"]["history_categories"]
            for ad in record["candidates"]:
                often = history.count(ad["features"]["category"]) >= 3
                seen[often][0] += 1
                seen[often][1] += ad["label"]
        rates = {often: clicks / ads for often, (ads, clicks) in seen.items()}
        self.assertGreater(rates[True], 1.2 * rates[False])


if __name__ == "__main__":
    ctrtest.main()
