//! A port that listens.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use super::transport::Door;
use crate::error::Error;

/// Every address of a name, each once.
pub(crate) fn resolve(what: &'static str, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let failed = |why: String| Error::Resolve { what, host: host.to_owned(), why };
    let mut addresses = Vec::new();
    for address in (host, port).to_socket_addrs().map_err(|why| failed(why.to_string()))? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(failed("it has no address".to_owned())) } else { Ok(addresses) }
}

/// Listen on every address of `host`. `None` means every address, IPv4 and IPv6 where there is IPv6.
pub(crate) fn listen(
    what: &'static str,
    host: Option<&str>,
    port: u16,
    backlog: i32,
) -> Result<Vec<TcpListener>, Error> {
    match host {
        Some(host) => listen_on(what, &resolve(what, host, port)?, backlog),
        None => listen_on_all(what, port, backlog),
    }
}

/// Listen on exactly these addresses. One that this machine does not have is left out with a warning, as long
/// as there is another one.
pub(crate) fn listen_on(
    what: &'static str,
    addresses: &[SocketAddr],
    backlog: i32,
) -> Result<Vec<TcpListener>, Error> {
    let only_v6 = addresses.len() > 1;
    let (mut listeners, mut failed) = (Vec::new(), Vec::new());
    for address in addresses {
        match bind(*address, only_v6, backlog) {
            Ok(listener) => listeners.push(listener),
            Err(why) if why.kind() == ErrorKind::AddrInUse => {
                return Err(Error::InUse { what, address: *address });
            }
            Err(why) => failed.push(Error::Bind { what, address: address.to_string(), why }),
        }
    }
    if listeners.is_empty() {
        return Err(failed.pop().unwrap_or_else(|| Error::Usage(format!("{what}: no address to listen on"))));
    }
    for why in failed {
        warn!("{why}; it listens on the other addresses of the name");
    }
    Ok(listeners)
}

fn listen_on_all(what: &'static str, port: u16, backlog: i32) -> Result<Vec<TcpListener>, Error> {
    let v6 = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port));
    match bind(v6, false, backlog) {
        Ok(listener) => Ok(vec![listener]),
        Err(why) if why.kind() == ErrorKind::AddrInUse => Err(Error::InUse { what, address: v6 }),
        Err(_) => listen_on(what, &[SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, port))], backlog),
    }
}

/// A non-blocking listener on exactly this address. Without `only_v6` every IPv6 address takes IPv4, too.
pub(crate) fn bind(address: SocketAddr, only_v6: bool, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// What listens in the event loop for one purpose, on one address or on several.
#[derive(Debug, Default)]
pub(crate) struct Port {
    listeners: Vec<Listener>,
}

/// A socket that listens.
#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    /// There may be more connections than were accepted.
    pending: bool,
    door: Door,
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The connection.
    pub(crate) stream: TcpStream,
    /// The other end's address.
    pub(crate) peer: SocketAddr,
    /// What the port takes.
    pub(crate) door: Door,
}

impl Port {
    /// Register listeners without TLS, all under one token.
    #[cfg(test)]
    pub(crate) fn new(listeners: Vec<TcpListener>, registry: &Registry, token: Token) -> io::Result<Port> {
        Port::default().with(listeners, Door::Plain, registry, token)
    }

    /// Register more listeners, which take what comes through this door.
    pub(crate) fn with(
        mut self,
        listeners: Vec<TcpListener>,
        door: Door,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Port> {
        for mut socket in listeners {
            registry.register(&mut socket, token, Interest::READABLE)?;
            self.listeners.push(Listener { socket, pending: true, door });
        }
        Ok(self)
    }

    /// One of them became readable.
    pub(crate) fn ready(&mut self) {
        for listener in &mut self.listeners {
            listener.pending = true;
        }
    }

    /// Where it listens.
    #[cfg(test)]
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.socket.local_addr().ok())
    }

    /// The next connection. `Err`: the system is short of something (file descriptors, most
    /// likely); try again later.
    pub(crate) fn accept(&mut self) -> io::Result<Option<Accepted>> {
        for Listener { socket, pending, door } in &mut self.listeners {
            while *pending {
                match socket.accept() {
                    Ok((stream, peer)) => {
                        // An IPv4 client of an IPv6 listener.
                        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                        return Ok(Some(Accepted { stream, peer, door: *door }));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => *pending = false,
                    // The client gave up while it waited.
                    Err(error)
                        if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A free port of 127.0.0.1 that is free at 127.0.0.2, too.
    fn two_addresses() -> [SocketAddr; 2] {
        let any = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = any.local_addr().unwrap().port();
        [1, 2].map(|last| SocketAddr::from(([127, 0, 0, last], port)))
    }

    #[test]
    fn every_address_of_a_name_takes_connections() {
        let addresses = two_addresses();
        let listeners = listen_on("a port", &addresses, 8).unwrap();
        assert_eq!(listeners.len(), 2);
        let poll = mio::Poll::new().unwrap();
        let mut port = Port::new(listeners, poll.registry(), Token(0)).unwrap();
        for address in addresses {
            let stream = std::net::TcpStream::connect(address).unwrap();
            port.ready();
            let accepted = port.accept().unwrap().unwrap();
            assert_eq!(accepted.peer, stream.local_addr().unwrap());
        }
    }

    #[test]
    fn an_address_of_another_machine_is_left_out() {
        let [own, _] = two_addresses();
        // An address of the documentation's network: no machine has it.
        let foreign = SocketAddr::from(([192, 0, 2, 1], own.port()));
        assert_eq!(listen_on("a port", &[foreign, own], 8).unwrap().len(), 1);
        assert!(matches!(listen_on("a port", &[foreign], 8), Err(Error::Bind { .. })));
        let taken = std::net::TcpListener::bind(own).unwrap();
        assert!(
            matches!(listen_on("a port", &[foreign, own], 8), Err(Error::InUse { address, .. }) if address == own)
        );
        drop(taken);
    }

    #[test]
    fn an_ipv4_client_is_shown_as_one() {
        let listeners = listen("a port", None, 0, 8).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        let poll = mio::Poll::new().unwrap();
        let mut all = Port::new(listeners, poll.registry(), Token(0)).unwrap();
        let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert_eq!(all.accept().unwrap().unwrap().peer, stream.local_addr().unwrap());
    }
}
