//! The wires between the parties of a run. Every connection goes through here, where it is cut or delayed.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::super::failure::{Failure, system};

/// How often a wire looks whether it is cut, or not needed any more.
const LOOK: Duration = Duration::from_millis(20);
/// Where relays dial from, with the port of the one that dialed them: recordings tell by it which connection
/// is which.
const RELAY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A server, or the clients together: they have the number behind the last server's.
pub(super) type Party = usize;

/// What happens to all that one party sends to another.
#[derive(Debug, Default)]
struct Way {
    /// How many faults cut it.
    cuts: AtomicU32,
    delay_ms: AtomicU32,
}

/// All ways, from each party to each other.
#[derive(Debug)]
pub(super) struct Ways {
    parties: usize,
    ways: Vec<Way>,
    over: AtomicBool,
}

impl Ways {
    /// The ways between this number of parties, none of them cut.
    pub(super) fn new(parties: usize) -> Arc<Ways> {
        let ways = (0..parties * parties).map(|_| Way::default()).collect();
        Arc::new(Ways { parties, ways, over: AtomicBool::new(false) })
    }

    fn way(&self, from: Party, to: Party) -> &Way {
        &self.ways[from * self.parties + to]
    }

    /// Nothing passes from one to the other; or it does again, once for each cut. No end is told. Connections
    /// that have lost something are reset when it passes again.
    pub(super) fn cut(&self, from: Party, to: Party, cut: bool) {
        let cuts = &self.way(from, to).cuts;
        if cut {
            cuts.fetch_add(1, Ordering::Relaxed)
        } else {
            cuts.fetch_sub(1, Ordering::Relaxed)
        };
    }

    /// What passes from one to the other takes this much longer.
    pub(super) fn delay(&self, from: Party, to: Party, ms: u32) {
        self.way(from, to).delay_ms.store(ms, Ordering::Relaxed);
    }

    /// Nothing is cut or delayed any more.
    pub(super) fn heal(&self) {
        for way in &self.ways {
            way.cuts.store(0, Ordering::Relaxed);
            way.delay_ms.store(0, Ordering::Relaxed);
        }
    }

    /// The run is over: no connection goes on.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn is_cut(&self, from: Party, to: Party) -> bool {
        self.way(from, to).cuts.load(Ordering::Relaxed) > 0
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// A wire from one party to a port of another; the address to dial in its place.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn wire(self: &Arc<Self>, from: Party, to: Party, port: u16) -> Result<SocketAddr, Failure> {
        let failed = system("opening a relay");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(&failed)?;
        let address = listener.local_addr().map_err(&failed)?;
        listener.set_nonblocking(true).map_err(&failed)?;
        let wire = Wire { ways: Arc::clone(self), from, to, port };
        let listen = move || wire.listen(&listener);
        thread::Builder::new().name("relay".into()).spawn(listen).map_err(system("starting a thread"))?;
        Ok(address)
    }
}

/// One relay.
#[derive(Clone, Debug)]
struct Wire {
    ways: Arc<Ways>,
    from: Party,
    to: Party,
    port: u16,
}

impl Wire {
    fn listen(&self, listener: &TcpListener) {
        // Those that dial a wire that is cut hear nothing until it is whole; then they may dial again.
        let mut held = Vec::new();
        while !self.ways.is_over() {
            let cut = self.ways.is_cut(self.from, self.to) || self.ways.is_cut(self.to, self.from);
            if !cut {
                held.clear();
            }
            match listener.accept() {
                Ok((dialed, _)) if cut => held.push(dialed),
                Ok((dialed, remote)) => self.join(dialed, remote.port()),
                Err(_) => thread::sleep(LOOK / 4),
            }
        }
    }

    /// Both directions of one connection. If no server listens there the dialer is told by its end.
    fn join(&self, dialed: TcpStream, port: u16) {
        let Ok(reached) = reach(self.port, port) else { return };
        for (from, to, ends) in
            [(&dialed, &reached, (self.from, self.to)), (&reached, &dialed, (self.to, self.from))]
        {
            let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { return };
            let ways = Arc::clone(&self.ways);
            let carried = thread::Builder::new().name("wire".into()).spawn(move || {
                carry(&ways, ends, &from, &to);
                // The other end may have closed it already.
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
            });
            if carried.is_err() {
                let _ = dialed.shutdown(Shutdown::Both);
            }
        }
    }
}

/// Dial a server from the relays' address and this port; from any other if it is taken.
fn reach(server: u16, port: u16) -> std::io::Result<TcpStream> {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, server));
    let from = |port: u16| -> std::io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((RELAY, port)).into())?;
        socket.connect(&to.into())?;
        Ok(socket.into())
    };
    match from(port) {
        Err(why) if matches!(why.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable) => from(0),
        other => other,
    }
}

/// One direction, until it ends.
fn carry(ways: &Ways, (from, to): (Party, Party), mut source: &TcpStream, mut target: &TcpStream) {
    let _ = source.set_nonblocking(false);
    let _ = source.set_read_timeout(Some(LOOK));
    let _ = target.set_nodelay(true);
    let mut buffer = vec![0; 64 << 10];
    let mut lost = false;
    while !ways.is_over() {
        let read = match source.read(&mut buffer) {
            Ok(0) => 0,
            Ok(read) => read,
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // What was lost cannot be made up for.
                if lost && !ways.is_cut(from, to) {
                    return;
                }
                continue;
            }
            Err(why) if why.kind() == ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        if ways.is_cut(from, to) {
            lost = true;
            if read == 0 {
                // The end is not told either, until the wire is whole.
                while ways.is_cut(from, to) && !ways.is_over() {
                    thread::sleep(LOOK);
                }
                return;
            }
            continue;
        }
        if lost || read == 0 {
            return;
        }
        let delay = ways.way(from, to).delay_ms.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(u64::from(delay)));
        if target.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that gives back what it gets, and a wire to it.
    fn echo(ways: &Arc<Ways>) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        ways.wire(0, 1, port).unwrap()
    }

    fn exchange(stream: &mut TcpStream, word: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(word)?;
        let mut back = vec![0; word.len()];
        stream.read_exact(&mut back).map(|()| back)
    }

    fn dial(address: SocketAddr, limit_ms: u64) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(limit_ms))).unwrap();
        stream
    }

    #[test]
    fn a_wire_carries_until_it_is_cut_and_then_nothing_is_told() {
        let ways = Ways::new(2);
        let address = echo(&ways);
        let mut stream = dial(address, 5000);
        assert_eq!(exchange(&mut stream, b"first").unwrap(), b"first");
        // One way is enough: the echo is lost.
        ways.cut(1, 0, true);
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let silent = exchange(&mut stream, b"lost").unwrap_err();
        assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silent}");
        let mut held = dial(address, 100);
        assert!(exchange(&mut held, b"held").is_err());
        ways.heal();
        // Both are told by their end, and a new one is as good as the first.
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert!(matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_)));
        ways.delay(0, 1, 30);
        assert_eq!(exchange(&mut dial(address, 5000), b"again").unwrap(), b"again");
        ways.end();
    }

    #[test]
    fn the_relay_keeps_the_port_of_the_dialer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ways = Ways::new(2);
        let address = ways.wire(0, 1, listener.local_addr().unwrap().port()).unwrap();
        let stream = dial(address, 5000);
        let (_, remote) = listener.accept().unwrap();
        assert_eq!(remote.port(), stream.local_addr().unwrap().port());
        assert_ne!(remote.ip(), stream.local_addr().unwrap().ip());
        ways.end();
    }
}
