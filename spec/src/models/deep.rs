//! The models that take hours: larger bounds, four and five servers.

pub use crate::models::model_spec::DeepSpec;
use quorate_core::config::ElectionMode;
use quorate_core::election::ServerState;
use quorate_core::ids::ServerId;
use quorate_core::quorum::QuorumVerifier;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::Variant;
use super::worlds::{election_in, leads, setting_of, somebody_has_a_leader, zab};
use super::{groups, harsh};
use crate::search::Searchable;
use crate::world::{Budget, Durable, Setting};

const ZAB: &str = "QuorumPeer with an election oracle, quorum port, disks with separate write and sync";
const SYMMETRIC: &str = "QuorumPeer with an election oracle, quorum port, disks with separate write and sync; all servers but the first \
                         may change places";
const HARSH: &str = "QuorumPeer with an election oracle, quorum port, disks; learners give up leaders that are well, last words arrive, \
                     any leader is followed";
const ELECTION: &str = "QuorumPeer with the election port alone; every order of votes";

/// Every deep model, the quickest first. Those of ZAB are named by servers, faults and transactions, with a
/// fourth number for more than two elections.
pub fn deep() -> Vec<DeepSpec> {
    let mut models = vec![
        DeepSpec {
            name: "election-5",
            composes: ELECTION,
            bounds: "5 voters, one of which never starts. The others start in any order, all 16 assignments \
                     of last zxid in {1, 2}. A server that has decided stays with its leader",
            unique: Some(40_317_248),
            build: |variant| Box::new(four_of_five(variant)),
        },
        DeepSpec {
            name: "election-groups",
            composes: ELECTION,
            bounds: "4 servers in groups {1}, {2}, {3, 4} with the same (epoch, last zxid), all started. A \
                     server that has a leader answers at once and stays with it",
            unique: Some(1_431_460),
            build: |variant| Box::new(groups::election(variant)),
        },
        DeepSpec {
            name: "harsh-votes-8",
            composes: "QuorumPeer with the election port alone; every order of votes, with an older one under way in front \
                       of the newest",
            bounds: "3 servers, all started, all 8 assignments of last zxid in {1, 2}",
            unique: Some(4_718_713),
            build: |variant| Box::new(harsh::all_votes(variant)),
        },
        DeepSpec {
            name: "groups-fault",
            composes: ZAB,
            bounds: "4 servers in groups {1}, {2}, {3, 4}, 1 fault, 1 election, 1 transaction",
            unique: Some(881_933),
            build: |variant| Box::new(groups::zab_with_fault(variant)),
        },
        DeepSpec {
            name: "harsh-3-1-2",
            composes: HARSH,
            bounds: "3 servers, 1 fault, 2 elections, 2 transactions",
            unique: None,
            build: |variant| harsh(Budget { faults: 1, txns: 2, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "harsh-3-2-1",
            composes: HARSH,
            bounds: "3 servers, 2 faults, 2 elections, 1 transaction",
            unique: None,
            build: |variant| harsh(Budget { faults: 2, txns: 1, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "zab-4-2-1",
            composes: SYMMETRIC,
            bounds: "4 servers, 2 faults, 2 elections, 1 transaction",
            unique: None,
            build: |variant| symmetric(4, Budget { faults: 2, txns: 1, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "zab-5-1-1",
            composes: SYMMETRIC,
            bounds: "5 servers, 1 fault, 2 elections, 1 transaction",
            unique: None,
            build: |variant| symmetric(5, Budget { faults: 1, txns: 1, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "zab-4-2-2",
            composes: SYMMETRIC,
            bounds: "4 servers, 2 faults, 2 elections, 2 transactions",
            unique: None,
            build: |variant| symmetric(4, Budget { faults: 2, txns: 2, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "zab-3-2-2",
            composes: ZAB,
            bounds: "3 servers, 2 faults, 2 elections, 2 transactions",
            unique: None,
            build: |variant| oracle(3, Budget { faults: 2, txns: 2, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "zab-3-2-2-3",
            composes: ZAB,
            bounds: "3 servers, 2 faults, 3 elections, 2 transactions",
            unique: None,
            build: |variant| oracle(3, Budget { faults: 2, txns: 2, elections: 3, resends: 0 }, variant),
        },
        DeepSpec {
            name: "zab-3-2-3",
            composes: ZAB,
            bounds: "3 servers, 2 faults, 2 elections, 3 transactions",
            unique: None,
            build: |variant| oracle(3, Budget { faults: 2, txns: 3, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "zab-3-3-2",
            composes: ZAB,
            bounds: "3 servers, 3 faults, 2 elections, 2 transactions",
            unique: None,
            build: |variant| oracle(3, Budget { faults: 3, txns: 2, elections: 2, resends: 0 }, variant),
        },
    ];
    models.extend(super::sessions::themes::deep());
    models
}

fn harsh(budget: Budget, variant: Variant) -> Box<dyn Searchable> {
    Box::new(harsh::zab(budget, variant))
}

fn oracle(n: usize, budget: Budget, variant: Variant) -> Box<dyn Searchable> {
    let ensemble: Ensemble = zab(n, ElectionMode::Oracle, budget, vec![Durable::empty(); n], variant);
    Box::new(ensemble)
}

/// A quorum is three of four that start. What elections may come to depends on the order of their ids alone,
/// so it does not matter which of the five is missing.
fn four_of_five(variant: Variant) -> Ensemble {
    let voters = QuorumVerifier::Majority((1..=5).map(ServerId).collect());
    let mut setting = Setting { eager: false, ..setting_of(&voters, 0, ElectionMode::Fast, variant) };
    setting.configs.truncate(4);
    let longer = |code: usize, i: usize| (code >> i & 1) << (2 * i + 1);
    let codes: Vec<usize> = (0..1 << 4).map(|code| (0..4).map(|i| longer(code, i)).sum()).collect();
    let budget = Budget { elections: u8::MAX, ..Budget::default() };
    Ensemble {
        sometimes: &[
            Reachable { name: "server 1 leads", reached: |w| leads(w, 0) },
            Reachable { name: "server 4 leads", reached: |w| leads(w, 3) },
            Reachable {
                name: "three decide without the fourth",
                reached: |w| {
                    w.peers().count() == 3 && w.peers().all(|(_, p)| p.state() != ServerState::Looking)
                },
            },
        ],
        terminal: somebody_has_a_leader,
        ..election_in(setting, budget, &codes)
    }
}

fn symmetric(n: usize, budget: Budget, variant: Variant) -> Box<dyn Searchable> {
    Box::new(zab(n, ElectionMode::Oracle, budget, vec![Durable::empty(); n], variant).with_symmetry())
}
