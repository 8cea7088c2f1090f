//! The lock that readers share and writers do not.

use bytes::Bytes;
use quorate_client::recipes::contender::{Contender, Terms, Told};
use quorate_client::recipes::machine::Input;
use quorate_client::session::Refusal;
use quorate_core::wire::client::{CreateMode, Request};

use super::recipe::{Recipe, Theme, create};
use super::world::{Left, World};
use crate::models::model_spec::Variant;
use crate::models::paxos::Claim;

/// The recipe.
#[derive(Clone, Copy, Debug)]
pub struct Shared;

/// What an onlooker remembers: whether a party failed without a reason, and which parties have stopped.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Notes {
    groundless: bool,
    stopped: Vec<usize>,
}

type W = World<Shared>;

/// Which parties write, in each theme.
const WRITERS: [[bool; 3]; 4] =
    [[false, false, true], [false, true, false], [true, true, false], [true, false, false]];

fn writes(world: &W, p: usize) -> bool {
    WRITERS[world.theme][p]
}

impl Recipe for Shared {
    type Machine = Contender;
    type Notes = Notes;

    const CLAIMS: &'static [Claim<W>] = CLAIMS;
    const REACHES: &'static [Claim<W>] = REACHES;
    const THEMES: &'static [Theme] = THEMES;
    const DIRECTORY: &'static str = "/l";

    fn machine(theme: usize, party: usize, _: u8, variant: Variant) -> Contender {
        let mark = ["c", "b", "a"][party].to_string();
        let (directory, data) = ("/l".into(), Bytes::new());
        let machine = Contender::new(match WRITERS[theme][party] {
            true => Terms::exclusive(directory, mark, data),
            false => Terms::shared(directory, mark, data),
        });
        let _ = variant;
        #[cfg(feature = "mutants")]
        let machine = machine.breaking(variant.client);
        machine
    }

    fn is_over(machine: &Contender) -> bool {
        machine.is_over()
    }

    fn told(world: &mut W, p: usize, told: Told) {
        match told {
            Told::Held(_) | Told::Lost | Told::Failed(Refusal::Over(_)) => {}
            Told::Stopped => world.notes.stopped.push(p),
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
}

fn begin() -> Vec<Request> {
    // Those of the other library stand in front of nobody: they are malformed.
    ["/l", "/l/x__WRIT__12", "/l/__READ__"].map(|path| create(path, CreateMode::Persistent)).into()
}

const NONE: Left = Left { cuts: 0, expiries: 0, reaps: 0, restarts: 0, deeds: 0, acts: 0 };

const THEMES: &[Theme] = &[
    // Two readers and a writer, one of whom stops.
    Theme { parties: &[0, 1, 2], left: Left { acts: 1, ..NONE }, pauses: false, begin },
    // A reader whose connection is cut, and a writer.
    Theme { parties: &[0, 1], left: Left { cuts: 1, expiries: 1, ..NONE }, pauses: false, begin },
    // Two writers and a reader in two processes.
    Theme { parties: &[0, 1, 0], left: NONE, pauses: false, begin },
    // A writer whose connection is cut, and a reader.
    Theme { parties: &[0, 1], left: Left { cuts: 1, expiries: 1, ..NONE }, pauses: false, begin },
];

fn contends(world: &W, p: usize) -> bool {
    let party = &world.parties[p];
    party.started && !party.stopping && !party.machine.is_over()
}

fn holds(world: &W, p: usize) -> bool {
    world.parties[p].machine.holds()
}

/// Contenders in the order of the queue, and whether they write.
fn queue(world: &W) -> Vec<(usize, bool)> {
    let mut znodes = world.server.znodes("/l");
    znodes.sort_by_key(|(_, stat)| stat.czxid);
    let party = |path: &str| ["/l/_c_c", "/l/_c_b", "/l/_c_a"].iter().position(|mark| path.starts_with(mark));
    znodes.iter().filter_map(|(path, _)| party(path)).map(|p| (p, writes(world, p))).collect()
}

const CLAIMS: &[Claim<W>] = &[
    Claim {
        name: "WritersAlone",
        says: "while a writer holds nobody else does",
        holds: |w| {
            let holders: Vec<usize> = (0..w.parties.len()).filter(|p| holds(w, *p)).collect();
            holders.len() < 2 || holders.iter().all(|p| !writes(w, *p))
        },
    },
    Claim {
        name: "NobodyWaitsInVain",
        says: "once nothing is under way, whoever contends and does not hold has one in front with whom it cannot \
               share",
        holds: |w| {
            let queue = if w.is_quiet() { queue(w) } else { vec![] };
            queue.iter().enumerate().all(|(at, (p, writes))| {
                let blocked = queue[..at].iter().any(|(_, other)| *writes || *other);
                !contends(w, *p) || holds(w, *p) || blocked
            })
        },
    },
    Claim {
        name: "StoppedLeavesNothing",
        says: "nothing is there of a contender that was told that it has stopped",
        holds: |w| !queue(w).iter().any(|(p, _)| w.notes.stopped.contains(p)),
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
        name: "two readers hold together",
        says: "",
        holds: |w| w.theme == 0 && holds(w, 0) && holds(w, 1),
    },
    Claim {
        name: "a reader waits for a writer that waits for a reader",
        says: "",
        holds: |w| w.theme == 0 && w.is_quiet() && holds(w, 0) && contends(w, 1) && !holds(w, 1),
    },
];
