"""What observability costs, which is to be 2 % at most (paired.py):

- scraping: /metrics is read every second, or not, in windows in turn;
- requests: a daemon with an access log (its rate limit as it comes) is asked with traceparent, X-Request-Id and
  X-Server-Timing, and one without a log with none of them; a second one like that makes the A/A;
- metrics: nanoseconds that counting takes in a request (bench_metric.c), beside the time of a request. They cannot be
  switched off.

Each at 70 % of what the daemon can do, for latencies, and in closed loop, for throughput. It holds when the 95 % interval of
the ratio of throughputs lies above 0.98, or inside A/A; the metrics when they take less than 2 % of a request. Latencies are
told without a verdict: at that load a wait grows by more than what is added to a request.

Usage: /usr/bin/python3 tests/bench/bench_observe.py [--pairs 20] [--seconds 15] [BUILD]
Daemons on core 0, generator and scraper on core 1. Takes 14 x PAIRS x SECONDS.
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
QUANTILES = ("p50_ms", "p99_ms")
TURNS = ("observed", "bare", "again")  # again: another bare one, for A/A


def tell_latency(name, treated, nothing):
    print(f"{name}: ratio {paired.words(paired.interval(treated))}, A/A {paired.words(paired.interval(nothing))}")


def judge_throughput(name, treated, nothing, enough):
    treated, nothing = paired.interval(treated), paired.interval(nothing)
    above, inside = treated[1] >= LEAST, nothing[1] <= treated[1] and treated[2] <= nothing[2]
    return paired.judge(f"{name}, throughput", f"ratio {paired.words(treated)}, A/A {paired.words(nothing)}", LEAST, above or inside, enough,
                        ", above it" if above else ", inside A/A")


class Bench:
    def __init__(self, options, folder):
        self.options, self.build, self.folder = options, os.path.abspath(options.build), folder
        self.enough = paired.is_enough(options.pairs, options.seconds)
        self.models, self.bodies = os.path.join(folder, "ctr"), os.path.join(folder, "bodies.jsonl")
        self.model = os.path.join(self.models, "1", "student.safetensors")
        loaded.make_checkpoint(self.build, self.model, "--range", "0,1", "--histogram")
        loaded.write_bodies(self.bodies)
        self.daemons, self.ports = [], {}
        for name in TURNS:
            more = [f"--log.access_file={folder}/access"] if name == "observed" else []
            daemon, self.ports[name] = loaded.start(self.build, f"--model.folder={self.models}", "--serve.workers=1", *more)
            self.daemons.append(daemon)
        self.rate = 0.7 * loaded.capacity(self.build, self.ports["bare"], self.bodies)

    def ctrload(self, name, rate):
        """At a rate, or (0) in closed loop."""
        headers = [word for header in HEADERS if name == "observed" for word in ("--header", header)]
        return loaded.ctrload(self.build, self.ports[name], self.bodies, "--rate", rate, "--connections", 64 if rate > 0 else 16, *headers)

    def scrape(self, stop):
        """As Prometheus does, on one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["bare"], timeout=60)
        while not stop.is_set():
            connection.request("GET", "/metrics")
            reply = connection.getresponse()
            assert reply.status == 200 and reply.read()
            stop.wait(1)
        connection.close()

    def windows(self, rate, treat):
        report = paired.run_series(self.ctrload("bare", rate), self.options.pairs, self.options.seconds, treat)
        assert loaded.lost(report) == 0, report["errors"]
        return report["windows"]

    def scraping(self):
        treated, nothing = (self.windows(self.rate, treat) for treat in (self.scrape, lambda stop: None))
        for quantile in QUANTILES:
            tell_latency(f"scraping, {quantile[:3]}", *(paired.ratios_of(windows, quantile, True) for windows in (treated, nothing)))
        treated, nothing = ([window["ok"] for window in self.windows(0, treat)] for treat in (self.scrape, lambda stop: None))
        return judge_throughput("scraping", paired.quotients(treated, True), paired.quotients(nothing, True), self.enough)

    def rounds(self, rate):
        """{name: reports}, a report of each in every round, in another order from round to round."""
        seen = {name: [] for name in TURNS}
        for index in range(self.options.pairs):
            first = index % len(TURNS)
            for name in (*TURNS[first:], *TURNS[:first]):
                report = loaded.report_of([*self.ctrload(name, rate), "--duration", str(self.options.seconds)])
                assert loaded.lost(report) == 0, report["errors"]
                seen[name].append(report)
        return seen

    def requests(self):
        def ratios(seen, value):
            return ([value(a) / value(b) for a, b in zip(seen[name], seen["bare"])] for name in ("observed", "again"))
        seen = self.rounds(self.rate)
        for quantile in QUANTILES:
            tell_latency(f"log, trace and timing, {quantile[:3]}", *ratios(seen, lambda report: report["all"][quantile]))
        return judge_throughput("log, trace and timing", *ratios(self.rounds(0), lambda report: report["ok"] / report["seconds"]), self.enough)

    def metrics(self):
        done = subprocess.run([f"{self.build}/tests/bench_metric", self.model, str(loaded.CANDIDATES)], check=True, capture_output=True, text=True)
        parts = {name: float(ns) for name, ns in map(str.split, done.stdout.splitlines())}
        request_ns = 1e9 * 0.7 / self.rate
        print(f"metrics of a request, ns: {', '.join(f'{name} {ns:.0f}' for name, ns in parts.items())}; a request takes {request_ns:.0f}")
        share = sum(parts.values()) / request_ns
        return paired.judge("metrics", f"{100 * share:.2f} % of a request", f"{100 * MOST_SHARE:.0f} %", share <= MOST_SHARE)

    def stop(self):
        for daemon in self.daemons:
            loaded.stop(daemon)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--pairs", type=int, default=paired.PAIRS)
    parser.add_argument("--seconds", type=float, default=paired.SECONDS)
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    if options.pairs < 2:
        parser.error("two pairs or more")
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        print(f"capacity {bench.rate / 0.7:.0f}/s, load {bench.rate:.0f}/s, {options.pairs} pairs of {options.seconds} s")
        try:
            held = [bench.metrics(), bench.scraping(), bench.requests()]
        finally:
            bench.stop()
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
