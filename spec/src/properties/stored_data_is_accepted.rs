//! The property StoredDataIsAccepted.

use super::invariant::property;
use super::scene::Scene;

property! {
    STORED_DATA_IS_ACCEPTED = "StoredDataIsAccepted":
        "A server never refuses to start on what it has written itself.",
    source: "ZOOKEEPER-1653",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.disk_refused
}
