//! Alarms: a closed set of names and symbolic delays.
//!
//! Core never sees a duration. The server maps delays to `tickTime`, `initLimit`, `syncLimit` and fixed
//! pauses. The protocol models fire an armed alarm at any moment at which firing can matter, which covers
//! every clock. `docs/VERIFICATION.md` lists the alarms that no model fires.

/// The alarms a peer can set. Setting one that is armed moves it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub enum Timer {
    /// LOOKING: nothing decisive was heard; the server says its vote again.
    ElectionResend,
    /// LOOKING: a quorum agrees and nothing better came; the server decides.
    ElectionDecide,
    /// A learner whose connection attempt failed tries again.
    Redial,
    /// Discovery or synchronisation took too long: back to LOOKING. The alarm is moved on while a
    /// synchronisation makes progress. On an established leader: `initLimit` has passed, and a later epoch
    /// may depose it. While LOOKING: learners that wait for this server to win the election are let go.
    PhaseLimit,
    /// Leading, or a learner in service: another tick. Has the other side been heard from? On a leader: a
    /// quorum of the voters; on a learner: the leader.
    Liveness,
    /// A leader greets its learners.
    Ping,
    /// A leader looks for expired sessions.
    SessionExpiry,
    /// LOOKING: no leader was found for the time after which read-only clients are served.
    ReadOnly,
}

impl Timer {
    /// Whether this alarm asks what others have said in the meantime. A shell that stood still (a
    /// paused machine) has not read it yet: it puts such an alarm off, once, and reads first.
    pub const fn judges_others(self) -> bool {
        match self {
            Timer::Liveness | Timer::SessionExpiry | Timer::PhaseLimit => true,
            Timer::ElectionResend | Timer::ElectionDecide | Timer::Redial | Timer::Ping | Timer::ReadOnly => {
                false
            }
        }
    }
}

/// How long until an alarm fires.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Delay {
    /// Half of `tickTime`.
    HalfTick,
    /// One `tickTime`.
    Tick,
    /// `initLimit` ticks.
    InitLimit,
    /// How long a leader is looked for before read-only clients are served: 2 s, or `tickTime` if
    /// that is longer (`QuorumPeer.run`).
    ReadOnly,
    /// How long a connection waits for this server to win the election (1 s).
    Lobby,
    /// The k-th pause before an attempt to connect: 100 ms doubled k times.
    Redial(u8),
    /// The pause for a better vote once a quorum agrees (`finalizeWait`, 200 ms).
    ElectionDecide,
    /// The k-th pause before saying a vote again: 200 ms doubled k times, at most 60 s
    /// (`fastleader.minNotificationInterval`, `maxNotificationInterval`).
    Backoff(u8),
}
