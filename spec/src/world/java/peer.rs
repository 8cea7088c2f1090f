//! The process of a server that behaves as ZooKeeper does: its role, and what it has in every role.

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_core::config::{Constant, PeerConfig};
use quorate_core::election::ServerState;
use quorate_core::ids::{Epoch, Zxid};
use quorate_core::timer::Timer;
use quorate_core::{Input, Output, Reason, Status, ZabState};

use super::flaws::Flaws;
use super::leader::Leader;
use super::learner::Learner;
use super::member::{Awaited, Context, Member, Outcome, replayed};
use crate::byte::{Applied, Byte};
use crate::world::disk::{Disk, Durable};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Role {
    Looking,
    Leading(Leader),
    Learning(Learner),
}

/// The process of a server that behaves as ZooKeeper does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct JavaPeer {
    pub(super) member: Member,
    role: Role,
}

impl JavaPeer {
    /// Whether a server starts on this disk: not if a write of currentEpoch is missing (ZOOKEEPER-1653).
    pub fn starts_on(disk: &Durable) -> bool {
        disk.last().epoch() <= disk.current_epoch
    }

    /// A server as it comes up: the whole log is in its state.
    pub fn start(config: Constant<PeerConfig<Byte>>, flaws: Flaws, disk: &Durable) -> Self {
        let mut member = Member {
            config,
            flaws,
            accepted_epoch: disk.accepted_epoch,
            current_epoch: disk.current_epoch,
            tree: Arc::default(),
            last_processed: Zxid::ZERO,
            window: 0,
            pending: VecDeque::new(),
            awaited: VecDeque::new(),
        };
        member.load(disk);
        JavaPeer { member, role: Role::Looking }
    }

    /// What the snapshot and the log come to: a record that is there twice is applied once.
    pub fn replayed(disk: &Durable) -> Vec<(Zxid, Byte)> {
        replayed(disk)
    }

    pub(super) fn step(&mut self, input: Input<Byte>, out: &mut Vec<Output<Byte>>, disk: &mut Disk) {
        let mut cx = Context { out, disk };
        if self.dispatch(&mut cx, input).is_err() {
            self.end_role(&mut cx);
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_>, input: Input<Byte>) -> Outcome {
        let role = std::mem::replace(&mut self.role, Role::Looking);
        let (role, outcome) = match (role, input) {
            (Role::Looking, Input::Elected(leader)) if leader == self.member.config.id => {
                (Role::Leading(Leader::begin(&mut self.member, cx)), Ok(()))
            }
            (Role::Looking, Input::Elected(leader)) => (Role::Learning(Learner::begin(cx, leader)), Ok(())),
            (Role::Looking, Input::Done(_)) => {
                self.member.awaited.pop_front();
                (Role::Looking, Ok(()))
            }
            (Role::Leading(mut leader), input) => {
                let outcome = leader.step(&mut self.member, cx, input);
                (Role::Leading(leader), outcome)
            }
            (Role::Learning(mut learner), input) => {
                let outcome = learner.step(&mut self.member, cx, input);
                (Role::Learning(learner), outcome)
            }
            (role, Input::Up(link) | Input::Accepted(link)) => {
                cx.hangup(link, Reason::NotLeading);
                (role, Ok(()))
            }
            (role, _) => (role, Ok(())),
        };
        self.role = role;
        outcome
    }

    /// The connections are closed, and the state catches up with the log.
    fn end_role(&mut self, cx: &mut Context<'_>) {
        for timer in [Timer::PhaseLimit, Timer::Liveness] {
            cx.out.push(Output::CancelAlarm(timer));
        }
        // No role is told of what an earlier one wrote.
        self.member.awaited.iter_mut().for_each(|awaited| *awaited = Awaited::Nothing);
        match std::mem::replace(&mut self.role, Role::Looking) {
            Role::Looking => {}
            Role::Leading(leader) => leader.links().for_each(|link| cx.hangup(link, Reason::RoleEnded)),
            Role::Learning(learner) => {
                if let Some(link) = learner.link() {
                    cx.hangup(link, Reason::RoleEnded);
                }
                if learner.is_reloaded(self.member.flaws) {
                    self.member.pending.clear();
                    self.member.load(&cx.disk.settled());
                    return;
                }
            }
        }
        while self.member.apply_next().is_some() {}
    }
}

/// What others see of it.
impl JavaPeer {
    /// The state in the election's words.
    pub fn state(&self) -> ServerState {
        match &self.role {
            Role::Looking => ServerState::Looking,
            Role::Leading(_) => ServerState::Leading,
            Role::Learning(_) if self.member.votes() => ServerState::Following,
            Role::Learning(_) => ServerState::Observing,
        }
    }

    /// The epoch it orders writes in, if it leads and is established.
    pub fn established_epoch(&self) -> Option<Epoch> {
        match &self.role {
            Role::Leading(leader) => leader.established(),
            _ => None,
        }
    }

    /// Whether clients are served.
    pub fn serving(&self) -> bool {
        match &self.role {
            Role::Looking => false,
            Role::Leading(leader) => leader.established().is_some(),
            Role::Learning(learner) => learner.serves(),
        }
    }

    /// The phase of ZAB.
    pub fn zab(&self) -> ZabState {
        match &self.role {
            Role::Looking => ZabState::Election,
            Role::Leading(leader) => leader.zab(),
            Role::Learning(learner) => learner.zab(),
        }
    }

    /// The state: everything that is applied.
    pub fn applied(&self) -> &Applied {
        &self.member.tree
    }

    /// Whether something that is logged is not applied.
    pub fn has_outstanding(&self) -> bool {
        !self.member.pending.is_empty()
    }

    /// In a Quorate server's words.
    pub fn status(&self) -> Status {
        let (leader, learners) = match &self.role {
            Role::Looking => (None, Vec::new()),
            Role::Leading(leader) => (Some(self.member.config.id), leader.learners()),
            Role::Learning(learner) => (Some(learner.leader()), Vec::new()),
        };
        Status {
            id: self.member.config.id,
            state: self.state(),
            zab: self.zab(),
            leader,
            accepted_epoch: self.member.accepted_epoch,
            current_epoch: self.member.current_epoch,
            last_zxid: self.member.pending.back().map_or(self.member.last_processed, |(zxid, _)| *zxid),
            applied: self.member.last_processed,
            round: 0,
            pending_syncs: 0,
            parked_requests: 0,
            learners,
        }
    }
}
