"""What the tests of the real programs share: where things are, running `ctr`, reading its files."""
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["BUILD_DIR"])
SOURCE = pathlib.Path(os.environ["SOURCE_DIR"])
LGB = pathlib.Path(os.environ["SHARED_DATA_DIR"]) / "lightgbm_lambdarank"
CTR = BUILD / "ctr"
# Sanitizers make everything slower; nothing is measured here, only bounded.
TIMEOUT = 600


def run(*arguments, code=0, env=None):
    """Runs `ctr` and returns (stdout, stderr); any other exit status than `code` fails the test."""
    done = subprocess.run([CTR, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT,
                          env={**os.environ, **(env or {})})
    if done.returncode != code:
        raise AssertionError(f"ctr {' '.join(map(str, arguments))}: exit {done.returncode}, expected {code}\n"
                             f"{done.stdout}\n{done.stderr}")
    return done.stdout, done.stderr


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def epochs(folder):
    """The lines of history.jsonl that are epochs: the first line tells of the machine."""
    return [line for line in history(folder) if "epoch" in line]


def scores(path):
    """The table of `ctr score`: [(qid, document, logit text, pctr text)]."""
    lines = pathlib.Path(path).read_text().splitlines()
    assert lines[0] == "qid\tdocument\tlogit\tpctr", lines[0]
    return [tuple(line.split("\t")) for line in lines[1:]]


def bits(text):
    """The float32 that a decimal stands for, as its bits: 0.0 and -0.0 differ."""
    return struct.pack("<f", float(text))


def header(path):
    """The JSON header of a safetensors file."""
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + size])


def tensor(path, name):
    """The numbers of a tensor, row after row."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    entry = header(path)[name]
    begin, end = entry["data_offsets"]
    letter = {"F32": "f", "F64": "d", "U32": "I", "U64": "Q"}[entry["dtype"]]
    return list(struct.unpack(f"<{(end - begin) // struct.calcsize(letter)}{letter}", data[start + begin:start + end]))


def histogram(pctr, bins=20):
    """(edges, counts) of model/train/fit_drift.h, of probabilities as `ctr score` writes them."""
    values = sorted(float(text) for text in pctr)
    quantiles = (values[k * len(values) // bins] for k in range(1, bins))
    edges = sorted({edge for edge in quantiles if edge > values[0]})
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[sum(edge <= value for edge in edges)] += 1
    return [bits(edge) for edge in edges], counts


class Folder(unittest.TestCase):
    """A test case with a temporary folder `self.path`, gone afterwards."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrtest-")
        self.addCleanup(holder.cleanup)
        self.path = pathlib.Path(holder.name)

    def config(self, text, name="config.yaml"):
        path = self.path / name
        path.write_text(text)
        return path


def synth(folder, *options):
    """Small made data in `folder`: train.txt, valid.txt, test.txt."""
    run("synth", "letor", "--out", folder, "--lists", 60, "--valid-lists", 30, "--test-lists", 30,
        "--features", 8, "--min-docs", 3, "--max-docs", 20, *options)
    return folder


def main(needs_shared=False):
    """Exit status 77, with the reason as the last line, tells CTest that the test was skipped."""
    if needs_shared and not LGB.is_dir():
        print(f"skipped: {LGB} is not there")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    unittest.main(verbosity=1)
