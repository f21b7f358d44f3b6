"""ctrd does not start on a model that is not wholly right: exit code 78, file and reason on stderr."""

import os
import tempfile
import unittest

import ctrdtest
from ctrdtest import make_model, run_to_end


class Refuse(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.models = os.path.join(folder.name, "demo")

    def refused(self, path, *words):
        code, stderr = run_to_end(self.models)
        self.assertEqual(code, 78, stderr)
        self.assertIn(os.path.join(*path.split(os.sep)[-2:]), stderr)
        for word in words:
            self.assertIn(word, stderr)

    def damage(self, change):
        path = make_model(self.models)
        with open(path, "rb") as file:
            data = bytearray(file.read())
        with open(path, "wb") as file:
            file.write(change(data))
        return path

    def test_teacher(self):
        path = make_model(self.models, features="f:item:4,p:item:2:privileged", role="teacher")
        self.refused(path, "teacher")

    def test_student_widened_by_one_column(self):
        path = make_model(self.models, role="widened")
        self.refused(path, "5")

    def test_teacher_that_says_it_is_a_student(self):
        path = make_model(self.models, features="f:item:4", role="disguised")
        self.refused(path, "privileged")

    def test_flipped_byte_anywhere(self):
        size = os.path.getsize(make_model(self.models))
        for at in sorted({0, 7, 8, 9, size // 3, size // 2, size - 1} | set(range(40, size, size // 12))):
            def flip(data, at=at):
                data[at] ^= 0x10
                return data
            with self.subTest(at=at):
                self.refused(self.damage(flip))

    def test_truncated(self):
        for keep in (0, 4, 8, 100):
            with self.subTest(keep=keep):
                self.refused(self.damage(lambda data, keep=keep: data[:keep]))
        self.refused(self.damage(lambda data: data[:-1]))

    def test_trailing_bytes(self):
        self.refused(self.damage(lambda data: data + b"\0"))

    def test_no_version(self):
        os.makedirs(self.models)
        code, stderr = run_to_end(self.models)
        self.assertEqual(code, 78, stderr)
        self.assertIn("demo", stderr)

    def test_no_folder(self):
        code, stderr = run_to_end(self.models)
        self.assertEqual(code, 78, stderr)
        self.assertIn("demo", stderr)

    def test_every_refused_version_is_named(self):
        # More than a second lets equal log lines pass.
        versions = range(1, 16)
        for version in versions:
            os.makedirs(os.path.join(self.models, str(version)))
            with open(os.path.join(self.models, str(version), "student.safetensors"), "wb") as file:
                file.write(b"nothing")
        code, stderr = run_to_end(self.models)
        self.assertEqual(code, 78, stderr)
        for version in versions:
            self.assertIn(os.path.join("demo", str(version), "student.safetensors"), stderr)

    def test_the_newest_valid_version_serves(self):
        make_model(self.models, version=2, seed=2)
        make_model(self.models, version=9, seed=9)
        broken = make_model(self.models, version=10)
        with open(broken, "ab") as file:
            file.write(b"more")
        os.makedirs(os.path.join(self.models, "11"))  # no file in it: ignored
        daemon = ctrdtest.Daemon(self.models)
        self.addCleanup(daemon.kill)
        self.assertEqual(daemon.rank(ctrdtest.body_of())[1]["version"], "9")
        self.assertIn(os.path.join("10", "student.safetensors"), daemon.stderr())
        self.assertEqual(daemon.stop(), 0)


class Options(unittest.TestCase):
    def test_unknown_option_names_the_nearest(self):
        code, stderr = run_to_end("/nonexistent", "http.prot=1")
        self.assertEqual(code, 78)
        self.assertIn("http.port", stderr)

    def test_missing_folder_option(self):
        code, stderr = run_to_end("")
        self.assertEqual(code, 78)
        self.assertIn("model.folder", stderr)

    def test_address_that_is_none(self):
        code, stderr = run_to_end("/nonexistent", "http.listen=localhost")
        self.assertEqual(code, 78)
        self.assertIn("http.listen", stderr)

    def run_ctrd(self, *words, **more):
        import subprocess
        return subprocess.run([ctrdtest.CTRD, *words], capture_output=True, text=True, timeout=30, **more)

    def test_command_line(self):
        self.assertEqual(self.run_ctrd("--nonsense").returncode, 2)
        self.assertEqual(self.run_ctrd("word").returncode, 2)
        self.assertEqual(self.run_ctrd("--ready-fd", "x").returncode, 2)
        shown = self.run_ctrd("--help")
        self.assertEqual(shown.returncode, 0)
        for word in ("http.port", "Examples", "--ready-fd", "78"):
            self.assertIn(word, shown.stdout)
        self.assertRegex(self.run_ctrd("--version").stdout, r"^ctrd \d+\.\d+\.\d+ \(.+\)\n$")
        self.assertIn("| `ctrd_http_requests_total` | counter |", self.run_ctrd("--metrics-markdown").stdout)
        self.assertIn("http.max_body_bytes", self.run_ctrd("--help-markdown").stdout)

    def test_dumped_configuration_loads_to_itself(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        make_model(folder.name)
        words = ("--set", f"model.folder={folder.name}", "--set", "http.port=1234", "--set", "log.format=json")
        first = self.run_ctrd("--dump-config", *words)
        self.assertEqual(first.returncode, 0, first.stderr)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(first.stdout)
            file.flush()
            second = self.run_ctrd("--dump-config", "--config", file.name)
            self.assertEqual(second.stdout, first.stdout)
            self.assertEqual(self.run_ctrd("--check-config", "--config", file.name).returncode, 0)

    def test_precedence(self):
        env = {**os.environ, "CTRD_HTTP_PORT": "7", "CTRD_SERVE_QUEUE": "9", "CTRD_MODEL_FOLDER": "m"}
        shown = self.run_ctrd("--dump-config", "--set", "http.port=8", env=env).stdout
        self.assertRegex(shown, r"port: \"?8\"?\n")
        self.assertRegex(shown, r"queue: \"?9\"?\n")


if __name__ == "__main__":
    unittest.main()
