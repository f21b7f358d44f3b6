"""Reloads under load: a new version every half second, good and corrupt ones in turn, at 70 % of what the daemon can
do; beside it the same without reloads (A/A). Every verdict is a line, and the exit code is 0 if all hold:

- no request is lost, no load goes wrong, a rollback takes less than 1 ms (p50, over the admin socket), and a model of
  more than 10 MB loads within 5 s while every worker is busy;
- memory: the slope of the resident memory over the loads, second half (paired.slope; a burst of requests needs memory,
  too), is less than 100 kB per 100 loads; versions that stayed would make it hundreds of times as much. So it is in 2,000
  loads without pause after that;
- creep: after all of them the throughput is that of a daemon that has just started, in turns: the lower end of the 95 %
  interval of the ratio lies above 0.9 (two that have just started differ by some percent, for where their memory lies), or
  no lower than that of two such daemons (A/A);
- the paired ratios of p50, p99 and p99.9 (paired.py), bound 1.2.

Usage: /usr/bin/python3 tests/bench/bench_reload.py [--pairs 40] [--seconds 15] [--alone 2000] [BUILD]
Daemon on core 0, generator on core 1. The 40 pairs have 1,200 loads and take 20 minutes, A/A 10, the rest 5.
"""

import argparse
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loaded  # noqa: E402
import paired  # noqa: E402

RATIO_BOUND, ROLLBACK_MS, BIG_LOAD_S, KB_PER_100_LOADS, LEAST_THROUGHPUT = 1.2, 1.0, 5.0, 100.0, 0.9
CREEP_ROUNDS = 20


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Bench:
    def __init__(self, build, folder):
        self.build, self.folder = os.path.abspath(build), folder
        self.models = os.path.join(folder, "ctr")
        self.good = [self.make(seed) for seed in (1, 2)]
        self.number, self.loads, self.failed_loads, self.rollbacks = 0, 0, 0, []
        self.memory = []  # (loads, kB), under load
        self.publish(self.good[0])
        self.big = self.make_big()
        self.bodies = os.path.join(folder, "bodies.jsonl")
        loaded.write_bodies(self.bodies, model="ctr")
        self.admin_path = os.path.join(folder, "admin.sock")
        self.daemon, self.port = self.start("--admin-socket", self.admin_path, f"--log.file={folder}/log")

    def start(self, *more):
        return loaded.start(self.build, f"--models=[{{folder: {self.models}}}, {{folder: {self.big}}}]", "--serve.workers=1", *more)

    def make(self, seed):
        path = os.path.join(self.folder, f"model-{seed}")
        loaded.make_checkpoint(self.build, path, "--seed", str(seed), "--range", "0,1", "--histogram")
        return path

    def make_big(self):
        """A model of more than 10 MB, most of it an embedding table."""
        features, folder = os.path.join(self.folder, "big.yaml"), os.path.join(self.folder, "big")
        with open(features, "w", encoding="utf-8") as file:
            file.write("- {name: item_id, scope: item, kind: id, buckets: 200000, dim: 16}\n")
        for version in (1, 2):
            home = os.path.join(folder if version == 1 else self.folder, str(version))
            os.makedirs(home)
            subprocess.run([f"{self.build}/tests/make_checkpoint", "--schema", features, "--hidden", "64", "--seed", str(version),
                            os.path.join(home, "student.safetensors")], check=True)
        return folder

    def load_big(self):
        """(bytes, seconds) of a load while every worker is busy all the time."""
        command = self.ctrload("--connections", 64, "--duration", 12, "--warmup", 0, "--json", "-")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
            threading.Event().wait(2)
            os.rename(os.path.join(self.folder, "2"), os.path.join(self.big, "2"))
            begun = time.monotonic()
            status = self.admin("load", model="big")
            seconds = time.monotonic() - begun
            report = json.loads(load.communicate()[0])
        assert status == 200 and loaded.lost(report) == 0, (status, report["errors"])
        return os.path.getsize(os.path.join(self.big, "2", "student.safetensors")), seconds

    def publish(self, source, corrupt=False):
        self.number += 1
        beside = os.path.join(self.models, f"tmp-{self.number}")
        os.makedirs(beside)
        target = os.path.join(beside, "student.safetensors")
        shutil.copyfile(source, target)
        if corrupt:
            with open(target, "r+b") as file:
                file.seek(os.path.getsize(target) // 2)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))
        os.rename(beside, os.path.join(self.models, str(self.number)))
        if self.number > 8:
            shutil.rmtree(os.path.join(self.models, str(self.number - 8)), ignore_errors=True)

    def admin(self, path, body=None, model="ctr"):
        connection = UnixConnection(self.admin_path)
        connection.request("POST", f"/v1/models/{model}/{path}", json.dumps(body or {}), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        reply.read()
        connection.close()
        return reply.status

    def ctrload(self, *more):
        return loaded.ctrload(self.build, self.port, self.bodies, *more)

    def load(self):
        """A version, good and corrupt ones in turn. Was it corrupt?"""
        corrupt = self.loads % 2 == 1
        self.publish(self.good[self.number // 2 % 2], corrupt)
        status = self.admin("load")
        self.loads += 1
        self.failed_loads += (status == 200) == corrupt
        return corrupt

    def load_alone(self, count):
        """[(loads, kB)] of as many loads without a pause, and without other load."""
        memory = []
        for index in range(count):
            self.load()
            if index % 20 == 19:
                memory.append((index + 1, self.rss_kb()))
        return memory

    def creep(self):
        """The throughput of this daemon over that of one that has just started, and of two such ones, in turns."""
        fresh = [self.start() for _ in range(2)]
        ports, rates = {"old": self.port, "new": fresh[0][1], "again": fresh[1][1]}, {}
        try:
            for index in range(CREEP_ROUNDS):
                names = list(ports)
                for name in names[index % 3:] + names[:index % 3]:
                    rates.setdefault(name, []).append(loaded.capacity(self.build, ports[name], self.bodies, 3))
        finally:
            for daemon, _ in fresh:
                loaded.stop(daemon)
        return [[a / b for a, b in zip(rates[name], rates["new"])] for name in ("old", "again")]

    def reload(self, stop):
        """A version every 500 ms, and a rollback to the one before after each good one."""
        while not stop.is_set():
            begun = time.monotonic()
            if not self.load():
                before = time.monotonic()
                self.admin("rollback")
                self.rollbacks.append(time.monotonic() - before)
            stop.wait(max(0.0, 0.5 - (time.monotonic() - begun)))
        self.memory.append((self.loads, self.rss_kb()))

    def rss_kb(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def measure(bench, options):
    """The reports of both series."""
    rate, series = 0.7 * loaded.capacity(bench.build, bench.port, bench.bodies), {}
    print(f"capacity {rate / 0.7:.0f}/s, load {rate:.0f}/s, {options.pairs} pairs of {options.seconds} s windows")
    for name, treat in (("A/A", lambda stop: None), ("reload", bench.reload)):
        rss = bench.rss_kb()
        pairs = options.pairs if name == "reload" else min(options.pairs, paired.PAIRS)
        series[name] = paired.run_series(bench.ctrload("--connections", 64, "--rate", rate), pairs, options.seconds, treat)
        print(f"{name}: {series[name]['planned']} requests, p99.9 {series[name]['all']['p999_ms']:.2f} ms, RSS {rss} -> {bench.rss_kb()} kB")
    return series


def judge_bench(bench, series, big):
    """The verdicts on what is no latency."""
    size, seconds = big
    lost = {name: loaded.lost(report) for name, report in series.items()}
    rollbacks = sorted(bench.rollbacks)
    rollback_ms = rollbacks[len(rollbacks) // 2] * 1e3
    return [paired.judge("not answered 200", ", ".join(f"{name} {count}" for name, count in lost.items()), "0", not any(lost.values())),
            paired.judge("loads that did not go as they should", f"{bench.failed_loads} of {bench.loads}", "0", bench.failed_loads == 0),
            paired.judge("rollback over the admin socket, p50", f"{rollback_ms:.2f} ms (most {rollbacks[-1] * 1e3:.2f})", f"{ROLLBACK_MS} ms",
                         rollback_ms < ROLLBACK_MS),
            paired.judge(f"load of {size / 1e6:.1f} MB while every worker is busy", f"{seconds:.2f} s", f"{BIG_LOAD_S} s", seconds <= BIG_LOAD_S)]


def judge_memory(name, memory):
    print(f"{name}: RSS after {', '.join(f'{loads} loads {kb} kB' for loads, kb in memory[::max(1, len(memory) // 8)])}")
    slope = 100 * paired.slope(memory[len(memory) // 2:])
    return paired.judge(f"{name}: RSS over the second half", f"{slope:.1f} kB per 100 loads", f"{KB_PER_100_LOADS:.0f} kB", slope <= KB_PER_100_LOADS)


def judge_latency(series, enough):
    treated, nothing = (series[name]["windows"] for name in ("reload", "A/A"))
    held = []
    for quantile in ("p50_ms", "p99_ms", "p999_ms"):
        ratios = (paired.interval(paired.ratios_of(windows, quantile, True)) for windows in (treated, nothing))
        held.append(paired.tell("reload every 500 ms", quantile, *ratios, RATIO_BOUND, enough))
    return held


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--alone", type=int, default=2000)
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    if options.pairs < 5 or options.alone < 100:
        parser.error("five pairs or more, and a hundred loads alone: a slope takes three points, and memory is told of half of them")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.build, folder)
        try:
            big = bench.load_big()
            series = measure(bench, options)
            alone, creep = bench.load_alone(options.alone), bench.creep()
        finally:
            loaded.stop(bench.daemon)
    held = judge_bench(bench, series, big) + judge_latency(series, paired.is_enough(options.pairs, options.seconds))
    held += [judge_memory("under load", bench.memory), judge_memory("alone", alone),
             paired.tell_least("throughput over that of a fresh daemon", *creep, LEAST_THROUGHPUT)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
