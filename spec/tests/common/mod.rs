//! One peer of three, stepped by hand.

use quorate_core::config::{ElectionMode, PeerConfig};
use quorate_core::ids::{Link, Now, ServerId};
use quorate_core::membership::Membership;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::{Input, Output, QuorumPeer};
use quorate_spec::byte::Byte;

/// A connection with server 2.
pub(crate) const FOLLOWER: Link = Link { server: ServerId(2), generation: 7 };

/// Server 1 of three, with an oracle; `syncLimit` is 5, `initLimit` 10 ticks of 2 s.
pub(crate) fn config() -> PeerConfig<Byte> {
    let members = Membership::new(QuorumVerifier::Majority((1..=3).map(ServerId).collect()), vec![]);
    PeerConfig { election: ElectionMode::Oracle, ..PeerConfig::new(ServerId(1), members, ()) }
}

/// One step at a time in milliseconds, and what the peer wants done.
pub(crate) fn step_at(peer: &mut QuorumPeer<Byte>, elapsed_ms: u64, input: Input<Byte>) -> Vec<Output<Byte>> {
    let mut out = Vec::new();
    peer.step(Now { elapsed_ms, wall_ms: 0 }, input, &mut out);
    out
}
