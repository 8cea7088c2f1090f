//! What properties look at: an ensemble at one moment, whether it was searched, walked at random or recorded.

use quorate_core::ids::{Epoch, Zxid};
use quorate_core::{LearnerStatus, QuorumPeer};

use crate::byte::Byte;
use crate::world::{Connection, End, Ghost, Modelled, QuorumPort, Server, World};

/// An ensemble at one moment. Servers are named by their index.
pub trait Scene {
    /// What tells transactions apart.
    type Txn: Copy + Eq + Ord;

    /// How many servers there are, up or down.
    fn servers(&self) -> usize;

    /// What is looked back on.
    fn ghost(&self) -> &Ghost<Self::Txn>;

    /// The number of delivered transactions, from the first one on, that satisfied the properties in an
    /// earlier moment of the same run. They need not be looked at again.
    fn judged(&self) -> usize {
        0
    }

    /// Nothing that was delivered up to here was ever compared: what comes next follows this.
    fn floor(&self) -> Zxid {
        Zxid::ZERO
    }

    /// Whether a disk held this transaction before anything happened.
    fn preloaded(&self, txn: (Zxid, Self::Txn)) -> bool;

    /// Whether these servers are a quorum.
    fn is_quorum(&self, has: &dyn Fn(usize) -> bool) -> bool;

    /// The epoch this server orders writes in, if it does.
    fn established(&self, i: usize) -> Option<Epoch>;

    /// The learners of a leader, by index.
    fn learners(&self, i: usize) -> Vec<(usize, LearnerStatus)>;

    /// `acceptedEpoch` and `currentEpoch` on this server's disk.
    fn epochs_on_disk(&self, i: usize) -> (Epoch, Epoch);

    /// Whether this server's disk begins with everything that was ever delivered. Also true of a disk that is
    /// known to have lost what it had: then its server has no say in what becomes of it.
    fn disk_has_delivered(&self, i: usize) -> bool;

    /// Whether what this server has applied begins with everything that was ever delivered.
    fn applied_has_delivered(&self, i: usize) -> bool;

    /// Whether a server that is up has in memory what its disk will hold once it has caught up.
    fn memory_matches_disk(&self, i: usize) -> bool;
}

/// Where a model begins, and one of its states.
pub(crate) struct Searched<'a, P: Modelled = Byte>(pub(crate) &'a [World<P>], pub(crate) &'a World<P>);

impl<P: Modelled> Searched<'_, P> {
    fn server(&self, i: usize) -> &Server<P> {
        self.1.servers().nth(i).expect("an index of a server")
    }

    fn peer(&self, i: usize) -> Option<&QuorumPeer<P>> {
        self.server(i).peer.as_ref()
    }
}

impl<P: Modelled> Scene for Searched<'_, P> {
    type Txn = P::Mark;

    fn servers(&self) -> usize {
        self.1.servers().count()
    }

    fn ghost(&self) -> &Ghost<P::Mark> {
        self.1.ghost()
    }

    fn preloaded(&self, txn: (Zxid, P::Mark)) -> bool {
        self.0.iter().any(|world| world.preloaded(txn))
    }

    fn is_quorum(&self, has: &dyn Fn(usize) -> bool) -> bool {
        self.1.config(0).membership.is_quorum(|id| has(id.0 as usize - 1))
    }

    fn established(&self, i: usize) -> Option<Epoch> {
        match &self.server(i).java {
            Some(java) => java.established_epoch(),
            None => self.peer(i)?.established_epoch(),
        }
    }

    fn learners(&self, i: usize) -> Vec<(usize, LearnerStatus)> {
        let server = self.server(i);
        let status = match &server.java {
            Some(java) => Some(java.status()),
            None => server.peer.as_ref().map(QuorumPeer::status),
        };
        let learners = status.map(|status| status.learners).unwrap_or_default();
        let named = learners.into_iter().map(|learner| (learner.id.0 as usize - 1, learner));
        // A server that has no connection any more is no learner, whatever the leader thinks.
        let connected = |j: usize| {
            let open = |c: &Connection<P>| (c.learner, c.leader) == (j, i) && c.leader_end == End::Open;
            self.1.connections().iter().any(open)
        };
        // Where every connection leads nowhere no server is told.
        let told = self.1.quorum_port() != QuorumPort::Dead;
        named.filter(|(j, _)| !told || connected(*j)).collect()
    }

    fn epochs_on_disk(&self, i: usize) -> (Epoch, Epoch) {
        let disk = &self.server(i).disk.durable;
        (disk.accepted_epoch, disk.current_epoch)
    }

    fn disk_has_delivered(&self, i: usize) -> bool {
        let disk = &self.server(i).disk.durable;
        let delivered = &self.1.ghost().delivered;
        match self.1.setting().java(i) {
            Some(_) => P::replayed(disk).starts_with(delivered),
            None => disk.lost || disk.history().starts_with(delivered),
        }
    }

    fn applied_has_delivered(&self, i: usize) -> bool {
        let server = self.server(i);
        let quorate = server.peer.as_ref().map(|peer| P::applied(peer.service()));
        let applied = P::java_applied(server).or(quorate);
        applied.is_none_or(|applied| applied.starts_with(&self.1.ghost().delivered))
    }

    fn memory_matches_disk(&self, i: usize) -> bool {
        let server = self.server(i);
        let Some(peer) = &server.peer else { return true };
        let mut disk = server.disk.clone();
        for _ in 0..disk.pending.len() {
            disk.sync();
        }
        let status = peer.status();
        let applied = P::applied(peer.service()).iter().copied();
        let tail = peer.history().after(peer.history().applied()).map(|(zxid, txn)| (*zxid, txn.mark()));
        let epochs = (status.accepted_epoch, status.current_epoch);
        (disk.durable.accepted_epoch, disk.durable.current_epoch) == epochs
            && disk.durable.history().into_iter().eq(applied.chain(tail))
    }
}
