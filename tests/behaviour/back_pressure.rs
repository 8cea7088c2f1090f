//! Clients that take more than they should: each is limited, no other client has to wait for it, and the
//! server's memory stays bounded.

use std::fs;

use quorate_core::wire::client::{
    AddWatchMode, AddWatchRequest, CreateMode, Request, SetDataRequest, WatchRequest,
};

use crate::harness::{Bystander, Ensemble, Setup, Wire, lost, request_bytes, until};

/// Frames one behind the other, with these xids.
fn frames(xids: std::ops::Range<i32>, request: &Request) -> Vec<u8> {
    let frame = |xid| {
        let body = request_bytes(xid, request);
        [&(body.len() as u32).to_be_bytes(), &body[..]].concat()
    };
    xids.flat_map(frame).collect()
}

fn get(path: &str) -> Request {
    Request::GetData(WatchRequest { path: path.into(), watch: false })
}

fn set(path: &str, data: &[u8]) -> Request {
    Request::SetData(SetDataRequest { path: path.into(), data: Some(data.to_vec().into()), version: -1 })
}

/// The most memory a server has had so far, in bytes.
fn peak(ensemble: &Ensemble, id: u64) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", ensemble.pid(id))).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells");
    let kib = line.trim().trim_end_matches("kB").trim();
    kib.parse::<usize>().unwrap_or_else(|_| panic!("{kib:?}")) * 1024
}

#[track_caller]
fn replies_in_order(wire: &mut Wire, xids: std::ops::Range<i32>) {
    for xid in xids {
        let reply = wire.next_reply();
        assert!(matches!(reply, Some((got, _, 0)) if got == xid), "{xid}: {reply:?}");
    }
}

/// Ten clients ask for 3 GB and take nothing in.
#[test]
fn who_does_not_take_in_its_answers_is_not_read() {
    const ASKED: i32 = 300;
    let ensemble = Setup::voters(1).line("maxSessionTimeout=60000").start();
    let mut client = ensemble.connect_for(1, 60_000);
    client.create("/big", &[7; 1_000_000], CreateMode::Persistent).unwrap();
    assert_eq!(client.get("/big", false).unwrap().0.len(), 1_000_000);
    let bystander = Bystander::start(&ensemble);
    let before = peak(&ensemble, 1);
    let port = ensemble.server(1).client;
    let mut deaf: Vec<Wire> = (0..10).map(|_| Wire::client(port)).collect();
    for wire in &mut deaf {
        wire.say(&frames(1..ASKED + 1, &get("/big")));
    }
    // Others are served all the time.
    for _ in 0..100 {
        client.get("/big", false).unwrap();
    }
    let grown = peak(&ensemble, 1) - before;
    assert!(grown < 128 << 20, "{} MiB for ten clients", grown >> 20);
    // Nothing was dropped: a client that reads late gets everything.
    replies_in_order(&mut deaf[0], 1..ASKED + 1);
    bystander.stop();
}

/// Events cannot wait: a client that lets 64 MiB of them lie is cut off.
#[test]
fn who_does_not_take_in_its_events_is_cut_off() {
    let ensemble = Setup::voters(1).line("maxSessionTimeout=60000").start();
    let mut client = ensemble.connect_for(1, 60_000);
    let path = format!("/{}", "x".repeat(500_000));
    client.create(&path, b"", CreateMode::Persistent).unwrap();
    let before = peak(&ensemble, 1);
    // It may be silent for longer than the test takes.
    let mut deaf = Wire::client_for(ensemble.server(1).client, 60_000);
    let watch = AddWatchRequest { path: path.clone(), mode: AddWatchMode::Persistent };
    deaf.frame(&request_bytes(1, &Request::AddWatch(watch)));
    replies_in_order(&mut deaf, 1..2);
    let bystander = Bystander::start(&ensemble);
    // 100 MB of events, of which the operating system holds a few.
    for _ in 0..200 {
        client.set(&path, b"y", -1).unwrap();
    }
    let grown = peak(&ensemble, 1) - before;
    assert!(grown < 512 << 20, "{} MiB after 200 events", grown >> 20);
    let got = deaf.rest().expect("its connection is closed");
    assert!(got.len() < 200 * path.len(), "it got all of it");
    client.set(&path, b"z", -1).unwrap();
    bystander.stop();
}

/// `globalOutstandingLimit`: a client waits for the end of its own requests.
#[test]
fn who_sends_without_end_waits_for_its_turn() {
    const SENT: i32 = 2000;
    let ensemble = Setup::voters(1)
        .line("globalOutstandingLimit=10")
        .line("4lw.commands.whitelist=*")
        .line("maxSessionTimeout=60000")
        .start();
    let mut client = ensemble.connect_for(1, 60_000);
    for i in 0..3 {
        client.create(&format!("/{i}"), b"", CreateMode::Persistent).unwrap();
    }
    let bystander = Bystander::start(&ensemble);
    let port = ensemble.server(1).client;
    let greedy: Vec<_> = (0..3)
        .map(|i| {
            std::thread::spawn(move || {
                let mut wire = Wire::client(port);
                let mut speaks = wire.twin();
                let bytes = frames(1..SENT + 1, &set(&format!("/{i}"), &[1; 1024]));
                let speaker = std::thread::spawn(move || speaks.say(&bytes));
                replies_in_order(&mut wire, 1..SENT + 1);
                speaker.join().expect("it has said everything");
            })
        })
        .collect();
    // Each of the five connections may have one above the limit, so that none waits for others alone.
    while !greedy.iter().all(|thread| thread.is_finished()) {
        let srvr = ensemble.server(1).word("srvr").expect("words are always answered");
        let line = srvr.lines().find_map(|line| line.strip_prefix("Outstanding: ")).expect("a line of srvr");
        assert!(line.parse::<usize>().expect("a number") <= 10 + 5, "{srvr}");
    }
    for thread in greedy {
        thread.join().expect("every request is answered, in order");
    }
    for i in 0..3 {
        assert_eq!(client.get(&format!("/{i}"), false).unwrap().1.version, SENT);
    }
    bystander.stop();
}

/// Long requests fill the server as well as many do.
#[test]
fn requests_in_process_are_counted_in_bytes_too() {
    const CLIENTS: usize = 100;
    const SENT: i32 = 8;
    let setup = Setup::voters(3).line("maxSessionTimeout=60000").line("syncLimit=300");
    let Some(ensemble) = setup.stalling() else {
        assert!(std::env::var_os("REQUIRE_PEERS").is_none(), "there is no C compiler `cc`");
        println!("skipped: there is no C compiler `cc`");
        return;
    };
    let id = ensemble.await_followers()[0];
    let mut client = ensemble.connect_for(id, 60_000);
    client.create("/big", b"", CreateMode::Persistent).unwrap();
    let port = ensemble.server(id).client;
    let mut greedy: Vec<Wire> = (0..CLIENTS).map(|_| Wire::client_for(port, 60_000)).collect();
    // Nothing is committed, and the disk of this server is not the reason.
    let others: Vec<u64> = ensemble.ids().into_iter().filter(|other| *other != id).collect();
    others.iter().for_each(|other| ensemble.stall(*other));
    let before = peak(&ensemble, id);
    let speakers: Vec<_> = greedy
        .iter()
        .map(|wire| {
            let mut speaks = wire.twin();
            // 800 MB together.
            std::thread::spawn(move || speaks.say(&frames(1..SENT + 1, &set("/big", &[1; 1_000_000]))))
        })
        .collect();
    // One at each client above the limit; the others lie in the sockets.
    let outstanding = || {
        let srvr = ensemble.server(id).word("srvr").expect("words are always answered");
        let line = srvr.lines().find_map(|line| line.strip_prefix("Outstanding: ")).expect("a line of srvr");
        line.parse::<usize>().expect("a number")
    };
    until("every client has something in process", || (outstanding() >= CLIENTS).then_some(()));
    for _ in 0..20 {
        assert!(outstanding() <= CLIENTS + 68, "{}", outstanding());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    others.iter().for_each(|other| ensemble.mend(*other));
    for (wire, speaker) in greedy.iter_mut().zip(speakers) {
        replies_in_order(wire, 1..SENT + 1);
        speaker.join().expect("it has said everything");
    }
    let grown = peak(&ensemble, id) - before;
    assert!(grown < 800 << 20, "{} MiB for {CLIENTS} clients", grown >> 20);
}

/// `maxClientCnxns` limits the connections from one address, words included.
#[test]
fn the_connections_of_one_address_are_counted() {
    // The last line counts.
    let ensemble = Setup::voters(1).line("maxClientCnxns=3").start();
    let port = ensemble.server(1).client;
    let mut wires: Vec<Wire> = (0..3).map(|_| until("a free place", || Wire::try_client(port))).collect();
    for _ in 0..2 {
        assert_eq!(Wire::dial(port).rest(), Some(vec![]), "the fourth is closed without a word");
    }
    assert!(ensemble.server(1).log().contains("maxClientCnxns=3"), "the log says why");
    for wire in &mut wires {
        wire.frame(&request_bytes(-2, &Request::Ping));
        assert!(matches!(wire.next_reply(), Some((-2, _, 0))), "the others are as they were");
    }
    drop(wires.pop());
    wires.push(until("the place is free again", || Wire::try_client(port)));
}

/// `jute.maxbuffer`: a longer request ends its connection, before it has arrived.
#[test]
fn a_request_that_is_too_long_ends_its_connection() {
    let ensemble = Setup::voters(3).line("jute.maxbuffer=4096").line("maxSessionTimeout=60000").start();
    let id = ensemble.await_followers()[0];
    let mut client = ensemble.connect_for(id, 60_000);
    client.create("/a", &[1; 4000], CreateMode::Persistent).unwrap();
    let mut other = ensemble.connect_for(id, 60_000);
    let result = other.set("/a", &[2; 4097], -1);
    assert!(lost(&result), "{result:?}");
    assert!(ensemble.server(id).log().contains("4096"), "the log names the limit");
    assert_eq!(client.get("/a", false).unwrap().0, [1; 4000]);
    client.set("/a", &[3; 4000], 0).unwrap();
}
