//! Core stays pure: its source names no standard library, clock, thread, randomness or hidden state.
//!
//! `#![no_std]` and `forbid(unsafe_code)` make most of this a matter of compiling. Reading the source says
//! which file and line broke the rule, and covers what would compile. Examples are an `extern crate std`, an
//! atomic in a static, a `Cell` that a derived `Hash` does not see. Every import begins in core, alloc, this
//! crate or a listed dependency, and no dependency has its standard library switched on. What is compiled for
//! tests only is left out, as are comments and the contents of strings.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates that core may depend on: neither does I/O, reads a clock or draws random numbers.
const DEPENDENCIES: &[&str] = &["bytes", "crc32fast", "hashbrown", "postcard", "serde", "xxhash-rust"];

/// Words that core's source must not contain, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("std", "core, alloc, or hashbrown with a key from the configuration"),
    (
        "HashMap",
        "a BTreeMap, or a hashbrown::HashTable with a key from the configuration that is never iterated",
    ),
    (
        "HashSet",
        "a BTreeSet, or a hashbrown::HashTable with a key from the configuration that is never iterated",
    ),
    ("RandomState", "a key from the configuration"),
    ("SystemTime", "Now::wall_ms, an argument of step"),
    ("Instant", "Now::elapsed_ms, an argument of step"),
    ("thread_local", "a field of the value that owns it"),
    ("Cell", "a field and &mut self: what is hidden from Hash and Eq is hidden from the models"),
    ("RefCell", "a field and &mut self"),
    ("OnceCell", "a field that new() fills"),
    ("LazyCell", "a field that new() fills"),
    ("UnsafeCell", "a field and &mut self"),
    ("atomic", "a field and &mut self: one thread calls step"),
    ("Mutex", "a field and &mut self: one thread calls step"),
    ("print", "an Output"),
    ("println", "an Output"),
    ("eprint", "an Output"),
    ("eprintln", "an Output"),
    ("dbg", "an Output"),
    ("async", "an Output, and an Input when it is done"),
    ("await", "an Output, and an Input when it is done"),
    ("unsafe", "safe code"),
    ("static", "a const: what a static holds is shared by every value of this process"),
    ("ptr", "a reference: addresses differ from run to run"),
    ("arch", "code that is the same on every processor"),
    ("asm", "code that is the same on every processor"),
    ("env", "a setting in PeerConfig"),
    ("option_env", "a setting in PeerConfig"),
    ("include", "a module"),
    ("include_str", "a const in the source"),
    ("include_bytes", "a const in the source"),
    ("extern", "a dependency in Cargo.toml, or alloc in lib.rs"),
];

/// A banned word where it stands.
struct Finding {
    file: PathBuf,
    line: usize,
    word: String,
    instead: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { file, line, word, instead } = self;
        write!(f, "{}:{line}: `{word}` does not belong in core; use {instead}", file.display())
    }
}

/// One word or sign of Rust source.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Token {
    text: String,
    line: usize,
}

/// The words and signs of `source`, without comments, lifetimes and the contents of literals.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let (mut at, mut line, mut found) = (0, 1, Vec::new());
    let peek = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    while at < chars.len() {
        let c = chars[at];
        let begin = at;
        match c {
            '/' if peek(at + 1) == '/' => {
                while at < chars.len() && chars[at] != '\n' {
                    at += 1;
                }
            }
            '/' if peek(at + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (peek(at), peek(at + 1)) {
                        ('/', '*') => (depth, at) = (depth + 1, at + 2),
                        ('*', '/') => (depth, at) = (depth - 1, at + 2),
                        _ => at += 1,
                    }
                    if depth == 0 || at >= chars.len() {
                        break;
                    }
                }
            }
            '"' => at = after_string(&chars, at + 1),
            'r' | 'b' if raw_string(&chars, at).is_some() => {
                at = raw_string(&chars, at).expect("it is one");
            }
            'b' if peek(at + 1) == '"' => at = after_string(&chars, at + 2),
            '\'' if peek(at + 1) == '\\' => {
                at += 3;
                while at < chars.len() && chars[at] != '\'' {
                    at += 1;
                }
                at += 1;
            }
            '\'' if peek(at + 2) == '\'' => at += 3,
            '\'' => {
                at += 1;
                while is_word(peek(at)) {
                    at += 1;
                }
            }
            c if is_word(c) => {
                while is_word(peek(at)) {
                    at += 1;
                }
                found.push(Token { text: chars[begin..at].iter().collect(), line });
            }
            c => {
                if !c.is_whitespace() {
                    found.push(Token { text: c.to_string(), line });
                }
                at += 1;
            }
        }
        let end = at.min(chars.len());
        line += chars[begin..end].iter().filter(|c| **c == '\n').count();
    }
    found
}

/// The place behind a string whose first character is at `at`.
fn after_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The place behind the raw string (`r"…"`, `br#"…"#`) that begins at `at`, if one does.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let prefix = if chars[at] == 'b' { 2 } else { 1 };
    if chars.get(at + prefix - 1) != Some(&'r') {
        return None;
    }
    let hashes = chars[at + prefix..].iter().take_while(|c| **c == '#').count();
    let open = at + prefix + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes = |i: &usize| {
        chars[*i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    Some((open + 1..chars.len()).find(closes).map_or(chars.len(), |i| i + 1 + hashes))
}

/// What of `tokens` is compiled for tests only: each `#[cfg(test)]` item. Returns what remains, and
/// the names (or `#[path]`s) of modules in other files.
fn without_tests(source: &str) -> (Vec<Token>, Vec<String>) {
    let tokens = tokens(source);
    let lines: Vec<&str> = source.lines().collect();
    let starts_with = |i: usize, texts: &[&str]| {
        texts.iter().enumerate().all(|(k, t)| tokens.get(i + k).is_some_and(|x| x.text == *t))
    };
    let (mut rest, mut elsewhere, mut i) = (Vec::new(), Vec::new(), 0);
    while i < tokens.len() {
        if !starts_with(i, &["#", "[", "cfg", "(", "test", ")", "]"]) {
            rest.push(tokens[i].clone());
            i += 1;
            continue;
        }
        i += 7;
        let mut path = None;
        while starts_with(i, &["#", "["]) {
            if starts_with(i + 2, &["path", "="]) {
                path = lines[tokens[i].line - 1].split('"').nth(1).map(str::to_owned);
            }
            while i < tokens.len() && tokens[i].text != "]" {
                i += 1;
            }
            i += 1;
        }
        if starts_with(i, &["mod"]) && starts_with(i + 2, &[";"]) {
            elsewhere.push(path.unwrap_or_else(|| tokens[i + 1].text.clone()));
        }
        let mut depth = 0;
        while i < tokens.len() {
            match tokens[i].text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            let ends = depth == 0 && matches!(tokens[i].text.as_str(), "}" | ";");
            i += 1;
            if ends {
                break;
            }
        }
    }
    (rest, elsewhere)
}

/// Where a file's test-only modules are: what begins with one of these paths is not looked at.
fn test_modules(file: &Path, names: &[String]) -> Vec<PathBuf> {
    let dir = file.parent().expect("a file is in a directory");
    let stem = file.file_stem().and_then(|s| s.to_str()).expect("a name");
    let inner = if matches!(stem, "lib" | "mod") { dir.to_owned() } else { dir.join(stem) };
    let place = |name: &String| match name.strip_suffix(".rs") {
        Some(_) => vec![dir.join(name)],
        None => vec![inner.join(format!("{name}.rs")), inner.join(name)],
    };
    names.iter().flat_map(place).collect()
}

/// The banned words in what remains of a file.
fn findings(file: &Path, tokens: &[Token]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let next = |k: usize| tokens.get(i + k).map_or("", |t| t.text.as_str());
        // `extern crate alloc` is how a crate without a standard library names its allocator.
        if token.text == "extern" && next(1) == "crate" && next(2) == "alloc" {
            continue;
        }
        let is_atomic_type = token.text.starts_with("Atomic") && token.text.len() > "Atomic".len();
        let word = if is_atomic_type { "atomic" } else { token.text.as_str() };
        if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| *banned == word) {
            found.push(Finding {
                file: file.to_owned(),
                line: token.line,
                word: token.text.clone(),
                instead,
            });
        }
    }
    found
}

/// Where names may come from, besides modules and types of the file itself.
const ROOTS: &[&str] = &["core", "alloc", "crate", "self", "super"];

/// The crates that `tokens` import from and that are no root: name and line.
fn foreign_imports(tokens: &[Token]) -> Vec<(String, usize)> {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let declared = |i: &usize| text(i - 1) == "mod" || *i > 1 && text(i - 2) == "macro_rules";
    let of_the_file: BTreeSet<&str> = (1..tokens.len()).filter(declared).map(text).collect();
    let is_known = |name: &str| {
        ROOTS.contains(&name)
            || of_the_file.contains(name)
            || name.starts_with(char::is_uppercase)
            || DEPENDENCIES.iter().any(|dependency| dependency.replace('-', "_") == name)
    };
    let imports = (1..tokens.len()).filter(|i| text(i - 1) == "use");
    let roots = imports.flat_map(|i| match text(i) {
        ":" => vec![i + 2],
        // `use {a, b::c};`
        "{" => (i + 1..tokens.len())
            .take_while(|k| text(*k) != ";")
            .filter(|k| matches!(text(k - 1), "{" | ","))
            .collect(),
        _ => vec![i],
    });
    roots.filter(|i| !is_known(text(*i))).map(|i| (text(i).to_owned(), tokens[i].line)).collect()
}

/// The source of core that is not for tests alone, file by file.
fn shipped_sources() -> Vec<(PathBuf, Vec<Token>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeSet::new();
    rust_files(&root, &mut files);
    let mut sources = Vec::new();
    let mut for_tests = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let (rest, names) = without_tests(&source);
        for_tests.extend(test_modules(&file, &names));
        sources.push((file, rest));
    }
    sources.retain(|(file, _)| !for_tests.iter().any(|tests| file.starts_with(tests)));
    assert!(sources.len() > 50, "only {} files were found below {}", sources.len(), root.display());
    let below = |file: PathBuf| file.strip_prefix(&root).expect("below it").to_owned();
    sources.into_iter().map(|(file, rest)| (below(file), rest)).collect()
}

fn rust_files(dir: &Path, into: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display())) {
        let path = entry.expect("an entry of the directory").path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.insert(path);
        }
    }
}

#[test]
fn the_source_of_core_is_pure() {
    let sources = shipped_sources();
    let found = sources.iter().flat_map(|(file, rest)| findings(file, rest));
    let found: Vec<String> = found.map(|finding| finding.to_string()).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn imports_are_of_listed_crates() {
    let mut found = Vec::new();
    for (file, rest) in shipped_sources() {
        let imports = foreign_imports(&rest);
        found.extend(
            imports.into_iter().map(|(name, line)| format!("{}:{line}: imports {name}", file.display())),
        );
    }
    assert!(found.is_empty(), "core may import from {ROOTS:?} and {DEPENDENCIES:?}:\n{}", found.join("\n"));
}

#[test]
fn the_crate_declares_that_it_has_no_standard_library_and_no_unsafe_code() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("lib.rs");
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        assert!(lib.lines().any(|line| line == attribute), "src/lib.rs does not say {attribute}");
    }
}

#[test]
fn core_depends_on_nothing_that_touches_the_world() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("it");
    let mut section = "";
    let mut seen = BTreeSet::new();
    for (number, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            section = line;
            assert!(
                section == "[dev-dependencies]"
                    || !section.contains("dependencies.") && !section.contains("build"),
                "Cargo.toml:{}: list the dependency in [dependencies], where it is checked",
                number + 1
            );
        } else if let (true, Some((name, _))) = (section == "[dependencies]", line.split_once('=')) {
            let name = name.trim();
            let allowed = DEPENDENCIES.contains(&name);
            assert!(allowed, "Cargo.toml:{}: core may depend on {DEPENDENCIES:?}, not on {name}", number + 1);
            seen.insert(name);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), DEPENDENCIES, "the list is what core depends on");
}

/// No dependency has its standard library, or a default that could bring it.
#[test]
fn dependencies_are_without_their_standard_library() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(path).expect("a manifest");
    let (own, common) =
        (read(&core.join("Cargo.toml")), read(&core.parent().expect("the root").join("Cargo.toml")));
    let declaration = |name: &str| {
        let line = own.lines().find(|line| line.starts_with(&format!("{name} = "))).expect(name).to_owned();
        let elsewhere = common.lines().find(|common| common.starts_with(&format!("{name} = ")));
        if line.contains("workspace = true") { line + elsewhere.expect(name) } else { line }
    };
    for name in DEPENDENCIES {
        let line = declaration(name);
        assert!(line.contains("default-features = false"), "{name} has its default features: {line}");
        assert!(!line.contains("\"std\""), "{name} has its standard library: {line}");
    }
    assert!(!core.join("build.rs").exists(), "a build script could put anything into core");
}

#[test]
fn an_import_from_elsewhere_is_found() {
    let imports = |source| foreign_imports(&tokens(source));
    assert_eq!(imports("use std::io;\nuse ::libc::time;"), [("std".to_owned(), 1), ("libc".to_owned(), 2)]);
    assert_eq!(imports("use {alloc::vec, std::io};"), [("std".to_owned(), 1)]);
    assert_eq!(imports("mod a;\npub use a::B;\nuse alloc::vec;\nuse xxhash_rust::xxh3;\nuse Kind::*;"), []);
}

/// The words found in `source`, with their lines.
fn found_in(source: &str) -> Vec<(String, usize)> {
    let (rest, _) = without_tests(source);
    findings(Path::new("x.rs"), &rest).into_iter().map(|f| (f.word, f.line)).collect()
}

#[test]
fn every_banned_word_is_found_where_it_stands() {
    for (word, _) in BANNED.iter().filter(|(word, _)| *word != "extern") {
        let source = format!("//! One.\n\nfn f() {{\n    {word}::g();\n}}\n");
        assert_eq!(found_in(&source), [((*word).to_owned(), 4)], "{source}");
    }
    for (source, word) in [
        ("static mut COUNT: u8 = 0;", "static"),
        ("static TABLE: [u8; 2] = [1, 2];", "static"),
        ("const COUNT: AtomicU64 = AtomicU64::new(0);", "AtomicU64"),
        ("extern crate rand;", "extern"),
        ("/* a /* nested */ comment */ use std::io;", "std"),
        ("const A: &str = r#\"x\"#; unsafe { a() }", "unsafe"),
        ("let c = '\"'; std::process::exit(1)", "std"),
        ("fn f<'a>(x: &'a str) { println!(\"{x}\") }", "println"),
        ("#[cfg(test)]\nmod tests { use std::io; }\nuse std::time::Instant;", "std"),
    ] {
        assert_eq!(found_in(source).first().map(|(w, _)| w.as_str()), Some(word), "{source}");
    }
}

#[test]
fn what_is_not_code_or_only_for_tests_is_not_found() {
    for source in [
        "// std::time::Instant\n",
        "/// `unsafe` is not needed. /* async\n",
        "const A: &str = \"std::io and an \\\" unsafe\";",
        "const A: &str = r#\"std \" unsafe\"#;",
        "const A: &[u8] = b\"static mut\";",
        "fn f<'std>(x: &'static str) -> char { '\\'' }",
        "extern crate alloc;",
        "#[cfg(test)]\nextern crate std;",
        "#[cfg(test)]\nmod tests {\n    use std::vec;\n    fn f() { if x { std::y() } }\n}\n",
        "use crate::standard::Cellar;",
    ] {
        assert_eq!(found_in(source), [], "{source}");
    }
}

#[test]
fn modules_for_tests_are_found_in_their_files() {
    let (_, names) =
        without_tests("#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"x_tests.rs\"]\nmod other;\n");
    assert_eq!(names, ["tests", "x_tests.rs"]);
    let at = |file: &str| test_modules(Path::new(file), &names);
    assert_eq!(
        at("tree/store.rs"),
        ["tree/store/tests.rs", "tree/store/tests", "tree/x_tests.rs"].map(PathBuf::from)
    );
    assert_eq!(at("tree/mod.rs"), ["tree/tests.rs", "tree/tests", "tree/x_tests.rs"].map(PathBuf::from));
}
