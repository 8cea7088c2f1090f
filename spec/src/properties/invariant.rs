//! A statement about every reachable state.

use crate::models::ensemble::Ensemble;
use crate::world::World;

/// A statement about every reachable state.
#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    /// The property's name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub claim: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Whether a state satisfies it.
    pub holds: fn(&Ensemble, &World) -> bool,
}

/// Declare a property. Its claim and its source are said once, here: they are also its documentation.
///
/// What is judged over scenes is judged of recordings too; what is judged over worlds is judged of models
/// alone.
macro_rules! property {
    (
        $(#[doc = $more:literal])*
        $name:ident = $label:literal: $claim:literal, source: $source:literal, over scenes: $holds:ident
    ) => {
        $crate::properties::invariant::property! {
            $(#[doc = $more])*
            $name = $label: $claim, source: $source,
            over worlds: |model, world| $holds(&$crate::properties::scene::Searched(&model.init, world))
        }
    };
    (
        $(#[doc = $more:literal])*
        $name:ident = $label:literal: $claim:literal, source: $source:literal, over worlds: $holds:expr
    ) => {
        #[doc = $claim]
        #[doc = ""]
        $(#[doc = $more])*
        #[doc = ""]
        #[doc = concat!("Source: ", $source, ".")]
        pub(crate) const $name: $crate::properties::invariant::Invariant =
            $crate::properties::invariant::Invariant {
                name: $label,
                claim: $claim,
                source: $source,
                holds: $holds,
            };
    };
}

pub(super) use property;
