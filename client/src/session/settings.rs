//! What a session is told at its beginning: where servers are, and how patient to be.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use quorate_core::tree::path::{self, PathError};
use quorate_core::wire::jute::DEFAULT_MAX_BUFFER;

/// The port of a server that is named without one.
pub const DEFAULT_PORT: u16 = 2181;

/// One server, by name and port. The name is resolved at every dial.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Host {
    /// A host name or an address; an IPv6 address without its brackets.
    pub name: String,
    /// The client port.
    pub port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// Where servers are, and the znode that a client takes for its root: `host:port,host:port/chroot`.
///
/// ```
/// use quorate_client::session::ConnectString;
///
/// let parsed: ConnectString = "zk1:2181,[::1],zk3/app".parse().unwrap();
/// assert_eq!(parsed.hosts.len(), 3);
/// assert_eq!(parsed.chroot, "/app");
/// assert_eq!(parsed.to_string(), "zk1:2181,[::1]:2181,zk3:2181/app");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConnectString {
    /// The servers, in the order they are named; at least one.
    pub hosts: Vec<Host>,
    /// The root's path on the servers; empty: their own root.
    pub chroot: String,
}

impl fmt::Display for ConnectString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, host) in self.hosts.iter().enumerate() {
            write!(f, "{}{host}", if i > 0 { "," } else { "" })?;
        }
        f.write_str(&self.chroot)
    }
}

/// Why text is no [`ConnectString`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectStringError {
    /// No server is named.
    NoHost,
    /// This is not `host`, `host:port`, `[address]` or `[address]:port`.
    Host(String),
    /// What follows the servers is no path of a znode.
    Chroot(String, PathError),
}

impl fmt::Display for ConnectStringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectStringError::NoHost => f.write_str("no server is named"),
            ConnectStringError::Host(text) => write!(f, "{text:?} is no server: host:port is expected"),
            ConnectStringError::Chroot(text, why) => {
                write!(f, "{text:?} is no path of a znode: {}", path_error(*why))
            }
        }
    }
}

impl core::error::Error for ConnectStringError {}

/// What is wrong with a path, in words.
pub(crate) const fn path_error(why: PathError) -> &'static str {
    match why {
        PathError::Empty => "it is empty",
        PathError::NotAbsolute => "it does not begin with a slash",
        PathError::TrailingSlash => "it ends with a slash",
        PathError::EmptyComponent => "it has two slashes in a row",
        PathError::Relative => "a part of it is `.` or `..`",
        PathError::Character(_) => "it has a character that no path may have",
    }
}

impl FromStr for ConnectString {
    type Err = ConnectStringError;

    fn from_str(text: &str) -> Result<Self, ConnectStringError> {
        let (hosts, chroot) = text.find('/').map_or((text, "/"), |at| text.split_at(at));
        path::validate(chroot).map_err(|why| ConnectStringError::Chroot(chroot.to_owned(), why))?;
        let named = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
        let hosts = named.map(host).collect::<Result<Vec<Host>, _>>()?;
        if hosts.is_empty() {
            return Err(ConnectStringError::NoHost);
        }
        let chroot = if chroot == path::ROOT { String::new() } else { chroot.to_owned() };
        Ok(ConnectString { hosts, chroot })
    }
}

fn host(text: &str) -> Result<Host, ConnectStringError> {
    let wrong = || ConnectStringError::Host(text.to_owned());
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').ok_or_else(wrong)?;
            (name, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(wrong)?) })
        }
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| wrong()))?;
    // Two colons outside of brackets: it cannot be known which one is in front of the port.
    let is_address = text.starts_with('[');
    if name.is_empty()
        || port == 0
        || name.contains(char::is_whitespace)
        || (name.contains(':') != is_address)
    {
        return Err(wrong());
    }
    Ok(Host { name: name.to_owned(), port })
}

/// How a session behaves; it does not change after the beginning.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Settings {
    /// Where servers are.
    pub connect: ConnectString,
    /// The session timeout to ask for, ms. The server may give another.
    pub timeout_ms: i32,
    /// How long the first connection may take, counted from the first attempt over all servers, ms. A session
    /// that has none by then ends. `None`: it goes on trying for ever.
    pub connect_timeout_ms: Option<u64>,
    /// Whether a read-only server will do until one is found that writes.
    pub read_only: bool,
    /// The longest request to send, in bytes: the servers' `jute.maxbuffer`.
    pub max_request: usize,
    /// The longest reply to take, in bytes. A longer one ends the connection.
    pub max_reply: usize,
}

/// A list of children may be longer than any request.
const DEFAULT_MAX_REPLY: usize = 32 << 20;

impl Settings {
    /// Everything as usual: ten seconds of session, thirty to connect, no read-only server.
    pub fn new(connect: ConnectString) -> Self {
        Settings {
            connect,
            timeout_ms: 10_000,
            connect_timeout_ms: Some(30_000),
            read_only: false,
            max_request: DEFAULT_MAX_BUFFER,
            max_reply: DEFAULT_MAX_REPLY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<ConnectString, ConnectStringError> {
        text.parse()
    }

    #[test]
    fn hosts_ports_and_chroot() {
        let host = |name: &str, port| Host { name: name.to_owned(), port };
        let cases = [
            ("a", vec![host("a", 2181)], ""),
            ("a:1,b:2", vec![host("a", 1), host("b", 2)], ""),
            (" a:1 , b ,", vec![host("a", 1), host("b", 2181)], ""),
            ("a/", vec![host("a", 2181)], ""),
            ("a:1,[fe80::1]:5/x/y", vec![host("a", 1), host("fe80::1", 5)], "/x/y"),
            ("[::1]", vec![host("::1", 2181)], ""),
        ];
        for (text, hosts, chroot) in cases {
            assert_eq!(parsed(text), Ok(ConnectString { hosts, chroot: chroot.to_owned() }), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parsed(""), Err(ConnectStringError::NoHost));
        assert_eq!(parsed("/x"), Err(ConnectStringError::NoHost));
        for bad in ["a:", "a:x", "a:0", "a:70000", "::1", "[::1", "[::1]x", "[a]", "[]:1", ":1", "a b"] {
            assert_eq!(parsed(bad), Err(ConnectStringError::Host(bad.to_owned())));
        }
        let error = parsed("a/x/").unwrap_err();
        assert_eq!(error.to_string(), "\"/x/\" is no path of a znode: it ends with a slash");
        assert!(parsed("a/x/../y").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_again(text in "[a-c:,/\\[\\]1 .]{0,20}") {
            if let Ok(connect) = parsed(&text) {
                prop_assert_eq!(parsed(&connect.to_string()), Ok(connect));
            }
        }
    }
}
