//! Asks a server how it is, as any client could: with `srvr` on its client port.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::config::ClientAddress;
use crate::tls::connect;

/// How long connecting may take, and how long a piece of the answer.
const LIMIT: Duration = Duration::from_secs(2);

/// What a server says of itself.
#[derive(Debug)]
pub(crate) enum Health {
    /// The server serves, as `leader`, `follower`, `observer`, `standalone` or `read-only`.
    Serves(String),
    /// The server is up and knows no leader.
    NotServing,
    /// Something answers that is no such server.
    Strange(String),
    /// Nothing answers at the port.
    Silent(io::Error),
}

/// Where to ask a server of this machine that listens on `address`.
pub(crate) fn reachable(address: &ClientAddress) -> (String, u16) {
    let host = match &address.host {
        None => Ipv4Addr::LOCALHOST.to_string(),
        Some(host) => match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(all)) if all.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            Ok(IpAddr::V6(all)) if all.is_unspecified() => "::1".to_owned(),
            _ => host.clone(),
        },
    };
    (host, address.port)
}

/// How the server at `host` and `port` is.
pub(crate) fn health(host: &str, port: u16) -> Health {
    health_over(host, port, None)
}

/// How the server at `host` and `port` is, asked with TLS if there are keys for that.
pub(crate) fn health_over(host: &str, port: u16, tls: Option<&Arc<ClientConfig>>) -> Health {
    let answer = match ask(host, port, "srvr", tls) {
        Ok(answer) => answer,
        Err(why) => return Health::Silent(why),
    };
    if let Some(mode) = answer.lines().find_map(|line| line.strip_prefix("Mode: ")) {
        Health::Serves(mode.to_owned())
    } else if answer.contains("not currently serving requests") {
        Health::NotServing
    } else if answer.is_empty() {
        Health::Silent(io::ErrorKind::UnexpectedEof.into())
    } else {
        Health::Strange(answer.lines().next().unwrap_or_default().chars().take(80).collect())
    }
}

/// The answer to a four-letter word.
fn ask(host: &str, port: u16, word: &str, tls: Option<&Arc<ClientConfig>>) -> io::Result<String> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match ask_at(address, word, tls) {
            Ok(answer) => return Ok(answer),
            Err(why) => last = why,
        }
    }
    Err(last)
}

fn ask_at(address: SocketAddr, word: &str, tls: Option<&Arc<ClientConfig>>) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    match tls {
        Some(config) => answer(connect::over(stream, config)?, word),
        None => answer(stream, word),
    }
}

fn answer(mut stream: impl Read + Write, word: &str) -> io::Result<String> {
    stream.write_all(word.as_bytes())?;
    // Longer than every answer of a server; whatever else listens there may talk for ever.
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// What is made of an answer.
    fn after(answer: &'static str) -> Health {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut word = [0; 4];
            stream.read_exact(&mut word).unwrap();
            assert_eq!(&word, b"srvr");
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let health = health("127.0.0.1", port);
        server.join().unwrap();
        health
    }

    #[test]
    fn answers_are_understood() {
        let serving =
            "Zookeeper version: 3.9.5\nLatency min/avg/max: 0/0.0/0\nMode: observer\nNode count: 5\n";
        assert!(matches!(after(serving), Health::Serves(mode) if mode == "observer"));
        let idle = "This ZooKeeper instance is not currently serving requests\n";
        assert!(matches!(after(idle), Health::NotServing));
        assert!(
            matches!(after("HTTP/1.1 400 Bad Request\n"), Health::Strange(line) if line.starts_with("HTTP"))
        );
        assert!(matches!(after(""), Health::Silent(_)));
    }

    #[test]
    fn a_server_of_all_addresses_is_asked_here() {
        let at = |host: Option<&str>| reachable(&ClientAddress { host: host.map(str::to_owned), port: 1 }).0;
        assert_eq!(at(None), "127.0.0.1");
        assert_eq!(at(Some("0.0.0.0")), "127.0.0.1");
        assert_eq!(at(Some("::")), "::1");
        assert_eq!(at(Some("10.1.2.3")), "10.1.2.3");
        assert_eq!(at(Some("zoo1")), "zoo1");
    }
}
