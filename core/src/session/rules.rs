//! The rules of the session tracker as pure functions (`SessionTrackerImpl`, `ExpiryQueue`).
//!
//! Rules are broken on purpose here, and nowhere in the tracker itself (see `mutation.rs`).

use super::expiry::ExpiryQueue;
use crate::mutation::mutated;
use crate::payload::Origin;

/// Whether a session may be kept alive: not once its end is proposed (`closing`).
#[inline]
pub(super) fn may_be_touched(queue: &ExpiryQueue, closing: bool) -> bool {
    !closing || mutated!(queue, ClosingSessionTouched)
}

/// Whether a session may still write: not once its end is proposed, or an ephemeral would outlive it
/// (ZOOKEEPER-1208).
#[inline]
pub(super) fn may_write(queue: &ExpiryQueue, closing: bool) -> bool {
    !closing || mutated!(queue, ClosingSessionCreates)
}

/// Whether a server may speak for a session: the one that serves it (`checkSession`).
#[inline]
pub(super) fn may_speak(queue: &ExpiryQueue, from: Origin, owner: Origin) -> bool {
    owner == from || mutated!(queue, OwnerNotChecked)
}

/// The bucket in which a session expires: the one after that in which its time is over
/// (`roundToNextInterval`).
#[inline]
pub(super) fn bucket(queue: &ExpiryQueue, tick_ms: u64, over_ms: u64) -> u64 {
    let up = if mutated!(queue, BucketRoundsDown) { 0 } else { tick_ms };
    let late = if mutated!(queue, BucketTooLate) { tick_ms } else { 0 };
    (over_ms / tick_ms * tick_ms).saturating_add(up + late)
}
