//! Random numbers that a seed brings back (SplitMix64).

/// A generator of random numbers.
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The numbers of this seed.
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of these values, at random.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// Change some of these bytes, cut them, or make them longer.
    pub(crate) fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1) as u64) as usize;
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.extend((0..self.below(40)).map(|n| (n * 37) as u8)),
                2 if at + 4 <= bytes.len() => {
                    let number = self.pick(&[i32::MAX, i32::MIN, -1, 0, 1, 0x7f, 0xffff, 0x0100_0000]);
                    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
                }
                _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
    }
}

/// The seed of this run: `QUORATE_E2E_SEED`, or the time.
pub(crate) fn seed() -> u64 {
    let now = || std::time::UNIX_EPOCH.elapsed().expect("it is after 1970").as_millis() as u64;
    number("QUORATE_E2E_SEED").unwrap_or_else(now)
}

/// A number of the environment.
pub(crate) fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}
