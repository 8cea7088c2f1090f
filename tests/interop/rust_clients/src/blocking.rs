//! The crate `zookeeper`: calls that block. It has no multi.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use zookeeper::recipes::cache::PathChildrenCache;
use zookeeper::recipes::leader::LeaderLatch;
use zookeeper::recipes::queue::ZkQueue;
use zookeeper::{
    Acl, AddWatchMode, CreateMode, Permission, Stat, WatchedEvent, WatcherType, ZkError, ZkResult, ZooKeeper,
    ZooKeeperExt,
};

use crate::transcript::{have_leader_killed, next, say, tell, wait_until};

const SESSION: Duration = Duration::from_secs(8);

pub(crate) fn run(hosts: &str) {
    let root = connect(hosts);
    create(&root, "/blocking", CreateMode::Container).expect("a container for all that follows");
    let hosts = &format!("{hosts}/blocking");
    let client = connect(hosts);
    znodes(&client);
    access(&client, hosts);
    watches(&client, &connect(hosts));
    latches(&client, hosts);
    queue(&client);
    failover(&client, hosts);
    let gone = || root.exists("/blocking/ephemeral", false).is_ok_and(|stat| stat.is_none());
    tell("close", client.close());
    wait_until("the ephemeral of the closed session is gone", gone);
    tell("delete all", root.delete_recursive("/blocking"));
}

fn connect(hosts: &str) -> Arc<ZooKeeper> {
    Arc::new(ZooKeeper::connect(hosts, SESSION, |_: WatchedEvent| {}).expect("a session"))
}

fn create(client: &ZooKeeper, path: &str, mode: CreateMode) -> ZkResult<String> {
    client.create(path, b"data".to_vec(), Acl::open_unsafe().clone(), mode)
}

/// What a stat says that is the same in every run.
fn lasting(stat: &Stat) -> String {
    let owned = stat.ephemeral_owner != 0;
    let Stat { version, cversion, aversion, data_length, num_children, .. } = stat;
    format!(
        "versions {version} {cversion} {aversion}, {data_length} bytes, {num_children} children, owned {owned}"
    )
}

fn znodes(client: &ZooKeeper) {
    for (name, mode) in [
        ("persistent", CreateMode::Persistent),
        ("ephemeral", CreateMode::Ephemeral),
        ("persistent-", CreateMode::PersistentSequential),
        ("ephemeral-", CreateMode::EphemeralSequential),
        ("container", CreateMode::Container),
    ] {
        let made = create(client, &format!("/{name}"), mode);
        let seen =
            made.as_ref().ok().map(|path| client.exists(path, false).map(|stat| stat.map(|s| lasting(&s))));
        tell(name, made);
        say(name, seen);
    }
    tell("again", create(client, "/persistent", CreateMode::Persistent));
    tell("a container again", create(client, "/container", CreateMode::Container));
    tell("no parent", create(client, "/no/parent", CreateMode::Container));
    tell("below an ephemeral", create(client, "/ephemeral/child", CreateMode::Persistent));
    tell("below a container", create(client, "/container/child", CreateMode::Ephemeral));
    tell("a set", client.set_data("/persistent", b"other".to_vec(), Some(0)).map(|stat| lasting(&stat)));
    tell("a set too late", client.set_data("/persistent", Vec::new(), Some(0)).map(|stat| lasting(&stat)));
    tell("get", client.get_data("/persistent", false).map(|(data, stat)| (data, lasting(&stat))));
    tell("delete of a full one", client.delete("/container", None));
    tell("delete of a wrong version", client.delete("/persistent", Some(7)));
    tell("delete", client.delete("/persistent", Some(1)));
    tell("get of nothing", client.get_data("/persistent", false).map(|(data, _)| data));
    let children = client.get_children("/", false).map(|mut names| {
        names.sort();
        names
    });
    tell("children", children);
}

fn access(client: &ZooKeeper, hosts: &str) {
    tell(
        "no identity",
        client.create("/own", Vec::new(), Acl::creator_all().clone(), CreateMode::Persistent),
    );
    tell("an identity", client.add_auth("digest", b"gardener:rose".to_vec()));
    tell("own", client.create("/own", b"x".to_vec(), Acl::creator_all().clone(), CreateMode::Persistent));
    tell("its list", client.get_acl("/own").map(|(acl, stat)| (acl, lasting(&stat))));
    let stranger = connect(hosts);
    tell("a stranger reads", stranger.get_data("/own", false).map(|(data, _)| data));
    let readers = vec![Acl::new(Permission::READ, "world", "anyone"), Acl::new(Permission::ALL, "auth", "")];
    tell("for readers", client.set_acl("/own", readers, Some(0)).map(|stat| lasting(&stat)));
    tell("a stranger reads", stranger.get_data("/own", false).map(|(data, _)| data));
    tell("a stranger writes", stranger.set_data("/own", Vec::new(), None).map(|stat| lasting(&stat)));
    tell("an empty list", client.create("/none", Vec::new(), Vec::new(), CreateMode::Persistent));
    tell("close", stranger.close());
}

/// A watch that tells of its events over a channel.
fn told(to: &Sender<String>) -> impl Fn(WatchedEvent) + Send + use<> {
    let to = to.clone();
    move |event| {
        let _ = to.send(format!("{:?} of {:?}", event.event_type, event.path));
    }
}

fn watches(client: &ZooKeeper, writer: &ZooKeeper) {
    let (to, events) = channel();
    tell("a base", create(writer, "/watched", CreateMode::Container));
    tell("none yet", client.exists_w("/watched/one", told(&to)).map(|stat| stat.map(|s| lasting(&s))));
    tell("one", create(writer, "/watched/one", CreateMode::Persistent));
    next("made", &events);
    tell("watch data", client.get_data_w("/watched/one", told(&to)).map(|(data, _)| data));
    tell("set", writer.set_data("/watched/one", b"1".to_vec(), None).map(|stat| lasting(&stat)));
    next("set", &events);
    tell("watch children", client.get_children_w("/watched", told(&to)));
    tell("delete", writer.delete("/watched/one", None));
    next("children", &events);
    for (mode, kind) in [
        (AddWatchMode::Persistent, WatcherType::Persistent),
        (AddWatchMode::PersistentRecursive, WatcherType::PersistentRecursive),
    ] {
        let (to, events) = channel();
        tell("add a watch", client.add_watch("/watched", mode, told(&to)));
        for path in ["/watched", "/watched"] {
            tell("set", writer.set_data(path, b"2".to_vec(), None).map(|_| ()));
            next("set", &events);
        }
        tell("a child", create(writer, "/watched/child", CreateMode::Persistent));
        next("a child", &events);
        tell("delete", writer.delete("/watched/child", None));
        next("delete", &events);
        tell("remove the watch", client.remove_watches("/watched", kind));
    }
    tell("no such watch", client.remove_watches("/watched", WatcherType::Any));
}

fn latches(client: &Arc<ZooKeeper>, hosts: &str) {
    let other = connect(hosts);
    let latch =
        |client: &Arc<ZooKeeper>, id: &str| LeaderLatch::new(client.clone(), id.into(), "/latch".into());
    let (first, second) = (latch(client, "first"), latch(&other, "second"));
    tell("first", first.start());
    tell("second", second.start());
    say("leads", (first.has_leadership(), second.has_leadership()));
    tell("first stops", first.stop());
    wait_until("second leads", || second.has_leadership());
    let third = latch(client, "third");
    tell("third", third.start());
    say("leads", (second.has_leadership(), third.has_leadership()));
    tell("second's session ends", other.close());
    wait_until("third leads", || third.has_leadership());
    tell("third stops", third.stop());
    tell("left over", client.get_children("/latch", false));
}

fn queue(client: &Arc<ZooKeeper>) {
    let queue = ZkQueue::new(client.clone(), "/queue".into()).expect("a queue");
    for item in ["a", "b", "c"] {
        tell("offer", queue.offer(item.into()));
    }
    tell("peek", queue.peek());
    tell("take", queue.take());
    tell("poll", queue.poll());
    tell("take", queue.take());
    tell("poll", queue.poll());
}

/// The leader dies: the session goes on with its ephemerals and watches.
fn failover(client: &Arc<ZooKeeper>, hosts: &str) {
    let mut cache = PathChildrenCache::new(client.clone(), "/queue").expect("a cache");
    tell("a cache", cache.start());
    have_leader_killed();
    let mut outcome: ZkResult<String> = Err(ZkError::ConnectionLoss);
    wait_until("it goes on", || {
        outcome = create(client, "/container/after", CreateMode::Persistent);
        !matches!(outcome, Err(ZkError::ConnectionLoss | ZkError::OperationTimeout))
    });
    say("after", matches!(outcome, Ok(_) | Err(ZkError::NodeExists)));
    tell("its ephemeral", client.exists("/ephemeral", false).map(|stat| stat.map(|s| lasting(&s))));
    let other = connect(hosts);
    tell("another's", create(&other, "/queue/item", CreateMode::Ephemeral));
    wait_until("the cache sees it", || cache.get_current_data().contains_key("/queue/item"));
    tell("close", other.close());
    wait_until("the cache sees it go", || !cache.get_current_data().contains_key("/queue/item"));
}
