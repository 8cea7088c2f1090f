//! One server of a merged run: its process, its disk as far as it is known, the history it has.

use std::collections::{BTreeMap, VecDeque};

use quorate_core::config::Constant;
use quorate_core::ids::{Epoch, Ticket, Zxid};
use quorate_core::pipeline::ClientTxn;
use quorate_core::recording::{Header, fingerprint};
use quorate_core::zab::Packet;
use quorate_core::{Output, QuorumPeer};

use super::chain::Chain;
use crate::world::{acknowledges_what_is_durable, leads_unheard};

/// What was asked of a disk.
enum Op {
    Append(Zxid, u64),
    Truncate(Zxid),
    Install(Zxid, Chain),
    Accepted(Epoch),
    Current(Epoch),
}

/// What is on a disk.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Content {
    pub(super) accepted: Epoch,
    pub(super) current: Epoch,
    pub(super) chain: Chain,
}

impl Content {
    fn apply(&mut self, op: &Op) {
        match op {
            Op::Append(zxid, txn) => self.chain.push((*zxid, *txn)),
            Op::Truncate(zxid) => self.chain.shorten(self.chain.up_to(*zxid)),
            Op::Install(_, chain) => self.chain = chain.clone(),
            Op::Accepted(epoch) => self.accepted = *epoch,
            Op::Current(epoch) => self.current = *epoch,
        }
    }
}

/// A server.
#[derive(Default)]
pub(super) struct Server {
    /// Which of the recordings its process is at, if it is up.
    pub(super) up: Option<Process>,
    /// What is known to be on disk.
    pub(super) durable: Content,
    /// What will be when it has caught up.
    pub(super) ahead: Content,
    pending: VecDeque<Op>,
    /// How many transactions are in the snapshots that were asked for. One of those may be on disk before the
    /// log has all of them.
    snapshots: BTreeMap<Zxid, usize>,
    /// So much of `ahead` is applied.
    pub(super) applied: usize,
    /// So much of what is applied is known to be the beginning of what was delivered.
    pub(super) agreed: usize,
    /// The epoch whose establishment was noticed.
    pub(super) reign: Option<Epoch>,
    /// The state that was received last, and the history behind it.
    pub(super) received: Option<(Zxid, Chain)>,
    /// Whether memory is what `ahead` says.
    pub(super) matches: bool,
    pub(super) starts: usize,
    /// Whether its history was the truth at the start even if it was empty.
    trusted: bool,
}

/// A running process.
pub(super) struct Process {
    pub(super) peer: QuorumPeer<ClientTxn>,
    /// Tickets given out, and synced, and completed.
    issued: u64,
    synced: u64,
    done: u64,
    pub(super) steps: u64,
    /// How often the server's quorum check has come round since it last heard of another server.
    unheard: u32,
}

impl Server {
    /// A process starts. What it found must be the effect of some of what was asked of the disk.
    pub(super) fn start(&mut self, header: &Header, floor: Zxid, first: bool) -> Result<(), String> {
        let recovered = &header.recovered;
        let base = recovered.base();
        let log: Vec<_> =
            recovered.entries.iter().map(|(zxid, txn)| (*zxid, fingerprint::of_txn(txn))).collect();
        let found = |under: &Chain| {
            let mut chain = under.beginning(under.up_to(base));
            log.iter().filter(|(zxid, _)| *zxid > floor).for_each(|entry| chain.push(*entry));
            Content { accepted: recovered.accepted_epoch, current: recovered.current_epoch, chain }
        };
        if first {
            self.durable = found(&Chain::default());
        } else {
            let mut possible = self.durable.clone();
            let mut kept = 0;
            let in_snapshot = self.snapshots.get(&base).copied();
            let explains = |possible: &Content| {
                in_snapshot.is_none_or(|len| possible.chain.up_to(base) == len)
                    && found(&possible.chain) == *possible
            };
            while !explains(&possible) {
                let Some(op) = self.pending.get(kept) else {
                    return Err(format!(
                        "the start found epochs {}/{}, a snapshot at {base} and {} transactions up to {} on disk, which is \
                         not what any part of the {} pending operations makes of epochs {}/{} and transactions up to {}",
                        recovered.accepted_epoch,
                        recovered.current_epoch,
                        log.len(),
                        recovered.last(),
                        self.pending.len(),
                        self.durable.accepted,
                        self.durable.current,
                        self.durable.chain.last().unwrap_or(floor),
                    ));
                };
                possible.apply(op);
                kept += 1;
            }
            self.durable = possible;
        }
        self.pending.clear();
        self.ahead = self.durable.clone();
        self.applied = self.ahead.chain.up_to(base);
        (self.agreed, self.reign, self.received, self.matches) = (0, None, None, true);
        self.starts += 1;
        self.trusted = recovered.trusted;
        let peer = QuorumPeer::new(Constant::new(header.config.clone()), recovered.clone());
        self.up = Some(Process { peer, issued: 0, synced: 0, done: 0, steps: 0, unheard: 0 });
        Ok(())
    }

    /// The log writer says how far it has synced. Answers whether an epoch on disk went back.
    pub(super) fn synced(&mut self, ticket: Ticket) -> Result<bool, String> {
        let process = self.up.as_mut().expect("it is up");
        if ticket.0 >= process.issued {
            return Err(format!("operation {} was synced and never asked for", ticket.0));
        }
        let before = (self.durable.accepted, self.durable.current);
        while process.synced <= ticket.0 {
            let op = self.pending.pop_front().expect("as many as tickets");
            self.durable.apply(&op);
            process.synced += 1;
        }
        Ok(self.durable.accepted < before.0 || self.durable.current < before.1)
    }

    /// Core is told of a completion.
    pub(super) fn done(&mut self, ticket: Ticket) -> Result<(), String> {
        let process = self.up.as_mut().expect("it is up");
        if ticket.0 >= process.synced {
            return Err(format!(
                "core was told that operation {} is durable when {} of {} operations were synced",
                ticket.0, process.synced, process.issued
            ));
        }
        if ticket.0 + 1 < process.done {
            return Err(format!("completion {} came after completion {}", ticket.0, process.done - 1));
        }
        process.done = ticket.0 + 1;
        Ok(())
    }

    /// A storage output. A transaction that was appended is told.
    pub(super) fn store(&mut self, output: &Output<ClientTxn>) -> Result<Option<(Zxid, u64)>, String> {
        let (ticket, op) = match output {
            Output::Append(ticket, zxid, txn) => (ticket, Op::Append(*zxid, fingerprint::of_txn(txn))),
            Output::Truncate(ticket, zxid) => (ticket, Op::Truncate(*zxid)),
            Output::InstallSnapshot(ticket, zxid, _) => match self.received.take() {
                Some((stands, chain)) if stands == *zxid => (ticket, Op::Install(stands, chain)),
                _ => return Err(format!("installs a state at {zxid} that no recorded leader has sent")),
            },
            Output::SaveAcceptedEpoch(ticket, epoch) => (ticket, Op::Accepted(*epoch)),
            Output::SaveCurrentEpoch(ticket, epoch) => (ticket, Op::Current(*epoch)),
            Output::TakeSnapshot(zxid, _) => {
                self.snapshots.insert(*zxid, self.ahead.chain.up_to(*zxid));
                return Ok(None);
            }
            _ => return Ok(None),
        };
        let process = self.up.as_mut().expect("it is up");
        if ticket.0 != process.issued {
            return Err(format!("ticket {} instead of {}", ticket.0, process.issued));
        }
        process.issued += 1;
        self.ahead.apply(&op);
        let mut appended = None;
        match &op {
            Op::Append(zxid, txn) => appended = Some((*zxid, *txn)),
            Op::Install(stands, chain) => {
                (self.applied, self.agreed) = (chain.len(), 0);
                self.snapshots.insert(*stands, chain.len());
            }
            Op::Truncate(_) => {
                self.applied = self.applied.min(self.ahead.chain.len());
                self.agreed = self.agreed.min(self.applied);
            }
            _ => {}
        }
        self.pending.push_back(op);
        Ok(appended)
    }

    /// After a step: how far it has applied, and whether memory is what was asked of the disk. With `all`
    /// every transaction in memory is looked at, otherwise only the last `appended` ones.
    pub(super) fn look(&mut self, appended: usize, all: bool, floor: Zxid) {
        let Some(Process { peer, .. }) = &self.up else { return };
        let history = peer.history();
        let chain = &self.ahead.chain;
        while chain.entries().get(self.applied).is_some_and(|(zxid, _)| *zxid <= history.applied()) {
            self.applied += 1;
        }
        let epochs = (self.ahead.accepted, self.ahead.current);
        let status_epochs = peer.epochs();
        let checked = if all { history.len() } else { appended.min(history.len()) };
        let from = chain.len().saturating_sub(checked);
        let after = from.checked_sub(1).map_or(floor, |at| chain.entries()[at].0);
        let listed = history.after(after).map(|(zxid, txn)| (*zxid, fingerprint::of_txn(txn)));
        // A snapshot may stand at the beginning of an epoch, which is no transaction.
        let stands_before = history.is_empty() && history.last().counter() == 0;
        let last = Some(history.last()).filter(|z| *z > floor);
        self.matches = epochs == status_epochs
            && (last == chain.last() || stands_before && chain.last() < last)
            && (checked == 0 || history.base() > after || listed.eq(chain.entries()[from..].iter().copied()));
    }

    /// Whether a packet says no more than what is on disk.
    pub(super) fn may_say(&self, packet: &Packet<ClientTxn>) -> bool {
        let accepted = self.ahead.accepted;
        let durable = &self.durable;
        let all_up_to = |zxid| {
            let len = self.ahead.chain.up_to(zxid);
            durable.chain.agrees(&self.ahead.chain, len)
        };
        let has = |zxid| durable.chain.find(zxid).is_some();
        acknowledges_what_is_durable(packet, accepted, (durable.accepted, durable.current), all_up_to, has)
    }

    /// Whether the server leads though too many of its quorum checks have found no other server. `checked`:
    /// it has just looked; `heard`: it has just heard of another server.
    pub(super) fn leads_unheard(&mut self, checked: bool, heard: bool) -> bool {
        let Some(Process { peer, unheard, .. }) = &mut self.up else { return false };
        let established = peer.established_epoch().is_some();
        if heard || !established {
            *unheard = 0;
        }
        *unheard += u32::from(checked && established);
        checked && leads_unheard(peer, *unheard)
    }

    /// Whether it may have lost its disk, and no leader has given it a history since.
    pub(super) fn lost(&self) -> bool {
        !self.trusted && self.ahead.current == 0
    }

    /// What it has applied.
    pub(super) fn applied(&self) -> &[(Zxid, u64)] {
        &self.ahead.chain.entries()[..self.applied]
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::config::{ElectionMode, PeerConfig};
    use quorate_core::ids::{Link, Now, ServerId};
    use quorate_core::membership::Membership;
    use quorate_core::payload::{Payload, Service};
    use quorate_core::pipeline::{Settings, TreeImage};
    use quorate_core::quorum::QuorumVerifier;
    use quorate_core::{Input, Recovered};

    use super::*;

    const EPOCH: Epoch = 1;

    fn zxid(counter: u32) -> Zxid {
        Zxid::new(EPOCH, counter)
    }

    fn txn(counter: u32) -> ClientTxn {
        ClientTxn(counter.to_be_bytes().to_vec().into())
    }

    fn image() -> TreeImage {
        <ClientTxn as Payload>::Service::new(&Settings::new(ServerId(1), 2000), None).snapshot()
    }

    /// What a start found: a snapshot with transactions up to `base`, and in the log those that follow up to
    /// `last`.
    fn header(base: Zxid, last: u32) -> Header {
        let recovered = Recovered {
            accepted_epoch: EPOCH,
            current_epoch: EPOCH,
            snapshot: (base > Zxid::ZERO).then(|| (base, image())),
            entries: (1..=last).map(|n| (zxid(n), txn(n))).filter(|(z, _)| *z > base).collect(),
            ..Recovered::first_start()
        };
        let config = PeerConfig {
            init_limit: 1,
            sync_limit: 1,
            snap_count: 2,
            ..PeerConfig::new(
                ServerId(1),
                Membership::new(QuorumVerifier::Majority((1..=3).map(ServerId).collect()), vec![]),
                Settings::new(ServerId(1), 2000),
            )
        };
        Header { program: String::new(), wall_ms: 0, config, recovered }
    }

    /// A server that started with one transaction and was to append the second and the third.
    fn with_three() -> Server {
        let mut server = Server::default();
        server.start(&header(Zxid::ZERO, 1), Zxid::ZERO, true).unwrap();
        for n in 2..=3 {
            server.store(&Output::Append(Ticket(u64::from(n) - 2), zxid(n), txn(n))).unwrap();
        }
        server
    }

    fn counters(server: &Server) -> Vec<u32> {
        server.durable.chain.entries().iter().map(|(zxid, _)| zxid.counter()).collect()
    }

    #[test]
    fn a_start_finds_some_of_what_was_pending() {
        for last in 1..=3 {
            let mut server = with_three();
            server.start(&header(Zxid::ZERO, last), Zxid::ZERO, false).unwrap();
            assert_eq!(counters(&server), (1..=last).collect::<Vec<_>>());
        }
        let refused = with_three().start(&header(Zxid::ZERO, 4), Zxid::ZERO, false);
        assert!(refused.unwrap_err().contains("2 pending operations"));
    }

    /// Others made a quorum: the transactions were committed, applied, and in a snapshot on disk, before this
    /// server's log had them.
    #[test]
    fn a_snapshot_may_be_ahead_of_the_log() {
        let mut server = with_three();
        server.store(&Output::TakeSnapshot(zxid(3), image())).unwrap();
        server.start(&header(zxid(3), 3), Zxid::ZERO, false).unwrap();
        assert_eq!((counters(&server), server.applied), (vec![1, 2, 3], 3));
        server.look(0, true, Zxid::ZERO);
        assert!(server.matches, "memory is what is on disk");
    }

    /// The installed state stands at the beginning of an epoch: no transaction says how much is in it.
    #[test]
    fn a_start_finds_an_installed_state() {
        let stands = Zxid::new(EPOCH + 1, 0);
        let mut server = with_three();
        let mut received = server.ahead.chain.clone();
        received.push((zxid(4), 4));
        server.received = Some((stands, received));
        server.store(&Output::InstallSnapshot(Ticket(2), stands, image())).unwrap();
        server.start(&header(stands, 0), Zxid::ZERO, false).unwrap();
        assert_eq!(counters(&server), vec![1, 2, 3, 4]);
        server.look(0, true, Zxid::ZERO);
        assert!(server.matches, "memory is what is on disk");
    }

    /// A leader that hears of no other server may have its quorum check come round `syncLimit` times.
    #[test]
    fn who_leads_unheard_is_noticed() {
        let mut server = Server::default();
        let mut header = header(Zxid::ZERO, 1);
        header.config.election = ElectionMode::Oracle;
        server.start(&header, Zxid::ZERO, true).unwrap();
        assert!(!(0..3).any(|_| server.leads_unheard(true, false)), "it does not lead");
        let peer = &mut server.up.as_mut().unwrap().peer;
        peer.step(Now::default(), Input::Start, &mut Vec::new());
        peer.step(Now::default(), Input::Elected(ServerId(1)), &mut Vec::new());
        let follower = Link { server: ServerId(2), generation: 1 };
        let mut established = vec![Input::Accepted(follower)];
        let promise = Packet::AckEpoch { current_epoch: Some(0), last_zxid: Zxid::ZERO };
        let info = Packet::FollowerInfo { accepted_epoch: 0, config_version: 0 };
        let ack = Packet::Ack { zxid: Zxid::new(2, 0) };
        for (packet, ticket) in [(info, Some(0)), (promise, Some(1)), (ack, None)] {
            established.push(Input::Packet(follower, packet));
            established.extend(ticket.map(|ticket| Input::Done(Ticket(ticket))));
        }
        for input in established {
            peer.step(Now::default(), input, &mut Vec::new());
        }
        assert_eq!(peer.established_epoch(), Some(2));
        let mut judged = |checked, heard| server.leads_unheard(checked, heard);
        assert!(!judged(false, true) && !judged(true, false), "once");
        assert!(!judged(false, true) && !judged(true, false), "once since it heard of another server");
        assert!(judged(true, false));
    }

    #[test]
    fn a_lost_disk_is_known_until_a_leader_has_made_it_whole() {
        let mut server = Server::default();
        let mut header = header(Zxid::ZERO, 0);
        header.recovered = Recovered { trusted: false, ..Recovered::first_start() };
        server.start(&header, Zxid::ZERO, true).unwrap();
        assert!(server.lost());
        server.store(&Output::SaveCurrentEpoch(Ticket(0), 2)).unwrap();
        assert!(!server.lost());
    }

    /// What the log lacks and no snapshot has is missed.
    #[test]
    fn memory_that_is_behind_the_disk_is_noticed() {
        let mut server = Server::default();
        server.start(&header(zxid(3), 3), Zxid::ZERO, true).unwrap();
        server.look(0, true, Zxid::ZERO);
        assert!(!server.matches, "the snapshot stands where no transaction is known");
    }
}
