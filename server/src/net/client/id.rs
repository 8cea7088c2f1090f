//! The number of a client's connection: where it is kept, and what makes it unique.

use quorate_core::ids::ConnId;

/// The low bits of a [`ConnId`] say where the connection is kept.
const SLOT_BITS: u32 = 24;
/// Above them there is room for the number of the thread that keeps it. There is one thread: number 0.
const THREAD_BITS: u32 = 6;

/// As many connections as can be told apart at the same time.
pub(super) const MAX_CONNECTIONS: usize = 1 << SLOT_BITS;

/// The number of the connection that is kept in this slot, the `accepted`th one of the port. The counter
/// begins anew after 2^34 connections. Then the earlier one of the same number is long gone.
pub(super) fn conn_id(accepted: u64, slot: usize) -> ConnId {
    ConnId(accepted << (SLOT_BITS + THREAD_BITS) | slot as u64)
}

/// Where the connection of this number is kept.
pub(super) fn slot(id: ConnId) -> usize {
    (id.0 & ((1 << SLOT_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_slot_and_no_two_are_the_same() {
        let (first, second) = (conn_id(1, MAX_CONNECTIONS - 1), conn_id(2, MAX_CONNECTIONS - 1));
        assert_eq!((slot(first), slot(second)), (MAX_CONNECTIONS - 1, MAX_CONNECTIONS - 1));
        assert_ne!(first, second);
        assert_eq!(slot(conn_id(1 << 34, 7)), 7);
    }
}
