//! Peers that talk nonsense on the two server ports of a full ensemble, or are not the servers they say they
//! are. They get the end of their connection, the servers go on, nothing is lost.

use std::fs;
use std::time::{Duration, Instant};

use quorate_core::election::{Notification, ServerState, Vote};
use quorate_core::ids::{EPOCH_LEAP, ServerId, Zxid};
use quorate_core::wire::client::CreateMode;
use quorate_core::wire::election::{Address, InitialMessage, write_notification};
use quorate_core::wire::jute::Jute;
use quorate_core::wire::quorum::{PacketType, QuorumPacket};

use crate::harness::{
    Bystander, Counter, Ensemble, Process, Rng, Setup, Wire, Writer, check_acknowledged, contents,
    eventually, free_ports, seed, until,
};

fn hello(id: i64, address: &str) -> Vec<u8> {
    let mut hello = Vec::new();
    InitialMessage::write(ServerId(id), &[Address::new(address, 1)], &mut hello);
    hello
}

/// FOLLOWERINFO or OBSERVERINFO.
fn info(kind: PacketType, id: i64, accepted: u32) -> Vec<u8> {
    let data = [id.to_bytes(), 0x10000i32.to_bytes(), 0i64.to_bytes()].concat();
    QuorumPacket::new(kind, Zxid::new(accepted, 0).0 as i64, Some(data.into())).to_bytes()
}

/// How many lines of a server's log say this.
fn lines(ensemble: &Ensemble, id: u64, text: &str) -> usize {
    ensemble.server(id).log().lines().filter(|line| line.contains(text)).count()
}

#[test]
fn strangers_are_closed_with_one_line_each() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=60000").start();
    let bystander = Bystander::start(&ensemble);
    for id in ensemble.ids() {
        let (quorum, election) = (ensemble.server(id).quorum, ensemble.server(id).election);
        let leads = ensemble.server(id).mode().as_deref() == Some("leader");
        for stranger in [0, 4, 99, -1, i64::MIN, i64::MAX - 1] {
            let mut wire = Wire::dial(election);
            wire.say(&hello(stranger, "127.0.0.1"));
            assert_eq!(wire.rest(), Some(vec![]), "server {id}, election port, stranger {stranger}");
            for kind in [PacketType::FollowerInfo, PacketType::ObserverInfo] {
                let mut wire = Wire::dial(quorum);
                wire.say(&info(kind, stranger, 0));
                assert_eq!(wire.rest(), Some(vec![]), "server {id}, quorum port, stranger {stranger}");
            }
        }
        let said = |port: &str| format!("{port} port: 127.0.0.1:");
        let counted = eventually(Duration::from_secs(5), || {
            lines(&ensemble, id, &said("election")) == 6
                && (!leads || lines(&ensemble, id, &said("quorum")) == 12)
        });
        assert!(counted, "server {id}:\n{}", ensemble.server(id).log());
        // Itself: a connection that has gone in a circle.
        let mut wire = Wire::dial(quorum);
        wire.say(&info(PacketType::FollowerInfo, id as i64, 0));
        assert!(wire.rest().is_some());
    }
    bystander.stop();
    for id in ensemble.ids() {
        assert!(ensemble.is_alive(id));
    }
}

#[test]
fn a_server_with_anothers_myid_hurts_nobody() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=120000").start();
    let mut client = ensemble.connect(1);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    client.create("/c", b"", CreateMode::Persistent).unwrap();
    client.create("/c/number", b"", CreateMode::Persistent).unwrap();
    let victim = ensemble.await_followers()[0];
    let ports: Vec<u16> = ensemble.ids().iter().map(|id| ensemble.server(*id).client).collect();
    let writer = Writer::start(ports.clone(), "/w", "");
    let counter = Counter::start(ports, "/c/number");
    // The victim's configuration, copied to another machine: other ports, the same number.
    let home = ensemble.server(victim).data().parent().expect("it has a home").to_owned();
    let other = home.join("copy");
    fs::create_dir_all(other.join("data")).unwrap();
    fs::write(other.join("data/myid"), format!("{victim}\n")).unwrap();
    let [client_port, quorum, election] = free_ports();
    let server = ensemble.server(victim);
    let config = fs::read_to_string(home.join("zoo.cfg"))
        .unwrap()
        .replace(&server.data().display().to_string(), &other.join("data").display().to_string())
        .replace(&format!(":{}:{}:", server.quorum, server.election), &format!(":{quorum}:{election}:"))
        .replace(&format!("clientPort={}\n", server.client), &format!("clientPort={client_port}\n"));
    fs::write(other.join("zoo.cfg"), config).unwrap();
    let twin = Process::server(&other.join("zoo.cfg"), &other.join("log"), &[]);
    // The two may push each other out; whatever they do, writes go on.
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let so_far = writer.count();
        until("writes go on", || (writer.count() > so_far + 5).then_some(()));
    }
    let exit = twin.stop();
    assert_eq!(exit.code, Some(0), "{}", exit.log);
    ensemble.await_serving(&ensemble.ids());
    let counted = counter.stop();
    let done = writer.stop();
    check_acknowledged(&ensemble, "/w", done.iter().map(|a| a.name.as_str()));
    for id in ensemble.ids() {
        assert!(ensemble.is_alive(id));
        assert_eq!(contents(&ensemble, id, "/c")["number"].0, counted.to_string().as_bytes(), "server {id}");
    }
}

/// Packets and votes that a server might send, as bytes.
fn valid(epoch: u32) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let zxid = |counter| Zxid::new(epoch, counter).0 as i64;
    let packet = |kind, zxid, data: &[u8]| {
        QuorumPacket::new(kind, zxid, (!data.is_empty()).then(|| bytes::Bytes::copy_from_slice(data)))
            .to_bytes()
    };
    let request =
        [&7i64.to_bytes()[..], &1i32.to_bytes(), &5i32.to_bytes(), &[0, 0, 0, 2, b'/', b'x', 0, 0, 0, 0]];
    let packets = vec![
        packet(PacketType::AckEpoch, zxid(1), &epoch.to_be_bytes()),
        packet(PacketType::Ack, zxid(0), &[]),
        packet(PacketType::Ack, zxid(3), &[]),
        packet(PacketType::Request, -1, &request.concat()),
        packet(PacketType::Ping, zxid(1), &[&9i64.to_bytes()[..], &4000i32.to_bytes()].concat()),
        packet(PacketType::Revalidate, -1, &[&9i64.to_bytes()[..], &4000i32.to_bytes()].concat()),
        packet(PacketType::Proposal, zxid(9), &[7; 60]),
        packet(PacketType::Commit, zxid(9), &[]),
    ];
    let vote = |state, leader| {
        let vote = Vote { leader: ServerId(leader), zxid: Some(Zxid::new(epoch, 9)), peer_epoch: epoch };
        let mut frame = Vec::new();
        write_notification(&mut frame, &Notification { state, vote, round: 3 }, b"version=0");
        frame
    };
    let votes = vec![
        vote(ServerState::Looking, 3),
        vote(ServerState::Looking, 1),
        vote(ServerState::Following, 2),
        vote(ServerState::Leading, 3),
        vote(ServerState::Observing, 1),
    ];
    (packets, votes)
}

#[test]
fn mutated_packets_and_votes_lose_nothing() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=120000").start();
    let mut client = ensemble.connect(1);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    let epoch = client.exists("/w", false).unwrap().unwrap().czxid.epoch();
    let ports: Vec<u16> = ensemble.ids().iter().map(|id| ensemble.server(*id).client).collect();
    let writer = Writer::start(ports, "/w", "");
    let seed = seed();
    println!("QUORATE_E2E_SEED={seed}");
    let mut rng = Rng::new(seed);
    let (packets, votes) = valid(epoch);
    let ids = ensemble.ids();
    let (mut sent, end) = (0, Instant::now() + Duration::from_secs(4));
    while Instant::now() < end {
        let server = ensemble.server(rng.pick(&ids));
        // In the name of a voter whose own connection this one may push out, or of no server.
        let name = rng.pick(&[1, 2, 3, 3, 4, -1]);
        let (port, mut first, then) = if rng.below(2) == 0 {
            let kind = rng.pick(&[PacketType::FollowerInfo, PacketType::ObserverInfo]);
            (server.quorum, info(kind, name, 0), &packets)
        } else {
            (server.election, hello(name, "127.0.0.1"), &votes)
        };
        if rng.below(4) == 0 {
            rng.mutate(&mut first);
        }
        let mut wire = Wire::dial(port);
        wire.say(&first);
        for _ in 0..rng.below(12) {
            let mut bytes = then[rng.below(then.len() as u64) as usize].clone();
            if rng.below(8) > 0 {
                rng.mutate(&mut bytes);
            }
            wire.say(&bytes);
            sent += 1;
        }
        wire.half_close();
        // Now and then the true servers get a word in.
        if rng.below(20) == 0 {
            eventually(Duration::from_millis(rng.below(200)), || false);
        }
    }
    println!("{sent} packets and votes; {} writes meanwhile", writer.count());
    for id in &ids {
        assert!(ensemble.is_alive(*id), "server {id} ended:\n{}", ensemble.server(*id).log());
        assert!(!ensemble.server(*id).log().contains("panicked"), "server {id}");
    }
    ensemble.await_serving(&ids);
    let so_far = writer.count();
    until("writes go on", || (writer.count() > so_far + 20).then_some(()));
    let done = writer.stop();
    check_acknowledged(&ensemble, "/w", done.iter().map(|a| a.name.as_str()));
}

/// `acceptedEpoch` on every server's disk.
fn accepted_epochs(ensemble: &Ensemble) -> Vec<u32> {
    let read = |id: u64| {
        let path = ensemble.server(id).data().join("version-2/acceptedEpoch");
        fs::read_to_string(path).expect("an epoch").trim().parse().expect("a number")
    };
    ensemble.ids().into_iter().map(read).collect()
}

#[test]
fn introductions_that_are_not_true_harm_nobody() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=120000").start();
    let leader = ensemble.await_leader();
    ensemble.await_serving(&ensemble.ids());
    let mut client = ensemble.connect_for(leader, 120_000);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    let before = accepted_epochs(&ensemble);
    let followers: Vec<u64> = ensemble.ids().into_iter().filter(|id| *id != leader).collect();
    for round in 0..60 {
        for id in &followers {
            let mut wire = Wire::dial(ensemble.server(leader).quorum);
            wire.say(&info(PacketType::FollowerInfo, *id as i64, 0x7fff_fffe));
            assert!(wire.rest().is_some(), "it is turned away");
        }
        client.create(&format!("/w/{round}"), b"", CreateMode::Persistent).unwrap();
    }
    assert_eq!(accepted_epochs(&ensemble), before, "no server believed it");
    assert_eq!(ensemble.await_leader(), leader);
    // In the name of a server that is away it may be let in, and moves the epoch a little.
    let away = followers[0];
    ensemble.kill(away);
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        for id in ensemble.ids().into_iter().filter(|id| *id != away) {
            let mut wire = Wire::dial(ensemble.server(id).quorum);
            wire.say(&info(PacketType::FollowerInfo, away as i64, 0x7fff_fffe));
            wire.half_close();
        }
        eventually(Duration::from_millis(50), || false);
    }
    ensemble.start(away);
    ensemble.await_serving(&ensemble.ids());
    for (now, then) in accepted_epochs(&ensemble).into_iter().zip(before) {
        assert!(now < then + 20 * (EPOCH_LEAP + 1), "{then} has become {now}");
    }
    let mut client = ensemble.connect(away);
    client.create("/w/last", b"", CreateMode::Persistent).unwrap();
}
