//! Runs the cases of one target for a time, and says which one failed.

use std::time::{Duration, Instant};

use fastrand::Rng;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Prints the number of the case if the case panics.
struct Case<'a> {
    target: &'a str,
    number: u64,
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: QUORATE_FUZZ_SEED={} fails", self.target, self.number);
        }
    }
}

/// Run cases until the time is over, at least `least` of them.
pub(crate) fn cases(target: &str, least: u64, mut case: impl FnMut(&mut Rng)) {
    let limit = Duration::from_secs(variable("QUORATE_FUZZ_SECONDS").unwrap_or(1));
    let first = variable("QUORATE_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..1 << 48));
    let began = Instant::now();
    let mut number = first;
    while number < first.saturating_add(least) || began.elapsed() < limit {
        let _case = Case { target, number };
        case(&mut Rng::with_seed(number));
        number += 1;
    }
    println!("{target}: {} cases from QUORATE_FUZZ_SEED={first} on", number - first);
}

/// What may be allocated for an input of this length, in bytes, all in all: a multiple of it, and a little.
fn allowance(len: usize) -> u64 {
    96 * len as u64 + (256 << 10)
}

/// Do something that costs no more than its input allows.
pub(crate) fn measured(what: &str, len: usize, act: impl FnOnce()) {
    let used = allocation_counter::measure(act);
    assert!(
        used.bytes_total <= allowance(len),
        "{what}: {} bytes were allocated for an input of {len}",
        used.bytes_total
    );
}
