//! Sessions: they expire in time, live while they are pinged, outlive their servers, and take
//! their ephemeral znodes with them.

use std::time::{Duration, Instant};

use quorate_core::wire::client::CreateMode;

use crate::harness::{Failure, RawClient, Session, Setup, eventually, lost, until};

#[test]
fn a_silent_session_expires_and_a_pinged_one_does_not() {
    let ensemble = Setup::voters(3).start();
    let followers = ensemble.await_followers();
    let (here, there) = (followers[0], followers[1]);
    let mut observer = ensemble.connect_for(there, 4000);
    let mut silent = ensemble.connect_for(here, 1000);
    let mut pinged = ensemble.connect_for(here, 1000);
    assert_eq!(silent.session.timeout_ms, 1000);
    pinged.create("/pinged", b"", CreateMode::Ephemeral).unwrap();
    silent.create("/silent", b"", CreateMode::Ephemeral).unwrap();
    let from = Instant::now();
    let mut gone_after = None;
    // Three timeouts long.
    eventually(Duration::from_secs(3), || {
        pinged.ping().unwrap();
        observer.sync().unwrap();
        if gone_after.is_none() && observer.exists("/silent", false).unwrap().is_none() {
            gone_after = Some(from.elapsed());
        }
        false
    });
    assert!(observer.exists("/pinged", false).unwrap().is_some());
    let gone_after = gone_after.expect("the silent session expired");
    // Touches reach the leader with pings, every half tick; expiry happens in whole ticks.
    let slack = ensemble.tick() * 5 + Duration::from_millis(500);
    let timeout = Duration::from_millis(1000);
    assert!(gone_after + ensemble.tick() * 2 > timeout, "after {gone_after:?}");
    assert!(gone_after < timeout + slack, "after {gone_after:?}");
    // Its connection is closed, and no server takes the session any more.
    assert!(silent.closed());
    for id in ensemble.ids() {
        let again = RawClient::connect(ensemble.server(id).client, &silent.session);
        assert!(matches!(again, Err(Failure::Refused)), "server {id}: {again:?}");
    }
}

#[test]
fn a_client_that_is_killed_loses_its_ephemerals() {
    let ensemble = Setup::voters(3).start();
    let mut observer = ensemble.connect(1);
    let mut client = ensemble.connect_for(2, 800);
    client.create("/eph", b"", CreateMode::Ephemeral).unwrap();
    assert!(eventually(Duration::from_secs(5), || observer.exists("/eph", true).unwrap().is_some()));
    // The connection goes without closeSession.
    drop(client);
    let event = observer.event().unwrap();
    assert_eq!(event.path, "/eph");
    assert_eq!(observer.exists("/eph", false).unwrap(), None);
}

#[test]
fn close_session_removes_the_ephemerals_at_once() {
    let ensemble = Setup::voters(3).start();
    let followers = ensemble.await_followers();
    let mut client = ensemble.connect(followers[0]);
    for name in ["/a", "/b"] {
        client.create(name, b"", CreateMode::Ephemeral).unwrap();
    }
    client.create("/stays", b"", CreateMode::Persistent).unwrap();
    let session = client.session.clone();
    client.close().unwrap();
    for id in ensemble.ids() {
        let mut reader = ensemble.connect(id);
        reader.sync().unwrap();
        assert_eq!(reader.children("/", false).unwrap(), ["stays", "zookeeper"], "server {id}");
        let again = RawClient::connect(ensemble.server(id).client, &session);
        assert!(matches!(again, Err(Failure::Refused)), "server {id}: {again:?}");
    }
}

#[test]
fn a_session_survives_the_leaders_death_and_moves_with_its_password() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=30000").start();
    let leader = ensemble.await_leader();
    let mut client = ensemble.connect_for(leader, 30_000);
    let path = client.create("/mine", b"still here", CreateMode::Ephemeral).unwrap();
    ensemble.kill(leader);
    assert!(client.closed());
    let others = ensemble.running();
    ensemble.await_serving(&others);
    let mut session = client.session.clone();
    for id in others {
        // A wrong password is not the session's client.
        let mut thief = session.clone();
        thief.password[7] ^= 1;
        let refused = RawClient::connect(ensemble.server(id).client, &thief);
        assert!(matches!(refused, Err(Failure::Refused)), "{refused:?}");
        // A server that has not applied what the client saw does not answer; it will have soon.
        let mut moved =
            until("the session moves", || RawClient::connect(ensemble.server(id).client, &session).ok());
        assert_eq!((moved.session.id, moved.session.password), (session.id, session.password));
        let (data, stat) = moved.get(&path, false).unwrap();
        assert_eq!((data.as_slice(), stat.ephemeral_owner), (&b"still here"[..], session.id.0));
        moved.set(&path, b"still here", -1).unwrap();
        session = moved.session.clone();
    }
}

#[test]
fn a_timeout_is_kept_within_the_servers_limits() {
    let ensemble = Setup::voters(1).start();
    let tick = ensemble.tick().as_millis() as i32;
    for (asked, given) in [(1, 2 * tick), (1000, 1000), (1_000_000, 20 * tick)] {
        let client = RawClient::connect(ensemble.server(1).client, &Session::new(asked)).unwrap();
        assert_eq!(client.session.timeout_ms, given, "asked for {asked}");
    }
}

#[test]
fn a_session_that_moved_is_gone_from_where_it_was() {
    let ensemble = Setup::voters(3).observers(1).start();
    let (leader, followers) = (ensemble.await_leader(), ensemble.await_followers());
    // From a follower to the observer, from there to the leader, and to a follower again.
    let mut here = ensemble.connect(followers[0]);
    here.create("/n", b"", CreateMode::Persistent).unwrap();
    here.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    for id in [4, leader, followers[1]] {
        let mut there =
            until("the session moves", || RawClient::connect(ensemble.server(id).client, &here.session).ok());
        assert_eq!(there.session.id, here.session.id);
        there.set("/n", id.to_string().as_bytes(), -1).unwrap();
        // A write by way of the old connection is not done, and not answered.
        let stale = here.set("/n", b"stale", -1);
        assert!(lost(&stale), "server {id}: {stale:?}");
        let (data, _) = there.get("/n", false).unwrap();
        assert_eq!(data, id.to_string().as_bytes());
        assert!(there.exists("/mine", false).unwrap().is_some(), "its ephemerals moved with it");
        here = there;
    }
    // On the same server the older connection is closed.
    let again = RawClient::connect(ensemble.server(followers[1]).client, &here.session).unwrap();
    assert!(here.closed());
    again.close().unwrap();
    let mut reader = ensemble.connect(leader);
    assert_eq!(reader.exists("/mine", false).unwrap(), None);
}

#[test]
fn a_session_expires_while_its_client_is_between_two_servers() {
    let mut ensemble = Setup::voters(3).start();
    let followers = ensemble.await_followers();
    let mut client = ensemble.connect_for(followers[0], 1000);
    client.create("/eph", b"", CreateMode::Ephemeral).unwrap();
    let mut reader = ensemble.connect(followers[1]);
    until("it is seen there", || reader.exists("/eph", true).unwrap());
    let session = client.session.clone();
    // Its server is gone, and it does not look for another in time.
    ensemble.kill(followers[0]);
    assert_eq!(reader.event().unwrap().path, "/eph");
    assert_eq!(reader.exists("/eph", false).unwrap(), None);
    for id in ensemble.running() {
        let late = RawClient::connect(ensemble.server(id).client, &session);
        assert!(matches!(late, Err(Failure::Refused)), "server {id}: {late:?}");
    }
    // Neither does the server that had it know it when it is back.
    ensemble.start_all();
    let late = RawClient::connect(ensemble.server(followers[0]).client, &session);
    assert!(matches!(late, Err(Failure::Refused)), "{late:?}");
}
