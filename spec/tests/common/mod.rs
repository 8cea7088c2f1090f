//! One peer of three, stepped by hand.

use quorate_core::config::{DiffLimit, ElectionMode, PeerConfig};
use quorate_core::ids::{Link, Now, ServerId};
use quorate_core::membership::Membership;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::{Input, Output, QuorumPeer};
use quorate_spec::byte::Byte;

/// A connection with server 2.
pub(crate) const FOLLOWER: Link = Link { server: ServerId(2), generation: 7 };

/// Server 1 of three, with an oracle; `syncLimit` is 5, `initLimit` 10 ticks of 2 s.
pub(crate) fn config() -> PeerConfig<Byte> {
    PeerConfig {
        id: ServerId(1),
        membership: Membership::new(QuorumVerifier::Majority((1..=3).map(ServerId).collect()), vec![]).into(),
        election: ElectionMode::Oracle,
        commit_log_count: 500,
        read_only: false,
        commit_log_bytes: usize::MAX,
        diff_limit: DiffLimit::NONE,
        max_txn: usize::MAX,
        max_backlog: usize::MAX,
        init_limit: 10,
        tick_ms: 2000,
        sync_limit: 5,
        snap_count: 0,
        settings: (),
        #[cfg(feature = "mutants")]
        mutation: None,
    }
}

/// One step at a time in milliseconds, and what the peer wants done.
pub(crate) fn step_at(peer: &mut QuorumPeer<Byte>, elapsed_ms: u64, input: Input<Byte>) -> Vec<Output<Byte>> {
    let mut out = Vec::new();
    peer.step(Now { elapsed_ms, wall_ms: 0 }, input, &mut out);
    out
}
