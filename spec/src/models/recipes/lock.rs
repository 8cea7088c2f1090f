//! The lock, and the latch that is the same machine: contenders in a queue.

use bytes::Bytes;
use quorate_client::recipes::contender::{Contender, Terms, Token, Told};
use quorate_client::recipes::machine::Input;
use quorate_client::session::{Refusal, State};
use quorate_core::ids::Zxid;
use quorate_core::wire::client::{CreateMode, DeleteRequest, Request, SetDataRequest};
use quorate_core::wire::record::Stat;

use super::recipe::{Recipe, Theme, create};
use super::world::{Left, World};
use crate::models::model_spec::Variant;
use crate::models::paxos::Claim;

/// The recipe.
#[derive(Clone, Copy, Debug)]
pub struct Lock;

/// What an onlooker remembers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Notes {
    /// The greatest token that was handed out.
    greatest: Zxid,
    /// The token that each party was handed out last.
    tokens: [Zxid; 3],
    /// A token was handed out that is not greater than those before.
    backwards: bool,
    /// A party was told to hold though another one was in front.
    out_of_turn: bool,
    /// A party failed without a reason.
    groundless: bool,
    /// Whose machines were told that they have stopped: the parties' marks.
    stopped: Vec<String>,
}

const STOP: u8 = 0;
const AGAIN: u8 = 1;
const FOREIGN: [&str; 4] = ["/l/0foreign", "/l/lock-", "/l/x-lock-12", "/l/lock-000000000x"];

type W = World<Lock>;

fn mark(party: usize, life: u8) -> String {
    // The order of names is not that of the queue.
    format!("{}{life}", ["c", "b", "a"][party])
}

fn marked(mark: &str, path: &str) -> bool {
    path.starts_with(&format!("/l/_c_{mark}-"))
}

impl Recipe for Lock {
    type Machine = Contender;
    type Notes = Notes;

    const CLAIMS: &'static [Claim<W>] = CLAIMS;
    const REACHES: &'static [Claim<W>] = REACHES;
    const THEMES: &'static [Theme] = THEMES;
    const DIRECTORY: &'static str = "/l";

    fn machine(_: usize, party: usize, life: u8, variant: Variant) -> Contender {
        let terms = Terms {
            directory: "/l".into(),
            infix: "lock-",
            others: &["__lock__"],
            sharing: &[],
            mark: mark(party, life),
            data: Bytes::new(),
        };
        let _ = variant;
        let machine = Contender::new(terms);
        #[cfg(feature = "mutants")]
        let machine = machine.breaking(variant.client);
        machine
    }

    fn is_over(machine: &Contender) -> bool {
        machine.is_over()
    }

    fn told(world: &mut W, p: usize, told: Told) {
        let mark = mark(p, world.parties[p].life);
        match told {
            Told::Held(Token(token)) => {
                world.notes.tokens[p] = token;
                world.notes.backwards |= token <= world.notes.greatest;
                world.notes.greatest = world.notes.greatest.max(token);
                let is_ahead =
                    |(path, stat): &(String, Stat)| path.starts_with("/l/_c_") && stat.czxid < token;
                world.notes.out_of_turn |= world.server.znodes("/l").iter().any(is_ahead);
            }
            Told::Lost => {}
            Told::Stopped => world.notes.stopped.push(mark),
            Told::Failed(Refusal::Over(_)) => {}
            Told::Failed(_) => world.notes.groundless |= THEMES[world.theme].left.deeds == world.left.deeds,
        }
    }

    fn acts(world: &W, p: usize, may: &mut dyn FnMut(u8)) {
        let party = &world.parties[p];
        if world.left.acts == 0 {
            return;
        }
        // Of three the first stops: it can be anywhere in the queue.
        if !party.stopping && !party.machine.is_over() && (p == 0 || world.parties.len() < 3) {
            may(STOP);
        }
        if party.machine.is_over() && party.life == 0 && world.clients[party.client].is_up() {
            may(AGAIN);
        }
    }

    fn act(world: &mut W, p: usize, act: u8) {
        world.left.acts -= 1;
        match act {
            STOP => world.input(p, Input::Stop),
            _ => world.renew(p),
        }
    }

    fn owner(world: &W, path: &str) -> Option<usize> {
        (0..world.parties.len())
            .find(|p| (0..=world.parties[*p].life).any(|life| marked(&mark(*p, life), path)))
    }

    fn deeds(world: &W, may: &mut dyn FnMut(u8)) {
        let contenders = world.server.znodes("/l").into_iter().filter(|(path, _)| path.starts_with("/l/_c_"));
        for i in 0..contenders.count() as u8 {
            may(2 * i);
            may(2 * i + 1);
        }
    }

    fn deed(world: &W, deed: u8) -> Option<Request> {
        let mut contenders =
            world.server.znodes("/l").into_iter().filter(|(path, _)| path.starts_with("/l/_c_"));
        let (path, _) = contenders.nth(usize::from(deed / 2))?;
        Some(if deed.is_multiple_of(2) {
            Request::Delete(DeleteRequest { path, version: -1 })
        } else {
            Request::SetData(SetDataRequest { path, data: Some(Bytes::from_static(b"x")), version: -1 })
        })
    }
}

fn nothing() -> Vec<Request> {
    vec![]
}

fn with_foreign() -> Vec<Request> {
    let directory = create("/l", CreateMode::Persistent);
    std::iter::once(directory).chain(FOREIGN.map(|path| create(path, CreateMode::Persistent))).collect()
}

const NONE: Left = Left { cuts: 0, expiries: 0, reaps: 0, restarts: 0, deeds: 0, acts: 0 };

const THEMES: &[Theme] = &[
    // A cut, with whatever it takes with it, and perhaps the session's end.
    Theme {
        parties: &[0, 1],
        left: Left { cuts: 1, expiries: 1, acts: 1, ..NONE },
        pauses: false,
        begin: with_foreign,
    },
    // A process that stands still.
    Theme { parties: &[0, 1], left: Left { expiries: 1, ..NONE }, pauses: true, begin: with_foreign },
    // A process that ends, and another one in its place.
    Theme { parties: &[0, 1], left: Left { restarts: 1, ..NONE }, pauses: false, begin: with_foreign },
    // The directory does not exist, and is reaped between two calls.
    Theme { parties: &[0], left: Left { cuts: 1, reaps: 1, acts: 2, ..NONE }, pauses: false, begin: nothing },
    // Two contenders in one process.
    Theme {
        parties: &[0, 0],
        left: Left { cuts: 1, expiries: 1, ..NONE },
        pauses: false,
        begin: with_foreign,
    },
    // Three contenders.
    Theme { parties: &[0, 1, 2], left: Left { acts: 1, ..NONE }, pauses: false, begin: with_foreign },
    // An operator deletes a contender's znode, or writes to it.
    Theme { parties: &[0, 1], left: Left { deeds: 1, ..NONE }, pauses: false, begin: with_foreign },
];

fn holders(world: &W) -> usize {
    world.parties.iter().filter(|party| party.machine.holds()).count()
}

/// Whether only the contenders themselves end what they hold.
fn undisturbed(world: &W) -> bool {
    !THEMES[world.theme].pauses && THEMES[world.theme].left.deeds == 0
}

fn contends(party: &super::party::Party<Contender>) -> bool {
    party.started && !party.stopping && !party.machine.is_over()
}

fn znodes_of(world: &W, mark: &str) -> usize {
    world.server.znodes("/l").iter().filter(|(path, _)| marked(mark, path)).count()
}

/// Every claim.
const CLAIMS: &[Claim<W>] = &[
    Claim {
        name: "TokensGrow",
        says: "whoever is told to hold has a greater token than all who were before, where no process stands still and no operator \
               meddles",
        holds: |w| !undisturbed(w) || !w.notes.backwards,
    },
    Claim {
        name: "TokensTell",
        says: "of all that hold only the one with the greatest token may have its znode",
        holds: |w| {
            let mut holders: Vec<(Zxid, usize)> = w
                .parties
                .iter()
                .enumerate()
                .filter(|(_, party)| party.machine.holds())
                .map(|(p, _)| (w.notes.tokens[p], p))
                .collect();
            holders.sort_unstable();
            holders.iter().rev().skip(1).all(|(_, p)| znodes_of(w, &mark(*p, w.parties[*p].life)) == 0)
        },
    },
    Claim {
        name: "OneHolder",
        says: "at most one holds, where no process stands still and no operator meddles",
        holds: |w| !undisturbed(w) || holders(w) <= 1,
    },
    Claim {
        name: "HolderIsThere",
        says: "once nothing is under way, a holder's znode is the first of all contenders'",
        holds: |w| {
            !w.is_quiet()
                || holders(w) <= 1
                    && w.parties
                        .iter()
                        .enumerate()
                        .all(|(p, party)| !party.machine.holds() || znodes_of(w, &mark(p, party.life)) == 1)
        },
    },
    Claim {
        name: "QueueOrder",
        says: "nobody is told to hold while a contender that came earlier is there",
        holds: |w| !w.notes.out_of_turn,
    },
    Claim {
        name: "SomebodyHolds",
        says: "once nothing is under way, one of those that contend holds",
        holds: |w| !w.is_quiet() || !w.parties.iter().any(contends) || holders(w) == 1,
    },
    Claim {
        name: "OneIsWoken",
        says: "the end of a contender is told to one other at most",
        holds: |w| !w.herd,
    },
    Claim {
        name: "OneZnodeEach",
        says: "a contender never has two znodes",
        holds: |w| w.parties.iter().enumerate().all(|(p, party)| znodes_of(w, &mark(p, party.life)) <= 1),
    },
    Claim {
        name: "StoppedLeavesNothing",
        says: "nothing is there of a contender that was told that it has stopped",
        holds: |w| w.notes.stopped.iter().all(|mark| znodes_of(w, mark) == 0),
    },
    Claim {
        name: "StopIsTold",
        says: "once nothing is under way, whoever was to stop is over",
        holds: |w| {
            !w.is_quiet()
                || w.parties.iter().all(|party| !party.started || !party.stopping || party.machine.is_over())
        },
    },
    Claim {
        name: "LossIsTold",
        says: "who knows that its connection is lost does not hold",
        holds: |w| {
            w.parties.iter().all(|party| {
                !party.machine.holds() || matches!(party.knows, State::Connected | State::Reconnected)
            })
        },
    },
    Claim {
        name: "FailsForAReason",
        says: "a contender fails only with its session, or if its znode was deleted",
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
        name: "a second one holds after the first",
        says: "",
        holds: |w| w.notes.stopped.len() == 1 && holders(w) == 1,
    },
    Claim { name: "two hold, and the tokens tell who does", says: "", holds: |w| holders(w) == 2 },
    Claim {
        name: "a lost lock's znode is deleted",
        says: "",
        holds: |w| w.left.cuts == 0 && w.left.expiries == 1 && w.notes.stopped.len() == 1 && w.left.acts == 1,
    },
    Claim {
        name: "a session has expired, and another contender holds",
        says: "",
        holds: |w| w.theme == 0 && w.left.expiries == 0 && holders(w) == 1,
    },
];
