//! A connection over which anything can be said.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use quorate_core::wire::client::{ConnectRequest, ReplyHeader, Request, RequestHeader, write_frame};
use quorate_core::wire::jute::{Jute, Reader};

/// How long the other side may think. Longer than a server waits for a client's first frame.
const LIMIT: Duration = Duration::from_secs(20);
/// The timeout of a session that a test does not ask another one for, milliseconds.
const TIMEOUT_MS: i32 = 4000;

/// The connection.
#[derive(Debug)]
pub(crate) struct Wire(TcpStream);

impl Wire {
    /// Dial a port of 127.0.0.1.
    pub(crate) fn dial(port: u16) -> Wire {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the port is open");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit that is not 0");
        stream.set_write_timeout(Some(LIMIT)).expect("a limit that is not 0");
        stream.set_nodelay(true).expect("an option of sockets");
        Wire(stream)
    }

    /// A client's connection with a new session.
    pub(crate) fn client(port: u16) -> Wire {
        Wire::client_for(port, TIMEOUT_MS)
    }

    /// A client's connection with a new session of this timeout.
    pub(crate) fn client_for(port: u16, timeout_ms: i32) -> Wire {
        let mut wire = Wire::dial(port);
        wire.frame(&connect_request_for(timeout_ms));
        let response = wire.next_frame().expect("an answer to ConnectRequest");
        assert_eq!(response.len(), 37, "{response:?}");
        wire
    }

    /// A client's connection with a new session, if the other side has a place for it.
    pub(crate) fn try_client(port: u16) -> Option<Wire> {
        let mut wire = Wire::dial(port);
        wire.frame(&connect_request());
        wire.next_frame().map(|_| wire)
    }

    /// A second handle of this connection, to speak on while the other listens.
    pub(crate) fn twin(&self) -> Wire {
        Wire(self.0.try_clone().expect("a descriptor is free"))
    }

    /// Send bytes as they are; the other side may have closed already.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Send bytes behind their length.
    pub(crate) fn frame(&mut self, body: &[u8]) {
        let mut frame = (body.len() as i32).to_bytes();
        frame.extend_from_slice(body);
        self.say(&frame);
    }

    /// Nothing more will be said.
    pub(crate) fn half_close(&self) {
        let _ = self.0.shutdown(Shutdown::Write);
    }

    /// The next frame; `None` if the other side closed.
    ///
    /// # Panics
    /// If neither comes.
    pub(crate) fn next_frame(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.exactly(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.exactly(&mut frame)?;
        Some(frame)
    }

    /// The header of the next reply; `None` if the other side closed. Events are passed over.
    pub(crate) fn next_reply(&mut self) -> Option<(i32, i64, i32)> {
        loop {
            let frame = self.next_frame()?.into();
            let header =
                ReplyHeader::read(&mut Reader::new(&frame), "").expect("servers send what can be read");
            if header.xid != quorate_core::wire::client::xid::NOTIFICATION {
                return Some((header.xid, header.zxid, header.err));
            }
        }
    }

    /// What comes until the other side closes; `None` if it does not.
    pub(crate) fn rest(mut self) -> Option<Vec<u8>> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => Some(rest),
            Err(why) => (!silent(&why)).then_some(rest),
        }
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.0.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(why) if silent(&why) => panic!("neither an answer nor an end"),
            Err(_) => None,
        }
    }
}

fn silent(why: &std::io::Error) -> bool {
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// ConnectRequest for a new session.
pub(crate) fn connect_request() -> Vec<u8> {
    connect_request_for(TIMEOUT_MS)
}

fn connect_request_for(timeout_ms: i32) -> Vec<u8> {
    let request = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: 0,
        timeout_ms,
        session: quorate_core::ids::SessionId(0),
        password: Some(bytes::Bytes::from_static(&[0; 16])),
        read_only: Some(false),
    };
    request.to_bytes()
}

/// A request's frame without its length.
pub(crate) fn request_bytes(xid: i32, request: &Request) -> Vec<u8> {
    let mut framed = Vec::new();
    write_frame(&mut framed, |out| {
        RequestHeader { xid, op: request.op().to_i32() }.write(out);
        request.write_body(out);
    });
    framed.split_off(4)
}
