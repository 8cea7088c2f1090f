//! Clients of another project while leaders are killed. Their sessions, watches and ephemerals go on, and the
//! ephemerals of a client that died with its leader go.

use std::future::Future;
use std::time::Duration;

use quorate_core::wire::client::CreateMode as OurMode;
use zookeeper_client::{
    Acls, AddWatchMode, Client, CreateMode, Error, EventType, OneshotWatcher, PersistentWatcher,
};

use crate::harness::{Ensemble, PATIENCE, Setup};

const CLIENTS: usize = 4;
const KILLS: usize = 4;

/// Ask until there is an answer.
async fn stubborn<T, F: Future<Output = Result<T, Error>>>(what: &str, ask: impl Fn() -> F) -> T {
    soon(what, async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                // The client passes on what the system says of a connection that was reset.
                Err(Error::ConnectionLoss | Error::Custom(_)) => {
                    tokio::time::sleep(Duration::from_millis(10)).await
                }
                Err(other) => panic!("{what}: {other}"),
            }
        }
    })
    .await
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

/// One client, and its ephemeral.
struct Member {
    client: Client,
    name: String,
}

/// What it is waiting for while a leader is killed.
struct Watches {
    changes: OneshotWatcher,
    appears: OneshotWatcher,
    child: OneshotWatcher,
    goes: OneshotWatcher,
}

impl Member {
    async fn join(ensemble: &Ensemble, number: usize) -> Member {
        let connector = Client::connector().with_session_timeout(Duration::from_secs(60));
        let client = connector.connect(&ensemble.cluster(&ensemble.ids())).await.unwrap();
        let name = format!("/members/{number}");
        client.create(&name, b"", &CreateMode::Ephemeral.with_acls(Acls::anyone_all())).await.unwrap();
        Member { client, name }
    }

    async fn watch(&self, kill: usize) -> Watches {
        let (client, new, dies) = (&self.client, &format!("/new-{kill}"), &format!("/dies-{kill}"));
        stubborn("sync", || client.sync("/")).await;
        let (data, _, changes) = stubborn("get", || client.get_and_watch_data("/data")).await;
        assert_eq!(data, (kill - 1).to_string().as_bytes(), "{}", self.name);
        let (missing, appears) = stubborn("exists", || client.check_and_watch_stat(new)).await;
        assert!(missing.is_none());
        let (children, child) = stubborn("children", || client.list_and_watch_children("/list")).await;
        assert_eq!(children.len(), kill - 1, "{}", self.name);
        let (there, goes) = stubborn("exists", || client.check_and_watch_stat(dies)).await;
        assert!(there.is_some());
        Watches { changes, appears, child, goes }
    }

    async fn watch_tree(&self) -> PersistentWatcher {
        stubborn("sync", || self.client.sync("/tree")).await;
        stubborn("watch", || self.client.watch("/tree", AddWatchMode::PersistentRecursive)).await
    }

    async fn is_still_who_it_was(&self) {
        let stat = stubborn("exists", || self.client.check_stat(&self.name)).await;
        assert_eq!(stat.expect("the ephemeral is there").ephemeral_owner, self.client.session_id().0);
    }
}

/// What every watch tells, in whatever order they do.
async fn expect_events(watches: Watches, kill: usize) {
    for (watch, event, path) in [
        (watches.changes, EventType::NodeDataChanged, "/data".to_owned()),
        (watches.appears, EventType::NodeCreated, format!("/new-{kill}")),
        (watches.child, EventType::NodeChildrenChanged, "/list".to_owned()),
        (watches.goes, EventType::NodeDeleted, format!("/dies-{kill}")),
    ] {
        let seen = soon(&path, watch.changed()).await;
        assert_eq!((seen.event_type, &seen.path), (event, &path));
    }
}

async fn play(ensemble: &mut Ensemble) {
    let mut members = Vec::new();
    for number in 0..CLIENTS {
        members.push(Member::join(ensemble, number).await);
    }
    for kill in 1..=KILLS {
        ensemble.await_serving(&ensemble.ids());
        let leader = ensemble.await_leader();
        let mut dies = ensemble.connect_for(leader, 1000);
        dies.create(&format!("/dies-{kill}"), b"", OurMode::Ephemeral).unwrap();
        let mut watches = Vec::new();
        for member in &members {
            watches.push(member.watch(kill).await);
        }
        ensemble.kill(leader);
        drop(dies);
        // Changed before most of the clients have found another server, or after.
        let mut writer = ensemble.connect(ensemble.await_leader());
        writer.set("/data", kill.to_string().as_bytes(), -1).unwrap();
        writer.create(&format!("/new-{kill}"), b"", OurMode::Persistent).unwrap();
        writer.create(&format!("/list/{kill}"), b"", OurMode::Persistent).unwrap();
        for watches in watches {
            expect_events(watches, kill).await;
        }
        // All clients are back, and watch the tree. (This client does not take such watches along.)
        let mut trees = Vec::new();
        for member in &members {
            member.is_still_who_it_was().await;
            trees.push(member.watch_tree().await);
        }
        let path = format!("/tree/{kill}");
        writer.create(&path, b"", OurMode::Persistent).unwrap();
        for tree in &mut trees {
            let seen = soon("an event in the tree", tree.changed()).await;
            assert_eq!((seen.event_type, &seen.path), (EventType::NodeCreated, &path));
        }
        ensemble.start(leader);
    }
    // A session that is closed takes its ephemeral along, and no other client's.
    let Member { client, name, .. } = members.remove(0);
    let (there, goes) = stubborn("exists", || members[0].client.check_and_watch_stat(&name)).await;
    assert!(there.is_some());
    drop(client);
    assert_eq!(soon("the ephemeral goes", goes.changed()).await.event_type, EventType::NodeDeleted);
    for member in &members {
        member.is_still_who_it_was().await;
    }
}

#[test]
fn sessions_watches_and_ephemerals_go_on_while_leaders_die() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=60000").start();
    let mut client = ensemble.connect(1);
    for path in ["/members", "/tree", "/list"] {
        client.create(path, b"", OurMode::Persistent).unwrap();
    }
    client.create("/data", b"0", OurMode::Persistent).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(play(&mut ensemble));
}
