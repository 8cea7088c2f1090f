//! The models that take hours: larger bounds, four and five servers.

use quorate_core::config::ElectionMode;

use super::catalogue::{election_of, zab};
use super::{Ensemble, Variant, groups};
use crate::search::Searchable;
use crate::world::{Budget, Durable};

/// A model that is searched depth first, and what is known of it.
pub struct DeepSpec {
    /// Its name.
    pub name: &'static str,
    /// What is composed.
    pub composes: &'static str,
    /// Its bounds in words.
    pub bounds: &'static str,
    /// How many unique states it has, where a search has come to its end.
    pub unique: Option<usize>,
    /// The model.
    pub build: fn(Variant) -> Box<dyn Searchable>,
}

const ZAB: &str = "QuorumPeer with an election oracle, quorum port, disks with separate write and sync";
const ELECTION: &str = "QuorumPeer with the election port alone; every order of votes";

/// Every deep model, the quickest first. Those of ZAB are named by servers, faults and transactions, with a fourth number for more
/// than two elections.
pub fn deep() -> Vec<DeepSpec> {
    vec![
        DeepSpec {
            name: "zab-4-1-1",
            composes: ZAB,
            bounds: "4 servers, 1 fault, 2 elections, 1 transaction",
            unique: Some(6_274_662),
            build: |variant| oracle(4, Budget { faults: 1, txns: 1, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "election-5",
            composes: ELECTION,
            bounds: "5 servers that have the same (epoch, last zxid), started in any order",
            unique: None,
            build: |variant| Box::new(election_of(5, &[0], variant)),
        },
        DeepSpec {
            name: "election-groups",
            composes: ELECTION,
            bounds: "4 servers in groups {1}, {2}, {3, 4} with the same (epoch, last zxid), all started; who has a leader \
                     answers at once",
            unique: None,
            build: |variant| Box::new(groups::election(variant)),
        },
        DeepSpec {
            name: "zab-3-2-2",
            composes: ZAB,
            bounds: "3 servers, 2 faults, 2 elections, 2 transactions",
            unique: Some(34_374_688),
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
            name: "zab-5-1-1",
            composes: ZAB,
            bounds: "5 servers, 1 fault, 2 elections, 1 transaction",
            unique: None,
            build: |variant| oracle(5, Budget { faults: 1, txns: 1, elections: 2, resends: 0 }, variant),
        },
        DeepSpec {
            name: "zab-3-3-3",
            composes: ZAB,
            bounds: "3 servers, 3 faults, 3 elections, 3 transactions",
            unique: None,
            build: |variant| oracle(3, Budget { faults: 3, txns: 3, elections: 3, resends: 0 }, variant),
        },
    ]
}

fn oracle(n: usize, budget: Budget, variant: Variant) -> Box<dyn Searchable> {
    let ensemble: Ensemble = zab(n, ElectionMode::Oracle, budget, vec![Durable::empty(); n], variant);
    Box::new(ensemble)
}
