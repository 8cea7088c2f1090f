//! Single-decree Paxos: proposers, acceptors and learners agree on one value.
//!
//! The network is the set of all messages ever sent, and none is ever taken out. One that is lost is one that
//! never arrives. One that arrives twice is one that is delivered again (which changes nothing, so it is no
//! step). Any message may overtake any other. A proposer may give a ballot up at any time, and has forgotten
//! it then: that is its crash. Each proposer has ballots of its own.

use std::collections::BTreeSet;
use std::fmt;

use super::ballot::{ACCEPTORS, Acceptor, Ballot, Set, Vote, higher, majority, only};
use crate::models::protocol::{Claim, Protocol, numbered};
use crate::story::teller::Teller;

/// Proposers; number p proposes the value p.
pub const PROPOSERS: usize = 2;

/// Single-decree Paxos within bounds.
#[derive(Clone, Copy, Debug)]
pub struct Single {
    /// The highest ballot. The first proposer has the odd ones.
    pub ballots: Ballot,
    /// How many learners there are.
    pub learners: usize,
}

/// What one process sends to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    /// 1a, to all acceptors.
    Prepare(Ballot),
    /// 1b: this acceptor takes part in no lower ballot, and this is its last vote.
    Promise(Ballot, u8, Option<Vote<u8>>),
    /// 2a, to all acceptors.
    Accept(Vote<u8>),
    /// 2b: this acceptor has voted.
    Accepted(Ballot, u8),
    /// The value is chosen; to all learners.
    Learn(u8),
}

/// A proposer in its present ballot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Proposer {
    /// The ballot; 0 before the first.
    pub ballot: Ballot,
    promised: Set,
    best: Option<Vote<u8>>,
    asked: Option<u8>,
    accepted: Set,
    decided: bool,
}

/// All processes and the network.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The proposers.
    pub proposers: [Proposer; PROPOSERS],
    /// The acceptors.
    pub acceptors: [Acceptor<u8>; ACCEPTORS],
    /// What each learner has learned.
    pub learned: Vec<Option<u8>>,
    /// Every message ever sent.
    pub sent: BTreeSet<Message>,
    /// The acceptors that have voted in each ballot, for the properties.
    votes: Vec<Set>,
    /// The values that a majority voted for in one ballot, for the properties.
    pub chosen: Set,
    /// The values that were proposed, for the properties.
    pub proposed: Set,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A proposer begins its next ballot.
    Begin(usize),
    /// A message arrives at the acceptor, proposer or learner of this number.
    Deliver(Message, usize),
}

fn owner(ballot: Ballot) -> usize {
    (usize::from(ballot) + 1) % PROPOSERS
}

impl Protocol for Single {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = &[AGREEMENT, VALIDITY, LEARNED_IS_CHOSEN];
    const REACHES: &'static [Claim<State>] = &[
        Claim { name: "the first value is learned", says: "", holds: |s| s.learned.contains(&Some(0)) },
        Claim { name: "the second value is learned", says: "", holds: |s| s.learned.contains(&Some(1)) },
        Claim {
            name: "a proposer asks for the other's value",
            says: "",
            holds: |s| s.proposers[1].asked == Some(0),
        },
    ];

    fn begin(&self) -> Vec<State> {
        vec![State {
            proposers: [Proposer::default(); PROPOSERS],
            acceptors: [Acceptor::NEW; ACCEPTORS],
            learned: vec![None; self.learners],
            sent: BTreeSet::new(),
            votes: vec![0; usize::from(self.ballots)],
            chosen: 0,
            proposed: 0,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        for p in 0..PROPOSERS {
            if next_ballot(state.proposers[p].ballot, p) <= self.ballots {
                steps.push(Step::Begin(p));
            }
        }
        for message in &state.sent {
            let receivers = match message {
                Message::Prepare(_) | Message::Accept(_) => 0..ACCEPTORS,
                Message::Promise(b, ..) | Message::Accepted(b, _) => owner(*b)..owner(*b) + 1,
                Message::Learn(_) => 0..self.learners,
            };
            steps.extend(
                receivers.filter(|r| matters(state, message, *r)).map(|r| Step::Deliver(*message, r)),
            );
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        match *step {
            Step::Begin(p) => {
                let ballot = next_ballot(state.proposers[p].ballot, p);
                next.proposers[p] = Proposer { ballot, ..Proposer::default() };
                next.sent.insert(Message::Prepare(ballot));
            }
            Step::Deliver(message, to) => next.deliver(message, to),
        }
        next
    }

    fn lanes(&self) -> Vec<String> {
        let both = numbered("proposer", PROPOSERS).chain(numbered("acceptor", ACCEPTORS));
        both.chain(numbered("learner", self.learners)).collect()
    }

    fn tell(&self, teller: &mut Teller, before: &State, step: &Step, after: &State) {
        let (lane, reads) = match step {
            Step::Begin(p) => (*p, vec![]),
            Step::Deliver(message, to) => {
                let (from, lanes) = message.way(before);
                (lanes.start + to, vec![(from, message.channel(), message.to_string())])
            }
        };
        let mut sends = Vec::new();
        for message in after.sent.difference(&before.sent) {
            let (_, lanes) = message.way(after);
            let all = match message {
                Message::Promise(b, ..) | Message::Accepted(b, _) => owner(*b)..owner(*b) + 1,
                Message::Learn(_) => lanes.start..lanes.start + self.learners,
                _ => lanes,
            };
            sends.extend(all.map(|to| (to, message.channel(), message.to_string())));
        }
        let mut notes = Vec::new();
        if let Step::Begin(p) = step {
            notes.push(format!("begins ballot {}", after.proposers[*p].ballot));
        }
        if after.chosen != before.chosen {
            let value = (after.chosen & !before.chosen).trailing_zeros();
            notes.push(format!("a majority has voted: value {value} is chosen"));
        }
        teller.act(lane, &reads, notes, &sends);
    }
}

impl Message {
    /// The column it comes from, and those of its possible receivers.
    fn way(&self, state: &State) -> (usize, std::ops::Range<usize>) {
        let (proposers, acceptors) = (0..PROPOSERS, PROPOSERS..PROPOSERS + ACCEPTORS);
        match *self {
            Message::Prepare(b) => (owner(b), acceptors),
            Message::Accept(vote) => (owner(vote.ballot), acceptors),
            Message::Promise(_, a, _) | Message::Accepted(_, a) => (PROPOSERS + usize::from(a), proposers),
            Message::Learn(value) => {
                let told = |p: &Proposer| p.decided && p.asked == Some(value);
                let from = state.proposers.iter().position(told).unwrap_or(0);
                (from, PROPOSERS + ACCEPTORS..usize::MAX)
            }
        }
    }

    /// Messages of one kind and ballot do not overtake themselves.
    fn channel(&self) -> u32 {
        match *self {
            Message::Prepare(b) => u32::from(b),
            Message::Promise(b, ..) => 1 << 8 | u32::from(b),
            Message::Accept(vote) => 2 << 8 | u32::from(vote.ballot),
            Message::Accepted(b, _) => 3 << 8 | u32::from(b),
            Message::Learn(value) => 4 << 8 | u32::from(value),
        }
    }
}

fn next_ballot(last: Ballot, proposer: usize) -> Ballot {
    if last == 0 { proposer as Ballot + 1 } else { last + PROPOSERS as Ballot }
}

/// Whether the receiver does anything about the message.
fn matters(state: &State, message: &Message, to: usize) -> bool {
    match *message {
        Message::Prepare(b) => b > state.acceptors[to].promised,
        Message::Accept(vote) => {
            let acceptor = &state.acceptors[to];
            vote.ballot >= acceptor.promised && acceptor.accepted != Some(vote)
        }
        Message::Promise(b, a, _) => {
            let p = &state.proposers[to];
            p.ballot == b && p.asked.is_none() && p.promised & only(a.into()) == 0
        }
        Message::Accepted(b, a) => {
            let p = &state.proposers[to];
            p.ballot == b && !p.decided && p.accepted & only(a.into()) == 0
        }
        Message::Learn(value) => state.learned[to] != Some(value),
    }
}

impl State {
    fn deliver(&mut self, message: Message, to: usize) {
        match message {
            Message::Prepare(b) => {
                if self.acceptors[to].promise(b) {
                    self.sent.insert(Message::Promise(b, to as u8, self.acceptors[to].accepted));
                }
            }
            Message::Promise(b, a, vote) => {
                let p = &mut self.proposers[to];
                p.promised |= only(a.into());
                p.best = higher(p.best, vote);
                if majority(p.promised) {
                    let value = p.best.map_or(to as u8, |vote| vote.value);
                    p.asked = Some(value);
                    self.proposed |= u8::from(p.best.is_none()) << to;
                    self.sent.insert(Message::Accept(Vote { ballot: b, value }));
                }
            }
            Message::Accept(vote) => {
                if self.acceptors[to].accept(vote) {
                    self.sent.insert(Message::Accepted(vote.ballot, to as u8));
                    let votes = &mut self.votes[usize::from(vote.ballot) - 1];
                    *votes |= only(to);
                    self.chosen |= u8::from(majority(*votes)) << vote.value;
                }
            }
            Message::Accepted(_, a) => {
                let p = &mut self.proposers[to];
                p.accepted |= only(a.into());
                if majority(p.accepted) {
                    p.decided = true;
                    self.sent.insert(Message::Learn(p.asked.expect("votes are for what it asked for")));
                }
            }
            Message::Learn(value) => self.learned[to] = Some(value),
        }
    }
}

/// At most one value is chosen.
pub const AGREEMENT: Claim<State> =
    Claim { name: "Agreement", says: "at most one value is chosen", holds: |s| s.chosen.count_ones() <= 1 };

/// Only what was proposed is chosen.
pub const VALIDITY: Claim<State> = Claim {
    name: "Validity",
    says: "only what was proposed is chosen",
    holds: |s| s.chosen & !s.proposed == 0,
};

/// Only what is chosen is learned.
pub const LEARNED_IS_CHOSEN: Claim<State> = Claim {
    name: "LearnedIsChosen",
    says: "only what is chosen is learned",
    holds: |s| s.learned.iter().flatten().all(|value| s.chosen & 1 << value != 0),
};

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Prepare(b) => write!(f, "PREPARE ballot {b}"),
            Message::Promise(b, _, None) => write!(f, "PROMISE ballot {b}, no vote yet"),
            Message::Promise(b, _, Some(vote)) => {
                write!(f, "PROMISE ballot {b}, last vote for value {} in ballot {}", vote.value, vote.ballot)
            }
            Message::Accept(vote) => write!(f, "ACCEPT value {} in ballot {}", vote.value, vote.ballot),
            Message::Accepted(b, _) => write!(f, "ACCEPTED in ballot {b}"),
            Message::Learn(value) => write!(f, "LEARN value {value}"),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (p, proposer) in self.proposers.iter().enumerate() {
            write!(f, "P{} ballot {}", p + 1, proposer.ballot)?;
            proposer.asked.iter().try_for_each(|value| write!(f, " asks for value {value}"))?;
            write!(f, "; ")?;
        }
        for (a, acceptor) in self.acceptors.iter().enumerate() {
            write!(f, "A{} {acceptor}; ", a + 1)?;
        }
        let values = (0..8).filter(|value| self.chosen & 1 << value != 0).map(|value| value.to_string());
        write!(f, "chosen: {}", values.collect::<Vec<_>>().join(", "))?;
        let learned = self.learned.iter().flatten();
        learned.into_iter().try_for_each(|value| write!(f, "; learned {value}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Begin(p) => write!(f, "proposer {} begins its next ballot", p + 1),
            Step::Deliver(message, to) => {
                let who = match message {
                    Message::Prepare(_) | Message::Accept(_) => "acceptor",
                    Message::Promise(..) | Message::Accepted(..) => "proposer",
                    Message::Learn(_) => "learner",
                };
                write!(f, "{who} {} hears {message}", to + 1)
            }
        }
    }
}
