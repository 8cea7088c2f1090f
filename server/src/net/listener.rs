//! A port that listens.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;

/// The addresses of a name; the first one is used.
pub(crate) fn resolve(what: &'static str, host: &str, port: u16) -> Result<SocketAddr, Error> {
    let failed = |why: String| Error::Resolve { what, host: host.to_owned(), why };
    let mut found = (host, port).to_socket_addrs().map_err(|why| failed(why.to_string()))?;
    found.next().ok_or_else(|| failed("it has no address".to_owned()))
}

/// Listen on `address`. `None` as host means every address, IPv4 and IPv6 where there is IPv6.
pub(crate) fn listen(
    what: &'static str,
    host: Option<&str>,
    port: u16,
    backlog: i32,
) -> Result<TcpListener, Error> {
    let candidates = match host {
        Some(host) => vec![resolve(what, host, port)?],
        None => vec![
            SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port)),
            SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, port)),
        ],
    };
    let mut last = None;
    for address in candidates {
        match bind(address, backlog) {
            Ok(listener) => return Ok(listener),
            Err(why) if why.kind() == ErrorKind::AddrInUse => return Err(Error::InUse { what, address }),
            Err(why) => last = Some(Error::Bind { what, address: address.to_string(), why }),
        }
    }
    Err(last.unwrap_or_else(|| Error::Usage(format!("{what}: no address to listen on"))))
}

/// A non-blocking listener on exactly this address.
pub(crate) fn bind(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// What listens in the event loop for one purpose, on one address or on several.
#[derive(Debug)]
pub(crate) struct Port {
    /// Each with whether there may be more connections than were accepted.
    listeners: Vec<(TcpListener, bool)>,
}

impl Port {
    /// Register listeners, all under one token.
    pub(crate) fn new(listeners: Vec<TcpListener>, registry: &Registry, token: Token) -> io::Result<Port> {
        let mut port = Port { listeners: Vec::new() };
        for mut listener in listeners {
            registry.register(&mut listener, token, Interest::READABLE)?;
            port.listeners.push((listener, true));
        }
        Ok(port)
    }

    /// One of them became readable.
    pub(crate) fn ready(&mut self) {
        for (_, pending) in &mut self.listeners {
            *pending = true;
        }
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().filter_map(|(listener, _)| listener.local_addr().ok())
    }

    /// The next connection. `Err`: the system is short of something (file descriptors, most
    /// likely); try again later.
    pub(crate) fn accept(&mut self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        for (listener, pending) in &mut self.listeners {
            while *pending {
                match listener.accept() {
                    Ok(accepted) => return Ok(Some(accepted)),
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
