//! One connection of the election port: how far it is, what it says.

use std::time::Instant;

use bytes::{Buf, BytesMut};
use quorate_core::election::Notification;
use quorate_core::ids::ServerId;
use quorate_core::wire::election::{InitialMessage, NotificationMessage};
use quorate_core::wire::frame::FrameDecoder;

use super::engine::{Conn, Protocol};
use super::stranger::{Expected, Greeting};

/// What there is of a connection of the election port besides its socket.
pub(super) struct Voter {
    pub(super) stage: Stage,
    pub(super) frames: FrameDecoder,
    /// What it said first.
    pub(super) greeting: Greeting,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// We dialed; not established yet.
    Dialing(ServerId, Instant),
    /// They dialed; the initial message is not here yet.
    Unknown(Instant),
    /// In use.
    Up(ServerId),
}

/// What a connection said.
pub(super) enum Said {
    /// The server at the other end.
    Hello(ServerId),
    /// Its vote.
    Vote(ServerId, Notification),
}

impl Protocol for Voter {
    fn feed(&mut self, bytes: &[u8]) {
        self.greeting.heard(bytes);
        self.frames.feed(bytes);
    }

    fn rest(&mut self) {
        if self.frames.buffer().is_empty() {
            *self.frames.buffer() = BytesMut::new();
        }
    }
}

impl Voter {
    /// A connection that has carried nothing yet.
    pub(super) fn new(stage: Stage) -> Self {
        Voter { stage, frames: FrameDecoder::election(), greeting: Greeting::default() }
    }

    /// When it is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Dialing(_, due) | Stage::Unknown(due) => Some(due),
            Stage::Up(_) => None,
        }
    }

    /// The next thing that it says.
    pub(super) fn next(&mut self) -> Result<Option<Said>, String> {
        match self.stage {
            Stage::Dialing(..) => Ok(None),
            Stage::Unknown(_) => {
                if let Some(what) = self.greeting.stranger(Expected::Election) {
                    return Err(what.to_owned());
                }
                let buffer = self.frames.buffer();
                let Some((message, length)) = InitialMessage::parse(buffer).map_err(|e| e.to_string())?
                else {
                    return Ok(None);
                };
                buffer.advance(length);
                Ok(Some(Said::Hello(message.server)))
            }
            Stage::Up(server) => {
                let Some(frame) = self.frames.next_frame().map_err(|e| e.to_string())? else {
                    return Ok(None);
                };
                let message = NotificationMessage::read(&frame).map_err(|e| e.to_string())?;
                Ok(Some(Said::Vote(server, message.notification)))
            }
        }
    }
}

impl Conn<Voter> {
    /// What the log calls it.
    pub(super) fn who(&self) -> String {
        match self.stage {
            Stage::Up(server) | Stage::Dialing(server, _) => format!("server {server} ({})", self.peer),
            Stage::Unknown(_) => self.peer.to_string(),
        }
    }
}
