"""A global symbol begins with the name of its file, and no global symbol is writable.

    python3 scripts/check_symbols.py BUILD

Reads the object files of BUILD (of every target but the tests) with nm. A file without a header of its
own may use the name of the module that it continues: cfg_text.c the prefix cfg, because there is a
cfg.h and no cfg_text.h.
"""
import pathlib
import subprocess
import sys

FOLDERS = ("base", "proto", "model", "server", "loadtest")
MORE = {"base/status.c": ("diag",),  # a diag goes with every status
        "server/library_error.c": ("MHD_queue_response",)}  # docs/decisions/0014-library-errors.md


def prefixes(source):
    path = pathlib.Path(source)
    stem, found = path.stem, [path.stem]
    while "_" in stem and not path.with_name(stem + ".h").is_file():
        stem = stem.rpartition("_")[0]
        if path.with_name(stem + ".h").is_file():
            found.append(stem)
    return found + list(MORE.get(source, ()))


def sources(build):
    """(object file, source) of each object that belongs to a source in the tree."""
    for target in build.glob("CMakeFiles/*.dir"):
        for folder in FOLDERS:
            for item in sorted((target / folder).rglob("*.o")):
                source = str(item.relative_to(target))[: -len(".o")]
                if pathlib.Path(source).is_file():
                    yield item, source


def symbols(item):
    """(name, kind, section) of each global symbol that is defined."""
    listing = subprocess.run(["nm", "--defined-only", "--extern-only", "--format=sysv", str(item)],
                             check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) != 7:
            continue
        name, kind, section = columns[0], columns[2], columns[6]
        if not name.startswith("_Z") and kind not in "wWvVu":  # templates and inlines of C++
            yield name, kind, section


def line_of(source, name):
    for number, line in enumerate(pathlib.Path(source).read_text().splitlines(), 1):
        if f"{name}(" in line or f"{name}[" in line or f"{name} =" in line:
            return number
    return 1


def main():
    build = pathlib.Path(sys.argv[1])
    faults, seen = 0, 0
    for item, source in sources(build):
        seen += 1
        allowed = prefixes(source)
        for name, kind, section in symbols(item):
            if name == "main" and pathlib.Path(source).stem == "main":
                continue
            if not any(name == p or name.startswith(p + "_") for p in allowed):
                print(f"{source}:{line_of(source, name)}: {name} does not begin with {allowed[0]}_")
                faults += 1
            # .data.rel.ro: constants that hold addresses, read-only once they are relocated.
            if kind in "BDCbdcSG" and not section.startswith(".data.rel.ro"):
                print(f"{source}:{line_of(source, name)}: {name} is a writable global")
                faults += 1
    if seen == 0:
        print(f"{build}: no object files: build first")
    return 1 if faults or seen == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
