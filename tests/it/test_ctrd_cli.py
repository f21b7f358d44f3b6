"""The command line of `ctrd`: flags, environment and file, what it prints, exit codes, messages that name the place."""

import os
import subprocess
import tempfile
import unittest

import ctrdtest
from ctrdtest import CTRD, make_model


class Cli(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrtest-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name
        self.model = make_model(os.path.join(self.folder, "demo"), 3)

    def run_it(self, *arguments, code=0, env=None):
        done = subprocess.run([CTRD, *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                              env={**os.environ, **(env or {})})
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout, done.stderr

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_help_has_examples_and_every_option(self):
        out, err = self.run_it("--help")
        for words in ("Examples:", "--check-model", "--listen", "--admin-socket", "http.max_held_bytes", "CTRD_RANK_TIMEOUT_MS", "SIGHUP)"):
            self.assertIn(words, out)
        self.assertEqual(err, "")
        self.assertRegex(self.run_it("--version")[0], r"^ctrd \d+\.\d+\.\d+ \(\w+\)\n$")

    def test_the_stronger_source_wins(self):
        file = self.write("ctrd.yaml", "model: {folder: a}\nhttp: {port: 1}\nserve: {queue: 7}\nlog: {level: warn}\n")
        out, _ = self.run_it("--dump-config", "--config", file, "--http.port=3", "--set", "rank.timeout_ms=9", "--listen", "0.0.0.0",
                             "--admin-socket=/run/x.sock", "--model.name", "ctr",
                             env={"CTRD_HTTP_PORT": "2", "CTRD_SERVE_QUEUE": "8"})
        for line in ("  port: 3\n", "  queue: 8\n", "  level: warn\n", "  timeout_ms: 9\n", '  listen: "0.0.0.0"\n',
                     '  socket: "/run/x.sock"\n', '  name: "ctr"\n'):
            self.assertIn(line, out)
        for flags, port in ((("--set", "http.port=1", "--http.port=2"), 2), (("--http.port=2", "--set=http.port=1"), 1)):
            self.assertIn(f"  port: {port}\n", self.run_it("--dump-config", "--model.folder=a", *flags)[0])

    def test_a_dump_is_a_configuration(self):
        folder = os.path.join(self.folder, "demo")
        first, _ = self.run_it("--dump-config", f"--models=[{{folder: {folder}, keep: 2, labels: {{canary: latest}}}}]", "--log.format=json")
        again, _ = self.run_it("--dump-config", "--config", self.write("dump.yaml", first))
        self.assertEqual(again, first)
        self.assertIn(f"models: [{{folder: {folder}, keep: 2, labels: {{canary: latest}}}}]\n", first)
        self.assertEqual(self.run_it("--check-config", "--config", self.write("dump.yaml", first))[0], "the configuration is valid\n")

    def test_faults_name_the_place(self):
        wrong = self.write("wrong.yaml", "model:\n  folder: a\nhttp:\n  prot: 1\n")
        spaced, huge = self.write("spaced", "0123456789abcdef \n"), self.write("huge", "x" * 5000)
        for token in (spaced, huge):
            os.chmod(token, 0o600)
        plan = self.write("plan.yaml", "models:\n  - {folder: a, keep: 99}\n")
        late = self.write("late.yaml", "model: {folder: a}\nhttp:\n  max_held_bytes: 1k\nadmin:\n  socket: " + "s" * 120 + "\n")
        for arguments, code, words in (
                (["--check-config", "--config", wrong], 78, "wrong.yaml:4:3: unknown key 'http.prot', did you mean 'http.port'?"),
                (["--check-config", "--config", plan], 78, "plan.yaml:2:23: models: keep: expected 1 to 4 versions"),
                (["--check-config", "--config", late], 78, "late.yaml:3:19: http.max_held_bytes: is less"),
                (["--check-config", "--config", late, "--http.max_held_bytes=1g"], 78, "late.yaml:5:11: admin.socket: the path is longer"),
                (["--check-config", "--config", late, "--http.max_held_bytes=2k"], 78, "--set http.max_held_bytes: http.max_held_bytes: is less"),
                (["--check-config", "--models=[{folder: a, keep: 99}]"], 78, "--set models:1:20: models: keep: expected 1 to 4"),
                (["--check-config", "--model.folder=a", "--http.port=70000"], 78, "http.port"),
                (["--check-config"], 78, "no model is given"),
                (["--check-config", "--model.folder=a", "--http.listen=localhost"], 78, "http.listen: 'localhost' is not a numeric address"),
                (["--check-config", "--model.folder=a", "--http.listen=0"], 78, "http.listen: '0' is not a numeric address"),
                (["--check-config", "--model.folder=a", "--http.listen=127.1"], 78, "http.listen: '127.1' is not"),
                (["--check-config", "--model.folder=a", "--http.max_held_bytes=1k"], 78, "http.max_held_bytes: is less"),
                (["--check-config", "--model.folder=a", "--security.user=nosuch"], 78, "security.user: there is no user 'nosuch'"),
                (["--check-config", "--model.folder=a", "--admin.socket=" + "s" * 100], 78, "admin.socket: the path is longer than"),
                (["--check-config", "--model.folder=a", "--admin.port=0", "--admin.token_file=/nonexistent/t"], 78,
                 "admin.token_file: /nonexistent/t: No such file"),
                (["--check-config", "--model.folder=a", "--admin.port=0", f"--admin.token_file={spaced}"], 78,
                 f"admin.token_file: byte 17 of {spaced}"),
                (["--check-config", "--model.folder=a", "--admin.port=0", f"--admin.token_file={huge}"], 78,
                 f"admin.token_file: {huge} has"),
                (["--check-config", "--config", "/nonexistent"], 78, "/nonexistent"),
                (["--check-config", f"--model.folder={self.folder}/nosuch"], 78, "nosuch: cannot open the model folder"),
                (["--check-config", f"--model.folder={self.folder}"], 78, "has no version N/student.safetensors"),
                (["--check-config", f"--models=[{{folder: {self.folder}/demo, versions: [1, 2]}}]"], 78,
                 "model 'demo' has no version of those that are listed"),
                (["--http.port"], 2, "a value is missing"),
                (["--ready-fd", "99"], 2, "--ready-fd: descriptor 99 is not open"),
                (["--http.prot=1"], 2, "ctrd --help"),
                (["--set", "http.port"], 78, "expected key=value"),
                (["extra"], 2, "'extra' is not expected"),
                (["--model.folder=a", "--admin.port=0"], 78, "admin.token_file"),
                (["--model.folder=/nonexistent/demo", "--http.port=0"], 78, "/nonexistent/demo")):
            with self.subTest(arguments=arguments):
                self.assertIn(words, self.run_it(*arguments, code=code)[1])
        for name, value, words in (("CTRD_HTTP_MAX_HELD_BYTES", "1k", ": http.max_held_bytes: is less"),
                                   ("CTRD_MODELS", "[{folder: a, keep: 99}]", ":1:20: models: keep: expected 1 to 4")):
            models = [] if name == "CTRD_MODELS" else ["--model.folder=a"]
            self.assertIn("environment " + name + words, self.run_it("--check-config", *models, code=78, env={name: value})[1])
        self.assertIn("CTRD_HTTP_PROT", self.run_it("--check-config", "--model.folder=a", code=78, env={"CTRD_HTTP_PROT": "1"})[1])

    def test_check_model(self):
        out, _ = self.run_it("--check-model", self.model)
        self.assertIn("student", out)
        with open(self.model, "r+b") as file:
            file.seek(os.path.getsize(self.model) - 5)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        out, err = self.run_it("--check-model", self.model, code=78)
        self.assertEqual(out, "")
        self.assertIn(self.model, err)
        teacher = make_model(os.path.join(self.folder, "teacher"), role="teacher")
        self.assertIn("teacher", self.run_it("--check-model", teacher, code=78)[1])

    def test_environment_alone_starts_it(self):
        daemon = ctrdtest.Daemon(None, env={"CTRD_MODELS": f"[{{folder: {os.path.join(self.folder, 'demo')}}}]"})
        self.addCleanup(daemon.kill)
        self.assertEqual(daemon.rank(ctrdtest.body_of(3))[0], 200)
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
