"""tests/bench/paired.py: intervals against numbers worked out by hand, and the rule of the verdict."""

import math
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import paired  # noqa: E402


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

    def test_verdict(self):
        for treated, nothing, bound, wanted in (((1.1, 1.0, 1.19), (1.0, 0.9, 1.1), 1.2, (True, False)),
                                                ((1.1, 1.0, 1.3), (1.0, 0.9, 1.4), 1.2, (False, True)),
                                                ((1.1, 1.0, 1.3), (1.0, 0.9, 1.2), 1.2, (False, False)),
                                                ((0.8, 0.7, 0.9), (1.0, 0.95, 1.05), 1.2, (True, False))):
            self.assertEqual(paired.verdict(treated, nothing, bound), wanted)


if __name__ == "__main__":
    unittest.main()
