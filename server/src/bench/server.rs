//! A server's address, as it was typed.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// `HOST:PORT`, resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Server {
    typed: String,
    address: SocketAddr,
}

impl Server {
    /// The address the server is reached at.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(typed: &str) -> Result<Server, String> {
        if typed.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err("expected HOST:PORT".to_owned());
        }
        let mut addresses = typed.to_socket_addrs().map_err(|why: io::Error| why.to_string())?;
        let address = addresses.next().ok_or("the name has no address")?;
        Ok(Server { typed: typed.to_owned(), address })
    }
}
