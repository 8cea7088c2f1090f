//! A barrier: a contender that comes waits as long as a znode is there.
//!
//! The layout is that of kazoo's `Barrier` and of Curator's `DistributedBarrier`: one znode. Only a look at
//! the znode opens the barrier, never an event, a lost connection or a lost reply.

use alloc::string::String;
use alloc::vec::Vec;

use quorate_core::wire::client::{Request, WatchRequest};
use quorate_core::wire::error_code::ErrorCode;

use super::machine::{Input, Machine, Output};
use crate::mutation::{breakable, mutated};
use crate::session::{Outcome, Refusal, State};

/// What the one that waits is told, once.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// The barrier is open.
    Open,
    /// The waiting was stopped.
    Stopped,
    /// A server refused to say, or the session is over.
    Failed(Refusal),
}

/// One that waits for a barrier.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Barrier {
    path: String,
    phase: Phase,
    stopping: bool,
    #[cfg(feature = "mutants")]
    mutation: Option<crate::Mutation>,
}

breakable!(Barrier);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    New,
    /// The znode is being looked at, and watched.
    Looking,
    /// The znode is there.
    Waiting,
    Over,
}

impl Barrier {
    /// One that waits for this znode to be gone, to be begun with [`Input::Start`].
    pub fn new(path: impl Into<String>) -> Self {
        Barrier {
            path: path.into(),
            phase: Phase::New,
            stopping: false,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// Whether nothing more is told.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn look(&mut self, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Looking;
        // A watch of getData is set only where the znode is: none is left behind when it is gone.
        out.push(Output::Ask(Request::GetData(WatchRequest { path: self.path.clone(), watch: true })));
    }

    fn end(&mut self, told: Told, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Over;
        out.push(Output::Tell(told));
    }

    fn take(&mut self, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            Outcome::Refused(Refusal::Server(code)) if code == ErrorCode::NoNode.to_i32() => {
                self.end(Told::Open, out);
            }
            _ if self.stopping => self.end(Told::Stopped, out),
            Outcome::Done(_) => self.phase = Phase::Waiting,
            Outcome::Unknown => self.look(out),
            Outcome::Refused(refusal) => self.end(Told::Failed(refusal), out),
        }
    }
}

impl Machine for Barrier {
    type Told = Told;

    fn step(&mut self, input: Input, out: &mut Vec<Output<Told>>) {
        match (input, &self.phase) {
            (_, Phase::Over) | (Input::Finished, _) => {}
            (Input::Start, Phase::New) if self.stopping => self.end(Told::Stopped, out),
            (Input::Start, Phase::New) => self.look(out),
            (Input::Outcome(outcome), Phase::Looking) => self.take(outcome, out),
            (Input::Event { .. }, Phase::Waiting) if mutated!(self, EventOpensBarrier) => {
                self.end(Told::Open, out);
            }
            (Input::Event { .. }, Phase::Waiting) if mutated!(self, BarrierWatchedOnce) => {}
            // Whatever it was: what counts is whether the znode is there.
            (Input::Event { .. }, Phase::Waiting) => self.look(out),
            (Input::Session(State::Over(end)), _) => self.end(Told::Failed(Refusal::Over(end)), out),
            (Input::Session(State::Suspended), Phase::Waiting) if mutated!(self, LossOpensBarrier) => {
                self.end(Told::Open, out);
            }
            (Input::Stop, Phase::Waiting) => self.end(Told::Stopped, out),
            // What is being looked at says so when it is seen.
            (Input::Stop, _) => self.stopping = true,
            _ => {}
        }
    }
}
