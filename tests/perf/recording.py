#!/usr/bin/env python3
"""What `--record` costs: one server with and without it, in turns, under the load cells of `cells.py`, as a Markdown table.

    python3 tests/perf/recording.py                  # the table goes to stdout
    python3 tests/perf/recording.py --update-docs    # and into docs/PERFORMANCE.md
"""

import argparse
import os
import sys

import cells
import contestants
import harness
import machine
import table

BEGIN = "<!-- recording.py writes from here -->"
END = "<!-- to here, recording.py -->"
CELLS = [name for name, (size, _, _) in cells.LOADS.items() if size == 1]


class Recording(contestants.Quorate):
    """A server that writes every step down."""

    def command(self):
        begin, server, config = super().command()[:-2], "server", self.config
        return [*begin, server, "--record", os.path.join(self.laboratory.directory, "recording"), config]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--binary", default=os.path.join(machine.REPOSITORY, "target", "release", "quorate"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--update-docs", action="store_true", help="put the table into docs/PERFORMANCE.md")
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)
    without = contestants.Contestant("without", "without", lambda lab, myid: contestants.Quorate(lab, myid, binary))
    recording = contestants.Contestant("with", "recording", lambda lab, myid: Recording(lab, myid, binary))
    document = os.path.join(machine.REPOSITORY, "docs", "PERFORMANCE.md")
    if options.update_docs:
        table.put_into(document, None, BEGIN, END)
    measurements = []
    for number in range(options.rounds):
        for contestant in (without, recording) if number % 2 == 0 else (recording, without):

            def record(cell, figures, quiet, name=contestant.name):
                measurements.append({"contestant": name, "cell": cell, "quiet": quiet, "figures": figures})

            def say(cell, number=number, label=contestant.label):
                print(f"round {number + 1}/{options.rounds}  {label}  {cell}", file=sys.stderr)

            bench, peers = cells.Bench(binary), harness.Peers(None)
            cells.load(cells.Run(contestant, peers, bench, cells.FULL, CELLS.__contains__, record, say, True), 1)
    results = table.Results(measurements, ["without", "with"])
    lines = []
    for cell in CELLS:
        _, mix, window = cells.LOADS[cell]
        noisy = " (others disturbed)" if results.noisy(cell) else ""
        line = [table.MIX_NAMES[mix] + noisy, str(window)]
        for figure in ("throughput", "server_cpu_us"):
            plain, recorded = (results.median(cell, name, figure) for name in ("without", "with"))
            line += [table.number(plain), table.number(recorded), f"{recorded / plain:.2f}"]
        lines.append(line)
    header = ["load", "window", "op/s", "recording", "ratio", "µs of processor time per operation", "recording", "ratio"]
    facts = machine.describe(binary, harness.tempfile.gettempdir(), "")
    about = (
        f"{facts['date']}, revision {facts['revision']}; {facts['processors']} processors ({facts['processor']}), "
        f"{facts['file_system']}. Medians of {options.rounds} rounds, {cells.FULL.measured:g} s each.\n\n"
    )
    text = about + "\n".join(table.rows(lines, header)) + "\n"
    print(text)
    if options.update_docs:
        table.put_into(document, text, BEGIN, END)


if __name__ == "__main__":
    main()
