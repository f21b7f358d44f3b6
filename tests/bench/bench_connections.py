"""Keep-alive connections, closed loop: throughput of ctrd at 2 to 512 of them, and of the same handler behind a thread
per connection (bench_threads.c), in turns within one run. Tells too whether a connection of 64 waits for long.

Usage: /usr/bin/python3 tests/bench/bench_connections.py [--rounds 3] [--seconds 4] [--apart] [BUILD]
Servers and generator share all cores, a worker of ctrd on each; with --apart the servers have core 0, with one worker,
and the generator core 1. One server at a time is asked.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

COUNTS = (2, 4, 16, 64, 512)


def write_bodies(path, candidates=100, width=136):
    rng = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(20):
            file.write(json.dumps({"candidates": [
                {"id": f"a{i}", "bid": round(rng.random() * 3, 2), "features": {"f": [round(rng.random(), 3) for _ in range(width)]}}
                for i in range(candidates)]}) + "\n")


def ask(build, port, bodies, connections, seconds, cpus):
    done = subprocess.run([f"{build}/ctrload", "--port", str(port), "--bodies", bodies, "--connections", str(connections),
                           "--duration", str(seconds), "--warmup", "1", "--cpus", cpus, "--json", "-"],
                          check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["ok"] == report["planned"] or report["errors"]["timeout"] == 0, report["errors"]
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    pinned = ["taskset", "-c", "0"] if options.apart else []
    build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory() as folder:
        models, bodies = os.path.join(folder, "ctr"), os.path.join(folder, "bodies.jsonl")
        os.makedirs(os.path.join(models, "1"))
        subprocess.run([f"{build}/tests/make_checkpoint", "--features", "f:item:136", "--hidden", "512,256,64",
                        os.path.join(models, "1", "student.safetensors")], check=True)
        write_bodies(bodies)
        read_end, write_end = os.pipe()
        ctrd = subprocess.Popen([*pinned, f"{build}/ctrd", f"--model.folder={models}", "--http.port=0",
                                 "--serve.queue=1024", "--drain.delay_ms=0", "--log.level=error",
                                 "--ready-fd", str(write_end)], pass_fds=[write_end])
        os.close(write_end)
        threads = subprocess.Popen([*pinned, f"{build}/tests/bench_threads", models, str(1024 * options.rounds * len(COUNTS))],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ports = {"ctrd": int(os.fdopen(read_end).readline()), "threads": int(threads.stdout.readline())}
        seen, tail, worst = {}, {}, []
        for _ in range(options.rounds):
            for count in COUNTS:
                for name, port in ports.items():
                    report = ask(build, port, bodies, count, options.seconds, "[1]" if options.apart else "[]")
                    seen.setdefault((name, count), []).append(report["ok"] / report["seconds"])
                    tail.setdefault((name, count), []).append(report["all"]["p99_ms"])
                    if (name, count) == ("ctrd", 64):
                        worst.append(max(one["worst_ms"] for one in report["connections"]) / report["all"]["p50_ms"])
        ctrd.terminate()
        ctrd.wait()
        threads.stdin.close()
        threads.wait()
    medians = {key: statistics.median(values) for key, values in seen.items()}
    best = max(medians["ctrd", count] for count in COUNTS)
    print("| connections | ctrd, requests/s | share of its best | a thread per connection, requests/s | ratio | p99 of both, ms |\n"
          "| --- | --- | --- | --- | --- | --- |")
    for count in COUNTS:
        ours, theirs = medians["ctrd", count], medians["threads", count]
        p99 = " / ".join(f"{statistics.median(tail[name, count]):.2f}" for name in ports)
        print(f"| {count} | {ours:.0f} | {100 * ours / best:.0f} % | {theirs:.0f} | {ours / theirs:.2f} | {p99} |")
    print(f"longest wait of a connection over the median at 64: {', '.join(f'{ratio:.1f}' for ratio in worst)}")
    held = (all(medians["ctrd", count] >= 0.9 * best for count in (16, 64, 512)) and max(worst) <= 10
            and all(medians["ctrd", count] >= medians["threads", count] for count in (2, 4)))
    print("holds" if held else "DOES NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
