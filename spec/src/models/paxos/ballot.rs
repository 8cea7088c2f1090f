//! Ballots, votes and the two rules of an acceptor, which all models of Paxos share.
//!
//! Source: Lamport, "Paxos Made Simple" (2001), §2.2 (P1a, P2c).

use std::fmt;

/// The number of a ballot; 0 is none.
pub type Ballot = u8;

/// Acceptors.
pub const ACCEPTORS: usize = 3;

/// A set of acceptors.
pub type Set = u8;

/// Whether more than half of the acceptors are in it.
pub fn majority(set: Set) -> bool {
    set.count_ones() as usize * 2 > ACCEPTORS
}

/// The set of one.
pub fn only(acceptor: usize) -> Set {
    1 << acceptor
}

/// A value that an acceptor accepted, and in which ballot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vote<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// The value.
    pub value: V,
}

/// What an acceptor keeps on its disk: a crash and a restart are only a delay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Acceptor<V> {
    /// The highest ballot it answered.
    pub promised: Ballot,
    /// The acceptor's last vote.
    pub accepted: Option<Vote<V>>,
}

impl<V: Copy> Acceptor<V> {
    /// Nothing promised, nothing accepted.
    pub const NEW: Self = Acceptor { promised: 0, accepted: None };

    /// Phase 1: whether it promises to take part in no lower ballot.
    pub fn promise(&mut self, ballot: Ballot) -> bool {
        let higher = ballot > self.promised;
        self.promised = self.promised.max(ballot);
        higher
    }

    /// Phase 2: whether it votes, which it does unless it has promised otherwise.
    pub fn accept(&mut self, vote: Vote<V>) -> bool {
        let may = vote.ballot >= self.promised;
        if may {
            self.promised = vote.ballot;
            self.accepted = Some(vote);
        }
        may
    }
}

/// The vote of the higher ballot: the one that a proposer must ask for.
pub fn higher<V>(a: Option<Vote<V>>, b: Option<Vote<V>>) -> Option<Vote<V>> {
    match (a, b) {
        (Some(a), Some(b)) if b.ballot > a.ballot => Some(b),
        (None, b) => b,
        (a, _) => a,
    }
}

impl<V: fmt::Display> fmt::Display for Acceptor<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promised {}", self.promised)?;
        match &self.accepted {
            Some(vote) => write!(f, " accepted {} in {}", vote.value, vote.ballot),
            None => Ok(()),
        }
    }
}
