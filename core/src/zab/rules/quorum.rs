//! When enough servers have come as far as a leader waits for.
//!
//! Each rule counts this server itself and the voters that are connected to it; an observer counts nowhere.

use alloc::collections::BTreeMap;

use crate::ids::{ServerId, Zxid};
use crate::mutation::mutated;
use crate::payload::Payload;
use crate::zab::learner_handler::{LearnerHandler, Stage};
use crate::zab::member::Member;

/// A leader's connected learners.
type Learners = BTreeMap<ServerId, LearnerHandler>;

/// Whether `learner` is connected, votes, and has come as far as `what` says.
fn voter_is(learners: &Learners, learner: ServerId, what: impl Fn(&LearnerHandler) -> bool) -> bool {
    learners.get(&learner).is_some_and(|l| l.voter && what(l))
}

/// Tells which servers have: this server if `own`, another voter if `what` holds for it.
fn reached<'a>(
    m: &'a Member<impl Payload>,
    learners: &'a Learners,
    own: bool,
    what: impl Fn(&LearnerHandler) -> bool + 'a,
) -> impl Fn(ServerId) -> bool + 'a {
    move |id| if id == m.config.id { own } else { voter_is(learners, id, &what) }
}

/// Whether at least half of the voters have: what is *not* enough.
fn half(m: &Member<impl Payload>, has: impl Fn(ServerId) -> bool) -> bool {
    m.membership.voters().filter(|id| has(*id)).count() * 2 >= m.membership.voters().count()
}

/// Whether more than half of the voters' number have, if these `learners` count beside the leader's `own`.
fn majority(m: &Member<impl Payload>, learners: usize, own: bool) -> bool {
    (learners + usize::from(own)) * 2 > m.membership.voters().count()
}

/// Whether a quorum has promised the leader's epoch (ACKEPOCH). A promise counts once: a voter that had
/// promised the epoch before may have promised it to another leader.
pub(crate) fn has_promised(m: &Member<impl Payload>, learners: &Learners) -> bool {
    let repeated = mutated!(m.config, RepeatedPromiseCounts);
    let counts =
        |l: &LearnerHandler| matches!(l.stage, Stage::EpochAcked(p) if p.current.is_some() || repeated);
    if mutated!(m.config, ObserverPromiseCounts) {
        let acked = learners.values().filter(|l| matches!(l.stage, Stage::EpochAcked(_)));
        return majority(m, acked.count(), true);
    }
    m.membership.is_quorum(reached(m, learners, true, counts)) || mutated!(m.config, PromisesNotAwaited)
}

/// Whether a quorum has the leader's initial history on disk (ACK of NEWLEADER), which establishes the
/// leader. `own`: the leader itself has, with its currentEpoch.
pub(crate) fn has_initial_history(m: &Member<impl Payload>, learners: &Learners, own: bool) -> bool {
    if mutated!(m.config, ObserverSynchronizedCounts) {
        let synchronized = learners.values().filter(|l| l.has_initial_history());
        return majority(m, synchronized.count(), own);
    }
    let own = own || mutated!(m.config, OwnHistoryNotAwaited);
    let has = reached(m, learners, own, LearnerHandler::has_initial_history);
    if mutated!(m.config, EstablishedAtHalf) {
        return half(m, has);
    }
    m.membership.is_quorum(has)
}

/// Whether a quorum has this proposal, and all before it, on disk: then it is committed (DSN'11 §IV, phase
/// 3). The leader counts itself once its own log is on disk.
pub(crate) fn has_logged(m: &Member<impl Payload>, learners: &Learners, zxid: Zxid) -> bool {
    let own = m.history.logged() >= zxid || mutated!(m.config, OwnAckBeforeSync);
    let has = reached(m, learners, own, move |l| l.has(zxid));
    if mutated!(m.config, CommitOnMinority) {
        return m.membership.voters().any(has);
    }
    if mutated!(m.config, CommitAtHalf) {
        return half(m, has);
    }
    m.membership.is_quorum(has)
}

/// Whether a quorum that has the leader's history is connected: without one an established leader steps
/// down (`Leader.lead`).
pub(crate) fn follows(m: &Member<impl Payload>, learners: &Learners) -> bool {
    let with_me = reached(m, learners, true, LearnerHandler::has_initial_history);
    if mutated!(m.config, LeadsWithoutQuorum) {
        return true;
    }
    let all = !mutated!(m.config, AnyLossDeposes) || m.membership.voters().all(&with_me);
    m.membership.is_quorum(with_me) && all
}
