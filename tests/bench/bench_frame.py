"""The frame around a model: /v1/rank with a tiny model and one candidate, against nginx with a static body of the same
size, and MLServer (PyPI) doing the same inference in numpy. One connection, closed loop, in turns within one run.

Usage: /usr/bin/python3 tests/bench/bench_frame.py [--rounds 5] [--seconds 3] [BUILD]
Servers on core 0, generator on core 1. Needs nginx (Debian: nginx-light); MLServer is installed into BUILD/python-mlserver.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request

MLSERVER = ["mlserver==1.7.1", "numpy<2.4"]
MODEL = '''
import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

class Tiny(MLModel):
    """4 - 16 - 8 - 1 with ReLU, and a sigmoid: what the tiny student of ctrd computes, with other weights."""
    async def load(self):
        rng = np.random.default_rng(1)
        widths = [4, 16, 8, 1]
        self.layers = [(rng.standard_normal((a, b)).astype(np.float32), np.zeros(b, np.float32)) for a, b in zip(widths, widths[1:])]
        return True

    async def predict(self, payload):
        x = NumpyCodec.decode_input(payload.inputs[0])
        for i, (weight, bias) in enumerate(self.layers):
            x = x @ weight + bias
            if i + 1 < len(self.layers):
                x = np.maximum(x, 0)
        pctr = 1 / (1 + np.exp(-x))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("pctr", pctr.astype(np.float32))])
'''
RANK = {"candidates": [{"id": "a", "bid": 1.5, "features": {"f": [0.1, 0.2, 0.3, 0.4]}}]}
INFER = {"inputs": [{"name": "f", "shape": [1, 4], "datatype": "FP32", "data": [0.1, 0.2, 0.3, 0.4]}]}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(url):
    pause = threading.Event()
    for _ in range(600):
        try:
            return urllib.request.urlopen(url, timeout=2).read()
        except OSError:
            pause.wait(0.1)
    raise SystemExit(f"{url} does not answer")


def start_ctrd(build, folder):
    models = os.path.join(folder, "tiny")
    os.makedirs(os.path.join(models, "1"))
    subprocess.run([f"{build}/tests/make_checkpoint", "--features", "f:item:4", "--hidden", "16,8",
                    os.path.join(models, "1", "student.safetensors")], check=True)
    read_end, write_end = os.pipe()
    process = subprocess.Popen(["taskset", "-c", "0", f"{build}/ctrd", f"--model.folder={models}", "--http.port=0", "--serve.workers=1",
                                "--drain.delay_ms=0", "--log.level=error", "--ready-fd", str(write_end)], pass_fds=[write_end])
    os.close(write_end)
    return process, int(os.fdopen(read_end).readline())


def start_nginx(folder, size):
    port = free_port()
    home = os.path.join(folder, "nginx")
    os.makedirs(home)
    with open(os.path.join(home, "rank"), "w", encoding="ascii") as file:
        file.write("x" * size)
    config = os.path.join(home, "nginx.conf")
    with open(config, "w", encoding="ascii") as file:
        user = "user root; " if os.geteuid() == 0 else ""  # else it would become one who cannot read the folder
        file.write(f"{user}daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;\n"
                   "events {worker_connections 1024;}\n"
                   f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {home}/b; proxy_temp_path {home}/p;"
                   f" fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n"
                   f" server {{ listen 127.0.0.1:{port}; root {home}; location / {{ default_type application/json; }} }} }}\n")
    process = subprocess.Popen(["taskset", "-c", "0", shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", config, "-p", home])
    wait_for(f"http://127.0.0.1:{port}/rank")
    return process, port


def start_mlserver(build, folder):
    venv = os.path.join(build, "python-mlserver")
    python = os.path.join(venv, "bin", "python")
    if not os.path.exists(os.path.join(venv, "done")):
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *MLSERVER], check=True)
        open(os.path.join(venv, "done"), "w", encoding="ascii").close()
    home = os.path.join(folder, "mlserver")
    os.makedirs(home)
    ports = [free_port() for _ in range(3)]
    files = {"tiny.py": MODEL,
             "model-settings.json": json.dumps({"name": "tiny", "implementation": "tiny.Tiny"}),
             "settings.json": json.dumps({"host": "127.0.0.1", "http_port": ports[0], "grpc_port": ports[1], "metrics_port": ports[2],
                                          "parallel_workers": 0, "debug": False})}
    for name, text in files.items():
        with open(os.path.join(home, name), "w", encoding="utf-8") as file:
            file.write(text)
    process = subprocess.Popen(["taskset", "-c", "0", os.path.join(venv, "bin", "mlserver"), "start", home],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home)
    wait_for(f"http://127.0.0.1:{ports[0]}/v2/models/tiny/ready")
    return process, ports[0]


def ask(build, port, arguments, seconds):
    done = subprocess.run([f"{build}/ctrload", "--port", str(port), "--connections", "1", "--duration", str(seconds), "--warmup", "1",
                           "--cpus", "[1]", "--json", "-", *arguments], check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["ok"] == report["planned"] > 0, report["by_status"]
    return report["all"]["p50_ms"], report["all"]["p99_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("build", nargs="?", default="build/release")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    with tempfile.TemporaryDirectory() as folder:
        bodies = {}
        for name, body in (("rank", RANK), ("infer", INFER)):
            bodies[name] = os.path.join(folder, name + ".jsonl")
            with open(bodies[name], "w", encoding="utf-8") as file:
                file.write(json.dumps(body) + "\n")
        processes = {"ctrd": start_ctrd(build, folder)}
        request = urllib.request.Request(f"http://127.0.0.1:{processes['ctrd'][1]}/v1/rank", json.dumps(RANK).encode(),
                                         {"Content-Type": "application/json"})
        size = len(urllib.request.urlopen(request).read())
        processes["nginx, static body"] = start_nginx(folder, size)
        processes["MLServer"] = start_mlserver(build, folder)
        arguments = {"ctrd": ["--bodies", bodies["rank"]], "nginx, static body": ["--method", "GET", "--path", "/rank"],
                     "MLServer": ["--bodies", bodies["infer"], "--path", "/v2/models/tiny/infer"]}
        seen = {name: [] for name in processes}
        for _ in range(options.rounds):
            for name, (_, port) in processes.items():
                seen[name].append(ask(build, port, arguments[name], options.seconds))
        for process, _ in processes.values():
            process.terminate()
            process.wait()
    base = [statistics.median(one[i] for one in seen["ctrd"]) for i in range(2)]
    print("| server | p50, us | p99, us | p50 over ctrd's | p99 over ctrd's |\n| --- | --- | --- | --- | --- |")
    for name, values in seen.items():
        p50, p99 = (statistics.median(one[i] for one in values) for i in range(2))
        print(f"| {name} | {p50 * 1e3:.0f} | {p99 * 1e3:.0f} | {p50 / base[0]:.2f} | {p99 / base[1]:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
