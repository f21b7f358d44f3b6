"""The JSON Schema of a rank body against the daemon itself: the package jsonschema accepts the bodies that ctrd
ranks and refuses those that it refuses, for a model with every kind of feature.

Needs jsonschema (pyenv.py).
"""
import copy
import json
import os
import subprocess
import tempfile
import unittest

import ctrdtest
import pyenv

BUILD_DIR = os.environ.get("BUILD_DIR", "build/dev")
PRINT_SCHEMA = os.path.join(BUILD_DIR, "tests", "print_schema")
MOST = 5

FEATURES = """
- {name: user_id, scope: user, kind: id, buckets: 6, dim: 2}
- {name: history, scope: user, kind: id_list, table: item_id, max_len: 2, pool: mean}
- {name: age, scope: user, kind: dense, quantiles: 5, dim: 2}
- {name: hour, scope: context, kind: id, encode: identity, buckets: 24, dim: 1}
- {name: speed, scope: context, kind: dense, size: 1}
- {name: item_id, scope: item, kind: id, buckets: 9, dim: 3}
- {name: brand, scope: item, kind: id, encode: vocab, dim: 2}
- {name: hours, scope: item, kind: id_list, table: hour, max_len: 3}
- {name: pair, kind: cross, cross: [user_id, item_id], buckets: 7, dim: 2}
- {name: price, scope: item, kind: dense, size: 2, default: 0.1}
- {name: f, scope: item, kind: dense, size: 3, transform: log1p}
"""
WHOLE = {
    "id": "r-1", "model": "m", "unit": "u", "slots": 2, "timeout_us": 60000000, "timing": False,
    "floors": {"bid": 0, "ecpm": 0.5},
    "user": {"user_id": "u1", "history": ["a", 7, "b"], "age": 31.5},
    "context": {"hour": 13, "speed": 2},
    "candidates": [
        {"id": "a", "bid": 1, "features": {"item_id": "a", "brand": 4, "hours": [1, "2"], "price": [1, 2], "f": [1, 2, 3]}},
        {"id": "b", "bid": 0.5, "features": {"item_id": -8, "f": [1, -2.5, 3e5]}},
    ],
}


GONE = object()


def with_value(path, value):
    """WHOLE with the value at a path, or without what stands there."""
    body = copy.deepcopy(WHOLE)
    at = body
    for key in path[:-1]:
        at = at[key]
    if value is GONE:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return body


def paths():
    """{name: path} of the objects whose members the cases change."""
    return {"": [], "floors.": ["floors"], "user.": ["user"], "context.": ["context"],
            "candidate.": ["candidates", 0], "features.": ["candidates", 0, "features"]}


GOOD = {
    "id": ["x", "x" * 256, "é", None, GONE], "model": ["m", None, GONE], "unit": ["u", None],
    "slots": [0, 1, 10**6, None], "timeout_us": [0, None], "timing": [True, False, None], "explain": [False, None],
    "floors": [{}, None, GONE],
    "floors.bid": [0, 1e15, None, GONE], "floors.ecpm": [0.25, None],
    "user": [{}, None, GONE],
    "user.user_id": ["", "x", "y" * 256, 0, -5, 2**63 - 1, -2**63, None, GONE],
    "user.history": [[], [None, ""], ["a"] * 50, [1, "b"], None, GONE],
    "user.age": [1, [2.5], -1e30, None, GONE],
    "context.hour": [0, 23, "0", "23", "", None, GONE],
    "context.speed": [0, -1.5, [3], 1e300],
    "candidates": [WHOLE["candidates"][:1]],
    "candidate.id": ["z", "é" * 100],
    "candidate.bid": [0, 1e15],
    "features.item_id": ["", 5, None, GONE],
    "features.brand": ["nobody knows", 1, None, GONE],
    "features.hours": [[], [0, "23", None], [1, 2, 3, 4, 5], None, GONE],
    "features.price": [[0, 0], None, GONE],
    "features.f": [[0, 0, 0]],
}
BAD = {
    "id": ["", 7, "x" * 257, [], {}, True, "a\0"], "model": ["other", "", 7], "unit": ["", 5, []],
    "slots": [-1, 1.5, "2", True, []], "timeout_us": [-1, 0.5, "1"], "timing": [1, "true", []], "explain": [0, "no"],
    "floors": [[], 5, "x", True],
    "floors.bid": [-1, 1.1e15, "1", True], "floors.ecpm": [-0.5, []], "floors.other": [1],
    "user": [[], "u", 5], "user.label": [1], "user.other": [1], "user.speed": [1], "user.pair": ["x"],
    "user.user_id": ["y" * 257, 1.5, True, [], {}, 2**63],
    "user.history": ["a", 5, {}, [[]], [1.5], [True], ["y" * 257]],
    "user.age": ["5", [], [1, 2], [None], True, {}],
    "context": [None, GONE, {}, []],
    "context.hour": [24, -1, "x", "-1", "01", 1.5, True, [1]],
    "context.speed": [None, GONE, "5", [], [1, 2], [None], {}],
    "candidates": [None, GONE, [], {}, "x", [None], [5], [{}],
                   [dict(WHOLE["candidates"][0], id=str(i)) for i in range(MOST + 1)]],
    "candidate.id": [None, GONE, "", 5, "x" * 257],
    "candidate.bid": [None, GONE, -1, 1.1e15, "1", True],  # the other has one
    "candidate.label": [1], "candidate.privileged": [{}], "candidate.other": [1],
    "candidate.features": [None, GONE, {}, [], "x"],
    "features.item_id": [1.5, True, [], {}],
    "features.brand": [True, ["x"]],
    "features.hours": [5, "1", [24], [[1]], [True], {}],
    "features.price": [1, [1], [1, 2, 3], ["1", 2], [None, 1], {}],
    "features.f": [None, GONE, 1, [], [1, 2], [1, 2, 3, 4], [1, 2, None], ["a", 1, 2], {}],
    "features.position": [1], "features.pair": ["x"],
    "privileged": [{}], "other": [1], "candidate": [1],
}


def cases(table):
    """(name, body) of each value in the table."""
    for name, values in table.items():
        prefix, _, key = name.rpartition(".")
        path = paths()[prefix + "." if prefix else ""]
        for value in values:
            yield f"{name} = {'gone' if value is GONE else json.dumps(value)[:60]}", with_value([*path, key], value)


class Schema(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrtest-")
        self.addCleanup(holder.cleanup)
        self.models = os.path.join(holder.name, "m")
        os.makedirs(os.path.join(self.models, "3"))
        self.file = os.path.join(self.models, "3", "student.safetensors")
        features = os.path.join(holder.name, "features.yaml")
        with open(features, "w", encoding="utf-8") as file:
            file.write(FEATURES)
        subprocess.run([ctrdtest.MAKE_CHECKPOINT, "--schema", features, "--hidden", "8", "--range", "-1.5,0.7",
                        "--histogram", self.file], check=True)

    def schema(self):
        done = subprocess.run([PRINT_SCHEMA, self.file, "m", "3", str(MOST)], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def test_the_schema_is_one(self):
        import jsonschema
        schema = self.schema()
        jsonschema.Draft202012Validator.check_schema(schema)
        self.assertEqual(schema["$schema"], jsonschema.Draft202012Validator.META_SCHEMA["$id"])
        self.assertEqual(schema["required"], ["context", "candidates"])

    def test_what_it_tells(self):
        properties = self.schema()["properties"]
        item = properties["candidates"]["items"]["properties"]["features"]["properties"]
        seen = {**properties["user"]["properties"], **properties["context"]["properties"], **item}
        self.assertEqual({name: (feature["x-kind"], feature["x-missing"]) for name, feature in seen.items()}, {
            "user_id": ("id", "unknown"), "history": ("id_list", "empty"), "age": ("dense", "unknown"),
            "hour": ("id", "unknown"), "speed": ("dense", "error"), "item_id": ("id", "unknown"), "brand": ("id", "unknown"),
            "hours": ("id_list", "empty"), "price": ("dense", "default"), "f": ("dense", "error")})
        self.assertEqual(item["price"]["default"], [0.1, 0.1])
        self.assertEqual(item["hours"]["x-keeps"], 3)
        self.assertEqual({name: feature["x-training-range"] for name, feature in seen.items() if feature["x-kind"] == "dense"}, {
            "age": {"low": [-1.5], "high": [0.7]}, "speed": {"low": [-1.5], "high": [0.7]},
            "price": {"low": [-1.5] * 2, "high": [0.7] * 2}, "f": {"low": [-1.5] * 3, "high": [0.7] * 3}})
        self.assertEqual(properties["candidates"]["maxItems"], MOST)
        self.assertEqual(properties["version"]["anyOf"][0], {"enum": [3, "3", None]})

    def test_version_or_label(self):
        """Which version is the schema's: its number or text, or a label."""
        import jsonschema
        validator = jsonschema.Draft202012Validator(self.schema())
        for version, good in [(3, True), ("3", True), (None, True), ("stable", True), ("s", True), (4, False),
                              ("4", False), (0, False), (True, False), ("", False), ("4s", False), ([], False)]:
            with self.subTest(version=version):
                self.assertEqual(validator.is_valid({**WHOLE, "version": version}), good)

    def test_it_says_what_the_daemon_says(self):
        import jsonschema
        validator = jsonschema.Draft202012Validator(self.schema())
        daemon = ctrdtest.Daemon(self.models, f"rank.max_candidates={MOST}")
        try:
            bare = {"context": {"speed": 1}, "candidates": [{"id": "a", "features": {"f": [1, 2, 3]}}]}
            good = [("whole", WHOLE), ("bare", bare), *cases(GOOD)]
            for bid in (None, GONE):  # of no candidate
                body = with_value(["candidates", 0, "bid"], bid)
                del body["candidates"][1]["bid"]
                good.append(("no bids", body))
            bad = [("a list", []), ("empty", {}), *cases(BAD)]
            for wanted, rows in ((True, good), (False, bad)):
                for name, body in rows:
                    with self.subTest(body=name):
                        status, reply = daemon.rank(json.dumps(body))
                        self.assertIn(status, (200,) if wanted else (400, 404, 413), reply)
                        self.assertEqual(validator.is_valid(body), wanted, [e.message for e in validator.iter_errors(body)][:3])
            unknown = 'ctrd_feature_invalid_total{model="m",version="3",feature="brand",reason="unknown"}'
            before = daemon.metrics()[unknown]
            self.assertEqual(daemon.rank(json.dumps(with_value(["candidates", 0, "features", "brand"], "nobody knows")))[0], 200)
            self.assertEqual(daemon.metrics()[unknown], before + 1)
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.kill()


if __name__ == "__main__":
    pyenv.enter()
    unittest.main()
