"""Keep-alive connections, closed loop: throughput of ctrd at 2 to 512 of them, and of the same handler behind a thread
per connection (bench_threads.c), in turns within one run. Tells too whether a connection of 64 waits for long. With 2
and 4 connections the thread per connection is asked twice in each round: the ratio of the two is what a ratio is when
nothing is different (A/A, paired.py). There ctrd is not below: the lower end of the interval of its throughput over that of
a thread per connection lies above 1, or no lower than that of A/A.

Usage: /usr/bin/python3 tests/bench/bench_connections.py [--rounds 20] [--seconds 3] [--apart] [--few] [BUILD]
With --few only 2 and 4 connections.
Servers and generator share all cores, a worker of ctrd on each; with --apart the servers have core 0, with one worker,
and the generator core 1. One server at a time is asked.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loaded  # noqa: E402
import paired  # noqa: E402

FEW, MANY = (2, 4), (16, 64, 512)
TURNS = ("ctrd", "threads", "again")  # again: threads, for A/A


def ask(build, port, bodies, connections, seconds, cpus):
    done = subprocess.run([f"{build}/ctrload", "--port", str(port), "--bodies", bodies, "--connections", str(connections),
                           "--duration", str(seconds), "--warmup", "1", "--cpus", cpus, "--json", "-"],
                          check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["ok"] == report["planned"] or report["errors"]["timeout"] == 0, report["errors"]
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=paired.PAIRS)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--few", action="store_true")
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("two rounds or more")
    pinned = ["taskset", "-c", "0"] if options.apart else []
    build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory() as folder:
        models, bodies = os.path.join(folder, "ctr"), os.path.join(folder, "bodies.jsonl")
        loaded.make_checkpoint(build, os.path.join(models, "1", "student.safetensors"))
        loaded.write_bodies(bodies)
        ctrd, port = loaded.start(build, f"--model.folder={models}", "--serve.queue=1024", pinned=pinned)
        most = (2 * sum(FEW) + sum(MANY)) * options.rounds
        threads = subprocess.Popen([*pinned, f"{build}/tests/bench_threads", models, str(most)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ports = {"ctrd": port, "threads": int(threads.stdout.readline())}
        ports["again"] = ports["threads"]
        seen = {}
        for index in range(options.rounds):
            for count in FEW if options.few else (*FEW, *MANY):
                turns = TURNS if count in FEW else TURNS[:2]
                first = index % len(turns)
                for name in (*turns[first:], *turns[:first]):
                    report = ask(build, ports[name], bodies, count, options.seconds, "[1]" if options.apart else "[]")
                    seen.setdefault((name, count), []).append(report)
        loaded.stop(ctrd)
        threads.stdin.close()
        threads.wait()
    return tell(seen)


def rates(reports):
    return [report["ok"] / report["seconds"] for report in reports]


def ratios(seen, count, names):
    """The throughput of one over that of the other, within rounds."""
    return [a / b for a, b in zip(*(rates(seen[name, count]) for name in names))]


def tell_few(seen):
    held = True
    for count in FEW:
        ratio, nothing = ratios(seen, count, ("ctrd", "threads")), ratios(seen, count, ("again", "threads"))
        held = paired.tell_least(f"{count} connections, ctrd over a thread per connection", ratio, nothing, 1) and held
    return held


def tell_many(seen, medians, best):
    held = all(medians["ctrd", count] >= 0.9 * best for count in MANY)
    worst = [max(one["worst_ms"] for one in report["connections"]) / report["all"]["p50_ms"] for report in seen["ctrd", 64]]
    print(f"longest wait of a connection over the median at 64: {', '.join(f'{ratio:.1f}' for ratio in worst)}")
    return held and max(worst) <= 10


def tell(seen):
    medians = {key: statistics.median(rates(reports)) for key, reports in seen.items()}
    counts = sorted({count for _, count in seen})
    best = max(medians["ctrd", count] for count in counts)
    print("| connections | ctrd, requests/s | share of its best | a thread per connection, requests/s | ratio | p99 of both, ms |\n"
          "| --- | --- | --- | --- | --- | --- |")
    for count in counts:
        ours, theirs = medians["ctrd", count], medians["threads", count]
        p99 = " / ".join(f"{statistics.median(one['all']['p99_ms'] for one in seen[name, count]):.2f}" for name in TURNS[:2])
        print(f"| {count} | {ours:.0f} | {100 * ours / best:.0f} % | {theirs:.0f} | {ours / theirs:.2f} | {p99} |")
    held = tell_few(seen)
    if 64 in counts:
        held = tell_many(seen, medians, best) and held
    print("holds" if held else "DOES NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
