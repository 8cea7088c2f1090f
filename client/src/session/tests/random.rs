//! Random inputs, of honest servers and of others: what must hold in every order.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use quorate_core::wire::client::{EventType, MultiResult, Request, Response, WatchRequest};
use quorate_core::wire::record::Stat;

use super::script::{Script, auth, exists, get, set, settings};
use crate::session::{End, Input, OpId, Outcome, Output, State, Timer};

#[derive(Clone, Debug)]
enum Do {
    Submit(u8),
    GiveUp(u8),
    Connect,
    Greet(bool),
    Expire,
    Cut,
    /// The next request is answered: well, or with an error.
    Answer(bool),
    Event(u8),
    Noise(Vec<u8>),
    Alarm(Timer),
    Close,
}

fn what() -> impl Strategy<Value = Do> {
    let timers = [Timer::Dial, Timer::Attempt, Timer::Connect, Timer::Ping, Timer::Silence, Timer::Search];
    prop_oneof![
        6 => (0u8..6).prop_map(Do::Submit),
        1 => (0u8..40).prop_map(Do::GiveUp),
        4 => Just(Do::Connect),
        4 => any::<bool>().prop_map(Do::Greet),
        1 => Just(Do::Expire),
        2 => Just(Do::Cut),
        8 => any::<bool>().prop_map(Do::Answer),
        2 => (0u8..4).prop_map(Do::Event),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Do::Noise),
        3 => (0usize..6).prop_map(move |i| Do::Alarm(timers[i])),
        1 => Just(Do::Close),
    ]
}

fn request(i: u8) -> Request {
    match i {
        0 => get("/a"),
        1 => set("/a", vec![1]),
        2 => exists("/b", true),
        3 => auth("ann:x"),
        4 => Request::GetChildren(WatchRequest { path: "/a".into(), watch: true }),
        _ => get("no path"),
    }
}

fn answer(request: &Request) -> Response {
    let stat = Stat::default();
    match request {
        Request::GetData(_) => Response::Data { data: None, stat },
        Request::SetData(_) | Request::Exists(_) => Response::Stat(stat),
        Request::GetChildren(_) => Response::Children(vec![]),
        Request::Multi(_) => Response::Multi(vec![MultiResult::Delete]),
        _ => Response::Empty,
    }
}

/// What a caller knows: which operations wait, whether there is a connection, what was told of the end.
#[derive(Default)]
struct Known {
    waiting: BTreeMap<u64, ()>,
    submitted: u64,
    dialed: bool,
    ends: Vec<End>,
}

impl Known {
    fn look(&mut self, script: &mut Script) -> Result<(), TestCaseError> {
        for output in script.take() {
            match output {
                Output::Dial(_) => {
                    prop_assert!(!self.dialed, "one connection at a time");
                    self.dialed = true;
                }
                Output::Hangup(_) => {
                    prop_assert!(self.dialed);
                    self.dialed = false;
                }
                Output::Complete(OpId(id), _) => {
                    prop_assert_eq!(self.waiting.remove(&id), Some(()), "one outcome each");
                }
                Output::State(State::Over(end)) => self.ends.push(end),
                Output::State(_) | Output::Event(_) | Output::Probe(_) => {
                    prop_assert!(self.ends.is_empty(), "the end is the end");
                }
            }
        }
        prop_assert!(self.ends.len() <= 1, "told once");
        prop_assert_eq!(self.ends.is_empty(), script.over().is_none());
        if script.over().is_some() {
            prop_assert!(!self.dialed);
            prop_assert!(self.waiting.is_empty(), "no operation is left: {:?}", self.waiting);
        } else {
            prop_assert!(script.session.next_alarm().is_some(), "it cannot wait for ever");
        }
        Ok(())
    }
}

fn is_up(script: &Script) -> bool {
    matches!(script.session.state(), State::Connected | State::ReadOnly | State::Reconnected)
}

fn act(script: &mut Script, known: &mut Known, what: &Do, zxid: i64) {
    script.at.ms += 10;
    match what {
        Do::Submit(i) => {
            known.submitted += 1;
            known.waiting.insert(known.submitted, ());
            script.submit(known.submitted, request(*i));
        }
        Do::GiveUp(id) => script.input(Input::GiveUp(OpId(u64::from(*id)))),
        Do::Connect if known.dialed => script.input(Input::Connected),
        Do::Greet(read_only) if known.dialed => {
            script.answer_greeting(1_000, super::script::SESSION, *read_only);
        }
        Do::Expire if known.dialed => script.answer_greeting(0, super::script::SESSION, false),
        Do::Cut if known.dialed => script.input(Input::Disconnected),
        Do::Answer(well) if known.dialed && is_up(script) => {
            if let Some((xid, request)) = script.request() {
                script.reply(xid, zxid, if *well { 0 } else { -101 }, &answer(&request));
            }
        }
        Do::Event(i) if known.dialed => {
            let event = [
                EventType::NodeCreated,
                EventType::NodeDeleted,
                EventType::NodeDataChanged,
                EventType::NodeChildrenChanged,
            ][usize::from(*i)];
            script.event(zxid, event, "/a");
        }
        Do::Noise(bytes) if known.dialed => script.input(Input::Bytes(bytes)),
        Do::Alarm(timer) => script.input(Input::Alarm(*timer)),
        Do::Close => script.input(Input::Close),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_operation_has_one_outcome_and_the_end_is_told_once(
        steps in proptest::collection::vec(what(), 0..120)
    ) {
        let mut script = Script::begun(crate::session::Settings { read_only: true, ..settings("a,b,c") });
        let mut known = Known::default();
        known.look(&mut script)?;
        for (i, step) in steps.iter().enumerate() {
            // What was written so far is read by the server: a greeting is no request.
            if matches!(step, Do::Greet(_) | Do::Expire) {
                script.forget_written();
            }
            act(&mut script, &mut known, step, i as i64 + 1);
            known.look(&mut script)?;
        }
        script.input(Input::Close);
        if script.over().is_none() {
            script.input(Input::Disconnected);
        }
        known.look(&mut script)?;
        prop_assert!(script.over().is_some());
    }

    /// States that are equal behave alike: nothing is hidden.
    #[test]
    fn a_copy_goes_the_same_way(steps in proptest::collection::vec(what(), 0..60)) {
        let mut script = Script::begun(settings("a,b"));
        let mut known = Known { dialed: true, ..Known::default() };
        for (i, step) in steps.iter().enumerate() {
            if matches!(step, Do::Greet(_) | Do::Expire) {
                script.forget_written();
            }
            let mut twin = script.twin();
            let before = known.submitted;
            act(&mut script, &mut known, step, i as i64 + 1);
            let mut again = Known { submitted: before, dialed: known.dialed, ..Known::default() };
            act(&mut twin, &mut again, step, i as i64 + 1);
            prop_assert_eq!(&script.session, &twin.session);
            prop_assert_eq!(&script.list, &twin.list);
            known.dialed = script.list.iter().fold(known.dialed, |dialed, output| match output {
                Output::Dial(_) => true,
                Output::Hangup(_) => false,
                _ => dialed,
            });
            script.take();
        }
    }

    #[test]
    fn no_outcome_but_unknown_follows_from_a_cut(count in 1u64..20, answered in 0u64..20) {
        let mut script = Script::on("a");
        for id in 1..=count {
            script.submit(id, set("/a", vec![]));
        }
        for _ in 0..answered.min(count) {
            script.done(1, &Response::Stat(Stat::default()));
        }
        script.input(Input::Disconnected);
        let outcomes = script.outcomes();
        prop_assert_eq!(outcomes.len() as u64, count);
        for (id, outcome) in outcomes {
            prop_assert_eq!(matches!(outcome, Outcome::Done(_)), id <= answered);
            prop_assert_eq!(outcome == Outcome::Unknown, id > answered);
        }
    }
}
