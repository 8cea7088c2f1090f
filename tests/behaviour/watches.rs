//! Watches: once, on whichever server, and before the new data can be seen.

use quorate_core::wire::client::{CreateMode, EventType};
use zookeeper_client::{AddWatchMode, Client, EventType as TheirEventType};

use crate::harness::{Setup, run, until};

#[test]
fn an_event_comes_before_the_new_data() {
    let ensemble = Setup::voters(3).observers(1).start();
    let leader = ensemble.await_leader();
    let mut writer = ensemble.connect(leader);
    writer.create("/watched", b"0", CreateMode::Persistent).unwrap();
    // On every other server: each learns of the write by a commit of its own.
    for id in ensemble.ids().into_iter().filter(|id| *id != leader) {
        let mut watcher = ensemble.connect(id);
        watcher.sync().unwrap();
        let (old, _) = watcher.get("/watched", true).unwrap();
        let new = format!("set for {id}").into_bytes();
        assert_ne!(old, new);
        writer.set("/watched", &new, -1).unwrap();
        // The first read that shows the new data finds the event already there.
        until("the new data", || {
            let before = watcher.events.len();
            let (data, _) = watcher.get("/watched", false).unwrap();
            if data == old {
                assert_eq!(watcher.events.len(), before, "server {id}: the event came with the old data");
                return None;
            }
            assert_eq!(data, new);
            Some(())
        });
        let (replies_before, event) = watcher.events.pop_front().expect("the event came first");
        assert_eq!((event.event, event.path.as_str()), (EventType::NodeDataChanged, "/watched"));
        assert!(replies_before < watcher.replies, "server {id}: the event came after the new data");
        // Once: the next write is not told.
        writer.set("/watched", b"again", -1).unwrap();
        watcher.sync().unwrap();
        assert_eq!(watcher.get("/watched", false).unwrap().0, b"again");
        assert!(watcher.events.is_empty(), "server {id}: {:?}", watcher.events);
    }
}

#[test]
fn every_kind_of_watch_fires_once() {
    let ensemble = Setup::voters(3).start();
    let followers = ensemble.await_followers();
    let mut writer = ensemble.connect(followers[0]);
    let mut watcher = ensemble.connect(followers[1]);
    assert_eq!(watcher.exists("/n", true).unwrap(), None);
    assert!(!watcher.children("/", true).unwrap().contains(&"n".to_owned()));
    writer.create("/n", b"", CreateMode::Persistent).unwrap();
    let mut events = [watcher.event().unwrap(), watcher.event().unwrap()].map(|e| (e.path, e.event));
    events.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(events, [("/".into(), EventType::NodeChildrenChanged), ("/n".into(), EventType::NodeCreated)]);
    watcher.get("/n", true).unwrap();
    watcher.children("/n", true).unwrap();
    writer.create("/n/c", b"", CreateMode::Persistent).unwrap();
    assert_eq!(watcher.event().unwrap().event, EventType::NodeChildrenChanged);
    writer.delete("/n/c", -1).unwrap();
    writer.delete("/n", -1).unwrap();
    assert_eq!(watcher.event().unwrap().event, EventType::NodeDeleted);
    watcher.sync().unwrap();
    assert_eq!(watcher.exists("/n", false).unwrap(), None);
    assert!(watcher.events.is_empty(), "{:?}", watcher.events);
}

#[test]
fn a_watch_moves_with_its_client_to_another_server() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=20000").start();
    let followers = ensemble.await_followers();
    let (first, second) = (followers[0], followers[1]);
    let mut writer = ensemble.connect(second);
    writer.create("/moves", b"0", CreateMode::Persistent).unwrap();
    run(async {
        let cluster = ensemble.cluster(&[first]) + "," + &ensemble.cluster(&[second]);
        let client = Client::connector().connect(&cluster).await.unwrap();
        client.sync("/moves").await.unwrap();
        let (_, _, watcher) = client.get_and_watch_data("/moves").await.unwrap();
        // Whichever of the two it uses goes away now; the session and its watch do not.
        ensemble.kill(first);
        writer.set("/moves", b"1", -1).unwrap();
        let event = watcher.changed().await;
        assert_eq!((event.event_type, event.path.as_str()), (TheirEventType::NodeDataChanged, "/moves"));
        client.sync("/moves").await.unwrap();
        assert_eq!(client.get_data("/moves").await.unwrap().0, b"1");
    });
}

#[test]
fn a_recursive_watch_stays_and_sees_everything_below() {
    let ensemble = Setup::voters(3).start();
    let followers = ensemble.await_followers();
    let mut writer = ensemble.connect(followers[1]);
    writer.create("/r", b"", CreateMode::Persistent).unwrap();
    run(async {
        let client = Client::connect(&ensemble.cluster(&[followers[0]])).await.unwrap();
        client.sync("/r").await.unwrap();
        let mut watcher = client.watch("/r", AddWatchMode::PersistentRecursive).await.unwrap();
        writer.create("/r/a", b"", CreateMode::Persistent).unwrap();
        writer.create("/r/a/b", b"", CreateMode::Persistent).unwrap();
        writer.set("/r/a/b", b"1", -1).unwrap();
        writer.set("/r/a/b", b"2", -1).unwrap();
        writer.delete("/r/a/b", -1).unwrap();
        writer.create("/elsewhere", b"", CreateMode::Persistent).unwrap();
        writer.set("/r", b"", -1).unwrap();
        for (event, path) in [
            (TheirEventType::NodeCreated, "/r/a"),
            (TheirEventType::NodeCreated, "/r/a/b"),
            (TheirEventType::NodeDataChanged, "/r/a/b"),
            (TheirEventType::NodeDataChanged, "/r/a/b"),
            (TheirEventType::NodeDeleted, "/r/a/b"),
            (TheirEventType::NodeDataChanged, "/r"),
        ] {
            let seen = watcher.changed().await;
            assert_eq!((seen.event_type, seen.path.as_str()), (event, path));
        }
    });
}
