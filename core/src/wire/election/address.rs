//! A host and a port, as the election port and configurations write them.

use alloc::string::{String, ToString};
use core::fmt;

/// Where a server listens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// A name or an IP address; IPv6 without its brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Address {
    /// `host`, `port`.
    pub fn new(host: &str, port: u16) -> Self {
        Address { host: host.to_string(), port }
    }

    /// `host:port` or `[v6]:port`; `None` if the text is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, rest) = split_host(text)?;
        Some(Address::new(host, parse_port(rest)?))
    }

    /// Whether it means "every address of this machine", which helps no other machine.
    pub fn is_wildcard(&self) -> bool {
        let zeros = |text: &str| !text.is_empty() && text.chars().all(|c| c == '0' || c == ':' || c == '.');
        zeros(&self.host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_host(f, &self.host)?;
        write!(f, ":{}", self.port)
    }
}

/// Write a host, in brackets if it has colons.
pub(super) fn write_host(f: &mut fmt::Formatter<'_>, host: &str) -> fmt::Result {
    if host.contains(':') { write!(f, "[{host}]") } else { f.write_str(host) }
}

/// Cut `host:rest` or `[v6]:rest` at the colon behind the host.
pub(super) fn split_host(text: &str) -> Option<(&str, &str)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(text) => text.split_once("]:")?,
        None => text.split_once(':')?,
    };
    if host.is_empty() { None } else { Some((host, rest)) }
}

/// A port; digits only.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for (text, host, port) in
            [("a.b:1", "a.b", 1), ("[::1]:2181", "::1", 2181), ("10.0.0.1:0", "10.0.0.1", 0)]
        {
            let address = Address::parse(text).unwrap();
            assert_eq!(address, Address::new(host, port));
            assert_eq!(address.to_string(), text);
        }
        for bad in ["", "a", ":1", "a:", "a:b", "a:65536", "a:+1", "[::1]", "[::1", "[]:1", "a:1:2"] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn wildcards() {
        for (host, wildcard) in [("0.0.0.0", true), ("::", true), ("0:0:0:0:0:0:0:0", true), ("::1", false)] {
            assert_eq!(Address::new(host, 1).is_wildcard(), wildcard, "{host}");
        }
    }
}
