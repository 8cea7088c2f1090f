//! One value: is it what its key wants, and what does it mean?

use std::time::Duration;

use super::error::Mistake;
use super::keys::{Key, Kind, Treatment};

/// Whether `text` is a value of this kind.
pub(super) fn check(kind: Kind, text: &str) -> Result<(), Mistake> {
    match kind {
        Kind::Bool => boolean(kind, text).map(drop),
        Kind::Number { .. } => number(kind, text).map(drop),
        Kind::Interval => interval(text).map(drop),
        Kind::OneOf(words) if !words.iter().any(|word| word.eq_ignore_ascii_case(text)) => {
            Err(Mistake::NotOneOf { value: text.to_owned(), allowed: words })
        }
        Kind::Directory | Kind::File if text.is_empty() => {
            Err(Mistake::Missing(if kind == Kind::File { "a file" } else { "a directory" }))
        }
        Kind::Word(_) | Kind::OneOf(_) | Kind::Directory | Kind::File | Kind::Text(_) => Ok(()),
    }
}

/// What a person may have meant otherwise than it is taken.
pub(super) fn doubt(key: &Key, text: &str) -> Option<String> {
    match key.kind {
        Kind::Word(word) if text != word && text != key.default && key.treatment == Treatment::Honoured => {
            Some(format!("{text:?} means {}: only {word:?} has an effect, as in ZooKeeper", key.default))
        }
        _ => None,
    }
}

/// What a person may have meant for a comment: only whole lines are comments.
pub(super) fn comment(text: &str) -> Option<String> {
    let at = text.find([' ', '\t'])?;
    let rest = text[at..].trim_start();
    let meant = rest.starts_with(['#', '!']) || rest.starts_with("//");
    meant.then(|| format!("the value is {text:?}: a comment must have a line of its own"))
}

/// True or false; for [`Kind::Word`] whether it is that word.
pub(super) fn boolean(kind: Kind, text: &str) -> Result<bool, Mistake> {
    match kind {
        Kind::Word(word) => Ok(text == word),
        Kind::OneOf(_) if text.eq_ignore_ascii_case("yes") => Ok(true),
        Kind::OneOf(_) if text.eq_ignore_ascii_case("no") => Ok(false),
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Mistake::NotABoolean { value: text.to_owned() }),
    }
}

/// A number within its limits; `None` for the value that stands for an absent key.
pub(super) fn number(kind: Kind, text: &str) -> Result<Option<i64>, Mistake> {
    let Kind::Number { min, max, unit, unset } = kind else { return Ok(None) };
    match integer(text) {
        None => Err(Mistake::NotANumber { value: text.to_owned() }),
        Some(value) if Some(value) == unset => Ok(None),
        Some(value) if value < min || value > max => Err(Mistake::OutOfRange { value, min, max, unit }),
        Some(value) => Ok(Some(value)),
    }
}

/// Decimal, or hexadecimal with `0x` (Java's `Integer.getInteger` takes both).
fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Hours, or a number with a unit as ZooKeeper 3.10 takes it. Negative is never, like 0.
pub(super) fn interval(text: &str) -> Result<Duration, Mistake> {
    let bad = || Mistake::NotAnInterval { value: text.to_owned() };
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let unit_ms: i64 = match unit.to_ascii_lowercase().as_str() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "" | "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(bad()),
    };
    let number: i64 = number.trim().parse().map_err(|_| bad())?;
    let ms = number.max(0).checked_mul(unit_ms).ok_or_else(bad)?;
    Ok(Duration::from_millis(ms.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_units() {
        let (second, hour) = (1000, 3_600_000);
        for (text, ms) in [
            ("0", 0),
            ("-1", 0),
            ("24", 24 * hour),
            ("24h", 24 * hour),
            ("2D", 48 * hour),
            ("30m", hour / 2),
            ("90 s", 90 * second),
            ("250ms", 250),
        ] {
            assert_eq!(interval(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "h", "1w", "soon", "1.5", "9223372036854775807d", "99999999999999999999"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn comments_behind_values_are_seen() {
        for text in ["/x # the fast disk", "/x\t# y", "yes ! no", "/x // y"] {
            assert!(comment(text).is_some_and(|why| why.contains("line of its own")), "{text}");
        }
        for text in ["/x", "/x#y", "/my data/x", "", "#"] {
            assert_eq!(comment(text), None, "{text}");
        }
    }

    #[test]
    fn numbers() {
        let kind = Kind::Number { min: 2, max: 100, unit: "ms", unset: Some(-1) };
        assert_eq!(number(kind, "0x10"), Ok(Some(16)));
        assert_eq!(number(kind, "-1"), Ok(None));
        assert_eq!(
            number(kind, "101"),
            Err(Mistake::OutOfRange { value: 101, min: 2, max: 100, unit: "ms" })
        );
        assert_eq!(number(kind, "2 "), Err(Mistake::NotANumber { value: "2 ".to_owned() }));
    }
}
