//! Fingerprints of outputs, packets and states: 64 bits that differ when what they are of differs.
//!
//! An image counts as where it stands, its tree's digest, the number of its znodes, and its sessions. A walk
//! over the whole tree at every snapshot would be noticed.

use core::hash::{Hash, Hasher};

use xxhash_rust::xxh3::Xxh3;

use crate::output::Output;
use crate::peer::QuorumPeer;
use crate::pipeline::{ClientTxn, TreeImage};
use crate::zab::Packet;

/// Of all outputs of a step, in order.
pub fn of_outputs(outputs: &[Output<ClientTxn>]) -> u64 {
    if outputs.is_empty() {
        return 0;
    }
    let mut hasher = Xxh3::new();
    for output in outputs {
        core::mem::discriminant(output).hash(&mut hasher);
        match output {
            Output::Send(link, packet) => {
                link.hash(&mut hasher);
                packet_into(packet, &mut hasher);
            }
            Output::InstallSnapshot(ticket, zxid, state) => {
                (ticket, zxid).hash(&mut hasher);
                image_into(state, &mut hasher);
            }
            Output::TakeSnapshot(zxid, state) => {
                zxid.hash(&mut hasher);
                image_into(state, &mut hasher);
            }
            other => other.hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// Of a packet of the quorum port, the same at both ends: a state stands where its packet says, whatever
/// its sender had applied.
pub fn of_packet(packet: &Packet<ClientTxn>) -> u64 {
    let mut hasher = Xxh3::new();
    match packet {
        Packet::Snap { zxid, snapshot } => {
            (zxid, snapshot.digest(), snapshot.node_count()).hash(&mut hasher);
            snapshot.sessions().for_each(|session| session.hash(&mut hasher));
        }
        other => other.hash(&mut hasher),
    }
    hasher.finish()
}

/// Of a transaction's bytes.
pub fn of_txn(txn: &ClientTxn) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&txn.0)
}

/// Of a server's state: of all of it, or of what is cheap to look at.
pub fn of_state(peer: &QuorumPeer<ClientTxn>, whole: bool) -> u64 {
    let mut hasher = Xxh3::new();
    if whole {
        peer.hash(&mut hasher);
    } else {
        let (history, service) = (peer.history(), peer.service());
        peer.status().hash(&mut hasher);
        (history.base(), history.logged(), history.len(), history.bytes()).hash(&mut hasher);
        service.status().hash(&mut hasher);
        (peer.serving(), peer.is_read_only()).hash(&mut hasher);
    }
    hasher.finish()
}

fn packet_into(packet: &Packet<ClientTxn>, hasher: &mut Xxh3) {
    match packet {
        Packet::Snap { zxid, snapshot } => {
            zxid.hash(hasher);
            image_into(snapshot, hasher);
        }
        other => other.hash(hasher),
    }
}

fn image_into(image: &TreeImage, hasher: &mut Xxh3) {
    (image.applied(), image.digest(), image.node_count()).hash(hasher);
    for session in image.sessions() {
        session.hash(hasher);
    }
}
