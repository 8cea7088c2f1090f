//! Fast Leader Election: one server's search for a leader (`FastLeaderElection.lookForLeader`).
//!
//! A server votes for itself, adopts any better vote it hears and says so, and decides when a quorum
//! of this round's votes agree and nothing better came within a pause. It skips the pause once every
//! voter that can be reached agrees. A server that is late finds an established leader in the
//! answers of those that already decided.

use alloc::collections::{BTreeMap, BTreeSet};

use super::notification::{Notification, ServerState};
use super::rules;
use super::vote::Vote;
use crate::config::PeerConfig;
use crate::ids::{Epoch, ServerId};
use crate::membership::Membership;
use crate::output::{Output, Outputs};
use crate::payload::Payload;
use crate::rename::{Names, Rename};
use crate::timer::{Delay, Timer};

/// The last round there can be: clocks travel as signed numbers. A server that has come to it stays in it, so
/// that a forged clock ends no election.
const LAST_ROUND: u64 = i64::MAX as u64;

/// The longest pause between repetitions: 200 ms · 2⁹ is past the 60 s limit.
const LAST_BACKOFF: u8 = 9;

/// A server's part in elections: its logical clock and vote, and while LOOKING what it has heard.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FastLeaderElection {
    round: u64,
    /// LOOKING: what this server proposes. Otherwise: what was decided.
    vote: Vote,
    /// LOOKING: what this server would vote for if it were alone.
    initial: Vote,
    /// Votes of this round, by voter (`recvset`).
    received: BTreeMap<ServerId, Notification>,
    /// Votes of servers that have a leader, of whatever round (`outofelection`).
    outside: BTreeMap<ServerId, Notification>,
    /// Voters whose election port is connected to ours.
    reachable: BTreeSet<ServerId>,
    backoff: u8,
    deciding: bool,
}

impl Default for FastLeaderElection {
    fn default() -> Self {
        FastLeaderElection {
            round: 0,
            vote: Vote::none(),
            initial: Vote::none(),
            received: BTreeMap::new(),
            outside: BTreeMap::new(),
            reachable: BTreeSet::new(),
            backoff: 0,
            deciding: false,
        }
    }
}

impl FastLeaderElection {
    /// The logical clock (`electionEpoch`).
    pub fn round(&self) -> u64 {
        self.round
    }

    /// The current proposal, or the vote the last election ended with.
    pub fn vote(&self) -> Vote {
        self.vote
    }

    /// The elected leader's epoch is established: later answers carry it (ZOOKEEPER-1732).
    pub fn established(&mut self, epoch: Epoch) {
        self.vote.peer_epoch = epoch;
    }

    /// What this server tells others.
    pub fn notification(&self, state: ServerState) -> Notification {
        Notification { state, vote: self.vote, round: self.round }
    }

    /// Begin a new round with `initial` as this server's own vote.
    pub fn start<P: Payload>(
        &mut self,
        config: &PeerConfig<P>,
        members: &Membership,
        initial: Vote,
        out: &mut Outputs<P>,
    ) -> Option<Vote> {
        self.round = (self.round + 1).min(LAST_ROUND);
        self.initial = initial;
        self.vote = initial;
        self.received.clear();
        self.outside.clear();
        self.deciding = false;
        self.backoff = 0;
        self.announce(config, members, out);
        out.push(Output::SetAlarm(Timer::ElectionResend, Delay::Backoff(0)));
        self.tally(config, members, out)
    }

    /// The connection to a server's election port came up: it may have missed our vote.
    pub fn link_up<P: Payload>(
        &mut self,
        members: &Membership,
        server: ServerId,
        state: ServerState,
        out: &mut Outputs<P>,
    ) {
        if members.is_voter(server) {
            self.reachable.insert(server);
            if state == ServerState::Looking {
                out.push(Output::Elect(server, self.notification(state)));
            }
        }
    }

    /// The connection to a server's election port is gone.
    pub fn link_down(&mut self, server: ServerId) {
        self.reachable.remove(&server);
    }

    /// Whether this voter's election port is connected to ours.
    pub fn reaches(&self, server: ServerId) -> bool {
        self.reachable.contains(&server)
    }

    /// LOOKING: a server's vote. Returns the decision if this was the one that was missing.
    pub fn hear<P: Payload>(
        &mut self,
        config: &PeerConfig<P>,
        members: &Membership,
        from: ServerId,
        heard: Notification,
        out: &mut Outputs<P>,
    ) -> Option<Vote> {
        if !rules::is_of_members(config, members, from, &heard.vote) || heard.round > LAST_ROUND {
            return None;
        }
        match heard.state {
            ServerState::Looking => self.hear_looking(config, members, from, heard, out),
            ServerState::Observing => None,
            ServerState::Following | ServerState::Leading => self.hear_decided(config, members, from, heard),
        }
    }

    /// LOOKING: nothing decisive was heard for a while; say the vote again, then wait longer.
    pub fn resend<P: Payload>(&mut self, config: &PeerConfig<P>, members: &Membership, out: &mut Outputs<P>) {
        self.backoff = (self.backoff + 1).min(LAST_BACKOFF);
        self.announce(config, members, out);
        out.push(Output::SetAlarm(Timer::ElectionResend, Delay::Backoff(self.backoff)));
    }

    /// LOOKING: a quorum agreed and the pause brought nothing better.
    pub fn pause_over(&mut self) -> Option<Vote> {
        core::mem::take(&mut self.deciding).then_some(self.vote)
    }

    /// The search is over: keep the vote for servers that ask, forget the rest.
    pub fn end<P: Payload>(&mut self, decided: Vote, out: &mut Outputs<P>) {
        self.vote = decided;
        self.initial = Vote::none();
        self.received.clear();
        self.outside.clear();
        self.backoff = 0;
        self.deciding = false;
        out.push(Output::CancelAlarm(Timer::ElectionResend));
        out.push(Output::CancelAlarm(Timer::ElectionDecide));
    }

    fn hear_looking<P: Payload>(
        &mut self,
        config: &PeerConfig<P>,
        members: &Membership,
        from: ServerId,
        heard: Notification,
        out: &mut Outputs<P>,
    ) -> Option<Vote> {
        // A voter that has no trusted history waits for an established leader.
        let untrusted = members.is_voter(config.id) && self.initial.zxid.is_none();
        if untrusted || heard.vote.zxid.is_none() {
            return None;
        }
        if heard.round > self.round {
            self.round = heard.round;
            if rules::higher_round_clears_votes(config) {
                self.received.clear();
            }
            self.outside.clear();
            self.vote = rules::vote_in_higher_round(config, members, heard.vote, self.initial, self.vote);
            self.changed_mind(config, members, out);
        } else if rules::is_late(config, heard.round, self.round) {
            if rules::answers_late_vote(config) {
                out.push(Output::Elect(from, self.notification(ServerState::Looking)));
            }
            return None;
        } else if rules::beats(config, members, &heard.vote, &self.vote) {
            self.vote = heard.vote;
            self.changed_mind(config, members, out);
        } else if rules::answers_worse_vote(config, &self.vote, &heard.vote) {
            out.push(Output::Elect(from, self.notification(ServerState::Looking)));
        }
        self.received.insert(from, heard);
        self.tally(config, members, out)
    }

    fn hear_decided<P: Payload>(
        &mut self,
        config: &PeerConfig<P>,
        members: &Membership,
        from: ServerId,
        heard: Notification,
    ) -> Option<Vote> {
        if rules::believes_leader_alone(config, &heard) {
            self.round = heard.round;
            return Some(heard.vote);
        }
        if heard.round == self.round {
            self.received.insert(from, heard);
            let agree = |ballot: &Notification| match ballot.state {
                // Votes of the same round from before and after the decision name the same leader.
                ServerState::Looking => ballot.vote == heard.vote,
                _ => ballot.vote.leader == heard.vote.leader,
            };
            // This server voted in that round too, perhaps as the one that completed the quorum.
            let own = self.vote.zxid.is_some() && self.vote == heard.vote;
            let agrees = |id| if id == config.id { own } else { self.received.get(&id).is_some_and(agree) };
            if members.is_quorum(agrees) && self.leader_confirms(config, &self.received, &heard) {
                return Some(heard.vote);
            }
        }
        self.outside.insert(from, heard);
        let agree = |ballot: &Notification| {
            (ballot.vote.leader, ballot.vote.peer_epoch) == (heard.vote.leader, heard.vote.peer_epoch)
        };
        let agrees = |id| self.outside.get(&id).is_some_and(agree);
        let asked = rules::leader_confirms_among(config, &self.received, &self.outside);
        if members.is_quorum(agrees) && self.leader_confirms(config, asked, &heard) {
            self.round = heard.round;
            return Some(heard.vote);
        }
        None
    }

    /// Whether the votes of this round decide it: at once if every reachable voter agrees,
    /// otherwise an alarm gives a better vote its chance.
    fn tally<P: Payload>(
        &mut self,
        config: &PeerConfig<P>,
        members: &Membership,
        out: &mut Outputs<P>,
    ) -> Option<Vote> {
        let agrees = |id: ServerId| {
            if id == config.id {
                rules::agrees_with_itself(config, &self.vote)
            } else {
                self.received.get(&id).is_some_and(|ballot| ballot.vote == self.vote)
            }
        };
        if !rules::decides(config, members, agrees) {
            return None;
        }
        let all = members.voters().all(|id| id == config.id || agrees(id) || !self.reachable.contains(&id));
        if all {
            return Some(self.vote);
        }
        if !self.deciding {
            self.deciding = true;
            out.push(Output::SetAlarm(Timer::ElectionDecide, Delay::ElectionDecide));
        }
        None
    }

    fn changed_mind<P: Payload>(
        &mut self,
        config: &PeerConfig<P>,
        members: &Membership,
        out: &mut Outputs<P>,
    ) {
        if core::mem::take(&mut self.deciding) {
            out.push(Output::CancelAlarm(Timer::ElectionDecide));
        }
        self.announce(config, members, out);
    }

    fn announce<P: Payload>(&self, config: &PeerConfig<P>, members: &Membership, out: &mut Outputs<P>) {
        let notification = self.notification(ServerState::Looking);
        for voter in members.voters().filter(|id| *id != config.id) {
            out.push(Output::Elect(voter, notification));
        }
    }

    /// Whether the leader of the vote that was `heard` says itself, among these `ballots`, that it leads.
    fn leader_confirms<P: Payload>(
        &self,
        config: &PeerConfig<P>,
        ballots: &BTreeMap<ServerId, Notification>,
        heard: &Notification,
    ) -> bool {
        rules::leader_confirms(config, ballots.get(&heard.vote.leader), heard, self.round)
    }
}

impl Rename for FastLeaderElection {
    fn rename(&self, names: Names<'_>) -> Self {
        FastLeaderElection {
            round: self.round,
            vote: self.vote.rename(names),
            initial: self.initial.rename(names),
            received: self.received.rename(names),
            outside: self.outside.rename(names),
            reachable: self.reachable.rename(names),
            backoff: self.backoff,
            deciding: self.deciding,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::Zxid;
    use crate::pipeline::{ClientTxn, Settings};
    use crate::quorum::QuorumVerifier;

    fn members() -> Membership {
        Membership::new(QuorumVerifier::Majority((1..=3).map(ServerId).collect()), vec![])
    }

    fn config(id: i64) -> PeerConfig<ClientTxn> {
        PeerConfig::new(ServerId(id), members(), Settings::new(ServerId(id), 2000))
    }

    fn vote(leader: i64) -> Vote {
        Vote { leader: ServerId(leader), zxid: Some(Zxid::new(1, 1)), peer_epoch: 1 }
    }

    /// Two of three look for a leader, and hear each other until both have decided.
    fn elect(pair: &mut [FastLeaderElection; 2]) -> Vec<Vote> {
        let mut decided = vec![None; 2];
        let mut out = Vec::new();
        for i in 0..2 {
            decided[i] = pair[i].start(&config(i as i64 + 1), &members(), vote(i as i64 + 1), &mut out);
        }
        for _ in 0..4 {
            for i in 0..2 {
                let said = pair[i].notification(ServerState::Looking);
                let (to, from) = (1 - i, ServerId(i as i64 + 1));
                let heard = pair[to].hear(&config(to as i64 + 1), &members(), from, said, &mut out);
                decided[to] = decided[to].or(heard);
            }
        }
        decided.into_iter().flatten().collect()
    }

    #[test]
    fn a_clock_that_was_made_up_ends_no_election() {
        for forged in [1, 1 << 62, LAST_ROUND - 1, LAST_ROUND] {
            let mut pair = [FastLeaderElection::default(), FastLeaderElection::default()];
            assert_eq!(elect(&mut pair), vec![vote(2); 2]);
            // Somebody in the name of the third says this to one of them while it looks.
            let mut out: Outputs<ClientTxn> = Vec::new();
            let nonsense = Notification { state: ServerState::Looking, vote: vote(3), round: forged };
            pair[0].start(&config(1), &members(), vote(1), &mut out);
            pair[0].hear(&config(1), &members(), ServerId(3), nonsense, &mut out);
            for _ in 0..3 {
                assert_eq!(elect(&mut pair), vec![vote(2); 2], "{forged}");
            }
        }
    }
}
