//! Messages and delays of Paxos, multi-Paxos and ZAB, counted while their models run.
//!
//! Nothing is lost, and everything takes the same time. In each round everything that is under way arrives,
//! and what a server does about it, disks included, takes no time. A server is proposer, acceptor and learner
//! at once; what it says to itself is no message.

use quorate_core::Output;

use super::Protocol;
use super::ballot::ACCEPTORS;
use super::multi::{self, Multi};
use super::single::{self, Message, Single};
use crate::models::started;
use crate::world::{Action, Side, World};

/// What a run cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Which run.
    pub what: &'static str,
    /// Commands that were decided; none if the run only made a leader.
    pub commands: usize,
    /// Messages between servers.
    pub messages: usize,
    /// Message delays until the leader could answer the last client, or could begin.
    pub answered: usize,
    /// Message delays until every server knew.
    pub everybody: usize,
}

/// Every run.
pub fn costs() -> Vec<Cost> {
    let [prepare, one] = multi_paxos("multi-Paxos, 1 command", 1, 1);
    let [_, in_turn] = multi_paxos("multi-Paxos, 2 commands, window 1", 2, 1);
    let [_, together] = multi_paxos("multi-Paxos, 2 commands, window 2", 2, 2);
    let [recover, zab_one] = zab("ZAB, 1 command", 1);
    let [_, zab_together] = zab("ZAB, 2 commands, both outstanding", 2);
    vec![single_decree(), prepare, one, in_turn, together, recover, zab_one, zab_together]
}

/// Runs until nothing happens any more, round by round. Answers with the delays until each of `goals`.
fn rounds<S, A>(
    state: &mut S,
    steps: impl Fn(&S) -> Vec<A>,
    arrives: impl Fn(&A) -> bool,
    mut act: impl FnMut(&mut S, &A),
    goals: [fn(&S) -> bool; 2],
) -> [usize; 2] {
    let (mut delays, mut met) = (0, [None; 2]);
    loop {
        while let Some(step) = steps(state).into_iter().find(|s| !arrives(s)) {
            act(state, &step);
        }
        for (met, goal) in met.iter_mut().zip(goals) {
            *met = met.or_else(|| goal(state).then_some(delays));
        }
        if let [Some(first), Some(second)] = met {
            return [first, second];
        }
        let arriving: Vec<A> = steps(state).into_iter().filter(&arrives).collect();
        assert!(!arriving.is_empty(), "nothing arrives and the goal is not reached");
        for step in &arriving {
            act(state, step);
        }
        delays += 1;
    }
}

fn single_decree() -> Cost {
    let paxos = Single { ballots: 1, learners: ACCEPTORS };
    let mut state = paxos.begin().remove(0);
    let steps = |s: &single::State| {
        let mut steps = Vec::new();
        paxos.steps(s, &mut steps);
        steps
    };
    // Every message here is from or to the only proposer, on the first server.
    let elsewhere = |message: &Message, to: usize| match message {
        Message::Promise(_, a, _) | Message::Accepted(_, a) => *a > 0,
        Message::Prepare(_) | Message::Accept(_) | Message::Learn(_) => to > 0,
    };
    let [answered, everybody] = rounds(
        &mut state,
        steps,
        |step| matches!(step, single::Step::Deliver(message, to) if elsewhere(message, *to)),
        |state, step| {
            // Of what arrives in one round, the first may have made the last useless.
            if steps(state).contains(step) {
                *state = paxos.after(state, step);
            }
        },
        [|s| s.learned[0].is_some(), |s| s.learned.iter().all(Option::is_some)],
    );
    let receivers = |message: &Message| match message {
        Message::Promise(..) | Message::Accepted(..) => 0..1,
        _ => 0..ACCEPTORS,
    };
    let messages = state.sent.iter().map(|m| receivers(m).filter(|to| elsewhere(m, *to)).count()).sum();
    Cost { what: "Paxos, any proposer, 1 command", commands: 1, messages, answered, everybody }
}

/// The first server becomes primary, then decides commands.
fn multi_paxos(what: &'static str, commands: usize, window: usize) -> [Cost; 2] {
    use multi::{State, Step};
    let paxos = Multi { primaries: 1, slots: commands, window, learners: ACCEPTORS };
    let mut state = paxos.begin().remove(0);
    let mut messages = 0;
    let mut run = |state: &mut State, leading: bool, goals: [fn(&State) -> bool; 2]| {
        let before = messages;
        let steps = |s: &State| {
            let mut steps = Vec::new();
            paxos.steps(s, &mut steps);
            steps.retain(|step| leading || matches!(step, Step::Promise(..) | Step::Lead(..)));
            // All slots that are under way arrive together.
            let many = |step: &Step| match *step {
                Step::Accept(p, a) => s.unheard(p, a),
                Step::Know(p) => s.unknown(p),
                Step::Learn(p, l) => usize::from(s.primaries[p].known - s.learned[l]),
                _ => 1,
            };
            steps.into_iter().map(|step| (step, many(&step))).collect::<Vec<_>>()
        };
        let delays = rounds(
            state,
            steps,
            |(step, _)| match step {
                Step::Promise(p, a) | Step::Accept(p, a) | Step::Learn(p, a) => p != a,
                Step::Lead(..) | Step::Know(_) => true,
                Step::Propose(_) => false,
            },
            |state, (step, many)| {
                for _ in 0..*many {
                    if !steps(state).iter().any(|(possible, _)| possible == step) {
                        return;
                    }
                    *state = paxos.after(state, step);
                    messages += match step {
                        // A request and its answer.
                        Step::Promise(p, a) | Step::Accept(p, a) => 2 * usize::from(p != a),
                        Step::Learn(p, l) => usize::from(p != l),
                        _ => 0,
                    };
                }
            },
            goals,
        );
        (delays, messages - before)
    };
    let leads: fn(&State) -> bool = State::led;
    let ([answered, everybody], count) = run(&mut state, false, [leads, leads]);
    let prepare =
        Cost { what: "multi-Paxos, a new leader", commands: 0, messages: count, answered, everybody };
    let all = |s: &State| usize::from(s.primaries[0].known) == s.slots();
    let learned = |s: &State| s.learned.iter().all(|l| usize::from(*l) == s.slots());
    let ([answered, everybody], count) = run(&mut state, true, [all, learned]);
    [prepare, Cost { what, commands, messages: count, answered, everybody }]
}

/// The first server is elected and synchronises the others, then broadcasts transactions.
fn zab(what: &'static str, commands: usize) -> [Cost; 2] {
    let mut world = started(ACCEPTORS);
    world.take_trace();
    let mut messages = 0;
    let mut run = |world: &mut World, goals: [fn(&World) -> bool; 2]| {
        let before = messages;
        let delays = rounds(
            world,
            // What is under way on a connection arrives together.
            |w| {
                let mut steps: Vec<(Action, usize)> = Vec::new();
                let mut actions = Vec::new();
                w.actions(&mut actions);
                for action in actions {
                    let many = match &action {
                        Action::Deliver(c, Side::Learner) => w.connections()[*c].to_learner.len(),
                        Action::Deliver(c, Side::Leader) => w.connections()[*c].to_leader.len(),
                        Action::Lead(i) if *i > 0 => continue,
                        Action::PhaseLimit(_) => continue,
                        _ => 1,
                    };
                    steps.push((action, many));
                }
                steps
            },
            |(action, _)| matches!(action, Action::Deliver(..)),
            |world, (action, many)| {
                for _ in 0..*many {
                    world.act(action);
                }
                let sent = |output: &&Output<_>| matches!(output, Output::Send(..));
                let outputs = world.take_trace();
                messages += outputs.iter().map(|e| e.outputs.iter().filter(sent).count()).sum::<usize>();
            },
            goals,
        );
        (delays, messages - before)
    };
    let serves: fn(&World) -> bool = |w| w.servers().next().is_some_and(|s| s.serving());
    let ([answered, everybody], count) = run(
        &mut world,
        [serves, |w| {
            let quiet = w.connections().iter().all(|c| c.to_leader.is_empty() && c.to_learner.is_empty());
            quiet && w.servers().all(|s| s.serving())
        }],
    );
    let recover = Cost { what: "ZAB, a new leader", commands: 0, messages: count, answered, everybody };
    world.allow(crate::world::Budget { txns: commands as u8, ..Default::default() });
    let ([answered, everybody], count) = run(
        &mut world,
        [
            |w| w.budget().txns == 0 && has_all(w, 0),
            |w| w.budget().txns == 0 && (0..ACCEPTORS).all(|i| has_all(w, i)),
        ],
    );
    [recover, Cost { what, commands, messages: count, answered, everybody }]
}

/// Whether a server has applied everything that was proposed.
fn has_all(world: &World, i: usize) -> bool {
    let proposed = world.ghost().proposed.len();
    world.peers().any(|(j, p)| j == i && p.service().applied().len() == proposed)
}
