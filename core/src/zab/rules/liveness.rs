//! Liveness: which connection of a learner counts, when it is given up, and until when a server may serve.

use crate::config::PeerConfig;
use crate::ids::{Link, Now};
use crate::mutation::mutated;
use crate::payload::Payload;
use crate::zab::learner_handler::LearnerHandler;
use crate::zab::lease::{Arrivals, term};
use crate::zab::member::Member;

// The leader.

/// Whether a new connection in a learner's name is refused: it is, while the learner `is_alive` on another.
#[inline]
pub(crate) fn refuses_newcomer(config: &PeerConfig<impl Payload>, is_alive: bool) -> bool {
    is_alive && !mutated!(config, NewcomerTakesOver)
}

/// Whether a packet counts that came over this connection: not if it has been replaced.
#[inline]
pub(crate) fn is_current(config: &PeerConfig<impl Payload>, learner: &LearnerHandler, link: Link) -> bool {
    learner.link == link || mutated!(config, OldGenerationAccepted)
}

/// Never in a shipped build: a learner whose connection is lost still counts.
#[inline]
pub(crate) fn lost_learner_counts(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, DisconnectedStillCounts)
}

/// Always in a shipped build: a leader that loses a learner looks whether a quorum is still there.
#[inline]
pub(crate) fn loss_is_checked(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, LossNotChecked)
}

/// Whether a learner is kept that is silent: for `syncLimit` ticks, and `initLimit` more while it is not in
/// service.
#[inline]
pub(crate) fn is_kept(config: &PeerConfig<impl Payload>, learner: &LearnerHandler) -> bool {
    let in_service = config.sync_limit;
    let limit = if learner.in_service() { in_service } else { in_service.saturating_add(config.init_limit) };
    learner.silent <= limit || mutated!(config, SilentFollowerKept)
}

/// Whether an established leader makes way because its own disk is late, while a quorum of others has gone on
/// without it. Where the others are no better nothing would be won.
#[inline]
pub(crate) fn is_outrun(m: &Member<impl Payload>, now: Now) -> bool {
    m.history.applied() > m.history.logged() && m.disk_is_late(now) && !mutated!(m.config, LateDiskLeads)
}

/// Whether a leader's `lease` is over: then it steps down.
#[inline]
pub(crate) fn lease_is_over(config: &PeerConfig<impl Payload>, lease: u64, now: Now) -> bool {
    now.elapsed_ms > lease && !mutated!(config, LeaseIgnored)
}

/// From when an answered ping counts: from when the ping was sent, not from when the answer was read.
#[inline]
pub(crate) fn ping_counts_from(config: &PeerConfig<impl Payload>, sent: u64, now: Now) -> u64 {
    if mutated!(config, LeaseFromReceipt) { now.elapsed_ms } else { sent }
}

/// Whether a learner's answer to a ping may renew the leader's lease: a voter's.
#[inline]
pub(crate) fn renews_lease(config: &PeerConfig<impl Payload>, learner: &LearnerHandler) -> bool {
    learner.voter && !mutated!(config, AnswersNotCounted)
}

// The learner.

/// Whether a learner that last `heard` its leader at this time must stop to serve: after `syncLimit + 1`
/// ticks.
#[inline]
pub(crate) fn has_lost_leader(config: &PeerConfig<impl Payload>, heard: u64, now: Now) -> bool {
    now.elapsed_ms > heard.saturating_add(term(config)) && !mutated!(config, LearnerLeaseIgnored)
}

/// After which time the leader said what a learner reads now: when everything that had arrived was last read.
#[inline]
pub(crate) fn said_after(config: &PeerConfig<impl Payload>, arrivals: Arrivals, now: Now) -> u64 {
    if mutated!(config, LearnerLeaseFromReceipt) { now.elapsed_ms } else { arrivals.since() }
}

/// Whether a packet of the leader lets a learner serve on: every packet does.
#[inline]
pub(crate) fn renews_learner_lease(config: &PeerConfig<impl Payload>, in_service: bool) -> bool {
    !(mutated!(config, LearnerLeaseNotRenewed) && in_service)
}
