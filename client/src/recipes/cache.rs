//! A cache of a subtree for programs on tokio: [`Mirror`] with a task around it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use quorate_core::wire::record::Stat;
use tokio::sync::{mpsc, watch};

use super::machine::Input;
use super::mirror::{Mirror, Told};
use super::run::run;
use crate::client::{Client, Node};
use crate::session::Refusal;

/// What happened to a [`TreeCache`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CacheChange {
    /// A znode is new or has other data.
    Set(String),
    /// A znode is gone.
    Removed(String),
    /// The cache shows everything, for the first time or after a reconnect.
    InSync,
    /// The connection is lost: the cache may be behind.
    Behind,
}

/// Whether a cache shows what the servers have.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Standing {
    Behind,
    InSync,
    Over(Option<Refusal>),
}

type Nodes = Arc<RwLock<BTreeMap<String, Node>>>;

/// A copy of a znode and of everything below it, which follows the servers (since 3.6). Reading it asks no
/// server.
///
/// Right after a write of one's own the cache may be late. It shows some state of the servers, and never goes
/// back.
///
/// ```no_run
/// # async fn example(client: quorate_client::Client) {
/// use quorate_client::recipes::TreeCache;
///
/// let mut config = TreeCache::new(&client, "/config");
/// config.in_sync().await;
/// println!("{:?}", config.get("/config/colour").map(|node| node.data));
/// while let Some(change) = config.next().await {
///     println!("{change:?}");
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct TreeCache {
    nodes: Nodes,
    standing: watch::Receiver<Standing>,
    changes: mpsc::UnboundedReceiver<CacheChange>,
    /// Closed to stop.
    _stop: mpsc::Sender<Input>,
}

impl TreeCache {
    /// Copy this znode and what is below it, until this is dropped.
    pub fn new(client: &Client, root: impl Into<String>) -> Self {
        let (stop, stopped) = mpsc::channel(1);
        let (standing, seen) = watch::channel(Standing::Behind);
        let (sender, changes) = mpsc::unbounded_channel();
        let nodes = Nodes::default();
        let kept = Arc::clone(&nodes);
        let tell = move |told: Told| {
            let change = match told {
                Told::Set { path, data, stat } => Some(set(&kept, path, data, stat)),
                Told::Removed(path) => {
                    kept.write().unwrap_or_else(PoisonError::into_inner).remove(&path);
                    Some(CacheChange::Removed(path))
                }
                Told::InSync => {
                    drop(standing.send_replace(Standing::InSync));
                    Some(CacheChange::InSync)
                }
                Told::Behind => {
                    drop(standing.send_replace(Standing::Behind));
                    Some(CacheChange::Behind)
                }
                Told::Stopped => {
                    drop(standing.send_replace(Standing::Over(None)));
                    None
                }
                Told::Failed(refusal) => {
                    drop(standing.send_replace(Standing::Over(Some(refusal))));
                    None
                }
            };
            // Without a cache there is no one to tell.
            change.is_none_or(|change| sender.send(change).is_err())
        };
        drop(tokio::spawn(run(client.clone(), Mirror::new(root), stopped, tell)));
        TreeCache { nodes, standing: seen, changes, _stop: stop }
    }

    /// A znode as it was when it was told last.
    pub fn get(&self, path: &str) -> Option<Node> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// Everything that is there, by path.
    pub fn nodes(&self) -> BTreeMap<String, Node> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the cache has everything, as far as is known.
    pub fn is_in_sync(&self) -> bool {
        *self.standing.borrow() == Standing::InSync
    }

    /// Wait until the cache has everything; whether it ever will. It ends with the session.
    pub async fn in_sync(&self) -> bool {
        let mut standing = self.standing.clone();
        let seen = standing.wait_for(|standing| *standing != Standing::Behind).await;
        seen.is_ok_and(|seen| *seen == Standing::InSync)
    }

    /// The next change; `None` once the session is over. Changes wait here until they are taken.
    pub async fn next(&mut self) -> Option<CacheChange> {
        self.changes.recv().await
    }

    /// Why the cache has ended, if a server refused what it needs or the session is over.
    pub fn refusal(&self) -> Option<Refusal> {
        if let Standing::Over(refusal) = &*self.standing.borrow() { refusal.clone() } else { None }
    }
}

fn set(nodes: &Nodes, path: String, data: Option<Bytes>, stat: Stat) -> CacheChange {
    // A cache keeps data for long, and so not the whole frame in which it came.
    let data = Bytes::copy_from_slice(&data.unwrap_or_default());
    nodes.write().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), Node { data, stat });
    CacheChange::Set(path)
}
