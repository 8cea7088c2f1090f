//! What the ghost learns from a step: what became visible, and rules that states do not show broken.

use std::sync::Arc;

use quorate_core::ids::Zxid;
use quorate_core::payload::Size;
use quorate_core::zab::Packet;

use super::{Broken, World};
use crate::byte::Byte;

impl World {
    pub(super) fn check_ack(&mut self, i: usize, packet: &Packet<Byte>) {
        let durable = &self.servers[i].disk.durable;
        let kept = match packet {
            Packet::Ack { zxid } if zxid.counter() == 0 => {
                let history = self.servers[i].peer.as_ref().expect("it is up").history();
                let start: Vec<Zxid> =
                    history.after(history.base()).map(|(z, _)| *z).filter(|z| z <= zxid).collect();
                let has = |z: &Zxid| durable.history().iter().any(|(d, _)| d == z);
                durable.current_epoch >= zxid.epoch() && start.iter().all(has)
            }
            Packet::Ack { zxid } => durable.history().iter().any(|(z, _)| z == zxid),
            Packet::AckEpoch { current_epoch: Some(_), .. } => durable.accepted_epoch >= self.accepted(i),
            Packet::LeaderInfo { epoch } => durable.accepted_epoch >= *epoch,
            _ => true,
        };
        self.note(!kept, |broken| broken.ack_durable = true);
    }

    /// What a learner is sent one by one before NEWLEADER must not be more than the leader's limit.
    pub(super) fn check_diff(&mut self, i: usize, c: usize, packet: &Packet<Byte>) {
        if !matches!(packet, Packet::NewLeader { .. }) {
            return;
        }
        let begins = |p: &&Packet<Byte>| matches!(p, Packet::Diff { .. } | Packet::Trunc { .. });
        let commits = |p: &&Packet<Byte>| matches!(p, Packet::Commit { .. });
        let queue = &self.connections[c].to_learner;
        let sent = queue.iter().skip_while(|p| !begins(p)).filter(commits).count();
        let peer = self.servers[i].peer.as_ref().expect("it is up");
        let oversized = sent > peer.config().diff_limit.of(peer.service().size());
        self.note(oversized, |broken| broken.oversized_diff = true);
    }

    fn accepted(&self, i: usize) -> u32 {
        self.servers[i].peer.as_ref().expect("it is up").status().accepted_epoch
    }

    /// Tell the ghost what this server made visible.
    pub(super) fn observe(&mut self, i: usize) {
        let peer = self.servers[i].peer.as_ref().expect("it is up");
        if !peer.serving() {
            return;
        }
        let applied = Arc::clone(peer.service().applied());
        let reign = peer.established_epoch().filter(|epoch| self.ghost.newest != Some((*epoch, i)));
        let known = self.ghost.delivered.get(..applied.len()) == Some(applied.as_slice());
        if known && reign.is_none() {
            return;
        }
        let ghost = Arc::make_mut(&mut self.ghost);
        ghost.deliver(0, &applied);
        if let Some(epoch) = reign {
            ghost.establish(epoch, i, &applied);
        }
    }

    pub(super) fn note(&mut self, seen: bool, mark: impl FnOnce(&mut Broken)) {
        if seen {
            mark(&mut Arc::make_mut(&mut self.ghost).broken);
        }
    }
}
