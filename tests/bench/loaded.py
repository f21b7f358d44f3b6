"""What benches of a daemon under load share: ctrd on core 0, ctrload on core 1, requests of 100 candidates of 136 numbers."""

import json
import os
import random
import subprocess

CANDIDATES, WIDTH = 100, 136


def make_checkpoint(build, path, *more):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run([f"{build}/tests/make_checkpoint", "--features", f"f:item:{WIDTH}", "--hidden", "512,256,64", *more, path], check=True)


def write_bodies(path, **more):
    rng = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(20):
            file.write(json.dumps({**more, "candidates": [
                {"id": f"a{i}", "bid": round(rng.random() * 3, 2), "features": {"f": [round(rng.random(), 3) for _ in range(WIDTH)]}}
                for i in range(CANDIDATES)]}) + "\n")


def start(build, *options, pinned=("taskset", "-c", "0")):
    """The process and its port."""
    read_end, write_end = os.pipe()
    daemon = subprocess.Popen([*pinned, f"{build}/ctrd", "--http.port=0", "--drain.delay_ms=0", "--log.level=error", *options,
                               "--ready-fd", str(write_end)], pass_fds=[write_end])
    os.close(write_end)
    with os.fdopen(read_end) as ready:
        return daemon, int(ready.readline())


def stop(daemon):
    daemon.terminate()
    daemon.wait()


def ctrload(build, port, bodies, *more):
    """The command of a generator; with no --rate among `more` a closed loop. `bodies` None: requests have none."""
    named = ["--bodies", bodies] if bodies else []
    return [f"{build}/ctrload", "--port", str(port), *named, "--cpus", "[1]", *map(str, more)]


def report_of(command):
    """What a run to its end reports."""
    return json.loads(subprocess.run([*command, "--json", "-"], check=True, capture_output=True, text=True).stdout)


def lost(report):
    """Requests that were not answered 200."""
    return report["planned"] - report["ok"]


def capacity(build, port, bodies, seconds=5):
    """Requests a second in closed loop."""
    report = report_of(ctrload(build, port, bodies, "--connections", 16, "--duration", seconds))
    return report["ok"] / report["seconds"]
