"""A model file through the eyes of others: Python's safetensors package opens it, and a forward pass in
numpy over the exported tensors, written from the manifest, gives the golden logits to 1e-5.

Needs safetensors and numpy (pyenv.py).
"""

import hashlib
import json
import os
import struct
import subprocess
import tempfile
import unittest

import pyenv

BUILD_DIR = os.environ.get("BUILD_DIR", "build/dev")
MAKE_CHECKPOINT = os.path.join(BUILD_DIR, "tests", "make_checkpoint")


class SafetensorsTest(unittest.TestCase):
    def make(self, *arguments):
        path = os.path.join(self.folder, "model.safetensors")
        subprocess.run([MAKE_CHECKPOINT, *arguments, path], check=True)
        return path

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def forward(self, path):
        """Largest |numpy's logit - golden logit| / max(1, |golden logit|)."""
        import numpy
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        manifest = json.loads(metadata["manifest"])
        blocks = []
        for feature in manifest["features"]:
            raw = tensors.pop("golden.input." + feature["name"]).astype(numpy.float64)
            self.assertEqual(raw.shape[1], feature["size"])
            if feature["transform"] == "log1p":
                raw = numpy.sign(raw) * numpy.log1p(numpy.abs(raw))
            blocks.append(raw)
        x = numpy.concatenate(blocks, axis=1)
        widths = manifest["network"]["widths"]
        self.assertEqual(x.shape[1], widths[0])
        layers = len(widths) - 1
        for k in range(layers):
            weight = tensors.pop(f"mlp.{k}.weight").astype(numpy.float64)
            bias = tensors.pop(f"mlp.{k}.bias").astype(numpy.float64)
            self.assertEqual(weight.shape, (widths[k + 1], widths[k]))
            x = x @ weight.T + bias
            if k + 1 < layers:
                x = numpy.maximum(x, 0)
        golden = tensors.pop("golden.logit").astype(numpy.float64)
        for name, pad in tensors.items():
            self.assertTrue(name.startswith("pad."), name)
            self.assertFalse(pad.any(), name)
        self.assertGreater(numpy.abs(golden).max(), 0.01)
        return float(numpy.max(numpy.abs(x[:, 0] - golden) / numpy.maximum(1, numpy.abs(golden))))

    def test_numpy_gives_the_golden_logits(self):
        cases = [
            ["--features", "f:item:136:log1p", "--hidden", "64,32", "--seed", "1"],
            ["--features", "f:item:5:log1p,h:context:3,u:user:2:log1p,g:item:4", "--hidden", "40"],
            ["--features", "f:item:9", "--seed", "5"],
            ["--role", "teacher", "--features", "f:item:20:log1p,p:item:3:privileged", "--hidden", "33,7"],
        ]
        for arguments in cases:
            with self.subTest(arguments=arguments):
                self.assertLessEqual(self.forward(self.make(*arguments)), 1e-5)

    def test_digest_and_alignment_by_definition(self):
        path = self.make("--features", "f:item:5:log1p", "--hidden", "7")
        with open(path, "rb") as file:
            data = file.read()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        self.assertEqual((8 + length) % 64, 0)
        self.assertEqual(data[8:9], b"{")
        self.assertEqual(header["__metadata__"]["format"], "ctr-student-1")
        digest = header["__metadata__"]["sha256"]
        self.assertEqual(data.count(digest.encode()), 1)
        blank = data.replace(digest.encode(), b"0" * 64)
        self.assertEqual(hashlib.sha256(blank).hexdigest(), digest)
        manifest = header["__metadata__"]["manifest"]
        sorted_text = json.dumps(json.loads(manifest), sort_keys=True, separators=(",", ":"))
        self.assertEqual(manifest, sorted_text)
        for name, entry in header.items():
            if name != "__metadata__" and not name.startswith("pad."):
                self.assertEqual(entry["data_offsets"][0] % 64, 0, name)

    def test_equal_arguments_give_equal_bytes(self):
        arguments = ["--features", "f:item:5", "--hidden", "7", "--seed", "9"]
        with open(self.make(*arguments), "rb") as file:
            first = file.read()
        with open(self.make(*arguments), "rb") as file:
            self.assertEqual(first, file.read())


if __name__ == "__main__":
    pyenv.enter()
    unittest.main()
