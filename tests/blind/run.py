#!/usr/bin/env python3
"""What notices the mutants of sample.json: unit tests, then models, then real servers.

    tests/blind/run.py build SCRATCH     all of them in one build, in a scratch copy of the committed tree
    tests/blind/run.py reach SCRATCH     what comes across which of them, and how long it takes unbroken
    tests/blind/run.py run SCRATCH       the tiers; goes on where it was interrupted
    tests/blind/run.py write             checks/results/blind.md from blind.json

Needs tree-sitter and tree-sitter-rust (pip). `build` takes minutes, `run` hours: `nice -n 19` and one process at a
time. Results are appended to checks/results/blind.json; `sample.py` says what was chosen, and how.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import io
from pathlib import Path

import report
import tiers

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "tests" / "blind" / "sample.json"
RESULT = ROOT / "checks" / "results" / "blind.json"
CHECK = [["check", "--workspace", "--tests", "--keep-going"]]
BUILD = [
    ["test", "-p", "quorate-core", "--lib", "--no-run"],
    ["build", "-p", "quorate", "-p", "quorate-checks"],
    ["test", "-p", "quorate-spec", "--no-run"],
    ["test", "-p", "quorate", "--lib", "--test", "e2e", "--no-run"],
]


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def build(scratch, sample):
    import switches

    revision = git("rev-parse", "--short=12", "HEAD").decode().strip()
    files = sorted({mutant["file"] for mutant in sample["mutants"]})
    if git("diff", "--name-only", sample["revision"], "HEAD", "--", *files):
        sys.exit("a file of the sample has changed: check out its revision, or draw it again")
    tree = scratch / "tree"
    if not tree.exists():
        tree.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD"))) as archive:
            archive.extractall(tree, filter="data")
    mutants = dict(enumerate(sample["mutants"]))
    original = lambda file: git("show", f"HEAD:{file}")
    left_out, programs = switches.build(tree, scratch / "target", CHECK + BUILD, original, mutants)
    built = {"revision": revision, "left_out": left_out, "programs": programs}
    (scratch / "built.json").write_text(json.dumps(built, indent=1))
    print(f"{len(mutants) - len(left_out)} of {len(mutants)} mutants are in the programs")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("build", "reach", "run", "write"))
    parser.add_argument("scratch", type=Path, nargs="?")
    parser.add_argument("--models-too", action="store_true", help="run models also for what unit tests notice")
    options = parser.parse_args()
    sample = json.loads(SAMPLE.read_text())
    if options.command == "write":
        return report.write(sample, RESULT)
    if not options.scratch:
        parser.error("a scratch directory is needed")
    scratch = options.scratch.resolve()
    if options.command == "build":
        return build(scratch, sample)
    work = tiers.Work(scratch, sample, RESULT)
    return work.reach() if options.command == "reach" else work.run(options.models_too)


if __name__ == "__main__":
    sys.exit(main())
