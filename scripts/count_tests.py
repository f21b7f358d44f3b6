"""Prints "N passed, N failed, N skipped" of a CTest JUnit report, and why tests were skipped."""
import sys
import xml.etree.ElementTree as tree


def main():
    counts = {"run": 0, "fail": 0, "notrun": 0, "disabled": 0}
    for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
        status = case.get("status")
        counts[status] += 1
        if status == "notrun":
            words = (case.findtext("system-out") or "").strip().splitlines()
            print(f"skipped: {case.get('name')}: {words[-1] if words else 'no reason given'}")
    skipped = counts["notrun"] + counts["disabled"]
    print(f"{counts['run']} passed, {counts['fail']} failed" + (f", {skipped} skipped" if skipped else ""))


main()
