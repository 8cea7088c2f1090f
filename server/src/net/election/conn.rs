//! One connection of the election port: what it says.

use std::time::Instant;

use bytes::{Buf, BytesMut};
use quorate_core::election::Notification;
use quorate_core::ids::ServerId;
use quorate_core::wire::election::{InitialMessage, NotificationMessage};
use quorate_core::wire::frame::FrameDecoder;

use crate::net::between::{Greets, Stage};
use crate::net::engine::{Conn, Protocol};
use crate::net::stranger::{Expected, Greeting};

/// What there is of a connection of the election port besides its socket.
pub(super) struct Voter {
    pub(super) stage: Stage<ServerId>,
    frames: FrameDecoder,
    /// What it said first.
    greeting: Greeting,
}

/// What a connection said.
pub(super) enum Said {
    /// The server at the other end.
    Hello(ServerId),
    /// The server's vote.
    Vote(ServerId, Notification),
}

impl Protocol for Voter {
    type Said = Said;

    fn feed(&mut self, bytes: &[u8]) {
        self.greeting.heard(bytes);
        self.frames.feed(bytes);
    }

    fn rest(&mut self) {
        if self.frames.buffer().is_empty() {
            *self.frames.buffer() = BytesMut::new();
        }
    }

    fn next(conn: &mut Conn<Self>, _now: Instant) -> Result<Option<Said>, String> {
        conn.said().map_err(|error| conn.greeting.foreign().map_or(error, str::to_owned))
    }

    fn is_dialing(&self) -> bool {
        self.stage.is_dialing()
    }

    fn deadline(&self) -> Option<Instant> {
        self.stage.deadline()
    }
}

impl Greets for Voter {
    fn greeting(&self) -> &Greeting {
        &self.greeting
    }
}

impl Voter {
    /// A connection that has carried nothing yet.
    pub(super) fn new(stage: Stage<ServerId>) -> Self {
        Voter { stage, frames: FrameDecoder::election(), greeting: Greeting::default() }
    }

    fn said(&mut self) -> Result<Option<Said>, String> {
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
