"""report.html in a real browser: headless Chromium, driven by tests/support/web/look.mjs. What the page says is compared
with numbers worked out here, from the same results, by hand or by formula."""
import copy
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import ctrtest
import report_sample
from ctrtest import BUILD, SOURCE, Folder, run

WEB = SOURCE / "tests/support/web"
CHROMIUM = pathlib.Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FIGURES = {"tradeoff", "differences", "ratio", "reliability", "truth", "money", "curves"}
SHOTS = BUILD / "report"


class Missing(Exception):
    """The browser, or what drives it, is not to be had here."""


def install():
    """playwright-core as its lock file has it, in the build folder; returns where."""
    if not CHROMIUM.exists() or shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("chromium, nodejs or npm is not installed: run scripts/setup test")
    lock = (WEB / "package-lock.json").read_bytes()
    folder = BUILD / "web"
    mark = folder / f"installed-{hashlib.sha256(lock).hexdigest()[:16]}"
    folder.mkdir(exist_ok=True)
    if not mark.exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(WEB / name, folder)
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True,
                              text=True, timeout=300)
        if done.returncode != 0:
            raise Missing(f"npm cannot install playwright-core: {(done.stderr.strip() or 'no words').splitlines()[-1]}")
        mark.touch()
    shutil.copy(WEB / "look.mjs", folder)
    return folder


class Browser:
    """One Chromium for all tests."""

    def __init__(self, folder):
        self.process = subprocess.Popen(["node", "look.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "CHROMIUM": str(CHROMIUM)})

    def look(self, page, scheme="light", width=1280, **more):
        self.process.stdin.write(json.dumps({"page": str(page), "scheme": scheme, "width": width, **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        seen = json.loads(line) if line else {"failed": "the browser has gone"}
        if "failed" in seen:
            raise AssertionError(seen["failed"])
        return seen

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


class Page(Folder):
    browser = None

    @classmethod
    def setUpClass(cls):
        SHOTS.mkdir(exist_ok=True)
        cls.browser = Browser(BUILD / "web")
        cls.addClassCleanup(cls.browser.close)

    def page(self, data):
        source, out = self.path / "results.json", self.path / "report.html"
        source.write_text(json.dumps(data))
        run("report", source, "--out", out)
        return out

    def sound(self, seen, figures):
        """What holds for every page: no complaint, no request, every figure has visible marks at finite places."""
        self.assertEqual(seen["complaints"], [])
        self.assertEqual(seen["requests"], [])
        self.assertEqual(seen["drawn"], "yes")
        self.assertEqual(seen["images"], 0)
        self.assertEqual(seen["links"], [], "links to nowhere")
        self.assertEqual(seen["overflow"], [], "wider than the screen")
        self.assertEqual({figure["id"] for figure in seen["figures"]}, figures)
        for figure in seen["figures"]:
            self.assertGreater(len(figure["drawings"]), 0, figure["id"])
            for drawing in figure["drawings"]:
                where = f"{figure['id']}: {drawing['label']}"
                self.assertEqual(drawing["faults"], [], where)
                self.assertGreater(drawing["marks"], 0, where)
                self.assertGreater(drawing["visible"], 0.7 * drawing["marks"], where)
                self.assertGreater(drawing["width"] * drawing["height"], 10000, where)
        for absent in seen["absent"]:
            self.assertGreater(len(absent["words"]), 40, absent["id"])
        self.assertNotRegex(seen["text"], r"NaN|undefined|\[object|Infinity|\bnull\b")

    def see(self, data, figures=FIGURES, **more):
        seen = self.browser.look(self.page(data), **more)
        self.sound(seen, set(figures))
        return seen


class Looks(Page):
    def test_light_and_dark_wide_and_narrow(self):
        seen = {}
        for scheme in ("light", "dark"):
            for width in (1280, 390):
                seen[scheme, width] = self.see(report_sample.results(), scheme=scheme, width=width,
                                               screenshot=str(SHOTS / f"experiment-{scheme}-{width}.png"))
        luminance = {key: sum(map(int, re.findall(r"\d+", page["background"])[:3])) for key, page in seen.items()}
        self.assertGreater(luminance["light", 1280], 600)
        self.assertLess(luminance["dark", 1280], 150)
        self.assertGreater(max(d["width"] for f in seen["light", 1280]["figures"] for d in f["drawings"]), 1000)
        self.assertLess(max(d["width"] for f in seen["light", 390]["figures"] for d in f["drawings"]), 390)

    def test_printed(self):
        self.see(report_sample.results(), width=800, print=True)

    def test_choices_draw_anew(self):
        for label in ("validation set", "clicks by promise", "validation LogLoss", "training loss"):
            with self.subTest(label):
                self.see(report_sample.results(), click=[f"label:has-text('{label}')"])

    def test_a_mark_tells_its_numbers(self):
        # The first target of the ratio figure is a run of Base+Pointwise, ListMLE or CLID: all have a ratio and NDCG@10.
        seen = self.see(report_sample.results(), hover="#ratio .target")
        self.assertRegex(seen["tip"], r"r = [\d.,]+")
        self.assertRegex(seen["tip"], r"NDCG@10: 0\.5[45]\d\d")

    def test_values_by_keyboard(self):
        """Every value of a drawing without a pointer: one stop of the tab key, arrows from one to the next."""
        data = report_sample.results()
        for figure in sorted(FIGURES):
            with self.subTest(figure):
                press = ["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "Home", "End", "ArrowRight", "Escape"]
                tips = self.see(data, keys={"focus": f"#{figure} .plot", "press": press})["tips"]
                first, second, back, last, home, end, around, escaped = tips
                self.assertTrue(first and second and last)
                self.assertNotEqual(first, second)
                self.assertEqual([back, home, around], [first] * 3)
                self.assertNotEqual(last, first)
                self.assertEqual(end, last)
                self.assertIsNone(escaped)
        tips = self.see(data, keys={"focus": "#truth .plot", "press": ["ArrowLeft", "Tab"]})["tips"]
        self.assertTrue(tips[0])
        self.assertIsNone(tips[1], "who has left the drawing sees no tooltip of it")

    def test_every_difference_stands_in_a_table(self):
        # GAUC and PCOC have no drawing.
        seen = self.see(report_sample.results(), click=["#differences summary"])
        for words in ("GAUC", "PCOC"):
            self.assertIn(words, seen["text"][seen["text"].index("Every method against CLID"):seen["text"].index("How much weight")])

    def test_one_file_without_addresses(self):
        text = self.page(report_sample.results()).read_text()
        self.assertLess(len(text), 1_000_000)
        outside = set(re.findall(r"(?:src|href)=[\"'](?!#|data:)([^\"'$]*)", text)) | set(re.findall(r"url\((?!#)([^)$]+)\)", text))
        self.assertEqual(outside, set())
        self.assertIn("Copyright 2010-2021 Mike Bostock", text)

    def test_a_calibration(self):
        seen = self.see(report_sample.calibration(), {"reliability"}, screenshot=str(SHOTS / "calibration.png"))
        self.assertIn("isotonic", seen["text"])
        # LogLoss on the test data: 0.4502 before, 0.4397 after; 100 * (0.4397 / 0.4502 - 1) = -2.33 %.
        self.assertIn("0.45020 → 0.43970 (−2.33 %)", seen["text"])
        self.assertIn("one class only", seen["text"])


class Answers(Page):
    def answer(self, data, figures=FIGURES):
        text = (self.see(data, figures) if figures else self.browser.look(self.page(data)))["text"]
        return text[text.upper().index("WHAT TO SERVE"):text.index("Ranking and probability", text.upper().index("WHAT TO SERVE"))]

    def test_the_best_that_keeps_logloss(self):
        # Base+ListMLE ranks best but spoils LogLoss by 9 %; CLID by mass and CLID are equal, and CLID has the lower LogLoss.
        text = self.answer(report_sample.results())
        self.assertIn("Serve CLID\n", text)
        gap = report_sample.against("clid", "base", report_sample.SEEDS, True)["ndcg10"]
        self.assertIn(f"NDCG@10 +{gap['mean']:.4f} (95 % interval +{gap['low']:.4f} to +{gap['high']:.4f}, 5 paired seeds)", text)
        self.assertIn("CLID, by mass cannot be told apart", text)
        self.assertRegex(text, r"Base\+ListMLE \(NDCG@10 \+0\.\d{4}, LogLoss \+9\.3\d %\)")
        # (0.5540 - 0.5500) / (0.5700 - 0.5500)
        self.assertIn("20 % of the teacher's lead", text)

    def test_base_where_nothing_is_better_beyond_doubt(self):
        data = report_sample.results(methods=("base", "clid"))
        clid = next(m for m in data["methods"] if m["method"] == "clid")
        base = next(m for m in data["methods"] if m["method"] == "base")
        for measure, sign in (("ndcg10", 1), ("logloss", -1)):
            # Differences +3, -2, +2, -1, 0 of 0.001: mean 0.0004, deviation 0.00207, half 2.776 * 0.00207 / sqrt(5) = 0.00257.
            clid["test"][measure]["values"] = [v + sign * 0.001 * d
                                               for v, d in zip(base["test"][measure]["values"], (3, -2, 2, -1, 0))]
            clid["test"][measure]["mean"] = sum(clid["test"][measure]["values"]) / 5
        text = self.answer(data)
        self.assertIn("Serve Base: no method is better beyond doubt", text)
        self.assertIn("lead of +0.0004 over Base may be chance (95 % interval −0.0022 to +0.0030)", text)

    def test_what_ranks_better_may_spoil_the_probabilities(self):
        # Base+ListMLE ranks best and has 9 % more LogLoss; no other is there, with intervals and without.
        for seeds in (report_sample.SEEDS, (1,)):
            text = self.answer(report_sample.results(methods=("base", "listmle"), seeds=seeds), None)
            self.assertIn("Serve Base: what ranks better spoils the probabilities\n", text)
            self.assertRegex(text, r"Base\+ListMLE \(NDCG@10 \+0\.\d{4}, LogLoss \+9\.\d\d %\)")
        data = report_sample.results(methods=("base", "pointwise"), seeds=(1,))
        base, pointwise = data["methods"]
        pointwise["test"]["ndcg10"] = {"mean": 0.5, "half": None, "values": [0.5]}
        base["test"]["ndcg10"] = {"mean": 0.51, "half": None, "values": [0.51]}
        self.assertIn("Serve Base: no method is better\n", self.answer(data, None))

    def test_one_seed_is_said_to_be_one(self):
        data = report_sample.results(seeds=(1,))
        text = self.answer(data)
        self.assertIn("One seed only", text)
        # Base+ListMLE has the best NDCG@10 and 9 % more LogLoss: set aside without an interval too.
        self.assertRegex(text, r"Serve CLID(, by mass)?\n")
        self.assertRegex(text, r"Base\+ListMLE \(NDCG@10 \+0\.\d{4}, LogLoss \+9\.\d\d %\)")
        self.assertNotRegex(text, r"95 % interval \+|\(no interval")

    def test_claims_are_told_as_they_are(self):
        text = self.see(report_sample.results())["text"]
        self.assertIn("✓ seen: 1", text)
        self.assertIn("✗ not seen: 1", text)
        self.assertIn("– not tested: 1", text)
        self.assertIn("the noise floor is higher", text)
        self.assertIn("Of 3 orderings that the paper's results support, 1 is seen here", text)


class Missings(Page):
    """Whatever is not there is told in words; nothing breaks, nothing is an empty frame."""

    def test_truth_is_not_known(self):
        seen = self.see(report_sample.results(truth=False), FIGURES - {"truth", "money"})
        self.assertEqual({absent["id"] for absent in seen["absent"]}, {"truth", "money"})

    def test_each_member_may_be_missing_or_null(self):
        whole = report_sample.results()
        gone = {"sweep": {"ratio"}, "methods": FIGURES}
        for key in sorted(set(whole) - {"format"}):
            for value in ("absent", None):
                with self.subTest(key, value=value):
                    data = {k: v for k, v in whole.items() if k != key}
                    if value is None:
                        data[key] = None
                    self.see(data, FIGURES - gone.get(key, set()))

    def test_members_of_a_method_may_be_missing(self):
        whole = report_sample.results()
        lacks = {"reliability": {"reliability"}, "curves": {"curves"}, "test": {"tradeoff", "truth", "money"},
                 "vs_clid": {"differences"}}
        for key in sorted(set(whole["methods"][0]) - {"method"}):
            with self.subTest(key):
                data = copy.deepcopy(whole)
                for method in data["methods"]:
                    del method[key]
                self.see(data, FIGURES - lacks.get(key, set()))

    def test_nothing_at_all(self):
        seen = self.see({"format": "ctr-results-1"}, set())
        self.assertIn("No answer yet", seen["text"])
        self.see({"kind": "calibration"}, set())

    def test_base_or_clid_is_not_there(self):
        self.see(report_sample.results(methods=("clid", "pointwise", "teacher")), FIGURES - {"tradeoff"})
        data = report_sample.results(methods=("base", "pointwise"))
        for method in data["methods"]:
            method["vs_clid"] = None
            method["bootstrap"] = None
        self.see(data, FIGURES - {"differences"})


class Hostile(Page):
    def test_texts_stay_texts(self):
        evil = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'`${1}&amp;<!--\u2028"
        data = report_sample.results()
        data["title"] = data["configuration"] = data["data"]["hash"] = evil
        for method in data["methods"]:
            method["title"] = evil
            method["chosen"]["rule"] = method["summary"] = evil
        data["methods"][2]["method"] = evil
        data["methods"][3]["method"] = "__proto__"
        for claim in data["claims"]:
            claim["claim"] = claim["words"] = claim["id"] = evil
            claim["checks"][0]["what"] = evil
        data["measures"][0]["title"] = data["diverged"][0] = evil
        seen = self.see(data)
        self.assertIn("onerror=alert(1)", seen["text"])
        self.assertNotEqual(seen["title"], "owned")
        self.assertEqual(seen["scripts"], 3)

    def test_data_that_cannot_be_drawn_are_told(self):
        data = report_sample.results()
        data["claims"] = [None, 3, {"checks": [None, 1]}]
        self.see(data)
        data["seeds"] = 5
        seen = self.browser.look(self.page(data))
        self.assertEqual(seen["drawn"], "no")
        self.assertIn("not what it can draw", seen["text"])

    def test_numbers_of_any_size(self):
        for number in (1e308, -1e308, 1e-308, 0, 123456789012, -5):
            with self.subTest(number):
                data = report_sample.results()
                method = data["methods"][3]
                for part in ("test", "valid"):
                    for field in method[part].values():
                        field.update(mean=number, half=abs(number), values=[number] * 5)
                for gap in method["vs_clid"].values():
                    gap.update(mean=number, low=number, high=number)
                for point in method["curves"][0]["points"]:
                    point.update(ndcg10=number, logloss=number, train_loss=number)
                for entry in method["reliability"]:
                    entry.update(p=number, clicks=number, docs=0)
                data["sweep"][0]["ratio"] = number
                data["sweep"][1]["test"]["ndcg10"] = number
                self.see(data)

    def test_a_measure_without_a_number(self):
        data = report_sample.results()
        for method in data["methods"]:
            for part in ("test", "valid"):
                for field in method[part].values():
                    field.update(mean=None, half=None, values=[None] * 5)
            for pair in ("vs_clid", "vs_base"):
                for gap in (method[pair] or {}).values():
                    gap.update(mean=None, low=None, high=None, half=None, significant=None)
            method["bootstrap"] = None
        seen = self.see(data, {"ratio", "reliability", "curves"})
        self.assertIn("No answer yet", seen["text"])


class Colours(unittest.TestCase):
    """Contrast by the formula of WCAG 2.2: 4.5 for texts, 3 for marks, on the colour behind them."""

    @staticmethod
    def luminance(colour):
        parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(self, one, other):
        low, high = sorted((self.luminance(one), self.luminance(other)))
        return (high + 0.05) / (low + 0.05)

    def test_contrast(self):
        style = (SOURCE / "model/train/report/style.css").read_text()
        schemes = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)[:2]]
        self.assertEqual(schemes[0].keys(), schemes[1].keys())
        for scheme in schemes:
            for name in ("ink", "soft", "accent", "good", "bad"):
                for behind in ("paper", "back"):
                    self.assertGreaterEqual(self.contrast(scheme[name], scheme[behind]), 4.5, f"{name} on {behind}")
            self.assertGreaterEqual(self.contrast(scheme["good"], scheme["good-back"]), 4.5)
            self.assertGreaterEqual(self.contrast(scheme["bad"], scheme["bad-back"]), 4.5)
            self.assertGreaterEqual(self.contrast(scheme["soft"], scheme["none-back"]), 4.5)
            marks = [name for name in scheme if name.startswith("m-")]
            self.assertGreaterEqual(len(marks), 14)
            for name in marks:
                self.assertGreaterEqual(self.contrast(scheme[name], scheme["paper"]), 3, name)

    def test_every_method_has_a_look(self):
        known = re.findall(r"^METHOD\((\w+),", (SOURCE / "model/train/methods.def").read_text(), re.M)
        style, looks = ((SOURCE / "model/train/report" / name).read_text() for name in ("style.css", "methods.js"))
        self.assertGreater(len(known), 11)
        for name in known:
            self.assertEqual(style.count(f"--m-{name}:"), 2, name)
            self.assertRegex(looks, rf"\n  {name}: \{{")


class Refusals(Folder):
    def test_what_is_not_a_report(self):
        for text, words in (("[]", "map"), ("{}", "kind"), ('{"kind": "else"}', "experiment or calibration"), ("{", "")):
            with self.subTest(text):
                path = self.path / "x.json"
                path.write_text(text)
                _, error = run("report", path, "--out", self.path / "x.html", code=1)
                self.assertIn(words, error)
                self.assertFalse((self.path / "x.html").exists())
        run("report", self.path / "none.json", code=1)


if __name__ == "__main__":
    try:
        install()
    except (Missing, subprocess.TimeoutExpired) as reason:
        print(f"skipped: {reason}")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    ctrtest.main()
