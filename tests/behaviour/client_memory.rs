//! `quorate.clientMemory`: one budget for all client connections. Those that hold the most are closed, the
//! others are served as before.

use quorate_core::wire::client::{AddWatchMode, AddWatchRequest, CreateMode, Request, WatchRequest};

use crate::harness::{Bystander, Ensemble, Setup, Wire, request_bytes, until};

const LIMIT: usize = 48 << 20;

fn limited() -> Setup {
    Setup::voters(1)
        .line("quorate.clientMemory=48")
        .line("4lw.commands.whitelist=*")
        .line("maxSessionTimeout=60000")
        .line("maxClientCnxns=0")
}

/// A line of `mntr`.
fn figure(ensemble: &Ensemble, key: &str) -> usize {
    let mntr = ensemble.server(1).word("mntr").expect("words are always answered");
    let line = mntr.lines().find_map(|line| line.strip_prefix(&format!("zk_{key}\t")));
    line.unwrap_or_else(|| panic!("{key} is not in {mntr}")).parse().expect("a number")
}

/// The server says that it has closed some, and holds no more than it may.
fn is_within_the_budget(ensemble: &Ensemble) {
    let held = until("connections are closed", || {
        (figure(ensemble, "connections_shed") > 0).then(|| figure(ensemble, "client_memory_bytes"))
    });
    assert!(held <= LIMIT, "{held} bytes are held");
    assert!(ensemble.server(1).log().contains("quorate.clientMemory=48"), "the log names the limit");
}

/// Each is far below what one connection may leave lying.
#[test]
fn many_that_do_not_take_in_their_events_are_limited_together() {
    let ensemble = limited().start();
    let mut client = ensemble.connect_for(1, 60_000);
    let bystander = Bystander::start(&ensemble);
    let port = ensemble.server(1).client;
    let mut deaf: Vec<Wire> = (0..20).map(|_| Wire::client_for(port, 60_000)).collect();
    for wire in &mut deaf {
        let watch = AddWatchRequest { path: "/".into(), mode: AddWatchMode::PersistentRecursive };
        wire.frame(&request_bytes(1, &Request::AddWatch(watch)));
        assert!(matches!(wire.next_reply(), Some((1, _, 0))));
    }
    let path = format!("/{}", "x".repeat(900_000));
    for _ in 0..10 {
        client.create(&path, b"", CreateMode::Persistent).unwrap();
        client.delete(&path, -1).unwrap();
    }
    is_within_the_budget(&ensemble);
    bystander.stop();
}

/// A request that the server works on is as long as an event that lies unread: its client is not the first
/// to go.
#[test]
fn the_client_that_makes_the_events_outlives_those_that_do_not_take_them_in() {
    let ensemble = limited().line("quorate.clientMemory=16").start();
    let mut client = ensemble.connect_for(1, 60_000);
    let port = ensemble.server(1).client;
    let path = format!("/{}", "x".repeat(900_000));
    let mut deaf: Vec<Wire> = (0..150).map(|_| Wire::client_for(port, 60_000)).collect();
    for wire in &mut deaf {
        let watch = AddWatchRequest { path: "/".into(), mode: AddWatchMode::PersistentRecursive };
        wire.frame(&request_bytes(1, &Request::AddWatch(watch)));
        assert!(matches!(wire.next_reply(), Some((1, _, 0))));
    }
    for _ in 0..10 {
        client.create(&path, b"", CreateMode::Persistent).unwrap();
        client.delete(&path, -1).unwrap();
    }
    assert!(figure(&ensemble, "connections_shed") > 0);
    let held = figure(&ensemble, "client_memory_bytes");
    assert!(held <= 16 << 20, "{held} bytes are held");
}

/// Neither a frame nor a session is needed to hold memory.
#[test]
fn many_unfinished_requests_are_limited_together() {
    let ensemble = limited().start();
    let bystander = Bystander::start(&ensemble);
    let port = ensemble.server(1).client;
    let mut greedy: Vec<Wire> = (0..70).map(|_| Wire::dial(port)).collect();
    let mut unfinished = 1_000_000u32.to_be_bytes().to_vec();
    unfinished.resize(900_000, 0);
    let speakers: Vec<_> = greedy
        .iter_mut()
        .map(|wire| {
            let (mut speaks, unfinished) = (wire.twin(), unfinished.clone());
            // The server may close the connection in the middle of it.
            std::thread::spawn(move || speaks.say(&unfinished))
        })
        .collect();
    for speaker in speakers {
        speaker.join().expect("it has said everything, or is cut off");
    }
    is_within_the_budget(&ensemble);
    bystander.stop();
}

/// A watch takes memory even if its znode does not exist.
#[test]
fn watches_count_too() {
    let ensemble = limited().start();
    let bystander = Bystander::start(&ensemble);
    let port = ensemble.server(1).client;
    let mut modest = Wire::client_for(port, 60_000);
    let exists = |path: String| Request::Exists(WatchRequest { path, watch: true });
    modest.frame(&request_bytes(1, &exists("/modest".into())));
    assert!(matches!(modest.next_reply(), Some((1, _, -101))));
    let mut greedy = Wire::client_for(port, 60_000);
    let more = |xid: i32, wire: &mut Wire| {
        wire.frame(&request_bytes(xid, &exists(format!("/{xid}/{}", "x".repeat(900_000)))));
        matches!(wire.next_reply(), Some((_, _, -101)))
    };
    let accepted = (1..100).take_while(|xid| more(*xid, &mut greedy)).count();
    assert!((50..60).contains(&accepted), "{accepted} watches of 900 kB");
    is_within_the_budget(&ensemble);
    modest.frame(&request_bytes(2, &Request::Ping));
    assert!(modest.next_reply().is_some(), "its connection is as it was");
    bystander.stop();
}
