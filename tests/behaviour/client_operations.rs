//! Every operation of the client's library, at servers of Quorate and of ZooKeeper.

use std::time::Duration;

use quorate_client::client::ReadResult;
use quorate_client::session::{Refusal, State};
use quorate_client::typed::{Text, TypedError};
use quorate_client::{
    Acl, AddWatchMode, Client, CreateMode, ErrorCode, EventType, Id, MultiResult, WatcherType, perms,
};

use crate::harness::{Setup, ZooKeeper, run};

#[test]
fn at_quorate() {
    let ensemble = Setup::voters(3).observers(1).line("extendedTypesEnabled=true").start();
    run(everything(&ensemble.cluster(&ensemble.ids()), true));
}

#[test]
fn at_zookeeper_3_8() {
    if let Some(server) = ZooKeeper::start("38") {
        run(everything(&format!("127.0.0.1:{}", server.port), false));
    }
}

#[test]
fn at_zookeeper_3_9() {
    if let Some(server) = ZooKeeper::start("39") {
        run(everything(&format!("127.0.0.1:{}", server.port), true));
    }
}

/// `since_3_9`: whether watches of several kinds on one znode live side by side, and events have zxids.
async fn everything(servers: &str, since_3_9: bool) {
    let outside = Client::builder(servers).session_timeout(Duration::from_secs(4)).connect().await.unwrap();
    outside.ensure("/tests/app").await.unwrap();
    let client = Client::connect(&format!("{servers}/tests/app")).await.unwrap();
    assert_eq!(client.state(), State::Connected);
    assert_ne!(client.session_id(), outside.session_id());
    assert!(client.session_timeout() >= Duration::from_millis(400));
    creating(&client, &outside).await;
    reading_and_writing(&client, since_3_9).await;
    waiting_and_values(&client).await;
    namespaces(&client).await;
    access(&client, servers).await;
    several_at_once(&client).await;
    watching(&client, &outside, since_3_9).await;
    about_the_session(&client).await;
    client.close().await;
    assert!(matches!(client.state(), State::Over(_)));
    let error = client.get("/a").await.unwrap_err();
    assert_eq!(error.to_string(), "GetData \"/a\": the session is closed");
    outside.sync("/").await.unwrap();
    assert_eq!(outside.exists("/tests/app/eph").await.unwrap(), None);
    outside.delete_all("/tests").await.unwrap();
    outside.delete_all("/tests").await.unwrap();
    outside.close().await;
}

async fn creating(client: &Client, outside: &Client) {
    let a = client.create("/a").data("one").await.unwrap();
    assert_eq!((a.path.as_str(), a.stat.version, a.stat.data_length), ("/a", 0, 3));
    outside.sync("/").await.unwrap();
    assert_eq!(outside.get("/tests/app/a").await.unwrap().data, "one");
    let eph = client.create("/eph").ephemeral().await.unwrap();
    assert_eq!(eph.stat.ephemeral_owner, client.session_id().0);
    let numbers = [
        client.create("/q/n-").sequential().parents().await.unwrap().path,
        client.create("/q/n-").sequential().ephemeral().await.unwrap().path,
        client.create("/q/").sequential().await.unwrap().path,
        client.create("/q/t-").sequential().ttl(Duration::from_secs(1000)).await.unwrap().path,
    ];
    assert_eq!(numbers, ["/q/n-0000000000", "/q/n-0000000001", "/q/0000000002", "/q/t-0000000003"]);
    client.create("/box").container().await.unwrap();
    client.create("/ttl").ttl(Duration::from_secs(1000)).await.unwrap();
    client.ensure("/deep/er/still").await.unwrap();
    client.ensure("/deep/er/still").await.unwrap();
    assert_eq!(client.count_below("/deep").await.unwrap(), 2);

    let error = client.create("/a").await.unwrap_err();
    assert!(error.is_node_exists());
    assert_eq!(error.to_string(), "Create2 \"/a\": NodeExists (-110)");
    assert!(client.create("/no/parent").await.unwrap_err().is_no_node());
    let error = client.create("/eph/child").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NoChildrenForEphemerals));
    let error = client.create("/x").container().ephemeral().await.unwrap_err();
    assert_eq!(error.to_string(), "Create2 \"/x\": a container is not ephemeral");
    let error = client.create("x").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Create2 \"x\": \"x\" is no path of a znode: it does not begin with a slash"
    );
    let error = client.set("/a", vec![0; 1 << 20]).await.unwrap_err();
    let told = "SetData \"/a\": the request has 1048608 bytes, at most 1048575 can be sent";
    assert_eq!(error.to_string(), told);
}

async fn reading_and_writing(client: &Client, since_3_9: bool) {
    let node = client.get("/a").await.unwrap();
    assert_eq!(node.data, "one");
    assert_eq!(client.exists("/a").await.unwrap(), Some(node.stat));
    assert_eq!(client.exists("/nothing").await.unwrap(), None);
    assert_eq!(client.get("/eph").await.unwrap().data, "");
    let (_, changed) = client.get("/a").watch().await.unwrap();
    let stat = client.set("/a", "two").version(0).await.unwrap();
    assert_eq!(stat.version, 1);
    let change = changed.await.unwrap();
    assert_eq!((change.event, change.path.as_str()), (EventType::NodeDataChanged, "/a"));
    assert_eq!(change.zxid, since_3_9.then_some(stat.mzxid.0 as i64));
    assert!(client.set("/a", "three").version(0).await.unwrap_err().is_bad_version());
    let children = client.children("/q").await.unwrap();
    assert_eq!((children.names.len(), children.stat.num_children), (4, 4));
    assert!(client.children("/nothing").await.unwrap_err().is_no_node());
    assert!(client.delete("/q").await.unwrap_err().is_not_empty());
    assert!(client.delete("/a").version(7).await.unwrap_err().is_bad_version());
    client.delete("/a").version(1).await.unwrap();
    assert_eq!(client.exists("/a").await.unwrap(), None);
    client.sync("/").await.unwrap();
}

/// Waiting for a znode that comes and goes, and values that go through a codec.
async fn waiting_and_values(client: &Client) {
    let (waits, comes) = (client.clone(), client.clone());
    let waiting = tokio::spawn(async move { waits.wait_until_exists("/awaited").await });
    client.sync("/").await.unwrap();
    let created = comes.create("/awaited").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().czxid, created.stat.czxid);
    assert_eq!(client.wait_until_exists("/awaited").await.unwrap(), created.stat);
    let waits = client.clone();
    let waiting = tokio::spawn(async move { waits.wait_until_deleted("/awaited").await });
    client.sync("/").await.unwrap();
    client.delete("/awaited").await.unwrap();
    waiting.await.unwrap().unwrap();
    client.wait_until_deleted("/awaited").await.unwrap();
    assert!(client.wait_until_exists("no path").await.is_err());

    let typed = client.typed(Text);
    typed.create("/typed", &"one".to_owned()).unwrap().await.unwrap();
    let stat = typed.update("/typed", |text: String| text + " two").await.unwrap();
    assert_eq!(typed.get::<String>("/typed").await.unwrap(), ("one two".to_owned(), stat));
    client.set("/typed", vec![0xff]).await.unwrap();
    let error = typed.get::<String>("/typed").await.unwrap_err();
    assert!(matches!(error, TypedError::Codec { path, .. } if path == "/typed"));
}

/// A part of the program that has a root of its own.
async fn namespaces(client: &Client) {
    client.create("/ns").await.unwrap();
    let inner = client.namespace("/ns").unwrap().namespace("/part").unwrap();
    let created = inner.create("/a/b-").data("x").sequential().parents().await.unwrap();
    assert_eq!(created.path, "/a/b-0000000000");
    assert_eq!(client.get("/ns/part/a/b-0000000000").await.unwrap().data, "x");
    assert_eq!(inner.children("/").await.unwrap().names, ["a"]);
    assert_eq!(inner.get("/none").await.unwrap_err().path(), Some("/none"));
    assert_eq!(inner.get("none").await.unwrap_err(), client.get("none").await.unwrap_err());
    let made = inner.multi().create("/m", "").check("/a", -1).await.unwrap();
    assert!(matches!(&made[0], MultiResult::Create(path) | MultiResult::Create2(path, _) if path == "/m"));
    inner.create("/eph").ephemeral().await.unwrap();
    assert_eq!(inner.ephemerals("/").await.unwrap(), ["/eph"]);
    let (_, once) = inner.get("/a").watch().await.unwrap();
    let ((), mut changes) = inner.watch("/", AddWatchMode::PersistentRecursive).await.unwrap();
    client.set("/ns/part/a", "y").await.unwrap();
    assert_eq!(once.await.unwrap().path, "/a");
    assert_eq!(changes.next().await.unwrap().path, "/a");
    inner.remove_watches("/", WatcherType::Any).await.unwrap();
    assert_eq!(changes.next().await, None);
    assert!(client.namespace("ns").is_err());
    assert_eq!(client.namespace("/").unwrap().get("/ns").await.unwrap(), client.get("/ns").await.unwrap());
    client.delete_all("/ns").await.unwrap();
}

async fn access(client: &Client, servers: &str) {
    client.create("/mine").await.unwrap();
    client.add_auth("digest", "ann:secret").await.unwrap();
    let me = client.who_am_i().await.unwrap();
    assert!(me.iter().any(|known| known.auth_scheme == "digest" && known.user == "ann"), "{me:?}");
    let auth = Id { scheme: "auth".into(), id: String::new() };
    client.set_acl("/mine", [Acl { perms: perms::ALL, id: auth }]).version(0).await.unwrap();
    let (acl, stat) = client.acl("/mine").await.unwrap();
    assert_eq!((acl.len(), acl[0].id.scheme.as_str(), stat.aversion), (1, "digest", 1));
    assert!(client.set_acl("/mine", [Acl::open()]).version(0).await.unwrap_err().is_bad_version());

    let stranger = Client::connect(&format!("{servers}/tests/app")).await.unwrap();
    stranger.sync("/").await.unwrap();
    let error = stranger.get("/mine").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NoAuth));
    stranger.close().await;
    let friend = Client::builder(&format!("{servers}/tests/app")).auth("digest", "ann:secret");
    let friend = friend.connect().await.unwrap();
    friend.sync("/").await.unwrap();
    friend.get("/mine").await.unwrap();
    drop(friend);
    // A scheme that no server knows ends the session.
    let refused = Client::connect(servers).await.unwrap();
    let error = refused.add_auth("nonsense", "x").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::AuthFailed));
    assert!(matches!(refused.state(), State::Over(_)));
    client.delete("/mine").await.unwrap();
}

async fn several_at_once(client: &Client) {
    let results = client
        .multi()
        .create("/m", "1")
        .create_as("/m/s-", "", CreateMode::EphemeralSequential)
        .set("/m", "2")
        .check("/m", 1)
        .delete_version("/ttl", 0)
        .await
        .unwrap();
    // ZooKeeper 3.8.0 answers no Stat of what a multi has created.
    let path = |result: &MultiResult| match result {
        MultiResult::Create(path) | MultiResult::Create2(path, _) => path.clone(),
        result => panic!("{result:?}"),
    };
    assert_eq!((path(&results[0]), path(&results[1])), ("/m".into(), "/m/s-0000000000".into()));
    assert!(matches!(results[2], MultiResult::SetData(stat) if stat.version == 1));
    assert_eq!(results[3..], [MultiResult::Check, MultiResult::Delete]);
    let error = client.multi().set("/m", "3").check("/m", 7).delete("/m").await.unwrap_err();
    assert_eq!((error.part(), error.code()), (Some(1), Some(ErrorCode::BadVersion)));
    assert_eq!(error.to_string(), "Multi: part 1: BadVersion (-103)");
    assert_eq!(client.multi().await.unwrap(), []);
    client.multi().create_ttl("/ttl", "", Duration::from_secs(99)).delete("/ttl").await.unwrap();

    let found = client.multi_read().get("/m").children("/m").get("/nothing").await.unwrap();
    assert!(matches!(&found[0], ReadResult::Node(node) if node.data == "2"));
    assert_eq!(found[1], ReadResult::Children(vec!["s-0000000000".into()]));
    assert_eq!(found[2], ReadResult::Failed(Refusal::Server(-101)));
    client.delete_all("/m").await.unwrap();
}

async fn watching(client: &Client, outside: &Client, since_3_9: bool) {
    let (found, created) = client.exists("/w").watch().await.unwrap();
    assert_eq!(found, None);
    let (_, listed) = client.children("/").watch().await.unwrap();
    outside.create("/tests/app/w").await.unwrap();
    assert_eq!(created.await.unwrap().event, EventType::NodeCreated);
    let change = listed.await.unwrap();
    assert_eq!((change.event, change.path.as_str()), (EventType::NodeChildrenChanged, "/"));

    let ((), mut persistent) = client.watch("/w", AddWatchMode::Persistent).await.unwrap();
    let ((), mut all) = client.watch("/w", AddWatchMode::PersistentRecursive).await.unwrap();
    client.create("/w/x").await.unwrap();
    client.set("/w", "1").await.unwrap();
    client.set("/w/x", "1").await.unwrap();
    client.delete("/w/x").await.unwrap();
    client.delete("/w").await.unwrap();
    let expected = [
        (EventType::NodeCreated, "/w/x"),
        (EventType::NodeDataChanged, "/w"),
        (EventType::NodeDataChanged, "/w/x"),
        (EventType::NodeDeleted, "/w/x"),
        (EventType::NodeDeleted, "/w"),
    ];
    for (event, path) in expected {
        let change = all.next().await.unwrap();
        assert_eq!((change.event, change.path.as_str()), (event, path));
    }
    if since_3_9 {
        use EventType::{NodeChildrenChanged, NodeDataChanged, NodeDeleted};
        for event in [NodeChildrenChanged, NodeDataChanged, NodeChildrenChanged, NodeDeleted] {
            assert_eq!(persistent.next().await.unwrap().event, event);
        }
    }
    client.check_watches("/w", WatcherType::Any).await.unwrap();
    client.remove_watches("/w", WatcherType::Any).await.unwrap();
    assert_eq!(all.next().await, None);
    let error = client.remove_watches("/w", WatcherType::Any).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NoWatcher));
}

async fn about_the_session(client: &Client) {
    let mut ephemerals = client.ephemerals("/").await.unwrap();
    ephemerals.sort_unstable();
    assert_eq!(ephemerals, ["/eph", "/q/n-0000000001"]);
    assert_eq!(client.ephemerals("/q").await.unwrap(), ["/q/n-0000000001"]);
    let config = client.config().await.unwrap();
    assert!(config.stat.czxid.0 == 0 || !config.data.is_empty());
    let error = client.reconfigure().leaving("9").await.unwrap_err();
    assert!(error.code().is_some(), "{error}");
}
