//! A server that behaves as Apache ZooKeeper does, for models of mixed ensembles.
//!
//! A [`JavaPeer`] is a second, independent description of the quorum port. It shares packets, zxids and the
//! disk of the models with core, and no rule. What is described is ZooKeeper 3.9.4 (`Leader`,
//! `LearnerHandler`, `Learner`, `FileTxnSnapLog`, `ZKDatabase`) with an election oracle. It differs from a
//! Quorate server in this:
//!
//! * A server that starts, or leaves a role, has its whole log in its state, committed or not
//!   (`loadDataBase`, `fastForwardDataBase`). A leader takes a snapshot of all that before a server follows it
//!   (`loadData`).
//! * A leader compares zxids with the range of its committedLog: everything it replayed or committed since its
//!   snapshot. A learner whose zxid has counter 0 in that range is sent DIFF (`isPeerNewEpochZxid`).
//! * SNAP is named after the last zxid processed. An established leader moves that to the start of its epoch.
//! * A leader sends COMMIT to a follower from the moment its synchronisation was cut. It counts a follower only
//!   if the first packet after NEWLEADER acknowledges it.
//! * A commit is applied whether or not the own log has it on disk.
//! * A follower that was sent DIFF logs and applies what is committed at NEWLEADER. The rest, and all after SNAP
//!   or TRUNC, exists in memory at first. A snapshot at NEWLEADER, or the log after UPTODATE, has it then.
//! * A server whose log has an epoch later than its currentEpoch does not start (ZOOKEEPER-1653).
//!
//! What is known to lose data is switched on by [`Flaws`]. Left out:
//!
//! * SNAP from the files of the log (`snapshotSizeFactor`): they are longer than the snapshots of a small tree;
//! * logs and snapshots that were purged;
//! * an acknowledgement of a proposal that overtakes the one of NEWLEADER (ZOOKEEPER-4685);
//! * holes in committedLog (ZOOKEEPER-4925: 3.9.3 alone);
//! * the log of an old role that is still written in a new one (ZOOKEEPER-4712: up to 3.9.2).

mod host;
mod leader;
mod learner;

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_core::config::{Constant, PeerConfig};
use quorate_core::election::ServerState;
use quorate_core::ids::{Epoch, Link, ServerId, Zxid};
use quorate_core::timer::{Delay, Timer};
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, Reason, Status, ZabState};

use super::disk::{Disk, DiskOp, Durable};
use crate::byte::{Applied, Byte};
use leader::Leader;
use learner::Learner;

/// Weaknesses of ZooKeeper servers that can cost what was acknowledged, each to be switched on by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Flaws {
    /// At NEWLEADER currentEpoch is written first, and the acknowledgement leaves at once. The history is still
    /// on its way to the log (ZOOKEEPER-3911, 4643, 4646: up to 3.8.4 and 3.9.1).
    pub early_ack: bool,
    /// A leader counts what a follower acknowledged over an earlier connection, while it has the follower
    /// truncate just that and log it again. All versions.
    pub stale_acks: bool,
    /// TRUNC and SNAP leave older files where they are. TRUNC takes nothing out of a snapshot
    /// (ZOOKEEPER-1549). A snapshot of a later name outlives both, and so does what the log has after the zxid
    /// of a SNAP. All versions.
    pub files_outlive_sync: bool,
    /// A server that leaves its leader between TRUNC and NEWLEADER keeps in memory what it has on no disk,
    /// and vouches for it (ZOOKEEPER-5094). All versions.
    pub memory_outlives_sync: bool,
}

impl Flaws {
    /// None of them.
    pub const NONE: Flaws =
        Flaws { early_ack: false, stale_acks: false, files_outlive_sync: false, memory_outlives_sync: false };
}

/// What a storage operation that is not durable yet is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Awaited {
    Logged(Zxid),
    AcceptedEpoch,
    CurrentEpoch,
    Nothing,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Role {
    Looking,
    Leading(Leader),
    Learning(Learner),
}

/// The process of a server that behaves as ZooKeeper does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct JavaPeer {
    config: Constant<PeerConfig<Byte>>,
    flaws: Flaws,
    accepted_epoch: Epoch,
    current_epoch: Epoch,
    /// The state.
    tree: Applied,
    /// Where the state is said to stand.
    last_processed: Zxid,
    /// committedLog is what the state lists from here on.
    window: usize,
    /// Logged, or on its way to the log, and not applied.
    pending: VecDeque<(Zxid, Byte)>,
    awaited: VecDeque<Awaited>,
    role: Role,
}

/// What a role does with its server, and what leaves it.
struct Context<'a> {
    out: &'a mut Vec<Output<Byte>>,
    disk: &'a mut Disk,
}

impl Context<'_> {
    fn send(&mut self, link: Link, packet: Packet<Byte>) {
        self.out.push(Output::Send(link, packet));
    }

    fn hangup(&mut self, link: Link, reason: Reason) {
        self.out.push(Output::Hangup(link, reason));
    }
}

/// The role is over: the server looks for a leader.
struct RoleEnded;

type Outcome = Result<(), RoleEnded>;

impl JavaPeer {
    /// Whether a server starts on this disk: not if a write of currentEpoch is missing (ZOOKEEPER-1653).
    pub fn starts_on(disk: &Durable) -> bool {
        disk.last().epoch() <= disk.current_epoch
    }

    /// A server as it comes up: the whole log is in its state.
    pub fn start(config: Constant<PeerConfig<Byte>>, flaws: Flaws, disk: &Durable) -> Self {
        let mut peer = JavaPeer {
            config,
            flaws,
            accepted_epoch: disk.accepted_epoch,
            current_epoch: disk.current_epoch,
            tree: Arc::default(),
            last_processed: Zxid::ZERO,
            window: 0,
            pending: VecDeque::new(),
            awaited: VecDeque::new(),
            role: Role::Looking,
        };
        peer.load(disk);
        peer
    }

    /// The state is what these files make: the newest snapshot, then the log after it.
    fn load(&mut self, disk: &Durable) {
        let snapshot = disk.snapshot.as_ref();
        self.window = snapshot.map_or(0, |(_, state)| state.len());
        self.tree = Arc::new(Self::replayed(disk));
        self.last_processed = disk.last();
    }

    /// What the snapshot and the log come to: a record that is there twice is applied once.
    pub fn replayed(disk: &Durable) -> Vec<(Zxid, Byte)> {
        let mut state: Vec<(Zxid, Byte)> = Vec::new();
        for txn in disk.history() {
            if !state.contains(&txn) {
                state.push(txn);
            }
        }
        state
    }

    fn step(&mut self, input: Input<Byte>, out: &mut Vec<Output<Byte>>, disk: &mut Disk) {
        let mut cx = Context { out, disk };
        if self.dispatch(&mut cx, input).is_err() {
            self.end_role(&mut cx);
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_>, input: Input<Byte>) -> Outcome {
        let role = std::mem::replace(&mut self.role, Role::Looking);
        let (role, outcome) = match (role, input) {
            (Role::Looking, Input::Elected(leader)) if leader == self.config.id => {
                (Role::Leading(self.lead(cx)), Ok(()))
            }
            (Role::Looking, Input::Elected(leader)) => (Role::Learning(self.learn(cx, leader)), Ok(())),
            (Role::Looking, Input::Done(_)) => {
                self.awaited.pop_front();
                (Role::Looking, Ok(()))
            }
            (Role::Leading(mut leader), input) => {
                let outcome = leader.step(self, cx, input);
                (Role::Leading(leader), outcome)
            }
            (Role::Learning(mut learner), input) => {
                let outcome = learner.step(self, cx, input);
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
        self.awaited.iter_mut().for_each(|awaited| *awaited = Awaited::Nothing);
        match std::mem::replace(&mut self.role, Role::Looking) {
            Role::Looking => {}
            Role::Leading(leader) => leader.links().for_each(|link| cx.hangup(link, Reason::RoleEnded)),
            Role::Learning(learner) => {
                if let Some(link) = learner.link() {
                    cx.hangup(link, Reason::RoleEnded);
                }
                if learner.is_reloaded(self.flaws) {
                    self.pending.clear();
                    self.load(&cx.disk.settled());
                    return;
                }
            }
        }
        while self.apply_next().is_some() {}
    }

    fn write(&mut self, cx: &mut Context<'_>, awaited: Awaited, op: DiskOp) {
        self.awaited.push_back(awaited);
        cx.disk.push(op);
    }

    fn accept_epoch(&mut self, cx: &mut Context<'_>, epoch: Epoch) {
        self.accepted_epoch = epoch;
        self.write(cx, Awaited::AcceptedEpoch, DiskOp::Accepted(epoch));
    }

    fn enter_epoch(&mut self, cx: &mut Context<'_>, epoch: Epoch) {
        self.current_epoch = epoch;
        self.write(cx, Awaited::CurrentEpoch, DiskOp::Current(epoch));
    }

    /// A transaction goes to the log; it is applied later.
    fn log(&mut self, cx: &mut Context<'_>, zxid: Zxid, txn: Byte) {
        self.pending.push_back((zxid, txn));
        self.write(cx, Awaited::Logged(zxid), DiskOp::Append(zxid, txn));
    }

    /// The oldest that is logged and not applied is applied.
    fn apply_next(&mut self) -> Option<(Zxid, Byte)> {
        let (zxid, txn) = self.pending.pop_front()?;
        self.apply(zxid, txn);
        Some((zxid, txn))
    }

    fn apply(&mut self, zxid: Zxid, txn: Byte) {
        Arc::make_mut(&mut self.tree).push((zxid, txn));
        self.last_processed = zxid;
    }

    /// A snapshot of the state, named after where it is said to stand.
    fn take_snapshot(&mut self, cx: &mut Context<'_>, in_place_of_everything: bool) {
        let (zxid, state) = (self.last_processed, Arc::clone(&self.tree));
        let op =
            if in_place_of_everything { DiskOp::Install(zxid, state) } else { DiskOp::Save(zxid, state) };
        self.write(cx, Awaited::Nothing, op);
    }

    /// The first and the last zxid of committedLog.
    fn committed_range(&self) -> (Zxid, Zxid) {
        let listed = &self.tree[self.window..];
        match (listed.first(), listed.last()) {
            (Some((min, _)), Some((max, _))) => (*min, *max),
            _ => (self.last_processed, self.last_processed),
        }
    }

    fn votes(&self) -> bool {
        self.config.membership.is_voter(self.config.id)
    }
}

/// What others see of it.
impl JavaPeer {
    /// The state in the election's words.
    pub fn state(&self) -> ServerState {
        match &self.role {
            Role::Looking => ServerState::Looking,
            Role::Leading(_) => ServerState::Leading,
            Role::Learning(_) if self.votes() => ServerState::Following,
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
        &self.tree
    }

    /// Whether something that is logged is not applied.
    pub fn has_outstanding(&self) -> bool {
        !self.pending.is_empty()
    }

    /// In a Quorate server's words.
    pub fn status(&self) -> Status {
        let (leader, learners) = match &self.role {
            Role::Looking => (None, Vec::new()),
            Role::Leading(leader) => (Some(self.config.id), leader.learners()),
            Role::Learning(learner) => (Some(learner.leader()), Vec::new()),
        };
        Status {
            id: self.config.id,
            state: self.state(),
            zab: self.zab(),
            leader,
            accepted_epoch: self.accepted_epoch,
            current_epoch: self.current_epoch,
            last_zxid: self.pending.back().map_or(self.last_processed, |(zxid, _)| *zxid),
            applied: self.last_processed,
            round: 0,
            pending_syncs: 0,
            parked_requests: 0,
            learners,
        }
    }

    fn dials(&mut self, cx: &mut Context<'_>, leader: ServerId) {
        cx.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit));
        cx.out.push(Output::Dial(leader));
    }
}
