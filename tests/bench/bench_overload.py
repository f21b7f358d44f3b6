"""Overload: what is answered in time at 0.7, 1, 2 and 5 times what the daemon can do, open loop, and how long /livez
takes meanwhile.

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

DEADLINE_MS = 100
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


def ctrload(build, port, *arguments):
    return subprocess.Popen([f"{build}/ctrload", "--port", str(port), "--cpus", "[1]", "--json", "-", *map(str, arguments)],
                            stdout=subprocess.PIPE, text=True)


def report_of(process):
    return json.loads(process.communicate()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory() as folder:
        models, bodies, features = (os.path.join(folder, name) for name in ("ctr", "bodies.jsonl", "features.yaml"))
        os.makedirs(os.path.join(models, "1"))
        with open(features, "w", encoding="utf-8") as file:
            file.write(LARGE_FEATURES if options.large else DIN_FEATURES)
        subprocess.run([f"{build}/tests/make_checkpoint", "--schema", features, *(LARGE_NETWORK if options.large else DIN_NETWORK),
                        os.path.join(models, "1", "student.safetensors")], check=True)
        (loaded.write_bodies if options.large else write_bodies)(bodies)
        read_end, write_end = os.pipe()
        daemon = subprocess.Popen(["taskset", "-c", "0", f"{build}/ctrd", f"--model.folder={models}", "--http.port=0", "--serve.workers=1",
                                   "--serve.queue=1024", "--drain.delay_ms=0", "--log.level=error", "--ready-fd", str(write_end)], pass_fds=[write_end])
        os.close(write_end)
        port = int(os.fdopen(read_end).readline())
        full = report_of(ctrload(build, port, "--bodies", bodies, "--connections", 16, "--duration", options.seconds))
        capacity = full["ok"] / full["seconds"]
        print(f"peak, 16 connections in closed loop: {capacity:.0f}/s")
        print("| load | in time, requests/s | share of the peak | p99 of 200, ms | 429 / 503 / 504 | other | /livez p50 / p99 / max, ms |\n"
              "| --- | --- | --- | --- | --- | --- | --- |")
        held = True
        for share in (0.7, 1, 2, 5):
            load = ctrload(build, port, "--bodies", bodies, "--connections", 256, "--rate", share * capacity, "--deadline-ms", DEADLINE_MS,
                           "--duration", options.seconds)
            health = report_of(ctrload(build, port, "--method", "GET", "--path", "/livez", "--rate", 50, "--connections", 4,
                                       "--duration", max(1.0, options.seconds - 2), "--warmup", 2))
            report = report_of(load)
            good, live = report["in_time"] / report["seconds"], health["all"]
            codes = {code: one["count"] for code, one in report["by_status"].items()}
            other = sum(report["errors"].values()) + sum(count for code, count in codes.items() if code not in ("200", "429", "503", "504"))
            p99 = report["by_status"]["200"]["p99_ms"]
            print(f"| {share} | {good:.0f} | {100 * good / capacity:.0f} % | {p99:.1f} | {codes.get('429', 0)} / {codes.get('503', 0)} / "
                  f"{codes.get('504', 0)} | {other} | {live['p50_ms']:.2f} / {live['p99_ms']:.2f} / {live['max_ms']:.2f} |")
            if share >= 2:
                held = held and good >= 0.9 * capacity and p99 <= DEADLINE_MS and other == 0 and live["p99_ms"] <= 5
        daemon.terminate()
        daemon.wait()
    print("holds" if held else "DOES NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
