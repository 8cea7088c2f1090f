//! One `server.N` line, and the `group.N` lists.
//!
//! Source: `QuorumPeer.QuorumServer`:
//! `host:quorumPort:electionPort[:role][;[clientHost:]clientPort[;secure]]`, where several
//! `host:quorumPort:electionPort` may be joined by `|` (ZOOKEEPER-3188).

use std::fmt;

use quorate_core::ids::ServerId;
use quorate_core::wire::election::{Endpoints, MemberRole, ServerLine};

/// A host name or address, and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostPort {
    /// A name or a literal address, without brackets.
    pub host: String,
    /// The port, 1 to 65535.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Whether a member votes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LearnerType {
    /// Votes, may lead.
    #[default]
    Participant,
    /// Never votes.
    Observer,
}

impl fmt::Display for LearnerType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LearnerType::Participant => "participant",
            LearnerType::Observer => "observer",
        })
    }
}

/// A member of the ensemble as one `server.N` line describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Where its quorum port is: on one address or on several, never on none.
    pub quorum: Vec<HostPort>,
    /// Where its election port is, on the same addresses.
    pub election: Vec<HostPort>,
    /// Whether it votes.
    pub role: LearnerType,
    /// Where its clients connect, if the line says so.
    pub client: Option<ClientAddress>,
    /// Where its clients connect with TLS, if the line says so.
    pub secure: Option<ClientAddress>,
}

/// The part after the semicolon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientAddress {
    /// The address to listen on; absent: all of them.
    pub host: Option<String>,
    /// The port.
    pub port: u16,
}

impl Member {
    /// Read the value of a `server.N` line. The error says what does not fit.
    pub fn parse(value: &str) -> Result<Member, String> {
        let mut parts = value.split(';');
        let server = parts.next().unwrap_or_default();
        let mut address = || match parts.next().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => client_address(text).map(Some),
        };
        let (client, secure) = (address()?, address()?);
        let (mut quorum, mut election, mut role) = (Vec::new(), Vec::new(), None::<LearnerType>);
        for address in server.split('|') {
            let (host, rest) = split_host(address.trim())?;
            let mut fields = rest.split(':');
            quorum.push(HostPort { host: host.to_owned(), port: port(fields.next(), "quorum port")? });
            election.push(HostPort { host: host.to_owned(), port: port(fields.next(), "election port")? });
            if let Some(word) = fields.next() {
                let this = learner_type(word.trim())?;
                if role.is_some_and(|other| other != this) {
                    return Err("its addresses have different roles".to_owned());
                }
                role = Some(this);
            }
            if let Some(extra) = fields.next() {
                return Err(format!("{extra:?} is one field too many"));
            }
        }
        let role = role.unwrap_or_default();
        Ok(Member { quorum, election, role, client, secure })
    }

    /// Every `host:quorumPort` and `host:electionPort`.
    pub fn places(&self) -> impl Iterator<Item = &HostPort> {
        self.quorum.iter().chain(&self.election)
    }

    /// The line as servers tell it each other.
    pub(crate) fn line(&self, id: ServerId) -> ServerLine {
        let endpoints = self.quorum.iter().zip(&self.election).map(|(quorum, election)| Endpoints {
            host: quorum.host.clone(),
            quorum_port: quorum.port,
            election_port: election.port,
        });
        ServerLine {
            id,
            endpoints: endpoints.collect(),
            role: match self.role {
                LearnerType::Participant => MemberRole::Participant,
                LearnerType::Observer => MemberRole::Observer,
            },
            client: self.client.as_ref().map(|client| {
                let host = client.host.clone().unwrap_or_else(|| "0.0.0.0".to_owned());
                HostPort { host, port: client.port }.to_string()
            }),
        }
    }
}

fn learner_type(word: &str) -> Result<LearnerType, String> {
    let all = [LearnerType::Participant, LearnerType::Observer];
    let found = all.into_iter().find(|role| role.to_string().eq_ignore_ascii_case(word));
    found.ok_or_else(|| format!("{word:?} is neither participant nor observer"))
}

/// `[v6]:rest` or `host:rest`.
fn split_host(text: &str) -> Result<(&str, &str), String> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']').ok_or("the bracket is not closed")?;
            (host, rest.strip_prefix(':').ok_or("a port must follow the address")?)
        }
        None => text.split_once(':').ok_or("host:quorumPort:electionPort is expected")?,
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(format!("{host:?} is not a host"));
    }
    Ok((host, rest))
}

fn port(field: Option<&str>, what: &str) -> Result<u16, String> {
    let text = field.ok_or_else(|| format!("the {what} is missing"))?.trim();
    match text.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("the {what} {text:?} is not within 1 and 65535")),
    }
}

fn client_address(text: &str) -> Result<ClientAddress, String> {
    let (host, port_text) = match text.rsplit_once(':') {
        Some((host, port)) => (Some(host.trim_start_matches('[').trim_end_matches(']')), port),
        None => (None, text),
    };
    Ok(ClientAddress { host: host.map(str::to_owned), port: port(Some(port_text), "client port")? })
}

/// The members of one group: `1:2:3`.
pub(crate) fn parse_group(value: &str) -> Result<Vec<i64>, String> {
    value.split(':').map(|id| id.trim().parse().map_err(|_| format!("{id:?} is not a server id"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(text: &str) -> Member {
        Member::parse(text).unwrap()
    }

    #[test]
    fn the_forms_operators_write() {
        let plain = member("zoo1:2888:3888");
        assert_eq!(plain.quorum[0].to_string(), "zoo1:2888");
        assert_eq!(plain.election[0].to_string(), "zoo1:3888");
        assert_eq!((plain.role, plain.client), (LearnerType::Participant, None));
        assert_eq!(member("zoo1:2888:3888:observer").role, LearnerType::Observer);
        assert_eq!(member("zoo1:2888:3888:PARTICIPANT").role, LearnerType::Participant);
        let full = member("zoo1:2888:3888:observer;10.0.0.1:2181");
        assert_eq!(full.client, Some(ClientAddress { host: Some("10.0.0.1".into()), port: 2181 }));
        assert_eq!(member("zoo1:2888:3888;2181").client, Some(ClientAddress { host: None, port: 2181 }));
        let secure = member("a:1:2;3;4");
        assert_eq!((secure.client.unwrap().port, secure.secure.unwrap().port), (3, 4));
        let v6 = member("[::1]:2888:3888:observer;[::]:2181");
        assert_eq!(v6.quorum[0].to_string(), "[::1]:2888");
        assert_eq!(v6.client.unwrap().host.as_deref(), Some("::"));
        let several = member("a:1:2|b:3:4:observer");
        let places: Vec<String> = several.places().map(HostPort::to_string).collect();
        assert_eq!(places, ["a:1", "b:3", "a:2", "b:4"]);
        assert_eq!(several.role, LearnerType::Observer);
    }

    #[test]
    fn the_text_servers_exchange() {
        for (typed, told) in [
            ("127.0.0.1:24211:24212", "127.0.0.1:24211:24212:participant"),
            ("zoo1:2888:3888:observer;2181", "zoo1:2888:3888:observer;0.0.0.0:2181"),
            ("[::1]:1:2|b:3:4;[::1]:5", "[::1]:1:2|b:3:4:participant;[::1]:5"),
        ] {
            assert_eq!(member(typed).line(ServerId(7)).to_string(), format!("server.7={told}"));
        }
    }

    #[test]
    fn every_field_is_checked() {
        for (text, why) in [
            ("", "host:quorumPort:electionPort"),
            ("zoo1", "host:quorumPort:electionPort"),
            (":1:2", "not a host"),
            ("zoo1:2888", "election port is missing"),
            ("zoo1:0:3888", "quorum port \"0\""),
            ("zoo1:2888:65536", "election port \"65536\""),
            ("zoo1:2888:3888:boss", "neither participant nor observer"),
            ("zoo1:2888:3888:observer:x", "too many"),
            ("zoo1:2888:3888;x", "client port"),
            ("[::1:2888:3888", "bracket"),
            ("zoo1:1:2|zoo2:3", "election port is missing"),
            ("zoo1:1:2:observer|zoo2:3:4:participant", "different roles"),
        ] {
            let error = Member::parse(text).unwrap_err();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn groups() {
        assert_eq!(parse_group("1:2: 3"), Ok(vec![1, 2, 3]));
        assert!(parse_group("1:b").is_err());
        assert!(parse_group("").is_err());
    }

    proptest! {
        #[test]
        fn any_value_is_read_or_refused(text in any::<String>()) {
            let _ = Member::parse(&text);
            let _ = parse_group(&text);
        }
    }
}
