//! The rules of a server that looks for a leader or changes its role, as pure functions.
//!
//! Rules are broken on purpose here, and nowhere in the peer itself (see `mutation.rs`).

use crate::config::PeerConfig;
use crate::election::{ServerState, Vote};
use crate::ids::Now;
use crate::mutation::mutated;
use crate::payload::Payload;
use crate::zab::Member;

/// Never in a shipped build: a logged tail is taken for committed at start-up.
#[inline]
pub(super) fn tail_is_applied_at_start(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, TailAppliedAtStart)
}

/// Whether an observer in this state is told which server leads: it asks while it is LOOKING. One that has a
/// leader does not: it would answer the answer.
#[inline]
pub(super) fn answers_observer(config: &PeerConfig<impl Payload>, state: ServerState) -> bool {
    let asks = state == ServerState::Looking || mutated!(config, ObserverAlwaysAnswered);
    asks && !mutated!(config, ObserverNotAnswered)
}

/// Always in a shipped build: a server that has a leader tells a voter that looks for one
/// (`FastLeaderElection.WorkerReceiver`).
#[inline]
pub(super) fn answers_looking_voter(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, LookerNotAnswered)
}

/// Whether a server has no vote until its disk has answered: a voter whose disk is late.
#[inline]
pub(super) fn abstains(m: &Member<impl Payload>, now: Now) -> bool {
    m.membership.is_voter(m.config.id) && m.disk_is_late(now) && !mutated!(m.config, LateDiskVotes)
}

/// The vote that a server begins an election with: a voter's for itself, with the history that it can vouch
/// for. A server that may have lost its disk can vouch for none, nor can one that `abstains`.
#[inline]
pub(super) fn initial_vote(m: &Member<impl Payload>, abstains: bool) -> Vote {
    if !m.membership.is_voter(m.config.id) {
        return Vote::none();
    }
    let vouched_for = m.trusted || mutated!(m.config, LostDiskVotes);
    let has_history = (vouched_for || m.current_epoch > 0) && !abstains;
    Vote { leader: m.config.id, zxid: has_history.then(|| m.history.last()), peer_epoch: m.current_epoch }
}

/// Never in a shipped build: a server that is elected forgets the learners that have dialed before.
#[inline]
pub(super) fn lobby_is_forgotten(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, LobbyForgotten)
}

/// Never in a shipped build: what was logged and not committed is applied when a role ends (ZOOKEEPER-2845).
#[inline]
pub(super) fn tail_is_applied_at_end(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, StateKeptThroughElection)
}

/// Never in a shipped build: memory forgets at the end of a role what is not on disk yet. The log queue still
/// writes it (ZOOKEEPER-4712).
#[inline]
pub(super) fn log_queue_is_forgotten(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, LogQueueNotDrained)
}
