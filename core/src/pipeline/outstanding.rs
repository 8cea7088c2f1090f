//! What is proposed but not yet applied: the leader validates against it (`outstandingChanges`).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::ids::{SessionId, Zxid};
use crate::tree::path_map::PathMap;
use crate::tree::store::Meta;
use crate::tree::{DataTree, Owner, digest};
use crate::wire::record::Acl;

/// A znode as it will be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Future {
    pub(super) meta: Meta,
    pub(super) children: u32,
    pub(super) acl: Arc<[Acl]>,
    pub(super) owner: Owner,
}

/// What a transaction makes of one znode (`ChangeRecord`): `None` if it deletes it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct ChangeRecord {
    zxid: Zxid,
    znode: Option<Future>,
}

/// Changes in the order they were proposed, and per path the newest one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Outstanding {
    newest: PathMap<ChangeRecord>,
    order: VecDeque<(Zxid, Arc<str>)>,
    /// Paths of the ephemerals that outstanding transactions create, by session and in order; some
    /// may be gone.
    ephemerals: BTreeMap<SessionId, VecDeque<Arc<str>>>,
    /// For each of these paths the transaction and the session, in order.
    creators: VecDeque<(Zxid, SessionId)>,
    /// The digest of the tree after everything outstanding.
    digest: u64,
    /// What the current transaction replaced, to be put back if it fails.
    undo: Vec<(Arc<str>, Option<ChangeRecord>)>,
    /// How many ephemerals the current transaction creates.
    created: usize,
    digest_before: u64,
}

impl Outstanding {
    /// Nothing is outstanding.
    pub(super) fn new(key: [u64; 2]) -> Self {
        Outstanding {
            newest: PathMap::new(key),
            order: VecDeque::new(),
            ephemerals: BTreeMap::new(),
            creators: VecDeque::new(),
            digest: 0,
            undo: Vec::new(),
            created: 0,
            digest_before: 0,
        }
    }

    /// A new transaction is being prepared.
    pub(super) fn begin(&mut self, tree: &DataTree) {
        if self.order.is_empty() {
            self.digest = tree.digest() as u64;
        }
        self.digest_before = self.digest;
        self.undo.clear();
        self.created = 0;
    }

    /// The request failed: its changes never were.
    pub(super) fn roll_back(&mut self) {
        self.digest = self.digest_before;
        self.order.truncate(self.order.len() - self.undo.len());
        for (path, before) in core::mem::take(&mut self.undo).into_iter().rev() {
            match before {
                Some(before) => drop(self.newest.insert(path, before)),
                None => drop(self.newest.remove(&path)),
            }
        }
        for _ in 0..core::mem::take(&mut self.created) {
            if let Some((_, session)) = self.creators.pop_back() {
                self.forget_ephemeral(session, VecDeque::pop_back);
            }
        }
    }

    /// The znode as it will be when everything outstanding is applied.
    pub(super) fn look(&self, tree: &DataTree, path: &str) -> Option<Future> {
        if let Some(record) = self.newest.get(path) {
            return record.znode.clone();
        }
        let node = tree.get(path)?;
        let meta = *node.meta();
        let acl = Arc::clone(tree.acl(&node));
        Some(Future { meta, children: node.num_children(), acl, owner: tree.owner(&meta) })
    }

    /// The transaction `zxid` makes this of the znode, which was `before`.
    pub(super) fn put(&mut self, zxid: Zxid, path: &str, before: Option<&Future>, after: Option<Future>) {
        let share = |znode: Option<&Future>| znode.map_or(0, |znode| digest::of_node(path, &znode.meta));
        self.digest = self.digest.wrapping_sub(share(before)).wrapping_add(share(after.as_ref()));
        let created = if before.is_none() { after.as_ref() } else { None };
        let session = match created.map(|znode| znode.owner) {
            Some(Owner::Session(session)) => Some(session),
            _ => None,
        };
        let (path, replaced) = self.newest.put(path, ChangeRecord { zxid, znode: after });
        if let Some(session) = session {
            self.ephemerals.entry(session).or_default().push_back(Arc::clone(&path));
            self.creators.push_back((zxid, session));
            self.created += 1;
        }
        self.undo.push((Arc::clone(&path), replaced));
        self.order.push_back((zxid, path));
    }

    /// The paths of znodes that will belong to the session, in order.
    pub(super) fn ephemerals(&self, tree: &DataTree, session: SessionId) -> Vec<Arc<str>> {
        let proposed = self.ephemerals.get(&session).into_iter().flatten();
        let mut paths: Vec<Arc<str>> = tree.owned().of_session(session).chain(proposed).cloned().collect();
        paths.sort_unstable();
        paths.dedup();
        paths
            .retain(|path| self.look(tree, path).is_some_and(|znode| znode.owner == Owner::Session(session)));
        paths
    }

    /// Everything up to `zxid` is applied. Each change and each ephemeral is looked at once.
    pub(super) fn applied(&mut self, zxid: Zxid) {
        while self.order.front().is_some_and(|(first, _)| *first <= zxid) {
            let Some((_, path)) = self.order.pop_front() else { break };
            self.newest.remove_if(&path, |record| record.zxid <= zxid);
        }
        while self.creators.front().is_some_and(|(first, _)| *first <= zxid) {
            let Some((_, session)) = self.creators.pop_front() else { break };
            self.forget_ephemeral(session, VecDeque::pop_front);
        }
    }

    fn forget_ephemeral(&mut self, session: SessionId, pop: fn(&mut VecDeque<Arc<str>>) -> Option<Arc<str>>) {
        if let Some(paths) = self.ephemerals.get_mut(&session) {
            pop(paths);
            if paths.is_empty() {
                self.ephemerals.remove(&session);
            }
        }
    }

    /// The digest of the tree after everything outstanding.
    pub(super) fn digest(&self) -> i64 {
        self.digest as i64
    }

    /// The digest of the tree before the current transaction.
    pub(super) fn digest_before(&self) -> i64 {
        self.digest_before as i64
    }

    /// How many changes are outstanding.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// How many ephemerals are remembered for sessions that may end.
    #[cfg(test)]
    pub(super) fn remembered_ephemerals(&self) -> usize {
        self.ephemerals.values().map(VecDeque::len).sum()
    }
}
