//! How long requests took, operation by operation.

use quorate_core::wire::client::OpCode;

use crate::stats::Distribution;

/// How long requests took, operation by operation. What is no operation of ZooKeeper's shares one entry.
#[derive(Clone, Debug)]
pub(crate) struct Operations(Vec<Option<Box<Distribution>>>);

/// One less than the lowest number of an operation.
const UNKNOWN: i32 = -12;
/// The highest number of an operation.
const HIGHEST: i32 = 107;

impl Default for Operations {
    fn default() -> Self {
        Operations(vec![None; (HIGHEST - UNKNOWN + 1) as usize])
    }
}

impl Operations {
    /// A request of this kind was answered after this number of microseconds.
    pub(super) fn record(&mut self, op: i32, us: u64) {
        let known = OpCode::from_i32(op).map_or(UNKNOWN, OpCode::to_i32);
        if let Some(place) = self.0.get_mut(usize::try_from(known - UNKNOWN).unwrap_or(0)) {
            place.get_or_insert_default().record(us);
        }
    }

    /// Those that only read, as ZooKeeper counts them: without pings and what proves an identity.
    pub(crate) fn reads(&self) -> Distribution {
        let others = [OpCode::Ping, OpCode::Auth, OpCode::Sasl];
        self.sum(|op| !op.is_write() && !others.contains(&op))
    }

    /// Those that change something.
    pub(crate) fn updates(&self) -> Distribution {
        self.sum(OpCode::is_write)
    }

    fn sum(&self, counts: impl Fn(OpCode) -> bool) -> Distribution {
        let known = self.0.iter().zip(UNKNOWN..).filter(|(_, op)| OpCode::from_i32(*op).is_some_and(&counts));
        let mut sum = Distribution::default();
        known.filter_map(|(distribution, _)| distribution.as_deref()).for_each(|part| sum.add(part));
        sum
    }

    /// What there is, by the operation's name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Distribution)> {
        self.0.iter().zip(UNKNOWN..).filter_map(|(distribution, op)| {
            let name = OpCode::from_i32(op).map_or("unknown", |op| op.operation().name);
            Some((name, distribution.as_deref()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_an_entry_of_its_own_and_nonsense_shares_one() {
        let mut operations = Operations::default();
        for op in OpCode::ALL {
            operations.record(op.to_i32(), 7);
        }
        for op in [0, 10, i32::MIN, i32::MAX, -12, 108] {
            operations.record(op, 9);
        }
        let mut seen: Vec<(&str, u64)> =
            operations.iter().map(|(name, d)| (name, d.times().count())).collect();
        assert_eq!(seen.first(), Some(&("unknown", 6)));
        let kinds = (operations.reads().times().count(), operations.updates().times().count());
        let writes = OpCode::ALL.iter().filter(|op| op.is_write()).count();
        assert_eq!(kinds, ((OpCode::ALL.len() - writes - 3) as u64, writes as u64));
        seen.sort_unstable();
        seen.dedup_by_key(|(name, _)| *name);
        assert_eq!(seen.len(), OpCode::ALL.len() + 1);
        assert!(seen.iter().all(|(name, count)| *name == "unknown" || *count == 1), "{seen:?}");
    }
}
