"""The rules of the source text that need no compiler. Prints "file:line: what"; exits 1 if anything.

Each rule is a function of a file's path and its lines that yields (line number, what).
"""
import ast
import pathlib
import re
import subprocess
import sys

FILE_LINES, FUNCTION_LINES = 500, 60
SOURCE = (".c", ".h", ".cpp", ".def", ".py", ".js", ".css", ".html")
C_SOURCE = (".c", ".h", ".cpp")

# What a floor may include besides itself; tests see everything.
FLOORS = {
    "base": (),
    "proto": ("base",),
    "model": ("base", "proto"),
    "train": ("base", "proto", "model"),
    "server": ("base", "proto", "model"),
    "loadtest": ("base", "proto"),
}

# The one file that may include a foreign library.
DOORS = {
    "yaml.h": "base/yamldoc.c",
    "zlib.h": "base/gzip.c",
    "csv.h": "model/train/csvtext.c",
    "openssl/": "base/digest.c",
    "xxhash.h": "base/hash64.c",
    "jansson.h": "proto/json_value.c",
    "simdjson.h": "proto/json_read.cpp",
    "cblas.h": "model/kernels/blas.c",
    "dlfcn.h": "server/library_error.c",
    "microhttpd.h": ("server/http.c", "server/library_error.c", "tests/bench/bench_threads.c"),  # the latter is what it is compared with
    "seccomp.h": "server/sandbox.c",
    "sqlite3.h": "server/state.c",
    "lmdb.h": "model/items_lmdb.c",
    "hiredis/": "server/items_redis.c",
    "mpi.h": "model/train/mpi.c",
}

# Headers of the C and C++ libraries and of the system.
SYSTEM = set("""
assert.h ctype.h errno.h fenv.h float.h inttypes.h limits.h locale.h math.h setjmp.h signal.h
stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h
time.h uchar.h wchar.h
dirent.h fcntl.h ftw.h getopt.h glob.h grp.h libgen.h link.h malloc.h netdb.h poll.h pthread.h regex.h pwd.h sched.h spawn.h
sysexits.h syslog.h termios.h unistd.h unwind.h endian.h
linux/openat2.h
arpa/inet.h netinet/in.h netinet/tcp.h
sys/epoll.h sys/eventfd.h sys/file.h sys/inotify.h sys/ioctl.h sys/mman.h sys/prctl.h sys/ptrace.h
sys/random.h
sys/resource.h sys/select.h sys/signalfd.h sys/socket.h sys/stat.h sys/statvfs.h sys/syscall.h sys/time.h
sys/timerfd.h sys/types.h sys/uio.h sys/un.h sys/wait.h
algorithm array bit cassert charconv cmath cstddef cstdint cstdlib cstring limits memory new string
string_view system_error utility
""".split())

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|atoi|atol|atoll|atof|strtok|gets|alloca)\s*\(")
WAITS = re.compile(r"\b(sleep|usleep|nanosleep)\s*\(")
DEAD = re.compile(r"^\s*#\s*if\s+[01]\b")
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
# Folders of somebody's machine. A system path (/etc, /usr, /tmp, /proc) is nobody's.
MACHINE = re.compile(r"(?<![\w.}/])/(?:home|root|work|Users|mnt)/\w")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
LITERALS = re.compile(r'//.*|/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', re.S)


def floor_of(path):
    if path.startswith("model/train/"):
        return "train"
    top = path.split("/", 1)[0]
    return top if top in FLOORS else None


def without_literals(text):
    """The code with comments and literals blanked, line by line where it was."""
    return LITERALS.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def file_length(path, lines):
    if path.endswith(SOURCE) and len(lines) > FILE_LINES:
        yield FILE_LINES + 1, f"the file has {len(lines)} lines, the limit is {FILE_LINES}"


def c_function_length(path, lines):
    if not path.endswith(C_SOURCE):
        return
    for end, line in enumerate(lines):
        if not line.startswith("}"):
            continue
        opening = end
        while opening >= 0 and not re.match(r"\{|\S.*\{$", lines[opening]):
            opening -= 1
        if opening < 0 or lines[opening] != "{":
            continue  # a type or a table: its brace ends the line
        first = opening
        while first > 0 and lines[first - 1].strip() and not re.match(r"[#}/]|.*;$", lines[first - 1]):
            first -= 1
        if re.match(r"namespace|class|struct \w+$|extern \"C\"", lines[first]):
            continue
        if end - first + 1 > FUNCTION_LINES:
            yield first + 1, f"the function has {end - first + 1} lines, the limit is {FUNCTION_LINES}"


def python_function_length(path, lines):
    if not path.endswith(".py"):
        return
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                yield node.lineno, f"the function has {length} lines, the limit is {FUNCTION_LINES}"


def door_of(header):
    return next((door for name, door in DOORS.items() if header.startswith(name)), None)


def includes(path, lines):
    if not path.endswith(C_SOURCE):
        return
    here = floor_of(path)
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        bracket, header = found.groups()
        if bracket == '"':
            there = floor_of(header)
            if here and there and there != here and there not in FLOORS[here]:
                yield number, f"{here} must not include {there}"
            elif here and header.startswith("tests/"):
                yield number, "no program includes the tests"
            elif not pathlib.Path(header).is_file():
                yield number, f"includes are written from the root of the tree: {header}"
        elif door_of(header):
            doors = door_of(header)
            if path not in (doors if isinstance(doors, tuple) else (doors,)):
                yield number, f"the only door to <{header}> is {doors}"
        elif header == "cmocka.h":
            if not path.startswith("tests/"):
                yield number, "<cmocka.h> belongs to the tests"
        elif header in ("immintrin.h", "cpuid.h"):
            if not path.startswith(("model/kernels/", "tests/")):
                yield number, f"<{header}> belongs to model/kernels"
        elif header not in SYSTEM:
            yield number, f"<{header}> has no door: add one in scripts/check_source.py"


def banned(path, lines):
    if not path.endswith(C_SOURCE):
        return
    for number, line in enumerate(without_literals("\n".join(lines)).split("\n"), 1):
        for name in BANNED.findall(line):
            yield number, f"{name} is banned"
        if path.startswith("tests/") and WAITS.search(line):
            yield number, "tests never sleep"
        if DEAD.match(line):
            yield number, "code is deleted, not switched off"


def python_waits(path, lines):
    if not path.startswith("tests/") or not path.endswith(".py"):
        return
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sleep", "time.sleep"):
            yield node.lineno, "tests never sleep"


def words(path, lines):
    for number, line in enumerate(lines, 1):
        if LATER.search(line):
            yield number, "what is left to do is an issue, not a comment"
        if MACHINE.search(line):
            yield number, "a path of one machine"


RULES = (file_length, c_function_length, python_function_length, includes, banned, python_waits, words)


def main():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            check=True, capture_output=True, text=True).stdout
    faults = 0
    for path in sorted(set(filter(None, listed.split("\0")))):
        try:
            lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # data, or deleted and not yet staged
        for rule in RULES:
            for number, what in rule(path, lines):
                print(f"{path}:{number}: {what}")
                faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
