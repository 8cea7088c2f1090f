//! A state's identity: its derived `Hash` as bytes, hashed once with a salt.
//!
//! Hashing field by field merges states more often than hashing the packed bytes once, and a
//! second salt tells a hidden collision from a correct count.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Collects what a derived `Hash` writes.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn finish(&self) -> u64 {
        unreachable!("the bytes are hashed, not the hasher")
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    // Small numbers are by far the most frequent: one byte and a length nibble keep states short
    // and the encoding unambiguous.
    fn write_u64(&mut self, n: u64) {
        let bytes = n.to_le_bytes();
        let used = 8 - (n.leading_zeros() / 8) as usize;
        self.0.push(used as u8);
        self.0.extend_from_slice(&bytes[..used]);
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
    fn write_i64(&mut self, n: i64) {
        self.write_u64(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        self.0.push(n as u8);
        debug_assert!((0..256).contains(&n), "an enum's discriminant");
    }
}

/// The fingerprint of `value`, and how many bytes it was packed into.
pub fn fingerprint(value: &impl Hash, salt: u64) -> (u64, usize) {
    thread_local!(static BUFFER: RefCell<Bytes> = RefCell::default());
    BUFFER.with_borrow_mut(|bytes| {
        bytes.0.clear();
        value.hash(bytes);
        (xxh3_64_with_seed(&bytes.0, salt), bytes.0.len())
    })
}
