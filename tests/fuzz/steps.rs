//! Inputs of `QuorumPeer::step` that a hostile client or member can cause. A server that leads, follows or
//! looks takes them in. It does not panic, and allocates no more than a multiple of what it is fed.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use fastrand::Rng;
use quorate_core::config::{Constant, ElectionMode, PeerConfig};
use quorate_core::election::{Notification, ServerState, Vote};
use quorate_core::ids::{ConnId, Link, Now, ServerId, Ticket, Zxid};
use quorate_core::membership::Membership;
use quorate_core::pipeline::{ClientEvent, ClientTxn, ImageBuilder, Settings};
use quorate_core::quorum::QuorumVerifier;
use quorate_core::timer::Timer;
use quorate_core::wire::jute::DEFAULT_MAX_FIELD;
use quorate_core::wire::quorum::{PeerDecoder, Side};
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, Outputs, QuorumPeer, Recovered};

use super::corpus::recorded;
use super::mutate::mutated;
use super::run::{cases, measured};

const LENGTH: usize = 60;
const LINKS: i64 = 4;
const CONNS: u64 = 4;
const TIMERS: [Timer; 8] = [
    Timer::ElectionResend,
    Timer::ElectionDecide,
    Timer::Redial,
    Timer::PhaseLimit,
    Timer::Liveness,
    Timer::Ping,
    Timer::SessionExpiry,
    Timer::ReadOnly,
];

/// Server 1 of three voters and an observer, with a disk that answers at once.
struct Server {
    peer: QuorumPeer<ClientTxn>,
    now: Now,
    armed: Vec<Timer>,
    dialed: Option<ServerId>,
    links: Vec<Link>,
    conns: Vec<ConnId>,
    generation: u32,
    next_conn: u64,
}

impl Server {
    fn new(election: ElectionMode) -> Server {
        let voters = QuorumVerifier::Majority((1..=3).map(ServerId).collect());
        let membership = Membership::new(voters, vec![ServerId(4)]);
        let config = PeerConfig {
            election,
            max_parked: 64 << 20,
            ..PeerConfig::new(ServerId(1), membership, Settings::new(ServerId(1), 2000))
        };
        let mut server = Server {
            peer: QuorumPeer::new(Constant::new(config), Recovered::first_start()),
            now: Now::default(),
            armed: Vec::new(),
            dialed: None,
            links: Vec::new(),
            conns: Vec::new(),
            generation: 0,
            next_conn: 0,
        };
        server.step(Input::Start);
        server
    }

    /// A server that leads, established, with server 2 as a follower.
    fn leading() -> Server {
        let mut server = Server::new(ElectionMode::Oracle);
        server.step(Input::Elected(ServerId(1)));
        let link = server.accept(ServerId(2));
        let zero = Zxid::default();
        server.step(Input::Packet(link, Packet::FollowerInfo { accepted_epoch: 0, config_version: 0 }));
        server.step(Input::Packet(link, Packet::AckEpoch { current_epoch: Some(0), last_zxid: zero }));
        let epoch = server.peer.status().accepted_epoch;
        server.step(Input::Packet(link, Packet::Ack { zxid: Zxid::new(epoch, 0) }));
        assert!(server.peer.established_epoch().is_some(), "{:?}", server.peer.status());
        server
    }

    /// A server that follows server 2 and serves.
    fn following() -> Server {
        let mut server = Server::new(ElectionMode::Oracle);
        server.step(Input::Elected(ServerId(2)));
        let link = Link { server: ServerId(2), generation: 0 };
        server.links.push(link);
        server.step(Input::Up(link));
        for packet in [
            Packet::LeaderInfo { epoch: 1 },
            Packet::Diff { zxid: Zxid::default() },
            Packet::NewLeader { epoch: 1, config: Bytes::new() },
            Packet::UpToDate,
        ] {
            server.step(Input::Packet(link, packet));
        }
        assert!(server.peer.serving(), "{:?}", server.peer.status());
        server
    }

    fn accept(&mut self, from: ServerId) -> Link {
        self.generation += 1;
        let link = Link { server: from, generation: self.generation };
        self.links.push(link);
        self.step(Input::Accepted(link));
        link
    }

    /// A step, and what it asks of the disk, which is done at once.
    fn step(&mut self, input: Input<ClientTxn>) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut out = Outputs::new();
            self.peer.step(self.now, input, &mut out);
            let done = out.into_iter().filter_map(|output| self.perform(output)).max();
            inputs.extend(done.map(Input::Done));
        }
    }

    fn perform(&mut self, output: Output<ClientTxn>) -> Option<Ticket> {
        match output {
            Output::Append(ticket, ..)
            | Output::Truncate(ticket, _)
            | Output::InstallSnapshot(ticket, ..)
            | Output::SaveAcceptedEpoch(ticket, _)
            | Output::SaveCurrentEpoch(ticket, _) => return Some(ticket),
            Output::SetAlarm(timer, _) if !self.armed.contains(&timer) => self.armed.push(timer),
            Output::CancelAlarm(timer) => self.armed.retain(|armed| *armed != timer),
            Output::Hangup(link, _) => self.links.retain(|held| *held != link),
            Output::CloseClient(conn) => self.conns.retain(|held| *held != conn),
            Output::Dial(server) => self.dialed = Some(server),
            _ => {}
        }
        None
    }
}

struct Corpus {
    connects: Vec<Vec<u8>>,
    requests: Vec<Vec<u8>>,
    packets: Vec<Vec<u8>>,
    empty: ImageBuilder,
}

impl Corpus {
    fn new() -> Corpus {
        let body = |frames: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
            frames.into_iter().filter(|frame| frame.len() > 4).map(|frame| frame[4..].to_vec()).collect()
        };
        Corpus {
            connects: body(recorded(&["01_connect.txt"])),
            requests: body(recorded(&["02_requests.txt", "10_edge_3.8.0.txt"])),
            packets: recorded(&["06_learner_follower.txt", "07_learner_observer.txt", "08_fake_leader.txt"]),
            empty: ImageBuilder::new(&Settings::new(ServerId(1), 2000)),
        }
    }

    /// What the shell makes of bytes at the quorum port: the packets in them.
    fn packets(&self, rng: &mut Rng, side: Side) -> (usize, Vec<Packet<ClientTxn>>) {
        let bytes = mutated(rng, &self.packets);
        let mut decoder = PeerDecoder::new(side, DEFAULT_MAX_FIELD, self.empty.clone());
        decoder.feed(&bytes);
        let mut packets = Vec::new();
        while let Ok(Some(packet)) = decoder.next_packet() {
            packets.push(packet);
        }
        (bytes.len(), packets)
    }
}

fn vote(rng: &mut Rng) -> Notification {
    let edge = |rng: &mut Rng| [0, 1, 2, 5, u64::MAX, i64::MAX as u64, 1 << 62][rng.usize(..7)];
    let states = [ServerState::Looking, ServerState::Following, ServerState::Leading, ServerState::Observing];
    Notification {
        state: states[rng.usize(..4)],
        vote: Vote {
            leader: ServerId(rng.i64(-1..6)),
            zxid: rng.bool().then(|| Zxid(edge(rng))),
            peer_epoch: rng.u32(..3),
        },
        round: edge(rng),
    }
}

/// One thing that strangers, clients or members do.
fn disturb(rng: &mut Rng, corpus: &Corpus, server: &mut Server) {
    let pick = |rng: &mut Rng, links: &[Link]| (!links.is_empty()).then(|| links[rng.usize(..links.len())]);
    server.now.elapsed_ms += rng.u64(..700);
    match rng.u8(..16) {
        0 if (server.conns.len() as u64) < CONNS => {
            server.next_conn += 1;
            let conn = ConnId(server.next_conn);
            server.conns.push(conn);
            let frame = Bytes::from(mutated(rng, &corpus.connects));
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let event = ClientEvent::Connect { frame: frame.clone(), address, certificate: None };
            measured("a connect request", frame.len(), || server.step(Input::Client(conn, event)));
        }
        1..=6 if !server.conns.is_empty() => {
            let conn = server.conns[rng.usize(..server.conns.len())];
            let frame = Bytes::from(mutated(rng, &corpus.requests));
            // What is read, and what a session leaves, is there already.
            measured("a request", frame.len() + (16 << 10), || {
                server.step(Input::Client(conn, ClientEvent::Frame(frame.clone())));
            });
        }
        7 if !server.conns.is_empty() => {
            let conn = server.conns.swap_remove(rng.usize(..server.conns.len()));
            server.step(Input::Client(conn, ClientEvent::Closed));
        }
        8 => {
            let from = ServerId(rng.i64(-1..6));
            let heard = vote(rng);
            measured("a vote", 200, || server.step(Input::Notification(from, heard)));
        }
        9 if (server.links.len() as i64) < LINKS => {
            let from = ServerId(rng.i64(0..6));
            server.accept(from);
        }
        10 => {
            if let Some(link) = pick(rng, &server.links) {
                server.links.retain(|held| *held != link);
                server.step(Input::Down(link));
            }
        }
        11 => {
            let armed: Vec<Timer> = TIMERS.into_iter().filter(|timer| server.armed.contains(timer)).collect();
            if !armed.is_empty() {
                let timer = armed[rng.usize(..armed.len())];
                server.armed.retain(|held| *held != timer);
                server.step(Input::Alarm(timer));
            }
            if let Some(leader) = server.dialed.take() {
                server.generation += 1;
                let link = Link { server: leader, generation: server.generation };
                if rng.bool() {
                    server.links.push(link);
                    server.step(Input::Up(link));
                } else {
                    server.step(Input::Down(link));
                }
            }
        }
        12 => {
            let other = ServerId(rng.i64(2..5));
            server.step(if rng.bool() { Input::ElectionUp(other) } else { Input::ElectionDown(other) });
        }
        _ => {
            let Some(link) = pick(rng, &server.links) else { return };
            let side = if server.peer.state() == ServerState::Leading { Side::Leader } else { Side::Learner };
            let (len, packets) = corpus.packets(rng, side);
            for packet in packets {
                if server.links.contains(&link) {
                    // A learner may be sent the whole state, which is small here.
                    measured("packets", len + (64 << 10), || server.step(Input::Packet(link, packet)));
                }
            }
        }
    }
}

fn disturbed(target: &str, begin: fn() -> Server) {
    let corpus = Corpus::new();
    cases(target, 50, |rng| {
        let mut server = begin();
        for _ in 0..LENGTH {
            disturb(rng, &corpus, &mut server);
        }
    });
}

#[test]
fn a_server_that_leads() {
    disturbed("inputs of a leader", Server::leading);
}

#[test]
fn a_server_that_follows() {
    disturbed("inputs of a follower", Server::following);
}

#[test]
fn a_server_that_looks() {
    disturbed("inputs of a server that looks", || Server::new(ElectionMode::Fast));
}
