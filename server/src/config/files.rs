//! The keys that say how the data directory is kept.

use std::time::Duration;

use super::error::Mistake;
use super::typed::Typed;

/// How the data directory is kept, besides where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileSettings {
    /// `autopurge.*`: when older snapshots and logs are removed; `None`: never.
    pub autopurge: Option<Autopurge>,
    /// A log file longer than this many bytes is followed by a new one (`txnLogSizeLimitInKb`).
    pub txn_log_size_limit: Option<u64>,
    /// A snapshot is also taken after this many bytes of transactions (`snapSizeLimitInKb`).
    pub snap_size_limit: Option<u64>,
    /// Missing directories are made (`datadir.autocreate`).
    pub autocreate_dirs: bool,
    /// A sync that takes longer is worth a line in the log (`fsync.warningthresholdms`).
    pub fsync_warning: Duration,
}

/// When older snapshots and logs are removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Autopurge {
    /// How often, the first time at once (`autopurge.purgeInterval`).
    pub interval: Duration,
    /// How many of the newest snapshots stay, at least [`MIN_RETAINED`] (`autopurge.snapRetainCount`).
    pub retain: usize,
}

/// Fewer snapshots than this are never kept, as in ZooKeeper: the newest may turn out to be damaged.
pub const MIN_RETAINED: usize = 3;

/// 64 TiB: larger limits are none.
const MAX_KIB: i64 = 1 << 36;

/// Read the keys.
pub(super) fn settings(typed: &mut Typed) -> FileSettings {
    refuse_unsynced(typed);
    FileSettings {
        autopurge: autopurge(typed),
        txn_log_size_limit: kib(typed, "txnLogSizeLimitInKb"),
        snap_size_limit: match typed.get("snapSizeLimitInKb") {
            None => Some(4 << 30),
            Some(_) => kib(typed, "snapSizeLimitInKb"),
        },
        autocreate_dirs: typed.boolean("datadir.autocreate").unwrap_or(true),
        fsync_warning: Duration::from_millis(
            typed.number("fsync.warningthresholdms", 0, 3_600_000, " ms").unwrap_or(1000) as u64,
        ),
    }
}

/// Zero and less turn a limit off.
fn kib(typed: &mut Typed, key: &str) -> Option<u64> {
    let kib = typed.number(key, i64::MIN, MAX_KIB, " KiB")?;
    u64::try_from(kib).ok().filter(|kib| *kib > 0).map(|kib| kib * 1024)
}

/// A server that acknowledges what it has not synced makes the others rely on what it may forget.
fn refuse_unsynced(typed: &mut Typed) {
    if typed.boolean("forceSync") == Some(false)
        && let Some(place) = typed.get("forceSync").map(|(place, _)| place.clone())
    {
        typed.warn(
            &place,
            "is not followed: a server that acknowledges what it has not synced can lose it in a power \
             failure, and the ensemble with it; every write is synced",
        );
    }
}

fn autopurge(typed: &mut Typed) -> Option<Autopurge> {
    let retain = typed.number("autopurge.snapRetainCount", i64::MIN, i64::MAX, "").unwrap_or(3);
    let retain = usize::try_from(retain).unwrap_or(0);
    if retain < MIN_RETAINED
        && let Some(place) = typed.get("autopurge.snapRetainCount").map(|(place, _)| place.clone())
    {
        typed.warn(&place, "is raised to 3: the newest snapshot may turn out to be damaged");
    }
    let (place, text) = typed.get("autopurge.purgeInterval").map(|(p, v)| (p.clone(), v.to_owned()))?;
    let Some(interval) = parse_interval(&text) else {
        let allowed = "a number of hours, or a number with ms, s, m, h or d";
        typed.error_at(&place, Mistake::NotOneOf { value: text, allowed });
        return None;
    };
    (!interval.is_zero()).then_some(Autopurge { interval, retain: retain.max(MIN_RETAINED) })
}

/// Hours, or a number with a unit as ZooKeeper 3.10 takes it. Negative is never, like 0.
fn parse_interval(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let unit_ms: i64 = match unit.to_ascii_lowercase().as_str() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "" | "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let ms = number.trim().parse::<i64>().ok()?.max(0).checked_mul(unit_ms)?;
    Some(Duration::from_millis(ms.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::parse_interval;
    use std::time::Duration;

    #[test]
    fn intervals_have_units() {
        let hours = |n: u64| Some(Duration::from_secs(3600 * n));
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            ("-1", Some(Duration::ZERO)),
            ("24", hours(24)),
            ("24h", hours(24)),
            ("2D", hours(48)),
            ("30m", Some(Duration::from_secs(1800))),
            ("5s", Some(Duration::from_secs(5))),
            ("250ms", Some(Duration::from_millis(250))),
            ("", None),
            ("1w", None),
            ("soon", None),
            ("1.5", None),
            ("9223372036854775807d", None),
        ] {
            assert_eq!(parse_interval(text), expected, "{text:?}");
        }
    }
}
