//! What a caller holds of a watch, and which watches an event is for.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use quorate_core::tree::path;
use quorate_core::wire::client::EventType;
use tokio::sync::{mpsc, oneshot};

use crate::session::{WatchEvent, WatchKinds, chroot};

/// What happened to a znode that is watched.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Change {
    /// What happened.
    pub event: EventType,
    /// To which znode.
    pub path: String,
    /// The transaction that did it. Servers before 3.9 do not say, and none says it of a change that is made
    /// up for after a reconnect.
    pub zxid: Option<i64>,
}

impl Change {
    /// The change for a user for whom paths begin behind this.
    fn below(&self, root: Option<&str>) -> Change {
        let path = root.map_or(self.path.as_str(), |root| chroot::inside(root, &self.path));
        Change { event: self.event, path: path.to_owned(), zxid: self.zxid }
    }
}

/// The session is over, and the watch with it: nothing more will be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WatchLost;

impl fmt::Display for WatchLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session is over, and its watches with it")
    }
}

impl std::error::Error for WatchLost {}

/// A watch that fires once: a future of the change. It survives reconnects.
#[derive(Debug)]
pub struct Watch(oneshot::Receiver<Change>);

impl Future for Watch {
    type Output = Result<Change, WatchLost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| WatchLost)
    }
}

/// A watch that stays: a stream of changes, which ends with the session. It survives reconnects, but changes
/// while there is no connection are not told: look at the znodes again after [`State::Reconnected`].
///
/// Changes wait here until they are taken, in any number.
///
/// [`State::Reconnected`]: crate::session::State::Reconnected
#[derive(Debug)]
pub struct Changes(mpsc::UnboundedReceiver<Change>);

impl Changes {
    /// The next change; `None` once the session is over or the watch was removed.
    pub async fn next(&mut self) -> Option<Change> {
        self.0.recv().await
    }
}

impl Stream for Changes {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Change>> {
        self.0.poll_recv(cx)
    }
}

/// What listens to a watch.
#[derive(Debug)]
pub(crate) enum Ears {
    Once(Watch),
    Many(Changes),
}

impl Ears {
    /// The next change; `None` if there will be none.
    pub(crate) async fn next(&mut self) -> Option<Change> {
        match self {
            Ears::Once(watch) => watch.await.ok(),
            Ears::Many(changes) => changes.next().await,
        }
    }
}

/// Where changes go.
#[derive(Debug)]
pub(crate) enum Sink {
    Once(oneshot::Sender<Change>),
    Many(mpsc::UnboundedSender<Change>),
}

impl Sink {
    fn is_closed(&self) -> bool {
        match self {
            Sink::Once(sender) => sender.is_closed(),
            Sink::Many(sender) => sender.is_closed(),
        }
    }
}

/// A watch that is registered if its operation succeeds.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) path: String,
    /// What it is if the znode is there.
    pub(crate) kind: WatchKinds,
    /// What it is if the znode is not there.
    pub(crate) absent: WatchKinds,
    pub(crate) sink: Sink,
    /// What the path begins with, which the user of the watch does not know.
    pub(crate) root: Option<Arc<str>>,
}

impl Wish {
    pub(crate) fn once(path: &str, kind: WatchKinds, absent: WatchKinds) -> (Wish, Watch) {
        let (sender, receiver) = oneshot::channel();
        (Wish { path: path.to_owned(), kind, absent, sink: Sink::Once(sender), root: None }, Watch(receiver))
    }

    pub(crate) fn many(path: &str, kind: WatchKinds) -> (Wish, Changes) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let sink = Sink::Many(sender);
        let (path, absent) = (path.to_owned(), WatchKinds::NONE);
        (Wish { path, kind, absent, sink, root: None }, Changes(receiver))
    }

    /// A wish of a user for whom paths begin behind this.
    pub(crate) fn below(mut self, root: &Arc<str>) -> Self {
        self.path = chroot::outside(root, &self.path).into_owned();
        self.root = Some(Arc::clone(root));
        self
    }
}

#[derive(Debug)]
struct Watcher {
    kind: WatchKinds,
    sink: Sink,
    root: Option<Arc<str>>,
}

/// The watches of a session's users.
#[derive(Debug, Default)]
pub(crate) struct Watchers(HashMap<String, Vec<Watcher>>);

impl Watchers {
    /// Add the watch of a wish: of this kind.
    pub(crate) fn add(&mut self, wish: Wish, kind: WatchKinds) {
        let Wish { path, sink, root, .. } = wish;
        let at = self.0.entry(path).or_default();
        // What is not waited for any more goes when there is something new.
        at.retain(|watcher| !watcher.sink.is_closed());
        at.push(Watcher { kind, sink, root });
    }

    /// The watches of these kinds on a path are gone.
    pub(crate) fn remove(&mut self, path: &str, kinds: WatchKinds) {
        if let Some(at) = self.0.get_mut(path) {
            at.retain(|watcher| !kinds.contains(watcher.kind));
            if at.is_empty() {
                self.0.remove(path);
            }
        }
    }

    /// The session is over.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Tell all that an event is for.
    pub(crate) fn tell(&mut self, event: &WatchEvent) {
        let change = Change { event: event.event, path: event.path.clone(), zxid: event.zxid };
        self.tell_at(&event.path, event.kinds.without(WatchKinds::RECURSIVE), &change);
        if event.recursive {
            let mut at = event.path.as_str();
            loop {
                self.tell_at(at, WatchKinds::RECURSIVE, &change);
                match path::parent(at) {
                    Some(parent) if at != path::ROOT => at = parent,
                    _ => break,
                }
            }
        }
    }

    fn tell_at(&mut self, path: &str, kinds: WatchKinds, change: &Change) {
        let Some(at) = self.0.get_mut(path) else { return };
        let mut kept = Vec::with_capacity(at.len());
        for Watcher { kind, sink, root } in at.drain(..) {
            if !kinds.contains(kind) {
                kept.push(Watcher { kind, sink, root });
                continue;
            }
            let change = change.below(root.as_deref());
            match sink {
                // A caller that has gone does not need to know.
                Sink::Once(sender) => drop(sender.send(change)),
                Sink::Many(sender) => {
                    if sender.send(change).is_ok() {
                        kept.push(Watcher { kind, sink: Sink::Many(sender), root });
                    }
                }
            }
        }
        *at = kept;
        if at.is_empty() {
            self.0.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event: EventType, path: &str, kinds: WatchKinds, recursive: bool) -> WatchEvent {
        WatchEvent { event, path: path.to_owned(), zxid: Some(1), kinds, recursive }
    }

    #[test]
    fn each_watch_is_told_what_it_is_for() {
        let mut watchers = Watchers::default();
        let mut add = |path: &str, kind| {
            let (wish, changes) = Wish::many(path, kind);
            watchers.add(wish, kind);
            changes
        };
        let mut root = add("/", WatchKinds::RECURSIVE);
        let mut above = add("/a", WatchKinds::RECURSIVE);
        let mut same = add("/a/b", WatchKinds::PERSISTENT);
        let mut data = add("/a/b", WatchKinds::DATA);
        let mut beside = add("/ab", WatchKinds::RECURSIVE);
        let both = WatchKinds::PERSISTENT.with(WatchKinds::RECURSIVE);
        watchers.tell(&event(EventType::NodeDataChanged, "/a/b", WatchKinds::PERSISTENT, true));
        watchers.tell(&event(EventType::NodeCreated, "/a/b", both, false));
        let count = |changes: &mut Changes| std::iter::from_fn(|| changes.0.try_recv().ok()).count();
        assert_eq!([&mut root, &mut above, &mut same, &mut data, &mut beside].map(count), [1, 1, 2, 0, 0]);
        drop(root);
        watchers.tell(&event(EventType::NodeDataChanged, "/x", WatchKinds::NONE, true));
        assert!(!watchers.0.contains_key("/"));
        watchers.remove("/a/b", WatchKinds::PERSISTENT);
        assert!(matches!(same.0.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
        watchers.clear();
        assert!(watchers.0.is_empty());
    }

    #[test]
    fn one_event_is_told_once_where_a_znode_has_both_kinds() {
        let mut watchers = Watchers::default();
        let (wish, mut changes) = Wish::many("/a", WatchKinds::RECURSIVE);
        let kind = wish.kind;
        watchers.add(wish, kind);
        let kinds = WatchKinds::RECURSIVE.with(WatchKinds::DATA);
        watchers.tell(&event(EventType::NodeDeleted, "/a", kinds, true));
        assert!(changes.0.try_recv().is_ok());
        assert!(changes.0.try_recv().is_err(), "told twice");
    }
}
