//! AckImpliesDurable: What is acknowledged is on disk: a proposal, an epoch, a history before NEWLEADER.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// What is acknowledged is on disk: a proposal, an epoch, a history before NEWLEADER.
///
/// Source: ZOOKEEPER-3911, 4643, 4646.
pub(super) const ACK_IMPLIES_DURABLE: Invariant = Invariant {
    name: "AckImpliesDurable",
    claim: "What is acknowledged is on disk: a proposal, an epoch, a history before NEWLEADER.",
    source: "ZOOKEEPER-3911, 4643, 4646",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    !world.ghost().broken.ack_durable
}
