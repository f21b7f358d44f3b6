"""Overload: what is answered in time at 0.7, 1, 2 and 5 times what the daemon can do, open loop, and how long /livez
and /metrics take meanwhile.

Usage: /usr/bin/python3 tests/bench/bench_overload.py [--seconds 10] [--large] [BUILD]
A DIN model, 300 candidates a request, deadline 100 ms. With --large bodies that are long against what they compute,
100 candidates of 136 numbers, 111 kB: most of what a refused one costs is reading it. Daemon on core 0, generators on
core 1.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loaded  # noqa: E402

DEADLINE_MS, HEALTH_MS = 100, 5
HEALTH = {"/livez": 50, "/metrics": 10}  # asked so often a second
DIN_FEATURES = """
- {name: user_id, scope: user, kind: id, buckets: 100000, dim: 16}
- {name: history, scope: user, kind: id_list, table: item_id, max_len: 50, pool: din, target: item_id}
- {name: hour, scope: context, kind: id, buckets: 24, dim: 4, encode: identity}
- {name: item_id, scope: item, kind: id, buckets: 100000, dim: 16}
- {name: brand, scope: item, kind: id, buckets: 5000, dim: 8}
- {name: price, scope: item, kind: dense, size: 1, transform: log1p}
"""
DIN_NETWORK = ["--attention", "80,40", "--hidden", "512,256,128"]
LARGE_FEATURES = f"- {{name: f, scope: item, kind: dense, size: {loaded.WIDTH}}}\n"
LARGE_NETWORK = ["--hidden", "512,256,64"]


def write_bodies(path, candidates=300):
    rng = random.Random(1)

    def item():
        return f"i{rng.randrange(10 ** 5)}"
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(50):
            file.write(json.dumps({
                "user": {"user_id": f"u{rng.randrange(10 ** 6)}", "history": [item() for _ in range(50)]},
                "context": {"hour": rng.randrange(24)},
                "candidates": [{"id": f"a{i}", "bid": round(rng.random() * 3, 2),
                                "features": {"item_id": item(), "brand": f"b{rng.randrange(999)}", "price": round(rng.random() * 9, 2)}}
                               for i in range(candidates)]}) + "\n")


def make_model(build, folder, large):
    """The folder of a model, and a file of bodies."""
    models, bodies, features = (os.path.join(folder, name) for name in ("ctr", "bodies.jsonl", "features.yaml"))
    os.makedirs(os.path.join(models, "1"))
    with open(features, "w", encoding="utf-8") as file:
        file.write(LARGE_FEATURES if large else DIN_FEATURES)
    subprocess.run([f"{build}/tests/make_checkpoint", "--schema", features, *(LARGE_NETWORK if large else DIN_NETWORK),
                    os.path.join(models, "1", "student.safetensors")], check=True)
    (loaded.write_bodies if large else write_bodies)(bodies)
    return models, bodies


def start_load(command):
    return subprocess.Popen([*command, "--json", "-"], stdout=subprocess.PIPE, text=True)


def measure(build, port, bodies, rate, seconds):
    """The reports of a load, and of each of HEALTH meanwhile."""
    loads = [start_load(loaded.ctrload(build, port, bodies, "--connections", 256, "--rate", rate, "--deadline-ms", DEADLINE_MS,
                                       "--duration", seconds))]
    for path, often in HEALTH.items():
        loads.append(start_load(loaded.ctrload(build, port, None, "--method", "GET", "--path", path, "--rate", often, "--connections", 4,
                                               "--duration", max(1.0, seconds - 2), "--warmup", 2)))
    report, *health = (json.loads(load.communicate()[0]) for load in loads)
    return report, [one["all"] for one in health]


def judge(share, capacity, report, health):
    """Prints the row of a load. Does it hold?"""
    good = report["in_time"] / report["seconds"]
    codes = {code: one["count"] for code, one in report["by_status"].items()}
    other = sum(report["errors"].values()) + sum(count for code, count in codes.items() if code not in ("200", "429", "503", "504"))
    p99 = report["by_status"]["200"]["p99_ms"] if "200" in codes else float("inf")
    print(f"| {share} | {good:.0f} | {100 * good / capacity:.0f} % | {p99:.1f} | {codes.get('429', 0)} / {codes.get('503', 0)} / "
          f"{codes.get('504', 0)} | {other} | "
          + " | ".join(f"{one['p50_ms']:.2f} / {one['p99_ms']:.2f} / {one['max_ms']:.2f}" for one in health) + " |", flush=True)
    return good >= 0.9 * capacity and p99 <= DEADLINE_MS and other == 0 and all(one["p99_ms"] <= HEALTH_MS for one in health)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory() as folder:
        models, bodies = make_model(build, folder, options.large)
        daemon, port = loaded.start(build, f"--model.folder={models}", "--serve.workers=1", "--serve.queue=1024")
        capacity = loaded.capacity(build, port, bodies, options.seconds)
        print(f"peak, 16 connections in closed loop: {capacity:.0f}/s")
        print("| load | in time, requests/s | share of the peak | p99 of 200, ms | 429 / 503 / 504 | other | /livez p50 / p99 / max, ms | /metrics |\n"
              "| --- | --- | --- | --- | --- | --- | --- | --- |")
        held = True
        for share in (0.7, 1, 2, 5):
            holds = judge(share, capacity, *measure(build, port, bodies, share * capacity, options.seconds))
            held = held and (holds or share < 2)
        loaded.stop(daemon)
    print("holds" if held else "DOES NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
