//! A line that is typed → its words, with quotes, as ZooKeeper's shell breaks it.

/// What separates words.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

/// The words of a line. A word that begins with a quote goes to the next such quote, without both; a quote
/// inside a word is a character like others. A quote that is never closed is left out.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start_matches(is_space);
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let (word, left) = match (first, after.find(first)) {
            ('"' | '\'', Some(end)) => (&after[..end], &after[end + 1..]),
            ('"' | '\'', None) => {
                // What follows is read as if the quote were not there.
                rest = after.trim_start_matches(is_space);
                continue;
            }
            _ => rest.split_at(rest.find(is_space).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = left.trim_start_matches(is_space);
    }
    words
}

/// Where the last word of an unfinished line begins, and the words in front of it.
pub(super) fn last_word(line: &str) -> (usize, Vec<String>) {
    let start = line.rfind(is_space).map_or(0, |at| at + 1);
    (start, words(&line[..start]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_and_spaces() {
        for (line, expected) in [
            ("ls /", &["ls", "/"][..]),
            ("  ls \t / ", &["ls", "/"]),
            ("set /a \"two words\"", &["set", "/a", "two words"]),
            ("set /a 'it is \"so\"'", &["set", "/a", "it is \"so\""]),
            ("set /a ''", &["set", "/a", ""]),
            ("set /a a\"b c\"", &["set", "/a", "a\"b", "c\""]),
            ("set /a \"open end", &["set", "/a", "open", "end"]),
            ("a'b''c", &["a'b''c"]),
            ("'a''b'", &["a", "b"]),
            ("", &[]),
            ("   ", &[]),
            ("\"", &[]),
        ] {
            assert_eq!(words(line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_last_word_is_what_is_being_typed() {
        assert_eq!(last_word("ls -s /a"), (6, vec!["ls".to_owned(), "-s".to_owned()]));
        assert_eq!(last_word("ls "), (3, vec!["ls".to_owned()]));
        assert_eq!(last_word("l"), (0, vec![]));
    }

    proptest! {
        #[test]
        fn any_line_has_words(line in "[a-c\"' \\t/\u{e4}]{0,30}") {
            for word in words(&line) {
                prop_assert!(line.contains(&word));
            }
        }
    }
}
