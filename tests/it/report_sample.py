"""A results.json by its contract, made of numbers that a reader can check: no randomness, no program of ours."""
import math

SEEDS = [1, 2, 3, 4, 5]
RATIOS = [0.001, 0.1, 1, 10, 1000]
# title, role, NDCG@10, LogLoss, slope, PCOC
METHODS = {
    "base": ("Base", "student", 0.5500, 0.4300, 1.00, 1.00),
    "teacher": ("Teacher", "teacher", 0.5700, 0.4200, 1.00, 1.00),
    "pal": ("PAL", "student", 0.5510, 0.4600, 0.93, 1.31),
    "pointwise": ("Base+Pointwise", "student", 0.5515, 0.4298, 1.00, 1.00),
    "listmle": ("Base+ListMLE", "student", 0.5560, 0.4700, 0.40, 1.02),
    "clid": ("CLID", "student", 0.5540, 0.4295, 1.00, 1.00),
    "clid_mass": ("CLID, by mass", "student", 0.5541, 0.4297, 1.00, 1.00),
}
MEASURES = [
    ("ndcg10", "NDCG@10", "higher", 4), ("logloss", "LogLoss", "lower", 4), ("ece_list", "ECE", "lower", 4),
    ("gauc", "GAUC", "higher", 4), ("ece_100", "pooled ECE", "lower", 4), ("pcoc", "PCOC", "one", 3),
    ("slope", "slope", "one", 3), ("true_error", "true error", "lower", 4), ("true_bias", "true bias", "zero", 4),
    ("true_kl", "true KL", "lower", 5), ("welfare", "welfare", "higher", 1), ("regret", "regret", "lower", 2),
    ("regret_percent", "regret, %", "lower", 3), ("revenue_percent", "revenue, %", "higher", 2),
    ("overcharge_percent", "over-charge, %", "zero", 2),
]
T4 = 2.776  # 97.5 % point of Student's t, four degrees of freedom


def jitter(method, seed):
    """What a seed adds: a part that all methods share, and a smaller one of its own."""
    own = (sum(map(ord, method)) * seed) % 7 - 3
    return 0.0008 * (seed - 3) + 0.00005 * own


def measured(method, seed, truth):
    _, _, ndcg, logloss, slope, pcoc = METHODS[method]
    shift = jitter(method, seed)
    gap = abs(slope - 1) + abs(pcoc - 1)
    values = {"ndcg10": ndcg + shift, "logloss": logloss - shift / 4, "ece_list": 0.27 + gap / 100 + shift,
              "gauc": ndcg + 0.14 + shift, "ece_100": 0.012 + gap / 10 + shift, "pcoc": pcoc + shift,
              "slope": slope + 2 * shift}
    if truth:
        regret = 0.6 + gap + 10 * shift - (ndcg - 0.55)
        values |= {"true_error": 0.06 + gap / 10 + shift, "true_bias": (pcoc - 1) / 5 + shift, "true_kl": 0.007 + gap / 100,
                   "welfare": 1840 - 18.4 * regret, "regret": 18.4 * regret, "regret_percent": regret,
                   "revenue_percent": 100 - regret, "overcharge_percent": 1 + gap}
    return values


def interval(values):
    """mean, half, low, high of the 95 % interval; None where one value cannot have any."""
    n, mean = len(values), sum(values) / len(values)
    if n < 2:
        return {"mean": mean, "half": None, "low": None, "high": None, "significant": None, "n": n}
    assert n == 5
    half = T4 * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    return {"mean": mean, "half": half, "low": mean - half, "high": mean + half, "significant": abs(mean) > half, "n": n}


def fields(method, seeds, truth):
    runs = [measured(method, seed, truth) for seed in seeds]
    return {key: {**{k: v for k, v in interval([run[key] for run in runs]).items() if k in ("mean", "half")},
                  "values": [run[key] for run in runs]} for key in runs[0]}


def against(method, other, seeds, truth):
    if method == other:
        return None
    runs = [(measured(method, seed, truth), measured(other, seed, truth)) for seed in seeds]
    return {key: interval([a[key] - b[key] for a, b in runs]) for key in runs[0][0]}


def reliability(method, truth):
    _, _, _, _, slope, pcoc = METHODS[method]
    bins = []
    for k in range(20):
        logit = -3 + 0.2 * k
        real = 1 / (1 + math.exp(-logit))
        bins.append({"docs": 5000 * 5, "p": min(0.99, pcoc / (1 + math.exp(-logit / slope))),
                     "clicks": real + 0.002 * (-1) ** k, "truth": real if truth else None})
    return bins


def curve(method, seed):
    ndcg, loss = METHODS[method][2] + jitter(method, seed), METHODS[method][3]
    points = [{"epoch": e, "ndcg10": ndcg - 0.05 * 2 ** -e, "logloss": loss + 0.05 * 2 ** -e, "train_loss": loss + 0.09 * 2 ** -e,
               "train_point_ce": loss + 0.08 * 2 ** -e} for e in range(1, 13)]
    return {"seed": seed, "kept": 8, "points": points}


def sweep(method, truth):
    if method in ("base", "teacher", "pal"):
        return []
    runs = []
    for tau in ((0.1, 1.0) if method == "pointwise" else (None,)):
        for ratio in RATIOS:
            bend = (math.log10(ratio) - 1) ** 2 / 2000
            values = {key: value + (0.02 * ratio / (1 + ratio) if key == "logloss" and method == "listmle" else bend)
                      for key, value in measured(method, 1, truth).items()}
            dead = method == "pointwise" and ratio == 1000 and tau == 0.1
            runs.append({"id": f"{method}-r{ratio}-s1", "method": method, "ratio": ratio, "tau": tau, "lr": 0.001, "seed": 1,
                         "status": "diverged" if dead else "ok", "chosen": ratio == 10 and tau in (None, 1.0),
                         "valid": None if dead else values, "test": None if dead else values})
    return runs


def method_entry(method, seeds, truth):
    title, role, *_ = METHODS[method]
    tests = fields(method, seeds, truth)
    grid = method not in ("base", "teacher", "pal")
    return {"method": method, "title": title, "role": role, "summary": "what it is",
            "chosen": {"ratio": 10 if grid else None, "tau": 1.0 if method == "pointwise" else None, "lr": 0.001, "rule": "the rule"},
            "runs": [f"{method}-s{seed}" for seed in seeds], "n": len(seeds), "test": tests, "valid": tests,
            "vs_clid": against(method, "clid", seeds, truth), "vs_base": against(method, "base", seeds, truth),
            "bootstrap": {"measure": "ndcg10", "minus": "clid", "mean": -0.001, "low": -0.002, "high": -0.0005, "lists": 4900,
                          "resamples": 2000, "significant": True},
            "reliability": reliability(method, truth), "curves": [curve(method, seed) for seed in seeds]}


def claims(truth):
    gap = against("clid", "base", SEEDS, truth)["ndcg10"]
    return [
        {"id": "A1", "claim": "CLID ranks better than Base", "seen": True, "words": "", "checks": [
            {"what": "CLID - Base, NDCG@10", "mean": gap["mean"], "low": gap["low"], "high": gap["high"], "seen": True,
             "rule": "above 0", "required": True, "note": "", "n": 5, "interval": "paired seeds"}]},
        {"id": "A8", "claim": "Pointwise lies between Base and CLID", "seen": False, "words": "the noise floor is higher", "checks": [
            {"what": "Base+Pointwise - Base, NDCG@10", "mean": 0.0001, "low": -0.0004, "high": 0.0006, "seen": False}]},
        {"id": "A12", "claim": "ListNet on logits is calibrated like CLID", "seen": None, "words": "methods are missing", "checks": [
            {"what": "not here", "mean": None, "low": None, "high": None, "seen": None}]},
    ]


def results(seeds=tuple(SEEDS), truth=True, methods=tuple(METHODS)):
    """The whole of results.json."""
    seeds = list(seeds)
    part = {"lists": 5000, "docs": 112480, "clicks": 22496}
    return {
        "format": "ctr-results-1", "name": "sample", "title": "A sample", "network": [128, 64], "seeds": seeds, "search_seed": 1,
        "configuration": "train:\n  batch: 1024\n", "data": {"train": part, "valid": part, "test": part, "columns": 24,
                                                            "truth": truth, "hash": "0123456789abcdef"},
        "selection": {"base_logloss": 0.43, "base_ci": 0.0005, "bound": 0.4305},
        "teacher_check": {"better": True, "ndcg10": interval([0.02] * 5) | {"low": 0.019, "high": 0.021}, "words": "it is",
                          "logloss": interval([-0.01] * 5)},
        "measures": [dict(zip(("key", "title", "better", "digits"), row)) for row in MEASURES],
        "methods": [method_entry(method, seeds, truth) for method in methods],
        "sweep": [run for method in methods for run in sweep(method, truth)],
        "claims": claims(truth), "diverged": ["pointwise-r1000-t0.1-s1"], "runs": {"planned": 60, "finished": 60, "diverged": 1},
    }


def calibration():
    """The page of `ctr calibrate`."""
    def quality(pcoc, slope, loss):
        return {"logloss": loss, "pcoc": pcoc, "slope": slope, "intercept": 0.1, "ece_10": abs(pcoc - 1), "ece_100": abs(pcoc - 1) + 0.01,
                "brier": 0.13, "ndcg10": 0.5}

    def row(name, pcoc, slope, loss, chosen, why=None):
        bins = [{"docs": 1000, "p": min(0.99, pcoc * (k + 1) / 25), "clicks": (k + 1) / 25, "truth": None} for k in range(20)]
        entry = {"map": name, "fit": quality(pcoc, slope, loss), "cv": quality(pcoc, slope, loss + 0.0001),
                 "test": quality(pcoc, slope, loss + 0.0002), "cv_logloss": loss + 0.0001, "chosen": chosen, "reliability": bins}
        return entry | ({"why": why} if why else {})

    return {"kind": "calibration", "model": "student.safetensors", "data": "fit.txt", "test": "test.txt", "chosen": "isotonic",
            "reliability_of": "test", "rows": [row("identity", 1.2, 0.8, 0.45, False), row("platt", 1.01, 0.99, 0.44, False),
                                               row("isotonic", 1.0, 1.0, 0.4395, True),
                                               row("sir", 1.2, 0.8, 0.45, False, "one class only")]}
