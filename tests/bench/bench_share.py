"""What it saves to compute once what candidates share: one user with a history of 50 and 200 candidates, model and data of
bench_joint.py, through bench_share.c.

    BUILD_DIR=build/release /usr/bin/python3 tests/bench/bench_share.py
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import bench_joint  # noqa: E402

CANDIDATES, HISTORY = 200, 50


def make_requests(folder):
    """A line a request: the whole, then its candidates one by one; the user is one of the log, with a full history."""
    records = [json.loads(line) for line in open(folder / "test.jsonl")]
    user = next(r for r in records if len(r["user"]["history"]) >= HISTORY)
    items = {c["features"]["item_id"]: c["features"]["category"] for r in records for c in r["candidates"]}
    shared = {"user": {name: user["user"][name] for name in ("user_id", "segment")}, "context": user["context"]}
    shared["user"]["history"] = user["user"]["history"][-HISTORY:]
    candidates = [{"id": f"a{i}", "features": {"item_id": item, "category": category}}
                  for i, (item, category) in enumerate(list(items.items())[:CANDIDATES])]
    requests = [candidates] + [[candidate] for candidate in candidates]
    (folder / "requests.jsonl").write_text("".join(json.dumps({**shared, "candidates": r}) + "\n" for r in requests))


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ctr = bench_joint.BUILD / "ctr"
        bench_joint.make_data(folder)
        subprocess.run([ctr, "train", folder / "config.yaml", "--out", folder / "run", "--set", "train.epochs=1"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([ctr, "publish", folder / "run" / "student.safetensors", folder / "model"], check=True,
                       stdout=subprocess.DEVNULL)
        make_requests(folder)
        subprocess.run([bench_joint.BUILD / "tests" / "bench_share", folder / "model", folder / "requests.jsonl"], check=True)


if __name__ == "__main__":
    main()
