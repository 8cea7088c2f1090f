//! Silent connections, probes, and addresses that are tried in turn.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use quorate_core::election::{ServerState, Vote};
use quorate_core::ids::Zxid;

use super::super::between::MAX_UNKNOWN;
use super::super::listener;
use super::super::token::{PortKind, Source};
use super::*;
use crate::config::HostPort;
use crate::timer::Durations;

fn settings(me: i64, port: u16) -> ElectionSettings {
    ElectionSettings {
        me: ServerId(me),
        own: vec![HostPort { host: "127.0.0.1".to_owned(), port }],
        dial_limit: Duration::from_secs(5),
        config_text: Vec::new(),
        handshake_limit: Duration::from_secs(10),
        durations: Durations {
            tick: Duration::from_secs(2),
            init_limit: 10,
            vote_pauses: (Duration::from_millis(200), Duration::from_secs(60)),
        },
    }
}

#[test]
fn silent_connections_keep_nobody_out() {
    let poll = Poll::new().unwrap();
    let listener = listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), false, 128).unwrap();
    let token = Source::Listener(PortKind::Election).token();
    let port = Port::new(vec![listener], poll.registry(), token).unwrap();
    let address = port.addresses().next().unwrap();
    let mut port = ElectionPort::new(settings(1, address.port()), BTreeMap::new(), Some(port));
    let start = Instant::now();
    let mut dialed = Vec::new();
    for n in 0..MAX_UNKNOWN as u64 + 2 {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        dialed.push(stream);
        port.listener_ready();
        port.accept(start + Duration::from_millis(n), poll.registry());
    }
    assert_eq!(port.engine.iter().count(), MAX_UNKNOWN);
    let mut is_closed = |n: usize| match dialed[n].read(&mut [0]) {
        Ok(0) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        other => panic!("{other:?}"),
    };
    assert!(is_closed(0) && is_closed(1));
    assert!((2..MAX_UNKNOWN + 2).all(|n| !is_closed(n)));
}

/// A name has two addresses, and the server answers at the second.
#[test]
fn every_address_of_a_name_is_dialed() {
    let mut poll = Poll::new().unwrap();
    let live = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let live_at = live.local_addr().unwrap();
    let dead_at = SocketAddr::from(([127, 0, 0, 2], live_at.port()));
    let place = HostPort { host: "zoo1".to_owned(), port: live_at.port() };
    let other = ServerId(1);
    let others = [(other, Places::new(&[place]))].into();
    let mut port = ElectionPort::new(settings(2, 1), others, None);
    let waker = Arc::new(Waker::new(poll.registry(), Token(usize::MAX)).unwrap());
    let mut resolver = Resolver::new(waker);
    let now = Instant::now();
    let vote = Vote { leader: ServerId(2), zxid: Some(Zxid::ZERO), peer_epoch: 0 };
    let vote = Notification { state: ServerState::Looking, vote, round: 1 };
    port.elect(now, other, vote);
    assert!(port.has_work());
    port.expire(now, &mut resolver, poll.registry());
    port.resolved(now, other, Ok(vec![dead_at, live_at]), poll.registry());
    let mut events = Events::with_capacity(8);
    let end = now + Duration::from_secs(30);
    while !port.peers[&other].link.is_connected() {
        assert!(Instant::now() < end, "{}", port.dialer.failures(other));
        poll.poll(&mut events, Some(Duration::from_secs(1))).unwrap();
        for event in &events {
            if let Some(Source::Connection(PortKind::Election, index)) = Source::of(event.token()) {
                port.ready(now, index, event);
            }
        }
        // No time passes: the second address does not wait for a pause.
        port.expire(now, &mut resolver, poll.registry());
    }
    assert_eq!((port.peers[&other].pause, port.has_work()), (None, true));
    assert_eq!(port.missing().count(), 0);
}
