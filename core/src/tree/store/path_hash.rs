//! SipHash-1-3 of a path: keyed, because clients choose paths and must not be able to choose collisions.

/// The hash of `bytes` under `key`, folded to 32 bits.
pub(super) fn path_hash(key: [u64; 2], bytes: &[u8]) -> u32 {
    let hash = sip13(key, bytes);
    (hash ^ (hash >> 32)) as u32
}

/// SipHash-1-3 of `bytes` under `key`.
pub(crate) fn sip13(key: [u64; 2], bytes: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        compress(&mut v, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    last[7] = bytes.len() as u8; // the length modulo 256, as SipHash defines it
    compress(&mut v, u64::from_le_bytes(last));
    v[2] ^= 0xff;
    for _ in 0..3 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn compress(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use core::hash::Hasher;
    use std::{collections::hash_map::DefaultHasher, vec::Vec};

    use super::*;

    /// The standard library's hasher is SipHash-1-3 with the key (0, 0).
    #[test]
    fn agrees_with_the_standard_library() {
        for len in 0..300 {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
            let mut std = DefaultHasher::new();
            std.write(&bytes);
            assert_eq!(sip13([0, 0], &bytes), std.finish(), "length {len}");
        }
    }

    #[test]
    fn depends_on_the_key() {
        assert_ne!(sip13([0, 0], b"/a"), sip13([0, 1], b"/a"));
        assert_ne!(sip13([0, 0], b"/a"), sip13([1, 0], b"/a"));
    }
}
