//! The leader deletes containers that are empty and TTL znodes whose time is over
//! (`ContainerManager`).

use super::message::ClientRequest;
use super::tree_service::{Fx, TreeService};
use crate::ids::{Now, SessionId};
use crate::payload::Effect;
use crate::tree::Owner;
use crate::tree::store::Node;
use crate::wire::client::{OpCode, PathRequest, Request};

impl TreeService {
    /// Every check interval: submit the deletion of what has had its time. The clock is the wall's;
    /// a TTL counts from the last change of the data.
    pub(super) fn reap(&mut self, now: Now, fx: &mut Fx) {
        let interval = self.settings.container_check_interval_ms;
        let Some(leading) = &mut self.leading else { return };
        if now.elapsed_ms.saturating_sub(leading.reaped_at) < interval {
            return;
        }
        leading.reaped_at = now.elapsed_ms;
        let over = self
            .state
            .tree
            .owned()
            .expiring()
            .filter(|path| self.state.tree.get(path).is_some_and(|node| self.is_over(now, &node)));
        for path in over.take(self.settings.container_max_per_check) {
            let body = Request::DeleteContainer(PathRequest { path: (&**path).into() }).body();
            fx.push(Effect::Submit(ClientRequest::internal(SessionId(0), OpCode::DeleteContainer, body)));
        }
    }

    fn is_over(&self, now: Now, node: &Node<'_>) -> bool {
        let meta = node.meta();
        let age = now.wall_ms.saturating_sub(meta.mtime);
        let never_used = self.settings.container_max_never_used_ms;
        node.num_children() == 0
            && match self.state.tree.owner(meta) {
                Owner::Container => meta.cversion > 0 || never_used > 0 && age > never_used,
                Owner::Ttl(ttl) => age > ttl,
                Owner::Nobody | Owner::Session(_) => false,
            }
    }
}
