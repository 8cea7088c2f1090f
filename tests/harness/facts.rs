//! What one server holds, read from that server alone.

use std::collections::BTreeMap;

use super::ensemble::Ensemble;

/// The children of a znode: name → data and czxid.
pub(crate) type Contents = BTreeMap<String, (Vec<u8>, u64)>;

/// The children of `path` as server `id` has them after a sync.
#[track_caller]
pub(crate) fn contents(ensemble: &Ensemble, id: u64, path: &str) -> Contents {
    let mut client = ensemble.connect(id);
    client.sync().expect("a server that serves can sync");
    let names = client.children(path, false).expect("the parent is there");
    let parent = if path == "/" { "" } else { path };
    let read = |name: String| {
        let (data, stat) = client.get(&format!("{parent}/{name}"), false).expect("the child is there");
        (name, (data, stat.czxid.0))
    };
    let contents = names.into_iter().map(read).collect();
    client.close().expect("the session can be closed");
    contents
}
