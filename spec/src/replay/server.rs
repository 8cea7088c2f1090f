//! One server of a merged run: its process, its disk as far as it is known, the history it has.

use std::collections::VecDeque;

use quorate_core::config::Constant;
use quorate_core::ids::{Epoch, Ticket, Zxid};
use quorate_core::pipeline::ClientTxn;
use quorate_core::recording::{Header, fingerprint};
use quorate_core::zab::Packet;
use quorate_core::{Output, QuorumPeer};

use super::chain::Chain;
use crate::world::acknowledges_what_is_durable;

/// What was asked of a disk.
enum Op {
    Append(Zxid, u64),
    Truncate(Zxid),
    Install(Chain),
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
            Op::Install(chain) => self.chain = chain.clone(),
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
}

/// A running process.
pub(super) struct Process {
    pub(super) peer: QuorumPeer<ClientTxn>,
    /// Tickets given out, and synced, and completed.
    issued: u64,
    synced: u64,
    done: u64,
    pub(super) steps: u64,
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
            while found(&possible.chain) != possible {
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
        let peer = QuorumPeer::new(Constant::new(header.config.clone()), recovered.clone());
        self.up = Some(Process { peer, issued: 0, synced: 0, done: 0, steps: 0 });
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
                Some((stands, chain)) if stands == *zxid => (ticket, Op::Install(chain)),
                _ => return Err(format!("installs a state at {zxid} that no recorded leader has sent")),
            },
            Output::SaveAcceptedEpoch(ticket, epoch) => (ticket, Op::Accepted(*epoch)),
            Output::SaveCurrentEpoch(ticket, epoch) => (ticket, Op::Current(*epoch)),
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
            Op::Install(chain) => (self.applied, self.agreed) = (chain.len(), 0),
            Op::Truncate(_) => {
                self.applied = self.applied.min(self.ahead.chain.len());
                self.agreed = self.agreed.min(self.applied);
            }
            _ => {}
        }
        self.pending.push_back(op);
        Ok(appended)
    }

    /// After a step: how far it has applied, and whether memory is what was asked of the disk. With
    /// `all` every transaction in memory is looked at, otherwise only the last so many.
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
        let last =
            if history.is_empty() { chain.last() } else { Some(history.last()).filter(|z| *z > floor) };
        self.matches = epochs == status_epochs
            && last == chain.last()
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

    /// What it has applied.
    pub(super) fn applied(&self) -> &[(Zxid, u64)] {
        &self.ahead.chain.entries()[..self.applied]
    }
}
