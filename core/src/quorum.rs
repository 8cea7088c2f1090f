//! When a set of servers is enough: majorities and weighted groups.

use alloc::vec::Vec;

use crate::ids::ServerId;

/// Decides whether a set of servers is a quorum of one configuration.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum QuorumVerifier {
    /// More than half of the voters (`QuorumMaj`).
    Majority(Vec<ServerId>),
    /// More than half of the weight in more than half of the groups (`QuorumHierarchical`).
    Hierarchical(Vec<Group>),
}

/// Voters that live together, for example in one room.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Group {
    /// Each member and its weight; a weight of 0 takes part without counting.
    pub members: Vec<(ServerId, u32)>,
}

impl Group {
    fn weight(&self, has: impl Fn(ServerId) -> bool) -> u64 {
        self.members.iter().filter(|(id, _)| has(*id)).map(|(_, w)| u64::from(*w)).sum()
    }
}

impl QuorumVerifier {
    /// Whether the servers for which `has` holds are a quorum. Any two quorums share a voter.
    pub fn is_quorum(&self, has: impl Fn(ServerId) -> bool) -> bool {
        match self {
            QuorumVerifier::Majority(voters) => {
                voters.iter().filter(|id| has(**id)).count() * 2 > voters.len()
            }
            QuorumVerifier::Hierarchical(groups) => {
                let counted = groups.iter().filter(|g| g.weight(|_| true) > 0);
                let (mut all, mut won) = (0, 0);
                for group in counted {
                    all += 1;
                    if group.weight(&has) * 2 > group.weight(|_| true) {
                        won += 1;
                    }
                }
                won * 2 > all
            }
        }
    }

    /// Whether `server` takes part in votes of this configuration.
    pub fn is_voter(&self, server: ServerId) -> bool {
        self.voters().any(|id| id == server)
    }

    /// How much `server`'s voice counts; 0 for a server that has none.
    pub fn weight(&self, server: ServerId) -> u32 {
        match self {
            QuorumVerifier::Majority(voters) => u32::from(voters.contains(&server)),
            QuorumVerifier::Hierarchical(groups) => {
                groups.iter().flat_map(|g| &g.members).find(|(id, _)| *id == server).map_or(0, |(_, w)| *w)
            }
        }
    }

    /// The voters of this configuration.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> + '_ {
        let (majority, groups) = match self {
            QuorumVerifier::Majority(voters) => (voters.as_slice(), [].as_slice()),
            QuorumVerifier::Hierarchical(groups) => ([].as_slice(), groups.as_slice()),
        };
        let grouped = groups.iter().flat_map(|g| g.members.iter().map(|(id, _)| *id));
        majority.iter().copied().chain(grouped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn ids(n: i64) -> Vec<ServerId> {
        (1..=n).map(ServerId).collect()
    }

    fn any_two_intersect(verifier: &QuorumVerifier) {
        let voters: Vec<ServerId> = verifier.voters().collect();
        let member = |mask: u32| {
            let voters = voters.clone();
            move |id: ServerId| voters.iter().position(|v| *v == id).is_some_and(|i| mask >> i & 1 == 1)
        };
        for a in 0..1u32 << voters.len() {
            for b in 0..1u32 << voters.len() {
                if a & b == 0 {
                    assert!(!(verifier.is_quorum(member(a)) && verifier.is_quorum(member(b))), "{a:b} {b:b}");
                }
            }
        }
    }

    #[test]
    fn any_two_quorums_share_a_voter() {
        for n in 1..=6 {
            any_two_intersect(&QuorumVerifier::Majority(ids(n)));
        }
        let group = |members: &[(i64, u32)]| Group {
            members: members.iter().map(|(i, w)| (ServerId(*i), *w)).collect(),
        };
        any_two_intersect(&QuorumVerifier::Hierarchical(vec![
            group(&[(1, 1), (2, 1), (3, 1)]),
            group(&[(4, 1), (5, 2)]),
            group(&[(6, 1), (7, 0)]),
        ]));
    }

    #[test]
    fn even_ensembles_need_more_than_half() {
        let four = QuorumVerifier::Majority(ids(4));
        assert!(!four.is_quorum(|id| id.0 <= 2));
        assert!(four.is_quorum(|id| id.0 <= 3));
    }

    #[test]
    fn a_room_may_fail() {
        let rooms: Vec<Group> =
            (0..3).map(|r| Group { members: (1..=3).map(|i| (ServerId(r * 3 + i), 1)).collect() }).collect();
        let verifier = QuorumVerifier::Hierarchical(rooms);
        assert!(verifier.is_quorum(|id| id.0 <= 6));
        assert!(!verifier.is_quorum(|id| id.0 <= 3));
        assert!(verifier.is_quorum(|id| matches!(id.0, 1 | 2 | 4 | 5)));
    }
}
