"""A latency claim as a paired ratio: windows with a treatment and without take turns in one run of ctrload, and the
ratio of a quantile is taken within each pair, so that what the machine does meanwhile falls out. Beside it stands an
A/A series, the same windows without any treatment: what such a ratio is when nothing is different.

A bound holds when the 95 % interval of the treated ratio lies under it, or inside the interval of A/A. Fewer than
20 pairs of 15 s show nothing: the ratios are printed, and no verdict.

As a library: run_series, ratios_of, interval, slope, judge, tell. As a program, with a command that runs during the treated windows
(it is sent SIGTERM when each ends), and the arguments of ctrload behind --:

  paired.py --treatment 'stress-reload.sh' --bound 1.2 -- build/release/ctrload --port 8080 --bodies b.jsonl --rate 500
"""

import argparse
import itertools
import json
import math
import shlex
import statistics
import subprocess
import sys
import threading
import time

PAIRS, SECONDS = 20, 15  # that a claim takes at least
NOISE = 0.05  # of A/A: the most that tell_least takes
START_SECONDS = 0.06  # from the launch of ctrload to its first window, nearly
STRAY_SHARE = 0.1  # of a window: the most that a treatment may reach into a neighbour
# Two-sided 95 % of Student's t by degrees of freedom; between rows the smaller one is safe.
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 14: 2.145, 19: 2.093, 24: 2.064, 29: 2.045, 39: 2.023, 59: 2.001, 99: 1.984}


def student(degrees):
    return T95[max(row for row in T95 if row <= degrees)]


def interval(ratios):
    """(geometric mean, low, high) of two ratios or more: the mean of their logarithms and its 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    count = len(logs)
    if count < 2:
        raise ValueError(f"{count} pairs have no interval")
    mean = sum(logs) / count
    deviation = math.sqrt(sum((x - mean) ** 2 for x in logs) / (count - 1))
    half = student(count - 1) * deviation / math.sqrt(count)
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def slope(points):
    """The median of the slopes between any two of the (x, y) (Theil, Sen): what a few points in a burst do not move."""
    if len(points) < 3:
        raise ValueError(f"{len(points)} points have no slope worth telling")
    return statistics.median((after[1] - before[1]) / (after[0] - before[0]) for before, after in itertools.combinations(points, 2))


def quotients(values, first_treated):
    """Treated over untreated of neighbouring windows."""
    if 0 in values:
        raise ValueError(f"nothing was answered in window {values.index(0)}")
    pairs = zip(values[0::2], values[1::2])
    return [a / b if first_treated else b / a for a, b in pairs]


def ratios_of(windows, quantile, first_treated):
    return quotients([window["latency"][quantile] for window in windows], first_treated)


def stray(spans, start, seconds):
    """How far treatments reached out of their windows, in seconds, at most: `spans` are (begin, end) of the treatments,
    `start` is when the first window began. The i-th belongs into window 2i."""
    return max(max(start + 2 * i * seconds - begin, end - (start + (2 * i + 1) * seconds), 0.0)
               for i, (begin, end) in enumerate(spans))


def treat_all(pairs, seconds, treat, start):
    """Runs `treat(stop)` in the first window of each pair, by the clock: one that ends late makes no other late."""
    spans, faults, never = [], [], threading.Event()

    def guarded(stop):
        try:
            treat(stop)
        except BaseException as fault:  # pylint: disable=broad-except
            faults.append(fault)

    for i in range(pairs):
        never.wait(max(0.0, start + 2 * i * seconds - time.monotonic()))
        stop = threading.Event()
        worker = threading.Thread(target=guarded, args=[stop])
        begin = time.monotonic()
        worker.start()
        never.wait(max(0.0, start + (2 * i + 1) * seconds - time.monotonic()))
        stop.set()
        ended_by_itself = not worker.is_alive()
        worker.join()
        # One that was over before its window was is within it, whenever that was.
        spans.append((begin, begin if ended_by_itself else time.monotonic()))
        if faults:
            raise faults[0]
    return spans


def run_series(ctrload, pairs, seconds, treat):
    """The report of a run of 2 x `pairs` windows; `treat(stop)` runs during the first of each pair and is to return soon
    after `stop` is set. A treatment that reaches into its neighbours by more than STRAY_SHARE is an error: the ratios
    would say less than is there. `stray_seconds` of the report tells by how much the worst did."""
    command = [*ctrload, "--warmup", "0", "--duration", str(2 * pairs * seconds), "--window-ms", str(round(seconds * 1000)), "--json", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        try:
            spans = treat_all(pairs, seconds, treat, time.monotonic() + START_SECONDS)
            text = load.communicate()[0]
        except BaseException:
            load.kill()
            raise
    if load.returncode != 0:
        raise RuntimeError(f"ctrload ended with {load.returncode}")
    report = json.loads(text)
    if report["interrupted"]:
        raise RuntimeError("ctrload was interrupted")
    report["windows"] = report["windows"][:2 * pairs]
    report["stray_seconds"] = stray(spans, report["start_ns"] * 1e-9, seconds)
    if report["stray_seconds"] > STRAY_SHARE * seconds:
        raise RuntimeError(f"a treatment was {report['stray_seconds']:.2f} s outside of its window of {seconds} s")
    return report


def verdict(treated, nothing, bound):
    """Does the bound hold? Both are intervals."""
    under = treated[2] <= bound
    inside = nothing[1] <= treated[1] and treated[2] <= nothing[2]
    return under, inside


def is_enough(pairs, seconds):
    return pairs >= PAIRS and seconds >= SECONDS


def words(ratio):
    return f"{ratio[0]:.3f} [{ratio[1]:.3f}, {ratio[2]:.3f}]"


def judge(name, figure, bound, held, enough=True, how=""):
    """Prints a figure beside its bound, both in words, and whether it holds (`how`: by which half of a rule). Without `enough`
    there is no verdict, and the bound is not shown to hold."""
    word = f"holds{how}" if held else "DOES NOT HOLD"
    if not enough:
        word = f"no verdict, which takes {PAIRS} pairs of {SECONDS} s"
    print(f"{name}: {figure}, bound {bound}: {word}")
    return enough and held


def tell(name, quantile, treated, nothing, bound, enough):
    """Judges both ratios, and tells by which half of the rule the bound holds: an A/A that is wide lets much be inside."""
    under, inside = verdict(treated, nothing, bound)
    return judge(f"{name}, {quantile.removesuffix('_ms')}", f"ratio {words(treated)}, A/A {words(nothing)}", bound, under or inside, enough,
                 ", under it" if under else ", inside A/A")


def tell_least(name, treated, nothing, least):
    """Judges a throughput that is to be no less than `least` of another, by the ratios of both and those of A/A. The lower end
    of the interval lies above `least`, or no lower than that of A/A; how far up it reaches is not the question. An A/A that
    reaches further down than NOISE below `least` would let everything pass: then nothing is shown. Windows may be shorter
    than those of a latency."""
    enough, treated, nothing = len(treated) >= PAIRS, interval(treated), interval(nothing)
    above, level = treated[1] >= least, treated[1] >= nothing[1] >= least - NOISE
    print(f"{name}: {words(treated)}, A/A {words(nothing)}, least {least}: "
          + (f"no verdict, which takes {PAIRS} rounds" if not enough else "holds, above it" if above else "holds, no lower than A/A" if level else
             "NOT SHOWN: A/A is too wide" if nothing[1] < least - NOISE else "DOES NOT HOLD"))
    return enough and (above or level)


def run_command(command):
    """A treatment: `command` runs until its window ends."""
    def treat(stop):
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            stop.wait()
            if process.poll() not in (None, 0):
                raise RuntimeError(f"the treatment ended with {process.returncode}")
            process.terminate()
    return treat


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--treatment", required=True, help="command that runs during the treated windows")
    parser.add_argument("--bound", type=float, required=True, help="of the ratio, treated over untreated")
    parser.add_argument("--quantile", action="append", choices=("p50", "p90", "p99", "p999", "max"), help="may be repeated; p99, p999")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a window")
    parser.add_argument("ctrload", nargs="+", help="the generator and its arguments, with --rate")
    options = parser.parse_args()
    if options.pairs < 2 or options.seconds <= 0:
        parser.error("two pairs or more, of windows of some length")
    series = {}
    for name, treat in (("A/A", lambda stop: None), ("treated", run_command(shlex.split(options.treatment)))):
        report = series[name] = run_series(options.ctrload, options.pairs, options.seconds, treat)
        print(f"{name}: {report['planned']} requests, {report['planned'] - report['ok']} not answered 200, "
              f"lateness p99 {report['lateness']['p99_ms']:.3f} ms, at most {report['stray_seconds']:.2f} s outside of a window")
    enough, held = is_enough(options.pairs, options.seconds), []
    for quantile in (f"{name}_ms" for name in options.quantile or ("p99", "p999")):
        treated, nothing = (interval(ratios_of(series[name]["windows"], quantile, True)) for name in ("treated", "A/A"))
        held.append(tell("treated", quantile, treated, nothing, options.bound, enough))
    return 2 if not enough else 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
