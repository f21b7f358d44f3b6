"""Where the time of a request goes: 100 candidates x 136 features through the real daemon on loopback.

Reads the sums of ctrd_stage_duration_seconds before and after, so the daemon's own clock tells the
stages; the client's clock tells the whole. Usage: BUILD_DIR=build/release bench_serve.py [requests]
"""

import http.client
import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "it"))
import ctrdtest  # noqa: E402

STAGES = ("queue", "parse", "featurise", "score", "calibrate", "rank", "encode")
CANDIDATES, FEATURES = 100, 136


def drive(daemon, body, connections, requests):
    """Latencies in seconds, client's clock, of `requests` in all."""
    latencies = []

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port)
        for _ in range(requests // connections):
            start = time.perf_counter()
            connection.request("POST", "/v1/rank", body)
            reply = connection.getresponse()
            reply.read()
            latencies.append(time.perf_counter() - start)
            assert reply.status == 200
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(latencies), time.perf_counter() - begun


def measure(daemon, body, connections, requests):
    before = daemon.metrics()
    latencies, wall = drive(daemon, body, connections, requests)
    after = daemon.metrics()

    def mean_us(stage):
        key = f'ctrd_stage_duration_seconds_{{}}{{{{stage="{stage}"}}}}'
        sums, counts = key.format("sum"), key.format("count")
        return (after[sums] - before[sums]) / (after[counts] - before[counts]) * 1e6

    row = {stage: mean_us(stage) for stage in STAGES}
    mean = sum(latencies) / len(latencies) * 1e6
    row["HTTP and client"] = mean - sum(row.values())
    row["whole, mean"] = mean
    row["whole, p50"] = latencies[len(latencies) // 2] * 1e6
    row["whole, p99"] = latencies[len(latencies) * 99 // 100] * 1e6
    return row, len(latencies) / wall


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    body = ctrdtest.body_of(CANDIDATES, FEATURES)
    with tempfile.TemporaryDirectory() as folder:
        models = os.path.join(folder, "bench")
        ctrdtest.make_model(models, features=f"f:item:{FEATURES}:log1p", hidden="1024,512,256")
        daemon = ctrdtest.Daemon(models, "log.level=warn")
        try:
            drive(daemon, body, 4, 200)
            columns = [(n, *measure(daemon, body, n, requests)) for n in (1, 4, 16)]
        finally:
            daemon.stop()
            daemon.kill()
    print(f"{CANDIDATES} candidates x {FEATURES} features, {len(body)} bytes, MLP 1024-512-256, "
          f"{requests} requests; microseconds, mean unless said otherwise\n")
    print("| connections | " + " | ".join(str(n) for n, _, _ in columns) + " |")
    print("| --- |" + " --- |" * len(columns))
    for name in columns[0][1]:
        print(f"| {name} | " + " | ".join(f"{row[name]:.0f}" for _, row, _ in columns) + " |")
    print("| requests/s | " + " | ".join(f"{rate:.0f}" for _, _, rate in columns) + " |")


if __name__ == "__main__":
    main()
