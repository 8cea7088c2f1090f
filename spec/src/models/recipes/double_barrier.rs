//! The double barrier: members that begin together and end together.

use quorate_client::recipes::double_barrier::{Member, Terms, Told};
use quorate_client::recipes::machine::Input;
use quorate_client::session::Refusal;
use quorate_core::wire::client::{CreateMode, Request};

use super::recipe::{Recipe, Theme, create};
use super::world::{Left, World};
use crate::models::model_spec::Variant;
use crate::models::paxos::Claim;

/// The recipe.
#[derive(Clone, Copy, Debug)]
pub struct Both;

/// What an onlooker remembers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Notes {
    /// Whether all members' znodes were there at once.
    full: bool,
    /// Which members' users were told that all are there.
    entered: [bool; 3],
    /// Which were told that they have left.
    left: [bool; 3],
    early: bool,
    left_alone: bool,
    groundless: bool,
}

type W = World<Both>;

const MARKS: [&str; 3] = ["c", "b", "a"];

fn is_there(world: &W, p: usize) -> bool {
    !world.server.znodes(&format!("/d/{}", MARKS[p])).is_empty()
}

impl Recipe for Both {
    type Machine = Member;
    type Notes = Notes;

    const CLAIMS: &'static [Claim<W>] = CLAIMS;
    const REACHES: &'static [Claim<W>] = REACHES;
    const THEMES: &'static [Theme] = THEMES;
    const DIRECTORY: &'static str = "/d";

    fn machine(theme: usize, party: usize, _: u8, variant: Variant) -> Member {
        let members = THEMES[theme].parties.len();
        let terms = Terms { directory: "/d".into(), members, mark: MARKS[party].into() };
        let machine = Member::new(terms);
        let _ = variant;
        #[cfg(feature = "mutants")]
        let machine = machine.breaking(variant.client);
        machine
    }

    fn is_over(machine: &Member) -> bool {
        machine.is_over()
    }

    fn told(world: &mut W, p: usize, told: Told) {
        match told {
            Told::Entered => {
                world.notes.early |= !world.notes.full;
                world.notes.entered[p] = true;
            }
            Told::Left => {
                let others = (0..world.parties.len()).filter(|other| *other != p);
                let stays = |other: usize| is_there(world, other) && world.notes.entered[p];
                world.notes.left_alone |= others.into_iter().any(stays);
                world.notes.left[p] = true;
            }
            Told::Failed(Refusal::Over(_)) => {}
            Told::Failed(_) => world.notes.groundless = true,
        }
    }

    fn acts(world: &W, p: usize, may: &mut dyn FnMut(u8)) {
        let party = &world.parties[p];
        let may_withdraw = world.left.acts > 0;
        // Three members only begin.
        if world.parties.len() == 3 {
            return;
        }
        if !party.stopping && !party.machine.is_over() && (party.machine.is_in() || may_withdraw) {
            may(0);
        }
    }

    fn act(world: &mut W, p: usize, _: u8) {
        if !world.parties[p].machine.is_in() {
            world.left.acts -= 1;
        }
        world.input(p, Input::Stop);
    }

    fn look(world: &mut W) {
        world.notes.full |= (0..world.parties.len()).all(|p| is_there(world, p));
    }
}

fn begin() -> Vec<Request> {
    vec![create("/d", CreateMode::Persistent)]
}

fn nothing() -> Vec<Request> {
    vec![]
}

const NONE: Left = Left { cuts: 0, expiries: 0, reaps: 0, restarts: 0, deeds: 0, acts: 0 };

const THEMES: &[Theme] = &[
    Theme { parties: &[0, 1], left: NONE, pauses: false, begin: nothing },
    Theme { parties: &[0, 1], left: Left { cuts: 1, ..NONE }, pauses: false, begin },
    Theme { parties: &[0, 0, 0], left: NONE, pauses: false, begin },
    Theme { parties: &[0, 0], left: Left { acts: 1, ..NONE }, pauses: false, begin },
    Theme { parties: &[0, 1], left: Left { expiries: 1, ..NONE }, pauses: true, begin },
];

const CLAIMS: &[Claim<W>] = &[
    Claim {
        name: "EnterTogether",
        says: "a member is told that all are there only if they were",
        holds: |w| !w.notes.early,
    },
    Claim {
        name: "LeaveTogether",
        says: "a member that was in is told that it has left when no other one is there any more",
        holds: |w| !w.notes.left_alone,
    },
    Claim {
        name: "AllEnter",
        says: "once nothing is under way, nobody waits if all were there",
        holds: |w| {
            let waits = |(p, party): (usize, &super::party::Party<Member>)| {
                !party.machine.is_over() && !party.stopping && !w.notes.entered[p]
            };
            let all_came = w.parties.iter().all(|party| party.started);
            let nobody_went = w.parties.iter().all(|party| !party.stopping && !party.machine.is_over());
            !w.is_quiet() || !all_came || !nobody_went || !w.parties.iter().enumerate().any(waits)
        },
    },
    Claim {
        name: "AllLeave",
        says: "once nothing is under way and all leave, all have left and nothing is there of them",
        holds: |w| {
            let goes = |party: &super::party::Party<Member>| party.stopping || party.machine.is_over();
            let all_go = w.parties.iter().all(|party| party.started && goes(party));
            let all_gone = w.parties.iter().all(|party| party.machine.is_over());
            let told = w.notes.left.iter().filter(|left| **left).count() == w.parties.len();
            !w.is_quiet() || !all_go || all_gone && (!told || w.server.znodes("/d").len() <= 1)
        },
    },
    Claim {
        name: "FailsForAReason",
        says: "a member fails only with its session",
        holds: |w| !w.notes.groundless,
    },
    Claim {
        name: "AsksLittle",
        says: "nobody asks again and again",
        holds: |w| w.parties.iter().all(|party| party.asks < 20),
    },
];

const REACHES: &[Claim<W>] = &[
    Claim {
        name: "all have begun and ended together",
        says: "",
        holds: |w| w.notes.entered == [true, true, false] && w.notes.left == [true, true, false],
    },
    Claim { name: "three have begun together", says: "", holds: |w| w.notes.entered == [true; 3] },
    Claim {
        name: "one withdraws before all are there",
        says: "",
        holds: |w| w.notes.left.contains(&true) && w.notes.entered == [false; 3] && w.is_quiet(),
    },
];
