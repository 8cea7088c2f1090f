//! Multi-Paxos: a sequence of instances (slots), one ballot per primary for all of them.
//!
//! A primary prepares all slots at once and then has up to a window of proposals outstanding. Every slot is
//! safe by itself. What a window of two loses is *primary order* (Junqueira, Reed and Serafini, DSN'11 §I,
//! Fig. 1). The second proposal of a primary may be chosen, and the first never. Channels are FIFO, as TCP's
//! are, and lose a suffix; so reordering on the way is not what does it.
//!
//! Every primary has asked for promises from the start: what is lost or late is what does not arrive yet. A
//! primary reads the promises of a majority, and the votes of one, in one step. It might have done so at any
//! time after they were there, so no behaviour is lost.

use std::fmt;

use super::ballot::{ACCEPTORS, Ballot, Set, Vote, higher, majority, only};
use crate::models::protocol::{Claim, Protocol, numbered};
use crate::story::teller::Teller;

/// Multi-Paxos within bounds.
#[derive(Clone, Copy, Debug)]
pub struct Multi {
    /// Primaries; each has one ballot.
    pub primaries: usize,
    /// Slots that primaries fill.
    pub slots: usize,
    /// How many proposals a primary has outstanding at most.
    pub window: usize,
    /// How many learners there are.
    pub learners: usize,
}

/// A primary's proposal, in the order in which it thought of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Value {
    /// Number of the primary, from 1: its epoch.
    pub primary: u8,
    /// Number of the proposal, from 1.
    pub seq: u8,
}

/// An acceptor's last vote in every slot.
pub type Votes = Vec<Option<Vote<Value>>>;

/// An acceptor.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Acceptor {
    promised: Ballot,
    /// How many slots of the promised ballot it has been asked for.
    heard: u8,
    accepted: Votes,
}

/// A primary.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Primary {
    /// The promises to it that it has not read.
    promises: Vec<Option<Votes>>,
    leads: bool,
    /// What it must propose in slots to come.
    bound: Votes,
    own: u8,
    /// What it proposed, slot by slot.
    pub asked: Vec<Value>,
    /// How many of these it knows to be chosen.
    pub known: u8,
    /// The acceptors that voted for each, in its ballot.
    pub votes: Vec<Set>,
}

/// All processes and what is under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The primaries; the first has ballot 1.
    pub primaries: Vec<Primary>,
    /// The acceptors.
    pub acceptors: Vec<Acceptor>,
    /// How many slots each learner has learned.
    pub learned: Vec<u8>,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// 1a of a primary arrives at an acceptor, which answers with 1b.
    Promise(usize, usize),
    /// A primary reads 1b of two acceptors.
    Lead(usize, usize, usize),
    /// A primary proposes in its next slot: 2a.
    Propose(usize),
    /// The next 2a of a primary arrives at an acceptor, which votes and answers with 2b.
    Accept(usize, usize),
    /// A primary reads the 2b of a majority for its next slot.
    Know(usize),
    /// A learner hears from a primary of the next slot that is chosen.
    Learn(usize, usize),
}

impl Protocol for Multi {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = &[AGREEMENT, LOCAL_PRIMARY_ORDER, GLOBAL_PRIMARY_ORDER];
    const REACHES: &'static [Claim<State>] = &[
        Claim { name: "all slots are chosen", says: "", holds: |s| s.delivered().count() == s.slots() },
        Claim {
            name: "a later primary completes what an earlier one began",
            says: "",
            holds: |s| s.primaries[1].asked.iter().any(|v| v.primary == 1),
        },
    ];

    fn begin(&self) -> Vec<State> {
        let primary = Primary {
            promises: vec![None; ACCEPTORS],
            leads: false,
            bound: vec![None; self.slots],
            own: 0,
            asked: Vec::new(),
            known: 0,
            votes: vec![0; self.slots],
        };
        let acceptor = Acceptor { promised: 0, heard: 0, accepted: vec![None; self.slots] };
        vec![State {
            primaries: vec![primary; self.primaries],
            acceptors: vec![acceptor; ACCEPTORS],
            learned: vec![0; self.learners],
        }]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (p, primary) in state.primaries.iter().enumerate() {
            let ballot = p as Ballot + 1;
            for (a, acceptor) in state.acceptors.iter().enumerate() {
                if ballot > acceptor.promised {
                    steps.push(Step::Promise(p, a));
                }
                let asked = usize::from(acceptor.heard) < primary.asked.len();
                if ballot == acceptor.promised && asked {
                    steps.push(Step::Accept(p, a));
                }
                let both = (a + 1..ACCEPTORS)
                    .filter(|b| primary.promises[a].is_some() && primary.promises[*b].is_some());
                steps.extend(both.map(|b| Step::Lead(p, a, b)));
            }
            let (asked, known) = (primary.asked.len(), usize::from(primary.known));
            if primary.leads && asked < self.slots && asked - known < self.window {
                steps.push(Step::Propose(p));
            }
            // To know is of use to a process that waits for it.
            let waits = asked < self.slots && self.window < self.slots || self.learners > 0;
            if waits && known < asked && majority(primary.votes[known]) {
                steps.push(Step::Know(p));
            }
            let behind = (0..self.learners).filter(|l| state.learned[*l] < primary.known);
            steps.extend(behind.map(|l| Step::Learn(p, l)));
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        match *step {
            Step::Promise(p, a) => {
                let (primary, acceptor) = (&mut next.primaries[p], &mut next.acceptors[a]);
                (acceptor.promised, acceptor.heard) = (p as Ballot + 1, 0);
                if !primary.leads {
                    primary.promises[a] = Some(acceptor.accepted.clone());
                }
            }
            Step::Lead(p, a, b) => {
                let primary = &mut next.primaries[p];
                primary.leads = true;
                for votes in [a, b].map(|a| primary.promises[a].take().expect("it has promised")) {
                    for (bound, vote) in primary.bound.iter_mut().zip(votes) {
                        *bound = higher(*bound, vote);
                    }
                }
                primary.promises.fill(None);
            }
            Step::Propose(p) => {
                let primary = &mut next.primaries[p];
                let bound = primary.bound[primary.asked.len()].take();
                let value = bound.map_or_else(
                    || {
                        primary.own += 1;
                        Value { primary: p as u8 + 1, seq: primary.own }
                    },
                    |vote| vote.value,
                );
                primary.asked.push(value);
            }
            Step::Accept(p, a) => {
                let (primary, acceptor) = (&mut next.primaries[p], &mut next.acceptors[a]);
                let slot = usize::from(acceptor.heard);
                acceptor.heard += 1;
                acceptor.accepted[slot] = Some(Vote { ballot: p as Ballot + 1, value: primary.asked[slot] });
                primary.votes[slot] |= only(a);
            }
            Step::Know(p) => next.primaries[p].known += 1,
            Step::Learn(_, l) => next.learned[l] += 1,
        }
        next
    }

    fn lanes(&self) -> Vec<String> {
        let both = numbered("primary", self.primaries).chain(numbered("acceptor", ACCEPTORS));
        both.chain(numbered("learner", self.learners)).collect()
    }

    fn tell(&self, teller: &mut Teller, before: &State, step: &Step, after: &State) {
        let lane = |a: usize| self.primaries + a;
        // The channel of phase 1; those of phase 2 have the number of their slot, from 1.
        const PHASE_1: u32 = 0;
        let promise = |votes: &Votes| {
            let vote = |vote: &Option<Vote<Value>>| match vote {
                Some(vote) => format!("{} in ballot {}", vote.value, vote.ballot),
                None => "none".to_owned(),
            };
            format!("1b, last votes: {}", votes.iter().map(vote).collect::<Vec<_>>().join(", "))
        };
        match *step {
            Step::Promise(p, a) => {
                let ballot = p + 1;
                let answer = after.primaries[p].promises[a].as_ref().map(promise);
                let sends: Vec<_> = answer.into_iter().map(|what| (p, PHASE_1, what)).collect();
                let reads = [(p, PHASE_1, format!("1a ballot {ballot}"))];
                teller.act(lane(a), &reads, vec![format!("promises ballot {ballot}")], &sends);
            }
            Step::Lead(p, a, b) => {
                let read = |a: usize| {
                    let votes = before.primaries[p].promises[a].as_ref();
                    (lane(a), PHASE_1, votes.map_or_else(String::new, promise))
                };
                teller.act(p, &[read(a), read(b)], vec![format!("leads ballot {}", p + 1)], &[]);
            }
            Step::Propose(p) => {
                let slot = before.primaries[p].asked.len();
                let value = after.primaries[p].asked[slot];
                let bound = if usize::from(value.primary) == p + 1 { "its own" } else { "as it must" };
                let what = format!("2a slot {}: {value}", slot + 1);
                let sends: Vec<_> =
                    (0..ACCEPTORS).map(|a| (lane(a), slot as u32 + 1, what.clone())).collect();
                teller.act(p, &[], vec![format!("proposes {value} in slot {}, {bound}", slot + 1)], &sends);
            }
            Step::Accept(p, a) => {
                let slot = usize::from(before.acceptors[a].heard);
                let (value, number) = (before.primaries[p].asked[slot], slot as u32 + 1);
                let mut notes = vec![format!("votes for {value} in slot {}", slot + 1)];
                let chosen = |s: &State| s.chosen(slot).next();
                if chosen(before).is_none() && chosen(after).is_some() {
                    notes.push(format!("a majority has voted: {value} is chosen in slot {}", slot + 1));
                }
                let reads = [(p, number, format!("2a slot {}: {value}", slot + 1))];
                teller.act(lane(a), &reads, notes, &[(p, number, format!("2b slot {}", slot + 1))]);
            }
            Step::Know(p) => {
                let slot = usize::from(before.primaries[p].known);
                let voted = (0..ACCEPTORS).filter(|a| before.primaries[p].votes[slot] & only(*a) != 0);
                let reads: Vec<_> =
                    voted.map(|a| (lane(a), slot as u32 + 1, format!("2b slot {}", slot + 1))).collect();
                teller.act(p, &reads, vec![format!("knows that slot {} is chosen", slot + 1)], &[]);
            }
            Step::Learn(p, l) => {
                let slot = usize::from(before.learned[l]);
                let what = format!("slot {}: {}", slot + 1, before.primaries[p].asked[slot]);
                teller.act(lane(ACCEPTORS + l), &[(p, PHASE_1, what)], vec![], &[]);
            }
        }
    }
}

impl State {
    /// The values that a majority voted for in one ballot, in a slot.
    pub fn chosen(&self, slot: usize) -> impl Iterator<Item = Value> + '_ {
        let decided = move |p: &&Primary| majority(p.votes[slot]);
        self.primaries.iter().filter(decided).map(move |p| p.asked[slot])
    }

    /// Whether the first primary leads.
    pub fn led(&self) -> bool {
        self.primaries[0].leads
    }

    /// How many proposals of a primary an acceptor has not heard yet.
    pub fn unheard(&self, primary: usize, acceptor: usize) -> usize {
        self.primaries[primary].asked.len() - usize::from(self.acceptors[acceptor].heard)
    }

    /// How many of a primary's proposals are chosen, one after the other, without it knowing.
    pub fn unknown(&self, primary: usize) -> usize {
        let primary = &self.primaries[primary];
        primary.votes[primary.known.into()..].iter().take_while(|votes| majority(**votes)).count()
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.acceptors[0].accepted.len()
    }

    /// What is delivered: the chosen values up to the first slot that has none.
    pub fn delivered(&self) -> impl Iterator<Item = Value> + '_ {
        (0..self.slots()).map_while(|slot| self.chosen(slot).next())
    }
}

/// At most one value is chosen in each slot.
pub const AGREEMENT: Claim<State> = Claim {
    name: "Agreement",
    says: "at most one value is chosen in each slot",
    holds: |s| {
        let alike = |slot| s.chosen(slot).zip(s.chosen(slot).skip(1)).all(|(a, b)| a == b);
        (0..s.slots()).all(alike)
    },
};

/// What one primary proposed is delivered in the order it was proposed, without holes.
pub const LOCAL_PRIMARY_ORDER: Claim<State> = Claim {
    name: "LocalPrimaryOrder",
    says: "what one primary proposed is delivered in the order it was proposed, without holes",
    holds: |s| {
        let mut next = [1; 8];
        s.delivered().all(|v| {
            let next = &mut next[usize::from(v.primary)];
            std::mem::replace(next, *next + 1) == v.seq
        })
    },
};

/// What an earlier primary proposed is delivered before what a later one proposed.
pub const GLOBAL_PRIMARY_ORDER: Claim<State> = Claim {
    name: "GlobalPrimaryOrder",
    says: "what an earlier primary proposed is delivered before what a later one proposed",
    holds: |s| s.delivered().zip(s.delivered().skip(1)).all(|(a, b)| a.primary <= b.primary),
};

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.primary, self.seq)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (p, primary) in self.primaries.iter().enumerate() {
            write!(f, "P{} asks", p + 1)?;
            primary.asked.iter().try_for_each(|value| write!(f, " {value}"))?;
            write!(f, "; ")?;
        }
        for (a, acceptor) in self.acceptors.iter().enumerate() {
            write!(f, "A{} promised {} accepted", a + 1, acceptor.promised)?;
            for vote in &acceptor.accepted {
                match vote {
                    Some(vote) => write!(f, " {} in {}", vote.value, vote.ballot)?,
                    None => write!(f, " –")?,
                }
            }
            write!(f, "; ")?;
        }
        write!(f, "delivered")?;
        self.delivered().try_for_each(|value| write!(f, " {value}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Promise(p, a) => write!(f, "acceptor {} promises to primary {}", a + 1, p + 1),
            Step::Lead(p, a, b) => {
                write!(f, "primary {} has the promises of acceptors {} and {}", p + 1, a + 1, b + 1)
            }
            Step::Propose(p) => write!(f, "primary {} proposes in its next slot", p + 1),
            Step::Accept(p, a) => write!(f, "acceptor {} accepts primary {}'s next proposal", a + 1, p + 1),
            Step::Know(p) => write!(f, "primary {} knows that its next proposal is chosen", p + 1),
            Step::Learn(p, l) => write!(f, "learner {} learns from primary {}", l + 1, p + 1),
        }
    }
}
