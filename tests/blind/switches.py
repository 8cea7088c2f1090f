"""All mutants of a sample in one build, each behind a switch: QUORATE_BLIND=N breaks rule N, and no other.

A build for each mutant would take hours, a run takes seconds. Each mutant's place asks `on(N)` first; what it
becomes is what cargo-mutants would have written. Both versions of an operator's expression are in the program:

    a < b      (if on(7) { a == b } else { a < b })
    fn f() {   fn f() { if on(8) { return false; } ...

A mutant that does not compile in this form (in a `const fn`; a value of another type) is left out, by what rustc
says of the build, and is told apart in the result. QUORATE_BLIND_SEEN names a file that is given the number of each
switch that a process comes across: what never comes across a switch need not be run with it.
"""

import json
import os
import re
import subprocess

import tree_sitter
import tree_sitter_rust

MODULE = """
/// Which rule is broken: see tests/blind/switches.py.
#[doc(hidden)]
#[allow(missing_docs, clippy::disallowed_types)]
pub mod blind {
    extern crate std;
    use std::io::Write;
    use std::string::String;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    static SEEN: [AtomicBool; 1000] = [const { AtomicBool::new(false) }; 1000];
    static FILE: OnceLock<Option<String>> = OnceLock::new();
    static BROKEN: OnceLock<u32> = OnceLock::new();

    pub fn on(number: u32) -> bool {
        let seen = &SEEN[number as usize];
        if !seen.load(Ordering::Relaxed) && !seen.swap(true, Ordering::Relaxed) {
            if let Some(path) = FILE.get_or_init(|| std::env::var("QUORATE_BLIND_SEEN").ok()) {
                let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
                let _ = file.and_then(|mut file| file.write_all(std::format!("{number}\\n").as_bytes()));
            }
        }
        let broken = || std::env::var("QUORATE_BLIND").ok().and_then(|n| n.parse().ok()).unwrap_or(u32::MAX);
        *BROKEN.get_or_init(broken) == number
    }
}
"""
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))


FRONT = "core/src/lib.rs"
# core has no std: where it has what cargo-mutants names.
NO_STD = (("vec![", "alloc::vec!["), ("Box::", "alloc::boxed::Box::"), ("::std::", "::core::"))


class Unfit(Exception):
    """A mutant that has no form with a switch."""


def offsets(text, span):
    """Where a span of cargo-mutants begins and ends, in bytes."""
    lines = text.split("\n")

    def offset(point):
        before = sum(len(line.encode()) + 1 for line in lines[: point["line"] - 1])
        return before + len(lines[point["line"] - 1][: point["column"] - 1].encode())

    return offset(span["start"]), offset(span["end"])


def place(root, mutant, begin, end):
    """(node, its new text as a function of how a node's parts are written) for one mutant."""
    node = root.descendant_for_byte_range(begin, max(begin, end - 1))
    genre, new = mutant["genre"], mutant["replacement"]
    if genre == "FnValue":
        while node and not (node.type == "block" and node.parent.type == "function_item"):
            node = node.parent
        return node, "body"
    if genre in ("BinaryOperator", "UnaryOperator"):
        wanted = {"BinaryOperator": ("binary_expression", "compound_assignment_expr"), "UnaryOperator": ("unary_expression",)}
        node = node.parent
        if not node or node.type not in wanted[genre]:
            raise Unfit(f"{mutant['name']}: the operator is in {node and node.type}")
        if genre == "UnaryOperator" and new:
            raise Unfit("a unary operator that is replaced")
        return node, genre
    wanted = {"MatchArm": "match_arm", "MatchArmGuard": "match_pattern", "StructField": "field_initializer"}[genre]
    while node and node.type not in (wanted, "shorthand_field_initializer" if genre == "StructField" else wanted):
        node = node.parent
    if not node:
        raise Unfit("no such place")
    if genre == "StructField":
        while node.type != "struct_expression":
            node = node.parent
    if genre == "MatchArm":
        node = next(child for child in node.children if child.type == "match_pattern")
    return node, genre


def rewrite(source, mutants, on):
    """The source with these (number, mutant) behind switches, and where each one's text is: [(begin, end, number)]."""
    text = source.decode()
    root = PARSER.parse(source).root_node
    places, unfit = {}, {}
    for number, mutant in mutants:
        begin, end = offsets(text, mutant["span"])
        try:
            node, form = place(root, mutant, begin, end)
            places.setdefault((node.start_byte, node.end_byte, node.type), []).append((number, mutant, form, begin, end))
        except (Unfit, AttributeError) as why:
            unfit[number] = str(why)

    def render(node, skip=None):
        """A node's text; `skip` is a byte range whose text is replaced: (begin, end, new)."""
        here = places.get((node.start_byte, node.end_byte, node.type), []) if skip is None else []
        plain = parts(node, skip)
        if not here or not node.is_named:
            return plain
        for number, mutant, form, begin, end in here:
            mark = f"/*<{number}*/"
            if form == "body":
                value = mutant["replacement"].strip()
                for word, there in NO_STD if on.startswith("crate") else ():
                    value = value.replace(word, there)
                value = "" if value == "()" else " " + value
                plain = f"{{{mark} if {on}({number}) {{ return{value}; }} /*>*/{plain[1:]}"
            elif form == "BinaryOperator":
                other = parts(node, (begin, end, mutant["replacement"]))
                brackets = "{}" if node.type == "compound_assignment_expr" else "()"
                plain = f"{brackets[0]}{mark}if {on}({number}) {{ {other} }} else {{ /*>*/{plain} }}{brackets[1]}"
            elif form == "UnaryOperator":
                other = parts(node, (begin, end, ""))
                plain = f"({mark}if {on}({number}) {{ {other} }} else {{ /*>*/{plain} }})"
            elif form == "StructField":
                tail = source[end:node.end_byte].decode()
                extent = end + len(tail) - len(tail.lstrip().removeprefix(","))
                other = parts(node, (begin, extent, ""))
                plain = f"({mark}if {on}({number}) {{ {other} }} else {{ /*>*/{plain} }})"
            elif form in ("MatchArm", "MatchArmGuard"):
                pattern, _, guard = plain.partition("/*if*/")
                guard = guard.strip()
                if form == "MatchArm":
                    guard = f"!{on}({number})" + (f" && ({guard})" if guard else "")
                elif mutant["replacement"] == "true":
                    guard = f"({on}({number}) || ({guard}))"
                else:
                    guard = f"(!{on}({number}) && ({guard}))"
                plain = f"{pattern} /*if*/{mark} {guard} /*>*/"
        return plain

    def parts(node, skip):
        """The node's text from its children's."""
        out, at = [], node.start_byte
        guarded = node.type == "match_pattern"
        for child in node.children:
            out.append(cut(at, child.start_byte, skip))
            if guarded and child.type == "if":
                out.append("/*if*/")
            elif skip and child.start_byte < skip[1] and child.end_byte > skip[0]:
                # What is replaced begins or lies in this child.
                inside = skip[0] <= child.start_byte and child.end_byte <= skip[1]
                out.append("" if inside and child.start_byte > skip[0] else skip[2] if inside else parts(child, skip))
            else:
                out.append(render(child))
            at = child.end_byte
        out.append(cut(at, node.end_byte, skip) if node.children else cut(node.start_byte, node.end_byte, skip))
        return "".join(out)

    def cut(begin, end, skip):
        if skip and begin < skip[1] and end > skip[0]:
            return source[begin : max(begin, skip[0])].decode() + source[min(end, skip[1]) : end].decode()
        return source[begin:end].decode()

    done = render(root)
    # Leading text of the file before the first child.
    done = source[: root.start_byte].decode() + done + source[root.end_byte :].decode()
    return re.sub(r"/\*if\*/", " if ", done), unfit


def install(tree, original, files, mutants):
    """Put switches for {number: mutant} into a scratch tree. Returns {number: why} of those that have no such form."""
    unfit = {}
    for file in files:
        here = [(number, mutant) for number, mutant in mutants.items() if mutant["file"] == file]
        on = "crate::blind::on" if file.startswith("core/") else "quorate_core::blind::on"
        text, not_here = rewrite(original(file), here, on)
        write(tree / file, text)
        unfit |= not_here
    write(tree / FRONT, original(FRONT).decode() + MODULE)
    return unfit


def write(path, text):
    """Only what differs: cargo builds anew what is newer."""
    if path.read_text() != text:
        path.write_text(text)


def blamed(tree, message, mutants, sure=False):
    """The numbers of the switches that an error of rustc is about; `sure`: it must be one of them."""
    numbers = set()
    spans = [*message["spans"], *(span for child in message["children"] for span in child["spans"])]
    for span in spans:
        text = (tree / span["file_name"]).read_bytes() if (tree / span["file_name"]).exists() else b""
        marks = list(re.finditer(rb"/\*<(\d+)\*/", text[: span["byte_end"]]))
        for mark in marks:
            close = text.find(b"/*>*/", mark.end())
            if close >= span["byte_start"] and mark.start() <= span["byte_end"] and int(mark[1]) in mutants:
                numbers.add(int(mark[1]))
        # A match that lacks an arm, since the one with the switch has a condition.
        after = re.search(rb"/\*<(\d+)\*/ !", (tree / span["file_name"]).read_bytes()[span["byte_end"] :] if text else b"")
        if not numbers and (message["code"] or {}).get("code") == "E0004" and after:
            numbers.add(int(after[1]))
        elif not numbers and marks and sure:
            # The value of a function that does not say which type it returns.
            numbers.add(int(marks[-1][1]))
    return numbers


def build(tree, target, commands, original, mutants):
    """Build all of `commands` with as many switches as compile: ({number: why not}, the programs by name)."""
    left_out, programs = {}, {}
    files = sorted({mutant["file"] for mutant in mutants.values()})
    while True:
        fit = {number: mutant for number, mutant in mutants.items() if number not in left_out}
        left_out |= install(tree, original, files, fit)
        guilty = {}
        for command in commands:
            environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
            found = subprocess.run(
                ["cargo", *command, "--message-format=json"], cwd=tree, env=environment, stdout=subprocess.PIPE, text=True
            )
            errors = []
            for said in (json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")):
                message = said.get("message")
                if said["reason"] == "compiler-message" and message["level"] == "error":
                    errors.append(message)
                    guilty |= dict.fromkeys(blamed(tree, message, fit), message["message"])
                elif said["reason"] == "compiler-artifact" and said["executable"]:
                    kind = "test" if said["profile"]["test"] else "program"
                    programs[f"{kind} {said['target']['name']} {said['target']['kind'][0]}"] = said["executable"]
            if found.returncode and not guilty:
                for message in errors:
                    guilty |= dict.fromkeys(blamed(tree, message, fit, True), message["message"])
            if found.returncode:
                break
        if not found.returncode:
            return left_out, programs
        if not guilty:
            raise SystemExit("the build fails, and no switch is to blame")
        print(f"  {len(guilty)} switches do not compile: {guilty}", flush=True)
        left_out |= guilty
