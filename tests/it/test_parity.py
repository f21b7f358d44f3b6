"""What is trained is what is served: every test document of the real data, posted through /v1/rank, has the
bits of `ctr score`; whatever the kernels, and whatever stands beside it."""
import json
import random
import unittest

import ctrdtest
import ctrtest
from ctrtest import LGB, bits, run, scores

CONFIG = f"""
data: {{train: {LGB}/train.letor.txt, page_context: loo_mean_std}}
network: {{hidden: [64, 32]}}
train: {{epochs: 2, batch: 256}}
"""
COLUMNS = 300


def lists(path):
    """[(qid, [values of a document])], with every column."""
    found = []
    for line in path.read_text().splitlines():
        _, qid, *pairs = line.split("#")[0].split()
        values = [0.0] * COLUMNS
        for pair in pairs:
            number, value = pair.split(":")
            values[int(number) - 1] = float(value)
        if not found or found[-1][0] != qid[4:]:
            found.append((qid[4:], []))
        found[-1][1].append(values)
    return found


class Parity(ctrtest.Folder):
    @classmethod
    def setUpClass(cls):
        cls.holder = ctrtest.tempfile.TemporaryDirectory(prefix="ctrtest-")
        cls.addClassCleanup(cls.holder.cleanup)
        cls.home = ctrtest.pathlib.Path(cls.holder.name)
        (cls.home / "config.yaml").write_text(CONFIG)
        run("train", cls.home / "config.yaml", "--out", cls.home / "run")
        out, _ = run("publish", cls.home / "run/student.safetensors", cls.home / "models/lgb")
        assert out.strip().endswith("lgb/1/student.safetensors"), out
        run("score", cls.home / "run/student.safetensors", "--data", LGB / "test.letor.txt",
            "--out", cls.home / "scores.tsv")
        cls.pctr = {(qid, int(doc)): bits(pctr) for qid, doc, _, pctr in scores(cls.home / "scores.tsv")}
        cls.lists = lists(LGB / "test.letor.txt")

    def rank(self, daemon, qid, documents):
        """{document: pctr bits} of documents [(number, values)] of a list."""
        body = {"candidates": [{"id": str(number), "bid": 1 + number % 5, "features": {"f": values}}
                               for number, values in documents]}
        status, reply = daemon.rank(json.dumps(body))
        self.assertEqual(status, 200, reply)
        self.assertEqual(len(reply["ranked"]), len(documents))
        return {int(place["id"]): bits(place["pctr"]) for place in reply["ranked"]}

    def check(self, kernels):
        daemon = ctrdtest.Daemon(self.home / "models/lgb", f"serve.kernels={kernels}")
        try:
            seen = 0
            for qid, documents in self.lists:
                for number, got in self.rank(daemon, qid, list(enumerate(documents))).items():
                    self.assertEqual(got, self.pctr[(qid, number)], f"qid {qid}, document {number}")
                    seen += 1
            self.assertEqual(seen, len(self.pctr))
            self.assertEqual(seen, 768)  # the data's README counts them
            # The rest of the list, and the order, are nothing to a document.
            chance = random.Random(1)
            for qid, documents in self.lists:
                some = chance.sample(list(enumerate(documents)), k=max(1, len(documents) // 2))
                for number, got in self.rank(daemon, qid, some).items():
                    self.assertEqual(got, self.pctr[(qid, number)], f"qid {qid}, document {number}, in part")
            self.assertEqual(daemon.stop(), 0)
        finally:
            daemon.kill()

    def test_scalar(self):
        self.check("scalar")

    def test_avx2(self):
        self.need("avx2")
        self.check("avx2")

    def test_avx512(self):
        self.need("avx512bw")
        self.check("avx512")

    def need(self, flag):
        if f" {flag} " not in ctrtest.pathlib.Path("/proc/cpuinfo").read_text():
            self.skipTest(f"this CPU has no {flag}")


if __name__ == "__main__":
    ctrtest.main(needs_shared=True)
