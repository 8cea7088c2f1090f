//! Duelling proposers: nothing is lost, every process is up and answers, and nothing is ever chosen.
//!
//! A ballot is a time stamp, higher than all before it. Only the order of ballots matters, so a state keeps
//! their ranks. The graph is finite, and a way through it is a run of any length. A proposer hears all three
//! acceptors before it goes on, and begins anew only when it was refused. With a distinguished proposer the
//! others begin no ballot any more.

use std::fmt;

use super::ballot::{ACCEPTORS, Acceptor, Ballot, Set, Vote, higher, majority, only};
use crate::models::protocol::{Claim, Protocol, numbered};
use crate::progress::Goal;
use crate::story::teller::Teller;

/// Proposers; number p proposes the value p.
pub const PROPOSERS: usize = 2;

/// Both proposers on their own.
#[derive(Clone, Copy, Debug)]
pub struct Duel;

/// A duel from every state that it can be in, once one proposer is distinguished.
#[derive(Clone, Copy, Debug)]
pub struct Distinguished;

/// What is under way between a proposer and an acceptor; about the proposer's present ballot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Message {
    /// The proposer asks for a promise (1a).
    Prepare,
    /// 1b, with the acceptor's last vote.
    Promise(Option<Vote<u8>>),
    /// The proposer asks for a vote (2a).
    Accept,
    /// The acceptor has voted (2b).
    Accepted,
    /// The acceptor has promised to take part in higher ballots only.
    Refused,
}

/// Where a proposer stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// The proposer has no ballot: not yet, or it was refused.
    Idle,
    /// Phase 1: the proposer waits for promises.
    Preparing,
    /// A majority has promised.
    Ready,
    /// Phase 2: the proposer waits for votes.
    Asking,
    /// A majority has accepted.
    Done,
}

/// A proposer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Proposer {
    phase: Phase,
    ballot: Ballot,
    value: u8,
    answered: Set,
    agreed: Set,
    best: Option<Vote<u8>>,
    /// The acceptors that have voted in its ballot, for the properties.
    voted: Set,
}

/// All processes and what is under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    proposers: [Proposer; PROPOSERS],
    acceptors: [Acceptor<u8>; ACCEPTORS],
    links: [[Option<Message>; ACCEPTORS]; PROPOSERS],
    /// The proposer that alone may begin a ballot.
    pub distinguished: Option<u8>,
    /// The values that a majority voted for in one ballot.
    pub chosen: Set,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A proposer begins a ballot higher than any before.
    Begin(usize),
    /// A proposer with a majority's promises asks for votes.
    Ask(usize),
    /// The acceptor (second) hears the proposer (first).
    Hear(usize, usize),
    /// The proposer (first) hears the acceptor's (second) answer.
    Answer(usize, usize),
}

const IDLE: Proposer =
    Proposer { phase: Phase::Idle, ballot: 0, value: 0, answered: 0, agreed: 0, best: None, voted: 0 };

const CLAIMS: &[Claim<State>] = &[AGREEMENT];
const GOAL: Option<Goal<State>> = Some(Goal { reached: |s| s.chosen != 0, calm: State::calm });

/// At most one value is chosen.
pub const AGREEMENT: Claim<State> =
    Claim { name: "Agreement", says: "at most one value is chosen", holds: |s| s.chosen.count_ones() <= 1 };

impl Protocol for Duel {
    type State = State;
    type Step = Step;
    const CLAIMS: &'static [Claim<State>] = CLAIMS;
    const REACHES: &'static [Claim<State>] = &[
        Claim { name: "the first value is chosen", says: "", holds: |s| s.chosen == 1 },
        Claim { name: "the second value is chosen", says: "", holds: |s| s.chosen == 2 },
    ];
    const GOAL: Option<Goal<State>> = GOAL;

    fn begin(&self) -> Vec<State> {
        vec![State {
            proposers: [IDLE; PROPOSERS],
            acceptors: [Acceptor::NEW; ACCEPTORS],
            links: [[None; ACCEPTORS]; PROPOSERS],
            distinguished: None,
            chosen: 0,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        state.steps(steps);
    }

    fn after(&self, state: &State, step: &Step) -> State {
        state.after(step)
    }

    fn lanes(&self) -> Vec<String> {
        lanes()
    }

    fn tell(&self, teller: &mut Teller, before: &State, step: &Step, after: &State) {
        tell(teller, before, step, after);
    }
}

impl Protocol for Distinguished {
    type State = State;
    type Step = Step;
    const CLAIMS: &'static [Claim<State>] = CLAIMS;
    const REACHES: &'static [Claim<State>] = Duel::REACHES;
    const GOAL: Option<Goal<State>> = GOAL;

    /// Every state of a duel, with each of the two distinguished.
    fn begin(&self) -> Vec<State> {
        let mut states = Duel.begin();
        let mut known: std::collections::HashSet<State> = states.iter().cloned().collect();
        let (mut at, mut steps) = (0, Vec::new());
        while at < states.len() {
            steps.clear();
            states[at].steps(&mut steps);
            for step in &steps {
                let next = states[at].after(step);
                if known.insert(next.clone()) {
                    states.push(next);
                }
            }
            at += 1;
        }
        let with = |p| states.iter().map(move |s| State { distinguished: Some(p), ..s.clone() });
        with(0).chain(with(1)).collect()
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        state.steps(steps);
    }

    fn after(&self, state: &State, step: &Step) -> State {
        state.after(step)
    }

    fn lanes(&self) -> Vec<String> {
        lanes()
    }

    fn tell(&self, teller: &mut Teller, before: &State, step: &Step, after: &State) {
        tell(teller, before, step, after);
    }
}

fn lanes() -> Vec<String> {
    numbered("proposer", PROPOSERS).chain(numbered("acceptor", ACCEPTORS)).collect()
}

fn tell(teller: &mut Teller, before: &State, step: &Step, after: &State) {
    let lane = |a: usize| PROPOSERS + a;
    let to_all = |what: &str| (0..ACCEPTORS).map(|a| (lane(a), 0, what.to_owned())).collect::<Vec<_>>();
    let said = |link: &Option<Message>| link.map_or_else(String::new, |message| message.to_string());
    match *step {
        Step::Begin(p) => teller.act(p, &[], vec!["begins a higher ballot".into()], &to_all("PREPARE")),
        Step::Ask(p) => {
            let value = after.proposers[p].value;
            let notes = vec![format!("asks for votes for value {value}")];
            teller.act(p, &[], notes, &to_all(&format!("ACCEPT value {value}")));
        }
        Step::Hear(p, a) => {
            let (heard, answer) = (said(&before.links[p][a]), said(&after.links[p][a]));
            teller.act(lane(a), &[(p, 0, heard)], vec![], &[(p, 0, answer)]);
        }
        Step::Answer(p, a) => {
            let phase = after.proposers[p].phase;
            let changed = phase != before.proposers[p].phase;
            let notes = changed.then(|| phase.to_string()).into_iter().collect();
            teller.act(p, &[(lane(a), 0, said(&before.links[p][a]))], notes, &[]);
        }
    }
}

impl State {
    /// Whether nothing is under way.
    pub fn calm(&self) -> bool {
        self.links.iter().flatten().all(Option::is_none)
    }

    fn steps(&self, steps: &mut Vec<Step>) {
        for (p, proposer) in self.proposers.iter().enumerate() {
            match proposer.phase {
                Phase::Idle if self.distinguished.is_none_or(|d| usize::from(d) == p) => {
                    steps.push(Step::Begin(p));
                }
                Phase::Ready => steps.push(Step::Ask(p)),
                _ => {}
            }
            for a in 0..ACCEPTORS {
                match self.links[p][a] {
                    Some(Message::Prepare | Message::Accept) => steps.push(Step::Hear(p, a)),
                    Some(_) => steps.push(Step::Answer(p, a)),
                    None => {}
                }
            }
        }
    }

    fn after(&self, step: &Step) -> State {
        let mut next = self.clone();
        match *step {
            Step::Begin(p) => {
                let ballot = next.ballots().into_iter().max().unwrap_or(0) + 1;
                next.proposers[p] = Proposer { phase: Phase::Preparing, ballot, ..IDLE };
                next.links[p] = [Some(Message::Prepare); ACCEPTORS];
            }
            Step::Ask(p) => {
                let proposer = &mut next.proposers[p];
                let value = proposer.best.map_or(p as u8, |vote| vote.value);
                *proposer = Proposer { phase: Phase::Asking, ballot: proposer.ballot, value, ..IDLE };
                next.links[p] = [Some(Message::Accept); ACCEPTORS];
            }
            Step::Hear(p, a) => next.hear(p, a),
            Step::Answer(p, a) => next.answer(p, a),
        }
        next.rank();
        next
    }

    fn hear(&mut self, p: usize, a: usize) {
        let (proposer, acceptor) = (&mut self.proposers[p], &mut self.acceptors[a]);
        let answer = match self.links[p][a] {
            Some(Message::Prepare) => {
                acceptor.promise(proposer.ballot).then_some(Message::Promise(acceptor.accepted))
            }
            _ => {
                let vote = Vote { ballot: proposer.ballot, value: proposer.value };
                let accepted = acceptor.accept(vote);
                if accepted {
                    proposer.voted |= only(a);
                    self.chosen |= u8::from(majority(proposer.voted)) << proposer.value;
                }
                accepted.then_some(Message::Accepted)
            }
        };
        self.links[p][a] = Some(answer.unwrap_or(Message::Refused));
    }

    fn answer(&mut self, p: usize, a: usize) {
        let proposer = &mut self.proposers[p];
        let answer = self.links[p][a].take();
        proposer.answered |= only(a);
        if let Some(Message::Promise(vote)) = answer {
            proposer.best = higher(proposer.best, vote);
        }
        if answer != Some(Message::Refused) {
            proposer.agreed |= only(a);
        }
        if proposer.answered.count_ones() as usize == ACCEPTORS {
            let phase = match proposer.phase {
                Phase::Preparing => Phase::Ready,
                _ => Phase::Done,
            };
            match majority(proposer.agreed) {
                // What it has heard from whom is of no use any more.
                true if phase == Phase::Ready => {
                    *proposer = Proposer { phase, ballot: proposer.ballot, best: proposer.best, ..IDLE };
                }
                true => *proposer = Proposer { phase, ..IDLE },
                false => *proposer = IDLE,
            }
        }
    }

    /// Every ballot that a process knows of.
    fn ballots(&mut self) -> Vec<Ballot> {
        let mut ballots = Vec::new();
        self.each_ballot(|ballot| ballots.push(*ballot));
        ballots.sort_unstable();
        ballots.dedup();
        ballots
    }

    fn each_ballot(&mut self, mut visit: impl FnMut(&mut Ballot)) {
        for acceptor in &mut self.acceptors {
            visit(&mut acceptor.promised);
            acceptor.accepted.iter_mut().for_each(|vote| visit(&mut vote.ballot));
        }
        for proposer in &mut self.proposers {
            visit(&mut proposer.ballot);
            proposer.best.iter_mut().for_each(|vote| visit(&mut vote.ballot));
        }
        for link in self.links.iter_mut().flatten() {
            if let Some(Message::Promise(Some(vote))) = link {
                visit(&mut vote.ballot);
            }
        }
    }

    /// Replace ballots by their ranks; 0, which is none, stays.
    fn rank(&mut self) {
        let ballots: Vec<Ballot> = self.ballots().into_iter().filter(|b| *b > 0).collect();
        self.each_ballot(|ballot| {
            if let Ok(rank) = ballots.binary_search(ballot) {
                *ballot = rank as Ballot + 1;
            }
        });
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Prepare => write!(f, "PREPARE"),
            Message::Promise(None) => write!(f, "PROMISE, no vote yet"),
            Message::Promise(Some(vote)) => write!(f, "PROMISE, last vote for value {}", vote.value),
            Message::Accept => write!(f, "ACCEPT"),
            Message::Accepted => write!(f, "ACCEPTED"),
            Message::Refused => write!(f, "REFUSED"),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Idle => "has no ballot",
            Phase::Preparing => "waits for promises",
            Phase::Ready => "has a majority's promises",
            Phase::Asking => "waits for votes",
            Phase::Done => "has a majority's votes",
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (p, proposer) in self.proposers.iter().enumerate() {
            write!(f, "P{} {} (ballot of rank {}); ", p + 1, proposer.phase, proposer.ballot)?;
        }
        for (a, acceptor) in self.acceptors.iter().enumerate() {
            write!(f, "A{} {acceptor}; ", a + 1)?;
        }
        let values = (0..8).filter(|value| self.chosen & 1 << value != 0).map(|value| value.to_string());
        write!(f, "chosen: {}", values.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Begin(p) => write!(f, "proposer {} begins a higher ballot", p + 1),
            Step::Ask(p) => write!(f, "proposer {} asks for votes", p + 1),
            Step::Hear(p, a) => write!(f, "acceptor {} hears proposer {}", a + 1, p + 1),
            Step::Answer(p, a) => write!(f, "proposer {} hears acceptor {}'s answer", p + 1, a + 1),
        }
    }
}
