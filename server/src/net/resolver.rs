//! Names become addresses on a thread of their own: a slow name server must not stop the loop.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use mio::Waker;
use quorate_core::ids::ServerId;

use crate::config::HostPort;
use crate::error::{Error, system};

/// Who wants to know: handed back with the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    /// The quorum port wants to dial this server.
    Quorum(ServerId),
    /// The election port wants to.
    Election(ServerId),
}

/// The thread and the way to it and back.
#[derive(Debug)]
pub(crate) struct Resolver {
    questions: Sender<(Asker, HostPort)>,
    answers: Receiver<(Asker, Result<SocketAddr, String>)>,
}

impl Resolver {
    /// Start the thread; it ends when the resolver is dropped. `waker` is woken for each answer.
    pub(crate) fn start(waker: Arc<Waker>) -> Result<Resolver, Error> {
        let (questions, inbox) = channel::<(Asker, HostPort)>();
        let (outbox, answers) = channel();
        let run = move || {
            for (asker, place) in inbox {
                if outbox.send((asker, look_up(&place))).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("resolver".into())
            .spawn(run)
            .map_err(system("starting the resolver thread"))?;
        Ok(Resolver { questions, answers })
    }

    /// The address, if no question is needed; otherwise the answer comes later.
    pub(crate) fn ask(&self, asker: Asker, place: &HostPort) -> Option<SocketAddr> {
        if let Ok(ip) = place.host.parse::<IpAddr>() {
            return Some(SocketAddr::new(ip, place.port));
        }
        // The thread lives as long as this sender.
        let _ = self.questions.send((asker, place.clone()));
        None
    }

    /// The next answer.
    pub(crate) fn answer(&self) -> Option<(Asker, Result<SocketAddr, String>)> {
        self.answers.try_recv().ok()
    }
}

fn look_up(place: &HostPort) -> Result<SocketAddr, String> {
    let mut found = (place.host.as_str(), place.port).to_socket_addrs().map_err(|why| why.to_string())?;
    found.next().ok_or_else(|| "it has no address".to_owned())
}
