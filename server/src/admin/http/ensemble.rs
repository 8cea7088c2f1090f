//! The commands about the ensemble: its leader, its voters, how far its members are.

use quorate_core::election::ServerState;
use serde_json::{Map, Value, json};

use super::super::reading::Reading;
use super::outcome::{Outcome, failed};
use super::shared::Shared;
use crate::config::{HostPort, LearnerType, Member};
use crate::net::LinkReading;

fn members(members: Value) -> Outcome {
    match members {
        Value::Object(members) => Outcome::Members(members.into_iter().collect()),
        other => Outcome::Members(vec![("value".to_owned(), other)]),
    }
}

/// `leader`.
pub(super) fn leader(shared: &Shared, reading: &Reading) -> Outcome {
    if shared.config.is_standalone() {
        return failed("server is not initialized");
    }
    let leader = reading.status.leader;
    let host =
        leader.and_then(|id| shared.config.members.get(&id)).map(|member| member.quorum[0].host.clone());
    members(json!({
        "is_leader": reading.status.state == ServerState::Leading,
        "leader_id": leader.map_or(-1, |id| id.0),
        "leader_ip": host.unwrap_or_default(),
    }))
}

/// `observers`: those that a leader has in service.
pub(super) fn observers(reading: &Reading) -> Outcome {
    let synced = |link: &&LinkReading| {
        reading.status.learners.iter().any(|l| l.id == link.server && !l.voter && l.in_service)
    };
    let one = |link: &LinkReading| {
        json!({
            "remote_socket_address": format!("/{}", link.peer),
            "sid": link.server.0,
            "established": link.established_ms,
            // Packets are joined as they wait; only their bytes are counted.
            "queued_packets": u8::from(link.unsent > 0),
            "queued_packets_size": link.unsent,
            "packets_received": link.received,
            "packets_sent": link.sent,
            "requests": link.requests,
            "last_zxid": link.last_sent.0,
        })
    };
    let observers: Vec<Value> = reading.links.iter().filter(synced).map(one).collect();
    members(json!({"synced_observers": observers.len(), "observers": observers}))
}

/// `voting_view`: the members that vote.
pub(super) fn voting_view(shared: &Shared) -> Outcome {
    let config = &shared.config;
    let address = |member: &Member, own: bool| {
        let own = config.client.as_ref().filter(|_| own);
        let client = own.or(member.client.as_ref());
        client.map_or_else(String::new, |client| {
            HostPort { host: client.host.clone().unwrap_or_else(|| "0.0.0.0".to_owned()), port: client.port }
                .to_string()
        })
    };
    let all = |places: &[HostPort]| places.iter().map(HostPort::to_string).collect::<Vec<_>>();
    let voters = config.members.iter().filter(|(_, member)| member.role == LearnerType::Participant);
    let view = voters.map(|(id, member)| {
        let value = json!({
            "server_addresses": all(&member.quorum),
            "election_addresses": all(&member.election),
            "client_address": address(member, *id == config.id),
            "learner_type": member.role.to_string(),
        });
        (id.to_string(), value)
    });
    members(json!({"current_config": view.collect::<Map<String, Value>>()}))
}

/// `zabstate`.
pub(super) fn zab_state(shared: &Shared, reading: &Reading) -> Outcome {
    let (config, status) = (&shared.config, &reading.status);
    let Some(own) = config.members.get(&config.id) else {
        return members(json!({"voting": false, "zabstate": ""}));
    };
    let client = config.client.as_ref().map_or_else(String::new, |client| {
        HostPort { host: client.host.clone().unwrap_or_else(|| "0.0.0.0".to_owned()), port: client.port }
            .to_string()
    });
    let last = status.applied;
    members(json!({
        "myid": config.id.0,
        "is_leader": status.state == ServerState::Leading,
        "quorum_address": addresses(&own.quorum),
        "election_address": addresses(&own.election),
        "client_address": client,
        "voting": own.role == LearnerType::Participant,
        "last_zxid": format!("{:#x}", last.0),
        "zab_epoch": last.epoch(),
        "zab_counter": last.counter(),
        "zabstate": format!("{:?}", status.zab).to_lowercase(),
    }))
}

/// This server's own addresses: it listens on all of them, so all of them are there.
fn addresses(places: &[HostPort]) -> Value {
    let all: Vec<String> = places.iter().map(HostPort::to_string).collect();
    let any = |place: &HostPort| format!("0.0.0.0:{}", place.port);
    json!({
        "empty": all.is_empty(),
        "all_ports": places.iter().map(|place| place.port).collect::<Vec<_>>(),
        "wildcard_addresses": places.iter().map(any).collect::<Vec<_>>(),
        "all_host_strings": places.iter().map(|place| place.host.as_str()).collect::<Vec<_>>(),
        "reachable_or_one": all.first(),
        "one": all.first(),
        "reachable_address": all.first(),
        "all_reachable_addresses_or_all": all,
        "all_reachable_addresses": all,
        "all_addresses": all,
    })
}
