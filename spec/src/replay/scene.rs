//! What the properties see of a replay.

use quorate_core::LearnerStatus;
use quorate_core::ids::{Epoch, Zxid};

use super::merged::Merged;
use crate::properties::Scene;
use crate::world::Ghost;

impl Scene for Merged<'_> {
    type Txn = u64;

    fn servers(&self) -> usize {
        self.servers.len()
    }

    fn ghost(&self) -> &Ghost<u64> {
        &self.ghost
    }

    fn judged(&self) -> usize {
        self.judged
    }

    fn floor(&self) -> Zxid {
        self.floor
    }

    fn preloaded(&self, txn: (Zxid, u64)) -> bool {
        self.preloaded.contains(&txn)
    }

    fn is_quorum(&self, has: &dyn Fn(usize) -> bool) -> bool {
        self.recordings[0].header.config.membership.is_quorum(|id| self.index(id).is_some_and(has))
    }

    fn established(&self, i: usize) -> Option<Epoch> {
        self.servers[i].up.as_ref()?.peer.established_epoch()
    }

    fn learners(&self, i: usize) -> Vec<(usize, LearnerStatus)> {
        let learners = self.servers[i].up.as_ref().map(|up| up.peer.status().learners).unwrap_or_default();
        learners.into_iter().filter_map(|learner| Some((self.index(learner.id)?, learner))).collect()
    }

    fn epochs_on_disk(&self, i: usize) -> (Epoch, Epoch) {
        let durable = &self.servers[i].durable;
        (durable.accepted, durable.current)
    }

    fn disk_has_delivered(&self, i: usize) -> bool {
        self.servers[i].durable.chain.agrees(&self.delivered, self.delivered.len())
    }

    fn applied_has_delivered(&self, i: usize) -> bool {
        let server = &self.servers[i];
        server.applied >= self.delivered.len()
            && server.ahead.chain.agrees(&self.delivered, self.delivered.len())
    }

    fn memory_matches_disk(&self, i: usize) -> bool {
        self.servers[i].up.is_none() || self.servers[i].matches
    }
}
