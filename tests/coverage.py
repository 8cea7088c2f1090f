#!/usr/bin/env python3
"""Which lines of core's protocol modules no model executes, compared with the gaps that are explained.

    tests/coverage.py                      build, run the models, compare; fails on a gap without a reason
    tests/coverage.py --list               also print every line that is not executed
    tests/coverage.py quiet zab-oracle     only these models (then nothing is compared)

Only core is counted, and spec instrumented with it because core's generic and small functions are compiled there
(-C instrument-coverage); only the models run: what a line needs to count is that a search comes across it. LLVM's tools must be able to read what rustc writes: llvm-19 of Debian can, for Rust 1.88 to
1.95; LLVM_BIN names a directory with others. Gaps are in spec/coverage-gaps.txt: a file (or a directory/), a function (or *
for all of them) and a reason. An explained gap that is none any more fails, too.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GAPS = ROOT / "spec" / "coverage-gaps.txt"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "coverage"

# Codecs decide nothing about the protocol; they have vectors, properties and fuzzing of their own.
NOT_PROTOCOL = re.compile(r"core/src/(wire/|lib\.rs|mutation\.rs)|tests?\.rs$|/tests/|_tests\.rs$")

# Models of other protocols, which execute nothing of core; and five that execute what others do and take long.
LEFT_OUT = {
    "paxos", "duel", "duel-ended", "multi-one", "multi-two", "fast",
    "whole", "claim-logged", "zab-two", "zab-faults", "zab-four",
}  # fmt: skip


def tool(name):
    places = [os.environ.get("LLVM_BIN", ""), "/usr/lib/llvm-19/bin"]
    for place in filter(None, places):
        if (Path(place) / name).exists():
            return str(Path(place) / name)
    found = shutil.which(f"{name}-19")
    if not found:
        sys.exit(f"{name} of LLVM 19 or later is needed: apt-get install llvm-19, or LLVM_BIN=directory")
    return found


def build():
    TARGET.mkdir(parents=True, exist_ok=True)
    wrapper = TARGET / "rustc"
    wrapper.write_text(
        '#!/bin/sh\ncase " $* " in\n'
        '*" --crate-name quorate_core "* | *" --crate-name quorate_spec "*) exec "$@" -C instrument-coverage ;;\n'
        '*" --crate-type bin "*) exec "$@" -C instrument-coverage ;;\n'
        '*) exec "$@" ;;\nesac\n'
    )
    wrapper.chmod(0o755)
    environment = {
        **os.environ,
        "RUSTC_WORKSPACE_WRAPPER": str(wrapper),
        "CARGO_TARGET_DIR": str(TARGET),
        "CARGO_PROFILE_DEV_DEBUG": "line-tables-only",
    }
    subprocess.run(["cargo", "build", "-p", "quorate-checks"], cwd=ROOT, env=environment, check=True)
    return TARGET / "debug" / "quorate-checks"


def run(program, models):
    for old in TARGET.glob("*.profraw"):
        old.unlink()

    def one(model):
        environment = {**os.environ, "LLVM_PROFILE_FILE": str(TARGET / f"{model}-%p.profraw")}
        found = subprocess.run(
            [program, "run", model, "--threads", "1"], env=environment, capture_output=True, text=True
        )
        print(f"  {found.stdout.strip().splitlines()[-1] if found.stdout.strip() else found.stderr}: {model}", flush=True)
        return found.returncode == 0

    # The counters are shared by the threads of a process: processes are faster.
    with ThreadPoolExecutor(2) as pool:
        if not all(pool.map(one, models)):
            sys.exit("a model did not come out as expected")


def lines_not_executed(program):
    """File -> the numbers of its lines with code that was not executed; and how many lines have code."""
    profile = TARGET / "models.profdata"
    raw = sorted(map(str, TARGET.glob("*.profraw")))
    subprocess.run([tool("llvm-profdata"), "merge", "-sparse", *raw, "-o", str(profile)], check=True)
    exported = subprocess.run(
        [tool("llvm-cov"), "export", str(program), f"-instr-profile={profile}", "-format=lcov"],
        check=True, capture_output=True, text=True,
    ).stdout
    counts, current = {}, None
    for line in exported.splitlines():
        if line.startswith("SF:"):
            path = Path(line[3:])
            inside = path.is_absolute() and path.is_relative_to(ROOT / "core" / "src")
            name = str(path.relative_to(ROOT)) if inside else None
            current = counts.setdefault(name, {}) if name and not NOT_PROTOCOL.search(name) else None
        elif line.startswith("DA:") and current is not None:
            number, count = map(int, line[3:].split(",")[:2])
            current[number] = max(count, current.get(number, 0))
    executed = sum(count > 0 for file in counts.values() for count in file.values())
    total = sum(len(file) for file in counts.values())
    missing = {name: sorted(n for n, c in file.items() if c == 0) for name, file in counts.items()}
    return {name: lines for name, lines in missing.items() if lines}, executed, total


def functions(path):
    """For each line of a file, the function around it: the innermost `fn` above with less indentation."""
    around, stack = {}, []
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        indent = len(line) - len(line.lstrip())
        begins = re.match(r"\s*(?:pub(?:\([a-z]+\))? )?(?:const )?fn (\w+)", line)
        if line.strip() == "}" and stack and stack[-1][0] == indent:
            around[number] = stack.pop()[1]
            continue
        if begins:
            one_line = line.rstrip().endswith(("}", ";"))
            if one_line:
                around[number] = begins[1]
                continue
            stack.append((indent, begins[1]))
        around[number] = stack[-1][1] if stack else "-"
    return around


def explained():
    """(file, function) -> reason."""
    gaps = {}
    for number, line in enumerate(GAPS.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3:
            sys.exit(f"{GAPS}:{number}: a file, a function and a reason")
        gaps[words[0], words[1]] = words[2]
    return gaps


def ranges(lines):
    text, start = [], lines[0]
    for here, after in zip(lines, [*lines[1:], None]):
        if after != here + 1:
            text.append(str(start) if start == here else f"{start}-{here}")
            start = after
    return ", ".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print every line that is not executed")
    parser.add_argument("models", nargs="*")
    options = parser.parse_args()
    tool("llvm-profdata")
    program = build()
    aside = {**os.environ, "LLVM_PROFILE_FILE": str(TARGET / "list.profraw")}
    listed = subprocess.run([program, "list"], env=aside, check=True, capture_output=True, text=True).stdout
    known = [line.split()[0] for line in listed.splitlines() if not line.startswith(" ")]
    run(program, options.models or [name for name in known if name not in LEFT_OUT])
    missing, executed, total = lines_not_executed(program)
    gaps = {} if options.models else explained()
    used, unexplained, in_gaps = set(), [], 0
    for path, lines in sorted(missing.items()):
        around = functions(path)
        by_function = {}
        for line in lines:
            by_function.setdefault(around.get(line, "-"), []).append(line)
        for function, lines in by_function.items():
            above = [(f"{directory}/", "*") for directory in Path(path).parents]
            key = next((k for k in [(path, function), (path, "*"), *above] if k in gaps), None)
            if options.list or key is None:
                print(f"{path}: {function}: {ranges(lines)}{'' if key is None else ' (' + gaps[key] + ')'}")
            if key is None:
                unexplained.append((path, function))
            else:
                used.add(key)
                in_gaps += len(lines)
    stale = sorted(set(gaps) - used)
    for path, function in stale:
        print(f"{path}: {function}: is said to be a gap, and is executed")
    print(
        f"{executed} of {total} lines of core's protocol modules are executed by the models, {in_gaps} are explained gaps, "
        f"{total - executed - in_gaps} are not explained"
    )
    return 0 if options.models else int(bool(unexplained or stale))


if __name__ == "__main__":
    sys.exit(main())
