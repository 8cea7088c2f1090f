//! Operations and their outcomes.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::tree::path::PathError;
use quorate_core::wire::client::{
    CheckVersionRequest, CreateMode, DeleteRequest, MultiOp, MultiResult, OpCode, Request, Response,
};
use quorate_core::wire::record::Stat;

use super::script::{Script, auth, create, exists, get, set, settings};
use crate::session::{End, Input, OpId, Outcome, Refusal, Timer};

fn data(text: &'static [u8]) -> Response {
    Response::Data { data: Some(Bytes::from_static(text)), stat: Stat::default() }
}

#[test]
fn replies_come_in_the_order_of_requests() {
    let mut script = Script::on("a");
    for id in 1..=3 {
        script.submit(id, get("/a"));
    }
    assert_eq!(script.session.outstanding(), 3);
    script.done(1, &data(b"1"));
    script.fails(1, -101);
    script.done(2, &data(b"3"));
    assert_eq!(
        script.outcomes(),
        [
            (1, Outcome::Done(data(b"1"))),
            (2, Outcome::Refused(Refusal::Server(-101))),
            (3, Outcome::Done(data(b"3"))),
        ]
    );
    assert_eq!((script.session.outstanding(), script.session.last_zxid()), (0, 2));
}

#[test]
fn what_was_sent_is_unknown_when_the_connection_ends_and_what_waits_is_sent() {
    let mut script = Script::on("a");
    script.submit(1, set("/a", vec![1]));
    script.input(Input::Disconnected);
    script.submit(2, set("/a", vec![2]));
    script.submit(3, get("/a"));
    assert_eq!(script.outcomes(), [(1, Outcome::Unknown)]);
    script.greeted();
    let ops: Vec<_> = script.requests().iter().map(|(xid, request)| (*xid, request.op())).collect();
    // No xid is used twice: servers log them.
    assert_eq!(ops, [(2, OpCode::SetData), (3, OpCode::GetData)]);
    script.reply(2, 5, 0, &Response::Stat(Stat::default()));
    assert_eq!(script.outcomes(), [(2, Outcome::Done(Response::Stat(Stat::default())))]);
}

#[test]
fn after_the_last_xid_comes_the_first() {
    let mut script = Script::on("a");
    script.session.next_xid = i32::MAX;
    script.submit(1, get("/a"));
    script.submit(2, get("/a"));
    let xids: Vec<_> = script.requests().iter().map(|(xid, _)| *xid).collect();
    assert_eq!(xids, [i32::MAX, 1]);
}

#[test]
fn what_is_given_up_is_not_sent_or_unknown() {
    let mut script = Script::begun(settings("a"));
    script.submit(1, get("/a"));
    script.input(Input::GiveUp(OpId(1)));
    script.greeted();
    assert_eq!(script.outcomes(), [(1, Outcome::Refused(Refusal::GivenUp))]);
    assert_eq!(script.requests(), []);
    script.submit(2, get("/a"));
    script.submit(3, get("/b"));
    script.input(Input::GiveUp(OpId(2)));
    script.input(Input::GiveUp(OpId(2)));
    assert_eq!(script.outcomes(), [(2, Outcome::Unknown)]);
    // Its reply is awaited all the same: the next one is not taken for it.
    script.done(1, &data(b"a"));
    script.done(1, &data(b"b"));
    assert_eq!(script.outcomes(), [(3, Outcome::Done(data(b"b")))]);
}

#[test]
fn paths_and_lengths_are_refused_before_sending() {
    let mut script = Script::on("a");
    script.submit(1, get("a"));
    script.submit(2, create("/a/", CreateMode::Persistent));
    script.submit(3, create("/a/", CreateMode::EphemeralSequential));
    // 8 of header, 4 and the path, 4 and the data, 4 of version.
    script.submit(4, set("/a", vec![0; 1_048_575 - 22]));
    script.submit(5, set("/a", vec![0; 1_048_575 - 21]));
    let path = |path: &str, why| Outcome::Refused(Refusal::Path(path.into(), why));
    let long = Outcome::Refused(Refusal::TooLong { len: 1_048_576, max: 1_048_575 });
    assert_eq!(
        script.outcomes(),
        [
            (1, path("a", PathError::NotAbsolute)),
            (2, path("/a/", PathError::TrailingSlash)),
            (5, long.clone()),
        ]
    );
    // Nothing of what was refused is left: the replies are those of the others.
    let xids: Vec<i32> = script.requests().into_iter().map(|(xid, _)| xid).collect();
    assert_eq!(xids, [1, 2]);
    script.reply(1, 1, -101, &Response::Empty);
    script.reply(2, 1, 0, &Response::Stat(Stat::default()));
    script.submit(7, get("/a"));
    script.done(2, &data(b"7"));
    let outcomes = script.outcomes();
    assert_eq!(outcomes.last(), Some(&(7, Outcome::Done(data(b"7")))));
    // As long as there is no connection, too.
    script.input(Input::Disconnected);
    script.submit(6, set("/a", vec![0; 1_048_575 - 21]));
    assert_eq!(script.outcomes().last(), Some(&(6, long)));
}

#[test]
fn what_is_no_clients_is_refused() {
    let mut script = Script::on("a");
    let check = CheckVersionRequest { path: "/a".into(), version: 1 };
    let requests = [
        Request::Ping,
        Request::CloseSession,
        Request::CreateSession(1),
        Request::Check(check),
        Request::Sasl(None),
    ];
    for request in requests {
        script.submit(1, request);
        assert_eq!(script.outcomes(), [(1, Outcome::Refused(Refusal::NotForClients))]);
    }
    assert_eq!(script.requests(), []);
}

#[test]
fn a_multi_that_fails_is_refused_and_says_where() {
    let delete = || MultiOp::Delete(DeleteRequest { path: "/a".into(), version: -1 });
    let mut script = Script::on("a");
    script.submit(1, Request::Multi(vec![delete(), delete(), delete()]));
    let results = [0, -101, -2].map(MultiResult::Error);
    script.done(1, &Response::Multi(results.into()));
    assert_eq!(script.outcomes(), [(1, Outcome::Refused(Refusal::Part { index: 1, code: -101 }))]);
    script.submit(2, Request::Multi(vec![]));
    script.done(2, &Response::Multi(vec![]));
    assert_eq!(script.outcomes(), [(2, Outcome::Done(Response::Multi(vec![])))]);
}

#[test]
fn an_identity_is_proved_on_every_connection_in_front_of_everything_else() {
    let mut script = Script::begun(settings("a"));
    script.submit(1, auth("ann:x"));
    script.submit(2, get("/a"));
    script.greeted();
    let ops: Vec<_> = script.requests().iter().map(|(xid, request)| (*xid, request.op())).collect();
    assert_eq!(ops, [(-4, OpCode::Auth), (1, OpCode::GetData)]);
    // The answer is lost, and so is the reply.
    script.reconnect();
    assert_eq!(script.outcomes(), [(2, Outcome::Unknown)]);
    script.submit(3, get("/a"));
    script.requests();
    script.reply(-4, 0, 0, &Response::Empty);
    assert_eq!(script.outcomes(), [(1, Outcome::Done(Response::Empty))]);
    script.reconnect();
    script.requests();
    script.reply(-4, 0, 0, &Response::Empty);
    assert_eq!(script.outcomes(), [(3, Outcome::Unknown)]);
    // One that is known is not sent again.
    script.submit(4, auth("ann:x"));
    assert_eq!(script.requests(), []);
    assert_eq!(script.outcomes(), [(4, Outcome::Done(Response::Empty))]);
    assert_eq!(script.session.identities().count(), 1);
}

#[test]
fn an_identity_that_is_refused_ends_the_session_once() {
    let mut script = Script::on("a");
    script.submit(1, auth("ann:x"));
    script.submit(2, auth("bob:x"));
    script.submit(3, set("/a", vec![]));
    script.reply(-4, 0, -115, &Response::Empty);
    assert_eq!(script.over(), Some(End::AuthFailed));
    let outcomes = script.outcomes();
    assert_eq!(
        outcomes,
        [(1, Outcome::Refused(Refusal::Server(-115))), (2, Outcome::Unknown), (3, Outcome::Unknown),]
    );
    script.reply(-4, 0, -115, &Response::Empty);
    script.input(Input::Disconnected);
    script.input(Input::Alarm(Timer::Dial));
    assert_eq!(script.take(), []);
}

#[test]
fn paths_are_those_below_the_root() {
    let mut script = Script::on("a/app");
    script.submit(1, create("/q/", CreateMode::PersistentSequential));
    script.submit(2, get("/"));
    script.submit(3, Request::GetEphemerals(None));
    script.input(Input::Submit { id: OpId(4), request: get("/zookeeper/config"), absolute: true });
    let requests: Vec<_> = script.requests().into_iter().map(|(_, request)| request).collect();
    assert!(matches!(&requests[0], Request::Create2(r) if r.path == "/app/q/"));
    assert_eq!(
        requests[1..],
        [get("/app"), Request::GetEphemerals(Some("/app".into())), get("/zookeeper/config")]
    );
    script.reply(1, 1, 0, &Response::PathStat("/app/q/0000000007".into(), Stat::default()));
    script.reply(2, 1, 0, &data(b""));
    script.reply(3, 1, 0, &Response::Children(vec!["/app".into(), "/app/q/x".into()]));
    let outcomes = script.outcomes();
    let told = Response::PathStat("/q/0000000007".into(), Stat::default());
    assert_eq!(outcomes[0], (1, Outcome::Done(told)));
    let told = Response::Children(vec!["/".into(), "/q/x".into()]);
    assert_eq!(outcomes[2], (3, Outcome::Done(told)));
    // An error without a path of its own needs none.
    script.submit(5, exists("/x", false));
    let (xid, request) = script.request().unwrap();
    assert_eq!((xid, request), (5, exists("/app/x", false)));
}
