//! Servers that break the protocol: the offence is named, the connection ends, the session goes on.

use alloc::vec;
use alloc::vec::Vec;

use quorate_core::ids::SessionId;
use quorate_core::wire::client::{
    DeleteRequest, MultiOp, MultiResult, ReplyHeader, Request, Response, write_frame,
};
use quorate_core::wire::jute::{Jute, Why};

use super::script::{SESSION, Script, get, set};
use crate::session::{Ended, Input, Offence, Outcome, Settings, Timer};

/// What the session calls it; it goes on with the next connection.
#[track_caller]
fn offence(script: &mut Script) -> Offence {
    let ended = script.ended();
    let [Ended::Offence(offence)] = &ended[..] else { panic!("no offence: {ended:?}") };
    script.input(Input::Alarm(Timer::Dial));
    let greeting = script.greeted();
    assert_eq!(greeting.session, SESSION);
    offence.clone()
}

#[test]
fn replies_to_nothing() {
    let mut script = Script::on("a");
    for xid in [1, 0, -3, i32::MIN, -4, -8] {
        script.reply(xid, 1, 0, &Response::Empty);
        assert_eq!(offence(&mut script), Offence::UnknownXid(xid));
    }
}

#[test]
fn replies_out_of_order() {
    let mut script = Script::on("a");
    script.submit(1, set("/a", vec![]));
    script.submit(2, set("/a", vec![]));
    script.reply(2, 1, 0, &Response::Stat(Default::default()));
    let told: Vec<_> =
        script.list.iter().filter(|output| !matches!(output, super::super::Output::Dial(_))).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(offence(&mut script), Offence::WrongXid { expected: 1, got: 2 });
}

#[test]
fn a_reply_that_cannot_be_read_leaves_the_outcome_unknown() {
    let mut script = Script::on("a");
    script.submit(1, set("/a", vec![]));
    script.reply(1, 1, 0, &Response::Empty);
    let (list, again) = (script.list.clone(), script.list.len());
    assert!(again > 0);
    assert_eq!(script.outcomes(), [(1, Outcome::Unknown)]);
    script.list = list;
    let Offence::Unreadable(error) = offence(&mut script) else { panic!("unreadable") };
    assert_eq!((error.field, error.why), ("Stat.czxid", Why::Truncated));
}

#[test]
fn a_zxid_that_goes_back() {
    let mut script = Script::on("a");
    script.submit(1, get("/a"));
    script.submit(2, get("/a"));
    script.fails(7, -101);
    script.fails(6, -101);
    assert_eq!(script.session.last_zxid(), 7);
    let list = script.list.clone();
    let outcomes = script.outcomes();
    assert_eq!(outcomes[1], (2, Outcome::Unknown));
    script.list = list;
    assert_eq!(offence(&mut script), Offence::ZxidBack { seen: 7, got: 6 });
    // Where there is nothing to say, a server says −1 or 0.
    script.submit(3, get("/a"));
    script.submit(4, get("/a"));
    script.fails(-1, -6);
    script.fails(0, -6);
    assert_eq!(script.ended(), []);
}

#[test]
fn frames_of_impossible_lengths() {
    let mut script = Script::up(Settings { max_reply: 1 << 20, ..super::script::settings("a") });
    for len in [-1, i32::MIN, (1 << 20) + 1, i32::MAX] {
        script.input(Input::Bytes(&len.to_be_bytes()));
        let Offence::Unreadable(error) = offence(&mut script) else { panic!("unreadable") };
        assert_eq!(error.field, "frame.length");
    }
    script.take();
    // What is only announced costs nothing.
    script.input(Input::Bytes(&(1i32 << 20).to_be_bytes()));
    assert_eq!(script.take(), []);
}

#[test]
fn a_header_that_ends_too_early() {
    let mut script = Script::on("a");
    for len in 0..ReplyHeader::LEN {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, |out| out.resize(out.len() + len, 0xff));
        script.input(Input::Bytes(&bytes));
        assert!(matches!(offence(&mut script), Offence::Unreadable(_)));
    }
}

#[test]
fn another_session() {
    let mut script = Script::on("a");
    for other in [SessionId(9), SessionId(0)] {
        script.input(Input::Disconnected);
        script.input(Input::Alarm(Timer::Dial));
        script.input(Input::Connected);
        script.take();
        script.answer_greeting(1_000, other, false);
        assert_eq!(offence(&mut script), Offence::OtherSession { asked: SESSION, got: other });
    }
}

#[test]
fn a_multi_without_an_outcome() {
    let delete = || MultiOp::Delete(DeleteRequest { path: "/a".into(), version: -1 });
    let lies = [
        vec![MultiResult::Delete],
        vec![MultiResult::Delete; 3],
        vec![MultiResult::Delete, MultiResult::Error(-101)],
        vec![MultiResult::Error(0), MultiResult::Error(0)],
    ];
    for lie in lies {
        let mut script = Script::on("a");
        script.submit(1, Request::Multi(vec![delete(), delete()]));
        script.done(1, &Response::Multi(lie));
        assert_eq!(offence(&mut script), Offence::Results);
    }
}

#[test]
fn watches_that_are_not_set_again() {
    let mut script = Script::on("a");
    script.submit(1, super::script::exists("/a", true));
    script.fails(1, -101);
    script.reconnect();
    script.take();
    script.reply(-8, 1, -5, &Response::Empty);
    assert_eq!(offence(&mut script), Offence::WatchesNotSet(-5));
}

#[test]
fn nothing_behind_the_offence_is_taken() {
    let mut script = Script::on("a");
    script.submit(1, get("/a"));
    let mut bytes = Vec::new();
    for xid in [5, 1] {
        write_frame(&mut bytes, |out| ReplyHeader { xid, zxid: 1, err: -101 }.write(out));
    }
    script.input(Input::Bytes(&bytes));
    let outcomes = script.list.clone();
    assert_eq!(script.outcomes(), [(1, Outcome::Unknown)]);
    script.list = outcomes;
    offence(&mut script);
}
