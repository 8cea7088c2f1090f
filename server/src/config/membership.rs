//! The members of an ensemble together: which vote, what is a quorum, and what cannot be.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use quorate_core::ids::{ServerId, Zxid};
use quorate_core::quorum::{Group, QuorumVerifier};
use quorate_core::wire::election::ConfigText;

use super::error::Mistake;
use super::keys::name;
use super::member::{HostPort, LearnerType, Member};
use super::typed::{Place, Typed};

/// What the `server`, `group` and `weight` lines mean.
pub(super) struct Membership {
    /// The members; empty: standalone.
    pub(super) members: BTreeMap<ServerId, Member>,
    /// What is a quorum.
    pub(super) verifier: QuorumVerifier,
    /// The lines as servers tell them each other.
    pub(super) text: String,
    /// The configuration's version.
    pub(super) version: Zxid,
}

/// The membership, or `None` and mistakes.
pub(super) fn of(typed: &mut Typed, id: Option<ServerId>) -> Option<Membership> {
    let members: BTreeMap<ServerId, Member> =
        typed.members.iter().map(|(id, (_, m))| (ServerId(*id), m.clone())).collect();
    let voters: Vec<ServerId> =
        members.iter().filter(|(_, m)| m.role == LearnerType::Participant).map(|(id, _)| *id).collect();
    let may_be_alone = typed.boolean(name::STANDALONE_ENABLED);
    several_addresses(typed);
    same_place_twice(typed);
    reachable(typed, id);
    let first = typed.members.values().next().map(|(place, _)| place.clone());
    match (voters.len(), members.len(), first) {
        (0, 0, _) if !may_be_alone => {
            let place = typed.place(name::STANDALONE_ENABLED)?;
            let text = "an ensemble needs server.N lines".to_owned();
            typed.error_at(&place, Mistake::Conflict(text));
            return None;
        }
        (0, 0, _) => return Some(standalone(typed, id?)),
        (0, _, Some(place)) => {
            let text = "every server is an observer; none could lead".to_owned();
            typed.error_at(&place, Mistake::Conflict(text));
            return None;
        }
        (1, 1, Some(place)) if may_be_alone => {
            typed.warn(&place, "is the only server: it runs standalone, without quorum and election port");
            return Some(standalone(typed, id?));
        }
        (1, _, Some(place)) if may_be_alone => {
            let text = "one voter with observers needs standaloneEnabled=false".to_owned();
            typed.error_at(&place, Mistake::Conflict(text));
            return None;
        }
        (count, _, Some(place)) => even(typed, &place, count),
        (_, _, None) => return None,
    }
    let version = version(typed);
    let verifier = verifier(typed, &voters)?;
    let text = text(typed, &members, &verifier, version);
    Some(Membership { members, verifier, text, version })
}

/// A server that is alone, with an id all the same.
fn standalone(typed: &mut Typed, id: ServerId) -> Membership {
    let groups = typed.groups.values().map(|(place, _)| place.clone());
    let places: Vec<Place> = groups.chain(typed.weights.values().map(|(place, _)| place.clone())).collect();
    for place in places {
        typed.warn_ignored(&place, "a standalone server has no quorums");
    }
    Membership {
        members: BTreeMap::new(),
        verifier: QuorumVerifier::Majority(vec![id]),
        text: String::new(),
        version: Zxid::ZERO,
    }
}

/// An even number survives no more losses than the odd number below it.
fn even(typed: &mut Typed, place: &Place, voters: usize) {
    if !typed.groups.is_empty() || voters % 2 == 1 {
        return;
    }
    let list = Place { key: name::SERVER_N.to_owned(), ..place.clone() };
    let text = match voters {
        2 => "2 voters survive no loss: you need at least 3".to_owned(),
        _ => format!(
            "{voters} voters survive the loss of {}, as {} do: consider an odd number",
            (voters - 1) / 2,
            voters - 1
        ),
    };
    typed.warn(&list, &text);
}

/// ZooKeeper must be told that it is meant.
fn several_addresses(typed: &mut Typed) {
    if typed.boolean(name::MULTI_ADDRESS_ENABLED) {
        return;
    }
    let several = typed.members.values().filter(|(_, member)| member.quorum.len() > 1);
    for place in several.map(|(place, _)| place.clone()).collect::<Vec<_>>() {
        let text = "several addresses need multiAddress.enabled=true".to_owned();
        typed.error_at(&place, Mistake::Conflict(text));
    }
}

/// Two ports cannot be at the same place.
fn same_place_twice(typed: &mut Typed) {
    let mut taken: BTreeMap<(String, u16), i64> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (id, (place, member)) in &typed.members {
        for port in member.places() {
            let key = (port.host.to_ascii_lowercase(), port.port);
            match taken.insert(key, *id) {
                Some(other) if other == *id => {
                    mistakes.push((place.clone(), format!("{port} stands in it twice")))
                }
                Some(other) => mistakes.push((place.clone(), format!("{port} is server {other}'s, too"))),
                None => {}
            }
        }
    }
    for (place, text) in mistakes {
        typed.error_at(&place, Mistake::Conflict(text));
    }
}

/// An address that means "here" or "everywhere" does not lead to another machine.
fn reachable(typed: &mut Typed, id: Option<ServerId>) {
    let ip = |place: &HostPort| place.host.parse::<IpAddr>().ok();
    let is_here = |place: &HostPort| {
        place.host.eq_ignore_ascii_case("localhost") || ip(place).is_some_and(|ip| ip.is_loopback())
    };
    let all: Vec<(i64, Place, Vec<HostPort>)> =
        typed.members.iter().map(|(id, (place, m))| (*id, place.clone(), m.quorum.clone())).collect();
    let some_elsewhere = all.iter().any(|(_, _, places)| !places.iter().all(is_here));
    for (member, place, places) in all {
        let own = id.is_some_and(|id| id.0 == member);
        for address in &places {
            if ip(address).is_some_and(|ip| ip.is_unspecified()) && !own {
                typed.warn(&place, &format!("{} does not lead to another machine", address.host));
            } else if is_here(address) && some_elsewhere {
                typed.warn(&place, &format!("the other servers cannot reach it at {}", address.host));
            }
        }
    }
}

/// A dynamic file's version is in its name; in a `zoo.cfg` it is a key.
fn version(typed: &mut Typed) -> Zxid {
    let from_hex = |text: &str| u64::from_str_radix(text, 16).ok().map(Zxid);
    if let Some(file) = typed.text(name::DYNAMIC_CONFIG_FILE) {
        let suffix = Path::new(&file).extension().map(|suffix| suffix.to_string_lossy().into_owned());
        return suffix.and_then(|suffix| from_hex(&suffix)).unwrap_or(Zxid::ZERO);
    }
    let Some((place, text)) = typed.get("version").map(|(p, v)| (p.clone(), v.to_owned())) else {
        return Zxid::ZERO;
    };
    from_hex(&text).unwrap_or_else(|| {
        typed.error_at(&place, Mistake::NotANumber { value: text });
        Zxid::ZERO
    })
}

fn verifier(typed: &mut Typed, voters: &[ServerId]) -> Option<QuorumVerifier> {
    for (id, (place, _)) in typed.weights.clone() {
        if !voters.contains(&ServerId(id)) {
            typed.warn_ignored(&place, &format!("server {id} is not a voter of this ensemble"));
        }
    }
    if typed.groups.is_empty() {
        if let Some((place, _)) = typed.weights.values().next().cloned() {
            typed.warn_ignored(&place, "weights count only together with groups");
        }
        return Some(QuorumVerifier::Majority(voters.to_vec()));
    }
    let mut seen = BTreeMap::new();
    let mut groups = Vec::new();
    let mut some_weight = false;
    let first = typed.groups.values().next().map(|(place, _)| place.clone())?;
    for (number, (place, ids)) in typed.groups.clone() {
        let mut members = Vec::new();
        for id in ids {
            if let Some(other) = seen.insert(id, number) {
                let text = if other == number {
                    format!("server {id} stands in it twice")
                } else {
                    format!("server {id} is also in group.{other}")
                };
                typed.error_at(&place, Mistake::Conflict(text));
            }
            if !voters.contains(&ServerId(id)) {
                let text = format!("server {id} is not a voter of this ensemble");
                typed.error_at(&place, Mistake::Conflict(text));
            }
            members.push((ServerId(id), typed.weights.get(&id).map_or(1, |(_, w)| *w)));
        }
        if members.iter().all(|(_, weight)| *weight == 0) {
            typed.warn(&place, "its servers have no weight: the group does not count");
        } else {
            some_weight = true;
        }
        groups.push(Group { members });
    }
    if !some_weight {
        typed.error_at(&first, Mistake::Conflict("no server has any weight; none could lead".to_owned()));
    }
    if typed.groups.len() == 2 {
        typed.warn(&first, "two groups survive the loss of neither: you need at least 3");
    }
    for voter in voters {
        if let (false, Some((place, _))) = (seen.contains_key(&voter.0), typed.members.get(&voter.0).cloned())
        {
            typed.error_at(&place, Mistake::Conflict("votes, but is in no group".to_owned()));
        }
    }
    Some(QuorumVerifier::Hierarchical(groups))
}

fn text(
    typed: &Typed,
    members: &BTreeMap<ServerId, Member>,
    verifier: &QuorumVerifier,
    version: Zxid,
) -> String {
    let groups = typed.groups.iter().map(|(number, (_, ids))| {
        let ids = ids.iter().copied().map(ServerId).collect();
        (*number, ids)
    });
    let weights = match verifier {
        QuorumVerifier::Majority(_) => Vec::new(),
        QuorumVerifier::Hierarchical(_) => {
            let mut all: Vec<_> = verifier.voters().map(|id| (id, i64::from(verifier.weight(id)))).collect();
            all.sort_unstable();
            all
        }
    };
    ConfigText {
        servers: members.iter().map(|(id, member)| member.line(*id)).collect(),
        groups: groups.collect(),
        weights,
        version: version.0 as i64,
    }
    .to_string()
}
