//! SipHash-1-3 of a path: keyed, because clients choose paths and must not be able to choose collisions.

/// The hash of `bytes` under `key`, folded to 32 bits.
pub(super) fn path_hash(key: [u64; 2], bytes: &[u8]) -> u32 {
    let hash = sip13(key, bytes);
    (hash ^ (hash >> 32)) as u32
}

/// SipHash-1-3 of `bytes` under `key`.
pub(crate) fn sip13(key: [u64; 2], bytes: &[u8]) -> u64 {
    PrefixHash::new(key, bytes).up_to(bytes.len())
}

/// SipHash-1-3 of several beginnings of the same bytes, the shorter first: each word of the bytes is
/// worked on once for all of them.
#[derive(Clone, Debug)]
pub(crate) struct PrefixHash<'a> {
    v: [u64; 4],
    bytes: &'a [u8],
    /// How many words are in `v`.
    words: usize,
    #[cfg(test)]
    compressed: usize,
}

impl<'a> PrefixHash<'a> {
    pub(crate) fn new(key: [u64; 2], bytes: &'a [u8]) -> Self {
        let v = [
            key[0] ^ 0x736f_6d65_7073_6575,
            key[1] ^ 0x646f_7261_6e64_6f6d,
            key[0] ^ 0x6c79_6765_6e65_7261,
            key[1] ^ 0x7465_6462_7974_6573,
        ];
        PrefixHash {
            v,
            bytes,
            words: 0,
            #[cfg(test)]
            compressed: 0,
        }
    }

    /// The hash of the first `end` bytes; no less than the last time, and no more than there are.
    pub(crate) fn up_to(&mut self, end: usize) -> u64 {
        debug_assert!(self.words * 8 <= end && end <= self.bytes.len());
        let (words, tail) = self.bytes[self.words * 8..end].as_chunks::<8>();
        for word in words {
            compress(&mut self.v, u64::from_le_bytes(*word));
        }
        self.words += words.len();
        #[cfg(test)]
        {
            self.compressed += words.len() + 1;
        }
        let mut v = self.v;
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        last[7] = end as u8; // the length modulo 256, as SipHash defines it
        compress(&mut v, u64::from_le_bytes(last));
        v[2] ^= 0xff;
        for _ in 0..3 {
            round(&mut v);
        }
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
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
    fn beginnings_have_the_hash_that_they_have_alone() {
        let bytes: Vec<u8> = (0..100).map(|i| (i * 31) as u8).collect();
        let mut hash = PrefixHash::new([3, 4], &bytes);
        for end in [0, 0, 1, 7, 8, 9, 16, 40, 41, 99, 100] {
            assert_eq!(hash.up_to(end), sip13([3, 4], &bytes[..end]), "{end} bytes");
        }
    }

    #[test]
    fn all_beginnings_together_take_linear_work() {
        let work = |len: usize| {
            let bytes: Vec<u8> = b"/a".iter().copied().cycle().take(len).collect();
            let mut hash = PrefixHash::new([3, 4], &bytes);
            (0..len).step_by(2).for_each(|end| _ = hash.up_to(end));
            hash.compressed
        };
        assert_eq!(work(8000), 4000 + 999);
        assert_eq!(work(16_000), 8000 + 1999);
    }

    #[test]
    fn depends_on_the_key() {
        assert_ne!(sip13([0, 0], b"/a"), sip13([0, 1], b"/a"));
        assert_ne!(sip13([0, 0], b"/a"), sip13([1, 0], b"/a"));
    }
}
