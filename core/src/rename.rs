//! A state under other ids: what a member of the ensemble would be if the servers were numbered
//! differently.
//!
//! Rules of ZAB do not look at ids, only elections do (they break ties). So a search of ZAB with an election
//! oracle may count states that differ only in the servers' ids as one. Nothing that a server does calls
//! this.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::ids::{Link, ServerId};
use crate::payload::Origin;

/// What servers are called instead. No two may be called the same.
pub type Names<'a> = &'a dyn Fn(ServerId) -> ServerId;

/// A value that names servers.
pub trait Rename {
    /// This value with other names.
    #[must_use]
    fn rename(&self, names: Names<'_>) -> Self;
}

impl Rename for ServerId {
    fn rename(&self, names: Names<'_>) -> Self {
        names(*self)
    }
}

impl Rename for Link {
    fn rename(&self, names: Names<'_>) -> Self {
        Link { server: names(self.server), generation: self.generation }
    }
}

impl Rename for Origin {
    fn rename(&self, names: Names<'_>) -> Self {
        match self {
            Origin::Local => Origin::Local,
            Origin::Learner(link) => Origin::Learner(link.rename(names)),
        }
    }
}

impl Rename for BTreeSet<ServerId> {
    fn rename(&self, names: Names<'_>) -> Self {
        self.iter().map(|id| names(*id)).collect()
    }
}

impl<T: Rename> Rename for BTreeMap<ServerId, T> {
    fn rename(&self, names: Names<'_>) -> Self {
        self.iter().map(|(id, value)| (names(*id), value.rename(names))).collect()
    }
}
