//! AckImpliesDurable: What is acknowledged is on disk: a proposal, an epoch, a history before NEWLEADER.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// What is acknowledged is on disk: a proposal, an epoch, a history before NEWLEADER.
///
/// Source: ZOOKEEPER-3911, 4643, 4646.
pub(super) const ACK_IMPLIES_DURABLE: Invariant = Invariant {
    name: "AckImpliesDurable",
    claim: "What is acknowledged is on disk: a proposal, an epoch, a history before NEWLEADER.",
    source: "ZOOKEEPER-3911, 4643, 4646",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.ack_durable
}
