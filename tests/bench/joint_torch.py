"""The peer of bench_joint.py: the production model as one would write it in PyTorch, trained on command.

    joint_torch.py FOLDER THREADS WAY

Ways of the attention over (row, behaviour): padded, all columns of the first layer's input side by side; split, the first layer
in three parts; packed, without the padding. After "train N" N minibatches are trained, after "check" our weights are loaded and
our minibatch is scored; either way the answer is a line.
"""
import json
import math
import pathlib
import sys
import time

import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from bench_joint import ALPHA, ATTENTION, BATCH, DECAY, DROPOUT, HIDDEN, LR  # noqa: E402


class Feature:
    """A line of the note "features" of data.safetensors."""

    def __init__(self, line):
        name, shared, first, cells, table, rows, dim, other = line.split()
        self.name, self.shared, self.table, self.other = name, shared == "1", table, other
        self.first, self.cells, self.rows, self.dim = int(first), int(cells), int(rows), int(dim)


class Attention(nn.Module):
    def __init__(self, dim, way):
        super().__init__()
        self.way = way
        self.linears, self.kappas, width = nn.ModuleList(), nn.ModuleList(), 4 * dim
        for hidden in ATTENTION:
            self.linears.append(nn.Linear(width, hidden))
            self.kappas.append(nn.PReLU(hidden))
            width = hidden
        self.out = nn.Linear(width, 1)

    def first(self, mine, here, behaviours, target, of):
        """mine (rows, T, dim), here (rows, 1, dim) -> (rows, T, hidden)."""
        linear = self.linears[0]
        if self.way != "split":
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
        if self.way == "packed":
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
    def __init__(self, features, way):
        super().__init__()
        self.features = features
        self.tables = nn.ModuleDict({f.table: nn.Embedding(f.rows, f.dim, padding_idx=0, sparse=True) for f in features})
        for table in self.tables.values():
            nn.init.normal_(table.weight, std=0.01)
            table.weight.data[0] = 0
        self.attention = Attention(next(f.dim for f in features if f.cells > 1), way)
        privileged = sum(f.dim for f in features if f.name in ("position", "others"))
        self.student_width = sum(f.dim for f in features) - privileged
        self.student = make_tower(self.student_width)
        self.teacher = make_tower(self.student_width + privileged)

    def forward(self, batch):
        """batch: shared (lists, cells), rows (docs, cells), of (docs) -> student's and teacher's logits."""
        columns, of = {}, batch["of"]
        for f in self.features:
            cells = batch["shared" if f.shared else "rows"][:, f.first:f.first + f.cells]
            if f.cells == 1:
                value = self.tables[f.table](cells.squeeze(1))
                columns[f.name] = value[of] if f.shared else value
        for f in self.features:
            if f.cells > 1:
                ids = batch["shared"][:, f.first:f.first + f.cells]
                mask = ids != 0  # histories are padded behind
                longest = max(1, int(mask.sum(1).max()))
                ids, mask = ids[:, :longest], mask[:, :longest].float()
                columns[f.name] = self.attention(self.tables[f.table](ids), mask, columns[f.other], of)
            elif f.cells == 0:
                source = next(g for g in self.features if g.name == f.other)
                ids = batch["rows"][:, source.first]
                known, rows = (ids != 0).float(), self.tables[f.table](ids)
                lists = len(batch["shared"])
                total = rows.new_zeros(lists, f.dim).index_add(0, of, rows)[of] - rows
                count = known.new_zeros(lists).index_add(0, of, known)[of] - known
                columns[f.name] = total / count.clamp(min=1).unsqueeze(1)
        x = torch.cat([columns[f.name] for f in self.features], 1)
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


def load_state(model, path):
    """Our weights and running statistics, from a state file."""
    state = tensors_of(path)

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


def tensors_of(path):
    """A file of ours, its whole numbers as int64."""
    return {name: torch.from_numpy(value.astype("int64") if value.dtype.kind == "u" else value)
            for name, value in load_file(path).items()}


def check(folder, features, way):
    """The greatest differences between our logits and losses of a minibatch and PyTorch's, with our weights."""
    model = Model(features, way)
    load_state(model, folder / "state.safetensors")
    batch = tensors_of(folder / "check.safetensors")
    batch["of"] = torch.repeat_interleave(torch.arange(len(batch["shared"])), batch["offset"].diff())
    model.eval()
    with torch.no_grad():
        student, teacher = model(batch)
        ours, theirs = batch["losses"].tolist(), [float(loss) for loss in losses(student, teacher, batch)]
    return {"student": float((student - batch["student"]).abs().max()),
            "teacher": float((teacher - batch["teacher"]).abs().max()),
            "losses": max(abs(a - b) for a, b in zip(ours, theirs)),
            "spread": float(batch["student"].std())}


def main():
    folder, threads, way = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    with safe_open(folder / "data.safetensors", framework="numpy") as file:
        features = [Feature(line) for line in file.metadata()["features"].splitlines()]
    data = tensors_of(folder / "data.safetensors")
    offset, lists = data["offset"], len(data["shared"])
    model = Model(features, way)
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
            print(json.dumps(check(folder, features, way)), flush=True)
            continue
        docs = sum(step() for _ in range(int(line.split()[1])))
        print(f"{time.perf_counter() - start:.6f} {docs}", flush=True)


if __name__ == "__main__":
    main()
