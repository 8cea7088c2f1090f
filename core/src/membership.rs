//! The members of an ensemble: which servers vote, with what weight and in which groups, which ones observe.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::ids::{ServerId, Zxid};
use crate::quorum::QuorumVerifier;
use crate::rename::{Names, Rename};

/// The members as one server knows them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Membership {
    /// The transaction that made these the members; zero for members that no transaction has changed.
    pub version: Zxid,
    /// Every configuration that must agree (one, or two while a reconfiguration is pending).
    pub verifiers: Vec<QuorumVerifier>,
    /// Servers that never vote.
    pub observers: Vec<ServerId>,
    /// The configuration as text, which a leader sends with NEWLEADER.
    pub text: Bytes,
}

impl Membership {
    /// Members that no transaction has changed, with one way to decide and no text.
    pub fn new(verifier: QuorumVerifier, observers: Vec<ServerId>) -> Self {
        Membership { version: Zxid::ZERO, verifiers: Vec::from([verifier]), observers, text: Bytes::new() }
    }

    /// Whether `server` votes in any configuration in force.
    pub fn is_voter(&self, server: ServerId) -> bool {
        self.verifiers.iter().any(|v| v.is_voter(server))
    }

    /// Whether `server` votes or observes.
    pub fn is_member(&self, server: ServerId) -> bool {
        self.is_voter(server) || self.observers.contains(&server)
    }

    /// Whether `server` may be elected: a weight of 0 takes part without leading.
    pub fn may_lead(&self, server: ServerId) -> bool {
        self.verifiers.iter().all(|v| v.weight(server) > 0)
    }

    /// Whether the servers for which `has` holds contain a quorum of every configuration in force.
    pub fn is_quorum(&self, has: impl Fn(ServerId) -> bool) -> bool {
        self.verifiers.iter().all(|v| v.is_quorum(&has))
    }

    /// Every voter, in order, once.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> + '_ {
        let mut all: Vec<ServerId> = self.verifiers.iter().flat_map(|v| v.voters()).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
    }
}

impl Rename for Membership {
    fn rename(&self, names: Names<'_>) -> Self {
        let mut observers: Vec<ServerId> = self.observers.iter().map(|id| names(*id)).collect();
        observers.sort_unstable();
        Membership {
            version: self.version,
            verifiers: self.verifiers.iter().map(|verifier| verifier.rename(names)).collect(),
            observers,
            text: self.text.clone(),
        }
    }
}
