//! When a set of servers is enough: majorities and weighted groups.

use alloc::vec::Vec;

use crate::ids::ServerId;
use crate::rename::{Names, Rename};

/// Decides whether a set of servers is a quorum of one configuration.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub enum QuorumVerifier {
    /// More than half of the voters (`QuorumMaj`).
    Majority(Vec<ServerId>),
    /// More than half of the weight in more than half of the groups (`QuorumHierarchical`).
    Hierarchical(Vec<Group>),
}

/// Voters that live together, for example in one room.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Group {
    /// Each member and its weight; a weight of 0 takes part without counting.
    pub members: Vec<(ServerId, u32)>,
}

impl Group {
    fn weight(&self, has: impl Fn(ServerId) -> bool) -> u64 {
        self.members.iter().filter(|(id, _)| has(*id)).map(|(_, w)| u64::from(*w)).sum()
    }

    /// How many members must be lost at least until the rest has no more than half of the weight.
    fn cost(&self) -> usize {
        let all = self.weight(|_| true);
        let mut weights: Vec<u64> = self.members.iter().map(|(_, w)| u64::from(*w)).collect();
        weights.sort_unstable_by_key(|weight| core::cmp::Reverse(*weight));
        let mut left = all;
        let lost = weights.iter().take_while(|weight| {
            let goes_on = left * 2 > all;
            left -= **weight * u64::from(goes_on);
            goes_on
        });
        lost.count()
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

    /// How many voters may be lost, whichever they are, and the rest is still a quorum.
    pub fn losses_survived(&self) -> usize {
        match self {
            QuorumVerifier::Majority(voters) => voters.len().saturating_sub(1) / 2,
            QuorumVerifier::Hierarchical(groups) => {
                // A quorum is gone when half of the groups are, the cheapest first.
                let counted = groups.iter().filter(|g| g.weight(|_| true) > 0);
                let mut costs: Vec<usize> = counted.map(Group::cost).collect();
                costs.sort_unstable();
                costs.iter().take(costs.len().div_ceil(2)).sum::<usize>().saturating_sub(1)
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

/// Members stay in the order of their ids, so that equal sets are equal.
impl Rename for QuorumVerifier {
    fn rename(&self, names: Names<'_>) -> Self {
        match self {
            QuorumVerifier::Majority(voters) => {
                let mut voters: Vec<ServerId> = voters.iter().map(|id| names(*id)).collect();
                voters.sort_unstable();
                QuorumVerifier::Majority(voters)
            }
            QuorumVerifier::Hierarchical(groups) => {
                let group = |group: &Group| {
                    let renamed = group.members.iter().map(|(id, weight)| (names(*id), *weight));
                    let mut members: Vec<(ServerId, u32)> = renamed.collect();
                    members.sort_unstable();
                    Group { members }
                };
                QuorumVerifier::Hierarchical(groups.iter().map(group).collect())
            }
        }
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
        any_two_intersect(&QuorumVerifier::Hierarchical(vec![
            group(&[(1, 1), (2, 1), (3, 1)]),
            group(&[(4, 1), (5, 2)]),
            group(&[(6, 1), (7, 0)]),
        ]));
    }

    fn group(members: &[(i64, u32)]) -> Group {
        Group { members: members.iter().map(|(i, w)| (ServerId(*i), *w)).collect() }
    }

    /// Rooms of these numbers of servers, each of weight 1.
    fn rooms(sizes: &[i64]) -> QuorumVerifier {
        let mut next = 0;
        let room = |size: &i64| {
            next += size;
            Group { members: (next - size + 1..=next).map(|id| (ServerId(id), 1)).collect() }
        };
        QuorumVerifier::Hierarchical(sizes.iter().map(room).collect())
    }

    /// The losses that are survived, by trying every set of them.
    fn losses_survived_by_search(verifier: &QuorumVerifier) -> usize {
        let voters: Vec<ServerId> = verifier.voters().collect();
        let stops = |lost: &u32| {
            let has = |id: ServerId| voters.iter().position(|v| *v == id).is_some_and(|i| lost >> i & 1 == 0);
            !verifier.is_quorum(has)
        };
        let fewest = (0..1u32 << voters.len()).filter(stops).map(u32::count_ones).min();
        (fewest.unwrap() as usize).saturating_sub(1)
    }

    /// The table in `docs/OPERATING.md`, chapter Sizing.
    #[test]
    fn an_ensemble_survives_the_loss_of_less_than_half() {
        for n in 1..=12 {
            let verifier = QuorumVerifier::Majority(ids(n));
            let survived = losses_survived_by_search(&verifier);
            assert_eq!(survived, (n as usize - 1) / 2, "{n} voters");
            assert_eq!(verifier.losses_survived(), survived, "{n} voters");
            if n % 2 == 0 {
                let one_less = QuorumVerifier::Majority(ids(n - 1));
                assert_eq!(one_less.losses_survived(), survived, "{n} voters are no better than {}", n - 1);
            }
        }
    }

    /// The placements in `docs/OPERATING.md`, chapter Several data centres.
    #[test]
    fn three_rooms_survive_the_loss_of_one_and_two_do_not() {
        let loses_no_room = |sizes: &[i64]| {
            let verifier = rooms(sizes);
            let QuorumVerifier::Hierarchical(groups) = &verifier else { unreachable!() };
            groups
                .iter()
                .all(|lost| verifier.is_quorum(|id| lost.members.iter().all(|(member, _)| *member != id)))
        };
        for a in 1..=3 {
            for b in 1..=3 {
                assert!(!loses_no_room(&[a, b]), "{a} + {b}");
                for c in 1..=3 {
                    assert!(loses_no_room(&[a, b, c]), "{a} + {b} + {c}");
                }
            }
        }
        // After a room of three another server of each room may go, too.
        let nine = rooms(&[3, 3, 3]);
        assert!(nine.is_quorum(|id| matches!(id.0, 1 | 2 | 4 | 5)));
        assert!(!nine.is_quorum(|id| matches!(id.0, 1 | 2 | 4)));
        // But if whichever servers may go, it is fewer than with a majority of nine.
        assert_eq!((nine.losses_survived(), QuorumVerifier::Majority(ids(9)).losses_survived()), (3, 4));
    }

    #[test]
    fn losses_survived_is_what_a_search_finds() {
        let mut verifiers: Vec<QuorumVerifier> = (1..=3)
            .flat_map(|a| (1..=3).flat_map(move |b| (1..=3).map(move |c| rooms(&[a, b, c]))))
            .collect();
        verifiers.extend([rooms(&[4]), rooms(&[2, 2]), rooms(&[1, 1, 1, 1, 1]), rooms(&[3, 2, 2, 1])]);
        for (a, b, c) in [(0, 1, 1), (5, 1, 1), (2, 2, 3), (0, 0, 1), (0, 0, 0)] {
            let weighted = group(&[(1, a), (2, b), (3, c)]);
            verifiers.push(QuorumVerifier::Hierarchical(vec![weighted.clone()]));
            verifiers.push(QuorumVerifier::Hierarchical(vec![
                weighted,
                group(&[(4, 1)]),
                group(&[(5, 1), (6, 0)]),
            ]));
        }
        for verifier in verifiers {
            assert_eq!(verifier.losses_survived(), losses_survived_by_search(&verifier), "{verifier:?}");
        }
    }

    #[test]
    fn even_ensembles_need_more_than_half() {
        let four = QuorumVerifier::Majority(ids(4));
        assert!(!four.is_quorum(|id| id.0 <= 2));
        assert!(four.is_quorum(|id| id.0 <= 3));
    }
}
