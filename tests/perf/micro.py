#!/usr/bin/env python3
"""The micro-benches of core as a Markdown table: `cargo bench -p quorate-core`, medians.

    python3 tests/perf/micro.py                  # the table goes to stdout
    python3 tests/perf/micro.py --update-docs    # and into docs/PERFORMANCE.md
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import time

import machine
import table

BEGIN = "<!-- micro.py writes from here -->"
END = "<!-- to here, micro.py -->"
# Seconds of each.
WARM_UP, MEASURED = 1, 3


def measurements(directory, since):
    """Full name, median in ns, and elements per iteration of every bench that has been run since then."""
    for path in sorted(glob.glob(os.path.join(directory, "*", "*", "new", "estimates.json"))):
        if os.path.getmtime(path) < since:
            continue
        with open(path, encoding="utf-8") as file:
            median = json.load(file)["median"]["point_estimate"]
        with open(os.path.join(os.path.dirname(path), "benchmark.json"), encoding="utf-8") as file:
            bench = json.load(file)
        yield bench["full_id"], median, (bench["throughput"] or {}).get("Elements", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--update-docs", action="store_true", help="put the table into docs/PERFORMANCE.md")
    options = parser.parse_args()
    document = os.path.join(machine.REPOSITORY, "docs", "PERFORMANCE.md")
    if options.update_docs:
        table.put_into(document, None, BEGIN, END)
    times = ["--warm-up-time", str(WARM_UP), "--measurement-time", str(MEASURED)]
    began = time.time()
    command = ["cargo", "bench", "-p", "quorate-core", "--", *times]
    if subprocess.run(command, cwd=machine.REPOSITORY, stdout=sys.stderr).returncode != 0:
        sys.exit(1)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(machine.REPOSITORY, "target"))
    lines = [
        [f"`{name}`", table.number(median / 1000), table.number(median / 1000 / elements)]
        for name, median, elements in measurements(os.path.join(target, "criterion"), began)
    ]
    text = "\n".join(table.rows(lines, ["bench", "µs", "µs per request, change or event"])) + "\n"
    print(text)
    if options.update_docs:
        table.put_into(document, text, BEGIN, END)


if __name__ == "__main__":
    main()
