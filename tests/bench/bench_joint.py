"""Joint training of the production model, impressions a second, side by side with PyTorch.

    BUILD_DIR=build/release /usr/bin/python3 tests/bench/bench_joint.py

Ids of user, item, category, segment, hour, device and position, DIN 80-40-1 (PReLU) over a history of up to 50 items that
shares the items' table, a teacher that also sees the position and the mean of the other items, a student of 128-64, both with
batch norm and dropout .1, click loss and CLID, Adam (rows of tables: SparseAdam), minibatches of 1024 documents in whole lists.

Ours runs the trainer's step on the mapped data set; PyTorch has its data as tensors in memory, histories padded. Two processes
train the same number of minibatches in turn, so what else runs on the machine meets both; the ratio is of neighbours, with its
95 % interval (Student's t on its logarithm). Before that PyTorch loads our state and must give our logits and losses of a
minibatch: it is the same model. Needs Debian's python3-torch; the safetensors package is fetched once into the build folder.
"""
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

BATCH, ALPHA, LR, DECAY, DROPOUT, HIDDEN, ATTENTION = 1024, 0.5, 1e-3, 1e-6, 0.1, (128, 64), (80, 40)
WINDOW = int(os.environ.get("BENCH_WINDOW", "12"))  # minibatches
PAIRS = int(os.environ.get("BENCH_PAIRS", "20"))
T95 = {3: 3.182, 5: 2.571, 9: 2.262, 19: 2.093, 29: 2.045}  # Student's t by degrees of freedom
TOLERANCE = 1e-4
WAYS = ("padded", "split", "packed")  # of the peer, joint_torch.py
HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ.get("BUILD_DIR", "build/release"))
CONFIG = f"""\
data: {{train: train.jsonl, valid: valid.jsonl}}
features:
  - {{name: user_id, scope: user, kind: id, buckets: 20000, dim: 16}}
  - {{name: segment, scope: user, kind: id, encode: vocab, dim: 4}}
  - {{name: history, scope: user, kind: id_list, table: item_id, max_len: 50, pool: din, target: item_id}}
  - {{name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 4}}
  - {{name: device, scope: context, kind: id, encode: vocab, dim: 4}}
  - {{name: item_id, scope: item, kind: id, encode: vocab, dim: 16}}
  - {{name: category, scope: item, kind: id, encode: vocab, dim: 8}}
  - {{name: position, scope: item, kind: id, encode: identity, buckets: 20, dim: 4, privileged: true}}
  - {{name: others, scope: item, kind: id, source: loo_mean, of: item_id, privileged: true}}
method: clid
mode: joint
loss: {{alpha: {ALPHA}}}
network: {{hidden: {list(HIDDEN)}, dropout: {DROPOUT}}}
din: {{hidden: {list(ATTENTION)}}}
train: {{batch: {BATCH}, lr: {LR}, weight_decay: {DECAY:.7f}}}
"""


class Worker:
    def __init__(self, command, env):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **env})
        self.name = self.process.stdout.readline().strip()
        if not self.name:
            sys.exit(f"{command} did not start; PyTorch is Debian's python3-torch")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def speed(self):
        """Documents a second of a window."""
        seconds, docs = self.ask(f"train {WINDOW}").split()
        return float(docs) / float(seconds)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def torch_python():
    """An interpreter that has Debian's torch and the safetensors package."""
    folder = BUILD / "python-torch"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "safetensors"], check=True)
    return python


def make_data(folder):
    """An impression log, and a configuration that trains on it."""
    subprocess.run([BUILD / "ctr", "synth", "impressions", "--out", folder, "--pages", "20000"], check=True,
                   stdout=subprocess.DEVNULL)
    (folder / "config.yaml").write_text(CONFIG)


def ours(folder, threads):
    return Worker([BUILD / "tests/bench_joint", folder / "config.yaml", folder, str(threads)], {})


def peer(folder, threads, way, **env):
    return Worker([torch_python(), "-B", HERE / "joint_torch.py", folder, str(threads), way], env)


def compare(a, b):
    """Speeds of both, ratio a / b and its interval, from windows in turn."""
    a.speed(), b.speed()  # warm
    pairs = [(a.speed(), b.speed()) if i % 2 else (b.speed(), a.speed())[::-1] for i in range(PAIRS)]
    a.stop()
    b.stop()
    logs = [math.log(mine / theirs) for mine, theirs in pairs]
    half = T95[PAIRS - 1] * statistics.stdev(logs) / math.sqrt(PAIRS)
    middle = statistics.mean(logs)
    speeds = [statistics.median(side) for side in zip(*pairs)]
    return *speeds, math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def prove(folder, way):
    """Trains ours a little, then holds PyTorch with our weights to our numbers."""
    a = ours(folder, 2)
    a.ask("train 100")
    a.ask("check")
    b = peer(folder, 2, way)
    found = json.loads(b.ask("check"))
    a.stop()
    b.stop()
    print(f"same weights, {way}: greatest difference of the student's logits {found['student']:.1e} (they spread by "
          f"{found['spread']:.2f}), of the teacher's {found['teacher']:.1e}, of the losses {found['losses']:.1e}")
    if not max(found["student"], found["teacher"], found["losses"]) <= TOLERANCE:
        sys.exit(f"not the same model: more than {TOLERANCE}")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_data(folder)
        first = ours(folder, 1)
        core = first.name
        first.stop()
        for way in WAYS:
            prove(folder, way)
        rows = []

        def row(threads, what, other):
            rows.append((threads, what, compare(ours(folder, threads), other)))

        for way in WAYS:
            row(1, f"PyTorch, {way}, 1 thread", peer(folder, 1, way))
        for way in WAYS:
            row(2, f"PyTorch, {way}, 2 threads", peer(folder, 2, way))
        row(2, "the same, OpenBLAS on 1 thread", peer(folder, 2, "packed", OPENBLAS_NUM_THREADS="1"))
        for way in WAYS:
            row(2, f"PyTorch, {way}, 1 thread", peer(folder, 1, way))
        row(2, "ctr once more (A/A)", ours(folder, 2))
    print(f"\n{PAIRS} pairs of windows of {WINDOW} minibatches; OpenBLAS core of ctr: {core}\n")
    print("| threads of ctr | beside it | ctr, impressions/s | the other, impressions/s | ratio | 95 % interval |")
    print("| --: | --- | --: | --: | --: | --- |")
    for threads, what, (mine, theirs, ratio, low, high) in rows:
        print(f"| {threads} | {what} | {mine:,.0f} | {theirs:,.0f} | {ratio:.2f} | {low:.2f} to {high:.2f} |")


if __name__ == "__main__":
    main()
