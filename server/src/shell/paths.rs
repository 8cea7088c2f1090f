//! Paths as they are typed: what is wrong with them, in the words of ZooKeeper's client.

use super::failure::Failure;

/// A path that a znode can have.
///
/// # Errors
/// What is wrong, with the place counted in UTF-16 units from 0.
pub(super) fn check(path: &str) -> Result<(), Failure> {
    let wrong = match path.as_bytes() {
        [] => "Path length must be > 0".to_owned(),
        b"/" => return Ok(()),
        [first, ..] if *first != b'/' => "Path must start with / character".to_owned(),
        [.., b'/'] => "Path must not end with / character".to_owned(),
        _ => match reason(path) {
            Some(reason) => format!("Invalid path string \"{}\" caused by {reason}", super::show::name(path)),
            None => return Ok(()),
        },
    };
    Err(Failure::new(wrong))
}

/// A path to create, to which a number may be appended.
///
/// # Errors
/// As [`check`].
pub(super) fn check_new(path: &str, sequential: bool) -> Result<(), Failure> {
    if sequential { check(&format!("{path}1")) } else { check(path) }
}

fn reason(path: &str) -> Option<String> {
    let units: Vec<u16> = path.encode_utf16().collect();
    let at = |i: usize| units.get(i).copied();
    let (slash, dot) = (u16::from(b'/'), u16::from(b'.'));
    for i in 1..units.len() {
        let (unit, last) = (units[i], units[i - 1]);
        let ends = at(i + 1).is_none_or(|next| next == slash);
        let what = match unit {
            0 => "null character not allowed",
            _ if unit == slash && last == slash => "empty node name specified",
            _ if unit == dot && last == dot => {
                if i >= 2 && at(i - 2) == Some(slash) && ends {
                    "relative paths not allowed"
                } else {
                    continue;
                }
            }
            _ if unit == dot && last == slash && ends => "relative paths not allowed",
            0x1..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff => "invalid character",
            _ => continue,
        };
        return Some(format!("{what} @{i}"));
    }
    None
}

/// The path of a child.
pub(super) fn child(parent: &str, name: &str) -> String {
    format!("{}/{name}", parent.trim_end_matches('/'))
}

/// The name of a znode: what follows the last slash.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Whether a path is another one, or below it.
pub(super) fn is_at_or_below(path: &str, top: &str) -> bool {
    top == "/" || path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quorate_core::tree::path;

    #[test]
    fn what_is_wrong_with_a_path() {
        for (path, wrong) in [
            ("", "Path length must be > 0"),
            ("a", "Path must start with / character"),
            ("/a/", "Path must not end with / character"),
            ("/a//b", "Invalid path string \"/a//b\" caused by empty node name specified @3"),
            ("/a/./b", "Invalid path string \"/a/./b\" caused by relative paths not allowed @3"),
            ("/a/..", "Invalid path string \"/a/..\" caused by relative paths not allowed @4"),
            ("/a\u{1}", "Invalid path string \"/a\\x01\" caused by invalid character @2"),
            ("/\0", "Invalid path string \"/\\x00\" caused by null character not allowed @1"),
        ] {
            assert_eq!(check(path).unwrap_err().text(), wrong);
        }
        assert!(check_new("/a/", true).is_ok() && check_new("/a/", false).is_err());
    }

    #[test]
    fn above_and_below() {
        assert_eq!(child("/", "a"), "/a");
        assert_eq!(child("/a", "b"), "/a/b");
        assert!(is_at_or_below("/a/b", "/a") && is_at_or_below("/a", "/a") && is_at_or_below("/a", "/"));
        assert!(!is_at_or_below("/ab", "/a"));
    }

    proptest! {
        #[test]
        fn the_same_paths_are_refused_as_by_servers(text in "/?[a./\u{1}\u{e4}\u{f900}\u{fff1}]{0,8}") {
            prop_assert_eq!(check(&text).is_ok(), path::validate(&text).is_ok(), "{:?}", text);
        }
    }
}
