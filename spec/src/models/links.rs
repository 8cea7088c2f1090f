//! The election connection of two servers: both ends of the shipped link, with the sockets between them.
//!
//! Both may dial at any moment, what is under way may arrive at any moment, connections break, attempts fail,
//! servers die and start again. A pause is longer than it takes to read an introduction; nothing else is
//! known of time.

use std::fmt;

use quorate_core::election::{ElectionLink, LinkOutput, LinkOutputs};
use quorate_core::ids::ServerId;

use super::model_spec::Variant;
use super::protocol::{Claim, Protocol};

/// Two servers and their bounds; the second has the larger id.
#[derive(Clone, Copy, Debug)]
pub struct Links {
    /// How many votes each has.
    pub votes: u8,
    /// Broken connections, failed attempts and restarts, together.
    pub faults: u8,
    /// Which rule is broken, if any.
    pub variant: Variant,
}

/// One server as far as its link goes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct End {
    link: ElectionLink<u8>,
    /// An attempt to connect is under way.
    dials: bool,
    pauses: bool,
    /// The link has something to send.
    writes: bool,
    said: u8,
    heard: u8,
}

/// One connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Conn {
    dialer: usize,
    /// The initial message is not read yet.
    hello: bool,
    open: [bool; 2],
    /// The server that accepted it has used a newer one.
    is_old: bool,
    /// Which server uses it.
    used: [bool; 2],
    /// Votes under way to each server, oldest first.
    to: [Vec<u8>; 2],
    /// The connection is broken, and both ends have yet to see it.
    cut: bool,
}

/// Two servers and the connections between them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    ends: [End; 2],
    /// The connections, oldest first.
    conns: Vec<Conn>,
    votes: u8,
    faults: u8,
    /// A vote was heard after a newer one.
    went_back: bool,
    /// A second attempt to connect began while one was under way.
    dialed_twice: bool,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A server has a new vote.
    Say(usize),
    /// A server says its vote again: it is not connected, and the other has not heard it.
    Again(usize),
    /// The connection that a server dials is established.
    Establish(usize),
    /// An attempt fails.
    Fail(usize),
    /// A server's pause between attempts is over.
    PauseOver(usize),
    /// A server writes what waits.
    Write(usize),
    /// The initial message of this connection is read.
    Hello(usize),
    /// The server (second) reads a vote from the connection (first).
    Read(usize, usize),
    /// The server (second) sees that the connection (first) is down.
    Down(usize, usize),
    /// A connection breaks.
    Cut(usize),
    /// A server dies and starts again.
    Restart(usize),
}

impl Links {
    fn link(&self, i: usize) -> ElectionLink<u8> {
        let id = |i: usize| ServerId(i as i64 + 1);
        let link = ElectionLink::new(id(i), id(1 - i));
        #[cfg(feature = "mutants")]
        let link = link.breaking(self.variant.mutation);
        link
    }
}

impl Protocol for Links {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = &[NEWEST_LAST, LARGER_ID_DIALED, ONE_IN_USE, ONE_ATTEMPT];
    const REACHES: &'static [Claim<State>] = &[
        Claim { name: "both have heard everything", says: "", holds: |s| s.votes == 0 && s.is_settled() },
        Claim {
            name: "each uses another connection",
            says: "",
            holds: |s| s.used(0).is_some() && s.used(1).is_some() && s.used(0) != s.used(1),
        },
        Claim { name: "both dial at once", says: "", holds: |s| s.ends.iter().all(|end| end.dials) },
    ];

    fn begin(&self) -> Vec<State> {
        let end =
            |i| End { link: self.link(i), dials: false, pauses: false, writes: false, said: 0, heard: 0 };
        vec![State {
            ends: [end(0), end(1)],
            conns: vec![],
            votes: self.votes,
            faults: self.faults,
            went_back: false,
            dialed_twice: false,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        let unread = state.conns.iter().any(|conn| conn.hello);
        for (i, end) in state.ends.iter().enumerate() {
            if state.votes > 0 {
                steps.push(Step::Say(i));
            }
            let idle = !(end.link.is_connected() || end.dials || end.pauses);
            if idle && state.ends[1 - i].heard < end.said {
                steps.push(Step::Again(i));
            }
            if end.dials {
                steps.push(Step::Establish(i));
            }
            if end.pauses && !unread {
                steps.push(Step::PauseOver(i));
            }
            if end.writes {
                steps.push(Step::Write(i));
            }
            if state.faults > 0 {
                steps.push(Step::Restart(i));
                steps.extend(end.dials.then_some(Step::Fail(i)));
            }
        }
        for (c, conn) in state.conns.iter().enumerate() {
            if conn.hello && conn.open[1 - conn.dialer] {
                steps.push(Step::Hello(c));
            }
            for i in 0..2 {
                if conn.used[i] && !conn.to[i].is_empty() {
                    steps.push(Step::Read(c, i));
                } else if conn.sees_down(i) {
                    steps.push(Step::Down(c, i));
                }
            }
            if state.faults > 0 && !conn.cut && conn.open == [true; 2] {
                steps.push(Step::Cut(c));
            }
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        match *step {
            Step::Say(i) => {
                next.votes -= 1;
                next.say(i);
            }
            Step::Again(i) => {
                let vote = next.ends[i].said;
                next.ask(i, None, |link, out| link.say(vote, out));
            }
            Step::Establish(i) => {
                next.ends[i].dials = false;
                next.conns.push(Conn {
                    dialer: i,
                    hello: true,
                    is_old: false,
                    open: [true; 2],
                    used: [false; 2],
                    to: [vec![], vec![]],
                    cut: false,
                });
                next.ask(i, Some(next.conns.len() - 1), ElectionLink::dialed);
            }
            Step::Fail(i) => {
                next.faults -= 1;
                next.ends[i].dials = false;
                next.ask(i, None, |link, out| link.dial_failed(false, out));
            }
            Step::PauseOver(i) => {
                next.ends[i].pauses = false;
                next.ask(i, None, ElectionLink::pause_over);
            }
            Step::Write(i) => next.write(i),
            Step::Hello(c) => {
                next.conns[c].hello = false;
                let i = 1 - next.conns[c].dialer;
                let is_old = next.conns[c].is_old;
                next.ask(i, Some(c), |link, out| link.introduced(is_old, out));
            }
            Step::Read(c, i) => {
                let vote = next.conns[c].to[i].remove(0);
                next.went_back |= vote < next.ends[i].heard;
                next.ends[i].heard = vote;
            }
            Step::Down(c, i) => {
                let conn = &mut next.conns[c];
                conn.open[i] = false;
                if std::mem::take(&mut conn.used[i]) {
                    next.ask(i, None, ElectionLink::lost);
                }
            }
            Step::Cut(c) => {
                next.faults -= 1;
                let conn = &mut next.conns[c];
                (conn.cut, conn.hello, conn.to) = (true, false, [vec![], vec![]]);
            }
            Step::Restart(i) => {
                next.faults -= 1;
                next.restart(i, self.link(i));
            }
        }
        next.conns.retain(|conn| conn.open != [false; 2]);
        next
    }

    /// Nothing more needs to happen once both have heard the newest vote over one connection.
    fn may_end(&self, state: &State) -> bool {
        state.is_settled()
    }
}

impl Conn {
    fn sees_down(&self, i: usize) -> bool {
        let unread = self.hello && i != self.dialer;
        self.open[i] && !unread && self.to[i].is_empty() && (self.cut || !self.open[1 - i])
    }

    fn close(&mut self, i: usize) {
        (self.open[i], self.used[i]) = (false, false);
        self.to[i].clear();
        if i != self.dialer {
            self.hello = false;
        }
    }
}

impl State {
    /// The connection that a server uses.
    fn used(&self, i: usize) -> Option<usize> {
        self.conns.iter().position(|conn| conn.used[i])
    }

    fn is_settled(&self) -> bool {
        let heard = |i: usize| self.ends[i].heard == self.ends[1 - i].said;
        let silent = self.ends.iter().all(|end| end.said == 0);
        heard(0) && heard(1) && (silent || self.used(0) == self.used(1))
    }

    fn say(&mut self, i: usize) {
        self.ends[i].said += 1;
        let vote = self.ends[i].said;
        self.ask(i, None, |link, out| link.say(vote, out));
    }

    /// What the shell does: report something to a server's link, perform what it wants.
    fn ask(
        &mut self,
        i: usize,
        reported: Option<usize>,
        report: impl FnOnce(&mut ElectionLink<u8>, &mut LinkOutputs),
    ) {
        let mut out = LinkOutputs::new();
        report(&mut self.ends[i].link, &mut out);
        for output in out {
            match output {
                LinkOutput::Dial => self.dialed_twice |= std::mem::replace(&mut self.ends[i].dials, true),
                LinkOutput::Pause(_) => self.ends[i].pauses = true,
                LinkOutput::CloseUsed => {
                    let used = self.used(i).expect("it uses one");
                    self.conns[used].close(i);
                }
                LinkOutput::CloseReported => self.conns[reported.expect("about a connection")].close(i),
                LinkOutput::UseReported => {
                    let used = reported.expect("about a connection");
                    self.conns[used].used[i] = true;
                    self.conns[..used].iter_mut().for_each(|older| older.is_old |= older.dialer != i);
                }
                LinkOutput::Send => self.ends[i].writes = true,
            }
        }
    }

    fn write(&mut self, i: usize) {
        self.ends[i].writes = false;
        let Some(vote) = self.ends[i].link.take() else { return };
        let used = self.used(i).expect("the link takes nothing without a connection");
        let conn = &mut self.conns[used];
        if conn.open[1 - i] && !conn.cut {
            conn.to[1 - i].push(vote);
        }
    }

    /// What a server that dies has sent and not delivered is lost. One that starts has something new to say.
    fn restart(&mut self, i: usize, link: ElectionLink<u8>) {
        for conn in &mut self.conns {
            conn.close(i);
            conn.to[1 - i].clear();
            conn.hello = false;
        }
        let end = &mut self.ends[i];
        *end = End { link, dials: false, pauses: false, writes: false, said: end.said, heard: 0 };
        self.say(i);
    }
}

/// An old vote never takes the place of a newer one.
pub const NEWEST_LAST: Claim<State> = Claim {
    name: "NewestLast",
    says: "a server does not hear a vote after a newer one",
    holds: |s| !s.went_back,
};

/// The rule by which two servers that dial each other agree.
pub const LARGER_ID_DIALED: Claim<State> = Claim {
    name: "LargerIdDialed",
    says: "a connection in use was dialed by the server with the larger id",
    holds: |s| s.conns.iter().all(|conn| conn.used == [false; 2] || conn.dialer == 1),
};

/// The link knows what the shell has.
pub const ONE_IN_USE: Claim<State> = Claim {
    name: "OneInUse",
    says: "a server uses one connection while it is connected, and none otherwise",
    holds: |s| {
        (0..2).all(|i| {
            let used = s.conns.iter().filter(|conn| conn.used[i]).count();
            used == usize::from(s.ends[i].link.is_connected())
        })
    },
};

/// Attempts do not pile up.
pub const ONE_ATTEMPT: Claim<State> = Claim {
    name: "OneAttempt",
    says: "a server does not dial while it dials the same server already",
    holds: |s| !s.dialed_twice,
};

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, end) in self.ends.iter().enumerate() {
            let doing = match (end.link.is_connected(), end.dials, end.pauses) {
                (true, _, _) => "is connected",
                (_, true, _) => "dials",
                (_, _, true) => "pauses",
                _ => "is idle",
            };
            write!(f, "server {} {doing}, has said {}, heard {}; ", i + 1, end.said, end.heard)?;
        }
        for (c, conn) in self.conns.iter().enumerate() {
            let [first, second] = &conn.to;
            write!(f, "connection {c} dialed by {}, used {:?}", conn.dialer + 1, conn.used)?;
            write!(f, ", under way to 1: {first:?}, to 2: {second:?}; ")?;
        }
        write!(f, "{} votes and {} faults to come", self.votes, self.faults)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |i: &usize| i + 1;
        match self {
            Step::Say(i) => write!(f, "server {} has a new vote", id(i)),
            Step::Again(i) => write!(f, "server {} says its vote again", id(i)),
            Step::Establish(i) => write!(f, "server {}'s attempt to connect succeeds", id(i)),
            Step::Fail(i) => write!(f, "server {}'s attempt to connect fails", id(i)),
            Step::PauseOver(i) => write!(f, "server {}'s pause is over", id(i)),
            Step::Write(i) => write!(f, "server {} writes its vote", id(i)),
            Step::Hello(c) => write!(f, "connection {c}: the initial message is read"),
            Step::Read(c, i) => write!(f, "connection {c}: server {} hears a vote", id(i)),
            Step::Down(c, i) => write!(f, "connection {c}: server {} sees it down", id(i)),
            Step::Cut(c) => write!(f, "connection {c} breaks"),
            Step::Restart(i) => write!(f, "server {} dies and starts again", id(i)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every claim says no to the one state that is made for it.
    #[test]
    fn hand_built_bad_states_are_rejected() {
        let model = Links { votes: 1, faults: 0, variant: Variant::default() };
        let steps = [Step::Say(1), Step::Establish(1)];
        let good = steps.iter().fold(model.begin().remove(0), |state, step| model.after(&state, step));
        let rejected = |change: &dyn Fn(&mut State)| -> Vec<&str> {
            let mut state = good.clone();
            change(&mut state);
            Links::CLAIMS.iter().filter(|claim| !(claim.holds)(&state)).map(|claim| claim.name).collect()
        };
        assert_eq!(rejected(&|_| {}), Vec::<&str>::new());
        assert_eq!(rejected(&|s| s.went_back = true), ["NewestLast"]);
        assert_eq!(rejected(&|s| s.conns[0].dialer = 0), ["LargerIdDialed"]);
        assert_eq!(rejected(&|s| s.conns[0].used[1] = false), ["OneInUse"]);
        assert_eq!(rejected(&|s| s.dialed_twice = true), ["OneAttempt"]);
        assert!(!good.is_settled());
    }
}
