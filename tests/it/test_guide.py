"""The examples of docs/models.md and docs/operations.md, run as they stand.

A block ```sh is run by bash; ```sh background is a daemon that runs from then on; a block ```text behind a block
is its output, where … stands for anything. Port 8080 is replaced by the one that the daemon got.
"""

import fnmatch
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import ctrdtest

SOURCE = pathlib.Path(os.environ["SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["BUILD_DIR"]).absolute()
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)


class Guide(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrdtest-")
        self.addCleanup(holder.cleanup)
        self.path = pathlib.Path(holder.name)
        self.daemon = None
        made = ctrdtest.make_model(self.path, "made", features="hour:context:1,f:item:2")
        os.mkdir(self.path / "run")
        os.rename(made, self.path / "run/student.safetensors")
        (self.path / "request.json").write_text(re.search(r"```json\n(.*?)```", (SOURCE / "docs/rank.md").read_text(), re.S)[1]
                                                .replace('"timeout_us": 50000', '"timeout_us": 0'))  # a busy machine takes its time

    def shell(self, text):
        env = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}"}
        if self.daemon is not None:
            text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.daemon.port}")
            env["PID"] = str(self.daemon.process.pid)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.path, env=env, timeout=120,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, text + done.stdout + done.stderr)
        return done.stdout.splitlines()

    def background(self, text):
        program, *flags = text.split()
        self.assertEqual(program, "ctrd")
        self.daemon = ctrdtest.Daemon(None, flags=flags, cwd=self.path)
        self.addCleanup(self.daemon.kill)

    def run_page(self, name):
        blocks = BLOCK.findall((SOURCE / "docs" / name).read_text())
        count = 0
        for number, (kind, text) in enumerate(blocks):
            if kind == "sh background":
                self.background(text)
            elif kind == "sh":
                count += 1
                got = self.shell(text)
                following = blocks[number + 1] if number + 1 < len(blocks) else ("", "")
                wanted = following[1].splitlines() if following[0] == "text" else []
                self.assertEqual(len(got), len(wanted), (text, got))
                for line, pattern in zip(got, wanted):
                    pattern = "".join(f"[{c}]" if c in "[?*" else c for c in pattern).replace("…", "*")
                    self.assertTrue(fnmatch.fnmatchcase(line, pattern), (line, pattern))
        return count

    def test_models(self):
        self.assertEqual(self.run_page("models.md"), 4)
        self.assertEqual(self.daemon.stop(), 0)
        page = (SOURCE / "docs/models.md").read_text()
        for event in ("model loaded", "model rolled back", "model labelled"):
            self.assertIn(event, self.daemon.stderr())
            self.assertIn(f"`{event}`", page)

    def test_operations(self):
        self.shell("ctr publish run/student.safetensors models/ctr")
        self.assertEqual(self.run_page("operations.md"), 5)
        request = json.loads((self.path / "request.json").read_text())
        request["model"] = "ctr"
        self.assertEqual(self.daemon.rank(json.dumps(request))[0], 200)
        self.assertEqual(self.daemon.stop(), 0)
        fields = set()
        for name in ("access.log", "access.log.1"):
            for line in (self.path / name).read_text().splitlines():
                fields |= set(json.loads(line))
        page = (SOURCE / "docs/operations.md").read_text().partition("## The access log")[2]
        documented = set(re.findall(r"`([\w.]+)`", " ".join(re.findall(r"^\| (`.*?) \|", page, re.M))))
        self.assertEqual(fields - documented, set())
        self.assertEqual(documented - fields, {"error.type", "ctr.degraded", "sent", "tracestate"})  # nothing went wrong

    def test_units(self):
        """The options and signals of the units are those of the daemon."""
        service = (SOURCE / "deploy/systemd/ctrd.service").read_text()
        ctrdtest.make_model(self.path / "ctr")
        for line in re.findall(r"^Exec\w+=/usr/bin/(ctrd.*)$", service, re.M):
            self.shell(f"mkdir -p etc; echo 'model: {{folder: ctr}}' > etc/ctrd.yaml; {line.split(' --config')[0]} "
                       "--config etc/ctrd.yaml --check-config > /dev/null")
        self.assertIn("\nSystemCallFilter=@system-service seccomp\n", service)  # security.sandbox: seccomp(2) is not of that set
        self.assertIn("FileDescriptorName=http\n", (SOURCE / "deploy/systemd/ctrd.socket").read_text())


if __name__ == "__main__":
    unittest.main()
