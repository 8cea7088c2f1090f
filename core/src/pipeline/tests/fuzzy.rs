//! Snapshots that ZooKeeper writes, or sends to a learner, while it applies transactions: the log or the
//! stream that follows makes them right, and no digest is held against them before that.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use super::golden_log::{records, replay};
use super::*;
use crate::pipeline::{ImageBuilder, TreeImage};
use crate::wire::record::StatPersisted;
use crate::wire::snapshot::NodeSource;
use crate::wire::state::Reach;

/// A znode with its data, the number of its list and its stat.
type Content = (Option<Vec<u8>>, i64, StatPersisted);

/// The znodes of a state, by path; the root's is empty.
fn contents(image: &TreeImage) -> BTreeMap<String, Content> {
    let (mut nodes, mut contents) = (image.nodes(), BTreeMap::new());
    while let Some(node) = nodes.next_node() {
        contents.insert(node.path.into(), (node.data.map(<[u8]>::to_vec), node.acl, node.stat));
    }
    contents
}

fn settings() -> Settings {
    let mut settings = Settings::new(ServerId(1), 2000);
    settings.extended_types = true;
    settings
}

/// A small generator (SplitMix64).
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*seed ^ *seed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ z >> 27
}

/// Begun after the transaction `from` and written while others are applied; returns the last of these.
/// Sessions and lists are written first, then each znode as it is when its turn comes, and those of its
/// children that were there when its own was.
fn fuzzy(states: &[TreeImage], from: usize, seed: &mut u64) -> (ImageBuilder, usize) {
    let mut builder = ImageBuilder::new(&settings());
    states[from].sessions().for_each(|(session, timeout_ms)| builder.session(session, timeout_ms));
    for (index, list) in states[from].acls() {
        builder.acl(index, list).unwrap();
    }
    let all: Vec<_> = states.iter().map(contents).collect();
    let (mut at, mut waiting) = (from, vec![String::new()]);
    while let Some(path) = waiting.pop() {
        at = (at + (next(seed) % 4) as usize).min(states.len() - 1);
        let Some((data, acl, stat)) = all[at].get(&path) else { continue };
        builder.node(&path, data.as_deref(), *acl, *stat).unwrap();
        let below = format!("{path}/");
        let is_child = |child: &&String| {
            child.strip_prefix(&below).is_some_and(|name| !name.is_empty() && !name.contains('/'))
        };
        waiting.extend(all[at].keys().filter(is_child).cloned());
    }
    (builder, at)
}

/// How many digests are wrong when the transactions after `from` are applied.
fn mismatches(service: &mut TreeService, records: &[Bytes], from: usize) -> u64 {
    for (i, record) in records.iter().enumerate().skip(from) {
        service.apply(Now::default(), Zxid(i as u64 + 1), &ClientTxn(record.clone()), &mut vec![]);
    }
    service.status().counters.digest_mismatches
}

#[test]
fn no_digest_is_held_against_a_fuzzy_snapshot_before_all_that_is_in_it_was_applied() {
    let records = records();
    let states: Vec<_> = (0..=records.len()).map(|n| replay(&records[..n]).snapshot()).collect();
    let mut wrong_as_exact = 0;
    for seed in 0..300 {
        let (mut random, from) = (seed, seed as usize % records.len());
        let (builder, to) = fuzzy(&states, from, &mut random);
        let image = builder.finish(Zxid(from as u64)).unwrap();
        let mut exact = TreeService::new(&settings(), Some(&image));
        wrong_as_exact += u64::from(mismatches(&mut exact, &records, from) > 0);
        // A snapshot file says how far it reaches.
        let file = image.clone().reaching(Reach::UpTo(Zxid(to as u64)));
        let mut service = TreeService::new(&settings(), Some(&file));
        assert_eq!(mismatches(&mut service, &records, from), 0, "seed {seed}: from {from} to {to}");
        assert_eq!(service.snapshot().reach(), Reach::Exact, "seed {seed}: from {from} to {to}");
        // A stream does not; what was committed meanwhile is applied before clients are served.
        let mut service = TreeService::new(&settings(), None);
        service.install(&image.reaching(Reach::UntilServing));
        assert_eq!(mismatches(&mut service, &records[..to], from), 0, "seed {seed}: from {from} to {to}");
        service.serve(Now::default(), ServingRole::Learner, Zxid(to as u64), &mut vec![]);
        assert_eq!(mismatches(&mut service, &records, to), 0, "seed {seed}: from {from} to {to}");
        assert_eq!(service.snapshot().reach(), Reach::Exact, "seed {seed}");
    }
    assert!(wrong_as_exact > 100, "{wrong_as_exact} of 300 snapshots were fuzzy");
}

#[test]
fn what_is_wrong_behind_a_fuzzy_snapshot_is_noticed() {
    let records = records();
    let half = records.len() / 2;
    let image = replay(&records[..half]).snapshot().reaching(Reach::UpTo(Zxid(half as u64 + 2)));
    let mut service = TreeService::new(&settings(), Some(&image));
    assert_eq!(mismatches(&mut service, &records[..half + 1], half), 0);
    assert_eq!(service.snapshot().reach(), Reach::UpTo(Zxid(half as u64 + 2)));
    // Some transactions are left out.
    assert!(mismatches(&mut service, &records, half + 5) > 0);
    // What a state stands at is in it.
    assert_eq!(image.reaching(Reach::UpTo(Zxid(half as u64))).reach(), Reach::Exact);
}
