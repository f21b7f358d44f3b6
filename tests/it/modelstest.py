"""What tests of a daemon's models share: a folder of versions, and daemons that have it."""

import os
import pathlib
import signal
import tempfile
import unittest

import ctrdtest
from ctrdtest import make_model, publish, until

LOADS = 'ctrd_model_load_total{{model="{}",result="{}"}}'


class Models(unittest.TestCase):
    """A folder with the students of seeds 1 and 2 aside, and daemons that end with the test."""

    hidden = "16,8"

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="ctrdtest-")
        self.addCleanup(holder.cleanup)
        self.path = pathlib.Path(holder.name)
        self.folder = self.path / "demo"
        self.students = [make_model(self.path / "aside", seed, seed=seed, hidden=self.hidden) for seed in (1, 2)]
        self.socket = self.path / "admin"

    def put(self, version, seed=1, folder="demo"):
        os.makedirs(self.path / folder, exist_ok=True)
        publish(self.path / folder, version, self.students[seed - 1])

    def start(self, *sets, **more):
        daemon = ctrdtest.Daemon(more.pop("folder", self.folder), f"admin.socket={self.socket}", *sets, **more)
        self.addCleanup(daemon.kill)
        return daemon

    def config(self, text):
        path = self.path / "ctrd.yaml"
        path.write_text(text)
        return {"folder": None, "flags": ("--config", str(path))}

    def hup(self, daemon):
        """Waits until the daemon has dealt with a SIGHUP."""
        said = [daemon.stderr().count(text) for text in ("configuration taken", "configuration refused")]
        daemon.signal(signal.SIGHUP)
        until(lambda: [daemon.stderr().count(text)
                       for text in ("configuration taken", "configuration refused")] != said, "an answer to SIGHUP")
        for _ in range(2):  # commands come after a look; the first may be of the turn before
            daemon.admin("POST", "/v1/models/nobody/load")

    def states(self, daemon, model="demo"):
        """{version: state} as the admin plane tells it, and the labels."""
        status, reply = daemon.admin("GET", "/v1/models")
        self.assertEqual(status, 200)
        found = next(entry for entry in reply["models"] if entry["name"] == model)
        return {int(entry["version"]): entry["state"] for entry in found["versions"]}, found["labels"]
