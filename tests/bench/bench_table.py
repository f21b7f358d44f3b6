"""A table of 10 million rows of 16 from end to end: memory at most (VmHWM) of a run, of a run that goes on from its saved state,
and what the files take. Data and model of bench_joint.py, its users hashed into 10 million rows.

    BUILD_DIR=build/release /usr/bin/python3 tests/bench/bench_table.py

Values and Adam's moments are 1.92 GB, and all of them are in memory only once every row was touched: a run that goes on has
read them all. Needs 6 GB of disk under TMPDIR.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import bench_joint  # noqa: E402

ROWS, LIMIT_GB = 10_000_000, 3


def run(*command):
    """Seconds, and GB at most."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} failed")
    return time.perf_counter() - begin, usage.ru_maxrss * 1024 / 1e9


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        ctr, out, config = bench_joint.BUILD / "ctr", folder / "run", folder / "config.yaml"
        bench_joint.make_data(folder)
        config.write_text(config.read_text().replace("buckets: 20000,", f"buckets: {ROWS},"))
        rows = [("one epoch of 200,000 impressions and its report",
                 *run(ctr, "train", config, "--out", out, "--set", "train.epochs=1"))]
        rows.append(("the same run resumed at its end", *run(ctr, "train", "--resume", "--out", out)))
        print(f"| run, a table of {ROWS:,} x 16 | seconds | GB at most |\n| --- | --: | --: |")
        for what, seconds, size in rows:
            print(f"| {what} | {seconds:.1f} | {size:.2f} |")
        sizes = ", ".join(f"{file.name} {file.stat().st_size / 1e9:.2f} GB" for file in sorted(out.glob("*.safetensors")))
        print(f"\nThe limit is {LIMIT_GB} GB. Files: {sizes}.\n", flush=True)
        subprocess.run([bench_joint.BUILD / "tests/bench_table", out / "student.safetensors", folder / "copy.safetensors"],
                       check=True)
        if max(size for _, _, size in rows) > LIMIT_GB:
            sys.exit("over the limit")


if __name__ == "__main__":
    main()
