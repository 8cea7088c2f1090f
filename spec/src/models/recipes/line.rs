//! A client's real session with its connection: what is on its way up, and what an old connection has left
//! behind.
//!
//! What the server sends arrives at once. A lost reply, or a lost event, is one that the server sends to a
//! connection which the client has lost before. The server carries on with what is left of such a connection.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use bytes::{Buf, Bytes, BytesMut};
use quorate_client::session::{Input, Moment, OpId, Output, Outputs, Session, Settings, State, Timer};
use quorate_core::config::Constant;
use quorate_core::ids::ConnId;
use quorate_core::pipeline::ClientEvent;
use quorate_core::wire::client::Request;

/// A client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Client {
    /// The shipped session.
    pub session: Session,
    number: u64,
    /// How many connections there were.
    connections: u64,
    /// The connection, if there is one.
    pub conn: Option<ConnId>,
    /// Frames for the server; the first one of a connection is the greeting.
    pub up: VecDeque<Bytes>,
    greeted: bool,
    /// A connection that is lost to the client, and what the server may still read of it.
    pub behind: Option<Behind>,
}

/// What is left of a connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Behind {
    conn: ConnId,
    greeted: bool,
    frames: VecDeque<Bytes>,
}

/// What a session tells its users.
pub type Told = Vec<Output>;

impl Client {
    /// A client that has not begun.
    pub fn new(number: u64) -> Self {
        let connect = "a,b".parse().expect("two hosts");
        let settings = Settings { connect_timeout_ms: None, ..Settings::new(connect) };
        Client {
            session: Session::new(Constant::new(settings), 0),
            number,
            connections: 0,
            conn: None,
            up: VecDeque::new(),
            greeted: false,
            behind: None,
        }
    }

    /// The process ends and another one begins. Its connection is left behind.
    pub fn restart(&mut self) -> Told {
        let (number, connections) = (self.number, self.connections);
        self.leave();
        let behind = self.behind.take();
        *self = Client { connections, behind, ..Client::new(number) };
        self.step(Input::Start)
    }

    /// Begin.
    pub fn start(&mut self) -> Told {
        self.step(Input::Start)
    }

    /// An operation is submitted.
    pub fn submit(&mut self, id: OpId, request: Request) -> Told {
        self.step(Input::Submit { id, request, absolute: false })
    }

    /// The connection is lost.
    pub fn cut(&mut self) -> Told {
        self.leave();
        self.step(Input::Disconnected)
    }

    /// The server takes the next frame: of this connection, or of the old one.
    pub fn take(&mut self) -> Option<(ConnId, ClientEvent)> {
        let frame = self.up.pop_front()?;
        let is_greeting = !std::mem::replace(&mut self.greeted, true);
        Some((self.conn?, event(frame, is_greeting)))
    }

    /// The server reads on from the connection that is left behind.
    pub fn take_behind(&mut self) -> Option<(ConnId, ClientEvent)> {
        let behind = self.behind.as_mut()?;
        let taken =
            (behind.conn, event(behind.frames.pop_front()?, !std::mem::replace(&mut behind.greeted, true)));
        if behind.frames.is_empty() {
            self.behind = None;
        }
        Some(taken)
    }

    /// The server has something for a connection, or closes it.
    pub fn hear(&mut self, conn: ConnId, frame: Option<&Bytes>) -> Told {
        match frame {
            Some(frame) if self.conn == Some(conn) => self.step(Input::Bytes(frame)),
            None if self.conn == Some(conn) => {
                self.conn = None;
                self.up.clear();
                self.step(Input::Disconnected)
            }
            None if self.behind.as_ref().is_some_and(|behind| behind.conn == conn) => {
                self.behind = None;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Whose connection this is.
    pub fn of(conn: ConnId) -> usize {
        (conn.0 / 100) as usize - 1
    }

    /// Whether the session is attached to the server.
    pub fn is_up(&self) -> bool {
        matches!(self.session.state(), State::Connected | State::Reconnected)
    }

    fn leave(&mut self) {
        let frames = std::mem::take(&mut self.up);
        // A server that has nothing to read of a lost connection notices its end, sooner or later. Nothing
        // depends on when: it is closed when the client comes back.
        if let Some(conn) = self.conn.take().filter(|_| !frames.is_empty()) {
            self.behind = Some(Behind { conn, greeted: self.greeted, frames });
        }
    }

    fn step(&mut self, input: Input<'_>) -> Told {
        let mut told = Vec::new();
        self.step_into(input, &mut told);
        told
    }

    /// Step, and do at once what the session wants of its shell. Pauses are over at once.
    fn step_into(&mut self, input: Input<'_>, told: &mut Told) {
        let mut out = Outputs::default();
        self.session.step(Moment::default(), input, &mut out);
        let mut dials = false;
        for output in out.list {
            match output {
                Output::Dial(_) => dials = true,
                Output::Hangup(_) => self.leave(),
                Output::Probe(_) => {}
                output => told.push(output),
            }
        }
        self.up.extend(frames(out.bytes));
        if dials {
            self.connections += 1;
            self.conn = Some(ConnId((self.number + 1) * 100 + self.connections));
            self.greeted = false;
            self.step_into(Input::Connected, told);
        } else if matches!(self.session.next_alarm(), Some((Timer::Dial, _))) {
            self.step_into(Input::Alarm(Timer::Dial), told);
        }
    }
}

fn frames(bytes: Vec<u8>) -> Vec<Bytes> {
    let mut bytes = BytesMut::from(&bytes[..]);
    let mut frames = Vec::new();
    while bytes.len() >= 4 {
        let len = bytes.get_u32() as usize;
        frames.push(bytes.split_to(len).freeze());
    }
    frames
}

fn event(frame: Bytes, is_greeting: bool) -> ClientEvent {
    if is_greeting {
        ClientEvent::Connect { frame, address: IpAddr::V4(Ipv4Addr::LOCALHOST), certificate: None }
    } else {
        ClientEvent::Frame(frame)
    }
}
