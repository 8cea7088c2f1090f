//! The models of what serves clients, with their bounds, counts and what must come out.

use super::buckets::Buckets;
use super::paxos::Checked;
use super::{Expected, ModelSpec};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![ModelSpec {
        name: "buckets",
        composes: "the leader's session tracker in time: touches, proposals of ends, a change of leaders",
        bounds: "2 sessions of 6 and 8 ms, buckets of 3 ms, 20 ms, 1 change of leaders, wall clock set once",
        unique: 133_810,
        expected: Expected::Holds,
        build: |variant| {
            let protocol = Buckets { until: 20, reigns: 1, jumps: 1, variant };
            Box::new(Checked { protocol, salt: variant.salt })
        },
    }]
}
