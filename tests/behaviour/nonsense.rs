//! A process talks nonsense on a server port in the name of a server that is down. The other servers and the
//! clients notice nothing, and nothing is believed that must not be.

use std::net::TcpListener;

use quorate_core::election::ServerState;
use quorate_core::ids::{Epoch, ServerId, Zxid};
use quorate_core::wire::client::CreateMode;
use quorate_core::wire::quorum::PacketType;

use crate::harness::{Ensemble, Peer, RawClient, Setup, Voter, check_acknowledged, until};

/// Servers 1 and 2 run, 3 does not; its name is free to be used.
struct TwoOfThree {
    ensemble: Ensemble,
    leader: u64,
    client: RawClient,
    epoch: Epoch,
    writes: u32,
}

impl TwoOfThree {
    fn start() -> TwoOfThree {
        let mut ensemble = Setup::voters(3).line("maxSessionTimeout=60000").prepare();
        ensemble.start(1);
        ensemble.start(2);
        ensemble.await_serving(&[1, 2]);
        let leader = ensemble.await_leader();
        let mut client = ensemble.connect_for(3 - leader, 60_000);
        client.create("/n", b"", CreateMode::Persistent).unwrap();
        let epoch = client.exists("/n", false).unwrap().unwrap().czxid.epoch();
        TwoOfThree { ensemble, leader, client, epoch, writes: 0 }
    }

    /// The client's old connection still works, in the same reign.
    #[track_caller]
    fn undisturbed(&mut self, after: &str) {
        let name = format!("/n/{}", self.writes);
        self.writes += 1;
        let written = self.client.create(&name, after.as_bytes(), CreateMode::Persistent);
        assert!(written.is_ok(), "after {after}: {written:?}");
        let stat = self.client.exists(&name, false).unwrap().unwrap();
        assert_eq!(stat.czxid.epoch(), self.epoch, "a new reign after {after}");
        assert!(self.ensemble.is_alive(1) && self.ensemble.is_alive(2), "after {after}");
    }
}

/// A notification's fields, whatever their values; then its end.
fn notification(state: i32, zxid: i64, round: i64, epoch: i64, end: &[u8]) -> Vec<u8> {
    let longs = [3, zxid, round, epoch].map(i64::to_be_bytes).concat();
    [&state.to_be_bytes()[..], &longs, end].concat()
}

#[test]
fn nonsense_instead_of_votes_is_dropped() {
    let mut two = TwoOfThree::start();
    let version_2 = 2i32.to_be_bytes();
    let with_config = |length: i32| [version_2, length.to_be_bytes()].concat();
    let frames = [
        ("an empty frame", vec![]),
        ("a frame of five bytes", vec![0; 5]),
        ("an unknown state", notification(77, 0, 1, 0, &version_2)),
        ("a negative zxid", notification(0, -5, 1, 0, &version_2)),
        ("a negative round", notification(0, 0, -1, 0, &version_2)),
        ("an epoch that is none", notification(0, 0, 1, i64::MAX, &version_2)),
        ("a configuration of 2 GB", notification(0, 0, 1, 0, &with_config(i32::MAX))),
        ("a configuration of -2 bytes", notification(0, 0, 1, 0, &with_config(-2))),
        ("a leader that leads already", notification(2, i64::MAX, 99, 0x7fff_ffff, &with_config(0))),
        ("noise", (0..600u32).map(|n| (n * 7 + 3) as u8).collect()),
    ];
    for (what, frame) in frames {
        for id in [1, 2] {
            let mut voter = Voter::dial(two.ensemble.server(id), 3);
            voter.frame(&frame);
        }
        two.undisturbed(what);
    }
    // A frame that is too long is not waited for.
    let mut voter = Voter::dial(two.ensemble.server(1), 3);
    voter.frame(&vec![1; 600_000]);
    assert!(voter.is_closed());
    // After all that a voter that looks for a leader is told which server leads.
    for id in [1, 2] {
        let mut voter = Voter::dial(two.ensemble.server(id), 3);
        voter.vote(3, Zxid::new(9, 9), 9, 1);
        let said = loop {
            let said = voter.hear().expect("an answer");
            if said.state != ServerState::Looking {
                break said;
            }
        };
        let state = if id == two.leader { ServerState::Leading } else { ServerState::Following };
        assert_eq!((said.state, said.vote.leader), (state, ServerId(two.leader as i64)), "server {id}");
    }
    two.undisturbed("a vote for a better server");
}

#[test]
fn a_leader_is_not_shaken_by_an_impossible_follower() {
    let mut two = TwoOfThree::start();
    let leader = |two: &TwoOfThree| Peer::dial(two.ensemble.server(two.leader));
    let epoch = two.epoch;
    let ahead = Zxid::new(epoch + 5, 7).0 as i64;
    for (current, last) in [(epoch + 5, ahead), (epoch, i64::MAX), (0, -1), (u32::MAX, i64::MIN)] {
        let mut peer = leader(&two);
        peer.follower_info(3, 0);
        let (kind, zxid, _) = peer.receive().expect("the leader introduces itself");
        assert_eq!(kind, PacketType::LeaderInfo.to_i32());
        assert_eq!(Zxid(zxid as u64), Zxid::new(epoch, 0));
        peer.packet(PacketType::AckEpoch, last, Some(&current.to_be_bytes()));
        drop(peer.receive());
        two.undisturbed("a follower with a history of the future");
    }
    let unknown = [&99i32.to_be_bytes()[..], &[0; 8], &[0xff; 8]].concat();
    let huge = [&1i32.to_be_bytes()[..], &[0; 8], &i32::MAX.to_be_bytes(), &[7; 100]].concat();
    let negative = [&1i32.to_be_bytes()[..], &[0; 8], &(-5i32).to_be_bytes(), &[0; 4]].concat();
    type Say<'a> = &'a dyn Fn(&mut Peer);
    let cases: [(&str, Say<'_>); 8] = [
        ("an ACK of what was never proposed", &|p| p.packet(PacketType::Ack, i64::MAX, None)),
        ("a REQUEST cut short", &|p| p.packet(PacketType::Request, -1, Some(&[1, 2, 3]))),
        ("a PROPOSAL to the leader", &|p| p.packet(PacketType::Proposal, 1, Some(&[0; 40]))),
        ("an UPTODATE to the leader", &|p| p.packet(PacketType::UpToDate, -1, None)),
        ("half a PING", &|p| p.packet(PacketType::Ping, 0, Some(&[1; 13]))),
        ("an unknown packet", &|p| p.bytes(&unknown)),
        ("a packet of 2 GB", &|p| p.bytes(&huge)),
        ("a packet of -5 bytes", &|p| p.bytes(&negative)),
    ];
    for (what, say) in cases {
        let mut peer = leader(&two);
        peer.follower_info(3, 0);
        peer.receive().expect("the leader introduces itself");
        peer.packet(PacketType::AckEpoch, 0, Some(&0u32.to_be_bytes()));
        peer.receive().expect("the leader synchronises");
        say(&mut peer);
        two.undisturbed(what);
    }
    // The true server 3 is welcome.
    two.ensemble.start(3);
    two.ensemble.await_serving(&[3]);
    two.undisturbed("the true server 3");
}

#[test]
fn a_voter_that_promised_a_later_epoch_gets_a_later_reign() {
    let mut two = TwoOfThree::start();
    // It could never follow this leader: once that has led for long enough there is a new election, with
    // everything in it.
    until("the leader makes way", || {
        let mut peer = Peer::dial(two.ensemble.server(two.leader));
        peer.follower_info(3, two.epoch + 1);
        match peer.receive() {
            Ok((kind, zxid, _)) => {
                assert_eq!(kind, PacketType::LeaderInfo.to_i32());
                assert_eq!(Zxid(zxid as u64), Zxid::new(two.epoch, 0));
                None
            }
            Err(_) => Some(()),
        }
    });
    assert!(two.client.closed());
    two.client = until("the session goes on", || {
        RawClient::connect(two.ensemble.server(3 - two.leader).client, &two.client.session).ok()
    });
    two.client.create("/n/later", b"", CreateMode::Persistent).unwrap();
    let epoch = two.client.exists("/n/later", false).unwrap().unwrap().czxid.epoch();
    assert!(epoch > two.epoch, "{epoch} after {}", two.epoch);
}

#[test]
fn who_is_not_the_leader_takes_no_followers() {
    let two = TwoOfThree::start();
    let mut peer = Peer::dial(two.ensemble.server(3 - two.leader));
    peer.follower_info(3, 0);
    assert!(peer.is_closed());
}

/// One voter that looks for a leader, and has promised an epoch; the others are down.
fn one_of_three() -> (Ensemble, Epoch) {
    let mut ensemble = Setup::voters(3).start();
    // A second reign, so that there is an older one.
    let leader = ensemble.await_leader();
    ensemble.kill(leader);
    ensemble.await_serving(&ensemble.running());
    ensemble.start_all();
    let mut client = ensemble.connect(1);
    client.create("/d", b"", CreateMode::Persistent).unwrap();
    client.create("/d/kept", b"kept", CreateMode::Persistent).unwrap();
    let epoch = client.exists("/d/kept", false).unwrap().unwrap().czxid.epoch();
    ensemble.kill_all();
    ensemble.start(1);
    until("server 1 looks for a leader", || ensemble.server(1).says_not_serving().then_some(()));
    (ensemble, epoch)
}

#[test]
fn a_leader_of_an_older_epoch_is_not_followed() {
    let (mut ensemble, epoch) = one_of_three();
    assert!(epoch >= 2);
    let quorum_port = TcpListener::bind(("127.0.0.1", ensemble.server(3).quorum)).unwrap();
    let mut voter = Voter::dial(ensemble.server(1), 3);
    voter.vote(3, Zxid::new(1000, 1), 1000, 1000);
    // Server 1 has nothing better and follows.
    let mut learner = Peer::accept(&quorum_port);
    let (kind, zxid, _) = learner.receive().expect("it introduces itself");
    assert_eq!(kind, PacketType::FollowerInfo.to_i32());
    let accepted = Zxid(zxid as u64).epoch();
    assert!(accepted >= epoch, "it has promised {accepted}, and there were writes in {epoch}");
    let old = Zxid::new(accepted - 1, 0).0 as i64;
    learner.packet(PacketType::LeaderInfo, old, Some(&0x10000i32.to_be_bytes()));
    assert!(learner.receive().is_err(), "it promised an older epoch");
    assert!(ensemble.is_alive(1));
    drop((quorum_port, learner));
    ensemble.start_all();
    check_acknowledged(&ensemble, "/d", ["kept"].into_iter());
}

#[test]
fn an_epoch_after_which_there_is_none_ends_no_process() {
    let (mut ensemble, _) = one_of_three();
    // Server 3 votes for 1, which then begins to lead and asks for promised epochs.
    let mut voter = Voter::dial(ensemble.server(1), 3);
    let heard = voter.hear().expect("its vote");
    let zxid = heard.vote.zxid.expect("it has a history");
    voter.vote(1, zxid, heard.vote.peer_epoch, heard.round);
    until("server 1 leads", || ensemble.server(1).log().contains("Leading, Discovery").then_some(()));
    let mut peer = Peer::dial(ensemble.server(1));
    peer.follower_info(3, Epoch::MAX);
    let answer = peer.receive();
    assert!(answer.is_err(), "there is no epoch to propose: {answer:?}");
    assert!(ensemble.is_alive(1), "{}", ensemble.server(1).log());
    drop((voter, peer));
    ensemble.start_all();
    check_acknowledged(&ensemble, "/d", ["kept"].into_iter());
}
