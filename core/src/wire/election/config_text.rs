//! The text of a configuration, as notifications, NEWLEADER and `/zookeeper/config` carry it.
//!
//! Lines without an end of line behind the last: `server.N=host:quorum:election:role;client` for
//! each member, `group.N` and `weight.N` for hierarchical quorums, `version=hex` at the end.
//! Source: `QuorumMaj.toString`, `QuorumHierarchical.toString`, `QuorumServer.toString`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::address::{parse_port, split_host, write_host};
use crate::ids::ServerId;

/// A configuration as servers tell it each other.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ConfigText {
    /// The members.
    pub servers: Vec<ServerLine>,
    /// Groups of voters, by number; empty: majorities decide.
    pub groups: Vec<(i64, Vec<ServerId>)>,
    /// Weights other than 1.
    pub weights: Vec<(ServerId, i64)>,
    /// Which configuration: the zxid that brought it, 0 for a static one.
    pub version: i64,
}

/// One member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ServerLine {
    /// The server's id.
    pub id: ServerId,
    /// Where it listens for servers; more than one with multiple addresses.
    pub endpoints: Vec<Endpoints>,
    /// Whether it votes.
    pub role: MemberRole,
    /// Where it listens for clients, `host:port` (and `;host:port` for TLS), as written.
    pub client: Option<String>,
}

/// Where a server listens for servers, on one of its addresses.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Endpoints {
    /// A name or an IP address; IPv6 without its brackets.
    pub host: String,
    /// The quorum port.
    pub quorum_port: u16,
    /// The election port.
    pub election_port: u16,
}

/// Whether a member votes (`LearnerType`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MemberRole {
    /// The server votes.
    Participant,
    /// The server does not vote.
    Observer,
}

/// A line that is not part of a configuration's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConfigTextError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for ConfigTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl core::error::Error for ConfigTextError {}

impl fmt::Display for ConfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for server in &self.servers {
            writeln!(f, "{server}")?;
        }
        for (group, members) in &self.groups {
            write!(f, "group.{group}=")?;
            for (i, member) in members.iter().enumerate() {
                write!(f, "{}{member}", if i == 0 { "" } else { ":" })?;
            }
            writeln!(f)?;
        }
        for (server, weight) in &self.weights {
            writeln!(f, "weight.{server}={weight}")?;
        }
        write!(f, "version={:x}", self.version)
    }
}

impl fmt::Display for ServerLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server.{}=", self.id)?;
        for (i, endpoints) in self.endpoints.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { "|" })?;
            write_host(f, &endpoints.host)?;
            write!(f, ":{}:{}", endpoints.quorum_port, endpoints.election_port)?;
        }
        f.write_str(match self.role {
            MemberRole::Participant => ":participant",
            MemberRole::Observer => ":observer",
        })?;
        self.client.as_ref().map_or(Ok(()), |client| write!(f, ";{client}"))
    }
}

impl ConfigText {
    /// Read a configuration's text. Empty lines and lines with `#` mean nothing.
    ///
    /// # Errors
    /// The first line that cannot be read. A key that is not known is one: what it changes would
    /// be missing.
    pub fn parse(text: &str) -> Result<Self, ConfigTextError> {
        let mut config = ConfigText::default();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                config.line(line).map_err(|what| ConfigTextError { line: i + 1, what })?;
            }
        }
        Ok(config)
    }

    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let (key, value) = line.split_once('=').ok_or("no = in it")?;
        let (key, value) = (key.trim(), value.trim());
        if key == "version" {
            self.version = i64::from_str_radix(value, 16).map_err(|_| "the version is not hexadecimal")?;
            return Ok(());
        }
        let (kind, number) = key.split_once('.').ok_or("not a known key")?;
        let number: i64 = number.parse().map_err(|_| "the number behind the dot is none")?;
        let id = ServerId(number);
        match kind {
            "server" if self.servers.iter().any(|s| s.id == id) => Err("the server is there already"),
            "server" => {
                self.servers.push(ServerLine::parse(id, value)?);
                Ok(())
            }
            "group" => {
                let members = value.split(':').map(|m| m.trim().parse().map(ServerId));
                let members = members.collect::<Result<_, _>>().map_err(|_| "a member is not a number")?;
                self.groups.push((number, members));
                Ok(())
            }
            "weight" => {
                self.weights.push((id, value.parse().map_err(|_| "the weight is not a number")?));
                Ok(())
            }
            _ => Err("not a known key"),
        }
    }
}

impl ServerLine {
    /// Read what stands behind `server.N=`. Without a role the server votes.
    fn parse(id: ServerId, value: &str) -> Result<Self, &'static str> {
        let (servers, client) = match value.split_once(';') {
            Some((servers, client)) => (servers.trim_end(), Some(client.trim().to_string())),
            None => (value, None),
        };
        let (servers, role) = match servers.rsplit_once(':') {
            Some((rest, role)) if role.eq_ignore_ascii_case("participant") => (rest, MemberRole::Participant),
            Some((rest, role)) if role.eq_ignore_ascii_case("observer") => (rest, MemberRole::Observer),
            _ => (servers, MemberRole::Participant),
        };
        let endpoints = servers.split('|').map(Endpoints::parse).collect::<Option<_>>();
        let endpoints = endpoints.ok_or("not host:quorum port:election port")?;
        Ok(ServerLine { id, endpoints, role, client })
    }
}

impl Endpoints {
    fn parse(text: &str) -> Option<Self> {
        let (host, ports) = split_host(text)?;
        let (quorum, election) = ports.split_once(':')?;
        Some(Endpoints {
            host: host.to_string(),
            quorum_port: parse_port(quorum)?,
            election_port: parse_port(election)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_recorded_configuration() {
        let text = "server.1=127.0.0.1:24211:24212:participant;127.0.0.1:24201\n\
            server.2=127.0.0.1:24221:24222:participant\n\
            server.4=127.0.0.1:24241:24242:observer;127.0.0.1:24204\nversion=100000002";
        let config = ConfigText::parse(text).unwrap();
        assert_eq!(config.version, 0x1_0000_0002);
        assert_eq!(config.servers[2].role, MemberRole::Observer);
        assert_eq!(config.servers[0].client.as_deref(), Some("127.0.0.1:24201"));
        assert_eq!(config.servers[1].endpoints[0].election_port, 24222);
        assert_eq!(config.to_string(), text);
    }

    #[test]
    fn other_forms() {
        let text = "server.1=[::1]:1:2|b:3:4:participant\nserver.2=c:5:6:observer\n\
            group.1=1:2\nweight.1=0\nversion=0";
        let config = ConfigText::parse(text).unwrap();
        assert_eq!(config.servers[0].endpoints[0].host, "::1");
        assert_eq!(config.groups, [(1, [ServerId(1), ServerId(2)].to_vec())]);
        assert_eq!(config.to_string(), text);
        let short = ConfigText::parse("\n# three\nserver.3=d:7:8\n").unwrap();
        assert_eq!(short.to_string(), "server.3=d:7:8:participant\nversion=0");
    }

    #[test]
    fn errors_name_the_line() {
        let error = |text: &str| ConfigText::parse(text).unwrap_err().to_string();
        assert_eq!(error("version=0\nserver.1=a:1"), "line 2: not host:quorum port:election port");
        assert_eq!(error("server.x=a:1:2"), "line 1: the number behind the dot is none");
        assert_eq!(error("server.1=a:1:2\nserver.1=b:1:2"), "line 2: the server is there already");
        assert_eq!(error("peerType=observer"), "line 1: not a known key");
        assert_eq!(error("version=xyz"), "line 1: the version is not hexadecimal");
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "(server|group|weight|version|[a-z])[.]?[0-9]{0,2}=?[a-z0-9:|;\\[\\]]{0,20}(\n|.){0,30}") {
            if let Ok(config) = ConfigText::parse(&text) {
                prop_assert_eq!(ConfigText::parse(&config.to_string()), Ok(config));
            }
        }
    }
}
