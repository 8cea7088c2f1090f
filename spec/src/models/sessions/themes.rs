//! What may happen in the models of sessions, and the models themselves.

use super::Sessions;
use super::theme::Theme;
use crate::models::model_spec::{DeepSpec, Expected, ModelSpec, Variant};
use crate::models::protocol::Checked;
use crate::search::Searchable;

/// Nothing happens but that each client writes once, the first at a follower and the second at the leader.
const QUIET: Theme = Theme {
    homes: [0, 1],
    asks: [1, 1],
    creates: true,
    faults: 0,
    elections: 0,
    cuts: 0,
    passes: false,
    pings: 0,
    observer: false,
    instant: false,
};

/// A server dies, or is cut off from another; another leader may be elected. The client at a follower is the
/// one that watches: it has something to say as soon as it is let in again.
const FAULT: Theme = Theme { homes: [1, 0], faults: 1, elections: 1, instant: true, ..QUIET };

/// The first client loses its connection and writes again.
const AGAIN: Theme = Theme { asks: [2, 1], creates: false, cuts: 1, instant: true, ..QUIET };

/// A client that writes again may move to an observer, which hears of no transaction before it is committed.
const OBSERVED: Theme = Theme { observer: true, ..AGAIN };

/// The first client, at the leader, is silent for too long; the leader may die over it.
const SILENCE: Theme =
    Theme { homes: [1, 0], asks: [0, 0], faults: 1, elections: 1, passes: true, instant: true, ..QUIET };

/// The first client is silent for too long, and its ephemeral goes.
const EPHEMERAL: Theme = Theme { asks: [1, 0], cuts: 1, passes: true, instant: true, ..QUIET };

/// What is small enough for every run.
const SMALL: &[Theme] = &[FAULT, AGAIN, OBSERVED, SILENCE, EPHEMERAL];

/// What may happen where a disk is slower than the network.
const DISKS: &[Theme] = &[
    Theme { instant: false, ..FAULT },
    Theme { instant: false, ..AGAIN },
    Theme { instant: false, ..OBSERVED },
    Theme { instant: false, ..SILENCE },
    Theme { instant: false, ..EPHEMERAL },
];

/// A fault, while both write and the first is silent for too long.
const TIME: &[Theme] = &[Theme { passes: true, ..FAULT }];

/// Faults, time and disks together.
const WHOLE: &[Theme] = &[Theme { passes: true, pings: 1, instant: false, ..FAULT }];

const COMPOSES: &str = "QuorumPeer with an election oracle, quorum port, and the real service on every server; clients that watch, write, \
                        move and expire";

/// The models `sessions` of the everyday tier.
pub(in crate::models) fn catalogue() -> Vec<ModelSpec> {
    vec![ModelSpec {
        name: "sessions",
        composes: COMPOSES,
        bounds: "3 servers, 2 clients, disks at once. 1 write each, 1 crash or cut, 1 more election. 2 writes and 1, 1 client's \
                 connection cut; also with 2 voters and an observer. 1 silent session, 1 crash or cut, 1 more election. 1 write, 1 silent session, 1 client's \
                 connection cut",
        unique: 820_782,
        expected: Expected::Holds,
        build: |variant| build(SMALL, variant),
    }]
}

fn build(themes: &'static [Theme], variant: Variant) -> Box<dyn Searchable> {
    Box::new(Checked { protocol: Sessions { themes, variant }, salt: variant.salt })
}

/// The models `sessions-*` of the deep tier.
pub(in crate::models) fn deep() -> Vec<DeepSpec> {
    vec![
        DeepSpec {
            name: "sessions-disks",
            composes: COMPOSES,
            bounds: "as sessions, with separate write and sync",
            unique: None,
            build: |variant| build(DISKS, variant),
        },
        DeepSpec {
            name: "sessions-time",
            composes: COMPOSES,
            bounds: "3 servers, 2 clients, disks at once. 1 write each, 1 silent session, 1 crash or cut, 1 more election",
            unique: None,
            build: |variant| build(TIME, variant),
        },
        DeepSpec {
            name: "sessions-whole",
            composes: COMPOSES,
            bounds: "as sessions-time, with separate write and sync, and 1 ping that carries what learners have heard",
            unique: None,
            build: |variant| build(WHOLE, variant),
        },
    ]
}
