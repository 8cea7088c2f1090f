//! A leader whose own disk does not answer, among healthy followers. It goes on reading what keeps its quorum
//! together, and hands over. It takes part again when the disk has answered.

use std::time::{Duration, Instant};

use quorate_core::wire::client::CreateMode;

use crate::harness::{RawClient, Setup, check_acknowledged, until};

#[test]
fn a_leader_whose_disk_stops_hands_over_and_comes_back() {
    let Some(ensemble) = Setup::voters(3).line("maxSessionTimeout=60000").stalling() else {
        assert!(std::env::var_os("REQUIRE_PEERS").is_none(), "there is no C compiler `cc`");
        println!("skipped: there is no C compiler `cc`");
        return;
    };
    let late = ensemble.await_leader();
    let follower = ensemble.await_followers()[0];
    let mut client = ensemble.connect_for(follower, 60_000);
    client.create("/d", b"", CreateMode::Persistent).unwrap();
    ensemble.stall(late);
    // The quorum needs no disk but its own: the first write is acknowledged while the leader's disk stands.
    client.create("/d/0", b"0", CreateMode::Persistent).unwrap();
    let begun = Instant::now();
    let next = until("another leads", || {
        ensemble
            .ids()
            .into_iter()
            .find(|id| *id != late && ensemble.server(*id).mode().as_deref() == Some("leader"))
    });
    println!("handed over after {} ms", begun.elapsed().as_millis());
    let mut client = ensemble.connect_for(next, 60_000);
    client.create("/d/1", b"1", CreateMode::Persistent).unwrap();
    // The others go on without the one whose disk still stands.
    let ends = Instant::now() + Duration::from_secs(1);
    let mut written = 2;
    while Instant::now() < ends {
        client
            .create(&format!("/d/{written}"), written.to_string().as_bytes(), CreateMode::Persistent)
            .unwrap();
        written += 1;
    }
    assert_eq!(ensemble.server(next).mode().as_deref(), Some("leader"));
    ensemble.mend(late);
    ensemble.await_serving(&ensemble.ids());
    assert_eq!(ensemble.server(late).mode().as_deref(), Some("follower"));
    let names: Vec<String> = (0..written).map(|n| n.to_string()).collect();
    check_acknowledged(&ensemble, "/d", names.iter().map(String::as_str));
}

/// Followers' clients write more than the leader's disk takes: what they ask waits, acknowledgements and
/// pings do not.
#[test]
fn a_leader_with_much_to_write_goes_on_hearing_its_followers() {
    // syncLimit is long enough for the whole test.
    let setup = Setup::voters(3).line("maxSessionTimeout=60000").line("syncLimit=300");
    let Some(ensemble) = setup.stalling() else {
        assert!(std::env::var_os("REQUIRE_PEERS").is_none(), "there is no C compiler `cc`");
        println!("skipped: there is no C compiler `cc`");
        return;
    };
    let leader = ensemble.await_leader();
    let followers = ensemble.await_followers();
    let mut client = ensemble.connect_for(followers[0], 60_000);
    client.create("/big", b"", CreateMode::Persistent).unwrap();
    ensemble.stall(leader);
    const WRITERS: usize = 8;
    const WRITES: i32 = 12;
    // 96 MB at two followers: more than 64 MiB wait for the leader's disk, the rest is not even proposed.
    let writers: Vec<_> = (0..WRITERS)
        .map(|i| {
            let mut session = ensemble.connect_for(followers[i % 2], 60_000);
            std::thread::spawn(move || {
                for _ in 0..WRITES {
                    session.set("/big", &[i as u8; 1_000_000], -1).unwrap();
                }
            })
        })
        .collect();
    let version = |client: &mut RawClient| client.get("/big", false).unwrap().1.version;
    let mut last = (0, Instant::now());
    until("writes wait for the disk", || {
        let now = version(&mut client);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (now >= 60 && last.1.elapsed() > Duration::from_secs(2)).then_some(())
    });
    let waiting = version(&mut client);
    assert!(waiting < WRITES * WRITERS as i32, "all {waiting} went through");
    let sizes = ensemble.server(leader).word("srvr").expect("words are answered");
    assert!(sizes.contains("Mode: leader"), "{sizes}");
    ensemble.mend(leader);
    for writer in writers {
        writer.join().expect("every write is acknowledged");
    }
    assert_eq!(version(&mut client), WRITES * WRITERS as i32);
    assert_eq!(ensemble.server(leader).mode().as_deref(), Some("leader"), "its reign has not ended");
}
