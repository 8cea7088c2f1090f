//! Learners that the configuration turns away; snapshots that are due.

use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::config::SizeLimit;
use crate::ids::Link;
use crate::membership::Membership;
use crate::pipeline::{ClientTxn, Settings};
use crate::quorum::QuorumVerifier;
use crate::timer::{Delay, Timer};
use crate::zab::Packet;

/// Server 1 of three voters and one observer, started.
fn server() -> QuorumPeer<ClientTxn> {
    let voters = QuorumVerifier::Majority((1..=3).map(ServerId).collect());
    let config = PeerConfig {
        election: ElectionMode::Oracle,
        ..PeerConfig::new(
            ServerId(1),
            Membership::new(voters, vec![ServerId(4)]),
            Settings::new(ServerId(1), 2000),
        )
    };
    let mut peer = QuorumPeer::new(Constant::new(config), Recovered::first_start());
    outputs(&mut peer, Input::Start);
    peer
}

fn outputs(peer: &mut QuorumPeer<ClientTxn>, input: Input<ClientTxn>) -> Outputs<ClientTxn> {
    let mut out = vec![];
    peer.step(Now::default(), input, &mut out);
    out
}

#[test]
fn only_members_are_accepted_at_the_quorum_port() {
    let looking = server();
    let mut leading = server();
    outputs(&mut leading, Input::Elected(ServerId(1)));
    let mut learning = server();
    outputs(&mut learning, Input::Elected(ServerId(2)));
    for peer in [&looking, &leading, &learning] {
        for id in [1, 5, 99, -1] {
            let link = Link { server: ServerId(id), generation: 1 };
            let out = outputs(&mut peer.clone(), Input::Accepted(link));
            assert_eq!(out, [Output::Hangup(link, Reason::NotInConfig)]);
        }
    }
    for id in 2..=4 {
        let link = Link { server: ServerId(id), generation: 1 };
        assert_eq!(outputs(&mut leading.clone(), Input::Accepted(link)), []);
    }
}

/// A voter that hears nothing says its vote again, each time after a longer pause, up to the longest one.
#[test]
fn votes_are_said_again_after_longer_and_longer_pauses() {
    let voters = QuorumVerifier::Majority((1..=3).map(ServerId).collect());
    let membership = Membership::new(voters, vec![]);
    let config = PeerConfig::new(ServerId(1), membership, Settings::new(ServerId(1), 2000));
    let mut peer = QuorumPeer::new(Constant::new(config), Recovered::first_start());
    let pause = |out: &Outputs<ClientTxn>| {
        let pause = out.iter().find_map(|output| match output {
            Output::SetAlarm(Timer::ElectionResend, Delay::Backoff(k)) => Some(*k),
            _ => None,
        });
        pause.expect("the vote is said again later")
    };
    let mut pauses = vec![pause(&outputs(&mut peer, Input::Start))];
    for _ in 0..12 {
        let out = outputs(&mut peer, Input::Alarm(Timer::ElectionResend));
        assert_eq!(out.iter().filter(|output| matches!(output, Output::Elect(..))).count(), 2, "{out:?}");
        pauses.push(pause(&out));
    }
    assert_eq!(pauses, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9]);
}

#[test]
fn a_leader_that_activates_a_configuration_is_left() {
    let (leader, zxid) = (ServerId(2), Zxid::new(1, 1));
    let mut peer = server();
    outputs(&mut peer, Input::Elected(leader));
    let link = Link { server: leader, generation: 1 };
    outputs(&mut peer, Input::Up(link));
    let packet = Packet::CommitAndActivate { zxid, designated_leader: leader };
    let out = outputs(&mut peer, Input::Packet(link, packet));
    assert!(out.contains(&Output::Hangup(link, Reason::CannotActivate)), "{out:?}");
    assert_eq!(peer.state(), ServerState::Looking);
}

/// The outputs of a server that is alone and has ten transactions of 100 bytes after its snapshot.
fn alone(snap_count: u64, snap_size: SizeLimit) -> Vec<Zxid> {
    let voters = QuorumVerifier::Majority([ServerId(1)].into());
    let membership = Membership::new(voters, vec![]);
    let settings = Settings::new(ServerId(1), 2000);
    let config = PeerConfig { snap_count, snap_size, ..PeerConfig::new(ServerId(1), membership, settings) };
    let txn = ClientTxn(bytes::Bytes::from_static(&[7; 100]));
    let entries = (1..=10).map(|counter| (Zxid::new(1, counter), txn.clone())).collect();
    let recovered = Recovered {
        accepted_epoch: 1,
        current_epoch: 1,
        snapshot: None,
        reaches: Zxid::ZERO,
        entries,
        trusted: true,
    };
    let mut peer = QuorumPeer::new(Constant::new(config), recovered);
    let (mut inputs, mut snapshots) = (vec![Input::Start], vec![]);
    while let Some(input) = inputs.pop() {
        let mut out = vec![];
        peer.step(Now::default(), input, &mut out);
        for output in out {
            match output {
                Output::SaveAcceptedEpoch(ticket, _)
                | Output::SaveCurrentEpoch(ticket, _)
                | Output::Append(ticket, ..) => inputs.push(Input::Done(ticket)),
                Output::Elect(server, vote) => inputs.push(Input::Notification(server, vote)),
                Output::SetAlarm(timer @ Timer::ElectionDecide, _) => inputs.push(Input::Alarm(timer)),
                Output::TakeSnapshot(zxid, _) => {
                    snapshots.push(zxid);
                    inputs.push(Input::SnapshotTaken);
                }
                _ => {}
            }
        }
        if peer.serving() {
            break;
        }
    }
    assert!(peer.serving(), "{:?}", peer.status());
    snapshots
}

#[test]
fn a_snapshot_is_due_after_so_many_transactions_or_so_many_bytes() {
    let five_hundred = SizeLimit { bytes: 500, percent: 0 };
    assert_eq!(alone(1000, SizeLimit::NONE), []);
    assert_eq!(alone(4, SizeLimit::NONE), [Zxid::new(1, 4)]);
    assert_eq!(alone(1000, five_hundred), [Zxid::new(1, 5)]);
    assert_eq!(alone(4, five_hundred), [Zxid::new(1, 4)]);
    assert_eq!(alone(0, five_hundred), [], "no snapshots at all");
}
