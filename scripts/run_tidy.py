"""clang-tidy over the compile database, two files at a time or as many as there are cores.

    python3 scripts/run_tidy.py BUILD [FILE...]

Without FILEs: every source of the tree, tests too. Prints what clang-tidy says; exits 1 if anything.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys


def tidy(build, path):
    command = ["clang-tidy", "--quiet", "-p", build]
    if path.endswith(".c") and path not in ("base/status.c", "model/schema_rules.c"):  # which defines what the facts rename
        command += [f"--extra-arg=-include{pathlib.Path('scripts/tidy_facts.h').resolve()}"]
    done = subprocess.run(command + [path], capture_output=True, text=True)
    # stderr counts what was suppressed; it matters only when clang-tidy could not run.
    return done.stdout.strip() or (done.stderr.strip() if done.returncode else "")


def main():
    build, wanted = sys.argv[1], sys.argv[2:]
    root = pathlib.Path.cwd()
    database = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    paths = {pathlib.Path(entry["file"]) for entry in database}
    paths = [p for p in paths if p.is_relative_to(root) and "build" not in p.relative_to(root).parts]
    names = [str(p.relative_to(root)) for p in paths]
    # The largest first, so that no long one is left for the end.
    names.sort(key=os.path.getsize, reverse=True)
    if wanted:
        names = [n for n in names if n in wanted]
    faults = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(lambda name: tidy(build, name), names):
            if text:
                print(text.replace(f"{root}/", ""))
                faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
