//! The copy of a subtree, beside an operator that changes the subtree.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_client::recipes::machine::Input;
use quorate_client::recipes::mirror::{Mirror, Told};
use quorate_client::session::Refusal;
use quorate_core::ids::Zxid;
use quorate_core::wire::client::{CreateMode, DeleteRequest, Request, SetDataRequest};
use quorate_core::wire::record::Stat;

use super::recipe::{Recipe, Theme, create};
use super::world::{Left, World};
use crate::models::model_spec::Variant;
use crate::models::paxos::Claim;

/// The recipe.
#[derive(Clone, Copy, Debug)]
pub struct Cache;

/// What an onlooker remembers.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Notes {
    /// What the user was told of each znode: by which transactions it was created and changed.
    copy: BTreeMap<String, (Zxid, Zxid)>,
    /// Whether the user was told that the copy has everything, and no loss since.
    in_sync: bool,
    wrong: Wrong,
}

/// What must not happen.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Wrong {
    twice: bool,
    early: bool,
    groundless: bool,
}

type W = World<Cache>;

/// What the operator does, where it can be done.
const DEEDS: [(&str, Deed); 6] = [
    ("/c/a", Deed::Create),
    ("/c/a", Deed::Set),
    ("/c/a", Deed::Delete),
    ("/c/a/b", Deed::Create),
    ("/c/a/b", Deed::Delete),
    ("/c", Deed::Delete),
];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Deed {
    Create,
    Set,
    Delete,
}

impl Recipe for Cache {
    type Machine = Mirror;
    type Notes = Notes;

    const CLAIMS: &'static [Claim<W>] = CLAIMS;
    const REACHES: &'static [Claim<W>] = REACHES;
    const THEMES: &'static [Theme] = THEMES;
    const DIRECTORY: &'static str = "/c";
    const MINDS_WHEN: bool = true;

    fn machine(_: usize, _: usize, _: u8, variant: Variant) -> Mirror {
        let machine = Mirror::new("/c");
        let _ = variant;
        #[cfg(feature = "mutants")]
        let machine = machine.breaking(variant.client);
        machine
    }

    fn is_over(machine: &Mirror) -> bool {
        machine.is_over()
    }

    fn told(world: &mut W, _: usize, told: Told) {
        let since = world.parties[0].knows_at;
        let notes = &mut world.notes;
        match told {
            Told::Set { path, stat, .. } => {
                let version = (stat.czxid, stat.mzxid);
                notes.wrong.twice |= notes.copy.insert(path, version) == Some(version);
            }
            Told::Removed(path) => notes.wrong.twice |= notes.copy.remove(&path).is_none(),
            Told::InSync => {
                notes.in_sync = true;
                let is_old = |stat: &Stat| stat.mzxid <= since;
                let is_told =
                    |path: &String, stat: &Stat| notes.copy.get(path) == Some(&(stat.czxid, stat.mzxid));
                notes.wrong.early |=
                    world.server.znodes("/c").iter().any(|(path, stat)| is_old(stat) && !is_told(path, stat));
            }
            Told::Behind => notes.in_sync = false,
            Told::Stopped | Told::Failed(Refusal::Over(_)) => {}
            Told::Failed(_) => notes.wrong.groundless = true,
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
        let has = |path: &str| !world.server.znodes(path).is_empty();
        for (number, (path, deed)) in DEEDS.iter().enumerate() {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            let possible = match deed {
                Deed::Create => !has(path) && has(parent),
                Deed::Set => has(path),
                Deed::Delete => world.server.znodes(path).len() == 1,
            };
            if possible {
                may(number as u8);
            }
        }
    }

    fn deed(_: &W, deed: u8) -> Option<Request> {
        let (path, deed) = *DEEDS.get(usize::from(deed))?;
        Some(match deed {
            Deed::Create => create(path, CreateMode::Persistent),
            Deed::Delete => Request::Delete(DeleteRequest { path: path.into(), version: -1 }),
            Deed::Set => {
                let data = Some(Bytes::from_static(b"x"));
                Request::SetData(SetDataRequest { path: path.into(), data, version: -1 })
            }
        })
    }
}

fn begin() -> Vec<Request> {
    ["/c", "/c/a"].map(|path| create(path, CreateMode::Persistent)).into()
}

const NONE: Left = Left { cuts: 0, expiries: 0, reaps: 0, restarts: 0, deeds: 0, acts: 0 };

const THEMES: &[Theme] = &[
    // Changes while the connection is lost, among them a deletion and a creation of the same path.
    Theme { parties: &[0], left: Left { cuts: 1, deeds: 2, ..NONE }, pauses: false, begin },
    // Changes while the copy is being made, and after.
    Theme { parties: &[0], left: Left { deeds: 3, ..NONE }, pauses: false, begin },
    // The end of the session, and of the copy.
    Theme {
        parties: &[0],
        left: Left { cuts: 1, expiries: 1, deeds: 1, acts: 1, ..NONE },
        pauses: false,
        begin,
    },
];

fn is_current(world: &W) -> bool {
    let there: BTreeMap<String, (Zxid, Zxid)> =
        world.server.znodes("/c").into_iter().map(|(path, stat)| (path, (stat.czxid, stat.mzxid))).collect();
    world.notes.copy == there
}

/// Whether the copy is to be kept.
fn follows(world: &W) -> bool {
    let party = &world.parties[0];
    party.started && !party.stopping && !party.machine.is_over()
}

const CLAIMS: &[Claim<W>] = &[
    Claim {
        name: "CacheConverges",
        says: "once nothing is under way, the copy has what the server has, and says so",
        holds: |w| !w.is_quiet() || !follows(w) || w.notes.in_sync && is_current(w),
    },
    Claim {
        name: "ToldOnce",
        says: "no znode is told twice in the same version, and none is removed that was not there",
        holds: |w| !w.notes.wrong.twice,
    },
    Claim {
        name: "InSyncIsTrue",
        says: "what was there when the connection was made is told before the copy is said to have everything",
        holds: |w| !w.notes.wrong.early,
    },
    Claim {
        name: "CopyGoesOn",
        says: "the copy ends only with its session, or when it is stopped; then it ends",
        holds: |w| {
            let party = &w.parties[0];
            !w.notes.wrong.groundless && (!w.is_quiet() || !party.stopping || party.machine.is_over())
        },
    },
    Claim { name: "AsksLittle", says: "nobody asks again and again", holds: |w| w.parties[0].asks < 12 },
];

const REACHES: &[Claim<W>] = &[
    Claim {
        name: "a znode is another one at the same path",
        says: "",
        holds: |w| {
            w.theme == 0
                && w.left.deeds == 0
                && w.left.cuts == 0
                && w.is_quiet()
                && w.notes.in_sync
                && w.notes.copy.get("/c/a").is_some_and(|(created, _)| *created > Zxid::new(1, 4))
        },
    },
    Claim {
        name: "the whole copy is empty",
        says: "",
        holds: |w| w.is_quiet() && w.notes.in_sync && w.notes.copy.is_empty(),
    },
];
