"""The results as a page: checks/results/blind.md."""

import json
from collections import Counter
from pathlib import Path

WORDS = {
    "unit": "unit tests of core", "storage": "tests of the storage", "model": "a property of a model",
    "spec": "transcripts, the judge and other tests of spec", "e2e": "real servers",
}  # fmt: skip
PROTOCOL = ("core/src/election/", "core/src/zab/", "core/src/session/", "core/src/peer.rs")


BAR = "\\|"  # a bar within a cell


def table(head, rows):
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| `{n.replace('|', BAR)}` | {why.replace('|', '/')} |" for n, why in rows)]


def percent(part, whole):
    return f"{part} of {whole} ({100 * part / whole:.0f} %)" if whole else "none"


def verdicts(path):
    """Mutant -> why it is equivalent, or what was added: what a reader has found out about each survivor."""
    known = {}
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("| `"):
                name, _, why = line[3:].partition("` | ")
                known[name.replace(BAR, "|")] = why.removesuffix(" |")
    return known


def noticed(row):
    return "; ".join(what[:90] + ("…" if len(what) > 90 else "") for what in row["noticed"].values())


def write(sample, result):
    results = json.loads(result.read_text())
    known = verdicts(Path(__file__).with_name("survivors.md"))
    rows = [(mutant, results.get(mutant["name"], {})) for mutant in sample["mutants"]]
    left_out = [(m, row) for m, row in rows if "left_out" in row]
    judged = [(m, row) for m, row in rows if "left_out" not in row and (row.get("noticed") or row.get("ended"))]
    waiting = len(rows) - len(left_out) - len(judged)
    by = Counter(next(iter(row["noticed"])) for _, row in judged if row.get("noticed"))
    survivors = [(m, row) for m, row in judged if not row.get("noticed")]
    # Only where all of them were asked: those that a model noticed first say nothing about the others.
    protocol = [(m, row) for m, row in judged if m["file"].startswith(PROTOCOL)]
    asked = [(m, row) for m, row in protocol if row.get("asked_models")]
    by_model = [m for m, row in asked if "model" in row.get("noticed", {})]
    offline = sum(n for tier, n in by.items() if tier != "e2e")
    revisions = ", ".join(sorted({row["revision"] for _, row in rows if "revision" in row}))
    done = {m["name"] for m, _ in judged}
    early = [m["name"] for m, row in rows if m["name"] in known and m["name"] not in done]
    lines = [
        "# Mutants that were not chosen by hand",
        "",
        "Written by `tests/blind/run.py write`. `tests/blind/sample.py` names places, exclusions and the seed;",
        f"{sample['tool']} lists the mutants. Revision {revisions}.",
        "",
        "| | |",
        "|---|---:|",
        f"| drawn, of {sample['allowed']} | {len(rows)} |",
        f"| do not compile, or have no form with a switch | {len(left_out)} |",
        f"| not judged to the end yet; unit tests have not noticed them, or have not been run | {waiting} |",
        f"| judged | {len(judged)} |",
        *(f"| noticed first by {WORDS[tier]} | {by[tier]} |" for tier in WORDS if by[tier]),
        f"| noticed offline so far, of those that compile | {percent(offline, len(judged) + waiting)} |",
        f"| survived | {len(survivors)} |",
        f"| of election, ZAB, sessions and the peer: asked of the models too | {len(asked)} |",
        *([f"| of these, noticed by a property of a model | {percent(len(by_model), len(asked))} |"] if asked else []),
        "",
        "A model notices by a property, or by a state that it never reaches; its counts are not asked. Models of at",
        "most 700,000 states run, those that come across the mutant's place.",
        "",
        "## Survivors",
        "",
        *table(["mutant", "what became of it"], ((m["name"], known.get(m["name"], "not looked at yet")) for m, _ in survivors)),
        "",
        "Known before it was judged to the end:",
        "",
        *table(["mutant", "what became of it"], ((name, known[name]) for name in early)),
        "",
        "## Noticed",
        "",
        *table(["mutant", "by"], ((m["name"], noticed(row)) for m, row in judged if row.get("noticed"))),
        "",
        "## Left out",
        "",
        *table(["mutant", "why"], ((m["name"], row["left_out"]) for m, row in left_out)),
    ]
    result.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print(f"{len(judged)} judged, {len(survivors)} survived, {waiting} to do")
