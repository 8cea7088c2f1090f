//! A state's identity: its derived `Hash` as bytes, hashed once with a salt.
//!
//! Hashing field by field merges states more often than hashing the packed bytes once. A second salt tells a
//! hidden collision from a correct count.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

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
    packed(value, |bytes| (xxh3_64_with_seed(bytes, salt), bytes.len()))
}

/// A fingerprint of twice the length, to stand for `value` in what is hashed again.
fn wide_fingerprint(value: &impl Hash) -> [u64; 2] {
    let wide = packed(value, |bytes| xxh3_128_with_seed(bytes, 1));
    [wide as u64, (wide >> 64) as u64]
}

/// A shared value that stands in a state for its fingerprint: while it does not change it is hashed once.
#[derive(Clone, Debug)]
pub struct Printed<T> {
    value: Arc<T>,
    print: OnceLock<[u64; 2]>,
}

impl<T: Hash> Printed<T> {
    /// Keep this value with its fingerprint.
    pub fn new(value: T) -> Self {
        Printed { value: Arc::new(value), print: OnceLock::new() }
    }

    fn print(&self) -> [u64; 2] {
        *self.print.get_or_init(|| wide_fingerprint(&*self.value))
    }
}

impl<T: Clone> Printed<T> {
    /// The value, which is about to change.
    pub fn change(&mut self) -> &mut T {
        self.print = OnceLock::new();
        Arc::make_mut(&mut self.value)
    }
}

impl<T> Deref for Printed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Printed<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.value, &other.value) || self.value == other.value
    }
}

impl<T: Eq> Eq for Printed<T> {}

impl<T: Hash> Hash for Printed<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.print().hash(hasher);
    }
}

fn packed<T>(value: &impl Hash, print: impl FnOnce(&[u8]) -> T) -> T {
    // What is hashed may hash parts of itself on its own.
    thread_local!(static BUFFERS: RefCell<Vec<Bytes>> = RefCell::default());
    let mut bytes = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    bytes.0.clear();
    value.hash(&mut bytes);
    let printed = print(&bytes.0);
    BUFFERS.with_borrow_mut(|buffers| buffers.push(bytes));
    printed
}
