//! What an ensemble is set up with, and what may still happen to it.

use std::hash::Hash;

use quorate_core::config::{Constant, PeerConfig};
use quorate_core::ids::{Epoch, ServerId};

use crate::byte::Byte;
use crate::hash::fingerprint;
use crate::world::java::Flaws;
use crate::world::marked::Marked;

/// What may still happen. Part of the state: nothing cuts a search short.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Budget {
    /// Crashes, cuts, silences and timeouts without cause, together.
    pub faults: u8,
    /// Transactions that clients submit.
    pub txns: u8,
    /// How often the oracle names a leader. With Fast Leader Election it is a round. Up to that round the
    /// pause for a better vote may be too short, and a server may run into a timeout.
    pub elections: u8,
    /// Repetitions of a vote.
    pub resends: u8,
}

/// What there is of the connections between learners and leaders.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum QuorumPort {
    /// They are made, carry packets and break.
    Open,
    /// There are none, and no server minds: a server that has decided stays with its leader.
    Absent,
    /// There are none, but servers act as if there were. A server that follows one that does not lead, or
    /// that leads without a quorum, may look for another leader. Any server may do so as a fault.
    Imagined,
    /// They lead nowhere for good: nothing arrives, no server is told, every alarm about it may fire.
    Dead,
}

/// What most models spare the servers, because it makes their worlds many times larger. The models
/// `harsh-*` and the walks of `simulate` do not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Harsh {
    /// A learner may give up a leader that is well, as a fault. What the learner had sent still arrives.
    pub gives_up: bool,
    /// A server that looks may follow any server that leads, not only the one that the oracle named last.
    pub follows_any: bool,
    /// What a process had sent before it died still arrives, in full or in part.
    pub outlives: bool,
    /// How many votes may be under way from one server to another in front of the newest.
    pub older_votes: usize,
}

impl Harsh {
    /// Everything, with one older vote under way.
    pub const ALL: Harsh = Harsh { gives_up: true, follows_any: true, outlives: true, older_votes: 1 };
}

/// What never changes. A model may begin in worlds of several settings: no state of one is a state of
/// another.
#[derive(Clone, Debug)]
pub struct Setting<P: Marked = Byte> {
    /// The configuration of each server, in the order of their ids.
    pub configs: Vec<Constant<PeerConfig<P>>>,
    /// What becomes of attempts to connect to an elected leader.
    pub quorum_port: QuorumPort,
    /// Whether clients submit to every serving server, or only to leaders.
    pub submit_anywhere: bool,
    /// Whether clients also ask serving servers for `sync`, as often as they may submit.
    pub syncs: bool,
    /// Whether deliveries that only their receiver can notice happen at once (see
    /// `World::settle`).
    pub eager: bool,
    /// Whether a server whose attempt to connect failed tries again at once: only an attempt that succeeds is
    /// a step. Otherwise the alarm waits for [`World::fire`](super::World::fire).
    pub redials: bool,
    /// Whether votes wait for a server that is down, as on the election port. When the server comes back, the
    /// last vote that it may have lost is sent again. Otherwise both are lost: the servers that look say
    /// their votes again.
    pub votes_wait: bool,
    /// The server, by index, whose disk is gone when its process dies.
    pub fragile: Option<usize>,
    /// The name that strangers take, and what they say.
    pub forged: Option<Forged>,
    /// What is not spared.
    pub harsh: Harsh,
    /// Servers, by index, that behave as ZooKeeper does, and which of its weaknesses they have.
    pub java: Vec<(usize, Flaws)>,
    /// Servers, by index, that may change places: states that differ in that alone are one (see
    /// [`Setting::symmetric`]).
    pub interchangeable: Vec<Vec<usize>>,
    /// Distinguishes two runs of the same search.
    pub salt: u64,
}

impl<P: Marked> Setting<P> {
    /// Tells settings apart in which the same state can go on differently.
    pub(super) fn kind(&self) -> u64 {
        let configs: Vec<&PeerConfig<P>> = self.configs.iter().map(|config| &**config).collect();
        let knobs = (self.submit_anywhere, self.syncs, self.eager, self.redials, self.votes_wait, self.harsh);
        fingerprint(&(configs, self.quorum_port, knobs, self.fragile, self.forged, &self.java), 0).0
    }
}

/// An introduction that is not true.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Forged {
    /// The server in whose name it is made.
    pub server: ServerId,
    /// The acceptedEpoch that is claimed.
    pub accepted_epoch: Epoch,
}
