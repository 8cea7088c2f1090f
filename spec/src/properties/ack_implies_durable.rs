//! The property AckImpliesDurable.

use super::invariant::property;
use super::scene::Scene;

property! {
    ACK_IMPLIES_DURABLE = "AckImpliesDurable":
        "What is acknowledged is on disk: a proposal, an epoch, a history before NEWLEADER.",
    source: "ZOOKEEPER-3911, 4643, 4646",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.ack_durable
}
