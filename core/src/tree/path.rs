//! Which strings are znode paths, and whose child a path is.

/// Why a string is no path (`PathUtils.validatePath`; answered with BADARGUMENTS).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PathError {
    /// The string is empty.
    Empty,
    /// The path does not start with `/`.
    NotAbsolute,
    /// The path ends with `/` and is not the root.
    TrailingSlash,
    /// Two slashes in a row.
    EmptyComponent,
    /// A component is `.` or `..`.
    Relative,
    /// A character that no path may contain.
    Character(char),
}

/// Whether a znode may have this path.
///
/// Control characters and surrogates (and so everything outside the basic plane) are refused. So are the
/// private area up to U+F8FF and U+FFF0 to U+FFFF. `PathUtils.validatePath` refuses the same.
pub fn validate(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    let Some(relative) = path.strip_prefix('/') else { return Err(PathError::NotAbsolute) };
    if relative.is_empty() {
        return Ok(());
    }
    if relative.ends_with('/') {
        return Err(PathError::TrailingSlash);
    }
    for component in relative.split('/') {
        match component {
            "" => return Err(PathError::EmptyComponent),
            "." | ".." => return Err(PathError::Relative),
            _ => {}
        }
        if let Some(bad) = component.chars().find(|c| !is_allowed(*c)) {
            return Err(PathError::Character(bad));
        }
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    !matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}' | '\u{10000}'..)
}

/// Everything before the last slash: the parent of a well-formed path, and what the server looks
/// up before it knows whether the path is well-formed. `None` if there is no slash.
///
/// The root is its own parent here: `create "/"` is answered with NODEEXISTS, not NONODE.
pub fn parent(path: &str) -> Option<&str> {
    let slash = path.rfind('/')?;
    Some(if slash == 0 { "/" } else { &path[..slash] })
}

/// The canonical name of the root: `/` (on disk and in digests it is the empty string).
pub const ROOT: &str = "/";

/// The znodes that are always there and cannot be deleted.
pub const SYSTEM: [&str; 4] = [ROOT, "/zookeeper", "/zookeeper/quota", CONFIG];

/// Where the ensemble's configuration is shown.
pub const CONFIG: &str = "/zookeeper/config";

/// Whether the path may be deleted as far as its form is concerned (`delete` does not validate
/// more than this).
pub fn may_be_deleted(path: &str) -> bool {
    path.contains('/') && !path.contains('\0') && !SYSTEM.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    #[test]
    fn good_paths() {
        for path in ["/", "/a", "/a/b", "/a.b/..c/...", "/ä/\u{d7ff}", "/\u{f900}\u{ffef}", "/a b/~"] {
            assert_eq!(validate(path), Ok(()), "{path:?}");
        }
    }

    #[test]
    fn bad_paths() {
        let cases = [
            ("", PathError::Empty),
            ("a", PathError::NotAbsolute),
            ("a/b", PathError::NotAbsolute),
            ("/a/", PathError::TrailingSlash),
            ("//", PathError::TrailingSlash),
            ("//x", PathError::EmptyComponent),
            ("/a//b", PathError::EmptyComponent),
            ("/.", PathError::Relative),
            ("/a/../b", PathError::Relative),
            ("/a/..", PathError::Relative),
            ("/a\0", PathError::Character('\0')),
            ("/\u{1}", PathError::Character('\u{1}')),
            ("/\u{7f}", PathError::Character('\u{7f}')),
            ("/\u{9f}", PathError::Character('\u{9f}')),
            ("/\u{e000}", PathError::Character('\u{e000}')),
            ("/\u{fffd}", PathError::Character('\u{fffd}')),
            ("/\u{1f600}", PathError::Character('\u{1f600}')),
        ];
        for (path, error) in cases {
            assert_eq!(validate(path), Err(error), "{path:?}");
        }
    }

    #[test]
    fn parents() {
        let cases = [
            ("/a", Some("/")),
            ("/a/b", Some("/a")),
            ("/", Some("/")),
            ("/a/", Some("/a")),
            ("abc", None),
            ("x/y", Some("x")),
        ];
        for (path, expected) in cases {
            assert_eq!(parent(path), expected, "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn a_valid_path_has_a_valid_parent(path in "(/[a-c.]{0,2}){0,4}") {
            if validate(&path).is_ok() {
                let parent = parent(&path).expect("a slash");
                prop_assert_eq!(validate(parent), Ok(()));
            }
        }

        #[test]
        fn any_string_is_judged(path in any::<String>()) {
            let _ = validate(&path);
            let _ = parent(&path);
        }
    }
}
