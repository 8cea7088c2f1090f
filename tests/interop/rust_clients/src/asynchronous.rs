//! The crate `zookeeper-async`. It has no multi either.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use zookeeper_async::recipes::distributed_queue::DistributedQueue;
use zookeeper_async::recipes::leader_latch::LeaderLatch;
use zookeeper_async::recipes::shared_lock::lock;
use zookeeper_async::{
    Acl, CreateMode, Permission, Stat, WatchedEvent, ZkError, ZkResult, ZooKeeper, ZooKeeperExt,
};

use crate::transcript::{PATIENCE, have_leader_killed, next, say, tell, wait_until};

const SESSION: Duration = Duration::from_secs(8);

pub(crate) fn run(hosts: &str) {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(all(hosts));
}

async fn all(hosts: &str) {
    let root = connect(hosts).await;
    create(&root, "/asynchronous", CreateMode::Container).await.expect("a container for all that follows");
    let hosts = &format!("{hosts}/asynchronous");
    let client = connect(hosts).await;
    znodes(&client).await;
    access(&client, hosts).await;
    let writer = connect(hosts).await;
    watches(&client, &writer).await;
    latches(&client, hosts).await;
    locks(&client, hosts).await;
    queue(&client).await;
    failover(&client).await;
    tell("close", client.close().await);
    let ephemeral = "/asynchronous/ephemeral";
    let gone = async || root.exists(ephemeral, false).await.is_ok_and(|stat| stat.is_none());
    for _ in 0..500 {
        if gone().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    say("the ephemeral of the closed session is gone", gone().await);
    tell("delete all", root.delete_recursive("/asynchronous").await);
}

async fn connect(hosts: &str) -> Arc<ZooKeeper> {
    Arc::new(ZooKeeper::connect(hosts, SESSION, |_: WatchedEvent| {}).await.expect("a session"))
}

async fn create(client: &ZooKeeper, path: &str, mode: CreateMode) -> ZkResult<String> {
    client.create(path, b"data".to_vec(), Acl::open_unsafe().clone(), mode).await
}

/// What a stat says that is the same in every run.
fn lasting(stat: &Stat) -> String {
    let kind = match stat.ephemeral_owner {
        0 => "persistent",
        i64::MIN => "container",
        owner if owner as u64 >> 56 == 0xff => "TTL",
        _ => "owned",
    };
    let Stat { version, cversion, aversion, data_length, num_children, .. } = stat;
    format!("{kind}, versions {version} {cversion} {aversion}, {data_length} bytes, {num_children} children")
}

async fn znodes(client: &ZooKeeper) {
    for (name, mode) in [
        ("persistent", CreateMode::Persistent),
        ("ephemeral", CreateMode::Ephemeral),
        ("persistent-", CreateMode::PersistentSequential),
        ("ephemeral-", CreateMode::EphemeralSequential),
        ("container", CreateMode::Container),
    ] {
        tell(name, create(client, &format!("/{name}"), mode).await);
        let acl = Acl::open_unsafe().clone();
        let made = client.create2(&format!("/{name}2"), b"2".to_vec(), acl, mode).await;
        tell(name, made.map(|(path, stat)| (path, lasting(&stat))));
    }
    for mode in [CreateMode::PersistentWithTTL, CreateMode::PersistentSequentialWithTTL] {
        let (acl, hour) = (Acl::open_unsafe().clone(), Duration::from_secs(3600));
        tell("TTL", client.create_ttl("/ttl", Vec::new(), acl.clone(), mode, hour).await);
        let made = client.create2_ttl("/ttl2", Vec::new(), acl, mode, hour).await;
        tell("TTL", made.map(|(path, stat)| (path, lasting(&stat))));
    }
    for path in ["/persistent", "/ephemeral", "/container", "/ttl"] {
        tell(path, client.exists(path, false).await.map(|stat| stat.map(|s| lasting(&s))));
    }
    tell("again", create(client, "/persistent", CreateMode::Container).await);
    tell("no parent", create(client, "/no/parent", CreateMode::Container).await);
    tell("below an ephemeral", create(client, "/ephemeral/child", CreateMode::Persistent).await);
    tell("a set", client.set_data("/persistent", b"other".to_vec(), Some(0)).await.map(|s| lasting(&s)));
    tell("a set too late", client.set_data("/persistent", Vec::new(), Some(0)).await.map(|s| lasting(&s)));
    tell("get", client.get_data("/persistent", false).await.map(|(data, stat)| (data, lasting(&stat))));
    tell("delete of a wrong version", client.delete("/persistent", Some(7)).await);
    tell("delete", client.delete("/persistent", Some(1)).await);
    tell("get of nothing", client.get_data("/persistent", false).await.map(|(data, _)| data));
    tell("a path", client.ensure_path_with_leaf_mode("/deep/down/leaf", CreateMode::Container).await);
    let children = client.get_children_recursive("/deep").await.map(|mut names| {
        names.sort();
        names
    });
    tell("below", children);
    tell("delete all", client.delete_recursive("/deep").await);
}

async fn access(client: &ZooKeeper, hosts: &str) {
    let own = Acl::creator_all();
    tell("no identity", client.create("/own", Vec::new(), own.clone(), CreateMode::Persistent).await);
    tell("an identity", client.add_auth("digest", b"gardener:rose".to_vec()).await);
    tell("own", client.create("/own", b"x".to_vec(), own.clone(), CreateMode::Persistent).await);
    tell("its list", client.get_acl("/own").await.map(|(acl, stat)| (acl, lasting(&stat))));
    let stranger = connect(hosts).await;
    tell("a stranger reads", stranger.get_data("/own", false).await.map(|(data, _)| data));
    let readers = vec![Acl::new(Permission::READ, "world", "anyone"), Acl::new(Permission::ALL, "auth", "")];
    tell("for readers", client.set_acl("/own", readers, Some(0)).await.map(|stat| lasting(&stat)));
    tell("a stranger reads", stranger.get_data("/own", false).await.map(|(data, _)| data));
    tell("a stranger writes", stranger.set_data("/own", Vec::new(), None).await.map(|stat| lasting(&stat)));
    tell("close", stranger.close().await);
}

/// A watch that tells of its event over a channel.
fn told(to: &Sender<String>) -> impl FnOnce(WatchedEvent) + Send + use<> {
    let to = to.clone();
    move |event| {
        let _ = to.send(format!("{:?} of {:?}", event.event_type, event.path));
    }
}

async fn watches(client: &ZooKeeper, writer: &ZooKeeper) {
    let (to, events) = channel();
    tell("a base", create(writer, "/watched", CreateMode::Container).await);
    tell("none yet", client.exists_w("/watched/one", told(&to)).await.map(|stat| stat.map(|s| lasting(&s))));
    tell("one", create(writer, "/watched/one", CreateMode::Persistent).await);
    next("made", &events);
    tell("watch data", client.get_data_w("/watched/one", told(&to)).await.map(|(data, _)| data));
    tell("set", writer.set_data("/watched/one", b"1".to_vec(), None).await.map(|stat| lasting(&stat)));
    next("set", &events);
    tell("watch children", client.get_children_w("/watched", told(&to)).await);
    tell("delete", writer.delete("/watched/one", None).await);
    next("children", &events);
}

async fn latches(client: &Arc<ZooKeeper>, hosts: &str) {
    let other = connect(hosts).await;
    let latch =
        |client: &Arc<ZooKeeper>, id: &str| LeaderLatch::new(client.clone(), id.into(), "/latch".into());
    let (first, second) = (latch(client, "first"), latch(&other, "second"));
    tell("first", first.start().await);
    tell("second", second.start().await);
    say("leads", (first.has_leadership(), second.has_leadership()));
    tell("first stops", first.stop().await);
    wait_until("second leads", || second.has_leadership());
    let third = latch(client, "third");
    tell("third", third.start().await);
    tell("second's session ends", other.close().await);
    wait_until("third leads", || third.has_leadership());
    tell("third stops", third.stop().await);
    tell("left over", client.get_children("/latch", false).await);
}

/// Whether in the end the lock has this number of holders and waiters.
async fn there_are(client: &ZooKeeper, count: usize) -> bool {
    let reached = async {
        while !client.get_children("/lock", false).await.is_ok_and(|names| names.len() == count) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.is_ok()
}

async fn locks(client: &Arc<ZooKeeper>, hosts: &str) {
    let held = lock(client.clone(), "/lock".into()).await.expect("a lock");
    let other = connect(hosts).await;
    let waiting = tokio::spawn(lock(other.clone(), "/lock".into()));
    say("both ask", there_are(client, 2).await);
    say("the second has it", waiting.is_finished());
    drop(held);
    let second = tokio::time::timeout(PATIENCE, waiting).await;
    say("then it has", matches!(second, Ok(Ok(Ok(_)))));
    drop(second); // its znode is deleted in the background
    say("it is given back", there_are(client, 0).await);
    tell("close", other.close().await);
}

async fn queue(client: &Arc<ZooKeeper>) {
    tell("a queue", create(client, "/queue", CreateMode::Container).await);
    let queue = DistributedQueue::new("/queue".into(), client.clone());
    for item in ["a", "b"] {
        tell("put", queue.put(item.into()).await);
    }
    tell("peek", queue.peek().await);
    for _ in 0..3 {
        tell("take", queue.try_take().await);
    }
}

/// The leader dies: the session goes on with its ephemerals.
async fn failover(client: &ZooKeeper) {
    have_leader_killed();
    let again = async {
        loop {
            match create(client, "/container/after", CreateMode::Persistent).await {
                Err(ZkError::ConnectionLoss | ZkError::OperationTimeout) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                outcome => return outcome,
            }
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, again).await;
    say("it goes on", matches!(outcome, Ok(Ok(_) | Err(ZkError::NodeExists))));
    tell("its ephemeral", client.exists("/ephemeral", false).await.map(|stat| stat.map(|s| lasting(&s))));
}
