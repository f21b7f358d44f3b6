"""What ctrload itself can do: requests a second against nginx with a static body, the generator on one core and nginx
on another. Open loop at rising rates: what was asked, sent and answered, and how late the generator was; then closed.

Usage: /usr/bin/python3 tests/bench/bench_generator.py [--seconds 5] [BUILD]
nginx on core 0, generator on core 1. Needs nginx (Debian: nginx-light).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench_frame import start_nginx  # noqa: E402

RATES, WANTED = (5000, 10000, 20000, 30000, 40000), 20000


def ask(build, port, seconds, *arguments):
    done = subprocess.run([f"{build}/ctrload", "--port", str(port), "--method", "GET", "--path", "/rank", "--connections", "64", "--warmup", "1",
                           "--duration", str(seconds), "--cpus", "[1]", "--json", "-", *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def row(name, report):
    lost = report["planned"] - report["ok"]
    print(f"| {name} | {report['achieved_per_second']:.0f} | {report['ok'] / report['seconds']:.0f} | {lost} | "
          f"{report['lateness']['p50_ms'] * 1e3:.0f} / {report['lateness']['p99_ms'] * 1e3:.0f} | "
          f"{report['all']['p50_ms'] * 1e3:.0f} / {report['all']['p99_ms'] * 1e3:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory() as folder:
        nginx, port = start_nginx(folder, 200)
        try:
            print("| asked, requests/s | sent | answered 200 | lost | lateness p50 / p99, us | latency p50 / p99, us |\n"
                  "| --- | --- | --- | --- | --- | --- |")
            most = 0
            for rate in RATES:
                report = ask(build, port, options.seconds, "--rate", str(rate))
                row(str(rate), report)
                if report["ok"] == report["planned"]:
                    most = max(most, report["ok"] / report["seconds"])
            row("closed loop", ask(build, port, options.seconds))
        finally:
            nginx.terminate()
            nginx.wait()
    held = most >= 0.98 * WANTED  # a Poisson count is not the rate to the last request
    print("holds" if held else "DOES NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
