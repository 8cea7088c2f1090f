//! The password of a session: a function of its id, the same on every server that speaks ZooKeeper.

use crate::ids::SessionId;

/// `ZooKeeperServer.superSecret`: it is in every ZooKeeper's source, so the password is no secret.
const SUPER_SECRET: i64 = 0xB341_5C00;

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const MASK: u64 = (1 << 48) - 1;

/// The password of `session`: the first 16 bytes of `java.util.Random(id ^ secret)`.
///
/// It proves nothing (any party that knows the id can compute it) and must be identical everywhere, or
/// clients could not move between servers.
pub fn password(session: SessionId) -> [u8; 16] {
    let mut seed = ((session.0 ^ SUPER_SECRET) as u64 ^ MULTIPLIER) & MASK;
    let mut bytes = [0; 16];
    for word in bytes.as_chunks_mut::<4>().0 {
        seed = seed.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        *word = ((seed >> 16) as u32).to_le_bytes();
    }
    bytes
}

/// Whether `offered` is the password of `session`. Session 0 has none.
pub fn is_password(session: SessionId, offered: &[u8]) -> bool {
    session.0 != 0 && offered == password(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from ZooKeeper 3.8.0.
    #[test]
    fn recorded_passwords() {
        let cases: [(i64, u128); 4] = [
            (0x0100_000d_3ddd_0000, 0xf9e9_8609_9286_c8b0_ff43_e1c0_2b56_b7e9),
            (0x0100_000f_0e2f_0000, 0xa334_2318_f40c_2195_b987_a661_5d48_0654),
            (0x0100_000f_0e2f_0001, 0xb655_1d18_9458_00da_aeca_0d8d_31d1_1a21),
            (0x0100_000f_0e2f_0009, 0x4f5e_ee17_94b5_fa00_58e2_47e8_ce17_bf89),
        ];
        for (id, expected) in cases {
            assert_eq!(password(SessionId(id)), expected.to_be_bytes(), "{id:#x}");
            assert!(is_password(SessionId(id), &expected.to_be_bytes()));
        }
    }

    #[test]
    fn others_are_refused() {
        assert!(!is_password(SessionId(1), b"xxxxxxxxxxxxxxxx"));
        assert!(!is_password(SessionId(1), b""));
        assert!(!is_password(SessionId(0), &password(SessionId(0))));
    }
}
