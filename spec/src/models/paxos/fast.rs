//! Fast Paxos: clients ask the acceptors directly, and may collide again and again.
//!
//! Three acceptors, of whom all three are a fast quorum and any two a classic one. Two clients send their
//! values to all acceptors; each acceptor votes in a fast round for the value that reaches it first. If they
//! differ, the round has failed, and the next fast round begins from the votes of a classic quorum. If these
//! agree, their value may have been chosen and is kept; otherwise any value may be voted for again
//! (uncoordinated recovery). Source: Lamport, "Fast Paxos" (2006), §2.2, §3.2.

use std::fmt;

use super::ballot::{ACCEPTORS, Set};
use crate::models::protocol::{Claim, Protocol, numbered};
use crate::progress::Goal;
use crate::story::teller::Teller;

/// Clients; number c asks for the value c.
const CLIENTS: usize = 2;

/// Fast rounds, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Fast;

/// One round. Its number does not matter: only the last one counts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// What this round's votes must be for, if not for anything.
    kept: Option<u8>,
    /// The value that each acceptor voted for.
    pub votes: [Option<u8>; ACCEPTORS],
    /// Which clients' requests are under way to each acceptor.
    under_way: [Set; ACCEPTORS],
    /// The values that a fast quorum voted for.
    pub chosen: Set,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A client's request arrives at an acceptor.
    Arrive(usize, usize),
    /// The next fast round begins from the votes of all acceptors but this one.
    Again(usize),
}

const BOTH: Set = 0b11;

impl Protocol for Fast {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = &[AGREEMENT];
    const REACHES: &'static [Claim<State>] = &[
        Claim { name: "the first value is chosen", says: "", holds: |s| s.chosen == 1 },
        Claim { name: "the second value is chosen", says: "", holds: |s| s.chosen == 2 },
    ];
    const GOAL: Option<Goal<State>> =
        Some(Goal { reached: |s| s.chosen != 0, calm: |s| s.under_way == [0; ACCEPTORS] });

    fn begin(&self) -> Vec<State> {
        vec![State { kept: None, votes: [None; ACCEPTORS], under_way: [BOTH; ACCEPTORS], chosen: 0 }]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        for a in 0..ACCEPTORS {
            let arrive = (0..CLIENTS).filter(|c| state.under_way[a] & 1 << c != 0);
            steps.extend(arrive.map(|c| Step::Arrive(c, a)));
        }
        if steps.is_empty() {
            steps.extend((0..ACCEPTORS).map(Step::Again));
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        match *step {
            Step::Arrive(c, a) => {
                next.under_way[a] &= !(1 << c);
                if next.votes[a].is_none() {
                    next.votes[a] = Some(next.kept.unwrap_or(c as u8));
                }
                if let [Some(x), Some(y), Some(z)] = next.votes
                    && x == y
                    && y == z
                {
                    next.chosen |= 1 << x;
                }
            }
            Step::Again(left_out) => {
                let mut heard = (0..ACCEPTORS).filter(|a| *a != left_out).map(|a| state.votes[a]);
                let (x, y) = (heard.next().flatten(), heard.next().flatten());
                next.kept = if x == y { x } else { None };
                next.votes = [None; ACCEPTORS];
                next.under_way = [BOTH; ACCEPTORS];
            }
        }
        next
    }

    fn lanes(&self) -> Vec<String> {
        numbered("client", CLIENTS).chain(numbered("acceptor", ACCEPTORS)).collect()
    }

    fn tell(&self, teller: &mut Teller, before: &State, step: &Step, after: &State) {
        let vote = |vote: Option<u8>| vote.map_or("nothing".to_owned(), |value| format!("value {value}"));
        match *step {
            Step::Arrive(c, a) => {
                let notes = match before.votes[a] {
                    None => format!("votes for {}", vote(after.votes[a])),
                    Some(_) => "has voted".to_owned(),
                };
                teller.act(CLIENTS + a, &[(c, 0, format!("value {c}"))], vec![notes], &[]);
            }
            Step::Again(left_out) => {
                for a in (0..ACCEPTORS).filter(|a| *a != left_out) {
                    teller.act(
                        CLIENTS + a,
                        &[],
                        vec![format!("had voted for {}", vote(before.votes[a]))],
                        &[],
                    );
                }
                let kept = match after.kept {
                    None => "the next round begins: any value may be voted for".to_owned(),
                    kept => format!("the next round begins, bound to {}", vote(kept)),
                };
                teller.act(CLIENTS, &[], vec![kept], &[]);
            }
        }
    }
}

/// At most one value is chosen, in all rounds together.
pub const AGREEMENT: Claim<State> = Claim {
    name: "Agreement",
    says: "at most one value is chosen, in all rounds together",
    holds: |s| s.chosen.count_ones() <= 1,
};

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (a, vote) in self.votes.iter().enumerate() {
            let vote = vote.map_or("nothing".to_owned(), |value| format!("value {value}"));
            write!(f, "A{} voted for {vote}; ", a + 1)?;
        }
        self.kept.iter().try_for_each(|value| write!(f, "this round is bound to value {value}; "))?;
        let values = (0..8).filter(|value| self.chosen & 1 << value != 0).map(|value| value.to_string());
        write!(f, "chosen: {}", values.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Arrive(c, a) => write!(f, "client {}'s request arrives at acceptor {}", c + 1, a + 1),
            Step::Again(a) => write!(f, "the next fast round begins without having heard acceptor {}", a + 1),
        }
    }
}
