//! What `QuorumPeer::step` costs, from a client's frame to the bytes of the reply. Measured are reads and
//! writes on a standalone server and on the leader of three, and a write that a thousand sessions watch.
//!
//! The shell around it answers at once: what is to be synced is synced, what is proposed is acknowledged
//! by every follower. So a write on the leader is prepare, proposals, acknowledgements, commits and apply.
//!
//! `cargo bench -p quorate-core --bench step`

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use criterion::measurement::{Measurement, WallTime};
use criterion::{BatchSize, Criterion, Throughput};
use quorate_core::config::{Constant, ElectionMode, PeerConfig};
use quorate_core::ids::{ConnId, Link, Now, ServerId, SessionId, Zxid};
use quorate_core::membership::Membership;
use quorate_core::pipeline::{ClientEvent, ClientReply, ClientTxn, Settings};
use quorate_core::quorum::QuorumVerifier;
use quorate_core::wire::client::{
    ConnectRequest, CreateMode, CreateRequest, Request, RequestHeader, SetDataRequest, WatchRequest,
};
use quorate_core::wire::jute::Jute;
use quorate_core::wire::record::Acl;
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, Outputs, QuorumPeer, Recovered};

const ME: ServerId = ServerId(1);
const CLIENT: ConnId = ConnId(1);
const KEYS: usize = 10_000;
/// Sessions that watch one znode.
const WATCHERS: u64 = 1_000;
const VALUE: [u8; 1024] = [7; 1024];
/// Time stands still: no session expires.
const NOW: Now = Now { elapsed_ms: 1_000_000, wall_ms: 1_700_000_000_000 };

/// A leader with clients, and the hands around it.
struct Server {
    peer: QuorumPeer<ClientTxn>,
    inputs: VecDeque<Input<ClientTxn>>,
    outputs: Outputs<ClientTxn>,
    /// The bytes of the replies since the last [`Server::input`].
    replies: Vec<u8>,
    answered: usize,
}

impl Server {
    /// A leader with `followers` followers, a session and [`KEYS`] znodes.
    fn with_followers(followers: i64) -> Server {
        let voters: Vec<ServerId> = (1..=1 + followers).map(ServerId).collect();
        let config = PeerConfig {
            election: ElectionMode::Oracle,
            ..PeerConfig::new(
                ME,
                Membership::new(QuorumVerifier::Majority(voters), Vec::new()),
                Settings::new(ME, 2000),
            )
        };
        let peer = QuorumPeer::new(Constant::new(config), Recovered::first_start());
        let (inputs, outputs) = (VecDeque::new(), Outputs::new());
        let mut server = Server { peer, inputs, outputs, replies: Vec::new(), answered: 0 };
        server.input(Input::Start);
        server.input(Input::Elected(ME));
        for id in 2..=1 + followers {
            let link = Link { server: ServerId(id), generation: 1 };
            server.input(Input::Accepted(link));
            let info = Packet::FollowerInfo { accepted_epoch: 0, config_version: 0 };
            server.input(Input::Packet(link, info));
        }
        assert!(server.peer.serving(), "the leader has its quorum");
        server.connect(CLIENT);
        server.ask(&create("/bench".to_owned()));
        for key in 0..KEYS {
            server.ask(&create(path(key)));
        }
        server
    }

    fn connect(&mut self, client: ConnId) {
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: 30_000,
            session: SessionId(0),
            password: Some(Bytes::from_static(&[0; 16])),
            read_only: Some(false),
        };
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let frame = Bytes::from(request.to_bytes());
        self.input(Input::Client(client, ClientEvent::Connect { frame, address, certificate: None }));
        assert_eq!(self.answered, 1);
    }

    fn ask(&mut self, request: &Request) {
        self.frame(frame(request));
    }

    /// A request of the first client, until it is answered; the reply's bytes.
    fn frame(&mut self, frame: Bytes) -> &[u8] {
        self.frame_that_tells(frame, 0)
    }

    /// A write of which many sessions are told: the bytes of all that is sent.
    fn frame_that_tells(&mut self, frame: Bytes, watchers: u64) -> &[u8] {
        self.input(Input::Client(CLIENT, ClientEvent::Frame(frame)));
        assert_eq!(self.answered as u64, 1 + watchers, "a reply, and an event for each watcher");
        &self.replies
    }

    /// Step, and step again with what comes back, until nothing does.
    fn input(&mut self, input: Input<ClientTxn>) {
        self.replies.clear();
        self.answered = 0;
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            self.peer.step(NOW, input, &mut self.outputs);
            for output in self.outputs.drain(..) {
                match output {
                    Output::Reply(_, reply) => {
                        if let ClientReply::Reply { header, .. } = &reply {
                            assert_eq!(header.err, 0);
                        }
                        reply.write(&mut self.replies);
                        self.answered += 1;
                    }
                    Output::Append(ticket, ..)
                    | Output::SaveAcceptedEpoch(ticket, _)
                    | Output::SaveCurrentEpoch(ticket, _) => self.inputs.push_back(Input::Done(ticket)),
                    Output::Send(link, packet) => {
                        if let Some(answer) = follower(packet) {
                            self.inputs.push_back(Input::Packet(link, answer));
                        }
                    }
                    Output::SetAlarm(..) | Output::CancelAlarm(_) | Output::TakeSnapshot(..) => {}
                    other => panic!("not wanted here: {other:?}"),
                }
            }
        }
    }
}

/// What a follower that has nothing yet answers.
fn follower(packet: Packet<ClientTxn>) -> Option<Packet<ClientTxn>> {
    match packet {
        Packet::LeaderInfo { .. } => Some(Packet::AckEpoch { current_epoch: Some(0), last_zxid: Zxid::ZERO }),
        Packet::NewLeader { epoch, .. } => Some(Packet::Ack { zxid: Zxid::new(epoch, 0) }),
        Packet::Proposal { zxid, .. } => Some(Packet::Ack { zxid }),
        _ => None,
    }
}

fn path(key: usize) -> String {
    format!("/bench/n{key:013}")
}

fn create(path: String) -> Request {
    Request::Create(CreateRequest {
        path,
        data: Some(Bytes::from_static(&VALUE)),
        acl: vec![Acl::open()],
        flags: CreateMode::Persistent.to_i32(),
    })
}

/// A request as the client sends it.
fn frame(request: &Request) -> Bytes {
    let mut frame = RequestHeader { xid: 1, op: request.op().to_i32() }.to_bytes();
    request.write_body(&mut frame);
    frame.into()
}

fn get(key: usize) -> Bytes {
    frame(&Request::GetData(WatchRequest { path: path(key), watch: false }))
}

fn get_and_watch(key: usize) -> Bytes {
    frame(&Request::GetData(WatchRequest { path: path(key), watch: true }))
}

fn set(key: usize) -> Bytes {
    let data = Some(Bytes::from_static(&VALUE));
    frame(&Request::SetData(SetDataRequest { path: path(key), data, version: -1 }))
}

fn requests(c: &mut Criterion, name: &str, followers: i64, request: fn(usize) -> Bytes) {
    let mut group = c.benchmark_group("step");
    group.throughput(Throughput::Elements(1));
    let mut server = Server::with_followers(followers);
    let mut key = 0;
    group.bench_function(name, |b| {
        b.iter_batched(
            || {
                // A prime that is no divisor of the number of keys visits all of them, not in order.
                key = (key + 7919) % KEYS;
                request(key)
            },
            |frame| black_box(server.frame(frame).len()),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// One write, and the events to all clients that watch the znode; arming the watches again is not counted.
fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    group.throughput(Throughput::Elements(WATCHERS));
    let mut server = Server::with_followers(0);
    let watchers: Vec<ConnId> = (2..2 + WATCHERS).map(ConnId).collect();
    for client in &watchers {
        server.connect(*client);
    }
    let (watch, set) = (get_and_watch(0), set(0));
    group.bench_function(format!("standalone/events to {WATCHERS} watchers"), |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                for client in &watchers {
                    server.input(Input::Client(*client, ClientEvent::Frame(watch.clone())));
                }
                let began = WallTime.start();
                black_box(server.frame_that_tells(set.clone(), WATCHERS).len());
                spent += WallTime.end(began);
            }
            spent
        });
    });
    group.finish();
}

fn step(c: &mut Criterion) {
    requests(c, "standalone/read 1 KiB", 0, get);
    requests(c, "standalone/write 1 KiB", 0, set);
    requests(c, "leader of 3/read 1 KiB", 2, get);
    requests(c, "leader of 3/write 1 KiB", 2, set);
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    step(&mut c);
    fan_out(&mut c);
    c.final_summary();
}
