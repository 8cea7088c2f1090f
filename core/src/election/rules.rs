//! The rules of elections as pure functions: Fast Leader Election, and the election link of two servers.
//!
//! Rules are broken on purpose here, and nowhere in the other files of elections (see `mutation.rs`).

use super::link::ElectionLink;
use super::notification::{Notification, ServerState};
use super::vote::Vote;
use crate::config::PeerConfig;
use crate::ids::ServerId;
use crate::membership::Membership;
use crate::mutation::mutated;
use crate::payload::Payload;

// Fast Leader Election (`FastLeaderElection.lookForLeader`).

/// Whether a notification counts: neither a stranger's vote nor a vote for a stranger does
/// (ZOOKEEPER-2988).
#[inline]
pub(super) fn is_of_members(
    config: &PeerConfig<impl Payload>,
    members: &Membership,
    from: ServerId,
    vote: &Vote,
) -> bool {
    let voter = |id: ServerId| members.is_voter(id) || mutated!(config, StrangerElected);
    voter(from) && voter(vote.leader)
}

/// Whether a vote takes the place of another: the later epoch, then the later zxid, then the larger id
/// (`totalOrderPredicate`). A server that may not lead gets no votes.
#[inline]
pub(super) fn beats(config: &PeerConfig<impl Payload>, members: &Membership, new: &Vote, old: &Vote) -> bool {
    if mutated!(config, VoteOrderIgnoresZxid) {
        return (new.peer_epoch, new.leader) > (old.peer_epoch, old.leader);
    }
    if mutated!(config, VoteOrderReversesIds) {
        return (new.peer_epoch, new.zxid, old.leader) > (old.peer_epoch, old.zxid, new.leader);
    }
    if mutated!(config, VoteOrderIgnoresEpoch) {
        return (new.zxid, new.leader) > (old.zxid, old.leader);
    }
    let weightless = mutated!(config, WeightlessLeads) && members.is_voter(new.leader);
    (members.may_lead(new.leader) || weightless || mutated!(config, StrangerElected)) && new.beats(old)
}

/// Always in a shipped build: votes of an older round are forgotten when a newer one is heard of.
#[inline]
pub(super) fn higher_round_clears_votes(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, HigherRoundKeepsReceived)
}

/// The vote of a server that has `heard` a vote of a newer round: the better one of that and its `initial`
/// vote. What it proposed in the older round is forgotten.
#[inline]
pub(super) fn vote_in_higher_round(
    config: &PeerConfig<impl Payload>,
    members: &Membership,
    heard: Vote,
    initial: Vote,
    proposed: Vote,
) -> Vote {
    let own = if mutated!(config, HigherRoundKeepsVote) { proposed } else { initial };
    let any = mutated!(config, HigherRoundTakesAnyVote);
    if beats(config, members, &heard, &own) || any { heard } else { own }
}

/// Whether a vote of `heard`'s round is too old to count in this round.
#[inline]
pub(super) fn is_late(config: &PeerConfig<impl Payload>, heard: u64, round: u64) -> bool {
    heard < round && !mutated!(config, LowerRoundCounts)
}

/// Always in a shipped build: a server whose vote is of an older round is told the newer one.
#[inline]
pub(super) fn answers_late_vote(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, LaggardNotAnswered)
}

/// Whether a server of this round is told a better vote than its own. It has not heard that: perhaps it still
/// had a leader when the vote came, and has forgotten it. Without an answer both would wait until votes are
/// said again.
#[inline]
pub(super) fn answers_worse_vote(config: &PeerConfig<impl Payload>, own: &Vote, heard: &Vote) -> bool {
    own.beats(heard) && !mutated!(config, LoserNotAnswered)
}

/// Never in a shipped build: a server that says that it leads is believed without a quorum.
#[inline]
pub(super) fn believes_leader_alone(config: &PeerConfig<impl Payload>, heard: &Notification) -> bool {
    mutated!(config, LeaderBelievedAlone) && heard.state == ServerState::Leading
}

/// The votes among which a leader of another round must say that it leads: those of servers that have a
/// leader. Those `received` in this round are the wrong ones (ZOOKEEPER-3537).
#[inline]
pub(super) fn leader_confirms_among<'a, T>(
    config: &PeerConfig<impl Payload>,
    received: &'a T,
    outside: &'a T,
) -> &'a T {
    if mutated!(config, CheckLeaderInWrongSet) { received } else { outside }
}

/// Whether a leader is believed (`checkLeader`): only if its own `ballot` says that it leads. This very
/// server is believed to lead only in this very round.
#[inline]
pub(super) fn leader_confirms(
    config: &PeerConfig<impl Payload>,
    ballot: Option<&Notification>,
    heard: &Notification,
    round: u64,
) -> bool {
    if mutated!(config, CheckLeaderSkipped) {
        return true;
    }
    if heard.vote.leader == config.id {
        return heard.round == round;
    }
    ballot.is_some_and(|ballot| ballot.state == ServerState::Leading)
}

/// Whether a server's own vote counts for the leader that it proposes: if it may vouch for a history.
#[inline]
pub(super) fn agrees_with_itself(config: &PeerConfig<impl Payload>, vote: &Vote) -> bool {
    vote.zxid.is_some() && !mutated!(config, DecidesWithoutItself)
}

/// Whether the servers that agree are enough to decide: a quorum.
#[inline]
pub(super) fn decides(
    config: &PeerConfig<impl Payload>,
    members: &Membership,
    agrees: impl Fn(ServerId) -> bool,
) -> bool {
    if mutated!(config, DecidesAtHalf) {
        return members.voters().filter(|id| agrees(*id)).count() * 2 >= members.voters().count() - 1;
    }
    members.is_quorum(agrees)
}

// The election link of two servers (`QuorumCnxManager`).

/// Never in a shipped build: the server with the smaller id uses the connection that it dialed.
#[inline]
pub(super) fn smaller_id_keeps_what_it_dialed<M>(link: &ElectionLink<M>) -> bool {
    mutated!(link, SmallerIdKeepsDial)
}

/// Whether an accepted connection is closed that the peer has given up: it was accepted before (`is_old`) one
/// that the link has used.
#[inline]
pub(super) fn is_given_up<M>(link: &ElectionLink<M>, is_old: bool) -> bool {
    is_old && !mutated!(link, OldConnectionTaken)
}

/// Never in a shipped build: a server that loses a connection while it dials forgets that it dials.
#[inline]
pub(super) fn loss_ends_attempt<M>(link: &ElectionLink<M>) -> bool {
    mutated!(link, LossForgetsAttempt)
}

/// Always in a shipped build: a new connection closes the one that was used.
#[inline]
pub(super) fn replaced_connection_is_closed<M>(link: &ElectionLink<M>) -> bool {
    !mutated!(link, ReplacedConnectionKept)
}

/// Always in a shipped build: what was sent on a connection that is lost is sent on the next one again.
#[inline]
pub(super) fn last_vote_is_resent<M>(link: &ElectionLink<M>) -> bool {
    !mutated!(link, LastVoteNotResent)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::ids::Zxid;
    use crate::pipeline::{ClientTxn, Settings};
    use crate::quorum::{Group, QuorumVerifier};

    fn members() -> Membership {
        let weights = [(1, 1), (2, 1), (3, 1), (4, 0)].map(|(id, weight)| (ServerId(id), weight));
        Membership::new(QuorumVerifier::Hierarchical(vec![Group { members: weights.to_vec() }]), vec![])
    }

    fn config() -> PeerConfig<ClientTxn> {
        PeerConfig::new(ServerId(1), members(), Settings::new(ServerId(1), 2000))
    }

    fn vote(peer_epoch: u32, zxid: u64, leader: i64) -> Vote {
        Vote { leader: ServerId(leader), zxid: Some(Zxid(zxid)), peer_epoch }
    }

    #[test]
    fn the_epoch_decides_then_the_zxid_then_the_id() {
        let beats = |new, old| beats(&config(), &members(), &new, &old);
        assert!(beats(vote(2, 1, 1), vote(1, 9, 3)) && !beats(vote(1, 9, 3), vote(2, 1, 1)));
        assert!(beats(vote(1, 2, 1), vote(1, 1, 3)) && !beats(vote(1, 1, 3), vote(1, 2, 1)));
        assert!(beats(vote(1, 1, 2), vote(1, 1, 1)) && !beats(vote(1, 1, 1), vote(1, 1, 2)));
        assert!(!beats(vote(1, 1, 1), vote(1, 1, 1)), "a vote does not beat itself");
        assert!(!beats(vote(9, 9, 4), vote(1, 1, 1)), "a server of weight 0 may not lead");
    }

    #[test]
    fn neither_a_strangers_vote_nor_a_vote_for_a_stranger_counts() {
        let counts = |from, leader| is_of_members(&config(), &members(), ServerId(from), &vote(1, 1, leader));
        assert!(counts(2, 3) && !counts(9, 3) && !counts(2, 9));
    }

    #[test]
    fn a_leader_confirms_itself_and_this_server_only_in_this_round() {
        let said = |state, leader| Notification { state, vote: vote(1, 1, leader), round: 5 };
        let (leads, follows) = (said(ServerState::Leading, 2), said(ServerState::Following, 2));
        assert!(leader_confirms(&config(), Some(&leads), &follows, 7));
        assert!(!leader_confirms(&config(), Some(&follows), &follows, 7));
        assert!(!leader_confirms(&config(), None, &follows, 7));
        let this_server = said(ServerState::Following, 1);
        assert!(leader_confirms(&config(), None, &this_server, 5));
        assert!(!leader_confirms(&config(), Some(&leads), &this_server, 7));
    }
}
