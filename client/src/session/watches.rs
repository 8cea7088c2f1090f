//! The watches that servers have said to be set, and what sets them again.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use quorate_core::tree::path;
use quorate_core::wire::client::{EventType, Request, SetWatchesRequest};

use super::io::WatchKinds;

/// A `setWatches` stays below this, in bytes, as those of ZooKeeper's own client do: every server takes it.
pub const SET_WATCHES_LIMIT: usize = 128 << 10;

/// What a `setWatches2` has besides paths: header, zxid, five counts.
const FIXED: usize = 8 + 8 + 5 * 4;

/// Which watches are set on which paths, as servers know them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Watches(BTreeMap<String, WatchKinds>);

impl Watches {
    pub(super) fn set(&mut self, path: &str, kinds: WatchKinds) {
        match self.0.get_mut(path) {
            Some(set) => *set = set.with(kinds),
            None => drop(self.0.insert(path.to_owned(), kinds)),
        }
    }

    pub(super) fn remove(&mut self, path: &str, kinds: WatchKinds) {
        if let Some(set) = self.0.get_mut(path) {
            *set = set.without(kinds);
            if set.is_empty() {
                self.0.remove(path);
            }
        }
    }

    pub(super) fn at(&self, path: &str) -> WatchKinds {
        self.0.get(path).copied().unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The watches of a path that an event means, and whether a recursive one above it or there is meant.
    /// Watches that fire once are gone then.
    pub(super) fn fire(&mut self, event: EventType, path: &str) -> (WatchKinds, bool) {
        let may = may_mean(event);
        let meant = self.at(path).and(may);
        self.remove(path, meant.and(WatchKinds::ONCE));
        let recursive = may.contains(WatchKinds::RECURSIVE) && self.has_recursive(path);
        (meant, recursive)
    }

    fn has_recursive(&self, path: &str) -> bool {
        let mut at = path;
        loop {
            if self.at(at).contains(WatchKinds::RECURSIVE) {
                return true;
            }
            match path::parent(at) {
                Some(parent) if at != path::ROOT => at = parent,
                _ => return false,
            }
        }
    }

    /// Requests that set all of them again, each below [`SET_WATCHES_LIMIT`] unless one path alone is longer.
    pub(super) fn requests(&self, relative_zxid: i64) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut batch = Batch::new(relative_zxid);
        for (path, kinds) in &self.0 {
            for (kind, list) in LISTS {
                if kinds.contains(kind) {
                    if batch.len + 4 + path.len() >= SET_WATCHES_LIMIT && batch.len > FIXED {
                        requests.push(core::mem::replace(&mut batch, Batch::new(relative_zxid)).request());
                    }
                    batch.len += 4 + path.len();
                    list(&mut batch.watches).push(path.clone());
                }
            }
        }
        if batch.len > FIXED {
            requests.push(batch.request());
        }
        requests
    }
}

type List = fn(&mut SetWatchesRequest) -> &mut Vec<String>;

/// In which list of a `setWatches2` each kind stands.
const LISTS: [(WatchKinds, List); 5] = [
    (WatchKinds::DATA, |w| &mut w.data),
    (WatchKinds::EXIST, |w| &mut w.exist),
    (WatchKinds::CHILD, |w| &mut w.child),
    (WatchKinds::PERSISTENT, |w| &mut w.persistent),
    (WatchKinds::RECURSIVE, |w| &mut w.persistent_recursive),
];

struct Batch {
    watches: SetWatchesRequest,
    len: usize,
}

impl Batch {
    fn new(relative_zxid: i64) -> Self {
        Batch { watches: SetWatchesRequest { relative_zxid, ..SetWatchesRequest::default() }, len: FIXED }
    }

    /// Servers before 3.6 know the older form only, which has no persistent watches.
    fn request(self) -> Request {
        if self.watches.persistent.is_empty() && self.watches.persistent_recursive.is_empty() {
            Request::SetWatches(self.watches)
        } else {
            Request::SetWatches2(self.watches)
        }
    }
}

/// The kinds of watches that an event of this type can mean.
const fn may_mean(event: EventType) -> WatchKinds {
    let stay = WatchKinds::PERSISTENT.with(WatchKinds::RECURSIVE);
    match event {
        EventType::NodeCreated | EventType::NodeDataChanged => {
            stay.with(WatchKinds::DATA).with(WatchKinds::EXIST)
        }
        EventType::NodeDeleted => WatchKinds::ALL,
        EventType::NodeChildrenChanged => WatchKinds::CHILD.with(WatchKinds::PERSISTENT),
        _ => WatchKinds::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;
    use quorate_core::wire::client::OpCode;

    #[test]
    fn which_watches_an_event_means() {
        use EventType::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};
        let once = |kinds: WatchKinds| kinds.and(WatchKinds::ONCE);
        for (event, meant) in [
            (NodeCreated, WatchKinds::DATA.with(WatchKinds::EXIST)),
            (NodeDataChanged, WatchKinds::DATA.with(WatchKinds::EXIST)),
            (NodeDeleted, WatchKinds::ONCE),
            (NodeChildrenChanged, WatchKinds::CHILD),
        ] {
            let mut watches = Watches::default();
            watches.set("/a", WatchKinds::ALL);
            let (kinds, recursive) = watches.fire(event, "/a");
            assert_eq!(once(kinds), meant, "{event:?}");
            assert!(kinds.contains(WatchKinds::PERSISTENT));
            assert_eq!(recursive, event != NodeChildrenChanged);
            assert_eq!(watches.at("/a"), WatchKinds::ALL.without(meant));
        }
    }

    #[test]
    fn a_recursive_watch_is_for_everything_below() {
        let mut watches = Watches::default();
        watches.set("/a", WatchKinds::RECURSIVE);
        assert_eq!(watches.fire(EventType::NodeCreated, "/a/b/c"), (WatchKinds::NONE, true));
        assert_eq!(watches.fire(EventType::NodeCreated, "/ab"), (WatchKinds::NONE, false));
        assert_eq!(watches.fire(EventType::NodeChildrenChanged, "/a/b"), (WatchKinds::NONE, false));
        watches.set("/", WatchKinds::RECURSIVE);
        assert_eq!(watches.fire(EventType::NodeCreated, "/ab"), (WatchKinds::NONE, true));
    }

    #[test]
    fn the_older_form_is_used_where_it_will_do() {
        let mut watches = Watches::default();
        assert_eq!(watches.requests(7), vec![]);
        watches.set("/a", WatchKinds::DATA.with(WatchKinds::CHILD));
        assert_eq!(watches.requests(7).iter().map(Request::op).collect::<Vec<_>>(), [OpCode::SetWatches]);
        watches.set("/b", WatchKinds::PERSISTENT);
        assert_eq!(watches.requests(7).iter().map(Request::op).collect::<Vec<_>>(), [OpCode::SetWatches2]);
    }

    proptest! {
        #[test]
        fn every_watch_is_set_again_in_frames_below_the_limit(
            lens in proptest::collection::vec((1usize..40_000, 1u8..32), 0..12)
        ) {
            let mut watches = Watches::default();
            for (i, (len, kinds)) in lens.iter().enumerate() {
                let kinds = LISTS.iter().enumerate().filter(|(bit, _)| kinds >> bit & 1 == 1);
                let kinds = kinds.fold(WatchKinds::NONE, |all, (_, (kind, _))| all.with(*kind));
                watches.set(&["/", &i.to_string(), "-", &"x".repeat(*len)].concat(), kinds);
            }
            let mut again = Watches::default();
            for request in watches.requests(5) {
                prop_assert!(8 + request.body().len() < SET_WATCHES_LIMIT);
                let (Request::SetWatches(mut r) | Request::SetWatches2(mut r)) = request else { panic!() };
                prop_assert_eq!(r.relative_zxid, 5);
                for (kind, list) in LISTS {
                    for path in list(&mut r) {
                        prop_assert!(!again.at(path).contains(kind), "twice");
                        again.set(path, kind);
                    }
                }
            }
            prop_assert_eq!(again, watches);
        }
    }
}
