//! What must be true: one file each, a sentence, its source, a predicate over states.
//!
//! The names are those of the Zab paper (DSN'11 §II, §III) where it has one.

pub(crate) mod ack_implies_durable;
pub(crate) mod committed_survives;
mod diff_within_limit;
pub(crate) mod discarded_stays_dead;
mod elected_is_best_of_quorum;
pub(crate) mod epochs_monotone;
pub(crate) mod integrity;
mod introduction_is_harmless;
pub(crate) mod invariant;
mod leader_is_in_config;
pub(crate) mod leadership;
mod local_primary_order;
mod lost_disk_has_no_say;
pub(crate) mod memory_matches_disk;
pub(crate) mod no_offence;
mod observer_ends_no_reign;
mod only_askers_are_answered;
pub(crate) mod prefix_consistency;
pub(crate) mod primary_integrity;
pub(crate) mod scene;
pub(crate) mod serving_leader_has_quorum;
mod state_is_named_truly;
mod step_down_without_quorum;
pub(crate) mod stored_data_is_accepted;
mod sync_flushes;
mod vote_is_not_worse;

#[cfg(test)]
mod tests;

pub use invariant::Invariant;
pub use scene::Scene;

/// A predicate over what a recording shows.
pub type Predicate<S> = fn(&S) -> bool;

/// The lists of ZAB's properties, from one list of their files and names.
macro_rules! zab {
    (
        of recordings too: [$($module:ident::$name:ident,)*]
        of models alone: [$($other:ident::$other_name:ident,)*]
    ) => {
        /// The properties of ZAB.
        pub const ZAB: &[Invariant] = &[$($module::$name,)* $($other::$other_name,)*];

        /// The properties of ZAB that a recording can show, with the same predicates over any scene.
        ///
        /// SyncFlushes asks what clients were told. IntroductionIsHarmless, ObserverEndsNoReign and
        /// StateIsNamedTruly ask what one step does. A recording shows neither.
        pub fn zab_in<S: Scene>() -> Vec<(&'static Invariant, Predicate<S>)> {
            vec![$((&$module::$name, $module::holds)),*]
        }
    };
}

zab! {
    of recordings too: [
    prefix_consistency::PREFIX_CONSISTENCY,
    leadership::LEADERSHIP,
    integrity::INTEGRITY,
    local_primary_order::LOCAL_PRIMARY_ORDER,
    primary_integrity::PRIMARY_INTEGRITY,
    committed_survives::COMMITTED_SURVIVES,
    discarded_stays_dead::DISCARDED_STAYS_DEAD,
    serving_leader_has_quorum::SERVING_LEADER_HAS_QUORUM,
    ack_implies_durable::ACK_IMPLIES_DURABLE,
    epochs_monotone::EPOCHS_MONOTONE,
    memory_matches_disk::MEMORY_MATCHES_DISK,
    stored_data_is_accepted::STORED_DATA_IS_ACCEPTED,
    no_offence::NO_OFFENCE,
    diff_within_limit::DIFF_WITHIN_LIMIT,
    step_down_without_quorum::STEP_DOWN_WITHOUT_QUORUM,
    vote_is_not_worse::VOTE_IS_NOT_WORSE,
    only_askers_are_answered::ONLY_ASKERS_ARE_ANSWERED,
    lost_disk_has_no_say::LOST_DISK_HAS_NO_SAY,
    ]
    of models alone: [
    sync_flushes::SYNC_FLUSHES,
    introduction_is_harmless::INTRODUCTION_IS_HARMLESS,
    observer_ends_no_reign::OBSERVER_ENDS_NO_REIGN,
    state_is_named_truly::STATE_IS_NAMED_TRULY,
    ]
}

/// The properties of an election.
pub const ELECTION: &[Invariant] = &[
    elected_is_best_of_quorum::ELECTED_IS_BEST_OF_QUORUM,
    vote_is_not_worse::VOTE_IS_NOT_WORSE,
    only_askers_are_answered::ONLY_ASKERS_ARE_ANSWERED,
    leader_is_in_config::LEADER_IS_IN_CONFIG,
    memory_matches_disk::MEMORY_MATCHES_DISK,
    stored_data_is_accepted::STORED_DATA_IS_ACCEPTED,
];
