//! A disk that does not answer: what a leader lets wait for its own, and when a server has no vote.

mod common;

use quorate_core::config::{Constant, ElectionMode, PeerConfig};
use quorate_core::election::{Notification, ServerState, Vote};
use quorate_core::ids::{ConnId, Link, ServerId, SessionId, Ticket, Touch, Zxid};
use quorate_core::membership::Membership;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::timer::Timer;
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, QuorumPeer, Reason};
use quorate_spec::byte::Byte;
use quorate_spec::world::Durable;

use common::{FOLLOWER, config, step_at};

/// What two requests of a byte take while they wait, with their places in a queue.
const ROOM_FOR_TWO: usize = 2 * 65;

fn peer(change: impl FnOnce(&mut PeerConfig<Byte>)) -> QuorumPeer<Byte> {
    let mut config = config();
    change(&mut config);
    QuorumPeer::new(Constant::new(config), Durable::empty().recovered())
}

/// The transactions that go to disk, each with its ticket.
fn appended(outputs: &[Output<Byte>]) -> Vec<(Ticket, Byte)> {
    let append = |output: &Output<Byte>| match output {
        Output::Append(ticket, _, txn) => Some((*ticket, *txn)),
        _ => None,
    };
    outputs.iter().filter_map(append).collect()
}

/// A leader with a follower in service, whose disk has answered so far.
fn established(max_backlog: usize) -> QuorumPeer<Byte> {
    established_with(|config| config.max_backlog = max_backlog)
}

fn established_with(change: impl FnOnce(&mut PeerConfig<Byte>)) -> QuorumPeer<Byte> {
    let mut leader = peer(change);
    let first = Packet::FollowerInfo { accepted_epoch: 0, config_version: 0 };
    let inputs = [
        Input::Start,
        Input::Elected(ServerId(1)),
        Input::Accepted(FOLLOWER),
        Input::Packet(FOLLOWER, first),
        Input::Packet(FOLLOWER, Packet::AckEpoch { current_epoch: Some(0), last_zxid: Zxid::ZERO }),
        Input::Packet(FOLLOWER, Packet::Ack { zxid: Zxid::new(1, 0) }),
    ];
    for input in inputs {
        for output in step_at(&mut leader, 0, input) {
            if let Output::SaveAcceptedEpoch(ticket, _) | Output::SaveCurrentEpoch(ticket, _) = output {
                step_at(&mut leader, 0, Input::Done(ticket));
            }
        }
    }
    assert_eq!(leader.established_epoch(), Some(1));
    leader
}

fn asks(leader: &mut QuorumPeer<Byte>, byte: u8) -> Vec<Output<Byte>> {
    step_at(leader, 0, Input::Packet(FOLLOWER, Packet::Request(Byte(byte))))
}

#[test]
fn requests_of_learners_wait_in_their_order_while_the_leaders_disk_is_behind() {
    let mut leader = established(1);
    let first = appended(&asks(&mut leader, b'a'));
    assert_eq!(appended(&asks(&mut leader, b'b'))[0].1, Byte(b'b'));
    for byte in [b'c', b'd', b'e'] {
        assert_eq!(asks(&mut leader, byte), []);
    }
    assert_eq!(leader.status().parked_requests, 3);
    // What keeps the quorum together comes the same way and does not wait.
    let acked = step_at(&mut leader, 0, Input::Packet(FOLLOWER, Packet::Ack { zxid: Zxid::new(1, 1) }));
    assert_eq!(acked, [], "its own disk does not have it either");
    let (ticket, _) = first[0];
    let outputs = step_at(&mut leader, 0, Input::Done(ticket));
    assert!(
        outputs.contains(&Output::Send(FOLLOWER, Packet::Commit { zxid: Zxid::new(1, 1) })),
        "{outputs:?}"
    );
    assert_eq!(appended(&outputs).iter().map(|(_, txn)| *txn).collect::<Vec<_>>(), [Byte(b'c')]);
    let (mut waiting, mut taken_up) = (vec![Ticket(ticket.0 + 1), Ticket(ticket.0 + 2)], Vec::new());
    while let Some(ticket) = waiting.pop() {
        for (ticket, txn) in appended(&step_at(&mut leader, 0, Input::Done(ticket))) {
            waiting.push(ticket);
            taken_up.push(txn);
        }
    }
    assert_eq!(taken_up, [Byte(b'd'), Byte(b'e')]);
    assert_eq!(leader.status().parked_requests, 0);
}

#[test]
fn what_a_learner_asked_over_an_earlier_connection_is_forgotten() {
    let mut leader = established(0);
    assert_eq!(appended(&asks(&mut leader, b'a')).len(), 1);
    assert_eq!(asks(&mut leader, b'b'), []);
    for _ in 0..2 {
        step_at(&mut leader, 0, Input::Alarm(Timer::Liveness));
    }
    step_at(&mut leader, 0, Input::Accepted(Link { generation: FOLLOWER.generation + 1, ..FOLLOWER }));
    assert_eq!(leader.status().parked_requests, 0);
}

#[test]
fn a_learner_that_asks_for_more_than_may_wait_is_dropped() {
    let mut leader = established_with(|config| (config.max_backlog, config.max_parked) = (0, ROOM_FOR_TWO));
    assert_eq!(appended(&asks(&mut leader, b'a')).len(), 1);
    for byte in [b'b', b'c'] {
        assert_eq!(asks(&mut leader, byte), []);
    }
    let outputs = asks(&mut leader, b'd');
    assert!(outputs.contains(&Output::Hangup(FOLLOWER, Reason::TooMuchAsked)), "{outputs:?}");
    assert_eq!(leader.status().parked_requests, 0);
}

#[test]
fn syncs_and_questions_about_sessions_that_wait_are_limited_too() {
    let observer = Link { server: ServerId(4), generation: 1 };
    let touch = Touch { session: SessionId(1), timeout_ms: 1 };
    let cases = [(FOLLOWER, Packet::Request(Byte::sync(2))), (observer, Packet::Revalidate(touch))];
    for (link, last) in cases {
        let mut leader = established_with(|config| {
            config.max_parked = ROOM_FOR_TWO;
            let voters = QuorumVerifier::Majority((1..=3).map(ServerId).collect());
            config.membership = Membership::new(voters, vec![observer.server]).into();
        });
        for input in [
            Input::Accepted(observer),
            Input::Packet(observer, Packet::ObserverInfo { accepted_epoch: 0, config_version: 0 }),
            Input::Packet(observer, Packet::AckEpoch { current_epoch: Some(0), last_zxid: Zxid::ZERO }),
            Input::Packet(observer, Packet::Ack { zxid: Zxid::new(1, 0) }),
        ] {
            step_at(&mut leader, 0, input);
        }
        // Nothing is committed from here on.
        let tickets = appended(&asks(&mut leader, b'a'));
        let dropped =
            |outputs: &[Output<Byte>]| outputs.contains(&Output::Hangup(link, Reason::TooMuchAsked));
        for n in 0..2 {
            let outputs = step_at(&mut leader, 0, Input::Packet(link, Packet::Request(Byte::sync(n))));
            assert!(!dropped(&outputs), "{outputs:?}");
        }
        // What is answered makes room again.
        step_at(&mut leader, 0, Input::Packet(FOLLOWER, Packet::Ack { zxid: Zxid::new(1, 1) }));
        step_at(&mut leader, 0, Input::Done(tickets[0].0));
        assert_eq!(leader.status().pending_syncs, 0);
        asks(&mut leader, b'b');
        for n in 0..2 {
            let outputs = step_at(&mut leader, 0, Input::Packet(link, Packet::Request(Byte::sync(n))));
            assert!(!dropped(&outputs), "{outputs:?}");
        }
        let outputs = step_at(&mut leader, 0, Input::Packet(link, last));
        assert!(dropped(&outputs), "{link:?}: {outputs:?}");
        assert_eq!(leader.status().pending_syncs, 0);
    }
}

#[test]
fn clients_of_the_leader_itself_are_not_kept_waiting_by_core() {
    let mut leader = established(0);
    for n in 0..3 {
        let outputs = step_at(&mut leader, 0, Input::Client(ConnId(n), Byte(b'a')));
        assert_eq!(appended(&outputs).len(), 1, "the port that reads them knows about the disk itself");
    }
}

/// Whether the votes that leave say that there is a history behind them.
fn votes(outputs: &[Output<Byte>]) -> Vec<bool> {
    let vote = |output: &Output<Byte>| match output {
        Output::Elect(_, notification) => Some(notification.vote.zxid.is_some()),
        _ => None,
    };
    outputs.iter().filter_map(vote).collect()
}

#[test]
fn a_server_whose_disk_is_late_has_no_vote_until_the_disk_has_answered() {
    let limit = 5 * 2000;
    for (now, late) in [(limit, false), (limit + 1, true)] {
        let mut voter = peer(|config| config.election = ElectionMode::Fast);
        assert_eq!(votes(&step_at(&mut voter, 0, Input::Start)), [true; 2]);
        // Server 2 leads; its epoch goes to disk, which does not answer.
        let leads = Notification {
            state: ServerState::Leading,
            vote: Vote { leader: ServerId(2), zxid: Some(Zxid::ZERO), peer_epoch: 0 },
            round: 1,
        };
        let follows = Notification { state: ServerState::Following, ..leads };
        step_at(&mut voter, 0, Input::Notification(ServerId(3), follows));
        step_at(&mut voter, 0, Input::Notification(ServerId(2), leads));
        step_at(&mut voter, 0, Input::Up(FOLLOWER));
        let outputs = step_at(&mut voter, 0, Input::Packet(FOLLOWER, Packet::LeaderInfo { epoch: 1 }));
        let save = outputs.iter().find_map(|output| match output {
            Output::SaveAcceptedEpoch(ticket, 1) => Some(*ticket),
            _ => None,
        });
        let ticket = save.expect("it promises");
        let outputs = step_at(&mut voter, now, Input::Down(FOLLOWER));
        assert_eq!(votes(&outputs), [!late; 2]);
        // A connection that comes up meanwhile is told the same.
        assert_eq!(votes(&step_at(&mut voter, now, Input::ElectionUp(ServerId(3)))), [!late]);
        let outputs = step_at(&mut voter, now, Input::Done(ticket));
        assert_eq!(votes(&outputs), if late { vec![true; 2] } else { vec![] });
    }
}

#[test]
fn a_leader_that_the_others_outrun_hands_over_and_one_that_they_do_not_stays() {
    for outrun in [true, false] {
        let mut leader = established(usize::MAX);
        step_at(&mut leader, 0, Input::Client(ConnId(0), Byte(b'a')));
        if outrun {
            // Both others have it.
            let third = Link { server: ServerId(3), generation: 9 };
            for packet in [
                Packet::FollowerInfo { accepted_epoch: 1, config_version: 0 },
                Packet::AckEpoch { current_epoch: Some(1), last_zxid: Zxid::ZERO },
                Packet::Ack { zxid: Zxid::new(1, 0) },
                Packet::Ack { zxid: Zxid::new(1, 1) },
            ] {
                step_at(&mut leader, 0, Input::Accepted(third));
                step_at(&mut leader, 0, Input::Packet(third, packet));
            }
            step_at(&mut leader, 0, Input::Packet(FOLLOWER, Packet::Ack { zxid: Zxid::new(1, 1) }));
        }
        assert_eq!(leader.status().applied == Zxid::new(1, 1), outrun);
        step_at(&mut leader, 10_000, Input::Alarm(Timer::Liveness));
        assert_eq!(leader.established_epoch(), Some(1), "that is not late");
        step_at(&mut leader, 10_001, Input::Alarm(Timer::Liveness));
        assert_eq!(leader.established_epoch(), (!outrun).then_some(1));
    }
}
