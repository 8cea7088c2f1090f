//! A client's session with an ensemble, as a pure state machine.
//!
//! ```text
//!  operations ─┐                                        ┌─► completions: done, refused, unknown
//!  bytes ──────┤                                        ├─► bytes
//!  connected ──┼──► Session::step(moment, input) ───────┼─► dial, hang up
//!  alarms ─────┘                                        └─► events, states
//! ```
//!
//! A [`Session`] knows no socket, clock, thread or source of random numbers. [`Session::step`] is told what
//! happened and says in [`Outputs`] what is to be done. The shell of the feature `tokio`, the models and all
//! tests call this one function.
//!
//! # The contract between a session and its shell
//!
//! 1. **One connection.** After [`Output::Dial`] the shell says [`Input::Connected`] or
//!    [`Input::Disconnected`]. After [`Output::Hangup`] it says nothing more of that connection.
//! 2. **Bytes keep their order**, both ways. A write that fails is an [`Input::Disconnected`].
//! 3. **Alarms are asked for** after each step ([`Session::alarms`]). One that fires at another moment costs
//!    time or a connection, and makes nothing wrong.
//! 4. **Every operation has one outcome.** *Done* and *refused* are certain. *Unknown* is said of a request
//!    that was on its way when its connection ended.
//! 5. **The end is told once**, by [`State::Over`]; a session that is over does nothing any more.

pub(crate) mod chroot;
mod connection;
mod frame;
mod io;
mod pending;
mod replies;
mod requests;
mod settings;
#[cfg(test)]
mod tests;
mod watches;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::BytesMut;
use quorate_core::config::Constant;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{AuthPacket, PASSWORD_LEN};

pub use io::{
    End, Ended, Input, Moment, Offence, OpId, Outcome, Output, Outputs, Refusal, State, Timer, WatchEvent,
    WatchKinds,
};
pub use settings::{ConnectString, ConnectStringError, DEFAULT_PORT, Host, Settings};
pub use watches::SET_WATCHES_LIMIT;

use pending::{Sent, Unsent};
use watches::Watches;

/// How long a session waits before it asks another server whether it takes writes, ms.
const SEARCH_PAUSE_MS: u64 = 500;

/// A session, from its first dial to its end.
///
/// Equal states behave alike: what a model explores is all there is. Besides the zxid and the xid nothing
/// only grows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Session {
    settings: Constant<Settings>,
    /// The servers in the order in which they are tried.
    hosts: Constant<Vec<Host>>,
    /// Which of them is dialed next.
    next_host: usize,
    /// How many attempts have failed since the last pause.
    failed: usize,
    phase: Phase,
    /// What was told last.
    state: State,
    /// When the first attempt was, until there is a connection.
    begun_ms: Option<u64>,
    id: SessionId,
    password: [u8; PASSWORD_LEN],
    /// The timeout in force; before the first connection the one asked for.
    timeout_ms: i32,
    /// Whether a server that takes writes knows the session. A read-only server makes one up.
    is_global: bool,
    /// The newest zxid that a reply has carried.
    last_zxid: i64,
    next_xid: i32,
    identities: Vec<Identity>,
    watches: Watches,
    /// Waiting for a connection, in order.
    unsent: VecDeque<Unsent>,
}

/// Where a session stands with its connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// Nothing was dialed yet.
    New,
    /// Between two attempts.
    Pausing { until_ms: u64 },
    /// A server was dialed.
    Dialing { since_ms: u64 },
    /// The session was asked for.
    Greeting { since_ms: u64, arrived: BytesMut },
    /// The session is attached to a server.
    Up(Up),
    /// The session has ended.
    Over(End),
}

/// A connection whose server has accepted the session.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Up {
    read_only: bool,
    /// Bytes that are in no frame yet.
    arrived: BytesMut,
    /// Requests that wait for their replies, in order.
    sent: VecDeque<Sent>,
    /// Which identities wait for a reply, in order.
    proving: VecDeque<usize>,
    /// How many `setWatches` wait for a reply.
    setting_watches: usize,
    sent_ms: u64,
    heard_ms: u64,
    /// When to look for a server that takes writes.
    search_ms: Option<u64>,
    /// Whether `closeSession` was sent.
    closing: bool,
}

/// An identity that every connection has to prove.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Identity {
    packet: AuthPacket,
    /// The operation that brought it, until a server has answered.
    waiting: Option<OpId>,
}

impl Session {
    /// A session to be begun with [`Input::Start`]. The servers' order is drawn with `seed`, once.
    pub fn new(settings: Constant<Settings>, seed: u64) -> Self {
        let mut hosts = settings.connect.hosts.clone();
        shuffle(&mut hosts, seed);
        Session {
            hosts: Constant::new(hosts),
            next_host: 0,
            failed: 0,
            phase: Phase::New,
            state: State::Connecting,
            begun_ms: None,
            id: SessionId(0),
            password: [0; PASSWORD_LEN],
            timeout_ms: settings.timeout_ms,
            is_global: false,
            last_zxid: 0,
            next_xid: 1,
            identities: Vec::new(),
            watches: Watches::default(),
            unsent: VecDeque::new(),
            settings,
        }
    }

    /// Take an input. What is to be done is appended to `out`.
    pub fn step(&mut self, at: Moment, input: Input<'_>, out: &mut Outputs) {
        match input {
            Input::Start => {
                if self.phase == Phase::New {
                    self.begun_ms = Some(at.ms);
                    self.dial(at, out);
                }
            }
            Input::Submit { id, request, absolute } => self.submit(at, id, request, absolute, out),
            Input::GiveUp(id) => self.give_up(id, out),
            Input::Forget { path, kinds } => {
                self.watches.remove(&chroot::outside(&self.settings.connect.chroot, &path), kinds);
            }
            Input::Connected => self.greet(at, out),
            Input::Disconnected => self.lose(at, Ended::Lost, out),
            Input::Bytes(bytes) => self.take_bytes(at, bytes, out),
            Input::Probed { host, writable } => self.take_probe(at, &host, writable, out),
            Input::Alarm(timer) => self.take_alarm(at, timer, out),
            Input::Close => self.close(at, out),
        }
    }

    /// The alarms that are wanted now, with their times in ms: the clock is that of [`Moment::ms`].
    pub fn alarms(&self) -> impl Iterator<Item = (Timer, u64)> {
        let after = |since: u64, numerator: u64, denominator: u64| {
            since.saturating_add(self.timeout() * numerator / denominator)
        };
        let (of_phase, search) = match &self.phase {
            Phase::New | Phase::Over(_) => ([None, None], None),
            Phase::Pausing { until_ms } => ([Some((Timer::Dial, *until_ms)), None], None),
            Phase::Dialing { since_ms } | Phase::Greeting { since_ms, .. } => {
                ([Some((Timer::Attempt, after(*since_ms, 1, self.hosts.len() as u64))), None], None)
            }
            Phase::Up(up) => {
                let ping = (!up.closing).then_some((Timer::Ping, after(up.sent_ms, 1, 3)));
                ([ping, Some((Timer::Silence, after(up.heard_ms, 2, 3)))], up.search_ms)
            }
        };
        let connect = self.begun_ms.zip(self.settings.connect_timeout_ms);
        let connect = connect.map(|(begun, limit)| (Timer::Connect, begun.saturating_add(limit)));
        of_phase.into_iter().flatten().chain(search.map(|at| (Timer::Search, at))).chain(connect)
    }

    /// The alarm that is due first.
    pub fn next_alarm(&self) -> Option<(Timer, u64)> {
        self.alarms().min_by_key(|(_, at)| *at)
    }

    /// What the session is to its user.
    pub fn state(&self) -> State {
        self.state
    }

    /// The session's id; 0 before its first connection.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The session's password, with which another program can take the session over.
    pub fn password(&self) -> &[u8; PASSWORD_LEN] {
        &self.password
    }

    /// The session timeout in force, ms; before the first connection the one that is asked for.
    pub fn timeout_ms(&self) -> i32 {
        self.timeout_ms
    }

    /// The newest zxid that a reply has carried.
    pub fn last_zxid(&self) -> i64 {
        self.last_zxid
    }

    /// How many requests wait for a reply or for a connection.
    pub fn outstanding(&self) -> usize {
        self.unsent.len() + if let Phase::Up(up) = &self.phase { up.sent.len() } else { 0 }
    }

    /// The watches that are set on a path, as far as servers have said so.
    pub fn watches(&self, path: &str) -> WatchKinds {
        self.watches.at(&chroot::outside(&self.settings.connect.chroot, path))
    }

    /// The identities that servers have accepted, for a session that takes this one's place.
    pub fn identities(&self) -> impl Iterator<Item = &AuthPacket> {
        self.identities.iter().filter(|identity| identity.waiting.is_none()).map(|identity| &identity.packet)
    }

    fn timeout(&self) -> u64 {
        u64::try_from(self.timeout_ms).unwrap_or(0)
    }

    fn tell(&mut self, state: State, out: &mut Outputs) {
        if self.state != state {
            self.state = state;
            out.push(Output::State(state));
        }
    }

    /// The path as the user knows it.
    fn inside(&self, path: &str) -> String {
        chroot::inside(&self.settings.connect.chroot, path).into()
    }
}

/// Draw an order (Fisher and Yates), with numbers made of a seed (SplitMix64).
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for i in (1..items.len()).rev() {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = seed;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        items.swap(i, (z % (i as u64 + 1)) as usize);
    }
}
