"""The packages of the package index that tests need, pinned, in one virtual environment in the build folder.

A test calls `pyenv.enter()` before it imports one of them: it goes on in the environment's interpreter. Where they
cannot be had the test is skipped with code 77 and says so; where CI is set it fails.
"""

import fcntl
import os
import subprocess
import sys

VENV = os.path.join(os.environ.get("BUILD_DIR", "build/dev"), "python-tests")
PACKAGES = ["numpy==2.2.6", "safetensors==0.6.2", "jsonschema==4.26.0", "openapi-spec-validator==0.9.0",
            "schemathesis==4.32.5", "prometheus-client==0.26.0"]
PYTHON = os.path.join(VENV, "bin", "python")
DONE = os.path.join(VENV, "packages.txt")


def is_made():
    try:
        with open(DONE, encoding="utf-8") as file:
            return file.read().split() == PACKAGES
    except OSError:
        return False


def make():
    """Why it could not be made; None if it is there. Tests that run at once wait for each other."""
    with open(VENV + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_made():
            return None
        steps = [[sys.executable, "-m", "venv", "--clear", VENV],
                 [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]]
        for step in steps:
            try:
                done = subprocess.run(step, capture_output=True, text=True, timeout=600)
            except (OSError, subprocess.TimeoutExpired) as error:
                return f"{' '.join(step)}: {error}"
            if done.returncode != 0:
                return f"{' '.join(step)}: {(done.stderr or done.stdout).strip()[-400:]}"
        with open(DONE, "w", encoding="utf-8") as file:
            file.write("\n".join(PACKAGES))
        return None


def enter():
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
        return
    why = None if is_made() else make()
    if why is not None:
        print("packages of the tests cannot be had:", why)
        sys.exit(1 if os.environ.get("CI") else 77)
    os.execv(PYTHON, [PYTHON, "-B", *sys.argv])
