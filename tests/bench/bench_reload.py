"""Reloads under load: a new version every half second, good and corrupt ones in turn, at 70 % of what the daemon can
do. Tells the paired ratio of p99.9 (paired.py), failed requests, memory, and how long a rollback takes.

Usage: /usr/bin/python3 tests/bench/bench_reload.py [--pairs 20] [--seconds 15] [BUILD]
Daemon on core 0, generator on core 1. Takes 4 x PAIRS x SECONDS.
"""

import argparse
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import paired  # noqa: E402

CANDIDATES, WIDTH = 100, 136


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
        self.number, self.loads, self.failed_loads, self.rollbacks, self.memory = 0, 0, 0, [], []
        self.publish(self.good[0])
        self.big = self.make_big()
        self.bodies = self.write_bodies()
        self.admin_path = os.path.join(folder, "admin.sock")
        read_end, write_end = os.pipe()
        self.daemon = subprocess.Popen(
            ["taskset", "-c", "0", f"{self.build}/ctrd", f"--models=[{{folder: {self.models}}}, {{folder: {self.big}}}]", "--http.port=0", "--serve.workers=1",
             "--drain.delay_ms=0", "--admin-socket", self.admin_path, "--log.level=error", f"--log.file={folder}/log", "--ready-fd", str(write_end)], pass_fds=[write_end])
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            self.port = int(ready.readline())

    def make(self, seed):
        path = os.path.join(self.folder, f"model-{seed}")
        subprocess.run([f"{self.build}/tests/make_checkpoint", "--features", f"f:item:{WIDTH}", "--hidden", "512,256,64",
                        "--seed", str(seed), "--range", "0,1", "--histogram", path], check=True)
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
        load = subprocess.Popen([f"{self.build}/ctrload", "--port", str(self.port), "--bodies", self.bodies, "--connections", "64",
                                 "--duration", "12", "--warmup", "0", "--cpus", "[1]", "--json", "-"], stdout=subprocess.PIPE, text=True)
        threading.Event().wait(2)
        os.rename(os.path.join(self.folder, "2"), os.path.join(self.big, "2"))
        begun = time.monotonic()
        status = self.admin("load", model="big")
        seconds = time.monotonic() - begun
        report = json.loads(load.communicate()[0])
        assert status == 200 and report["ok"] == report["planned"], (status, report["errors"])
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

    def write_bodies(self):
        rng = random.Random(1)
        path = os.path.join(self.folder, "bodies.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            for _ in range(20):
                file.write(json.dumps({"model": "ctr", "candidates": [
                    {"id": f"a{i}", "bid": round(rng.random() * 3, 2), "features": {"f": [round(rng.random(), 3) for _ in range(WIDTH)]}}
                    for i in range(CANDIDATES)]}) + "\n")
        return path

    def admin(self, path, body=None, model="ctr"):
        connection = UnixConnection(self.admin_path)
        connection.request("POST", f"/v1/models/{model}/{path}", json.dumps(body or {}), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        reply.read()
        connection.close()
        return reply.status

    def ctrload(self, rate):
        return [f"{self.build}/ctrload", "--port", str(self.port), "--bodies", self.bodies, "--connections", "64", "--cpus", "[1]",
                "--rate", str(rate)]

    def capacity(self):
        done = subprocess.run([f"{self.build}/ctrload", "--port", str(self.port), "--bodies", self.bodies, "--connections", "16",
                               "--duration", "5", "--cpus", "[1]", "--json", "-"], check=True, capture_output=True, text=True)
        report = json.loads(done.stdout)
        return report["ok"] / report["seconds"]

    def reload(self, stop):
        """A version every 500 ms, and a rollback to the one before after each good one."""
        while not stop.is_set():
            begun = time.monotonic()
            corrupt = self.loads % 2 == 1
            self.publish(self.good[self.number // 2 % 2], corrupt)
            status = self.admin("load")
            self.loads += 1
            self.failed_loads += (status == 200) == corrupt
            if not corrupt:
                before = time.monotonic()
                self.admin("rollback")
                self.rollbacks.append(time.monotonic() - before)
            stop.wait(max(0.0, 0.5 - (time.monotonic() - begun)))
        self.memory.append((self.loads, self.rss_kb()))

    def rss_kb(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def slope(points):
    """Of the least squares line through (x, y)."""
    mean_x, mean_y = (sum(column) / len(points) for column in zip(*points))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.build, folder)
        try:
            rate = 0.7 * bench.capacity()
            print(f"capacity {rate / 0.7:.0f}/s, load {rate:.0f}/s, {options.pairs} pairs of {options.seconds} s windows")
            size, seconds = bench.load_big()
            print(f"a model of {size / 1e6:.1f} MB loads in {seconds:.2f} s while every worker is busy")
            series = {}
            for name, treat in (("A/A", lambda stop: None), ("reload", bench.reload)):
                rss = bench.rss_kb()
                report = paired.run_series(bench.ctrload(rate), options.pairs, options.seconds, treat)
                lost = sum(report["errors"].values()) + sum(one["count"] for code, one in report["by_status"].items() if code != "200")
                print(f"{name}: {report['planned']} requests, {lost} not answered 200, p99.9 {report['all']['p999_ms']:.2f} ms, "
                      f"RSS {rss} -> {bench.rss_kb()} kB")
                series[name] = report
            rollbacks = sorted(bench.rollbacks)
            print(f"{bench.loads} loads, {bench.failed_loads} that did not go as they should; rollback over the admin socket "
                  f"p50 {rollbacks[len(rollbacks) // 2] * 1e3:.2f} ms, max {rollbacks[-1] * 1e3:.2f} ms")
            print(f"RSS after {', '.join(f'{loads} loads {kb} kB' for loads, kb in bench.memory[::max(1, len(bench.memory) // 4)])}")
            if len(bench.memory) > 3:
                print(f"slope over the second half: {100 * slope(bench.memory[len(bench.memory) // 2:]):.0f} kB per 100 loads")
            held = [paired.tell("reload every 500 ms", quantile,
                                paired.interval(paired.ratios_of(series["reload"]["windows"], quantile, True)),
                                paired.interval(paired.ratios_of(series["A/A"]["windows"], quantile, True)), 1.2,
                                paired.is_enough(options.pairs, options.seconds))
                    for quantile in ("p50_ms", "p99_ms", "p999_ms")]
        finally:
            bench.daemon.terminate()
            bench.daemon.wait()
    return 0 if held[2] else 1


if __name__ == "__main__":
    sys.exit(main())
