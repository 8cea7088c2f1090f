//! The barrier: two wait for a znode that an operator deletes, writes to, and creates again.

use bytes::Bytes;
use quorate_client::recipes::barrier::{Barrier, Told};
use quorate_client::recipes::machine::Input;
use quorate_client::session::Refusal;
use quorate_core::ids::Zxid;
use quorate_core::wire::client::{CreateMode, DeleteRequest, Request, SetDataRequest};

use super::recipe::{Recipe, Theme, create};
use super::world::{Left, World};
use crate::models::model_spec::Variant;
use crate::models::paxos::Claim;

/// The recipe.
#[derive(Clone, Copy, Debug)]
pub struct Gate;

/// What an onlooker remembers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Notes {
    /// Which parties were told that the barrier is open.
    opened: Vec<usize>,
    early: bool,
    groundless: bool,
}

type W = World<Gate>;

const DELETE: u8 = 0;
const SET: u8 = 1;
const CREATE: u8 = 2;

/// Whether the znode has been there ever since the beginning.
fn is_closed_ever_since(world: &W) -> bool {
    world.server.znodes("/b").first().is_some_and(|(_, stat)| stat.czxid == Zxid::new(1, 2))
}

impl Recipe for Gate {
    type Machine = Barrier;
    type Notes = Notes;

    const CLAIMS: &'static [Claim<W>] = CLAIMS;
    const REACHES: &'static [Claim<W>] = REACHES;
    const THEMES: &'static [Theme] = THEMES;
    const DIRECTORY: &'static str = "/b";

    fn machine(_: usize, _: usize, _: u8, variant: Variant) -> Barrier {
        let machine = Barrier::new("/b");
        let _ = variant;
        #[cfg(feature = "mutants")]
        let machine = machine.breaking(variant.client);
        machine
    }

    fn is_over(machine: &Barrier) -> bool {
        machine.is_over()
    }

    fn told(world: &mut W, p: usize, told: Told) {
        match told {
            Told::Open => {
                world.notes.early |= is_closed_ever_since(world);
                world.notes.opened.push(p);
            }
            Told::Stopped => world.notes.groundless |= !world.parties[p].stopping,
            Told::Failed(Refusal::Over(_)) => {}
            Told::Failed(_) => world.notes.groundless = true,
        }
    }

    fn acts(world: &W, p: usize, may: &mut dyn FnMut(u8)) {
        let party = &world.parties[p];
        if world.left.acts > 0 && !party.stopping && !party.machine.is_over() {
            may(0);
        }
    }

    fn act(world: &mut W, p: usize, _: u8) {
        world.left.acts -= 1;
        world.input(p, Input::Stop);
    }

    fn deeds(world: &W, may: &mut dyn FnMut(u8)) {
        if world.server.znodes("/b").is_empty() {
            may(CREATE);
        } else {
            may(DELETE);
            may(SET);
        }
    }

    fn deed(_: &W, deed: u8) -> Option<Request> {
        let path = "/b".to_string();
        Some(match deed {
            DELETE => Request::Delete(DeleteRequest { path, version: -1 }),
            SET => {
                Request::SetData(SetDataRequest { path, data: Some(Bytes::from_static(b"x")), version: -1 })
            }
            _ => create("/b", CreateMode::Persistent),
        })
    }
}

fn begin() -> Vec<Request> {
    vec![create("/b", CreateMode::Persistent)]
}

const NONE: Left = Left { cuts: 0, expiries: 0, reaps: 0, restarts: 0, deeds: 0, acts: 0 };

const THEMES: &[Theme] = &[
    Theme { parties: &[0, 1], left: Left { cuts: 1, expiries: 1, deeds: 2, ..NONE }, pauses: false, begin },
    Theme { parties: &[0, 0], left: Left { deeds: 2, acts: 1, ..NONE }, pauses: false, begin },
];

const CLAIMS: &[Claim<W>] = &[
    Claim {
        name: "OpensOnlyWhenOpen",
        says: "nobody is told that the barrier is open while its znode has been there all the time",
        holds: |w| !w.notes.early,
    },
    Claim {
        name: "OpensAlways",
        says: "once nothing is under way, nobody waits for a barrier whose znode is gone",
        holds: |w| {
            let is_open = w.server.znodes("/b").is_empty();
            let waits = |p: &super::party::Party<Barrier>| p.started && !p.machine.is_over();
            !is_open || !w.is_quiet() || !w.parties.iter().any(waits)
        },
    },
    Claim {
        name: "FailsForAReason",
        says: "whoever waits fails only with its session",
        holds: |w| !w.notes.groundless,
    },
    Claim {
        name: "StopIsTold",
        says: "once nothing is under way, whoever was to stop is over",
        holds: |w| {
            !w.is_quiet() || w.parties.iter().all(|p| !p.started || !p.stopping || p.machine.is_over())
        },
    },
    Claim {
        name: "AsksLittle",
        says: "nobody asks again and again",
        holds: |w| w.parties.iter().all(|party| party.asks < 12),
    },
];

const REACHES: &[Claim<W>] = &[
    Claim { name: "both have passed", says: "", holds: |w| w.notes.opened.len() == 2 },
    Claim {
        name: "one has passed, the other waits for the barrier that was closed again",
        says: "",
        holds: |w| {
            w.notes.opened.len() == 1 && w.is_quiet() && w.parties.iter().all(|p| p.started && !p.stopping)
        },
    },
];
