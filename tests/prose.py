#!/usr/bin/env python3
"""Plain words: what prose and doc comments must not have, counted per file.

    tests/prose.py                  compare with tests/prose.counts; fails if a file has become worse
    tests/prose.py FILE...          print what is found in these files, with line numbers
    tests/prose.py --write          write the counts anew; refuses if the sum of a rule would rise

A file that is not in the list may have nothing. Files that are moved or split keep the sum, so `--write` takes them.
Help texts are doc comments, and so are looked at. Code, tables' widths and addresses are not.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTS = ROOT / "tests" / "prose.counts"
WORDS, COLUMNS = 25, 110
RULES = {
    "long": f"a sentence of more than {WORDS} words: make two of it",
    "wide": f"a line of more than {COLUMNS} columns: break it",
    "party": "who, whoever, somebody, nobody, everybody, anybody: name the party (the learner, the connection)",
    "so": "so many, so long, so often as a quantity: say which number or limit",
    "alone": "a doc comment that begins with It, Its, These or The same: name the thing, a hover shows nothing else",
}
PARTY = re.compile(r"\b(who|whoever|somebody|nobody|everybody|anybody)\b", re.IGNORECASE)
SO = re.compile(r"\bso (many|long|often|few)\b(?! (as|that)\b)", re.IGNORECASE)
ALONE = re.compile(r"(It|Its|It's|These|The same)\b")
CODE = re.compile(r"`[^`]*`")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def paragraphs_of_page(lines):
    """(line number, text, whether its width counts) of every paragraph, list item and cell of a page."""
    block, start, in_code = [], 0, False
    for number, line in enumerate([*lines, ""], 1):
        fence = line.lstrip().startswith("```")
        item = re.match(r"\s*(?:[-*>]|\d+\.)\s+(.*)", line)
        row = line.startswith("|")
        if block and (fence or item or row or not line.strip() or line.startswith(("#", "<!--"))):
            yield start, " ".join(block)
            block = []
        if fence:
            in_code = not in_code
        elif in_code or line.startswith("<!--") or not line.strip():
            continue
        elif row:
            for cell in line.strip("|").split("|"):
                yield number, cell.strip()
        else:
            if not block:
                start = number
            block.append(item[1] if item else line.strip("# "))


def comments(lines):
    """(line number, lines) of every doc comment, without its marks."""
    block, start, mark = [], 0, None
    for number, line in enumerate([*lines, ""], 1):
        found = re.match(r"\s*(///|//!)(?!/) ?(.*)", line)
        if block and (not found or found[1] != mark):
            yield start, block
            block = []
        if found:
            if not block:
                start, mark = number, found[1]
            block.append(found[2])


def sentences(text):
    text = CODE.sub("X", LINK.sub(r"\1", text))
    for sentence in re.split(r"(?<=[.?!])[)\"*]*\s+", text):
        yield sum(any(c.isalnum() for c in word) for word in sentence.split()), sentence


def in_paragraphs(lines, offset):
    for number, text in paragraphs_of_page(lines):
        plain = CODE.sub("X", text)
        for length, sentence in sentences(text):
            if length > WORDS:
                yield offset + number, "long", f"{length} words: {sentence[:70]}…"
        for found in PARTY.finditer(plain):
            yield offset + number, "party", found[0]
        for found in SO.finditer(plain):
            yield offset + number, "so", found[0]


def findings(name, text):
    """(line, rule, what) of everything in a file."""
    lines = text.splitlines()
    if name.endswith(".md"):
        yield from in_paragraphs(lines, 0)
        in_code = False
        for number, line in enumerate(lines, 1):
            in_code ^= line.lstrip().startswith("```")
            if len(line) > COLUMNS and not in_code and not line.startswith("|"):
                yield number, "wide", f"{len(line)} columns"
        return
    for start, block in comments(lines):
        yield from in_paragraphs(block, start - 1)
        first = next((line for line in block if line.strip()), "")
        if ALONE.match(first):
            yield start, "alone", first[:70]
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS and line.lstrip().startswith("//") and "|" not in line:
            yield number, "wide", f"{len(line)} columns"


def files():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.rs", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    made = re.compile(r"checks/results/(?!README)|tests/golden/")
    return sorted(name for name in set(listed) if not made.search(name) and (ROOT / name).exists())


def count(name):
    return Counter(rule for _, rule, _ in findings(name, (ROOT / name).read_text()))


def committed():
    counts = {}
    for line in COUNTS.read_text().splitlines() if COUNTS.exists() else []:
        name, *rules = line.split()
        counts[name] = Counter({rule: int(n) for rule, n in (pair.split("=") for pair in rules)})
    return counts


def total(counts):
    return sum(counts.values(), Counter())


def shown(counter):
    return " ".join(f"{rule}={counter[rule]}" for rule in RULES if counter[rule])


def write(now, before):
    worse = total(now) - total(before)
    if before and worse:
        sys.exit(f"not written: there would be more than before: {shown(worse)}")
    COUNTS.write_text("".join(f"{name} {shown(counter)}\n" for name, counter in sorted(now.items()) if counter))
    print(f"written: {shown(total(now))}")


def compare(now, before):
    better, failed = 0, False
    for name in sorted(now | before):
        counter, allowed = now.get(name, Counter()), before.get(name, Counter())
        for rule in RULES:
            if counter[rule] > allowed[rule]:
                failed = True
                print(f"{name}: {RULES[rule]} ({counter[rule]}, {allowed[rule]} were there):")
                for line, found, what in findings(name, (ROOT / name).read_text()):
                    if found == rule:
                        print(f"  {name}:{line}: {what}")
            better += counter[rule] < allowed[rule]
    if better:
        print(f"{better} counts are lower than in tests/prose.counts: tests/prose.py --write keeps them low")
    print(f"{len(now)} files: {shown(total(now)) or 'nothing'}")
    if failed:
        sys.exit("a file has become worse; if its text was only moved here, tests/prose.py --write")


def notices():
    """What the rules are for is found, and nothing else."""
    bad = "/// It waits for whoever is here so long.\n/// " + "word " * 26 + "\n//! " + "x" * 120 + "\n"
    found = Counter(rule for _, rule, _ in findings("x.rs", bad))
    assert found == Counter({"long": 1, "party": 1, "so": 1, "alone": 1, "wide": 2}), found
    good = "/// The `who` of a line. So long as it lasts.\nfn f() {}\n// It is no doc comment.\n"
    assert not list(findings("x.rs", good))
    page = "# Whoever\n\n```sh\n" + "a " * 80 + "\n```\n\n| somebody | " + "a " * 60 + "|\n- One.\n- Two so many.\n"
    found = Counter(rule for _, rule, _ in findings("x.md", page))
    assert found == Counter({"party": 2, "long": 1, "so": 1}), found


def main():
    notices()
    arguments = sys.argv[1:]
    if arguments and arguments != ["--write"]:
        for name in arguments:
            for line, rule, what in sorted(findings(name, (ROOT / name).read_text())):
                print(f"{name}:{line}: {rule}: {what}")
        return
    now = {name: count(name) for name in files()}
    if arguments:
        write(now, committed())
    else:
        compare(now, committed())


if __name__ == "__main__":
    main()
