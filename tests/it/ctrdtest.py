"""Drives the real ctrd: starts it on a free port, talks to it, ends it by its process id.

A daemon that a test leaves behind is killed; a sanitizer report on its stderr fails the test, whatever
the exit code was.
"""

import http.client
import json
import os
import select
import shutil
import signal as signals
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BUILD_DIR = os.environ.get("BUILD_DIR", "build/dev")
CTRD = os.path.join(BUILD_DIR, "ctrd")
# A sanitizer keeps freed memory and makes system calls of its own.
SANITIZED = os.path.basename(os.path.normpath(BUILD_DIR)) in ("asan", "tsan")
MAKE_CHECKPOINT = os.path.join(BUILD_DIR, "tests", "make_checkpoint")
START_SECONDS = 60
REPORTS = ("Sanitizer", "runtime error:", "Assertion", "stack smashing")


def make_model(folder, version=1, features="f:item:4", hidden="16,8", seed=1, role="student"):
    """Writes FOLDER/VERSION/student.safetensors with random weights; returns its path."""
    home = os.path.join(folder, str(version))
    os.makedirs(home, exist_ok=True)
    path = os.path.join(home, "student.safetensors")
    subprocess.run(
        [MAKE_CHECKPOINT, "--role", role, "--features", features, "--hidden", hidden,
         "--seed", str(seed), path], check=True)
    return path


def body_of(count=3, width=4, **more):
    """A valid request; candidate i has features that differ from those of the others."""
    request = {"candidates": [
        {"id": f"a{i}", "bid": 1.0 + i % 7,
         "features": {"f": [round(((i * 31 + k * 17) % 101) / 50.0 - 1.0, 2) for k in range(width)]}}
        for i in range(count)]}
    request.update(more)
    return json.dumps(request).encode()


def sanitizer(more):
    """The environment with a further option for AddressSanitizer; nothing to a build without it."""
    return {"ASAN_OPTIONS": ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), more)))}


def publish(folder, version, source):
    """Copies a student into FOLDER/VERSION in one step, as `ctr publish` does."""
    hidden = os.path.join(folder, f".{version}.new")
    os.makedirs(hidden)
    shutil.copyfile(source, os.path.join(hidden, "student.safetensors"))
    os.rename(hidden, os.path.join(folder, str(version)))


def until(condition, what, seconds=60):
    """Waits until `condition()` is true and returns its value; what it was for, if that takes too long."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{seconds} s without: {what}")
        pause.wait(0.002)
    return value


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the UNIX socket at a path."""

    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One running ctrd. `sets` are --set options; the drain delay is `drain_delay` unless it is among them, the
    configuration's if that is None. `flags` are other arguments, `prefix` is what starts it, `fds` are descriptors
    that it gets. Without a model_folder it is for `flags` to name models."""

    def __init__(self, model_folder, *sets, env=None, flags=(), prefix=(), fds=(), cwd=None, stdout=None,
                 drain_delay=0):
        self.stderr_file = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")
        read_end, write_end = os.pipe()
        command = [*prefix, os.path.abspath(CTRD), "--ready-fd", str(write_end), *flags]
        if model_folder is not None:
            sets = (f"model.folder={model_folder}", *sets)
        if drain_delay is not None:
            sets = (f"drain.delay_ms={drain_delay}", *sets)
        for item in ("http.port=0", *sets):
            command += ["--set", item]
        self.admin_path = next((item.partition("=")[2] for item in sets if item.startswith("admin.socket=")), None)
        env = {**os.environ, **(env or {})}
        if "security.sandbox=enforce" in sets:  # the search for leaks would look into the process from outside
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        self.process = subprocess.Popen(
            command, pass_fds=[write_end, *fds], stdin=subprocess.DEVNULL, stdout=stdout, stderr=self.stderr_file,
            env={**os.environ, **(env or {})}, cwd=cwd)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            arrived = select.select([ready], [], [], START_SECONDS)[0]
            line = ready.readline() if arrived else ""
        if not line:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("ctrd did not get ready:\n" + self.stderr())
        self.port, self.admin_port = map(int, (line.split() + ["0"])[:2])

    def stderr(self):
        self.stderr_file.seek(0)
        return self.stderr_file.read()

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def raw(self, timeout=30):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, body bytes) of one request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def admin(self, method, path, body=None, headers=None):
        """(status, JSON) of one request over the UNIX socket; `body` is a dictionary."""
        connection = UnixConnection(self.admin_path)
        try:
            headers = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            connection.close()

    def rank(self, body, headers=None):
        status, _, reply = self.request("POST", "/v1/rank", body, headers)
        return status, json.loads(reply)

    def metrics(self):
        """{'name{labels}': value} of a scrape."""
        text = self.request("GET", "/metrics")[2].decode()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def version_of(self, **more):
        """Which version ranks a request with these members."""
        status, reply = self.rank(body_of(**more))
        return int(reply["version"]) if status == 200 else status

    def wait_for_log(self, text, times=1):
        until(lambda: self.stderr().count(text) >= times, f"{times} of {text!r} in the log:\n{self.stderr()}")

    def proc(self, name):
        with open(f"/proc/{self.process.pid}/{name}", encoding="utf-8") as file:
            return file.read()

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def signal(self, number):
        self.process.send_signal(number)

    def check_reports(self):
        text = self.stderr()
        if any(report in text for report in REPORTS):
            raise AssertionError("ctrd reported:\n" + text)

    def wait(self, seconds=60):
        """The exit code; fails on a sanitizer report."""
        code = self.process.wait(seconds)
        self.check_reports()
        return code

    def stop(self, number=signals.SIGTERM):
        self.signal(number)
        return self.wait()

    def kill(self):
        """Ends it if nobody has; fails on a sanitizer report."""
        if self.stderr_file.closed:
            return
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with self.stderr_file:
            self.check_reports()


def run_to_end(model_folder, *sets):
    """Runs ctrd where it is expected not to start; (exit code, stderr)."""
    command = [CTRD, "--set", f"model.folder={model_folder}", "--set", "http.port=0"]
    for item in sets:
        command += ["--set", item]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=START_SECONDS)
    return done.returncode, done.stderr


def read_reply(stream):
    """One HTTP reply from a socket's file: (status, {header: value}, body); None at the end."""
    line = stream.readline()
    if not line:
        return None
    status = int(line.split()[1])
    headers = {}
    while (line := stream.readline().strip()):
        name, value = line.split(b":", 1)
        headers[name.decode().lower()] = value.strip().decode()
    return status, headers, stream.read(int(headers.get("content-length", "0")))


class DaemonTest(unittest.TestCase):
    """A model in a folder of the class, a daemon for all its tests, ended and checked at the end."""

    sets = ()
    name = "demo"
    features = "f:item:4"
    hidden = "16,8"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.models = os.path.join(cls.folder.name, cls.name)
        make_model(cls.models, features=cls.features, hidden=cls.hidden)
        cls.daemon = Daemon(cls.models, *cls.sets)
        cls.addClassCleanup(cls.daemon.kill)

    @classmethod
    def tearDownClass(cls):
        code = cls.daemon.stop()
        if code != 0:
            raise AssertionError(f"ctrd ended with {code}:\n{cls.daemon.stderr()}")
