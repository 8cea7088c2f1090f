//! Discovery: which epoch a leader begins, which one a learner promises, and with what history.

use crate::config::PeerConfig;
use crate::ids::{EPOCH_LEAP, Epoch, LAST_EPOCH, Zxid};
use crate::mutation::mutated;
use crate::payload::Payload;
use crate::zab::learner_handler::Promise;
use crate::zab::member::Member;

// The leader.

/// Whether a leader of `epoch` makes way because a learner has promised a later epoch to another leader.
/// Only a voter can make it, and only once the leader has led for `initLimit` (`settled`).
#[inline]
pub(crate) fn makes_way(
    config: &PeerConfig<impl Payload>,
    epoch: Epoch,
    accepted: Epoch,
    voter: bool,
    settled: bool,
) -> bool {
    let counts = voter || mutated!(config, ObserverEndsReign);
    let yields = settled || mutated!(config, YieldsAtOnce);
    accepted > epoch && counts && yields
}

/// The latest epoch that one server's claim can move a leader to: [`EPOCH_LEAP`] beyond the leader's own.
#[inline]
pub(crate) fn within_reach(config: &PeerConfig<impl Payload>, claimed: Epoch, own: Epoch) -> Epoch {
    if mutated!(config, EpochLeapsAnywhere) {
        return claimed;
    }
    claimed.min(own.saturating_add(EPOCH_LEAP))
}

/// The epoch of a new leader: one more than the latest that its quorum has promised
/// (`Leader.getEpochToPropose`). `None` when there is no later one.
#[inline]
pub(crate) fn new_epoch(config: &PeerConfig<impl Payload>, latest: Epoch) -> Option<Epoch> {
    if mutated!(config, EpochIsMax) {
        return Some(latest.max(1));
    }
    (latest < LAST_EPOCH).then(|| latest + 1)
}

/// Never in a shipped build: a leader offers its epoch to the learners before the epoch is on its own disk.
#[inline]
pub(crate) fn offers_epoch_before_it_is_durable(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, OwnPromiseNotAwaited)
}

/// Whether a voter has a later history than the leader: a later currentEpoch, or a later transaction in the
/// same one (`StateSummary.isMoreRecentThan`). Such a voter is sent away.
#[inline]
pub(crate) fn is_ahead(m: &Member<impl Payload>, promise: Promise) -> bool {
    let (epoch, own_last) = (m.current_epoch, m.history.last());
    let last = promise.last;
    let ahead = promise.current.is_some_and(|current| {
        if mutated!(m.config, AheadByZxidOnly) {
            last > own_last
        } else if mutated!(m.config, AheadByEpochOnly) {
            current > epoch
        } else if mutated!(m.config, AheadByPromisedEpoch) {
            (current, last) > (m.accepted_epoch, own_last)
        } else {
            (current, last) > (epoch, own_last)
        }
    });
    ahead && !mutated!(m.config, AheadFollowerIgnored)
}

/// Never in a shipped build: a leader serves clients as soon as its history is chosen.
#[inline]
pub(crate) fn serves_before_it_is_established(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, LeaderServesEarly)
}

/// Never in a shipped build: a leader is established before a quorum has acknowledged NEWLEADER.
#[inline]
pub(crate) fn is_established_before_its_quorum(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, UpToDateBeforeQuorum)
}

// The learner.

/// Whether a learner may follow a leader of this epoch: not if it has promised a later one.
#[inline]
pub(crate) fn may_follow(m: &Member<impl Payload>, epoch: Epoch) -> bool {
    epoch >= m.accepted_epoch || mutated!(m.config, OldEpochAccepted)
}

/// The currentEpoch that a learner sends with the second promise of one epoch: none, so that the promise does
/// not count again. The first may have been to another leader.
#[inline]
pub(crate) fn current_of_repeated_promise(m: &Member<impl Payload>) -> Option<Epoch> {
    mutated!(m.config, EqualEpochPromisedAgain).then_some(m.current_epoch)
}

/// Never in a shipped build: a learner sends ACKEPOCH before acceptedEpoch is on its disk.
#[inline]
pub(crate) fn promises_before_it_is_durable(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, AcceptedEpochNotSaved) || mutated!(config, AcceptedEpochAtNewLeader)
}

/// What a learner says of its history in ACKEPOCH. `current` is the currentEpoch that it had; none if this
/// promise must not count.
///
/// A learner that `wants_state` says that it has nothing. That is not true, so its promise does not count.
/// Nor does one of a server that may have lost its disk: it knows of nothing that it had.
#[inline]
pub(crate) fn promise(m: &Member<impl Payload>, current: Option<Epoch>, wants_state: bool) -> Promise {
    if wants_state {
        let current = mutated!(m.config, StatelessPromiseCounts).then_some(m.current_epoch);
        return Promise { current, last: Zxid::ZERO };
    }
    let vouched_for = m.trusted || mutated!(m.config, LostDiskPromises);
    let current = current.filter(|epoch| vouched_for || *epoch > 0);
    Promise { current, last: m.history.last() }
}

/// Never in a shipped build: a learner raises currentEpoch with its promise, before it has a history.
#[inline]
pub(crate) fn enters_epoch_with_its_promise(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, CurrentEpochAtPromise)
}
