//! Dialing, greetings, pings, silence, read-only servers.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use quorate_core::config::Constant;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{OpCode, Response};

use super::script::{PASSWORD, SESSION, Script, TIMEOUT_MS, get, settings};
use crate::session::{End, Ended, Input, Offence, Outcome, Output, Session, State, Timer};

#[test]
fn the_order_of_servers_is_drawn_once_and_kept() {
    let orders: BTreeSet<Vec<_>> =
        (0..50).map(|seed| Session::new(Constant::new(settings("a,b,c")), seed).hosts.to_vec()).collect();
    assert_eq!(orders.len(), 6, "every order occurs");
    let mut script = Script::begun(settings("a,b,c"));
    let mut dialed = script.dialed();
    for _ in 0..8 {
        script.input(Input::Disconnected);
        script.input(Input::Alarm(Timer::Dial));
        dialed.extend(script.dialed());
    }
    assert_eq!(dialed[..3], dialed[3..6]);
    assert_eq!(dialed[..3], dialed[6..]);
    assert_eq!(dialed[..3], script.session.hosts[..]);
}

#[test]
fn a_round_in_vain_is_followed_by_a_pause() {
    let mut script = Script::begun(settings("a,b,c"));
    script.input(Input::Disconnected);
    script.input(Input::Disconnected);
    assert_eq!(script.dialed().len(), 3);
    script.at.random = 77;
    script.input(Input::Disconnected);
    assert_eq!(script.dialed(), []);
    assert_eq!(script.alarm(Timer::Dial), Some(177));
    script.input(Input::Alarm(Timer::Dial));
    assert_eq!(script.dialed().len(), 1);
}

#[test]
fn an_attempt_has_its_share_of_the_timeout() {
    let mut script = Script::begun(settings("a,b,c"));
    assert_eq!(script.alarm(Timer::Attempt), Some(2_000));
    script.at.ms = 500;
    script.input(Input::Connected);
    // The greeting is a part of the attempt.
    assert_eq!(script.alarm(Timer::Attempt), Some(2_000));
    script.input(Input::Alarm(Timer::Attempt));
    assert_eq!(script.ended(), [Ended::AttemptTimedOut]);
    assert_eq!(script.alarm(Timer::Attempt), Some(2_500));
}

#[test]
fn the_time_to_connect_counts_from_the_first_attempt() {
    let mut script = Script::begun(settings("a,b"));
    for i in 1..200 {
        script.at.ms = i * 100;
        script.input(Input::Disconnected);
        script.input(Input::Alarm(Timer::Dial));
        assert_eq!(script.alarm(Timer::Connect), Some(30_000));
    }
    script.submit(1, get("/a"));
    script.input(Input::Alarm(Timer::Connect));
    assert_eq!(script.over(), Some(End::NeverConnected));
    assert!(matches!(&script.outcomes()[..], [(1, Outcome::Refused(_))]));
    assert_eq!(script.session.next_alarm(), None);
    // A session that has had a connection tries for ever.
    assert_eq!(Script::on("a").alarm(Timer::Connect), None);
}

#[test]
fn the_server_decides_on_the_timeout() {
    let mut script = Script::begun(settings("a"));
    script.input(Input::Connected);
    script.answer_greeting(3_000, SESSION, false);
    assert_eq!(script.session.timeout_ms(), 3_000);
    assert_eq!(script.alarm(Timer::Ping), Some(1_000));
    assert_eq!(script.alarm(Timer::Silence), Some(2_000));
}

#[test]
fn a_session_moves_with_id_password_and_zxid() {
    let mut script = Script::begun(settings("a"));
    let first = script.greeted();
    assert_eq!((first.session, first.last_zxid_seen, first.timeout_ms), (SessionId(0), 0, TIMEOUT_MS));
    assert_eq!(script.states(), [State::Connected]);
    script.submit(1, get("/"));
    script.done(55, &Response::Data { data: None, stat: Default::default() });
    let again = script.reconnect();
    assert_eq!(again.session, SESSION);
    assert_eq!(again.password.as_deref(), Some(&PASSWORD[..]));
    assert_eq!(again.last_zxid_seen, 55);
    assert_eq!(script.states(), [State::Suspended, State::Reconnected]);
}

#[test]
fn a_third_of_the_timeout_without_a_word_is_a_ping() {
    let mut script = Script::on("a");
    assert_eq!(script.alarm(Timer::Ping), Some(2_000));
    script.at.ms = 1_500;
    script.submit(1, get("/"));
    script.requests();
    assert_eq!(script.alarm(Timer::Ping), Some(3_500));
    script.at.ms = 3_500;
    script.input(Input::Alarm(Timer::Ping));
    let ops: Vec<_> = script.requests().iter().map(|(xid, request)| (*xid, request.op())).collect();
    assert_eq!(ops, [(-2, OpCode::Ping)]);
    assert_eq!(script.alarm(Timer::Ping), Some(5_500));
    script.reply(-2, 9, 0, &Response::Empty);
    assert_eq!(script.take(), []);
}

#[test]
fn two_thirds_of_silence_end_the_connection_and_not_the_session() {
    let mut script = Script::on("a,b");
    script.at.ms = 1_000;
    script.submit(1, get("/"));
    script.reply(-2, 1, 0, &Response::Empty);
    assert_eq!(script.alarm(Timer::Silence), Some(5_000));
    script.input(Input::Alarm(Timer::Silence));
    let list = script.take();
    assert_eq!(
        list[..3],
        [
            Output::Hangup(Ended::Silence),
            Output::Complete(crate::session::OpId(1), Outcome::Unknown),
            Output::State(State::Suspended),
        ]
    );
    assert!(matches!(list[3..], [Output::Dial(_)]));
    assert_eq!(script.greeted().session, SESSION);
}

#[test]
fn clients_of_a_lost_server_do_not_come_at_once() {
    let mut script = Script::on("a,b");
    script.at.random = 12_345;
    script.input(Input::Disconnected);
    assert_eq!(script.dialed(), []);
    assert_eq!(script.alarm(Timer::Dial), Some(45));
}

#[test]
fn a_read_only_server_will_do_until_one_takes_writes() {
    let mut script = Script::begun(crate::session::Settings { read_only: true, ..settings("a,b") });
    let greeting = script.greeted_by(true);
    assert_eq!(greeting.read_only, Some(true));
    assert_eq!(script.states(), [State::ReadOnly]);
    assert_eq!(script.alarm(Timer::Search), Some(500));
    script.at.ms = 500;
    script.input(Input::Alarm(Timer::Search));
    let [Output::Probe(host)] = &script.take()[..] else { panic!("it probes") };
    assert_eq!(script.alarm(Timer::Search), Some(1_000));
    script.input(Input::Probed { host: host.clone(), writable: false });
    assert_eq!(script.take(), []);
    script.submit(1, get("/"));
    script.input(Input::Probed { host: host.clone(), writable: true });
    let list = script.take();
    assert_eq!(list[0], Output::Hangup(Ended::WritableServerFound));
    assert_eq!(list[3], Output::Dial(host.clone()));
    // What the read-only server has made up is no session of the ensemble.
    let greeting = script.greeted();
    assert_eq!(greeting.session, SessionId(0));
    assert_eq!(script.states(), [State::Reconnected]);
    assert_eq!(script.alarm(Timer::Search), None);
}

#[test]
fn a_session_that_the_ensemble_knows_is_kept_through_a_read_only_server() {
    let mut script = Script::begun(crate::session::Settings { read_only: true, ..settings("a") });
    script.greeted();
    script.input(Input::Disconnected);
    assert_eq!(script.greeted_by(true).session, SESSION);
    assert_eq!(script.states(), [State::Connected, State::Suspended, State::ReadOnly]);
    assert_eq!(script.reconnect().session, SESSION);
}

#[test]
fn a_read_only_server_that_was_not_asked_for_is_left() {
    let mut script = Script::begun(settings("a,b"));
    script.greeted_by(true);
    assert_eq!(script.ended(), [Ended::Offence(Offence::ReadOnly)]);
    assert_eq!(script.session.state(), State::Connecting);
}

#[test]
fn what_ends_a_connection_is_told_in_words() {
    let told = Ended::Offence(Offence::ZxidBack { seen: 255, got: 16 }).to_string();
    assert_eq!(told, "the server broke the protocol: a reply at zxid 0x10, the client has seen 0xff");
    assert_eq!(vec![Ended::Over(End::Expired).to_string()], ["the session has expired"]);
}
