"""Documents a second of training, side by side with PyTorch on the same OpenBLAS.

    BUILD_DIR=build/release /usr/bin/python3 tests/bench/bench_torch.py

Network 136-1024-512-256-1 (batch norm, ReLU, dropout .1, Adam with L2, click loss), 100,000 documents in memory, minibatches
of 1024 gathered in shuffled order. Two processes, ours and PyTorch's, each trains the same number of documents in turn, so what
else runs on the machine meets both; the ratio is of neighbours, with its 95 % interval (Student's t on its logarithm). Needs
Debian's python3-torch.
"""
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

DOCUMENTS, BATCH, INPUT = 100_000, 1024, 136
WINDOW = 12 * BATCH  # documents of a window
PAIRS = 20
T95 = 2.093  # Student's t, 19 degrees of freedom


def torch_worker(threads):
    """The peer: as one would write it in PyTorch."""
    import torch
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x, y = torch.randn(DOCUMENTS, INPUT), (torch.rand(DOCUMENTS) < 0.2).float()
    layers, width = [torch.nn.BatchNorm1d(INPUT, affine=False)], INPUT
    for i, hidden in enumerate((1024, 512, 256)):
        layers += ([torch.nn.Dropout(0.1)] if i else []) + [
            torch.nn.Linear(width, hidden, bias=False), torch.nn.BatchNorm1d(hidden), torch.nn.ReLU()]
        width = hidden
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 1))
    loss_of = torch.nn.BCEWithLogitsLoss()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
    order, at = torch.randperm(DOCUMENTS), 0
    print("torch", torch.__version__, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line) // BATCH):
            if at + BATCH > DOCUMENTS:
                order, at = torch.randperm(DOCUMENTS), 0
            pick = order[at:at + BATCH]
            at += BATCH
            adam.zero_grad(set_to_none=True)
            loss = loss_of(model(x[pick]).squeeze(1), y[pick])
            loss.backward()
            adam.step()
        print(f"{time.perf_counter() - start:.6f}", flush=True)


class Worker:
    def __init__(self, command, env):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **env})
        self.name = self.process.stdout.readline().strip()
        if not self.name:
            sys.exit(f"{command} did not start; PyTorch is Debian's python3-torch")

    def seconds(self):
        self.process.stdin.write(f"{WINDOW}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def measure(threads, core):
    """(our documents a second, PyTorch's, ratio, low, high, our core) with both at the OpenBLAS core, or each as shipped."""
    env = {"OPENBLAS_CORETYPE": core} if core else {}
    build = pathlib.Path(os.environ.get("BUILD_DIR", "build/release"))
    ours = Worker([build / "tests/bench_steps", str(threads), str(DOCUMENTS), str(BATCH)], env)
    peer = Worker([sys.executable, "-B", __file__, "--worker", str(threads)], env)
    ours.seconds(), peer.seconds()  # warm
    pairs = [(ours.seconds(), peer.seconds()) if i % 2 else (peer.seconds(), ours.seconds())[::-1] for i in range(PAIRS)]
    ours.stop()
    peer.stop()
    logs = [math.log(theirs / mine) for mine, theirs in pairs]
    half = T95 * statistics.stdev(logs) / math.sqrt(PAIRS)
    middle = statistics.mean(logs)
    speed = [WINDOW / statistics.median(side) for side in zip(*pairs)]
    return *speed, math.exp(middle), math.exp(middle - half), math.exp(middle + half), ours.name, peer.name


def main():
    rows = []
    for threads in (1, 2):
        *row, core, peer = measure(threads, "")
        rows.append((threads, f"each as shipped (ours chooses {core})", *row))
        *row, core, peer = measure(threads, core)
        rows.append((threads, f"both {core}", *row))
    print(f"{DOCUMENTS} documents x {INPUT}, {PAIRS} pairs of windows of {WINDOW} documents, {peer}\n")
    print("| threads | OpenBLAS core | ctr, documents/s | PyTorch, documents/s | ratio | 95 % interval |")
    print("| --: | --- | --: | --: | --: | --- |")
    for threads, core, ours, theirs, ratio, low, high in rows:
        print(f"| {threads} | {core} | {ours:,.0f} | {theirs:,.0f} | {ratio:.2f} | {low:.2f} to {high:.2f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        torch_worker(int(sys.argv[2]))
    else:
        main()
