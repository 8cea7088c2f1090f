//! Whom a server turns away for what the configuration says.

use alloc::vec;

use super::*;
use crate::ids::Link;
use crate::pipeline::{ClientTxn, Settings};
use crate::quorum::QuorumVerifier;
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
