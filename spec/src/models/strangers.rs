//! Strangers: any process that reaches the quorum port can introduce itself in the name of a member and claim
//! anything.

use quorate_core::config::ElectionMode;
use quorate_core::ids::{LAST_EPOCH, ServerId};

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::prepared::{NOTHING, Run, ensemble};
use super::worlds::{quiet_ensemble_agrees, setting};
use crate::world::{Action, Budget, Durable, Forged, Setting, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![ModelSpec {
        name: "strangers",
        composes: "as zab-oracle. A stranger introduces itself in the name of a member, at any moment, and \
                   claims to have promised the last epoch but one",
        bounds: "3 servers, 1 stranger in the name of the third or 1 other fault, 2 elections, no \
                 transaction. Or begun when all servers serve, 2 of them, 1 more election, 1 transaction",
        unique: 459_937,
        expected: Expected::Holds,
        build: |variant| Box::new(strangers(variant)),
    }]
}

/// Whose name is taken.
const MEMBER: ServerId = ServerId(3);

fn strangers(variant: Variant) -> Ensemble {
    let forged = Some(Forged { server: MEMBER, accepted_epoch: LAST_EPOCH - 1 });
    let setting = Setting { forged, ..setting(3, ElectionMode::Oracle, variant) };
    let mut fresh = Run::start(setting, vec![Durable::empty(); 3]);
    let mut serving = Run(fresh.0.clone());
    serving.act(&Action::Lead(1));
    serving.settle();
    fresh.0.allow(Budget { faults: 1, txns: 0, elections: 2, resends: 0 });
    Ensemble {
        sometimes: &[
            Reachable { name: "an epoch leaps as far as it can", reached: |w| established(w, 1000) },
            Reachable {
                name: "nobody believes the stranger",
                reached: |w| established(w, 2) && !established(w, 3),
            },
            Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
        ],
        terminal: quiet_ensemble_agrees,
        ..ensemble(vec![fresh.0, serving.end(Budget { faults: 2, txns: 1, elections: 1, ..NOTHING })])
    }
}

fn established(world: &World, least: u32) -> bool {
    world.peers().any(|(_, p)| p.established_epoch() >= Some(least))
}
