#!/usr/bin/env python3
"""Which rules are broken blindly: a sample of what cargo-mutants lists, by a seed.

    tests/blind/sample.py           write tests/blind/sample.json for the present revision

Whoever wrote the models did not choose these mutants: cargo-mutants knows nothing of Quorate. Its operators, the
places, the exclusions and the seed below were committed before the first result was seen. The sample belongs to one
revision, which the file names.
"""

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "tests" / "blind" / "sample.json"

# The tool; all of its operators: FnValue, BinaryOperator, UnaryOperator, MatchArm, MatchArmGuard, StructField.
TOOL = "cargo-mutants 27.1.0"
PLACES = (
    "core/src/election/**", "core/src/zab/**", "core/src/session/**", "core/src/pipeline/**", "core/src/watch/**",
    "core/src/peer.rs", "core/src/quorum.rs", "core/src/storage.rs", "server/src/storage/**",
)  # fmt: skip
# What is only words for people; the list of the disk's system calls, which only a power failure can judge.
EXCLUSIONS = (
    r"impl (fmt::)?(Display|Debug) for",
    r"^server/src/storage/error\.rs:",
    r"^server/src/storage/real_disk\.rs:",
)
SEED = 9
SIZE = 200


def listed():
    """Every mutant of the places that is not excluded, as cargo-mutants describes it, by name."""
    program = shutil.which("cargo-mutants")
    if not program:
        sys.exit(f"cargo-mutants is needed: cargo install {TOOL.replace(' ', '@')}")
    version = subprocess.run([program, "mutants", "--version"], check=True, capture_output=True, text=True).stdout
    if version.strip() != TOOL:
        sys.exit(f"{TOOL} is needed, this is {version.strip()}")
    places = [word for place in PLACES for word in ("-f", place)]
    command = [program, "mutants", "--list", "--json", "--workspace", *places]
    every = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    allowed = (m for m in every if not any(re.search(pattern, m["name"]) for pattern in EXCLUSIONS))
    return {mutant["name"]: mutant for mutant in allowed}, len(every)


def main():
    git = ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
    revision = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    mutants, every = listed()
    chosen = random.Random(SEED).sample(sorted(mutants), SIZE)
    kept = ("name", "file", "genre", "span", "replacement", "package")
    sample = {
        "tool": TOOL, "seed": SEED, "revision": revision, "listed": every, "allowed": len(mutants),
        "mutants": [{key: mutants[name][key] for key in kept} for name in chosen],
    }  # fmt: skip
    rows = ",\n  ".join(json.dumps(mutant) for mutant in sample.pop("mutants"))
    SAMPLE.write_text(json.dumps(sample)[:-1] + f', "mutants": [\n  {rows}\n]}}\n')
    print(f"{SIZE} of {len(mutants)} mutants ({every} listed) in {SAMPLE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
