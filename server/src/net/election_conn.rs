//! One connection of the election port: how far it is, what it says.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Buf;
use quorate_core::election::Notification;
use quorate_core::ids::ServerId;
use quorate_core::wire::election::{InitialMessage, NotificationMessage};
use quorate_core::wire::frame::FrameDecoder;

use super::socket::Socket;
use super::stranger::{Expected, Greeting};

/// A connection.
pub(super) struct Conn {
    pub(super) socket: Socket,
    pub(super) peer: SocketAddr,
    pub(super) stage: Stage,
    pub(super) frames: FrameDecoder,
    /// What it said first.
    pub(super) greeting: Greeting,
    pub(super) queued: bool,
    pub(super) read: bool,
    pub(super) dirty: bool,
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

impl Conn {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Dialing(_, due) | Stage::Unknown(due) => Some(due),
            Stage::Up(_) => None,
        }
    }

    pub(super) fn who(&self) -> String {
        match self.stage {
            Stage::Up(server) | Stage::Dialing(server, _) => format!("server {server} ({})", self.peer),
            Stage::Unknown(_) => self.peer.to_string(),
        }
    }

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
