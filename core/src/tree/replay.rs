//! What replay tolerates: the one place for transactions whose effects are there already.
//!
//! A snapshot that ZooKeeper wrote while it served (a fuzzy snapshot) may contain any effects of
//! the transactions behind its zxid. Replaying those must end in the same tree:
//!
//! | transaction | finds | does |
//! |---|---|---|
//! | create | the znode | keeps it, gives it the transaction's ACL (ZOOKEEPER-4846), raises the parent's cversion and pzxid |
//! | delete | nothing | raises the parent's pzxid (`DataTree::delete`) |
//! | delete | children that were created later | keeps the znode: a later transaction created it again |
//! | setData, setACL | nothing | nothing |
//! | setData, setACL | its own effect | the same again: versions are absolute |
//!
//! On a server that started from its own snapshots none of this happens: they are not fuzzy.

use super::data_tree::DataTree;
use super::path::parent;
use super::store::NodeId;
use crate::ids::Zxid;
use crate::wire::record::Acl;

impl DataTree {
    /// The znode to be created is there: it gets the list of the transaction.
    pub(super) fn create_again(&mut self, id: NodeId, acl: &[Acl]) {
        let new = self.acls.acquire(acl);
        let mut node = self.store.node_mut(id);
        let old = core::mem::replace(&mut node.meta_mut().acl, new);
        self.acls.release(old);
    }

    /// After a create (type 1) found its znode. The parent may have been written to the snapshot before the
    /// znode, and still lacks the child's creation in its cversion (ZOOKEEPER-3249).
    pub fn mend_parent(&mut self, path: &str, parent_cversion: i32, zxid: Zxid) {
        let Some(parent) = parent(path) else { return };
        if let Some(id) = self.store.find(parent) {
            self.raise_cversion(id, parent, parent_cversion, zxid);
        }
    }
}
