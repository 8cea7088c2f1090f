//! Broadcast: how requests become proposals, proposals are committed, and syncs are answered.

use alloc::collections::VecDeque;

use crate::config::PeerConfig;
use crate::ids::{Epoch, Zxid};
use crate::mutation::mutated;
use crate::payload::Payload;
use crate::zab::learner_handler::LearnerHandler;
use crate::zab::member::Member;

// The leader.

/// Whether what learners have asked is taken up: while much waits for the leader's own disk it waits too.
#[inline]
pub(crate) fn takes_up_parked(m: &Member<impl Payload>) -> bool {
    !m.has_backlog() && !mutated!(m.config, ParkedForgotten)
}

/// The epoch that requests are ordered in: the leader's, once it is established.
#[inline]
pub(crate) fn orders_in(
    config: &PeerConfig<impl Payload>,
    established: Option<Epoch>,
    chosen: Option<Epoch>,
) -> Option<Epoch> {
    if mutated!(config, LeaderServesEarly) { established.or(chosen) } else { established }
}

/// The zxid of the next proposal: the one after the last, or the first of the epoch. `None` when the counter
/// is exhausted: the next leader begins a new epoch.
#[inline]
pub(crate) fn next_zxid(m: &Member<impl Payload>, epoch: Epoch) -> Option<Zxid> {
    let last = m.history.last();
    let before = if mutated!(m.config, EpochNotInZxid) {
        last
    } else if mutated!(m.config, CounterNotReset) {
        Zxid::new(epoch, last.counter())
    } else {
        last.max(Zxid::new(epoch, 0))
    };
    before.next()
}

/// Whether a learner is sent proposals: every voter, from the moment its synchronisation was cut.
#[inline]
pub(crate) fn gets_proposals(config: &PeerConfig<impl Payload>, learner: &LearnerHandler) -> bool {
    let only_in_service = mutated!(config, ProposalOnlyInService);
    learner.voter && learner.forwarding() && (!only_in_service || learner.in_service())
}

/// Whether a learner is sent COMMIT: a voter in service. One that is being synchronised is told behind
/// UPTODATE (ZOOKEEPER-4394).
#[inline]
pub(crate) fn gets_commit(config: &PeerConfig<impl Payload>, learner: &LearnerHandler) -> bool {
    let told = learner.in_service() || mutated!(config, CommitDuringSync) && learner.forwarding();
    learner.voter && told
}

/// Whether a learner is sent INFORM: an observer, which can take it at any time once its synchronisation was
/// cut.
#[inline]
pub(crate) fn gets_inform(config: &PeerConfig<impl Payload>, learner: &LearnerHandler) -> bool {
    !learner.voter && learner.forwarding() && !mutated!(config, ObserverNotInformed)
}

/// The zxid in COMMIT: that of the proposal which is committed, the oldest outstanding one.
#[inline]
pub(crate) fn commit_names(m: &Member<impl Payload>, committed: Zxid) -> Zxid {
    if mutated!(m.config, CommitsOutOfOrder) { m.history.last() } else { committed }
}

/// The proposal that a `sync` waits for: the newest outstanding one. `None`: no proposal is outstanding.
#[inline]
pub(crate) fn sync_waits_for(m: &Member<impl Payload>) -> Option<Zxid> {
    let last = m.history.last();
    if last == m.history.applied() || mutated!(m.config, SyncNotDelayed) {
        return None;
    }
    let oldest = if mutated!(m.config, SyncWaitsForOldest) { m.history.oldest_unapplied() } else { None };
    Some(oldest.unwrap_or(last))
}

/// The next `sync` that a leader answers now that `zxid` is committed: the oldest, if it waits for no later
/// proposal.
#[inline]
pub(crate) fn next_answered<A, B>(
    config: &PeerConfig<impl Payload>,
    syncs: &mut VecDeque<(Zxid, A, B)>,
    zxid: Zxid,
) -> Option<(Zxid, A, B)> {
    if syncs.front().is_none_or(|(waits_for, ..)| *waits_for > zxid) {
        return None;
    }
    if mutated!(config, SyncsNewestFirst) { syncs.pop_back() } else { syncs.pop_front() }
}

/// Never in a shipped build: of the syncs that wait for one commit, one is answered.
#[inline]
pub(crate) fn answers_one_sync(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, SyncsNotDrained)
}

/// The proposal that the answer to a learner's question about a session waits for, if any.
///
/// An observer hears of no proposal before it is committed. When it lets a client in, it has been informed of
/// all that the leader had proposed for the session before. None of that can be taken for the answer to a
/// request that the client sends from now on. A follower has those proposals, and needs not wait. ZooKeeper
/// answers at once.
#[inline]
pub(crate) fn revalidation_waits_for<P: Payload>(m: &Member<P>, voter: bool) -> Option<Zxid> {
    let last = m.history.last();
    let waits = !voter && last > m.history.applied() && !mutated!(m.config, ObserverAnsweredEarly);
    waits.then_some(last)
}

/// Always in a shipped build: a leader answers a learner that asks about a session.
#[inline]
pub(crate) fn answers_revalidation(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, RevalidationNotAnswered)
}

// The learner.

/// Whether a voter acknowledges a proposal that is on its disk: one of this leader's epoch, and only behind
/// NEWLEADER (ZOOKEEPER-4685).
#[inline]
pub(crate) fn may_acknowledge(
    config: &PeerConfig<impl Payload>,
    epoch: Epoch,
    zxid: Zxid,
    newleader_acked: bool,
) -> bool {
    let in_turn = newleader_acked || mutated!(config, ProposalAckForNewLeader);
    zxid.epoch() == epoch && in_turn && !acknowledges_before_it_is_durable(config)
}

/// Never in a shipped build: a proposal is acknowledged when it is logged, not when it is on disk.
#[inline]
pub(crate) fn acknowledges_before_it_is_durable(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, AckBeforeSync)
}

/// Up to where COMMIT makes a learner apply: the proposal that it names.
#[inline]
pub(crate) fn commit_point(m: &Member<impl Payload>, zxid: Zxid) -> Zxid {
    if mutated!(m.config, CommitAppliesAll) { m.history.last() } else { zxid }
}

/// The `sync` that the leader's answer is for: the oldest of those that a learner has sent.
#[inline]
pub(crate) fn next_synced<T>(config: &PeerConfig<impl Payload>, syncs: &mut VecDeque<T>) -> Option<T> {
    if mutated!(config, LearnerSyncsNewestFirst) { syncs.pop_back() } else { syncs.pop_front() }
}
