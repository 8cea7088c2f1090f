//! The values that are written, and how a value that was read is known to be the one of its key.
//!
//! A value names its key and its version, the eight bytes each at its start. It is filled up with a pattern
//! that both of them choose. So a value of another key, a mixture of two versions or a damaged one is
//! recognised. Values shorter than 16 bytes carry as much of that as fits.

/// The bytes at the start that name key and version.
const HEAD: usize = 16;
/// How many places in the pattern a value may begin at; a prime.
const SHIFTS: u64 = 251;

/// Makes and recognises values of one size.
#[derive(Clone, Debug)]
pub(super) struct Values {
    size: usize,
    pattern: Vec<u8>,
}

impl Values {
    /// Values of `size` bytes.
    pub(super) fn new(size: usize) -> Values {
        let mut random = Random::new(0x51AB_1E5E_ED00_0001);
        let length = size.saturating_sub(HEAD) + SHIFTS as usize;
        Values { size, pattern: (0..length).map(|_| random.next() as u8).collect() }
    }

    /// Bytes in a value.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Append the value of a key with this version.
    pub(super) fn write(&self, out: &mut Vec<u8>, key: u64, version: u64) {
        let head = head(key, version);
        let short = self.size.min(HEAD);
        out.extend_from_slice(&head[..short]);
        out.extend_from_slice(self.rest(key, version));
    }

    /// Whether these bytes are a value of this key, of whatever version.
    pub(super) fn is_of(&self, key: u64, value: &[u8]) -> bool {
        if value.len() != self.size {
            return false;
        }
        let Some((found, rest)) = value.split_first_chunk::<HEAD>() else {
            let known = value.len().min(8);
            return value[..known] == key.to_le_bytes()[..known];
        };
        let (found_key, version) = halves(*found);
        found_key == key && rest == self.rest(key, version)
    }

    /// The version of a value of [`HEAD`] bytes or more that [`Values::is_of`] has recognised.
    pub(super) fn version(value: &[u8]) -> Option<u64> {
        value.first_chunk::<HEAD>().map(|head| halves(*head).1)
    }

    fn rest(&self, key: u64, version: u64) -> &[u8] {
        let start = (mix(key ^ mix(version)) % SHIFTS) as usize;
        &self.pattern[start..start + self.size.saturating_sub(HEAD)]
    }
}

fn head(key: u64, version: u64) -> [u8; HEAD] {
    (u128::from(key) | u128::from(version) << 64).to_le_bytes()
}

fn halves(head: [u8; HEAD]) -> (u64, u64) {
    let both = u128::from_le_bytes(head);
    (both as u64, (both >> 64) as u64)
}

/// Scatters a number over all 64 bits (the finisher of SplitMix64).
fn mix(mut n: u64) -> u64 {
    n = (n ^ n >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ n >> 31
}

/// SplitMix64: the choice of keys and of reads and writes, the same for the same seed.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Numbers that follow from a seed.
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(values: &Values, key: u64, version: u64) -> Vec<u8> {
        let mut out = Vec::new();
        values.write(&mut out, key, version);
        out
    }

    #[test]
    fn a_value_is_known_by_its_key_whatever_its_version() {
        for size in [0, 1, 7, 8, 15, 16, 17, 100, 1024, 5000] {
            let values = Values::new(size);
            for version in [0, 1, 1 << 40] {
                let found = value(&values, 77, version);
                assert_eq!(found.len(), size);
                assert!(values.is_of(77, &found), "{size}");
                assert!(size == 0 || !values.is_of(78, &found), "{size}");
            }
        }
    }

    #[test]
    fn every_wrong_byte_is_seen() {
        let values = Values::new(300);
        let right = value(&values, 5, 9);
        for at in 0..right.len() {
            let mut wrong = right.clone();
            wrong[at] ^= 0x10;
            // Bytes 8 to 15 are the version: another one may begin at the same place of the pattern.
            assert!(!values.is_of(5, &wrong) || (8..16).contains(&at), "byte {at}");
        }
        assert!(!values.is_of(5, &right[1..]));
        let mut mixed = value(&values, 5, 10);
        mixed[150..].copy_from_slice(&right[150..]);
        assert!(!values.is_of(5, &mixed));
    }

    #[test]
    fn numbers_stay_below_and_repeat_for_a_seed() {
        let draw = |seed| -> Vec<u64> {
            let mut random = Random::new(seed);
            (0..1000).map(|_| random.below(10)).collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        for n in 0..10 {
            assert!(draw(1).contains(&n));
        }
    }
}
