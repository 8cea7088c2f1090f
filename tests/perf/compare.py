#!/usr/bin/env python3
"""Quorate and ZooKeeper 3.9 measured side by side on this machine: one command, one table.

    cargo build --release
    tests/interop/install_peers.sh
    python3 tests/perf/compare.py                        # three rounds of everything, below 20 minutes
    python3 tests/perf/compare.py --quick --anyway       # does it work?
    python3 tests/perf/compare.py --cells 'writes-3-*'
    python3 tests/perf/compare.py --floor                # how near servers come that keep nothing, too

The Markdown table goes to stdout (and, with --update-docs, into docs/PERFORMANCE.md), all single measurements as JSON
to a file, progress to stderr. docs/PERFORMANCE.md says what each cell means.

Exit code 0: measured; 1: a cell could not be measured; 2: not started (the machine is not quiet, something is missing).
"""

import argparse
import fnmatch
import json
import os
import shutil
import sys
import time

import cells
import contestants
import harness
import machine
import table

RESULTS = os.path.join(machine.REPOSITORY, "target", "perf.json")
DOCUMENT = os.path.join(machine.REPOSITORY, "docs", "PERFORMANCE.md")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--binary", default=os.path.join(machine.REPOSITORY, "target", "release", "quorate"))
    parser.add_argument("--peers", help="what install_peers.sh has made (default: $QUORATE_PEERS or target/peers)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one short round: to see that it works, not to quote")
    parser.add_argument("--cells", default="*", metavar="PATTERN", help=f"of: {' '.join(cells.NAMES)}")
    parser.add_argument("--floor", action="store_true", help="also servers that keep nothing, as the least there can be")
    parser.add_argument("--json", default=RESULTS, metavar="FILE", help="all measurements (default: target/perf.json)")
    parser.add_argument("--anyway", action="store_true", help="measure though the machine is not quiet")
    parser.add_argument("--patience", type=float, default=120, help="seconds to wait for a quiet machine")
    parser.add_argument("--update-docs", action="store_true", help="put the table into docs/PERFORMANCE.md")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds = 1
    if chosen.rounds < 1:
        parser.error("at least one round")
    return chosen


def refuse(why):
    print(f"compare: {why}", file=sys.stderr)
    sys.exit(2)


def main():
    options = arguments()
    wanted = {name for name in cells.NAMES if fnmatch.fnmatch(name, options.cells)}
    if not wanted:
        refuse(f"no cell is called {options.cells}; there are: {' '.join(cells.NAMES)}")
    if "recovery" in wanted:
        wanted.add("znodes")  # which is how the znodes come to be there
    binary = os.path.abspath(options.binary)
    peers = harness.Peers(options.peers)
    if not os.access(binary, os.X_OK):
        refuse(f"{binary} is not there; cargo build --release makes it")
    try:
        jars = peers["ZK39_CLASSPATH"]
        peers.java("3.9")
    except harness.Missing as missing:
        refuse(missing)
    if options.update_docs:
        table.put_into(DOCUMENT, None)
    if not shutil.which("jcmd"):
        print("compare: there is no jcmd: ZooKeeper's live heap will be missing", file=sys.stderr)
    taken = machine.wait_until_quiet(0 if options.anyway else options.patience)
    if taken >= machine.QUIET:
        warning = f"others take {taken:.2f} cores (load average {os.getloadavg()[0]:.2f}); the limit is {machine.QUIET}"
        if not options.anyway:
            refuse(f"{warning}. --anyway measures all the same")
        print(f"compare: {warning}", file=sys.stderr)
    about = machine.describe(binary, harness.tempfile.gettempdir(), jars)
    print(machine.in_words(about), file=sys.stderr)

    scale = cells.QUICK if options.quick else cells.FULL
    measurements, failures, began = [], [], time.monotonic()
    measure(options, scale, wanted, binary, peers, measurements, failures)
    took = time.monotonic() - began
    result = {"about": about, "rounds": options.rounds, "scale": vars(scale), "settings": contestants.SETTINGS}
    result |= {"java_heap": contestants.HEAP, "seconds": round(took), "failures": failures}
    os.makedirs(os.path.dirname(os.path.abspath(options.json)), exist_ok=True)
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(result | {"measurements": measurements}, file, indent=1)
    names = [contestant.name for contestant in contestants.both(binary)]
    floors = {contestant.name: contestant.label for contestant in floors_of(options, binary)}
    text = table.markdown(
        machine.in_words(about) + ".", in_words(options, scale, took), table.Results(measurements, names, floors)
    )
    print(text)
    if options.update_docs:
        table.put_into(DOCUMENT, text)
    for failure in failures:
        print(f"compare: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


def progress(text):
    print(text, file=sys.stderr, flush=True)


def floors_of(options, binary):
    return contestants.floors(binary, *cells.FLOORS) if options.floor else []


def measure(options, scale, wanted, binary, peers, measurements, failures):
    both = contestants.both(binary) + floors_of(options, binary)
    for number in range(options.rounds):
        # Who comes first in one round comes second in the next.
        order = both if number % 2 == 0 else both[::-1]
        for names, group, every_round in cells.GROUPS:
            if not wanted.intersection(names) or (number > 0 and not every_round):
                continue
            for contestant in order:
                here = {name for name in wanted if contestant.takes(name)}
                if not here.intersection(names):
                    continue

                def record(cell, figures, quiet, contestant=contestant):
                    measurement = {"round": number + 1, "contestant": contestant.name, "cell": cell}
                    measurements.append(measurement | {"quiet": quiet, "figures": figures})
                    shown = "  ".join(f"{name} {table.number(value)}" for name, value in figures.items())
                    progress(f"    {shown}{'  NOT QUIET' if quiet is False else ''}")

                def say(cell, contestant=contestant):
                    progress(f"round {number + 1}/{options.rounds}  {contestant.label}  {cell}")

                bench, repeat = cells.Bench(binary), not options.anyway
                try:
                    group(cells.Run(contestant, peers, bench, scale, here.__contains__, record, say, repeat))
                except (harness.Failed, OSError) as why:
                    failures.append(f"round {number + 1}, {contestant.label}, {' '.join(names)}: {why}")
                    progress(failures[-1])


def in_words(options, scale, took):
    rounds = "1 round" if options.rounds == 1 else f"Medians of {options.rounds} rounds"
    return (
        f"{rounds}, {scale.measured:g} s for each load cell, {took / 60:.0f} minutes altogether"
        f"{'; a quick run, not to be quoted' if options.quick else ''}."
    )


if __name__ == "__main__":
    main()
