//! Locks and leaders of the client's library: several contenders, kills, lost sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_client::Client;
use quorate_client::recipes::{Latch, Lock};

use crate::harness::{RawClient, Session, Setup, run};

/// A store that refuses tokens that are smaller than the greatest it has seen.
#[derive(Default)]
struct Store {
    greatest: AtomicU64,
    writes: AtomicU64,
}

impl Store {
    fn write(&self, token: u64) -> bool {
        let accepted = self.greatest.fetch_max(token, Ordering::SeqCst) <= token;
        self.writes.fetch_add(u64::from(accepted), Ordering::SeqCst);
        accepted
    }
}

#[test]
fn contenders_hold_one_after_the_other_while_leaders_are_killed() {
    let mut ensemble = Setup::voters(3).start();
    let servers = ensemble.cluster(&ensemble.ids());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (store, inside) = (Arc::new(Store::default()), Arc::new(AtomicU64::new(0)));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut contenders = Vec::new();
    for _ in 0..4 {
        let (servers, store, inside, stopped) =
            (servers.clone(), store.clone(), inside.clone(), stopped.clone());
        contenders.push(runtime.spawn(async move {
            let client =
                Client::builder(&servers).session_timeout(Duration::from_secs(8)).connect().await.unwrap();
            let lock = Lock::new(&client, "/locks/one");
            let mut held_for_sure = 0;
            while !*stopped.borrow() {
                let held = lock.acquire().await.unwrap();
                let others = inside.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
                // A client that is told that it still holds was alone.
                if held.is_held() {
                    assert_eq!(others, 0, "two hold");
                    assert!(store.write(held.token().0.0), "an older token");
                    held_for_sure += 1;
                }
                inside.fetch_sub(1, Ordering::SeqCst);
                held.release().await;
            }
            client.close().await;
            held_for_sure
        }));
    }
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(300));
        ensemble.replace_leader();
    }
    stop.send(true).unwrap();
    let mut sum = 0;
    for contender in contenders {
        let held = run(contender).unwrap();
        assert!(held > 0, "one has never held");
        sum += held;
    }
    assert_eq!(store.writes.load(Ordering::SeqCst), sum);
    let left = runtime.block_on(async {
        let client = Client::connect(&servers).await.unwrap();
        client.sync("/").await.unwrap();
        client.children("/locks/one").await
    });
    assert!(left.is_err() || left.unwrap().names.is_empty(), "a contender's znode is left behind");
}

#[test]
fn a_lock_is_lost_with_its_session_and_with_its_znode() {
    let ensemble = Setup::voters(1).start();
    let servers = ensemble.cluster(&[1]);
    run(async {
        let client = Client::connect(&servers).await.unwrap();
        let other = Client::connect(&servers).await.unwrap();
        let held = Lock::new(&client, "/l").data("me").acquire().await.unwrap();
        let name = other.children("/l").await.unwrap().names.remove(0);
        let path = format!("/l/{name}");
        assert_eq!(other.get(&*path).await.unwrap().data, "me");
        // Its data may change, for example by a wish that it be given back.
        other.set(&*path, "please").await.unwrap();
        other.set(&*path, "please!").await.unwrap();
        assert!(held.is_held());
        other.delete(&*path).await.unwrap();
        held.lost().await;
        held.release().await;

        let held = Lock::new(&client, "/l").acquire().await.unwrap();
        let waiting = Lock::new(&other, "/l");
        let next = tokio::spawn(async move { waiting.acquire().await });
        let mut session = Session::new(4_000);
        session.id = client.session_id();
        session.password = client.session_password();
        RawClient::connect(ensemble.server(1).client, &session).unwrap().close().unwrap();
        held.lost().await;
        let next = next.await.unwrap().unwrap();
        assert!(next.token() > held.token());
        assert!(Lock::new(&client, "/l").acquire().await.is_err());
        next.release().await;
        // What is given up while it waits leaves nothing behind.
        let held = Lock::new(&other, "/l").acquire().await.unwrap();
        let third = Client::connect(&servers).await.unwrap();
        let limit = Duration::from_millis(100);
        assert!(tokio::time::timeout(limit, Lock::new(&third, "/l").acquire()).await.is_err());
        held.release().await;
        let held = Lock::new(&other, "/l").acquire().await.unwrap();
        assert!(held.is_held());
    });
}

#[test]
fn a_leader_that_goes_is_followed_by_the_next_candidate() {
    let ensemble = Setup::voters(1).start();
    let servers = ensemble.cluster(&[1]);
    run(async {
        let one = Client::builder(&servers).renew_sessions().connect().await.unwrap();
        let two = Client::connect(&servers).await.unwrap();
        let mut first = Latch::new(&one, "/app/leader", "one");
        let token = first.lead().await.unwrap();
        assert_eq!(first.leading(), Some(token));
        let mut second = Latch::new(&two, "/app/leader", "two");
        // An expired session ends the leadership; the candidate comes again with the next session.
        let mut session = Session::new(4_000);
        session.id = one.session_id();
        session.password = one.session_password();
        RawClient::connect(ensemble.server(1).client, &session).unwrap().close().unwrap();
        first.lost().await;
        let next = second.lead().await.unwrap();
        assert!(next > token);
        second.close().await;
        assert!(first.lead().await.unwrap() > next);
        first.close().await;
        assert_eq!(two.children("/app/leader").await.unwrap().names, Vec::<String>::new());
    });
}
