//! ZAB: discovery, synchronisation, broadcast.

mod packet;

pub use packet::{Packet, RequestOf, SnapshotOf};
