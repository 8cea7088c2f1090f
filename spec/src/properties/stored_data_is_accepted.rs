//! StoredDataIsAccepted: A server never refuses to start on what it has written itself.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A server never refuses to start on what it has written itself.
///
/// Source: ZOOKEEPER-1653.
pub(super) const STORED_DATA_IS_ACCEPTED: Invariant = Invariant {
    name: "StoredDataIsAccepted",
    claim: "A server never refuses to start on what it has written itself.",
    source: "ZOOKEEPER-1653",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.disk_refused
}
