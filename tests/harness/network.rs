//! The wires between servers, which can be cut: every connection to another server's quorum or
//! election port goes through here.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How often a wire looks whether it is cut or no longer needed.
const PAUSE: Duration = Duration::from_millis(10);

/// Wires from each server to each other one.
#[derive(Debug, Default)]
pub(crate) struct Network {
    wires: BTreeMap<(u64, u64), Vec<Arc<Wire>>>,
}

/// Everything that one server sends to one port of another, and what comes back.
#[derive(Debug)]
struct Wire {
    to: u16,
    cut: AtomicBool,
    over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Network {
    /// A wire by which server `from` reaches `port` of server `to`; gives the port to dial.
    pub(crate) fn wire(&mut self, from: u64, to: u64, port: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let dialed = listener.local_addr().expect("it is bound").port();
        listener.set_nonblocking(true).expect("a mode of sockets");
        let wire = Arc::new(Wire {
            to: port,
            cut: AtomicBool::new(false),
            over: AtomicBool::new(false),
            open: Mutex::default(),
        });
        self.wires.entry((from, to)).or_default().push(Arc::clone(&wire));
        thread::spawn(move || wire.listen(&listener));
        dialed
    }

    /// Nothing passes between `server` and the others, in either direction. Connections stay open: no server
    /// is told.
    pub(crate) fn isolate(&self, server: u64) {
        self.of(server).for_each(|wire| wire.cut.store(true, Ordering::Relaxed));
    }

    /// Everything passes again. Connections that were cut have lost bytes and are reset.
    pub(crate) fn heal(&self) {
        for wire in self.wires.values().flatten() {
            if wire.cut.swap(false, Ordering::Relaxed) {
                wire.reset();
            }
        }
    }

    fn of(&self, server: u64) -> impl Iterator<Item = &Arc<Wire>> {
        let touches = move |(from, to): &(u64, u64)| *from == server || *to == server;
        self.wires.iter().filter(move |(ends, _)| touches(ends)).flat_map(|(_, wires)| wires)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for wire in self.wires.values().flatten() {
            wire.over.store(true, Ordering::Relaxed);
            wire.reset();
        }
    }
}

impl Wire {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        while !self.over.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((dialed, _)) if !self.cut.load(Ordering::Relaxed) => self.join(dialed),
                // The dialer of a wire that is cut hears nothing; the connection is reset when it heals.
                Ok((dialed, _)) => self.keep(dialed),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Both directions of one connection.
    fn join(self: &Arc<Self>, dialed: TcpStream) {
        // No process listens there: the dialer is told by the end of its connection.
        let Ok(reached) = TcpStream::connect(("127.0.0.1", self.to)) else { return };
        for (from, to) in [(&dialed, &reached), (&reached, &dialed)] {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { return };
            let wire = Arc::clone(self);
            thread::spawn(move || wire.carry(from, to));
        }
        self.keep(dialed);
        self.keep(reached);
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let _ = from.set_nonblocking(false);
        let _ = from.set_read_timeout(Some(Duration::from_secs(1)));
        let _ = to.set_nodelay(true);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(read) => read,
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => 0,
            };
            if self.cut.load(Ordering::Relaxed) {
                // Swallowed, the end of the connection too.
                if read == 0 {
                    return;
                }
            } else if read == 0 || to.write_all(&buffer[..read]).is_err() {
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    fn keep(&self, stream: TcpStream) {
        self.open.lock().expect("nobody panics").push(stream);
    }

    fn reset(&self) {
        for stream in self.open.lock().expect("nobody panics").drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
