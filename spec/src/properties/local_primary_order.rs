//! LocalPrimaryOrder: What one primary proposed is delivered in the order it was proposed, without holes.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// What one primary proposed is delivered in the order it was proposed, without holes.
///
/// Source: DSN'11 §III; the published TLA+ statement of it is vacuous, this one is not.
pub(super) const LOCAL_PRIMARY_ORDER: Invariant = Invariant {
    name: "LocalPrimaryOrder",
    claim: "What one primary proposed is delivered in the order it was proposed, without holes.",
    source: "DSN'11 §III; the published TLA+ statement of it is vacuous, this one is not",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    let delivered = &world.ghost().delivered;
    delivered.first().is_none_or(|(zxid, _)| zxid.counter() == 1)
        && delivered.windows(2).all(|pair| pair[0].0.may_be_followed_by(pair[1].0))
}
