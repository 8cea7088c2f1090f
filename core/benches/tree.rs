//! What the tree costs, with a million znodes in it: look-up, create, set, delete, listing.
//!
//! `cargo bench -p quorate-core --bench tree`; for memory and the pauses of a snapshot see
//! `cargo run --release -p quorate --example tree_figures`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use quorate_core::ids::Zxid;
use quorate_core::tree::{DataTree, NewZnode, Owner};
use quorate_core::wire::record::Acl;

const ZNODES: usize = 1_000_000;
const DATA: [u8; 100] = [7; 100];
/// Children of the znode that is listed.
const LISTED: usize = 1_000;
/// A prime that divides none of the counts: its multiples visit all znodes, not in order.
const STRIDE: usize = 7919;

fn path(n: usize) -> String {
    format!("/bench/n{n:013}")
}

/// A tree, the paths in it, and the zxid of the next change.
struct Forest {
    tree: DataTree,
    acl: [Acl; 1],
    paths: Vec<String>,
    zxid: u64,
    at: usize,
}

impl Forest {
    fn new() -> Forest {
        let mut forest = Forest {
            tree: DataTree::new([1, 2], false),
            acl: [Acl::open()],
            paths: (0..ZNODES).map(path).collect(),
            zxid: 0,
            at: 0,
        };
        forest.create("/bench");
        for n in 0..ZNODES {
            forest.create(&path(n));
        }
        forest.create("/list");
        for n in 0..LISTED {
            forest.create(&format!("/list/n{n:013}"));
        }
        forest
    }

    fn create(&mut self, path: &str) {
        self.zxid += 1;
        let new =
            NewZnode { path, data: Some(&DATA), acl: &self.acl, owner: Owner::Nobody, parent_cversion: -1 };
        self.tree.create(new, Zxid(self.zxid), 1).expect("a fresh path");
    }

    fn set(&mut self, n: usize) {
        self.zxid += 1;
        let version = self.zxid as i32;
        let set = self.tree.set_data(&self.paths[n], Some(&DATA), version, Zxid(self.zxid), 1);
        set.expect("it is there");
    }

    fn delete(&mut self, path: &str) {
        self.zxid += 1;
        self.tree.delete(path, Zxid(self.zxid)).expect("it is there");
    }

    /// Another znode each time.
    fn next(&mut self) -> usize {
        self.at = (self.at + STRIDE) % ZNODES;
        self.at
    }
}

fn tree(c: &mut Criterion) {
    let mut group = c.benchmark_group("tree of 1,000,000");
    let mut forest = Forest::new();
    group.bench_function("look-up", |b| {
        b.iter(|| {
            let n = forest.next();
            black_box(forest.tree.get(&forest.paths[n]).expect("it is there").data());
        });
    });
    group.bench_function("set 100 B", |b| {
        b.iter(|| {
            let n = forest.next();
            forest.set(n);
        });
    });
    group.bench_function("list 1,000 children", |b| {
        b.iter(|| {
            let children = forest.tree.children("/list").expect("it is there");
            black_box(children.map(str::len).sum::<usize>());
        });
    });
    let mut fresh = ZNODES;
    group.bench_function("create 100 B", |b| {
        let first = fresh;
        let next = || {
            fresh += 1;
            path(fresh)
        };
        b.iter_batched(next, |path| forest.create(&path), BatchSize::SmallInput);
        // The tree keeps its size from sample to sample.
        for n in first..fresh {
            forest.delete(&path(n + 1));
        }
    });
    group.bench_function("delete and create again", |b| {
        b.iter(|| {
            let n = forest.next();
            let path = std::mem::take(&mut forest.paths[n]);
            forest.delete(&path);
            forest.create(&path);
            forest.paths[n] = path;
        });
    });
    group.finish();
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    tree(&mut c);
    c.final_summary();
}
