"""A latency claim as a paired ratio: windows with a treatment and without take turns in one run of ctrload, and the
ratio of a quantile is taken within each pair, so that what the machine does meanwhile falls out. Beside it stands an
A/A series, the same windows without any treatment: what such a ratio is when nothing is different.

A bound holds when the 95 % interval of the treated ratio lies under it, or inside the interval of A/A.
"""

import json
import math
import subprocess
import threading

# Two-sided 95 % of Student's t by degrees of freedom; between rows the smaller one is safe.
T95 = {4: 2.776, 9: 2.262, 14: 2.145, 19: 2.093, 24: 2.064, 29: 2.045, 39: 2.023, 59: 2.001, 99: 1.984}


def interval(ratios):
    """(geometric mean, low, high) of ratios: the mean of their logarithms and its 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    count = len(logs)
    mean = sum(logs) / count
    deviation = math.sqrt(sum((x - mean) ** 2 for x in logs) / (count - 1))
    t = T95[max(degrees for degrees in T95 if degrees <= count - 1)]
    half = t * deviation / math.sqrt(count)
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def ratios_of(windows, quantile, first_treated):
    """Treated over untreated of neighbouring windows."""
    values = [window["latency"][quantile] for window in windows]
    pairs = zip(values[0::2], values[1::2])
    return [a / b if first_treated else b / a for a, b in pairs]


def run_series(ctrload, pairs, seconds, treat):
    """The windows of a run of 2 x `pairs` windows; `treat(stop)` runs during the first of each pair."""
    command = [*ctrload, "--warmup", "0", "--duration", str(2 * pairs * seconds), "--window-ms", str(int(seconds * 1000)), "--json", "-"]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    whole = threading.Event()  # never set: to wait is to let time pass
    for _ in range(pairs):
        stop = threading.Event()
        worker = threading.Thread(target=treat, args=[stop])
        worker.start()
        whole.wait(seconds)
        stop.set()
        worker.join()
        whole.wait(seconds)
    report = json.loads(load.communicate()[0])
    report["windows"] = report["windows"][:2 * pairs]
    return report


def verdict(treated, nothing, bound):
    """Does the bound hold? Both are intervals."""
    under = treated[2] <= bound
    inside = nothing[1] <= treated[1] and treated[2] <= nothing[2]
    return under, inside


def tell(name, quantile, treated, nothing, bound):
    under, inside = verdict(treated, nothing, bound)
    word = "holds" if under or inside else "DOES NOT HOLD"
    print(f"{name}, {quantile.removesuffix('_ms')}: ratio {treated[0]:.3f} [{treated[1]:.3f}, {treated[2]:.3f}], "
          f"A/A {nothing[0]:.3f} [{nothing[1]:.3f}, {nothing[2]:.3f}], bound {bound}: {word}")
    return under or inside
