//! Counts and times that words show, and how they are written.

/// How long things took, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Times {
    count: u64,
    sum_us: u64,
    min_us: u64,
    max_us: u64,
    last_us: u64,
}

impl Times {
    /// Count one.
    pub(crate) fn record(&mut self, us: u64) {
        self.min_us = if self.count == 0 { us } else { self.min_us.min(us) };
        self.max_us = self.max_us.max(us);
        self.last_us = us;
        self.sum_us += us;
        self.count += 1;
    }

    /// Count all that the other one has counted. The last one stays this one's.
    fn add(&mut self, other: &Times) {
        if other.count == 0 {
            return;
        }
        self.min_us = if self.count == 0 { other.min_us } else { self.min_us.min(other.min_us) };
        self.max_us = self.max_us.max(other.max_us);
        self.sum_us += other.sum_us;
        self.count += other.count;
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// All together, in microseconds.
    pub(crate) fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// All together, in milliseconds.
    pub(crate) fn sum_ms(&self) -> u64 {
        self.sum_us / 1000
    }

    /// The shortest, in milliseconds.
    pub(crate) fn min_ms(&self) -> u64 {
        self.min_us / 1000
    }

    /// The longest, in milliseconds.
    pub(crate) fn max_ms(&self) -> u64 {
        self.max_us / 1000
    }

    /// The last one, in milliseconds.
    pub(crate) fn last_ms(&self) -> u64 {
        self.last_us / 1000
    }

    /// The mean in milliseconds; 0 of none.
    pub(crate) fn mean_ms(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_us as f64 / self.count as f64 / 1000.0 }
    }
}

/// The upper ends of the buckets of a [`Distribution`], in microseconds. One more bucket has what is longer.
pub(crate) const BUCKETS_US: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// How long things took, and how many of them took how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Distribution {
    times: Times,
    buckets: [u64; BUCKETS_US.len() + 1],
}

impl Distribution {
    /// Count one.
    pub(crate) fn record(&mut self, us: u64) {
        self.times.record(us);
        self.buckets[BUCKETS_US.partition_point(|end| *end < us)] += 1;
    }

    /// Count all that the other one has counted.
    pub(crate) fn add(&mut self, other: &Distribution) {
        self.times.add(&other.times);
        self.buckets.iter_mut().zip(other.buckets).for_each(|(mine, more)| *mine += more);
    }

    /// Count, sum, least, most.
    pub(crate) fn times(&self) -> &Times {
        &self.times
    }

    /// How many there are in each bucket, those of the last one longer than every end.
    pub(crate) fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// The time that this part of all did not exceed, in milliseconds: exact to a bucket. 0 of none.
    pub(crate) fn quantile_ms(&self, part: f64) -> u64 {
        let wanted = (part * self.times.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let end = BUCKETS_US.get(index).copied().unwrap_or(u64::MAX);
                return end.clamp(self.times.min_us, self.times.max_us) / 1000;
            }
        }
        0
    }
}

/// Amounts of something that is no time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Amounts {
    /// How many.
    pub(crate) count: u64,
    /// All together.
    pub(crate) sum: u64,
    /// The least; 0 of none.
    pub(crate) min: u64,
    /// The most.
    pub(crate) max: u64,
}

impl Amounts {
    /// Count one.
    pub(crate) fn record(&mut self, amount: u64) {
        self.min = if self.count == 0 { amount } else { self.min.min(amount) };
        self.max = self.max.max(amount);
        self.sum += amount;
        self.count += 1;
    }

    /// The mean; 0 of none.
    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }
}

/// A mean as ZooKeeper writes it: four decimals, without the zeros at the end but one.
pub(crate) fn decimal(value: f64) -> String {
    let text = format!("{value:.4}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

/// Sizes in bytes (`BufferStats`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sizes(Option<(u64, u64, u64)>);

impl Sizes {
    /// Count one.
    pub(crate) fn record(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        let (_, min, max) = self.0.unwrap_or((0, bytes, bytes));
        self.0 = Some((bytes, min.min(bytes), max.max(bytes)));
    }

    /// The last, the smallest and the largest; −1 each if there was none.
    pub(crate) fn figures(&self) -> [i64; 3] {
        self.0.map_or([-1; 3], |(last, min, max)| [last as i64, min as i64, max as i64])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_their_mean() {
        let mut times = Times::default();
        assert_eq!((times.min_ms(), times.mean_ms(), times.max_ms()), (0, 0.0, 0));
        for us in [2_500, 900, 11_000] {
            times.record(us);
        }
        assert_eq!((times.min_ms(), times.max_ms(), times.last_ms(), times.sum_ms()), (0, 11, 11, 14));
        assert_eq!((decimal(times.mean_ms()).as_str(), times.count()), ("4.8", 3));
    }

    #[test]
    fn a_quantile_is_exact_to_a_bucket_and_lies_between_least_and_most() {
        let mut distribution = Distribution::default();
        assert_eq!(distribution.quantile_ms(0.5), 0);
        distribution.record(7_000);
        assert_eq!((distribution.quantile_ms(0.5), distribution.quantile_ms(0.999)), (7, 7));
        for us in [50, 51, 900, 4_000, 11_000_000] {
            distribution.record(us);
        }
        let [.., longer] = distribution.buckets() else { panic!("no buckets") };
        assert_eq!((distribution.buckets()[0], distribution.buckets()[1], *longer), (1, 1, 1));
        assert_eq!((distribution.quantile_ms(0.5), distribution.quantile_ms(0.8)), (1, 10));
        assert_eq!(distribution.quantile_ms(0.999), 11_000);
        let mut sum = Distribution::default();
        sum.add(&Distribution::default());
        sum.add(&distribution);
        let (times, of) = (sum.times(), distribution.times());
        assert_eq!((times.min_ms(), times.max_ms(), times.count()), (of.min_ms(), of.max_ms(), of.count()));
        assert_eq!((sum.buckets(), sum.quantile_ms(0.8)), (distribution.buckets(), 10));
        assert_eq!(distribution.buckets().iter().sum::<u64>(), distribution.times().count());
    }

    #[test]
    fn decimals_are_javas() {
        for (value, text) in
            [(0.0, "0.0"), (10.0, "10.0"), (18.076_923, "18.0769"), (0.5, "0.5"), (1e-9, "0.0")]
        {
            assert_eq!(decimal(value), text);
        }
    }

    #[test]
    fn sizes() {
        let mut sizes = Sizes::default();
        assert_eq!(sizes.figures(), [-1, -1, -1]);
        for bytes in [48, 93, 60] {
            sizes.record(bytes);
        }
        assert_eq!(sizes.figures(), [60, 48, 93]);
    }
}
