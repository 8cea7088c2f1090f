//! Waiting for something to become true, never longer than a deadline and never for a fixed time.

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// Whether `holds` becomes true within `limit`.
pub(crate) fn eventually(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

/// The first `Some` that `find` gives within [`PATIENCE`].
///
/// # Panics
/// With `what` if there is none.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    let holds = eventually(PATIENCE, || {
        found = find();
        found.is_some()
    });
    assert!(holds, "not within {PATIENCE:?}: {what}");
    found.expect("holds only if there is something")
}
