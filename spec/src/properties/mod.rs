//! What must be true: one file each, a sentence, its source, a predicate over states.
//!
//! The names are those of the Zab paper (DSN'11 §II, §III) where it has one.

mod ack_implies_durable;
mod committed_survives;
mod diff_within_limit;
mod discarded_stays_dead;
mod elected_is_best_of_quorum;
mod epochs_monotone;
mod integrity;
mod introduction_is_harmless;
pub(crate) mod invariant;
mod leader_is_in_config;
mod leadership;
mod local_primary_order;
mod lost_disk_has_no_say;
mod memory_matches_disk;
mod no_offence;
mod observer_ends_no_reign;
mod only_askers_are_answered;
mod prefix_consistency;
mod primary_integrity;
pub(crate) mod scene;
mod serving_leader_has_quorum;
mod state_is_named_truly;
mod step_down_without_quorum;
mod stored_data_is_accepted;
mod sync_flushes;
mod vote_is_not_worse;

#[cfg(test)]
mod tests;

pub use invariant::Invariant;
pub use scene::Scene;

/// The properties of ZAB.
pub const ZAB: &[Invariant] = &[
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
    sync_flushes::SYNC_FLUSHES,
    lost_disk_has_no_say::LOST_DISK_HAS_NO_SAY,
    introduction_is_harmless::INTRODUCTION_IS_HARMLESS,
    observer_ends_no_reign::OBSERVER_ENDS_NO_REIGN,
    state_is_named_truly::STATE_IS_NAMED_TRULY,
];

/// A predicate over what a recording shows.
pub type Predicate<S> = fn(&S) -> bool;

/// The properties of ZAB again, the same predicates over any scene. Not among them: SyncFlushes, which
/// asks what clients were told, IntroductionIsHarmless and ObserverEndsNoReign,
/// which ask what one step does, and StateIsNamedTruly.
pub fn zab_in<S: Scene>() -> Vec<(&'static Invariant, Predicate<S>)> {
    vec![
        (&prefix_consistency::PREFIX_CONSISTENCY, prefix_consistency::holds),
        (&leadership::LEADERSHIP, leadership::holds),
        (&integrity::INTEGRITY, integrity::holds),
        (&local_primary_order::LOCAL_PRIMARY_ORDER, local_primary_order::holds),
        (&primary_integrity::PRIMARY_INTEGRITY, primary_integrity::holds),
        (&committed_survives::COMMITTED_SURVIVES, committed_survives::holds),
        (&discarded_stays_dead::DISCARDED_STAYS_DEAD, discarded_stays_dead::holds),
        (&serving_leader_has_quorum::SERVING_LEADER_HAS_QUORUM, serving_leader_has_quorum::holds),
        (&ack_implies_durable::ACK_IMPLIES_DURABLE, ack_implies_durable::holds),
        (&epochs_monotone::EPOCHS_MONOTONE, epochs_monotone::holds),
        (&memory_matches_disk::MEMORY_MATCHES_DISK, memory_matches_disk::holds),
        (&stored_data_is_accepted::STORED_DATA_IS_ACCEPTED, stored_data_is_accepted::holds),
        (&no_offence::NO_OFFENCE, no_offence::holds),
        (&diff_within_limit::DIFF_WITHIN_LIMIT, diff_within_limit::holds),
        (&step_down_without_quorum::STEP_DOWN_WITHOUT_QUORUM, step_down_without_quorum::holds),
        (&vote_is_not_worse::VOTE_IS_NOT_WORSE, vote_is_not_worse::holds),
        (&only_askers_are_answered::ONLY_ASKERS_ARE_ANSWERED, only_askers_are_answered::holds),
        (&lost_disk_has_no_say::LOST_DISK_HAS_NO_SAY, lost_disk_has_no_say::holds),
    ]
}

/// Whether a scene satisfies the property of this name.
///
/// # Panics
/// There is none.
pub(crate) fn holds_in<S: Scene>(name: &str, scene: &S) -> bool {
    let holds: Predicate<S> = match name {
        "PrefixConsistency" => prefix_consistency::holds,
        "Leadership" => leadership::holds,
        "Integrity" => integrity::holds,
        "PrimaryIntegrity" => primary_integrity::holds,
        "CommittedSurvives" => committed_survives::holds,
        "DiscardedStaysDead" => discarded_stays_dead::holds,
        "ServingLeaderHasQuorum" => serving_leader_has_quorum::holds,
        "AckImpliesDurable" => ack_implies_durable::holds,
        "EpochsMonotone" => epochs_monotone::holds,
        "MemoryMatchesDisk" => memory_matches_disk::holds,
        "StoredDataIsAccepted" => stored_data_is_accepted::holds,
        "NoOffence" => no_offence::holds,
        name => panic!("no property of that name: {name}"),
    };
    holds(scene)
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
