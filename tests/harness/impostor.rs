//! A process that pretends to be a server that is down: the two server ports, by hand.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use quorate_core::election::{Notification, ServerState, Vote};
use quorate_core::ids::{Epoch, ServerId, Zxid};
use quorate_core::wire::election::{Address, InitialMessage, NotificationMessage, write_notification};
use quorate_core::wire::jute::Jute;
use quorate_core::wire::quorum::{PROTOCOL_VERSION, PacketType, QuorumPacket};

use super::ensemble::Server;

/// How long the other side may think.
const LIMIT: Duration = Duration::from_secs(10);

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the port is open");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit that is not 0");
    stream
}

/// Whether the other side closes, whatever it says before.
fn closes(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(why) => return !matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }
}

/// A connection with a server's election port.
#[derive(Debug)]
pub(crate) struct Voter(TcpStream);

impl Voter {
    /// Dial `to` as server `id`.
    pub(crate) fn dial(to: &Server, id: u64) -> Voter {
        let mut stream = connect(to.election);
        let mut hello = Vec::new();
        InitialMessage::write(ServerId(id as i64), &[Address::new("127.0.0.1", 1)], &mut hello);
        stream.write_all(&hello).expect("the hello can be sent");
        Voter(stream)
    }

    /// Send these bytes as a frame.
    pub(crate) fn frame(&mut self, body: &[u8]) {
        let mut frame = (body.len() as i32).to_bytes();
        frame.extend_from_slice(body);
        // The other side may have closed already.
        let _ = self.0.write_all(&frame);
    }

    /// LOOKING: a vote.
    pub(crate) fn vote(&mut self, leader: u64, zxid: Zxid, peer_epoch: Epoch, round: u64) {
        let vote = Vote { leader: ServerId(leader as i64), zxid: Some(zxid), peer_epoch };
        let mut frame = Vec::new();
        let notification = Notification { state: ServerState::Looking, vote, round };
        write_notification(&mut frame, &notification, b"version=0");
        self.0.write_all(&frame).expect("the vote can be sent");
    }

    /// What the other side says next.
    pub(crate) fn hear(&mut self) -> io::Result<Notification> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame)?;
        let message = NotificationMessage::read(&Bytes::from(frame)).expect("servers send what can be read");
        Ok(message.notification)
    }

    /// Whether the other side closes.
    pub(crate) fn is_closed(&mut self) -> bool {
        closes(&mut self.0)
    }
}

/// A connection of the quorum port, from either side.
#[derive(Debug)]
pub(crate) struct Peer(TcpStream);

impl Peer {
    /// Dial a leader's quorum port.
    pub(crate) fn dial(to: &Server) -> Peer {
        Peer(connect(to.quorum))
    }

    /// Wait for a learner to dial.
    pub(crate) fn accept(listener: &TcpListener) -> Peer {
        let (stream, _) = listener.accept().expect("a learner dials");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit that is not 0");
        Peer(stream)
    }

    /// FOLLOWERINFO of server `id` that has accepted this epoch.
    pub(crate) fn follower_info(&mut self, id: u64, accepted: Epoch) {
        let data = [(id as i64).to_bytes(), PROTOCOL_VERSION.to_bytes(), 0i64.to_bytes()].concat();
        self.packet(PacketType::FollowerInfo, Zxid::new(accepted, 0).0 as i64, Some(&data));
    }

    /// Any packet.
    pub(crate) fn packet(&mut self, kind: PacketType, zxid: i64, data: Option<&[u8]>) {
        let packet = QuorumPacket::new(kind, zxid, data.map(Bytes::copy_from_slice));
        self.bytes(&packet.to_bytes());
    }

    /// Any bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        // The other side may have closed already.
        let _ = self.0.write_all(bytes);
    }

    /// Type, zxid and data of the next packet.
    pub(crate) fn receive(&mut self) -> io::Result<(i32, i64, Vec<u8>)> {
        let mut head = [0; 16];
        self.0.read_exact(&mut head)?;
        let at =
            |range: std::ops::Range<usize>| i64::from(i32::from_be_bytes(head[range].try_into().expect("4")));
        let zxid = at(4..8) << 32 | at(8..12) & 0xffff_ffff;
        let mut data = vec![0; usize::try_from(at(12..16)).unwrap_or(0)];
        self.0.read_exact(&mut data)?;
        // No identities: what servers say on their own account.
        let mut authinfo = [0; 4];
        self.0.read_exact(&mut authinfo)?;
        Ok((at(0..4) as i32, zxid, data))
    }

    /// Whether the other side closes.
    pub(crate) fn is_closed(&mut self) -> bool {
        closes(&mut self.0)
    }
}
