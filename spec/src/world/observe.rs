//! What the ghost learns from a step: what became visible, and rules that states do not show broken.

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_core::election::{Notification, ServerState, Vote};
use quorate_core::ids::{ConnId, EPOCH_LEAP, Epoch, Link, ServerId, Zxid};
use quorate_core::payload::{Payload, Size};
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, QuorumPeer};

use super::ghost::Broken;
use super::modelled::Modelled;
use super::state::{World, index};

/// Whether a packet says no more than what is on its sender's disk. `accepted` is the epoch that the sender
/// has promised; `on_disk` is its acceptedEpoch and currentEpoch. `all_up_to` tells whether the sender's
/// whole history up to a zxid is on disk, `has` whether one transaction is.
pub(crate) fn acknowledges_what_is_durable<P: Payload>(
    packet: &Packet<P>,
    accepted: Epoch,
    on_disk: (Epoch, Epoch),
    all_up_to: impl FnOnce(Zxid) -> bool,
    has: impl FnOnce(Zxid) -> bool,
) -> bool {
    match packet {
        Packet::Ack { zxid } if zxid.counter() == 0 => on_disk.1 >= zxid.epoch() && all_up_to(*zxid),
        Packet::Ack { zxid } => has(*zxid),
        Packet::AckEpoch { current_epoch: Some(_), .. } => on_disk.0 >= accepted,
        Packet::LeaderInfo { epoch } => on_disk.0 >= *epoch,
        _ => true,
    }
}

/// Whether a vote has a history behind it that counts.
pub(crate) fn votes(said: &Notification) -> bool {
    said.state == ServerState::Looking && said.vote.zxid.is_some()
}

/// Whether outputs answer a notification of a server that has a leader; `decided` says whether the server
/// that heard it found its leader by it.
pub(crate) fn answers_needlessly<P: Payload>(
    from: ServerId,
    heard: &Notification,
    decided: bool,
    out: &[Output<P>],
) -> bool {
    let answered = || out.iter().any(|output| matches!(output, Output::Elect(to, _) if *to == from));
    heard.state != ServerState::Looking && !decided && answered()
}

/// Whether a packet is a promise that counts.
pub(crate) fn promises<P: Payload>(packet: &Packet<P>) -> bool {
    matches!(packet, Packet::AckEpoch { current_epoch: Some(_), .. })
}

/// Whether the vote of a server that looks for a leader is for less than that server has itself.
pub(crate) fn votes_for_less<P: Payload>(peer: &QuorumPeer<P>, said: &Notification) -> bool {
    let status = peer.status();
    let zxid = Some(status.last_zxid);
    let own = Vote { leader: status.id, zxid, peer_epoch: status.current_epoch };
    // An observer has no vote of its own.
    votes(said) && peer.membership().is_voter(own.leader) && own.beats(&said.vote)
}

/// What a leader has sent to a learner one by one, since it said DIFF or TRUNC.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneByOne {
    /// Whether that was said.
    begun: bool,
    /// What is proposed and not committed, and its size.
    proposed: VecDeque<(Zxid, usize)>,
    /// The size of what is committed.
    committed: usize,
}

impl OneByOne {
    /// The next packet. At NEWLEADER the size of what was sent as committed is told.
    pub(crate) fn sent<P: Payload>(&mut self, packet: &Packet<P>) -> Option<usize> {
        match packet {
            Packet::Diff { .. } | Packet::Trunc { .. } => *self = OneByOne { begun: true, ..Self::default() },
            Packet::Proposal { zxid, txn } if self.begun => self.proposed.push_back((*zxid, txn.size())),
            Packet::Commit { zxid } if self.begun => {
                let upto = self.proposed.partition_point(|(proposed, _)| proposed <= zxid);
                self.committed += self.proposed.drain(..upto).map(|(_, size)| size).sum::<usize>();
            }
            Packet::NewLeader { .. } => return Some(std::mem::take(self).committed),
            _ => {}
        }
        None
    }
}

/// Whether so much, one by one, is more than a leader may send.
pub(crate) fn is_oversized<P: Payload>(peer: &QuorumPeer<P>, sent: usize) -> bool {
    sent > peer.config().diff_limit.of(peer.service().size())
}

/// Whether an established leader leads on though its last `checks` quorum checks have found no other server.
/// A server that is a quorum by itself may; a leader that is not established waits for initLimit.
pub(crate) fn leads_unheard<P: Payload>(peer: &QuorumPeer<P>, checks: u32) -> bool {
    let config = peer.config();
    let enough = peer.membership().is_quorum(|server| server == config.id);
    checks > config.sync_limit && peer.established_epoch().is_some() && !enough
}

/// What a server has before it hears an introduction: that takes nothing from it.
pub(crate) struct Introduction {
    link: Link,
    /// Whether an observer says so.
    observer: bool,
    established: Option<Epoch>,
    accepted: Epoch,
    /// Whether a connection in that name is alive.
    connected: bool,
}

impl Introduction {
    /// Before the step, if its input is one.
    pub(crate) fn of<P: Payload>(peer: &QuorumPeer<P>, input: &Input<P>) -> Option<Introduction> {
        let (link, newcomer) = match input {
            Input::Accepted(link) => (*link, true),
            Input::Packet(link, Packet::FollowerInfo { .. } | Packet::ObserverInfo { .. }) => (*link, false),
            _ => return None,
        };
        let observer = matches!(input, Input::Packet(_, Packet::ObserverInfo { .. }));
        let accepted = peer.status().accepted_epoch;
        let connected = newcomer && peer.receives_learners() && !peer.receives(link.server);
        Some(Introduction { link, observer, established: peer.established_epoch(), accepted, connected })
    }

    /// Whether the step ended a reign, and it was an observer that introduced itself.
    pub(crate) fn deposes_as_observer<P: Payload>(&self, after: &QuorumPeer<P>) -> bool {
        self.observer && self.established.is_some() && after.state() != ServerState::Leading
    }

    /// Whether the step took a living connection, a reign, or more epochs than one may. A reign may end
    /// `justly`: the leader has led for long enough.
    pub(crate) fn harms<P: Payload>(&self, after: &QuorumPeer<P>, out: &[Output<P>], justly: bool) -> bool {
        let cuts = |output: &Output<P>| match output {
            Output::Hangup(link, _) => link.server == self.link.server && *link != self.link,
            _ => false,
        };
        let leaps = |output: &Output<P>| match output {
            Output::SaveAcceptedEpoch(_, epoch) => *epoch - self.accepted > EPOCH_LEAP + 1,
            _ => false,
        };
        let taken = self.connected && out.iter().any(cuts);
        let deposed = self.established.is_some() && after.state() != ServerState::Leading && !justly;
        taken || deposed || out.iter().any(leaps)
    }
}

impl<P: Modelled> World<P> {
    /// A server says something that counts. If its disk may be lost it must not.
    fn check_say(&mut self, i: usize) {
        let peer = self.servers[i].peer.as_ref().expect("it is up");
        // What an observer says does not count.
        let counts = peer.membership().is_voter(peer.config().id);
        let lost = self.servers[i].disk.durable.lost && peer.status().current_epoch == 0 && counts;
        self.note(lost, |broken| broken.lost_disk_spoke = true);
    }

    pub(super) fn check_ack(&mut self, i: usize, packet: &Packet<P>) {
        if self.servers[i].peer.is_none() {
            return;
        }
        if promises(packet) {
            self.check_say(i);
        }
        let durable = &self.servers[i].disk.durable;
        let has = |zxid: Zxid| durable.history().iter().any(|(d, _)| *d == zxid);
        let all_up_to = |zxid| {
            let history = self.servers[i].peer.as_ref().expect("it is up").history();
            history.after(history.base()).map(|(z, _)| *z).filter(|z| *z <= zxid).all(has)
        };
        let epochs = (durable.accepted_epoch, durable.current_epoch);
        let kept = acknowledges_what_is_durable(packet, self.accepted(i), epochs, all_up_to, has);
        self.note(!kept, |broken| broken.ack_durable = true);
    }

    /// What a learner is sent one by one before NEWLEADER must not be more than the leader's limit.
    pub(super) fn check_diff(&mut self, i: usize, c: usize, packet: &Packet<P>) {
        if self.servers[i].peer.is_none() || !matches!(packet, Packet::NewLeader { .. }) {
            return;
        }
        let mut one_by_one = OneByOne::default();
        for before in &self.connections[c].to_learner {
            one_by_one.sent(before);
        }
        let peer = self.servers[i].peer.as_ref().expect("it is up");
        let oversized = one_by_one.sent(packet).is_some_and(|sent| is_oversized(peer, sent));
        self.note(oversized, |broken| broken.oversized_diff = true);
    }

    /// The last transaction that the leader of a server that serves has proposed, as long as it leads.
    pub(super) fn proposed_by_leader(&self, i: usize) -> Zxid {
        let peer = self.servers[i].peer.as_ref().expect("it is up");
        let status = peer.status();
        let leader = status.leader.and_then(|leader| self.servers[index(leader)].peer.as_ref());
        let same_epoch = |peer: &&QuorumPeer<P>| peer.established_epoch() == Some(status.current_epoch);
        let leader = leader.filter(same_epoch);
        let last = leader.map_or(status.applied, |leader| leader.history().last());
        // The start of an epoch is no transaction: all that is before it is applied.
        let applied = || P::applied(leader.unwrap_or(peer).service()).last().map_or(Zxid::ZERO, |txn| txn.0);
        if last.counter() > 0 { last } else { applied() }
    }

    /// An answer to a `sync` is that to the oldest one, and comes behind what was proposed before that was
    /// asked.
    pub(super) fn check_sync(&mut self, i: usize, conn: ConnId, applied: Zxid) {
        let asked = &mut self.servers[i].change().asked;
        let overtaken = asked.is_empty() || {
            let (proposed, n) = asked.remove(0);
            proposed > applied || conn != ConnId(u64::from(n))
        };
        self.note(overtaken, |broken| broken.sync_overtaken = true);
    }

    /// A server that looks for a leader says nothing worse than its own vote.
    pub(super) fn check_vote(&mut self, i: usize, said: &Notification) {
        if votes(said) {
            self.check_say(i);
        }
        let worse = votes_for_less(self.servers[i].peer.as_ref().expect("it is up"), said);
        self.note(worse, |broken| broken.worse_vote = true);
    }

    /// The epoch that a leader works for.
    pub(super) fn epoch_of(&self, i: usize) -> Option<Epoch> {
        let status = self.servers[i].peer.as_ref()?.status();
        (status.state == ServerState::Leading).then_some(status.accepted_epoch)
    }

    fn accepted(&self, i: usize) -> u32 {
        self.servers[i].peer.as_ref().expect("it is up").status().accepted_epoch
    }

    /// Tell the ghost what this server made visible.
    pub(super) fn observe(&mut self, i: usize) {
        let peer = self.servers[i].peer.as_ref().expect("it is up");
        if !peer.serving() {
            // The server answers no more.
            if !self.servers[i].asked.is_empty() {
                self.servers[i].change().asked.clear();
            }
            return;
        }
        let (applied, established) = (Arc::clone(P::applied(peer.service())), peer.established_epoch());
        self.shows(i, &applied, established);
    }

    /// A server that serves shows this state, and perhaps begins to lead in this epoch.
    pub(super) fn shows(&mut self, i: usize, applied: &[(Zxid, P::Mark)], established: Option<Epoch>) {
        let reign = established.filter(|epoch| self.ghost.newest != Some((*epoch, i)));
        let known = self.ghost.delivered.get(..applied.len()) == Some(applied);
        if known && reign.is_none() {
            return;
        }
        let ghost = Arc::make_mut(&mut self.ghost);
        ghost.deliver(0, applied);
        if let Some(epoch) = reign {
            ghost.establish(epoch, i, applied);
        }
    }

    pub(super) fn note(&mut self, seen: bool, mark: impl FnOnce(&mut Broken)) {
        if seen {
            mark(&mut Arc::make_mut(&mut self.ghost).broken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::byte::Byte;

    #[test]
    fn what_is_committed_one_by_one_is_weighed() {
        let zxid = |counter| Zxid::new(1, counter);
        let proposal = |counter| Packet::Proposal { zxid: zxid(counter), txn: Byte(b'x') };
        let commit = |counter| Packet::Commit { zxid: zxid(counter) };
        let new_leader = Packet::NewLeader { epoch: 2, config: Default::default() };
        let mut sent = OneByOne::default();
        let mut all = |packets: &[Packet<Byte>]| packets.iter().filter_map(|p| sent.sent(p)).last();
        let begin = Packet::Trunc { zxid: zxid(1) };
        let diff = [begin, proposal(2), commit(2), proposal(3), commit(3), proposal(4), new_leader.clone()];
        assert_eq!(all(&diff), Some(2), "the last is not committed");
        // What comes in service is not counted, nor is what comes after a state.
        let after = [proposal(5), commit(5), new_leader];
        assert_eq!(all(&after), Some(0));
    }
}
