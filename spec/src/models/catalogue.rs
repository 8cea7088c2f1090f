//! Which models there are, with their bounds and the counts they must come to.

pub use crate::models::model_spec::{Expected, ModelSpec, Variant};
pub use crate::models::worlds::{election, zab};
pub(crate) use crate::models::worlds::{ensemble, quiet, setting_of};

use quorate_core::config::ElectionMode;
use quorate_core::election::ServerState;

use super::ensemble::{Ensemble, Reachable};
use super::{faults, groups, observers, recovery, sync};
use crate::world::{Budget, Durable};

/// Every model.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn catalogue() -> Vec<ModelSpec> {
    let mut models = vec![
        ModelSpec {
            name: "election",
            composes: "QuorumPeer with the election port alone; every order of votes, each delayed until a newer one replaces it",
            bounds: "3 servers started in any order, all 64 assignments of (epoch, last zxid) in {1,2}²",
            unique: 136_192,
            expected: Expected::Holds,
            build: |variant| {
                Box::new(election(3, Budget { elections: u8::MAX, ..Budget::default() }, variant))
            },
        },
        ModelSpec {
            name: "zab-oracle",
            composes: "QuorumPeer with an election oracle, quorum port, disks with separate write and sync",
            bounds: "3 servers, 2 elections, 1 transaction, 1 fault (crash, cut, silence, timeout)",
            unique: 297_238,
            expected: Expected::Holds,
            build: |variant| {
                let budget = Budget { faults: 1, txns: 1, elections: 2, resends: 0 };
                Box::new(zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant))
            },
        },
        ModelSpec {
            name: "zab-two",
            composes: "as zab-oracle, with two transactions",
            bounds: "3 servers, 2 elections, 2 transactions, 1 fault",
            unique: 2_460_204,
            expected: Expected::Holds,
            build: |variant| {
                let budget = Budget { faults: 1, txns: 2, elections: 2, resends: 0 };
                Box::new(zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant))
            },
        },
        ModelSpec {
            name: "zab-faults",
            composes: "as zab-oracle, with two faults",
            bounds: "3 servers, 2 elections, 1 transaction, 2 faults",
            unique: 4_690_275,
            expected: Expected::Holds,
            build: |variant| {
                let budget = Budget { faults: 2, txns: 1, elections: 2, resends: 0 };
                Box::new(zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant))
            },
        },
        ModelSpec {
            name: "zab-four",
            composes: "as zab-oracle, with four servers, of which half are no quorum and three may change places",
            bounds: "4 servers, 2 elections, 1 transaction, 1 fault",
            unique: 1_110_293,
            expected: Expected::Holds,
            build: |variant| Box::new(more(4, 1, variant)),
        },
        ModelSpec {
            name: "zab-five",
            composes: "as zab-oracle, with five servers, of which four may change places",
            bounds: "5 servers, 2 elections, 1 transaction, no fault",
            unique: 185_945,
            expected: Expected::Holds,
            build: |variant| Box::new(more(5, 0, variant)),
        },
        ModelSpec {
            name: "zab-sync",
            composes: "as zab-oracle, from every divergence of logs: DIFF, TRUNC, SNAP",
            bounds: "3 servers, logs of ≤ 2 transactions over 2 epochs, 2 elections, no fault",
            unique: 334_353,
            expected: Expected::Holds,
            build: |variant| Box::new(sync::everywhere(variant)),
        },
        ModelSpec {
            name: "sync-faults",
            composes: "as zab-sync, and a server dies in the middle of DIFF, TRUNC and SNAP; window of \
                       committed proposals too small",
            bounds: "3 servers, 3 divergences of logs, 2 elections, 1 fault",
            unique: 270_151,
            expected: Expected::Holds,
            build: |variant| Box::new(sync::interrupted(variant)),
        },
        ModelSpec {
            name: "election-faults",
            composes: "as election; servers die, start again, and give their leader up",
            bounds: "3 servers, the first with the best epoch, 1 fault (crash, or giving up without cause), 2 rounds",
            unique: 528_529,
            expected: Expected::Holds,
            build: |variant| Box::new(faults::election(variant)),
        },
        ModelSpec {
            name: "election-reconnect",
            composes: "as election-faults; votes wait for servers that are down, the last one is sent again after a \
                       reconnect",
            bounds: "3 servers, the first with the best epoch, 1 fault (crash, or giving up without cause), 1 round",
            unique: 100_137,
            expected: Expected::Holds,
            build: |variant| Box::new(faults::reconnecting(variant)),
        },
        ModelSpec {
            name: "election-late",
            composes: "as election; one server looks for the leader of a running ensemble while a former leader still \
                       claims to lead",
            bounds: "5 voters of which 3 have a leader, or these and an observer that looks",
            unique: 3_116,
            expected: Expected::Holds,
            build: |variant| Box::new(faults::late(variant)),
        },
        ModelSpec {
            name: "election-observer",
            composes: "as election, with an observer that asks for the leader",
            bounds: "2 voters, 1 observer, started in any order, 2 assignments of (epoch, last zxid), 1 repeated vote",
            unique: 4_122,
            expected: Expected::Holds,
            build: |variant| Box::new(observers::election(variant)),
        },
        ModelSpec {
            name: "observer",
            composes: "as zab-oracle, with an observer; clients write at every server, observers and followers forward",
            bounds: "3 voters, 1 observer, an established leader, 1 more election, 1 transaction, 1 fault",
            unique: 183_763,
            expected: Expected::Holds,
            build: |variant| Box::new(observers::zab(variant)),
        },
        ModelSpec {
            name: "election-weights",
            composes: "as election, with hierarchical quorums",
            bounds: "3 servers in one group, started in any order. Weights 2, 1, 1 or 1, 1, 0; 2 assignments \
                     of (epoch, last zxid) each; 2 rounds",
            unique: 86_557,
            expected: Expected::Holds,
            build: |variant| Box::new(groups::weights(variant)),
        },
        ModelSpec {
            name: "groups",
            composes: "as zab-oracle, with hierarchical quorums",
            bounds: "4 servers in groups {1}, {2}, {3, 4}, 2 elections, 1 transaction, no fault",
            unique: 100_895,
            expected: Expected::Holds,
            build: |variant| Box::new(groups::zab(variant)),
        },
        ModelSpec {
            name: "cut-off",
            composes: "from every state of zab-oracle, all connections lead nowhere for good: all servers give up",
            bounds: "3 servers, 1 election, 1 transaction, no fault before the cut",
            unique: 9_002,
            expected: Expected::Holds,
            build: |variant| Box::new(recovery::cut_off(variant)),
        },
        ModelSpec {
            name: "recovers",
            composes: "from every state of zab-oracle, faults over: all servers can serve again",
            bounds: "3 servers, 1 election and 1 fault before, 1 election after",
            unique: 41_713,
            expected: Expected::Holds,
            build: |variant| Box::new(recovery::recovers(variant)),
        },
        ModelSpec {
            name: "whole",
            composes: "QuorumPeer whole: election, quorum port, disks with separate write and sync",
            bounds: "3 servers, 2 epochs, 1 transaction, 1 fault (crash, cut, silence, timeout). In the \
                     first round of an election the pause for a better vote may be too short",
            unique: 3_770_886,
            expected: Expected::Holds,
            build: |variant| {
                let budget = Budget { faults: 1, txns: 1, elections: 1, resends: 0 };
                Box::new(zab(3, ElectionMode::Fast, budget, vec![Durable::empty(); 3], variant))
            },
        },
        ModelSpec {
            name: "quiet",
            composes: "as whole: an election that nothing disturbs ends with a leader",
            bounds: "3 servers started in any order, no fault, pauses that are long enough, no timeout",
            unique: 2_142,
            expected: Expected::Holds,
            build: |variant| Box::new(quiet(variant)),
        },
    ];
    models.extend(super::prepared::catalogue());
    models.extend(super::ballots::catalogue());
    models.extend(super::joins::catalogue());
    models.extend(super::syncs::catalogue());
    models.extend(super::disks::catalogue());
    models.extend(super::dirty::catalogue());
    models.extend(super::java::catalogue());
    models.extend(super::strangers::catalogue());
    models.extend(super::leases::catalogue());
    models.extend(super::comparison::catalogue());
    models.extend(super::served::catalogue());
    models.extend(super::sessions::themes::catalogue());
    models.extend(super::harsh::catalogue());
    models.extend(super::recipes::catalogue());
    models
}

/// More than three servers, two of which may lead at a time, followed by some each.
fn more(n: usize, faults: u8, variant: Variant) -> Ensemble {
    let budget = Budget { faults, txns: 1, elections: 2, resends: 0 };
    let ensemble = Ensemble {
        sometimes: &[
            Reachable { name: "a transaction is delivered", reached: |w| !w.ghost().delivered.is_empty() },
            Reachable {
                name: "two lead, and the others follow",
                reached: |w| {
                    let count = |state| w.peers().filter(|(_, p)| p.state() == state).count();
                    count(ServerState::Leading) == 2
                        && count(ServerState::Following) == w.servers().count() - 2
                },
            },
            Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
        ],
        ..zab(n, ElectionMode::Oracle, budget, vec![Durable::empty(); n], variant)
    };
    ensemble.with_symmetry()
}
