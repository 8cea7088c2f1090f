//! What takes one wrong step to go wrong where everything else is well. Servers come to an ensemble which
//! does without them; one proposal of long ago could turn an election; a client asks too early.

use quorate_core::ZabState;
use quorate_core::config::ElectionMode;
use quorate_core::ids::Zxid;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::prepared::{NOTHING, Run, concerns, ensemble, oracle, phase};
use super::worlds::setting;
use crate::byte::Byte;
use crate::world::{Action, Budget, Durable, Side, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![ModelSpec {
        name: "joins",
        composes: "as zab-oracle, begun when two servers serve and the third comes to them, with a tail that \
                   was given up, or new. Also begun when a leader is asked before it is established",
        bounds: "3 servers, 1 fault; or 1 election with a tail of an epoch before the run; or no fault",
        unique: 1_344,
        expected: Expected::Holds,
        build: |variant| Box::new(joins(variant)),
    }]
}

const ONE_FAULT: Budget = Budget { faults: 1, ..NOTHING };

fn joins(variant: Variant) -> Ensemble {
    let mut ensemble =
        ensemble(vec![with_tail(variant), new(variant), given_up(variant), asked_early(variant)]);
    ensemble.sometimes = &[
        Reachable {
            name: "the one with a tail serves what the others do",
            reached: |w| w.servers().all(|s| s.serving()) && w.ghost().delivered.len() == 2,
        },
        Reachable {
            name: "a third epoch is established without the tail",
            reached: |w| w.peers().any(|(_, p)| p.established_epoch() == Some(3)),
        },
    ];
    ensemble
}

/// Everything that has to happen happens, but that this server follows a leader.
fn without(run: &mut Run, server: usize) {
    run.go_on(|_, a| !concerns(a, server), |_| false);
}

/// The first leader has logged a proposal that no other server has, and the next has delivered another.
fn with_tail(variant: Variant) -> World {
    let mut run = oracle(variant);
    run.act(&Action::Lead(0));
    run.settle();
    run.act(&Action::Submit(0));
    run.settle();
    run.act(&Action::Submit(0));
    run.act(&Action::Crash(0, 1));
    run.act(&Action::Start(0));
    run.go_on(|_, a| matches!(a, Action::Down(..)), |_| false);
    run.act(&Action::Lead(1));
    without(&mut run, 0);
    run.act(&Action::Submit(1));
    without(&mut run, 0);
    run.end(ONE_FAULT)
}

/// Two have served what the third, which has never been there, lacks.
fn new(variant: Variant) -> World {
    let mut run = oracle(variant);
    run.act(&Action::Lead(1));
    without(&mut run, 2);
    run.act(&Action::Submit(1));
    without(&mut run, 2);
    run.end(ONE_FAULT)
}

/// Before anything was watched, the first server logged a proposal that an epoch without it has given up by
/// now.
fn given_up(variant: Variant) -> World {
    let zxid = Zxid::new(1, 1);
    let empty = Durable { accepted_epoch: 1, current_epoch: 1, ..Durable::empty() };
    let tail = Durable { log: vec![(zxid, Byte::logged(zxid))], ..empty.clone() };
    let disks = vec![tail, empty.clone(), empty];
    let mut run = Run::start(setting(3, ElectionMode::Oracle, variant), disks);
    run.act(&Action::Lead(1));
    without(&mut run, 0);
    run.act(&Action::Crash(1, 0));
    run.act(&Action::Start(1));
    run.go_on(|_, a| matches!(a, Action::Down(..)), |_| false);
    run.end(Budget { elections: 1, ..NOTHING })
}

/// A client has asked a leader that synchronises; a follower has everything on disk that it was sent, and its
/// acknowledgements are on their way.
fn asked_early(variant: Variant) -> World {
    let mut run = oracle(variant);
    run.act(&Action::Lead(1));
    run.go_on(|_, a| !concerns(a, 2), |w| phase(w, 1) == Some(ZabState::Synchronization));
    run.0.submit(1, Byte(b'x'));
    run.go_on(|_, a| !concerns(a, 2) && !matches!(a, Action::Deliver(_, Side::Leader)), |_| false);
    run.end(NOTHING)
}
