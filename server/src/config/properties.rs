//! Java's properties syntax: the text of a `zoo.cfg` as keys, values and line numbers.
//!
//! Source: `java.util.Properties.load` — comments (`#`, `!`), the separators `=`, `:` and blank,
//! continuation lines, and the escapes `\t \n \r \f \uXXXX`. Text is read as UTF-8.

/// One `key=value` of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// The key, unescaped.
    pub(crate) key: String,
    /// The value, unescaped, without blanks around it.
    pub(crate) value: String,
    /// The line (from 1) on which it begins.
    pub(crate) line: usize,
}

/// A `\u` that is not followed by four hexadecimal digits: the one mistake this syntax knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadEscape {
    /// The line (from 1) on which the entry begins.
    pub(crate) line: usize,
}

/// Every entry in the order of the file, duplicates included.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, BadEscape> {
    let mut entries = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start_matches(BLANKS);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while is_continued(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches(BLANKS)),
                None => break,
            }
        }
        let line = index + 1;
        let (key, value) = split(&logical);
        let unescape = |raw| unescape(raw).ok_or(BadEscape { line });
        entries.push(Entry { key: unescape(key)?, value: unescape(value)?.trim().to_owned(), line });
    }
    Ok(entries)
}

const BLANKS: [char; 3] = [' ', '\t', '\x0c'];

/// An odd number of backslashes at the end joins the next line.
fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The first unescaped separator ends the key; blanks around one `=` or `:` are part of it.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, c)| {
            let separates = !escaped && (BLANKS.contains(c) || matches!(c, '=' | ':'));
            escaped = *c == '\\' && !escaped;
            separates
        })
        .map_or(line.len(), |(i, _)| i);
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start_matches(BLANKS);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(BLANKS))
}

fn unescape(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    let mut units: Vec<u16> = Vec::new();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                        return None;
                    }
                    units.push(u16::from_str_radix(&digits, 16).ok()?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        out.push_str(&String::from_utf16_lossy(&units));
        units.clear();
        out.push(plain);
    }
    out.push_str(&String::from_utf16_lossy(&units));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String, usize)> {
        parse(text).unwrap().into_iter().map(|e| (e.key, e.value, e.line)).collect()
    }

    fn one(text: &str) -> (String, String) {
        let all = pairs(text);
        assert_eq!(all.len(), 1, "{text:?}");
        (all[0].0.clone(), all[0].1.clone())
    }

    #[test]
    fn comments_and_blank_lines_count_as_lines() {
        let text = "# a\n\n! b\n  tickTime=2000\n\tdataDir = /var/lib \n";
        let expected = vec![("tickTime".into(), "2000".into(), 4), ("dataDir".into(), "/var/lib".into(), 5)];
        assert_eq!(pairs(text), expected);
    }

    #[test]
    fn every_separator_ends_the_key() {
        for text in ["k=v", "k:v", "k v", "k\tv", "k = v", "k  :  v", "k=v  ", "k=v\r\n"] {
            assert_eq!(one(text), ("k".into(), "v".into()), "{text:?}");
        }
        assert_eq!(one("server.1=h:2888:3888;2181").1, "h:2888:3888;2181");
        assert_eq!(one("k == v").1, "= v");
        assert_eq!(one("k").1, "");
    }

    #[test]
    fn escapes_and_continuations() {
        assert_eq!(one("a\\=b=c"), ("a=b".into(), "c".into()));
        assert_eq!(one("k=a\\\n   b"), ("k".into(), "ab".into()));
        assert_eq!(one("k=a\\\\"), ("k".into(), "a\\".into()));
        assert_eq!(one("k=\\u0041\\ud83d\\ude00z").1, "A😀z");
        assert_eq!(one("k=C\\:\\\\dir").1, "C:\\dir");
        assert_eq!(one("k=a\\").1, "a");
        assert_eq!(parse("ok=1\nk=\\u00g1"), Err(BadEscape { line: 2 }));
        assert_eq!(parse("k=\\u12"), Err(BadEscape { line: 1 }));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn plain_pairs_come_back(key in "[a-zA-Z0-9._]{1,20}", value in "[!-\\[\\]-~]{0,20}") {
            prop_assume!(!value.starts_with(['=', ':']));
            prop_assert_eq!(one(&format!("{key}={value}")), (key, value));
        }
    }
}
