//! What a peer shows: to its shell and the operator, and to models, simulator and tests.

use alloc::sync::Arc;

use super::{QuorumPeer, Role};
use crate::config::{Constant, PeerConfig};
use crate::election::ServerState;
use crate::ids::{Epoch, ServerId};
use crate::membership::Membership;
use crate::payload::Payload;
use crate::rename::{Names, Rename};
use crate::status::{LearnerStatus, Status, ZabState};
use crate::zab::History;

/// For the shell and the operator.
impl<P: Payload> QuorumPeer<P> {
    /// The state in the election's words.
    pub fn state(&self) -> ServerState {
        match &self.role {
            Role::Looking(_) => ServerState::Looking,
            Role::Leading(_) => ServerState::Leading,
            Role::Learning(_) if self.is_voter() => ServerState::Following,
            Role::Learning(_) => ServerState::Observing,
        }
    }

    /// Whether clients are served.
    pub fn serving(&self) -> bool {
        match &self.role {
            Role::Looking(_) => false,
            Role::Leading(leader) => leader.established().is_some(),
            Role::Learning(learner) => learner.in_service().is_some(),
        }
    }

    /// Whether only read-only clients are served, because no leader is known.
    pub fn is_read_only(&self) -> bool {
        self.read_only.is_some()
    }

    /// The service that clients talk to: sessions, tree, watches, for questions that change nothing.
    pub fn service(&self) -> &P::Service {
        self.read_only.as_ref().unwrap_or(&self.member.service)
    }

    /// What this server tells about itself.
    pub fn status(&self) -> Status {
        let m = &self.member;
        let zab = self.zab();
        let (leader, learners) = match &self.role {
            Role::Looking(_) => (None, alloc::vec![]),
            Role::Leading(leader) => {
                let learner = |(id, l): (&ServerId, &crate::zab::LearnerHandler)| LearnerStatus {
                    id: *id,
                    voter: l.voter,
                    in_service: l.in_service(),
                };
                (Some(m.config.id), leader.learners().iter().map(learner).collect())
            }
            Role::Learning(learner) => (Some(learner.leader()), alloc::vec![]),
        };
        let (pending_syncs, parked_requests) = match &self.role {
            Role::Leading(leader) => (leader.pending_syncs(), leader.parked()),
            _ => (0, 0),
        };
        Status {
            id: m.config.id,
            state: self.state(),
            zab,
            leader,
            accepted_epoch: m.accepted_epoch,
            current_epoch: m.current_epoch,
            last_zxid: m.history.last(),
            applied: m.history.applied(),
            round: self.election.round(),
            pending_syncs,
            parked_requests,
            learners,
        }
    }

    /// The phase of ZAB.
    pub fn zab(&self) -> ZabState {
        let (serves, discovers) = match &self.role {
            Role::Looking(_) => return ZabState::Election,
            Role::Leading(leader) => (leader.established().is_some(), leader.discovering()),
            Role::Learning(learner) => (learner.in_service().is_some(), learner.discovering()),
        };
        match (serves, discovers) {
            (true, _) => ZabState::Broadcast,
            (false, true) => ZabState::Discovery,
            (false, false) => ZabState::Synchronization,
        }
    }

    /// `acceptedEpoch` and `currentEpoch` as this server has them in memory.
    pub fn epochs(&self) -> (Epoch, Epoch) {
        (self.member.accepted_epoch, self.member.current_epoch)
    }
}

/// For models, simulator, replay and tests.
impl<P: Payload> QuorumPeer<P> {
    /// The history, for properties.
    pub fn history(&self) -> &History<P> {
        &self.member.history
    }

    /// The members of the ensemble as this server knows them.
    pub fn membership(&self) -> &Membership {
        &self.member.membership
    }

    /// The configuration this peer was made with.
    pub fn config(&self) -> &PeerConfig<P> {
        &self.member.config
    }

    /// A leader whose initial history a quorum has: the epoch it orders writes in.
    pub fn established_epoch(&self) -> Option<u32> {
        match &self.role {
            Role::Leading(leader) => leader.established(),
            _ => None,
        }
    }

    /// Whether learners that connect to the quorum port are answered now, or at least waited with.
    pub fn receives_learners(&self) -> bool {
        match &self.role {
            Role::Looking(lobby) => lobby.is_open(),
            Role::Leading(_) => true,
            Role::Learning(_) => false,
        }
    }

    /// Whether a connection of this learner is taken: it has none that is alive.
    pub fn receives(&self, learner: ServerId) -> bool {
        match &self.role {
            Role::Looking(lobby) => lobby.takes(learner),
            Role::Leading(leader) => !leader.is_with(learner),
            Role::Learning(_) => false,
        }
    }

    /// This peer under other names, with the configuration of the server whose name it gets. What the service
    /// holds stays as it is: it must not name servers.
    #[must_use]
    pub fn renamed(&self, config: Constant<PeerConfig<P>>, names: Names<'_>) -> Self {
        let role = match &self.role {
            Role::Looking(lobby) => Role::Looking(lobby.rename(names)),
            Role::Leading(leader) => Role::Leading(leader.rename(names)),
            Role::Learning(learner) => Role::Learning(learner.rename(names)),
        };
        let mut member = self.member.clone();
        member.config = config;
        member.membership = Arc::new(member.membership.rename(names));
        QuorumPeer {
            member,
            election: self.election.rename(names),
            role,
            read_only: self.read_only.clone(),
            abstains: self.abstains,
        }
    }
}
