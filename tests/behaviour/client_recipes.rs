//! Recipes of the client's library beside locks and caches: shared locks, barriers, queues.

use std::time::Duration;

use quorate_client::Client;
use quorate_client::recipes::{Barrier, DoubleBarrier, Lock, Queue};

use crate::harness::{RawClient, Session, Setup, run};

/// A time in which what must not happen would mostly happen. Nothing is asserted of what takes longer.
const MOMENT: Duration = Duration::from_millis(100);

#[test]
fn readers_share_a_lock_and_writers_do_not() {
    let ensemble = Setup::voters(1).start();
    let servers = ensemble.cluster(&[1]);
    run(async {
        let a = Client::connect(&servers).await.unwrap();
        let b = Client::connect(&servers).await.unwrap();
        let c = Client::connect(&servers).await.unwrap();
        let first = Lock::shared(&a, "/l").acquire().await.unwrap();
        let second = Lock::shared(&b, "/l").acquire().await.unwrap();
        let writer = Lock::exclusive(&c, "/l");
        let writer = tokio::spawn(async move { writer.acquire().await });
        tokio::time::sleep(MOMENT).await;
        assert!(!writer.is_finished(), "a writer holds beside readers");
        first.release().await;
        second.release().await;
        let writer = writer.await.unwrap().unwrap();
        let late = Lock::shared(&a, "/l");
        let late = tokio::spawn(async move { late.acquire().await });
        tokio::time::sleep(MOMENT).await;
        assert!(!late.is_finished(), "a reader holds beside a writer");
        let token = writer.token();
        writer.release().await;
        let late = late.await.unwrap().unwrap();
        assert!(late.token() > token);
        late.release().await;
        assert_eq!(b.children("/l").await.unwrap().names, Vec::<String>::new());
    });
}

#[test]
fn barriers_open_when_they_are_opened_and_when_all_are_there() {
    let ensemble = Setup::voters(1).start();
    let servers = ensemble.cluster(&[1]);
    run(async {
        let [a, b] = [Client::connect(&servers).await.unwrap(), Client::connect(&servers).await.unwrap()];
        let barrier = Barrier::new(&a, "/barriers/one");
        barrier.wait().await.unwrap();
        assert!(barrier.close().await.unwrap());
        assert!(!barrier.close().await.unwrap());
        let waits = Barrier::new(&b, "/barriers/one");
        let waits = tokio::spawn(async move { waits.wait().await });
        a.set("/barriers/one", "still closed").await.unwrap();
        tokio::time::sleep(MOMENT).await;
        assert!(!waits.is_finished(), "a write has opened a barrier");
        assert!(barrier.open().await.unwrap());
        waits.await.unwrap().unwrap();

        let enter = |client: &Client| {
            let both = DoubleBarrier::new(client, "/barriers/two", 2);
            tokio::spawn(async move { both.enter().await })
        };
        let first = enter(&a);
        tokio::time::sleep(MOMENT).await;
        assert!(!first.is_finished(), "one begins alone");
        let second = enter(&b).await.unwrap().unwrap();
        let first = first.await.unwrap().unwrap();
        let leaves = tokio::spawn(first.leave());
        tokio::time::sleep(MOMENT).await;
        assert!(!leaves.is_finished(), "one ends alone");
        second.leave().await.unwrap();
        leaves.await.unwrap().unwrap();
        assert_eq!(a.children("/barriers/two").await.unwrap().names, Vec::<String>::new());
    });
}

#[test]
fn items_of_a_queue_are_finished_once_and_survive_their_consumers() {
    let ensemble = Setup::voters(1).start();
    let servers = ensemble.cluster(&[1]);
    run(async {
        let [a, b] = [Client::connect(&servers).await.unwrap(), Client::connect(&servers).await.unwrap()];
        let queue = Queue::new(&a, "/app/queue");
        // The consumer is there before the queue is.
        let mut one = queue.consumer();
        for item in ["first", "second", "third"] {
            queue.put(item).await.unwrap();
        }
        queue.put_with_priority("urgent", 1).await.unwrap();
        let first = one.next().await.unwrap().unwrap();
        let mut other = Queue::new(&b, "/app/queue").consumer();
        let second = other.next().await.unwrap().unwrap();
        assert_ne!(first.name, second.name);
        // The first consumer's session ends with its item: the other one is given it.
        let mut session = Session::new(4_000);
        session.id = a.session_id();
        session.password = a.session_password();
        RawClient::connect(ensemble.server(1).client, &session).unwrap().close().unwrap();
        assert!(one.next().await.is_err());
        let mut done = vec![];
        let mut item = second;
        loop {
            done.push(item.data.clone());
            assert!(other.finish().await);
            if done.len() == 4 {
                break;
            }
            item = other.next().await.unwrap().unwrap();
        }
        assert!(done.contains(&first.data));
        done.sort_unstable();
        assert_eq!(done, ["first", "second", "third", "urgent"]);
        other.close().await;
        for directory in ["/app/queue/entries", "/app/queue/taken"] {
            assert_eq!(b.children(directory).await.unwrap().names, Vec::<String>::new(), "{directory}");
        }
    });
}
