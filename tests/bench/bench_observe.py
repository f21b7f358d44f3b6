"""What observability costs. Metrics may take 2 % at most (they cannot be switched off); what a log costs is told:

- metrics: nanoseconds that counting takes in a request (bench_metric.c), beside the time of a request;
- scraping: throughput while /metrics is read every second, over that without, in windows in turn;
- requests: throughput of a daemon with an access log (its rate limit as it comes) that is asked with traceparent, X-Request-Id and
  X-Server-Timing, over that of one without a log that is asked with none of them; a second one like that makes the A/A.

Closed loops. For scraping the lower end of the 95 % interval lies above 0.98, or no lower than that of A/A.

Usage: /usr/bin/python3 tests/bench/bench_observe.py [--pairs 20] [--seconds 5] [BUILD]
Daemons on core 0, generator and scraper on core 1. Takes 7 x PAIRS x SECONDS.
"""

import argparse
import http.client
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import loaded  # noqa: E402
import paired  # noqa: E402

LEAST, MOST_SHARE = 0.98, 0.02
HEADERS = ("traceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", "X-Request-Id: bench-1", "X-Server-Timing: 1")
TURNS = ("observed", "bare", "again")  # again: another bare one, for A/A


class Bench:
    def __init__(self, options, folder):
        self.options, self.build, self.folder = options, os.path.abspath(options.build), folder
        self.models, self.bodies = os.path.join(folder, "ctr"), os.path.join(folder, "bodies.jsonl")
        self.model = os.path.join(self.models, "1", "student.safetensors")
        loaded.make_checkpoint(self.build, self.model, "--range", "0,1", "--histogram")
        loaded.write_bodies(self.bodies)
        self.daemons, self.ports = [], {}
        for name in TURNS:
            more = [f"--log.access_file={folder}/access"] if name == "observed" else []
            daemon, self.ports[name] = loaded.start(self.build, f"--model.folder={self.models}", "--serve.workers=1", *more)
            self.daemons.append(daemon)
        self.capacity = loaded.capacity(self.build, self.ports["bare"], self.bodies)

    def ctrload(self, name):
        headers = [word for header in HEADERS if name == "observed" for word in ("--header", header)]
        return loaded.ctrload(self.build, self.ports[name], self.bodies, "--connections", 16, *headers)

    def scrape(self, stop):
        """As Prometheus does, on one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["bare"], timeout=60)
        while not stop.is_set():
            connection.request("GET", "/metrics")
            reply = connection.getresponse()
            assert reply.status == 200 and reply.read()
            stop.wait(1)
        connection.close()

    def windows(self, treat):
        """Answers in each window, treated ones first."""
        report = paired.run_series(self.ctrload("bare"), self.options.pairs, self.options.seconds, treat)
        assert loaded.lost(report) == 0, report["errors"]
        return [window["ok"] for window in report["windows"]]

    def scraping(self):
        treated, nothing = (paired.quotients(self.windows(treat), True) for treat in (self.scrape, lambda stop: None))
        return paired.tell_least("scraping", treated, nothing, LEAST)

    def requests(self):
        rates = {name: [] for name in TURNS}
        for index in range(self.options.pairs):  # in another order from round to round
            first = index % len(TURNS)
            for name in (*TURNS[first:], *TURNS[:first]):
                report = loaded.report_of([*self.ctrload(name), "--duration", str(self.options.seconds)])
                assert loaded.lost(report) == 0, report["errors"]
                rates[name].append(report["ok"] / report["seconds"])
        treated, nothing = (paired.interval([a / b for a, b in zip(rates[name], rates["bare"])]) for name in ("observed", "again"))
        print(f"log, trace and timing: {paired.words(treated)}, A/A {paired.words(nothing)}")

    def metrics(self):
        done = subprocess.run([f"{self.build}/tests/bench_metric", self.model, str(loaded.CANDIDATES)], check=True, capture_output=True, text=True)
        parts = {name: float(ns) for name, ns in map(str.split, done.stdout.splitlines())}
        request_ns = 1e9 / self.capacity
        print(f"metrics of a request, ns: {', '.join(f'{name} {ns:.0f}' for name, ns in parts.items())}; a request takes {request_ns:.0f}")
        share = sum(parts.values()) / request_ns
        return paired.judge("metrics", f"{100 * share:.2f} % of a request", f"{100 * MOST_SHARE:.0f} %", share <= MOST_SHARE)

    def stop(self):
        for daemon in self.daemons:
            loaded.stop(daemon)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=paired.PAIRS)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    if options.pairs < 2:
        parser.error("two pairs or more")
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        print(f"capacity {bench.capacity:.0f}/s, {options.pairs} pairs of {options.seconds} s")
        try:
            held = [bench.metrics(), bench.scraping()]
            bench.requests()
        finally:
            bench.stop()
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
