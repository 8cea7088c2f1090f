//! How the leader learns that sessions live, and how they end.

use crate::ids::Now;
use crate::mutation::mutated;
use crate::pipeline::settings::Settings;

/// Never in a shipped build: a session ends with its connection.
#[inline]
pub(in crate::pipeline) fn connection_ends_session(settings: &Settings) -> bool {
    mutated!(settings, ConnectionEndsSession)
}

/// From when a new leader counts the timeout of each session, in milliseconds: from the beginning of its
/// reign.
#[inline]
pub(in crate::pipeline) fn heard_by_new_leader(settings: &Settings, now: Now) -> u64 {
    if mutated!(settings, NewLeaderKeepsDeadlines) { 0 } else { now.elapsed_ms }
}

/// Always in a shipped build: a new leader knows the sessions of the leaders before it.
#[inline]
pub(in crate::pipeline) fn new_leader_knows_sessions(settings: &Settings) -> bool {
    !mutated!(settings, LeaderForgetsSessions)
}

/// The clock by which sessions expire, in milliseconds: setting the time of day changes nothing.
#[inline]
pub(in crate::pipeline) fn expiry_clock(settings: &Settings, now: Now) -> u64 {
    if mutated!(settings, ExpiryByWallClock) { now.wall_ms.unsigned_abs() } else { now.elapsed_ms }
}

/// Always in a shipped build: a session lives on that a learner has heard from.
#[inline]
pub(in crate::pipeline) fn touches_count(settings: &Settings) -> bool {
    !mutated!(settings, TouchIgnored)
}

/// Never in a shipped build: a session that comes to another server is refused there.
#[inline]
pub(in crate::pipeline) fn moved_session_is_refused(settings: &Settings) -> bool {
    mutated!(settings, MovedSessionRefused)
}

/// Never in a shipped build: a learner that asks about a session that has ended is told that it lives.
#[inline]
pub(in crate::pipeline) fn ended_session_is_revalidated(settings: &Settings) -> bool {
    mutated!(settings, EndedSessionRevalidated)
}

/// Never in a shipped build: a state that is installed leaves the sessions as they were.
#[inline]
pub(in crate::pipeline) fn install_keeps_sessions(settings: &Settings) -> bool {
    mutated!(settings, InstallKeepsSessions)
}
