//! Synchronisation: what a leader sends so that a learner has its history, and what the learner does with it.

use crate::config::PeerConfig;
use crate::ids::{Epoch, Zxid};
use crate::mutation::mutated;
use crate::payload::Payload;
use crate::zab::learner_handler::{Promise, Stage};
use crate::zab::member::Member;
use crate::zab::sync_plan::{SyncPlan, sync_plan};

// The leader.

/// Up to where a learner is told that the history is committed. Everything before the epoch is its initial
/// history: told as committed, because ZooKeeper's learners put only what is committed on disk before they
/// acknowledge NEWLEADER. No learner applies it before UPTODATE (ZOOKEEPER-3911).
#[inline]
pub(crate) fn told_as_committed(m: &Member<impl Payload>, epoch: Epoch) -> Zxid {
    if mutated!(m.config, UncommittedSentAsCommitted) {
        return m.history.last().max(Zxid::new(epoch, 0));
    }
    m.applied_for_clients(epoch)
}

/// How a learner that has said this of its history is brought to the leader's. `initial`: the leader is not
/// established.
pub(crate) fn plan(m: &Member<impl Payload>, promise: Promise, committed: Zxid, initial: bool) -> SyncPlan {
    let last = promise.last;
    let window_ignored = mutated!(m.config, WindowIgnored) && last < m.history.base();
    if mutated!(m.config, SyncAlwaysDiff) || window_ignored {
        return SyncPlan::Diff { after: last };
    }
    if !initial && is_proposed_again(m, last) {
        let applied = m.history.applied();
        // Where there is no transaction to truncate to, a state takes the place of the log.
        return if applied.counter() > 0 { SyncPlan::Trunc { to: applied } } else { SyncPlan::Snap };
    }
    if needs_whole_state(m, promise) {
        return SyncPlan::Snap;
    }
    sync_plan(&m.history, last, committed, m.diff_limit(), m.config.max_txn)
}

/// Whether a learner has proposals of an established leader that are not committed yet: they are proposed
/// again. A ZooKeeper follower matches COMMITs only with proposals of its own connection, and serves all that
/// its log had when it connected.
#[inline]
fn is_proposed_again(m: &Member<impl Payload>, last: Zxid) -> bool {
    let applied = m.history.applied();
    let kept = applied.counter() == 0 && mutated!(m.config, TailKeptWithoutBase);
    last > applied && m.history.passes(last) && !kept
}

/// Whether a learner must be sent a whole state because it says that it has nothing. One that says nothing of
/// its epoch either may have more.
#[inline]
fn needs_whole_state(m: &Member<impl Payload>, promise: Promise) -> bool {
    let says_nothing = promise.last == Zxid::ZERO && promise.current.is_none();
    says_nothing && m.history.last() > Zxid::ZERO && !mutated!(m.config, ReplacedByNothing)
}

/// Whether SNAP needs a state of its own with the whole history in it: the initial history is not applied
/// before a quorum has it.
#[inline]
pub(crate) fn state_needs_tail(m: &Member<impl Payload>, initial: bool) -> bool {
    initial && m.history.applied() < m.history.last() && !mutated!(m.config, SnapWithoutTail)
}

/// The last transaction in the state that SNAP carries: the leader's last while its history is `initial`,
/// the last committed one after that.
#[inline]
pub(crate) fn state_stands_at(m: &Member<impl Payload>, initial: bool) -> Zxid {
    if initial || mutated!(m.config, SnapLabelledLate) { m.history.last() } else { m.history.applied() }
}

/// The zxid that SNAP names the state with. While the history is `initial` that is not the start of the
/// leader's epoch, which would be the name of an established history.
#[inline]
pub(crate) fn state_is_named(m: &Member<impl Payload>, stands: Zxid, epoch: Epoch, initial: bool) -> Zxid {
    if initial && !mutated!(m.config, SnapLabelledEstablished) {
        return stands;
    }
    stands.max(Zxid::new(epoch, 0))
}

/// The listed transactions that a learner lacks which stands at `from`: every one of them (ZOOKEEPER-4925).
#[inline]
pub(crate) fn lacked<P: Payload>(m: &Member<P>, from: Zxid) -> impl Iterator<Item = &(Zxid, P)> {
    m.history.after(from).skip(usize::from(mutated!(m.config, DiffWithHole)))
}

/// Never in a shipped build: NEWLEADER is sent before the history that it ends (ZOOKEEPER-3104).
#[inline]
pub(crate) fn newleader_overtakes_history(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, NewLeaderBeforeHistory)
}

/// Whether an ACK is that of NEWLEADER: it names the start of the epoch. A proposal's never is
/// (ZOOKEEPER-4685).
#[inline]
pub(crate) fn acknowledges_newleader(
    config: &PeerConfig<impl Payload>,
    stage: Stage,
    epoch: Epoch,
    zxid: Zxid,
) -> bool {
    let taken_for_it =
        mutated!(config, ProposalAckForNewLeader) && matches!(stage, Stage::Synchronizing { .. });
    zxid == Zxid::new(epoch, 0) || taken_for_it
}

/// Up to where a leader applies when it is established: the whole initial history is committed.
#[inline]
pub(crate) fn committed_when_established(m: &Member<impl Payload>, epoch: Epoch) -> Zxid {
    if mutated!(m.config, InitialHistoryNotCommitted) {
        return m.history.applied();
    }
    m.history.last().max(Zxid::new(epoch, 0))
}

/// The COMMITs that were held back while a voter was synchronised, and follow UPTODATE (ZOOKEEPER-4394):
/// those after what it was `told`. They are of this epoch, whose counters have no holes.
#[inline]
pub(crate) fn held_commits(m: &Member<impl Payload>, voter: bool, told: Zxid) -> impl Iterator<Item = Zxid> {
    let held = voter && !mutated!(m.config, HeldCommitsForgotten);
    let end = if held { m.history.applied() } else { told };
    (told.0 + 1..=end.0).map(Zxid)
}

// The learner.

/// Never in a shipped build: currentEpoch is written before the history it stands for (ZOOKEEPER-4643).
#[inline]
pub(crate) fn enters_epoch_before_history(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, EpochBeforeHistory)
}

/// Whether a learner that has asked for a state may drop what it has for a DIFF that ends here. Without a
/// state, only a leader that has nothing at all gives nothing.
#[inline]
pub(crate) fn may_be_replaced_by_nothing(config: &PeerConfig<impl Payload>, zxid: Zxid) -> bool {
    zxid == Zxid::ZERO || mutated!(config, ReplacedByNothing)
}

/// Up to where DIFF says that the history is committed. That holds for what is in the learner's log too, and
/// no COMMIT will say so again.
#[inline]
pub(crate) fn committed_by_diff(config: &PeerConfig<impl Payload>, zxid: Zxid) -> Zxid {
    if mutated!(config, DiffPointIgnored) { Zxid::ZERO } else { zxid }
}

/// Whether a learner keeps what TRUNC wants dropped: transactions of this leader's own epoch, acknowledged
/// over an earlier connection. A ZooKeeper leader still counts that while it proposes the same again.
#[inline]
pub(crate) fn keeps_tail(m: &Member<impl Payload>, epoch: Epoch, zxid: Zxid) -> bool {
    m.current_epoch == epoch && zxid <= m.history.last() && !mutated!(m.config, OwnTailTruncated)
}

/// The last transaction that TRUNC leaves: the one that it names.
#[inline]
pub(crate) fn truncation_point(config: &PeerConfig<impl Payload>, zxid: Zxid) -> Zxid {
    if mutated!(config, TruncatesTooFar) {
        Zxid(zxid.0 - 1)
    } else if mutated!(config, TruncatesTooLittle) {
        Zxid(zxid.0 + 1)
    } else {
        zxid
    }
}

/// Never in a shipped build: TRUNC is not carried out.
#[inline]
pub(crate) fn leaves_out_truncation(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, TruncationSkipped)
}

/// Never in a shipped build: a learner drops a proposal that it does not have. The log was not truncated, or
/// the proposal came `behind_newleader` (ZOOKEEPER-4785).
#[inline]
pub(crate) fn drops_proposal(m: &Member<impl Payload>, zxid: Zxid, behind_newleader: bool) -> bool {
    mutated!(m.config, TruncationSkipped) && zxid <= m.history.last()
        || mutated!(m.config, ProposalsDuringSyncLost) && behind_newleader
}

/// Whether a learner that is being synchronised has this transaction already. ZooKeeper cuts the stream
/// before it takes the snapshot, so that the state may have it. Or it is in a tail of this epoch that the
/// learner has kept ([`keeps_tail`]), and acknowledges again behind NEWLEADER.
#[inline]
pub(crate) fn has_already(m: &Member<impl Payload>, epoch: Epoch, zxid: Zxid) -> bool {
    zxid <= m.history.base() || zxid.epoch() == epoch && m.history.passes(zxid)
}

/// Never in a shipped build: acceptedEpoch is raised with NEWLEADER, not with the promise.
#[inline]
pub(crate) fn raises_accepted_epoch_with_newleader(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, AcceptedEpochAtNewLeader)
}

/// Always in a shipped build: NEWLEADER raises currentEpoch, and is acknowledged once that is on disk.
#[inline]
pub(crate) fn newleader_raises_current_epoch(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, CurrentEpochNotRaised)
}

/// Never in a shipped build: NEWLEADER is acknowledged before history and currentEpoch are on disk
/// (ZOOKEEPER-4646).
#[inline]
pub(crate) fn acknowledges_newleader_before_it_is_durable(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, CurrentEpochNotRaised) || mutated!(config, NewLeaderAckBeforeSync)
}

/// The proposals that a voter acknowledges right behind NEWLEADER: those of this epoch that are on disk by
/// then, and not told as `committed` (ZOOKEEPER-4685).
#[inline]
pub(crate) fn early_proposals<P: Payload>(
    m: &Member<P>,
    epoch: Epoch,
    committed: Zxid,
) -> impl Iterator<Item = Zxid> {
    let acknowledged = !mutated!(m.config, EarlyProposalsNotAcked);
    let logged = if acknowledged { m.history.logged() } else { Zxid::ZERO };
    let early = m.history.after(committed.max(Zxid::new(epoch, 0)));
    early.map(|(zxid, _)| *zxid).take_while(move |zxid| *zxid <= logged)
}

/// Up to where a learner applies at UPTODATE, before it serves: all that it was told is committed
/// (ZOOKEEPER-3023).
#[inline]
pub(crate) fn applied_at_uptodate(m: &Member<impl Payload>, epoch: Epoch, committed: Zxid) -> Zxid {
    if mutated!(m.config, ServesBeforeApplied) {
        return m.history.applied();
    }
    committed.max(Zxid::new(epoch, 0))
}

/// Never in a shipped build: a learner serves as soon as it has acknowledged NEWLEADER.
#[inline]
pub(crate) fn serves_before_uptodate(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, ServesBeforeUpToDate)
}
