//! `quorate restart --rolling`: one server after the other, so that the ensemble goes on serving.
//!
//! Before each stop the other voters are counted that form a quorum without that server. Where none
//! would be left, nothing is stopped.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use quorate_core::ids::ServerId;

use super::args::RestartArgs;
use super::instance::{DONE, FAILED, Instance, complain, say};
use super::probe;
use super::probe::{Health, health};
use super::start::{ALL_LIMIT, start_all};
use super::stop::stop_all;
use crate::config::{HostPort, LearnerType, Member};
use crate::error::Error;
use crate::logging::LogOptions;

/// How long connecting to another server may take.
const DIAL_LIMIT: Duration = Duration::from_secs(2);
/// How long servers that are up and do not serve may take to find a leader: an election may be under way.
const ELECTION_LIMIT: Duration = Duration::from_secs(5);
/// The pause between two looks at them.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is known of a voter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    /// The server serves.
    Serves,
    /// The server's client port is not known here; its election port takes connections.
    Accepts,
    /// The server does not serve, or cannot be reached.
    Missing,
}

/// Restart each server once the others are seen to be a quorum, the leader last.
///
/// # Errors
/// What keeps a server from being asked or started.
pub(super) fn restart(
    mut instances: Vec<Instance>,
    args: &RestartArgs,
    log: &LogOptions,
) -> Result<u8, Error> {
    // What has been restarted stays in the list: its client port is known.
    for done in 0..instances.len() {
        // What does not serve first: it may be missing for a quorum. The leader last: otherwise every restart
        // could cause an election. Another may lead by now.
        let rank = |instance: &Instance| match instance.health() {
            Some(Health::Serves(mode)) if mode == "leader" => 2,
            Some(Health::Serves(_)) | None => 1,
            Some(_) => 0,
        };
        await_election(&instances);
        let next = (done..instances.len()).min_by_key(|at| rank(&instances[*at])).unwrap_or(done);
        instances.swap(done, next);
        let instance = &instances[done];
        if let Err(why) = check(instance, &instances) {
            complain(instance, &format!("is not stopped: {why}"));
            return Ok(remaining(&instances[done..]));
        }
        let one = std::slice::from_ref(instance);
        let mut code = stop_all(one, &args.stop);
        if code == DONE {
            let wait = args.start.wait.map_or(ALL_LIMIT, |s| Duration::from_secs(s.into()));
            code = start_all(one, &args.start, log, Some(wait))?;
        }
        if code != DONE {
            remaining(&instances[done + 1..]);
            return Ok(code);
        }
    }
    await_election(&instances);
    Ok(DONE)
}

/// Wait for servers that are up and look for a leader, up to a limit.
fn await_election(instances: &[Instance]) {
    let end = Instant::now() + ELECTION_LIMIT;
    let looks = |instance: &Instance| matches!(instance.health(), Some(Health::NotServing));
    while instances.iter().any(looks) && Instant::now() < end {
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Say which servers were left alone.
fn remaining(instances: &[Instance]) -> u8 {
    for instance in instances {
        say(instance, "not restarted");
    }
    FAILED
}

/// Whether the ensemble goes on without this server.
fn check(instance: &Instance, all: &[Instance]) -> Result<(), String> {
    let config = &instance.config;
    let serves = matches!(instance.health(), Some(Health::Serves(_)) | None);
    if config.is_standalone() || config.role == LearnerType::Observer || !serves {
        return Ok(());
    }
    let voters = config
        .members
        .iter()
        .filter(|(id, member)| **id != config.id && member.role == LearnerType::Participant);
    let seen: Vec<(ServerId, Seen)> =
        voters.map(|(id, member)| (*id, look(*id, member, instance, all))).collect();
    judge(&seen, |serving| config.verifier.is_quorum(serving))
}

/// A quorum must be left of those that serve, or of them and those that at least run.
fn judge(
    seen: &[(ServerId, Seen)],
    is_quorum: impl Fn(&dyn Fn(ServerId) -> bool) -> bool,
) -> Result<(), String> {
    let present = |id: ServerId| seen.iter().any(|(other, seen)| *other == id && *seen != Seen::Missing);
    if is_quorum(&present) {
        return Ok(());
    }
    let missing: Vec<String> = seen
        .iter()
        .filter(|(_, seen)| *seen == Seen::Missing)
        .map(|(id, _)| format!("server {id} does not serve"))
        .collect();
    Err(match missing.as_slice() {
        [] => "the other voters are no quorum: restart without --rolling".to_owned(),
        missing => format!("no quorum would be left: {}", missing.join(", ")),
    })
}

fn look(id: ServerId, member: &Member, instance: &Instance, all: &[Instance]) -> Seen {
    // Another ensemble's server may have the same number.
    let here =
        all.iter().find(|other| other.config.id == id && other.config.members == instance.config.members);
    let client = match here {
        Some(other) => other.client(),
        None => member.client.as_ref().filter(|client| client.host.is_some()).map(probe::reachable),
    };
    match client.map(|(host, port)| health(&host, port)) {
        Some(Health::Serves(mode)) if mode != "read-only" => Seen::Serves,
        Some(_) => Seen::Missing,
        None if member.election.iter().any(accepts) => Seen::Accepts,
        None => Seen::Missing,
    }
}

fn accepts(place: &HostPort) -> bool {
    let addresses = (place.host.as_str(), place.port).to_socket_addrs();
    addresses.is_ok_and(|mut all| all.any(|a| TcpStream::connect_timeout(&a, DIAL_LIMIT).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::quorum::QuorumVerifier;

    #[test]
    fn a_quorum_must_be_left() {
        let check = |voters: i64, seen: &[(i64, Seen)]| {
            let verifier = QuorumVerifier::Majority((1..=voters).map(ServerId).collect());
            let seen: Vec<_> = seen.iter().map(|(id, seen)| (ServerId(*id), *seen)).collect();
            judge(&seen, |serving| verifier.is_quorum(serving))
        };
        assert_eq!(check(3, &[(2, Seen::Serves), (3, Seen::Serves)]), Ok(()));
        assert_eq!(check(3, &[(2, Seen::Accepts), (3, Seen::Serves)]), Ok(()));
        let why = check(3, &[(2, Seen::Missing), (3, Seen::Serves)]).unwrap_err();
        assert_eq!(why, "no quorum would be left: server 2 does not serve");
        assert_eq!(
            check(5, &[(2, Seen::Missing), (3, Seen::Serves), (4, Seen::Serves), (5, Seen::Serves)]),
            Ok(())
        );
        let why = check(2, &[(2, Seen::Serves)]).unwrap_err();
        assert!(why.contains("restart without --rolling"), "{why}");
    }
}
