//! The client's copy of a subtree while others change it and servers are killed.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_client::Client;
use quorate_client::recipes::{CacheChange, TreeCache};

use crate::harness::{Rng, Setup, run, seed};

/// Everything below a znode, as a server has it.
async fn below(client: &Client, root: &str) -> BTreeMap<String, (Vec<u8>, u64)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let node = client.get(&*path).await.unwrap();
        let children = client.children(&*path).await.unwrap();
        waiting.extend(children.names.iter().map(|name| format!("{path}/{name}")));
        found.insert(path, (node.data.to_vec(), node.stat.mzxid.0));
    }
    found
}

#[test]
fn the_cache_is_the_tree_once_that_is_still() {
    let mut ensemble = Setup::voters(3).start();
    let servers = ensemble.cluster(&ensemble.ids());
    let seed = seed();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = runtime.block_on(Client::connect(&servers)).unwrap();
    runtime.block_on(client.ensure("/tree/0/0")).unwrap();
    let cache = runtime.block_on(async { TreeCache::new(&client, "/tree") });
    assert!(run(cache.in_sync()));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = runtime.spawn(async move {
        let client = Client::connect(&servers).await.unwrap();
        let mut rng = Rng::new(seed);
        let mut count = 0u32;
        while !*stopped.borrow() || count < 500 {
            count += 1;
            let path = format!("/tree/{}/{}", rng.below(3), rng.below(3));
            // Most of them fail, of which nothing follows.
            let _ = match rng.below(4) {
                0 => client.create(&*path).data(count.to_string()).parents().await.map(drop),
                1 => client.delete(&*path).await,
                2 => client.delete(path.trim_end_matches(|c| c != '/').trim_end_matches('/')).await,
                _ => client.set(&*path, count.to_string()).await.map(drop),
            };
        }
        client
    });
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(200));
        ensemble.replace_leader();
    }
    stop.send(true).unwrap();
    let other = run(writer).unwrap();
    let expected = runtime.block_on(async {
        other.sync("/").await.unwrap();
        below(&other, "/tree").await
    });
    // Its own connection may be behind, and its events on their way.
    let shown = || -> BTreeMap<String, (Vec<u8>, u64)> {
        let nodes = cache.nodes().into_iter();
        nodes.map(|(path, node)| (path, (node.data.to_vec(), node.stat.mzxid.0))).collect()
    };
    let same = crate::harness::eventually(crate::harness::PATIENCE, || shown() == expected);
    assert!(same, "{:?}\nis not\n{expected:?}", shown());
}

#[test]
fn changes_are_told_in_order() {
    let ensemble = Setup::voters(1).start();
    run(async {
        let client = Client::connect(&ensemble.cluster(&[1])).await.unwrap();
        client.ensure("/app/a").await.unwrap();
        let mut cache = TreeCache::new(&client, "/app");
        let set = |path: &str| CacheChange::Set(path.to_owned());
        for change in [set("/app"), set("/app/a"), CacheChange::InSync] {
            assert_eq!(cache.next().await, Some(change));
        }
        client.create("/app/a/b").data("x").await.unwrap();
        assert_eq!(cache.next().await, Some(set("/app/a/b")));
        assert_eq!(cache.get("/app/a/b").unwrap().data, "x");
        client.delete_all("/app/a").await.unwrap();
        for path in ["/app/a/b", "/app/a"] {
            assert_eq!(cache.next().await, Some(CacheChange::Removed(path.to_owned())));
        }
        assert_eq!(cache.nodes().len(), 1);
        client.close().await;
        assert_eq!(cache.next().await, None);
        assert!(cache.refusal().is_some());
    });
}
