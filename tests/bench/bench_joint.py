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


class Feature:
    """A line of the note "features" of data.safetensors."""

    def __init__(self, line):
        name, shared, first, cells, table, rows, dim, other = line.split()
        self.name, self.shared, self.table, self.other = name, shared == "1", table, other
        self.first, self.cells, self.rows, self.dim = int(first), int(cells), int(rows), int(dim)


WAYS = ("padded", "split", "packed")


def build_model(torch, features, way):
    """The peer, as one would write it in PyTorch. Ways of the attention over (row, behaviour): padded, all columns of the
    first layer's input side by side; split, the first layer in three parts; packed, without the padding."""
    from torch import nn
    from torch.nn import functional

    class Attention(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.linears, self.kappas, width = nn.ModuleList(), nn.ModuleList(), 4 * dim
            for hidden in ATTENTION:
                self.linears.append(nn.Linear(width, hidden))
                self.kappas.append(nn.PReLU(hidden))
                width = hidden
            self.out = nn.Linear(width, 1)

        def first(self, mine, here, behaviours, target, of):
            """mine (rows, T, dim), here (rows, 1, dim) -> (rows, T, hidden)."""
            linear = self.linears[0]
            if way != "split":
                here = here.expand_as(mine)
                return linear(torch.cat((mine, here, mine - here, mine * here), -1))
            w1, w2, w3, w4 = linear.weight.chunk(4, 1)
            by_behaviour = functional.linear(behaviours, w1 + w3)[of]
            by_row = functional.linear(target, w2 - w3, linear.bias).unsqueeze(1)
            return functional.linear(mine * here, w4) + by_behaviour + by_row

        def score(self, h):
            for linear, kappa in zip([None, *self.linears[1:]], self.kappas):
                h = h if linear is None else linear(h)
                h = kappa(h.view(-1, h.shape[-1])).view_as(h)
            return self.out(h).squeeze(-1)

        def forward(self, behaviours, mask, target, of):
            """behaviours (lists, T, dim), mask (lists, T), target (rows, dim), of (rows): each row's list -> (rows, dim)."""
            if way == "packed":
                row, place = mask[of].nonzero(as_tuple=True)
                mine = behaviours[of[row], place]
                weight = self.score(self.first(mine, target[row], behaviours, target, of))
                return torch.zeros_like(target).index_add(0, row, weight.unsqueeze(1) * mine)
            mine = behaviours[of]
            weight = self.score(self.first(mine, target.unsqueeze(1), behaviours, target, of)) * mask[of]
            return torch.bmm(weight.unsqueeze(1), mine).squeeze(1)

    def make_tower(width):
        layers = [nn.BatchNorm1d(width, affine=False)]
        for i, hidden in enumerate(HIDDEN):
            layers += ([nn.Dropout(DROPOUT)] if i else []) + [
                nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU()]
            width = hidden
        return nn.Sequential(*layers, nn.Linear(width, 1))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tables = nn.ModuleDict({f.table: nn.Embedding(f.rows, f.dim, padding_idx=0, sparse=True) for f in features})
            for table in self.tables.values():
                nn.init.normal_(table.weight, std=0.01)
                table.weight.data[0] = 0
            self.attention = Attention(next(f.dim for f in features if f.cells > 1))
            privileged = sum(f.dim for f in features if f.name in ("position", "others"))
            self.student_width = sum(f.dim for f in features) - privileged
            self.student = make_tower(self.student_width)
            self.teacher = make_tower(self.student_width + privileged)

        def forward(self, batch):
            """batch: shared (lists, cells), rows (docs, cells), of (docs) -> student's and teacher's logits."""
            columns, of = {}, batch["of"]
            for f in features:
                cells = batch["shared" if f.shared else "rows"][:, f.first:f.first + f.cells]
                if f.cells == 1:
                    value = self.tables[f.table](cells.squeeze(1))
                    columns[f.name] = value[of] if f.shared else value
            for f in features:
                if f.cells > 1:
                    ids = batch["shared"][:, f.first:f.first + f.cells]
                    mask = ids != 0  # histories are padded behind
                    longest = max(1, int(mask.sum(1).max()))
                    ids, mask = ids[:, :longest], mask[:, :longest].float()
                    columns[f.name] = self.attention(self.tables[f.table](ids), mask, columns[f.other], of)
                elif f.cells == 0:
                    source = next(g for g in features if g.name == f.other)
                    ids = batch["rows"][:, source.first]
                    known, rows = (ids != 0).float(), self.tables[f.table](ids)
                    lists = len(batch["shared"])
                    total = rows.new_zeros(lists, f.dim).index_add(0, of, rows)[of] - rows
                    count = known.new_zeros(lists).index_add(0, of, known)[of] - known
                    columns[f.name] = total / count.clamp(min=1).unsqueeze(1)
            x = torch.cat([columns[f.name] for f in features], 1)
            return self.student(x[:, :self.student_width]).squeeze(1), self.teacher(x).squeeze(1)

    def losses(student, teacher, batch):
        """Of both: click loss and CLID of the student, click loss of the teacher."""
        of, lists, label = batch["of"], len(batch["shared"]), batch["label"]
        told = torch.sigmoid(teacher.detach())
        told = told / told.new_zeros(lists).index_add(0, of, told)[of]
        own = torch.sigmoid(student)
        mass = own.new_zeros(lists).index_add(0, of, own)
        clid = -(told * (functional.logsigmoid(student) - mass.log()[of])).sum() / lists
        clicks = functional.binary_cross_entropy_with_logits
        return ALPHA * clicks(student, label) + (1 - ALPHA) * clid, clicks(teacher, label)

    return Model(), losses


def load_state(torch, model, path):
    """Our weights and running statistics, from a state file."""
    state = tensors_of(torch, path)

    def put(parameter, name):
        parameter.data.copy_(state[name].view_as(parameter))

    for name, table in model.tables.items():
        put(table.weight, f"input.emb.{name}.values")
    part = "input.din.history.param"
    for k, (linear, kappa) in enumerate(zip(model.attention.linears, model.attention.kappas)):
        put(linear.weight, f"{part}.layer.{k}.weight")
        put(linear.bias, f"{part}.layer.{k}.bias")
        put(kappa.weight, f"{part}.layer.{k}.kappa")
    put(model.attention.out.weight, f"{part}.out.weight")
    put(model.attention.out.bias, f"{part}.out.bias")
    for name in ("student", "teacher"):
        tower = getattr(model, name)
        norms = [layer for layer in tower if isinstance(layer, torch.nn.BatchNorm1d)]
        linears = [layer for layer in tower if isinstance(layer, torch.nn.Linear)]
        for k, norm in enumerate(norms):
            part = "input" if k == 0 else f"hidden.{k - 1}"
            put(norm.running_mean, f"{name}.stat.{part}.mean")
            put(norm.running_var, f"{name}.stat.{part}.var")
            if k > 0:
                put(norm.weight, f"{name}.param.{part}.gamma")
                put(norm.bias, f"{name}.param.{part}.beta")
        for k, linear in enumerate(linears):
            put(linear.weight, f"{name}.param.{'out' if k == len(HIDDEN) else f'hidden.{k}'}.weight")
        put(linears[-1].bias, f"{name}.param.out.bias")


def tensors_of(torch, path):
    """A file of ours, its whole numbers as int64."""
    from safetensors.numpy import load_file

    return {name: torch.from_numpy(value.astype("int64") if value.dtype.kind == "u" else value)
            for name, value in load_file(path).items()}


def check(torch, folder, features, way):
    """The greatest differences between our logits and losses of a minibatch and PyTorch's, with our weights."""
    model, losses = build_model(torch, features, way)
    load_state(torch, model, folder / "state.safetensors")
    batch = tensors_of(torch, folder / "check.safetensors")
    batch["of"] = torch.repeat_interleave(torch.arange(len(batch["shared"])), batch["offset"].diff())
    model.eval()
    with torch.no_grad():
        student, teacher = model(batch)
        ours, theirs = batch["losses"].tolist(), [float(loss) for loss in losses(student, teacher, batch)]
    return {"student": float((student - batch["student"]).abs().max()),
            "teacher": float((teacher - batch["teacher"]).abs().max()),
            "losses": max(abs(a - b) for a, b in zip(ours, theirs)),
            "spread": float(batch["student"].std())}


def torch_worker(folder, threads, way):
    import time

    import torch
    from safetensors import safe_open

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    with safe_open(folder / "data.safetensors", framework="numpy") as file:
        features = [Feature(line) for line in file.metadata()["features"].splitlines()]
    data = tensors_of(torch, folder / "data.safetensors")
    offset, lists = data["offset"], len(data["shared"])
    model, losses = build_model(torch, features, way)
    sparse = list(model.tables.parameters())
    dense = [p for name, p in model.named_parameters() if not name.startswith("tables.")]
    optimisers = [torch.optim.SparseAdam(sparse, lr=LR), torch.optim.Adam(
        [{"params": [p for p in dense if p.dim() > 1], "weight_decay": DECAY}, {"params": [p for p in dense if p.dim() == 1]}],
        lr=LR)]
    each = math.ceil(BATCH * lists / int(offset[-1]))  # lists of a minibatch
    order, at = torch.randperm(lists), 0

    def step():
        nonlocal order, at
        if at + each > lists:
            order, at = torch.randperm(lists), 0
        pick = order[at:at + each]
        at += each
        sizes = offset[pick + 1] - offset[pick]
        of = torch.repeat_interleave(torch.arange(each), sizes)
        docs = torch.arange(len(of)) + (offset[pick] - sizes.cumsum(0) + sizes)[of]
        batch = {"shared": data["shared"][pick], "rows": data["rows"][docs], "label": data["label"][docs], "of": of}
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        sum(losses(*model(batch), batch)).backward()
        for optimiser in optimisers:
            optimiser.step()
        return len(docs)

    print("torch", torch.__version__, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        if line.startswith("check"):
            print(json.dumps(check(torch, folder, features, way)), flush=True)
            continue
        docs = sum(step() for _ in range(int(line.split()[1])))
        print(f"{time.perf_counter() - start:.6f} {docs}", flush=True)


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
    return Worker([torch_python(), "-B", __file__, "--worker", folder, str(threads), way], env)


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
    if sys.argv[1:2] == ["--worker"]:
        torch_worker(pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        main()
