//! Ends of sessions: each is told once.

use alloc::vec;

use quorate_core::ids::SessionId;
use quorate_core::wire::client::{OpCode, Response};

use super::script::{SESSION, Script, exists, get, set, settings};
use crate::session::{End, Ended, Input, Outcome, Output, Refusal, State, Timer, WatchKinds};

#[test]
fn a_session_that_no_server_knows_has_expired() {
    let mut script = Script::on("a");
    script.submit(1, exists("/a", true));
    script.done(1, &Response::Stat(Default::default()));
    script.submit(2, set("/a", vec![]));
    script.input(Input::Disconnected);
    script.submit(3, get("/a"));
    script.take();
    script.input(Input::Connected);
    script.answer_greeting(0, SessionId(0), false);
    assert_eq!(
        script.take(),
        [
            Output::Hangup(Ended::Expired),
            Output::Complete(crate::session::OpId(3), Outcome::Refused(Refusal::Over(End::Expired))),
            Output::State(State::Over(End::Expired)),
        ]
    );
    assert_eq!(script.session.watches("/a"), WatchKinds::NONE);
    script.submit(4, get("/a"));
    assert_eq!(
        script.take(),
        [Output::Complete(crate::session::OpId(4), Outcome::Refused(Refusal::Over(End::Expired)))]
    );
    for input in [Input::Connected, Input::Disconnected, Input::Bytes(b"x"), Input::Close, Input::Start] {
        script.input(input);
    }
    for timer in [Timer::Dial, Timer::Attempt, Timer::Connect, Timer::Ping, Timer::Silence, Timer::Search] {
        script.input(Input::Alarm(timer));
    }
    assert_eq!(script.take(), []);
    assert_eq!(script.session.next_alarm(), None);
}

#[test]
fn a_session_is_closed_behind_what_was_sent() {
    let mut script = Script::on("a");
    script.submit(1, set("/a", vec![]));
    script.input(Input::Close);
    script.submit(2, get("/a"));
    let closed = Outcome::Refused(Refusal::Over(End::Closed));
    assert_eq!(script.outcomes(), [(2, closed)]);
    script.done(1, &Response::Stat(Default::default()));
    assert_eq!(script.outcomes().len(), 1);
    let (xid, request) = script.request().unwrap();
    assert_eq!(request.op(), OpCode::CloseSession);
    script.reply(xid, 2, 0, &Response::Empty);
    assert_eq!(
        script.take(),
        [Output::Hangup(Ended::Over(End::Closed)), Output::State(State::Over(End::Closed))]
    );
}

#[test]
fn a_session_that_is_being_closed_is_not_taken_up_again() {
    for input in [Input::Disconnected, Input::Alarm(Timer::Silence)] {
        let mut script = Script::on("a");
        script.submit(1, set("/a", vec![]));
        script.input(Input::Close);
        assert_eq!(script.alarm(Timer::Ping), None);
        script.input(input);
        assert_eq!(script.outcomes(), [(1, Outcome::Unknown)]);
        assert_eq!(script.over(), Some(End::Closed));
    }
}

#[test]
fn without_a_connection_it_is_closed_at_once() {
    let mut script = Script::begun(settings("a"));
    script.submit(1, get("/a"));
    script.input(Input::Close);
    assert_eq!(script.over(), Some(End::Closed));
    assert_eq!(script.outcomes(), [(1, Outcome::Refused(Refusal::Over(End::Closed)))]);
    assert_eq!(script.session.id(), SessionId(0));
    assert_eq!(Script::on("a").session.id(), SESSION);
}
