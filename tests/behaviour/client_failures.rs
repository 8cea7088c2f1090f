//! The client's library while servers are killed and sessions expire.

use std::collections::BTreeSet;
use std::time::Duration;

use quorate_client::retry::RetryPolicy;
use quorate_client::session::{End, State};
use quorate_client::{Client, CreateMode, EventType, SessionId};

use crate::harness::{RawClient, Session, Setup, run};

/// Another client takes the session over and closes it: its first owner finds it expired.
fn expire(port: u16, client: &Client) {
    let mut session = Session::new(4_000);
    session.id = client.session_id();
    session.password = client.session_password();
    RawClient::connect(port, &session).expect("the session is known").close().expect("it can be closed");
}

#[test]
fn a_writer_outlives_its_leader() {
    let mut ensemble = Setup::voters(3).start();
    let leader = ensemble.await_leader();
    let servers = ensemble.cluster(&ensemble.ids());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = runtime.block_on(Client::connect(&servers)).unwrap();
    let mut states = client.states();
    runtime.block_on(async { client.create("/log").await }).unwrap();
    let watched = runtime.block_on(client.exists("/end").watch()).unwrap().1;
    let writer = {
        let client = client.clone();
        runtime.spawn(async move {
            let (mut written, mut unknown) = (BTreeSet::new(), 0);
            for i in 0.. {
                match client.create(format!("/log/{i}")).await {
                    Ok(_) => drop(written.insert(i.to_string())),
                    Err(error) if error.is_unknown() => unknown += 1,
                    Err(error) => panic!("{error}"),
                }
                // Far enough behind the kill.
                if written.len() > 300 && client.exists("/stop").await.is_ok_and(|stat| stat.is_some()) {
                    break;
                }
            }
            (written, unknown)
        })
    };
    std::thread::sleep(Duration::from_millis(200));
    ensemble.kill(leader);
    ensemble.await_leader();
    let other = runtime.block_on(Client::connect(&servers)).unwrap();
    runtime.block_on(async { other.create("/stop").await }).unwrap();
    let (written, unknown) = run(writer).unwrap();
    let there: BTreeSet<String> =
        runtime.block_on(async { client.children("/log").await }).unwrap().names.into_iter().collect();
    assert!(written.is_subset(&there), "lost: {:?}", written.difference(&there).collect::<Vec<_>>());
    assert!(there.len() <= written.len() + unknown, "more than was asked for");
    // The watch of before is still there.
    runtime.block_on(async { other.create("/end").await }).unwrap();
    assert_eq!(run(watched).unwrap().event, EventType::NodeCreated);
    assert_eq!(run(states.next()), Some(State::Suspended));
    assert_eq!(run(states.next()), Some(State::Reconnected));
    runtime.block_on(client.close());
}

/// A versioned write that is repeated is done once: each moves the version by one.
#[test]
fn what_is_repeated_is_done_once() {
    let mut ensemble = Setup::voters(3).start();
    let servers = ensemble.cluster(&ensemble.ids());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = runtime.block_on(Client::connect(&servers)).unwrap();
    let writer = runtime.spawn(async move {
        let patient = client.retrying(RetryPolicy::Forever(Duration::from_millis(5)));
        client.create("/counter").await.unwrap();
        client.create("/marked").await.unwrap();
        let mut done = 0;
        while done < 300 || client.exists("/stop").await.is_ok_and(|stat| stat.is_none()) {
            let stat = patient.set("/counter", done.to_string(), done).await.unwrap();
            done += 1;
            assert_eq!(stat.version, done);
            let mode = CreateMode::PersistentSequential;
            let created = patient.create_protected("/marked/n-", "", mode).await.unwrap();
            if done % 2 == 0 {
                patient.delete(&created.path).await.unwrap();
            }
        }
        done
    });
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(300));
        ensemble.replace_leader();
    }
    let other = runtime.block_on(Client::connect(&servers)).unwrap();
    runtime.block_on(async { other.create("/stop").await }).unwrap();
    let done = run(writer).unwrap();
    runtime.block_on(other.sync("/")).unwrap();
    let left = runtime.block_on(async { other.children("/marked").await }).unwrap().names.len();
    assert_eq!(left, usize::try_from(done - done / 2).unwrap());
}

#[test]
fn an_expired_session_is_told_once_and_ends_its_watches() {
    let ensemble = Setup::voters(3).start();
    let servers = ensemble.cluster(&ensemble.ids());
    run(async {
        let client = Client::connect(&servers).await.unwrap();
        let mut states = client.states();
        client.create("/eph").ephemeral().await.unwrap();
        let (_, watched) = client.get("/").watch().await.unwrap();
        expire(ensemble.server(1).client, &client);
        assert_eq!(states.next().await, Some(State::Suspended));
        assert_eq!(states.next().await, Some(State::Over(End::Expired)));
        assert!(watched.await.is_err());
        let error = client.get("/eph").await.unwrap_err();
        assert_eq!(error.end(), Some(End::Expired));
        let other = Client::connect(&servers).await.unwrap();
        other.sync("/").await.unwrap();
        assert_eq!(other.exists("/eph").await.unwrap(), None);
        drop(client);
        assert_eq!(states.next().await, None);
    });
}

#[test]
fn an_expired_session_can_be_followed_by_another() {
    let ensemble = Setup::voters(1).start();
    let servers = ensemble.cluster(&ensemble.ids());
    run(async {
        let client =
            Client::builder(&servers).renew_sessions().auth("digest", "ann:x").connect().await.unwrap();
        let before = client.session_id();
        let mut states = client.states();
        expire(ensemble.server(1).client, &client);
        for state in [State::Suspended, State::Over(End::Expired), State::Connected] {
            assert_eq!(states.next().await, Some(state));
        }
        assert_ne!(client.session_id(), before);
        let me = client.who_am_i().await.unwrap();
        assert!(me.iter().any(|known| known.user == "ann"), "{me:?}");
    });
}

#[test]
fn the_session_goes_with_its_last_handle() {
    let ensemble = Setup::voters(1).start();
    let servers = ensemble.cluster(&[1]);
    run(async {
        let client = Client::connect(&servers).await.unwrap();
        let clone = client.clone();
        client.create("/eph").ephemeral().await.unwrap();
        drop(client);
        let other = Client::connect(&servers).await.unwrap();
        let (found, gone) = other.exists("/eph").watch().await.unwrap();
        assert!(found.is_some());
        drop(clone);
        assert_eq!(gone.await.unwrap().event, EventType::NodeDeleted);
    });
}

#[test]
fn no_server_is_there_in_time() {
    let [port] = crate::harness::free_ports();
    run(async {
        let limit = Some(Duration::from_millis(300));
        let builder = Client::builder(&format!("127.0.0.1:{port}")).connect_timeout(limit);
        let client = builder.clone().start().unwrap();
        let error = client.get("/a").await.unwrap_err();
        assert_eq!(error.end(), Some(End::NeverConnected));
        assert_eq!(client.session_id(), SessionId(0));
        let error = builder.connect().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no server gave a session in time; the last attempt: the connection was lost"
        );
    });
}

#[test]
fn programs_without_async_have_it_too() {
    let ensemble = Setup::voters(1).start();
    let client = quorate_client::blocking::Blocking::connect(&ensemble.cluster(&[1])).unwrap();
    client.wait(client.create("/a").data("x")).unwrap();
    let (node, changed) = client.wait(client.get("/a").watch()).unwrap();
    assert_eq!(node.data, "x");
    client.wait(client.delete("/a")).unwrap();
    assert_eq!(client.wait(changed).unwrap().event, EventType::NodeDeleted);
    client.close();
    assert_eq!(client.state(), State::Over(End::Closed));
}
