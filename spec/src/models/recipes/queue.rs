//! The queue: consumers that claim items, die, and are replaced.

use std::collections::BTreeSet;

use quorate_client::recipes::machine::Input;
use quorate_client::recipes::taker::{Taker, Terms, Told};
use quorate_client::session::Refusal;
use quorate_core::wire::client::{CreateMode, Request};

use super::recipe::{Recipe, Theme, create};
use super::world::{Left, World};
use crate::models::model_spec::Variant;
use crate::models::paxos::Claim;

/// The recipe.
#[derive(Clone, Copy, Debug)]
pub struct Queue;

/// What an onlooker remembers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Notes {
    /// Items that a user has done with.
    done: BTreeSet<String>,
    /// Items that a user was told are out of the queue.
    finished: BTreeSet<String>,
    /// Items that were given to a user while another one, whose session lived, had them.
    twice: bool,
    /// An item was given though one in front of it was free.
    out_of_turn: bool,
    groundless: bool,
    /// An item was given that a user had done with, and was told so.
    again: bool,
}

type W = World<Queue>;

const FINISH: u8 = 0;
const STOP: u8 = 1;
const ITEMS: [&str; 2] = ["entry-100-0000000000", "entry-100-0000000001"];

fn items(world: &W) -> Vec<String> {
    let znodes = world.server.znodes("/q/entries");
    let names = znodes.iter().filter_map(|(path, _)| path.strip_prefix("/q/entries/entry-"));
    names.map(|name| format!("entry-{name}")).collect()
}

fn is_claimed(world: &W, name: &str) -> bool {
    !world.server.znodes(&format!("/q/taken/{name}")).is_empty()
}

impl Recipe for Queue {
    type Machine = Taker;
    type Notes = Notes;

    const CLAIMS: &'static [Claim<W>] = CLAIMS;
    const REACHES: &'static [Claim<W>] = REACHES;
    const THEMES: &'static [Theme] = THEMES;
    const DIRECTORY: &'static str = "/q";

    fn machine(_: usize, party: usize, life: u8, variant: Variant) -> Taker {
        let terms = Terms { directory: "/q".into(), mark: format!("{party}.{life}") };
        let machine = Taker::new(terms);
        let _ = variant;
        #[cfg(feature = "mutants")]
        let machine = machine.breaking(variant.client);
        machine
    }

    fn is_over(machine: &Taker) -> bool {
        machine.is_over()
    }

    fn told(world: &mut W, p: usize, told: Told) {
        match told {
            Told::Item { name, .. } => {
                let has_it = |(other, party): (usize, &super::party::Party<Taker>)| {
                    let session = world.clients[party.client].session.id();
                    other != p
                        && world.server.has_session(session)
                        && party.machine.taken() == Some(name.as_str())
                };
                // One that stood still is told of a claim that is gone.
                let own = world.clients[world.parties[p].client].session.id();
                let lives = world.server.has_session(own);
                world.notes.twice |=
                    lives && items(world).contains(&name) && world.parties.iter().enumerate().any(has_it);
                let is_free = |item: &String| *item < name && !is_claimed(world, item);
                // Where nobody gives anything back, what is in front is claimed or finished.
                let nothing_comes_back = THEMES[world.theme].left == NONE;
                world.notes.out_of_turn |= nothing_comes_back && items(world).iter().any(is_free);
                world.notes.again |= lives && world.notes.finished.contains(&name);
            }
            Told::Finished(name) => drop(world.notes.finished.insert(name)),
            Told::Lost(_) => {}
            Told::Stopped => world.notes.groundless |= !world.parties[p].stopping,
            Told::Failed(Refusal::Over(_)) => {}
            Told::Failed(_) => world.notes.groundless = true,
        }
    }

    fn acts(world: &W, p: usize, may: &mut dyn FnMut(u8)) {
        let party = &world.parties[p];
        // Where two consumers have two items, they keep them; where one dies, it has not done with its item.
        let finishes = world.theme > 1 || world.theme == 1 && world.left.expiries == 0;
        if !party.asked && party.machine.taken().is_some() && finishes {
            may(FINISH);
        }
        if world.left.acts > 0 && !party.stopping && !party.machine.is_over() {
            may(STOP);
        }
    }

    fn act(world: &mut W, p: usize, act: u8) {
        if act == STOP {
            world.left.acts -= 1;
            return world.input(p, Input::Stop);
        }
        if let Some(name) = world.parties[p].machine.taken() {
            let name = name.to_string();
            world.notes.done.insert(name);
        }
        world.input(p, Input::Finished);
    }

    fn deeds(_: &W, may: &mut dyn FnMut(u8)) {
        may(0);
    }

    fn deed(_: &W, _: u8) -> Option<Request> {
        Some(create("/q/entries/entry-100-0000000009", CreateMode::Persistent))
    }
}

fn begin() -> Vec<Request> {
    let mut paths =
        vec!["/q".to_string(), "/q/entries".into(), "/q/taken".into(), "/q/entries/foreign".into()];
    paths.extend(ITEMS.iter().map(|item| format!("/q/entries/{item}")));
    paths.iter().map(|path| create(path, CreateMode::Persistent)).collect()
}

fn one() -> Vec<Request> {
    let mut requests = begin();
    requests.pop();
    requests
}

fn nothing() -> Vec<Request> {
    vec![]
}

const NONE: Left = Left { cuts: 0, expiries: 0, reaps: 0, restarts: 0, deeds: 0, acts: 0 };

const THEMES: &[Theme] = &[
    // Two consumers share two items.
    Theme { parties: &[0, 1], left: NONE, pauses: false, begin },
    // One consumer's session may expire, and it does not know.
    Theme { parties: &[0, 1], left: Left { expiries: 1, ..NONE }, pauses: true, begin: one },
    // One consumer stops with an item, in the same process as another one.
    Theme { parties: &[0, 0], left: Left { acts: 1, ..NONE }, pauses: false, begin: one },
    // An item comes while a consumer waits, and the connection is cut.
    Theme { parties: &[0], left: Left { cuts: 1, deeds: 1, ..NONE }, pauses: false, begin: one },
    Theme { parties: &[0], left: Left { cuts: 1, ..NONE }, pauses: false, begin: nothing },
    // One consumer takes one item after the other.
    Theme { parties: &[0], left: Left { cuts: 1, ..NONE }, pauses: false, begin },
];

const CLAIMS: &[Claim<W>] = &[
    Claim {
        name: "OneTaker",
        says: "no item that is there is given to a consumer while another one has it whose session lives",
        holds: |w| !w.notes.twice,
    },
    Claim {
        name: "ItemsSurvive",
        says: "an item is there until a user has done with it",
        holds: |w| {
            let there = items(w);
            let begun = [2, 1, 1, 1, 0, 2][w.theme];
            ITEMS[..begun].iter().all(|item| {
                let item = item.to_string();
                there.contains(&item) || w.notes.done.contains(&item)
            })
        },
    },
    Claim {
        name: "FinishedOnce",
        says: "an item that was said to be out of the queue is not given again",
        holds: |w| !w.notes.again,
    },
    Claim {
        name: "ItemsInOrder",
        says: "no item is given while one in front of it is free, where none is given back",
        holds: |w| !w.notes.out_of_turn,
    },
    Claim {
        name: "SomebodyTakes",
        says: "once nothing is under way, no consumer waits while an item is free",
        holds: |w| {
            let waits = |party: &super::party::Party<Taker>| {
                party.started
                    && !party.stopping
                    && !party.machine.is_over()
                    && party.machine.taken().is_none()
            };
            !w.is_quiet() || !w.parties.iter().any(waits) || items(w).iter().all(|item| is_claimed(w, item))
        },
    },
    Claim {
        name: "StoppedLeavesNothing",
        says: "once nothing is under way, every claim is that of a consumer that has the item",
        holds: |w| {
            let has = |name: &str| w.parties.iter().any(|party| party.machine.taken() == Some(name));
            let claims = if w.is_quiet() { w.server.znodes("/q/taken") } else { vec![] };
            claims.iter().filter_map(|(path, _)| path.strip_prefix("/q/taken/")).all(has)
        },
    },
    Claim {
        name: "FailsForAReason",
        says: "a consumer fails only with its session",
        holds: |w| !w.notes.groundless,
    },
    Claim {
        name: "AsksLittle",
        says: "nobody asks again and again",
        holds: |w| w.parties.iter().all(|party| party.asks < 24),
    },
];

const REACHES: &[Claim<W>] = &[
    Claim {
        name: "two consumers have an item each",
        says: "",
        holds: |w| w.parties.len() == 2 && w.parties.iter().all(|party| party.machine.taken().is_some()),
    },
    Claim {
        name: "an item of a consumer that has died is finished by another one",
        says: "",
        holds: |w| w.theme == 1 && w.left.expiries == 0 && w.notes.finished.len() == 1,
    },
    Claim {
        name: "the queue is empty",
        says: "",
        holds: |w| w.theme == 5 && w.is_quiet() && w.notes.finished.len() == 2,
    },
];
