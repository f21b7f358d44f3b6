"""tests/bench/paired.py: intervals against numbers worked out by hand, and the rule of the verdict."""

import contextlib
import io
import math
import os
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import paired  # noqa: E402

# In place of ctrload: its start and as many windows as were asked for, with latencies of 2 and 1 ms in turns.
STAND_IN = [sys.executable, "-c", """
import json, sys, threading, time
start, given = time.monotonic_ns() + 50000000, dict(zip(sys.argv[1::2], sys.argv[2::2]))
count = round(float(given["--duration"]) * 1000 / int(given["--window-ms"]))
latency = lambda i: dict.fromkeys(("p50_ms", "p99_ms", "p999_ms"), 2 - i % 2)
threading.Event().wait(float(given["--duration"]) + 0.05)
print(json.dumps({"start_ns": start, "interrupted": False, "planned": 10, "ok": 10, "lateness": {"p99_ms": 0.01},
                  "windows": [{"latency": latency(i)} for i in range(count + 1)]}))
"""]


class Paired(unittest.TestCase):
    def test_interval(self):
        # Logarithms -0.1, 0, 0.1, 0.2, 0.3: mean 0.1, deviation sqrt(0.025); t of 4 degrees is 2.776.
        mean, low, high = paired.interval([math.exp(x / 10) for x in (-1, 0, 1, 2, 3)])
        half = 2.776 * math.sqrt(0.025) / math.sqrt(5)
        self.assertAlmostEqual(mean, math.exp(0.1), 9)
        self.assertAlmostEqual(low, math.exp(0.1 - half), 9)
        self.assertAlmostEqual(high, math.exp(0.1 + half), 9)

    def test_ratios_are_within_pairs(self):
        windows = [{"latency": {"p99_ms": value}} for value in (2, 1, 9, 3, 5)]
        self.assertEqual(paired.ratios_of(windows, "p99_ms", True), [2, 3])
        self.assertEqual(paired.ratios_of(windows, "p99_ms", False), [0.5, 1 / 3])

    def test_slope(self):
        # Between any two: 0, 1, 2, 2, 3, 4.
        self.assertAlmostEqual(paired.slope([(0, 2), (1, 2), (2, 4), (3, 8)]), 2, 9)
        burst = [(x, 5 + 3 * x + (1000 if x in (3, 17, 18, 19) else 0)) for x in range(20)]
        self.assertAlmostEqual(paired.slope(burst), 3, 9)
        with self.assertRaisesRegex(ValueError, "2 points"):
            paired.slope([(0, 1), (1, 2)])

    def test_no_less(self):
        """20 rounds in turns at two ratios: the interval is their geometric mean times or by exp(2.093 sd / sqrt(20))."""
        def rounds(low, high, count=20):
            return [low, high] * (count // 2)
        for treated, nothing, words in ((rounds(0.97, 1.05), rounds(0.99, 1.01), "holds, above it"),
                                        (rounds(0.92, 0.98), rounds(0.90, 1.02), "holds, no lower than A/A"),
                                        (rounds(0.92, 0.98), rounds(0.97, 1.03), "DOES NOT HOLD"),
                                        (rounds(0.80, 1.02), rounds(0.6, 1.2), "NOT SHOWN"),
                                        (rounds(0.99, 1.01, 18), rounds(0.99, 1.01, 18), "no verdict")):
            with contextlib.redirect_stdout(io.StringIO()) as out:
                self.assertEqual(paired.tell_least("x", treated, nothing, 0.95), words.startswith("holds"), words)
            self.assertIn(words, out.getvalue())

    def test_verdict(self):
        for treated, nothing, bound, wanted in (((1.1, 1.0, 1.19), (1.0, 0.9, 1.1), 1.2, (True, False)),
                                                ((1.1, 1.0, 1.3), (1.0, 0.9, 1.4), 1.2, (False, True)),
                                                ((1.1, 1.0, 1.3), (1.0, 0.9, 1.2), 1.2, (False, False)),
                                                ((0.8, 0.7, 0.9), (1.0, 0.95, 1.05), 1.2, (True, False))):
            self.assertEqual(paired.verdict(treated, nothing, bound), wanted)

    def test_interval_covers_the_truth(self):
        """Of 400 made series with a known ratio, about 95 % of the intervals hold it; 20 pairs, log-normal noise."""
        rng = random.Random(1)
        covered = 0
        for _ in range(400):
            _, low, high = paired.interval([1.3 * math.exp(rng.gauss(0, 0.2)) for _ in range(20)])
            covered += low <= 1.3 <= high
        # 5 deviations of a binomial count with p = 0.95: 380 +- 22
        self.assertTrue(358 <= covered <= 400, covered)

    def test_what_has_no_ratio(self):
        with self.assertRaisesRegex(ValueError, "1 pairs"):
            paired.interval([1.0])
        windows = [{"latency": {"p99_ms": value}} for value in (2, 1, 0, 3)]
        with self.assertRaisesRegex(ValueError, "window 2"):
            paired.ratios_of(windows, "p99_ms", True)

    def test_stray(self):
        # Windows of 10 s from 100 on: the treated ones are 100-110, 120-130.
        self.assertEqual(paired.stray([(100, 110), (121, 129)], 100, 10), 0)
        self.assertEqual(paired.stray([(100, 110.5), (121, 129)], 100, 10), 0.5)
        self.assertEqual(paired.stray([(100, 110), (118, 129)], 100, 10), 2)
        self.assertEqual(paired.stray([(100, 110), (121, 133)], 100, 10), 3)

    def test_what_is_told(self):
        """By which half of the rule it holds; and nothing of a series that is too short, however good it looks."""
        wide = (1.0, 0.5, 2.0)
        for treated, enough, word, held in (((1.0, 0.9, 1.1), True, ": holds, under it", True),
                                            ((1.3, 1.0, 1.6), True, ": holds, inside A/A", True),
                                            ((1.3, 1.0, 2.1), True, ": DOES NOT HOLD", False),
                                            ((1.0, 0.9, 1.1), False, ": no verdict", False)):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                self.assertEqual(paired.tell("x", "p99_ms", treated, wide, 1.2, enough), held)
            self.assertIn(word, out.getvalue())
            self.assertIn("A/A 1.000 [0.500, 2.000], bound 1.2", out.getvalue())

    def test_enough_for_a_claim(self):
        self.assertTrue(paired.is_enough(20, 15))
        self.assertFalse(paired.is_enough(19, 15))
        self.assertFalse(paired.is_enough(20, 14.9))


class Series(unittest.TestCase):
    """Treatments by the clock; the generator is a stand-in."""

    def test_a_treatment_that_ends_late_makes_no_other_late(self):
        """Each takes 30 ms after its window's end. If windows followed each other, the eighth would begin 210 ms late."""
        begins, never = [], threading.Event()

        def treat(stop):
            begins.append(time.monotonic())
            stop.wait()
            never.wait(0.03)
        spans = paired.treat_all(8, 0.1, treat, time.monotonic() + 0.01)
        self.assertEqual(len(spans), 8)
        begun = begins[0]
        for i, begin in enumerate(begins):
            self.assertGreater(begin - begun, 0.2 * i - 0.02)
        drift = begins[-1] - begun - 0.2 * 7
        self.assertLess(drift, 0.15)

    def test_windows_belong_to_treatments(self):
        report = paired.run_series(STAND_IN, 3, 1.0, lambda stop: stop.wait())
        self.assertEqual(len(report["windows"]), 6)
        self.assertEqual(paired.ratios_of(report["windows"], "p99_ms", True), [2, 2, 2])
        self.assertLess(report["stray_seconds"], 0.1)

    def test_a_treatment_that_reaches_into_its_neighbour_is_an_error(self):
        never = threading.Event()

        def treat(stop):
            stop.wait()
            never.wait(0.2)
        with self.assertRaisesRegex(RuntimeError, "outside of its window"):
            paired.run_series(STAND_IN, 2, 0.4, treat)

    def test_a_treatment_that_fails_is_an_error(self):
        def treat(stop):
            raise KeyError("no such model")
        with self.assertRaisesRegex(KeyError, "no such model"):
            paired.run_series(STAND_IN, 2, 0.2, treat)

    def test_a_generator_that_fails_is_an_error(self):
        with self.assertRaisesRegex(RuntimeError, "ended with 3"):
            paired.run_series([sys.executable, "-c", "raise SystemExit(3)"], 2, 0.2, lambda stop: None)

    def test_the_program(self):
        """Too short for a verdict: it tells the ratio, 2, and says so. ctrload's arguments follow --."""
        out = io.StringIO()
        argv = ["paired.py", "--treatment", "tail -f /dev/null", "--bound", "1.2", "--pairs", "2", "--seconds", "1", "--quantile", "p99",
                "--", *STAND_IN]
        saved = sys.argv, sys.stdout
        sys.argv = argv
        try:
            with contextlib.redirect_stdout(out):
                code = paired.main()
        finally:
            sys.argv, sys.stdout = saved
        self.assertEqual(code, 2)
        self.assertIn("treated, p99: ratio 2.000 [2.000, 2.000], A/A 2.000 [2.000, 2.000]", out.getvalue())
        self.assertIn("no verdict", out.getvalue())


if __name__ == "__main__":
    unittest.main()
