//! Commands that look at subtrees: `tree`, `find`, `du`.

use std::collections::BTreeMap;

use serde_json::json;

use super::call::Call;
use super::failure::Failure;
use super::walk::{Found, Unreadable, walk};
use super::{paths, show, values};

/// The most levels that make a difference.
const ALL: usize = usize::MAX;

pub(super) async fn tree(call: &Call<'_>) -> Result<(), Failure> {
    let levels = call.number("L", ALL)?;
    let found = walk(call, call.arg(0), levels, Unreadable::Said).await?;
    if call.out.is_json() {
        for node in &found {
            call.out
                .value(&json!({ "path": node.path, "depth": node.depth, "stat": values::stat(&node.stat) }));
        }
    } else {
        draw(&found).iter().for_each(|line| call.out.line(line));
    }
    Ok(())
}

/// A line for each znode, the children of each below it.
fn draw(found: &[Found]) -> Vec<String> {
    let Some(top) = found.first() else { return Vec::new() };
    let mut children: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for node in &found[1..] {
        let parent = node.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        children.entry(if parent.is_empty() { "/" } else { parent }).or_default().push(node);
    }
    let mut lines = vec![show::name(&top.path).into_owned()];
    // Znodes to draw, the next one last: what stands in front of its children, whether it is a last child.
    let mut waiting: Vec<(&Found, String, bool)> = Vec::new();
    let mut push = |waiting: &mut Vec<_>, path: &str, front: &str| {
        let below = children.remove(path).unwrap_or_default();
        let count = below.len();
        let each = below.into_iter().enumerate().map(|(i, node)| (node, front.to_owned(), i + 1 == count));
        waiting.extend(each.rev());
    };
    push(&mut waiting, &top.path, "");
    while let Some((node, front, is_last)) = waiting.pop() {
        let (branch, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let name = show::name(paths::base_name(&node.path));
        lines.push(format!("{front}{branch}{name}{}", owner(node.stat.ephemeral_owner)));
        push(&mut waiting, &node.path, &format!("{front}{below}"));
    }
    lines
}

/// What is said of a znode that goes with its session.
fn owner(session: i64) -> String {
    if session == 0 { String::new() } else { format!("  (ephemeral, session 0x{session:x})") }
}

pub(super) async fn find(call: &Call<'_>) -> Result<(), Failure> {
    let levels = call.number("L", ALL)?;
    let (name, data) = (call.parsed.value("name"), call.parsed.value("data"));
    for node in walk(call, call.arg(0), levels, Unreadable::Said).await? {
        if call.out.closed() {
            break;
        }
        if (call.parsed.has("e") && node.stat.ephemeral_owner == 0)
            || name.is_some_and(|name| !matches(name, paths::base_name(&node.path)))
        {
            continue;
        }
        if let Some(text) = data {
            // It may have gone, or may not be read: then it does not match.
            let Ok(content) = call.content(&node.path, false).await else { continue };
            if !contains(content.data.as_deref().unwrap_or_default(), text.as_bytes()) {
                continue;
            }
        }
        call.out.answer(
            || show::name(&node.path).into_owned(),
            || json!({ "path": node.path, "stat": values::stat(&node.stat) }),
        );
    }
    Ok(())
}

/// Whether data contains a text; an empty one is in all.
fn contains(data: &[u8], text: &[u8]) -> bool {
    text.is_empty() || data.windows(text.len()).any(|part| part == text)
}

/// Whether a name is of this form: `*` is any text, `?` any character.
fn matches(form: &str, name: &str) -> bool {
    let (form, name): (Vec<char>, Vec<char>) = (form.chars().collect(), name.chars().collect());
    let (mut f, mut n) = (0, 0);
    // Where the last `*` stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match form.get(f) {
            Some('*') => {
                star = Some((f, n));
                f += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                f += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (f, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    form[f..].iter().all(|c| *c == '*')
}

/// What a subtree holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sum {
    znodes: u64,
    bytes: u64,
}

pub(super) async fn du(call: &Call<'_>) -> Result<(), Failure> {
    let levels = call.number("L", 1)?;
    let found = walk(call, call.arg(0), ALL, Unreadable::Said).await?;
    let sums = sums(&found, levels);
    call.out.line(&format!("{:>12} {:>9}  path", "bytes", "znodes"));
    for (path, sum) in sums {
        call.out.answer(
            || format!("{:>12} {:>9}  {}", sum.bytes, sum.znodes, show::name(path)),
            || json!({ "path": path, "bytes": sum.bytes, "znodes": sum.znodes }),
        );
    }
    Ok(())
}

/// For each znode down to a depth, what is in its subtree, the largest first.
fn sums(found: &[Found], levels: usize) -> Vec<(&str, Sum)> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for node in found.iter().rev() {
        // Each comes behind its parent, so everything below it is in its sum already.
        let bytes = u64::try_from(node.stat.data_length).unwrap_or(0);
        let own = sums.entry(&node.path).or_default();
        own.znodes += 1;
        own.bytes += bytes;
        let own = *own;
        if node.depth > 0
            && let Some((parent, _)) = node.path.rsplit_once('/')
        {
            let above = sums.entry(if parent.is_empty() { "/" } else { parent }).or_default();
            above.znodes += own.znodes;
            above.bytes += own.bytes;
        }
        if node.depth > levels {
            sums.remove(node.path.as_str());
        }
    }
    let mut list: Vec<_> = sums.into_iter().collect();
    list.sort_by_key(|(path, sum)| (std::cmp::Reverse((sum.bytes, sum.znodes)), *path));
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_client::{Stat, Zxid};

    fn found(nodes: &[(&str, usize, i32)]) -> Vec<Found> {
        let zxid = Zxid(1);
        let stat = |data_length| Stat {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: 0,
            mtime: 0,
            version: 0,
            cversion: 0,
            aversion: 0,
            ephemeral_owner: 0,
            data_length,
            num_children: 0,
        };
        nodes
            .iter()
            .map(|(path, depth, len)| Found { path: (*path).to_owned(), depth: *depth, stat: stat(*len) })
            .collect()
    }

    #[test]
    fn a_tree_is_drawn_with_its_branches() {
        let nodes = found(&[
            ("/", 0, 0),
            ("/a", 1, 0),
            ("/b", 1, 0),
            ("/a/x", 2, 0),
            ("/a/y", 2, 0),
            ("/a/x/1", 3, 0),
        ]);
        let lines = ["/", "├── a", "│   ├── x", "│   │   └── 1", "│   └── y", "└── b"];
        assert_eq!(draw(&nodes), lines);
        assert_eq!(draw(&found(&[("/a", 0, 0), ("/a/b", 1, 0)])), ["/a", "└── b"]);
    }

    #[test]
    fn sums_are_of_whole_subtrees() {
        let nodes = found(&[("/", 0, 1), ("/a", 1, 10), ("/b", 1, 7), ("/a/x", 2, 100), ("/a/x/1", 3, 1000)]);
        let sum = |znodes, bytes| Sum { znodes, bytes };
        assert_eq!(sums(&nodes, 1), [("/", sum(5, 1118)), ("/a", sum(3, 1110)), ("/b", sum(1, 7))]);
        assert_eq!(sums(&nodes, 0), [("/", sum(5, 1118))]);
    }

    #[test]
    fn names_of_a_form() {
        for (form, name, expected) in [
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
            ("?b?", "abc", true),
            ("?", "", false),
            ("abc", "abd", false),
            ("*\u{e4}", "x\u{e4}", true),
        ] {
            assert_eq!(matches(form, name), expected, "{form} {name}");
        }
        assert!(contains(b"abc", b"bc") && contains(b"", b"") && !contains(b"ab", b"abc"));
    }
}
