//! StoredDataIsAccepted: A server never refuses to start on what it has written itself.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// A server never refuses to start on what it has written itself.
///
/// Source: ZOOKEEPER-1653.
pub(super) const STORED_DATA_IS_ACCEPTED: Invariant = Invariant {
    name: "StoredDataIsAccepted",
    claim: "A server never refuses to start on what it has written itself.",
    source: "ZOOKEEPER-1653",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    !world.ghost().broken.disk_refused
}
