//! The threads that do handshakes, at lower priority than the loop.
//!
//! A connection that needs a handshake is handed to one of them. It comes back with its number: ready to use,
//! or with the reason why it is closed. The loop does nothing of it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use std::{io, thread};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use tracing::debug;

use super::carrier::Transport;
use super::handshake::{Direction, Handshake, Step, Ticket};
use crate::net::slab::Slab;
use crate::tls::Context;
use crate::tls::settings::{Side, TlsSettings};

/// What wakes a thread is no connection.
const WAKER: Token = Token(usize::MAX);
/// How often handshakes are looked at that take too long.
const SWEEP: Duration = Duration::from_millis(500);
/// By how much these threads give way to the loop.
const NICE: i32 = 5;

/// The keys and certificates of one side. They can be replaced while handshakes go on.
#[derive(Debug)]
pub(crate) struct Credentials {
    settings: TlsSettings,
    current: RwLock<Arc<Context>>,
}

impl Credentials {
    /// The settings of a side, and what their files say now.
    pub(crate) fn new(settings: TlsSettings, context: Context) -> Credentials {
        Credentials { settings, current: RwLock::new(Arc::new(context)) }
    }

    /// What new handshakes take.
    pub(crate) fn current(&self) -> Arc<Context> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// New handshakes take this. Connections that are there stay as they are.
    pub(crate) fn replace(&self, context: Context) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(context);
    }

    /// What the files were read for.
    pub(crate) fn settings(&self) -> &TlsSettings {
        &self.settings
    }

    /// Whether the other end's certificate must name the other end.
    pub(super) fn checks_names(&self, direction: &Direction) -> bool {
        match direction {
            Direction::Dialed => self.settings.verify_host,
            Direction::Accepted(_) => self.settings.verify_client_host,
        }
    }
}

/// How a handshake has ended.
pub(crate) struct Finished {
    /// Which.
    pub(crate) ticket: Ticket,
    /// The connection and the name in the certificate that the other end has shown. Or why the connection is
    /// closed; there is nothing to say about one that said nothing.
    pub(crate) result: Result<(Transport, Option<String>), Option<String>>,
}

/// How much there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Threads.
    pub(crate) threads: usize,
    /// Handshakes under way.
    pub(crate) under_way: usize,
}

/// The handshakes of one side.
pub(crate) struct Handshakes {
    credentials: Arc<Credentials>,
    threads: Vec<(Sender<Handshake>, Arc<Waker>)>,
    turn: AtomicUsize,
    under_way: Arc<AtomicUsize>,
    limits: Limits,
}

impl Handshakes {
    /// Start the threads. What they have done goes to `done`, and the loop is woken.
    ///
    /// # Errors
    /// The system is short of something.
    pub(crate) fn start(
        credentials: &Arc<Credentials>,
        limits: Limits,
        done: &Sender<Finished>,
        woken: &Arc<Waker>,
    ) -> io::Result<Arc<Handshakes>> {
        let under_way = Arc::new(AtomicUsize::new(0));
        let mut threads = Vec::new();
        for n in 0..limits.threads.max(1) {
            let poll = Poll::new()?;
            let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
            let (sender, jobs) = channel();
            let mut worker = Worker {
                poll,
                jobs,
                handshakes: Slab::default(),
                credentials: Arc::clone(credentials),
                under_way: Arc::clone(&under_way),
                done: done.clone(),
                woken: Arc::clone(woken),
            };
            let side = match credentials.settings.side {
                Side::Client => "clients",
                Side::Quorum => "servers",
            };
            thread::Builder::new().name(format!("tls-{side}-{n}")).spawn(move || worker.run())?;
            threads.push((sender, waker));
        }
        let credentials = Arc::clone(credentials);
        Ok(Arc::new(Handshakes { credentials, threads, turn: AtomicUsize::new(0), under_way, limits }))
    }

    /// The keys and certificates.
    pub(crate) fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    /// How many are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether one more would be one too many.
    pub(crate) fn are_full(&self) -> bool {
        self.under_way() >= self.limits.under_way
    }

    /// Begin one. `hosts` are the names under which the other end may be known.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn begin(
        &self,
        ticket: Ticket,
        socket: (TcpStream, SocketAddr),
        direction: Direction,
        hosts: Vec<String>,
    ) -> io::Result<Transport> {
        if self.under_way.fetch_add(1, Ordering::Relaxed) >= self.limits.under_way {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            let limit = self.limits.under_way;
            let key = match self.credentials.settings.side {
                Side::Client => " (netty.server.outstandingHandshake.limit)",
                Side::Quorum => "",
            };
            return Err(io::Error::other(format!("{limit} TLS handshakes are under way{key}")));
        }
        let waits = Arc::new(());
        let handshake = Handshake::new(ticket, socket, direction, hosts, Arc::downgrade(&waits));
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (sender, waker) = &self.threads[turn % self.threads.len()];
        if sender.send(handshake).is_err() || waker.wake().is_err() {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            return Err(io::Error::other("the threads for TLS handshakes have ended"));
        }
        Ok(Transport::Away(waits))
    }
}

impl Drop for Handshakes {
    /// The threads end when no handshake can be handed to them.
    fn drop(&mut self) {
        for (sender, waker) in self.threads.drain(..) {
            drop(sender);
            let _ = waker.wake();
        }
    }
}

/// One of the threads.
struct Worker {
    poll: Poll,
    jobs: Receiver<Handshake>,
    handshakes: Slab<Handshake>,
    credentials: Arc<Credentials>,
    under_way: Arc<AtomicUsize>,
    done: Sender<Finished>,
    woken: Arc<Waker>,
}

impl Worker {
    fn run(&mut self) {
        if let Err(error) = rustix::process::nice(NICE) {
            debug!("TLS handshakes have the loop's priority: {error}");
        }
        let mut events = Events::with_capacity(256);
        let mut next_sweep = Instant::now() + SWEEP;
        loop {
            let timeout = (!self.handshakes.is_empty()).then_some(SWEEP);
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                return;
            }
            let mut ended = false;
            for event in &events {
                match event.token() {
                    WAKER => ended |= self.take_new(),
                    Token(index) => self.step(index),
                }
            }
            if ended {
                return;
            }
            let now = Instant::now();
            if now >= next_sweep {
                next_sweep = now + SWEEP;
                self.sweep(now);
            }
        }
    }

    /// `true`: nothing will come any more.
    fn take_new(&mut self) -> bool {
        loop {
            match self.jobs.try_recv() {
                Ok(mut handshake) => {
                    let index = self.handshakes.vacant();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    let registered =
                        self.poll.registry().register(&mut handshake.stream, Token(index), interest);
                    self.handshakes.insert(handshake);
                    if let Err(error) = registered {
                        self.end(index, Err(Some(error.to_string())));
                    }
                    // What has come already is an event of the registration.
                }
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => return true,
            }
        }
    }

    fn step(&mut self, index: usize) {
        let Some(handshake) = self.handshakes.get_mut(index) else { return };
        if handshake.is_forgotten() {
            return self.end(index, Err(None));
        }
        match handshake.step(&self.credentials) {
            Step::Waits => {}
            Step::Done(name) => self.end(index, Ok(name)),
            Step::Gone => self.end(index, Err(None)),
            Step::Failed(why) => self.end(index, Err(Some(why))),
        }
    }

    fn end(&mut self, index: usize, result: Result<Option<String>, Option<String>>) {
        let Some(mut handshake) = self.handshakes.remove(index) else { return };
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        let _ = self.poll.registry().deregister(&mut handshake.stream);
        if handshake.is_forgotten() {
            return;
        }
        let ticket = handshake.ticket;
        let result = result.map(|name| (handshake.into_transport(), name));
        // The loop may have ended.
        if self.done.send(Finished { ticket, result }).is_ok() {
            let _ = self.woken.wake();
        }
    }

    /// Give up those that take too long, and those whose connection is gone.
    fn sweep(&mut self, now: Instant) {
        let first_byte = self.credentials.settings.first_byte;
        let late: Vec<(usize, Option<String>)> = self
            .handshakes
            .iter()
            .filter_map(|(index, handshake)| match handshake.is_forgotten() {
                true => Some((index, None)),
                false => handshake.late(now, first_byte).map(|why| (index, Some(why))),
            })
            .collect();
        for (index, why) in late {
            self.end(index, Err(why));
        }
    }
}
