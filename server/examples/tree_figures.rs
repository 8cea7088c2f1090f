//! What a million znodes cost: memory each, look-ups, and the pauses of a writer while a
//! background thread walks a view as a snapshot does.
//!
//! `cargo run --release -p quorate --example tree_figures [ZNODES]`

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use quorate_core::ids::Zxid;
use quorate_core::tree::{DataTree, NewZnode, Owner};
use quorate_core::wire::record::Acl;

const DATA: [u8; 100] = [7; 100];

fn main() {
    let count: u64 = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().expect("a number of znodes"));
    let acl = [Acl::open()];
    let create = |tree: &mut DataTree, path: &str, zxid: u64| {
        let new = NewZnode {
            path,
            data: Some(&DATA),
            acl: &acl,
            owner: Owner::Nobody,
            parent_cversion: zxid as i32,
        };
        tree.create(new, Zxid(zxid), 1).expect("a fresh path");
    };
    let path = |n: u64| format!("/bench/n{n:013}");
    let before = resident();
    let mut tree = DataTree::new([1, 2], false);
    create(&mut tree, "/bench", 1);
    let started = Instant::now();
    for n in 0..count {
        create(&mut tree, &path(n), n + 2);
    }
    println!("{count} znodes of {} B, paths of {} B", DATA.len(), path(0).len());
    println!("create           {:>8.0} ns each", per(started.elapsed(), count));
    println!("memory           {:>8.0} B each (resident)", (resident() - before) as f64 / count as f64);

    let mut random = 88_172_645_463_325_252u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % count
    };
    let paths: Vec<String> = (0..1_000_000).map(|_| path(next())).collect();
    let started = Instant::now();
    for path in &paths {
        black_box(tree.get(path).expect("it is there").data());
    }
    println!("look-up          {:>8.0} ns each", per(started.elapsed(), paths.len() as u64));

    let steady = resident();
    let started = Instant::now();
    let view = tree.view();
    println!("taking a view    {:>8.1} µs", started.elapsed().as_secs_f64() * 1e6);
    let walker = thread::spawn(move || {
        let started = Instant::now();
        let mut walk = view.into_walk();
        let (mut entries, mut bytes) = (0u64, 0);
        while let Some(entry) = walk.next() {
            entries += 1;
            bytes += entry.path.len() + entry.node.data().map_or(0, <[u8]>::len);
        }
        (entries, bytes, started.elapsed())
    });
    let mut pauses = Vec::new();
    let mut longest_busy = Duration::ZERO;
    let mut zxid = count + 2;
    while !walker.is_finished() {
        let path = path(next());
        zxid += 1;
        let (started, busy) = (Instant::now(), thread_time());
        tree.set_data(&path, Some(&DATA[..50 + zxid as usize % 50]), 1, Zxid(zxid), 2).expect("it is there");
        pauses.push(started.elapsed());
        longest_busy = longest_busy.max(thread_time().saturating_sub(busy));
        thread::sleep(Duration::from_micros(20));
    }
    let (entries, bytes, time) = walker.join().expect("the walker ends");
    pauses.sort_unstable();
    let at = |share: f64| pauses[((pauses.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!("walking it       {:>8.0} ms ({entries} znodes, {bytes} B)", time.as_secs_f64() * 1e3);
    println!(
        "writes meanwhile {:>8} (median {:.1} µs, p99.9 {:.1} µs, longest {:.1} µs, of its own time {:.1} µs)",
        pauses.len(),
        at(0.5),
        at(0.999),
        at(1.0),
        longest_busy.as_secs_f64() * 1e6
    );
    println!(
        "extra memory     {:>8.1} % while the view lived",
        (resident() as f64 / steady as f64 - 1.0) * 100.0
    );
}

fn per(time: Duration, count: u64) -> f64 {
    time.as_nanos() as f64 / count as f64
}

/// The processor time this thread has used: without what others took from it.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Resident memory in bytes, as Linux tells it.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split(' ').nth(1).expect("a second field").parse().expect("a number");
    pages * 4096
}
