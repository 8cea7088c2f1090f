//! The pages are true where they speak of this program and of the repository: commands, counts, paths,
//! dependencies.

#[path = "../../tests/pages/mod.rs"]
mod library;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use quorate_spec::models::{catalogue, deep};
use quorate_spec::replay::{RULES, Rule};

use crate::Cli;
use library::{Code, Page, Program, none, pages, root};

/// Folders at the root of the repository: what begins with one of these is a path.
const FOLDERS: &[&str] = &[".ci", "checks", "core", "docs", "server", "spec", "tests"];
/// Endings of files that are kept in the repository.
const ENDINGS: &[&str] = &[".rs", ".md", ".py", ".sh", ".toml", ".txt", ".yml"];
/// Files that the pages name and that are ZooKeeper's.
const OF_ZOOKEEPER: &[&str] = &["zkServer.sh", "zkServer-initialize.sh", "zookeeper-env.sh"];

fn all_code() -> Vec<Code> {
    pages().iter().flat_map(Page::code).collect()
}

#[test]
fn commands_can_be_typed_as_they_are_written() {
    let names = &["quorate-checks", "checks", "cargo run --release -p quorate-checks --"];
    none(&Program { names, command: Cli::command }.misspelt());
}

#[test]
fn steps_of_ci_exist() {
    let script = fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    let code = all_code();
    let named =
        code.iter().filter_map(|code| Some((&code.place, code.text.trim().strip_prefix(".ci/run ")?)));
    let named: Vec<_> =
        named.flat_map(|(place, steps)| steps.split(' ').map(move |step| (place, step))).collect();
    assert!(named.len() > 2, "{named:?}");
    let steps = named.iter().take_while(|(_, step)| *step != "#");
    let wrong = steps.filter(|(_, step)| !script.contains(&format!("\nstep_{step}() {{")));
    none(&wrong.map(|(place, step)| format!("{place}: .ci/run has no step `{step}`")).collect::<Vec<_>>());
}

#[test]
fn what_cargo_is_told_to_run_exists() {
    let manifest = |package: &str| package.strip_prefix("quorate-").unwrap_or("server").to_owned();
    let mut wrong = Vec::new();
    for code in all_code().iter().filter(|code| code.text.trim().starts_with("cargo ")) {
        let words: Vec<&str> = code.text.split_whitespace().take_while(|word| *word != "#").collect();
        let after = |flag: &str| words.iter().skip_while(|word| **word != flag).nth(1);
        let folder = after("-p").map_or_else(|| "server".to_owned(), |package| manifest(package));
        let file = |kind: &str, name: &str| root().join(&folder).join(kind).join(format!("{name}.rs"));
        let named = [("--test", "tests"), ("--example", "examples"), ("--bench", "benches")];
        let missing = named.iter().filter_map(|(flag, kind)| Some(file(kind, after(flag)?)));
        // A file, a folder, or a file beside those of all packages.
        let of_all = |path: &Path| path.file_name().map(|name| root().join("tests").join(name));
        let exists = |path: &Path| path.exists() || path.with_extension("").join("main.rs").exists();
        let missing = missing.filter(|path| !exists(path) && !of_all(path).is_some_and(|path| exists(&path)));
        wrong.extend(missing.map(|path| format!("{}: there is no {}", code.place, path.display())));
        if !root().join(&folder).join("Cargo.toml").exists() {
            wrong.push(format!("{}: there is no package in {folder}", code.place));
        }
    }
    none(&wrong);
}

/// Every file and directory of the repository, with `/` before it and, if it is a directory, behind it.
fn repository() -> Vec<String> {
    fn below(directory: &Path, name: &str, into: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap_or_else(|why| panic!("{}: {why}", directory.display())) {
            let entry = entry.expect("an entry");
            let part = entry.file_name().into_string().expect("a name in UTF-8");
            if name == "/" && (part == "target" || part.starts_with('.') && part != ".ci") {
                continue;
            }
            if entry.file_type().expect("a type").is_dir() {
                let name = format!("{name}{part}/");
                into.push(name.clone());
                below(&entry.path(), &name, into);
            } else {
                into.push(format!("{name}{part}"));
            }
        }
    }
    let mut found = Vec::new();
    below(&root(), "/", &mut found);
    found
}

/// Whether a word is meant as a path of this repository.
fn is_path(word: &str) -> bool {
    let characters = |c: char| c.is_ascii_alphanumeric() || "._-/*".contains(c);
    let inside =
        FOLDERS.iter().any(|folder| word.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    let file = ENDINGS.iter().any(|ending| word.ends_with(ending) && word.len() > ending.len());
    word.chars().all(characters)
        && (inside || (file || word.ends_with('/')) && !word.starts_with('/'))
        && !OF_ZOOKEEPER.contains(&word)
}

/// Whether something in the repository has this path, or a path that ends with it. One `*` stands for
/// anything.
fn exists(path: &str, repository: &[String]) -> bool {
    let path = format!("/{path}");
    let (before, after) = path.split_once('*').unwrap_or((&path, ""));
    repository.iter().any(|there| {
        let there = if path.ends_with('/') { there } else { there.trim_end_matches('/') };
        match path.contains('*') {
            true => there.rfind(before).is_some_and(|at| there[at + before.len()..].ends_with(after)),
            false => there.ends_with(&path),
        }
    })
}

#[test]
fn paths_exist() {
    let repository = repository();
    let code = all_code();
    let words = code
        .iter()
        .filter(|code| !code.in_block)
        .map(|code| (&code.place, code.text.split(':').next().unwrap_or_default()));
    let paths: Vec<_> = words.filter(|(_, path)| is_path(path)).collect();
    assert!(paths.len() > 100, "only {} paths are found", paths.len());
    let wrong = paths.iter().filter(|(_, path)| !exists(path, &repository));
    none(&wrong.map(|(place, path)| format!("{place}: there is no `{path}`")).collect::<Vec<_>>());
}

#[test]
fn a_path_that_does_not_exist_is_noticed() {
    let repository = ["/core/", "/core/src/", "/core/src/peer.rs", "/spec/a.txt"].map(str::to_owned);
    for path in ["core/src/peer.rs", "peer.rs", "src/", "core/src", "spec/*.txt"] {
        assert!(exists(path, &repository), "{path}");
    }
    for path in ["core/peer.rs", "eer.rs", "sr", "spec/*.rs"] {
        assert!(!exists(path, &repository), "{path}");
    }
    assert!(is_path("core/x") && is_path("x.rs") && is_path("zab/"));
    assert!(!is_path("/proc") && !is_path("a b/") && !is_path(".py") && !is_path("read/write"));
}

/// Folders that tools leave behind.
const LEFT_BEHIND: &[&str] = &["__pycache__", "node_modules"];

#[test]
fn the_table_of_folders_is_complete() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the page");
    let table =
        page.split("<!-- folders -->").nth(1).and_then(|rest| rest.split("<!-- end of folders -->").next());
    let rows =
        table.expect("the table").lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let named: BTreeSet<String> = rows.map(str::to_owned).collect();
    let there = repository().into_iter().filter(|path| path.ends_with('/'));
    let there = there.map(|path| path.trim_start_matches('/').to_owned());
    let there = there.filter(|path| !LEFT_BEHIND.iter().any(|name| path.contains(name)));
    let there: BTreeSet<String> = there.collect();
    let named_only =
        named.difference(&there).map(|path| format!("docs/ARCHITECTURE.md: there is no folder `{path}`"));
    let missing = there
        .difference(&named)
        .map(|path| format!("docs/ARCHITECTURE.md does not name the folder `{path}`"));
    none(&named_only.chain(missing).collect::<Vec<_>>());
}

/// The places that the links of a page lead to. Nothing in a block is a link.
fn links(page: &Page) -> Vec<&str> {
    let prose = page.text.split("```").step_by(2);
    prose.flat_map(|text| text.split("](").skip(1).filter_map(|rest| rest.split(')').next())).collect()
}

/// The anchors of the headings of a page, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    let pages = pages();
    for page in &pages {
        for link in links(page).into_iter().filter(|link| !link.starts_with("http")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let here = root().join(page.name);
            let there = if path.is_empty() { here } else { here.parent().expect("a folder").join(path) };
            let Ok(text) = fs::read_to_string(&there) else {
                if !there.is_dir() {
                    wrong.push(format!("{}: there is no {link}", page.name));
                }
                continue;
            };
            if !anchor.is_empty() && !anchors(&text).contains(anchor) {
                wrong.push(format!("{}: {link} has no such heading", page.name));
            }
        }
    }
    none(&wrong);
}

/// How many variants an enum has, by its source.
fn variants(file: &str, name: &str) -> usize {
    let source = fs::read_to_string(root().join(file)).expect(file);
    let begin = source.find(&format!("pub enum {name} {{\n")).unwrap_or_else(|| panic!("{file}: no {name}"));
    let body = source[begin..].split("\n}\n").next().expect("an end");
    let is_one = |line: &&str| line.starts_with("    ") && line.as_bytes()[4].is_ascii_uppercase();
    body.lines().skip(1).filter(|line| line.len() > 4).filter(is_one).count()
}

/// The numbers in a text: groups of three digits may be separated by commas.
fn numbers(text: &str) -> Vec<usize> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != ',');
    words.filter_map(|word| word.replace(',', "").parse().ok()).collect()
}

/// A number with a comma before each group of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group));
    groups.collect::<Vec<_>>().join(",")
}

/// What the last full run of the mutants came to: rules, bugs, killed, survivors with a reason.
fn mutants() -> [usize; 4] {
    let text = fs::read_to_string(root().join("checks/results/mutants.md")).expect("the results");
    let line = text.lines().find(|line| line.contains(" historic bugs: ")).expect("the sum");
    numbers(line)[..4].try_into().expect("four numbers")
}

#[test]
fn counts_are_those_of_the_program() {
    let words =
        ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"];
    let [rules, bugs, killed, reasoned] = mutants();
    let broken =
        variants("core/src/mutation.rs", "Mutation") + variants("client/src/mutation.rs", "Mutation");
    assert_eq!(rules + bugs, broken, "checks/results/mutants.md is older than the broken rules");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let rust = manifest
        .split("rust-version = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a version");
    let stated = [
        ("README.md", format!("{rust} or later")),
        ("docs/OPERATING.md", format!("{rust} or later")),
        ("README.md", format!("`run` searches {} models to the end", catalogue().len())),
        ("README.md", format!("`mutants` breaks {broken} rules")),
        (
            "docs/ARCHITECTURE.md",
            format!("There are {} places", variants("server/src/storage/disk.rs", "SyncPoint")),
        ),
        ("docs/ARCHITECTURE.md", format!("{} alarms", words[variants("core/src/timer.rs", "Timer")])),
        (
            "docs/VERIFICATION.md",
            format!("{rules} rules and {bugs} bugs, of which {killed} are noticed and {reasoned} survives"),
        ),
    ];
    let two = catalogue().into_iter().find(|model| model.name == "zab-two").expect("zab-two").unique;
    let row = format!("| different states | not published | {} |", grouped(two));
    let stated = stated.into_iter().chain([("checks/results/README.md", row)]);
    let pages = pages();
    let text = |name: &str| {
        let page = pages.iter().find(|page| page.name == name).expect(name);
        page.text.split_whitespace().filter(|word| *word != ">").collect::<Vec<_>>().join(" ")
    };
    let wrong = stated.filter(|(page, sentence)| !text(page).contains(sentence));
    none(&wrong.map(|(page, sentence)| format!("{page} does not say: {sentence}")).collect::<Vec<_>>());
}

#[test]
fn rules_about_clients_are_told() {
    let page = fs::read_to_string(root().join("docs/VERIFICATION.md")).expect("the page");
    let row = |rule: &Rule| format!("| {} | {} | {} |\n", rule.name, rule.claim, rule.source);
    let missing = RULES.iter().map(row).filter(|row| !page.contains(row));
    none(&missing.map(|row| format!("docs/VERIFICATION.md does not say: {row}")).collect::<Vec<_>>());
}

/// The number after which a table of a model's result says `what`.
fn cell(result: &str, what: &str) -> Option<usize> {
    let row = result.lines().find(|line| line.starts_with(&format!("| {what} |")))?;
    numbers(row).first().copied()
}

#[test]
fn results_of_the_deep_tier_are_those_of_their_files() {
    let page = fs::read_to_string(root().join("checks/results/README.md")).expect("the page");
    let mut rows = 0;
    for (name, row) in
        page.lines().filter_map(|line| Some((line.strip_prefix("| [`")?.split('`').next()?, line)))
    {
        let result = fs::read_to_string(root().join(format!("checks/results/{name}.md"))).expect(name);
        let found = ["states generated", "unique states"].map(|what| cell(&result, what).expect(what));
        assert!(found.iter().all(|number| numbers(row).contains(number)), "{found:?} are not in: {row}");
        rows += 1;
    }
    assert!(rows > 2, "only {rows} rows name a result");
}

/// Wherever a page gives a number of states, models or mutants in digits, a search has come to it.
#[test]
fn no_other_count_is_stated() {
    let (models, deep) = (catalogue(), deep());
    let [rules, bugs, killed, reasoned] = mutants();
    let mut states: BTreeSet<usize> = models.iter().map(|model| model.unique).collect();
    states.insert(models.iter().map(|model| model.unique).sum());
    states.extend(deep.iter().filter_map(|model| model.unique));
    for model in &deep {
        let result = root().join("checks/results").join(format!("{}.md", model.name));
        states.extend(numbers(&fs::read_to_string(result).unwrap_or_default()));
    }
    let known = [
        ("states", states),
        ("models", [models.len(), deep.len()].into()),
        ("mutants", [rules, rules + bugs].into()),
        ("rules", [rules, rules + bugs, killed, reasoned].into()),
    ];
    let mut wrong = Vec::new();
    for page in &pages() {
        let words: Vec<&str> = page.text.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            let noun = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
            let Some((_, right)) = known.iter().find(|(known, _)| *known == noun) else { continue };
            let before = words[at.saturating_sub(2)..at].iter().rev().find(|word| **word != "unique");
            let number = before.and_then(|word| numbers(word.trim_matches(['(', ','])).first().copied());
            if number.is_some_and(|number| !right.contains(&number)) {
                wrong.push(format!(
                    "{}: {} {noun}, which nothing has come to",
                    page.name,
                    number.unwrap_or_default()
                ));
            }
        }
    }
    none(&wrong);
}

/// Names of the dependencies of a crate in `Cargo.toml`: always there, only with a feature.
fn dependencies(folder: &str) -> [Vec<String>; 2] {
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("the manifest");
    let section = manifest.split("\n[dependencies]\n").nth(1).expect("dependencies").split("\n[").next();
    let lines = section.expect("the section").lines().filter_map(|line| line.split_once(" = "));
    let (optional, always): (Vec<_>, Vec<_>) = lines.partition(|(_, what)| what.contains("optional = true"));
    [always, optional].map(|lines| lines.into_iter().map(|(name, _)| name.to_owned()).collect())
}

#[test]
fn dependencies_are_those_of_the_manifests() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the page").replace('\n', " ");
    let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let client = "tokio`, `json` or `postcard";
    for (folder, feature) in
        [("core", "recording"), ("spec", ""), ("checks", ""), ("server", ""), ("client", client)]
    {
        let [always, optional] = dependencies(folder);
        let mut right = format!("Dependencies: {}", list(&always));
        if !optional.is_empty() {
            right += &format!("; with the feature `{feature}` also {}", list(&optional));
        }
        let right = format!("<!-- dependencies: {folder} --> {right}. <!-- end of dependencies -->");
        assert!(page.contains(&right), "docs/ARCHITECTURE.md does not say, in lines of any length:\n{right}");
    }
}
