//! A synchronisation that takes long is not cut off while it makes progress.

mod common;

use common::{FOLLOWER, config, step_at};
use quorate_core::config::Constant;
use quorate_core::ids::{EPOCH_LEAP, LAST_EPOCH, Link, ServerId, Zxid};
use quorate_core::timer::{Delay, Timer};
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, QuorumPeer, Reason};
use quorate_spec::byte::Byte;
use quorate_spec::world::Durable;

fn peer() -> QuorumPeer<Byte> {
    QuorumPeer::new(Constant::new(config()), Durable::empty().recovered())
}

fn step(peer: &mut QuorumPeer<Byte>, input: Input<Byte>) -> Vec<Output<Byte>> {
    step_at(peer, 0, input)
}

/// What a peer wants done, and the disk at once, until it wants nothing more of it.
fn settled(peer: &mut QuorumPeer<Byte>, input: Input<Byte>) -> Vec<Output<Byte>> {
    let mut all = step(peer, input);
    let mut at = 0;
    while at < all.len() {
        if let Output::SaveAcceptedEpoch(ticket, _) | Output::SaveCurrentEpoch(ticket, _) = &all[at] {
            let done = Input::Done(*ticket);
            let more = step(peer, done);
            all.extend(more);
        }
        at += 1;
    }
    all
}

fn gets_more_time(outputs: &[Output<Byte>]) -> bool {
    outputs.contains(&Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit))
}

fn introduced(accepted_epoch: u32) -> (QuorumPeer<Byte>, Vec<Output<Byte>>) {
    let mut peer = peer();
    step(&mut peer, Input::Start);
    step(&mut peer, Input::Elected(ServerId(1)));
    step(&mut peer, Input::Accepted(FOLLOWER));
    let first = Packet::FollowerInfo { accepted_epoch, config_version: 0 };
    let outputs = settled(&mut peer, Input::Packet(FOLLOWER, first));
    (peer, outputs)
}

#[test]
fn a_leader_waits_for_a_follower_that_takes_in_what_it_is_sent() {
    let (mut leader, _) = introduced(0);
    assert!(!gets_more_time(&step(&mut leader, Input::Progress(FOLLOWER))), "discovery has its limit");
    let ack = Packet::AckEpoch { current_epoch: Some(0), last_zxid: Zxid::ZERO };
    let sent = settled(&mut leader, Input::Packet(FOLLOWER, ack));
    assert!(
        sent.contains(&Output::Send(FOLLOWER, Packet::NewLeader { epoch: 1, config: Default::default() })),
        "{sent:?}"
    );
    assert!(gets_more_time(&step(&mut leader, Input::Progress(FOLLOWER))));
    let old = Link { generation: 6, ..FOLLOWER };
    assert!(!gets_more_time(&step(&mut leader, Input::Progress(old))), "of another connection");
}

#[test]
fn a_follower_waits_for_a_leader_that_goes_on_sending() {
    let mut follower = peer();
    let leader = Link { server: ServerId(3), generation: 1 };
    step(&mut follower, Input::Start);
    step(&mut follower, Input::Elected(ServerId(3)));
    step(&mut follower, Input::Up(leader));
    assert!(!gets_more_time(&step(&mut follower, Input::Progress(leader))), "discovery has its limit");
    settled(&mut follower, Input::Packet(leader, Packet::LeaderInfo { epoch: 1 }));
    assert!(gets_more_time(&step(&mut follower, Input::Progress(leader))));
    step(&mut follower, Input::Packet(leader, Packet::Diff { zxid: Zxid::ZERO }));
    assert!(gets_more_time(&step(&mut follower, Input::Progress(leader))));
    settled(&mut follower, Input::Packet(leader, Packet::NewLeader { epoch: 1, config: Default::default() }));
    step(&mut follower, Input::Packet(leader, Packet::UpToDate));
    assert!(!gets_more_time(&step(&mut follower, Input::Progress(leader))), "it is synchronised");
}

#[test]
fn there_is_no_epoch_after_the_last() {
    let (_, outputs) = introduced(LAST_EPOCH);
    assert!(outputs.contains(&Output::Hangup(FOLLOWER, Reason::NoEpochLeft)), "{outputs:?}");
    // What one server claims moves the epoch by no more than a leap.
    let (_, outputs) = introduced(LAST_EPOCH - 1);
    let leap = Packet::LeaderInfo { epoch: EPOCH_LEAP + 1 };
    assert!(outputs.contains(&Output::Send(FOLLOWER, leap)), "{outputs:?}");
}
