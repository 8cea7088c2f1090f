//! Watches: when they are registered, told, and set again.

use alloc::vec;
use alloc::vec::Vec;

use quorate_core::wire::client::{
    AddWatchMode, AddWatchRequest, EventType, OpCode, Request, Response, SetWatchesRequest, WatchRequest,
    WatcherRequest, WatcherType,
};
use quorate_core::wire::record::Stat;

use super::script::{Script, auth, exists, get};
use crate::session::{Input, Output, WatchEvent, WatchKinds};

fn stat() -> Response {
    Response::Stat(Stat::default())
}

fn add_watch(path: &str, mode: AddWatchMode) -> Request {
    Request::AddWatch(AddWatchRequest { path: path.into(), mode })
}

fn events(script: &mut Script) -> Vec<WatchEvent> {
    let event = |output| if let Output::Event(event) = output { Some(event) } else { None };
    script.take().into_iter().filter_map(event).collect()
}

#[test]
fn a_watch_is_registered_when_the_server_says_so() {
    let data = || Response::Data { data: None, stat: Stat::default() };
    let watched = |path: &str| WatchRequest { path: path.into(), watch: true };
    let mut script = Script::on("a");
    script.submit(1, exists("/a", true));
    script.submit(2, exists("/b", true));
    script.submit(3, Request::GetData(watched("/c")));
    script.submit(4, Request::GetData(watched("/d")));
    script.submit(5, Request::GetChildren2(watched("/c")));
    script.submit(6, add_watch("/e", AddWatchMode::Persistent));
    script.submit(7, add_watch("/f", AddWatchMode::PersistentRecursive));
    script.submit(8, add_watch("/g", AddWatchMode::Persistent));
    script.submit(9, exists("/h", false));
    script.submit(10, get("/h"));
    script.submit(11, Request::GetData(watched("/lost")));
    for path in ["/a", "/b", "/c"] {
        assert_eq!(script.session.watches(path), WatchKinds::NONE);
    }
    script.done(1, &stat());
    script.fails(1, -101);
    script.done(1, &data());
    script.fails(1, -101);
    script.done(1, &Response::Children2 { children: vec![], stat: Stat::default() });
    script.done(1, &Response::Error(0));
    script.done(1, &Response::Error(0));
    script.done(1, &Response::Error(-102));
    script.done(1, &stat());
    script.done(1, &data());
    let expected = [
        ("/a", WatchKinds::DATA),
        ("/b", WatchKinds::EXIST),
        ("/c", WatchKinds::DATA.with(WatchKinds::CHILD)),
        ("/d", WatchKinds::NONE),
        ("/e", WatchKinds::PERSISTENT),
        ("/f", WatchKinds::RECURSIVE),
        ("/g", WatchKinds::NONE),
        ("/h", WatchKinds::NONE),
        ("/lost", WatchKinds::NONE),
    ];
    for (path, kinds) in expected {
        assert_eq!(script.session.watches(path), kinds, "{path}");
    }
    script.reconnect();
    let (xid, request) = script.request().unwrap();
    let again = SetWatchesRequest {
        relative_zxid: 1,
        data: vec!["/a".into(), "/c".into()],
        exist: vec!["/b".into()],
        child: vec!["/c".into()],
        persistent: vec!["/e".into()],
        persistent_recursive: vec!["/f".into()],
    };
    assert_eq!((xid, request), (-8, Request::SetWatches2(again)));
}

#[test]
fn after_a_reconnect_identities_come_first_then_watches_then_requests() {
    let mut script = Script::on("a");
    script.submit(1, auth("ann:x"));
    script.submit(2, exists("/a", true));
    let (xid, _) = script.requests().pop().unwrap();
    script.reply(xid, 4, -101, &Response::Empty);
    script.input(Input::Disconnected);
    script.submit(3, get("/b"));
    script.greeted();
    let ops: Vec<_> = script.requests().iter().map(|(xid, request)| (*xid, request.op())).collect();
    assert_eq!(ops, [(-4, OpCode::Auth), (-8, OpCode::SetWatches), (2, OpCode::GetData)]);
    // What was missed is told in front of the answer.
    script.event(-1, EventType::NodeCreated, "/a");
    script.reply(-8, 9, 0, &Response::Empty);
    let told = WatchEvent {
        event: EventType::NodeCreated,
        path: "/a".into(),
        zxid: None,
        kinds: WatchKinds::EXIST,
        recursive: false,
    };
    assert_eq!(events(&mut script), [told]);
    assert_eq!(script.session.watches("/a"), WatchKinds::NONE);
    script.reconnect();
    assert!(!script.requests().iter().any(|(_, request)| request.op() == OpCode::SetWatches));
}

#[test]
fn a_one_shot_watch_is_told_once_and_a_persistent_one_always() {
    let mut script = Script::on("a/app");
    script.submit(1, exists("/a", true));
    script.submit(2, add_watch("/a", AddWatchMode::Persistent));
    script.submit(3, add_watch("/", AddWatchMode::PersistentRecursive));
    script.done(1, &stat());
    script.done(1, &Response::Error(0));
    script.done(1, &Response::Error(0));
    script.event(2, EventType::NodeDataChanged, "/app/a");
    script.event(3, EventType::NodeDataChanged, "/app/a");
    script.event(4, EventType::NodeCreated, "/app/a/b");
    script.event(5, EventType::NodeCreated, "/else");
    let told: Vec<_> =
        events(&mut script).into_iter().map(|e| (e.path, e.zxid, e.kinds, e.recursive)).collect();
    let both = WatchKinds::DATA.with(WatchKinds::PERSISTENT);
    assert_eq!(
        told,
        [
            ("/a".into(), Some(2), both, true),
            ("/a".into(), Some(3), WatchKinds::PERSISTENT, true),
            ("/a/b".into(), Some(4), WatchKinds::NONE, true),
        ]
    );
}

/// The events of one transaction are cut in the middle: the rest must be made up for.
#[test]
fn an_event_does_not_say_that_its_transaction_has_been_told() {
    let mut script = Script::on("a");
    script.submit(1, exists("/a", true));
    script.submit(2, exists("/b", true));
    script.done(1, &stat());
    script.done(1, &stat());
    script.event(5, EventType::NodeDataChanged, "/a");
    script.reconnect();
    let (_, request) = script.request().unwrap();
    let Request::SetWatches(again) = request else { panic!("{request:?}") };
    assert_eq!((again.relative_zxid, again.data), (1, vec!["/b".into()]));
}

#[test]
fn watches_are_removed_when_the_server_says_so() {
    let remove = |path: &str, watcher| Request::RemoveWatches(WatcherRequest { path: path.into(), watcher });
    let mut script = Script::on("a");
    script.submit(1, exists("/a", true));
    script.submit(2, add_watch("/a", AddWatchMode::Persistent));
    script.done(1, &stat());
    script.done(1, &Response::Error(0));
    script.submit(3, remove("/a", WatcherType::Data));
    script.fails(1, -4);
    assert_eq!(script.session.watches("/a"), WatchKinds::DATA.with(WatchKinds::PERSISTENT));
    script.submit(4, remove("/a", WatcherType::Data));
    script.done(1, &Response::Empty);
    assert_eq!(script.session.watches("/a"), WatchKinds::PERSISTENT);
    script.submit(5, remove("/a", WatcherType::Any));
    script.fails(1, -121);
    assert_eq!(script.session.watches("/a"), WatchKinds::NONE);
    script.submit(6, exists("/b", true));
    script.done(1, &stat());
    script.input(Input::Forget { path: "/b".into(), kinds: WatchKinds::DATA });
    script.take();
    script.event(2, EventType::NodeDeleted, "/b");
    assert_eq!(script.take(), []);
}
