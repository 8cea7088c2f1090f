//! What servers say to a client's session.

use bytes::Bytes;
use fastrand::Rng;
use quorate_client::session::{Input, Moment, OpId, Output, Outputs, Session, Settings, Timer};
use quorate_core::config::Constant;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{
    AuthPacket, ConnectResponse, DeleteRequest, EventType, MultiOp, MultiResult, ReplyHeader, Request,
    Response, WatchRequest, WatcherEvent, write_frame, write_reply,
};
use quorate_core::wire::jute::Jute;
use quorate_core::wire::record::Stat;

use crate::mutate::mutated;
use crate::run::{cases, measured};

const TIMERS: [Timer; 6] =
    [Timer::Dial, Timer::Attempt, Timer::Connect, Timer::Ping, Timer::Silence, Timer::Search];

/// Frames of an honest server, one by one: the greeting, and answers to [`requests`].
fn honest() -> Vec<Vec<u8>> {
    let response = ConnectResponse {
        protocol_version: 0,
        timeout_ms: 4_000,
        session: SessionId(7),
        password: [1; 16],
        read_only: Some(false),
    };
    let mut greeting = Vec::new();
    write_frame(&mut greeting, |out| response.write(out));
    let stat = Stat::default();
    let data = Some(Bytes::from_static(b"data"));
    let answers = [
        Response::Data { data, stat },
        Response::Stat(stat),
        Response::Children2 { children: vec!["a".into(), "b".into()], stat },
        Response::Multi(vec![MultiResult::Delete, MultiResult::Delete]),
        Response::Empty,
    ];
    let mut frames = vec![greeting];
    for (i, answer) in answers.iter().enumerate() {
        let mut frame = Vec::new();
        let xid = if i == 4 { -4 } else { i as i32 + 1 };
        write_reply(&mut frame, ReplyHeader { xid, zxid: i as i64 + 1, err: 0 }, answer);
        frames.push(frame);
    }
    let mut event = Vec::new();
    write_frame(&mut event, |out| {
        ReplyHeader { xid: -1, zxid: 3, err: 0 }.write(out);
        WatcherEvent::new(EventType::NodeDataChanged, "/app/a".into()).write(out);
    });
    frames.push(event);
    frames
}

fn requests() -> [Request; 5] {
    let watched = || WatchRequest { path: "/a".into(), watch: true };
    let delete = || MultiOp::Delete(DeleteRequest { path: "/a".into(), version: -1 });
    let auth = AuthPacket { auth_type: 0, scheme: "digest".into(), auth: None };
    [
        Request::GetData(watched()),
        Request::Exists(watched()),
        Request::GetChildren2(watched()),
        Request::Multi(vec![delete(), delete()]),
        Request::Auth(auth),
    ]
}

struct Shell {
    session: Session,
    waiting: usize,
    dialed: bool,
}

impl Shell {
    fn step(&mut self, rng: &mut Rng, input: Input<'_>) {
        let mut out = Outputs::default();
        self.session.step(Moment { ms: rng.u64(..1 << 40), random: rng.u64(..) }, input, &mut out);
        for output in out.list {
            match output {
                Output::Complete(..) => self.waiting -= 1,
                Output::Dial(_) => self.dialed = true,
                Output::Hangup(_) => self.dialed = false,
                _ => {}
            }
        }
    }
}

#[test]
fn what_servers_say_to_a_client() {
    let honest = honest();
    let settings = Constant::new(Settings::new("a,b/app".parse().expect("a connect string")));
    cases("a client's session", 3000, |rng| {
        let session = Session::new(settings.clone(), rng.u64(..));
        let mut shell = Shell { session, waiting: 0, dialed: false };
        shell.step(rng, Input::Start);
        for _ in 0..rng.usize(1..4) {
            if !shell.dialed {
                shell.step(rng, Input::Alarm(Timer::Dial));
            }
            if shell.dialed {
                shell.step(rng, Input::Connected);
            }
            let upto = rng.usize(..=honest.len());
            let mut bytes = honest[..upto].concat();
            if rng.u8(..4) > 0 {
                bytes.extend_from_slice(&mutated(rng, &honest));
            }
            let cut = rng.usize(..=bytes.len());
            for request in requests() {
                shell.waiting += 1;
                let id = OpId(rng.u64(..));
                shell.step(rng, Input::Submit { id, request, absolute: false });
            }
            for part in [&bytes[..cut], &bytes[cut..]] {
                if shell.dialed {
                    measured("a server's bytes", 4 * part.len(), || shell.step(rng, Input::Bytes(part)));
                }
            }
            if rng.bool() {
                let timer = TIMERS[rng.usize(..TIMERS.len())];
                shell.step(rng, Input::Alarm(timer));
            }
        }
        shell.step(rng, Input::Close);
        if shell.dialed {
            shell.step(rng, Input::Disconnected);
        }
        assert_eq!(shell.waiting, 0, "every operation has an outcome");
    });
}
