//! Answers with lists: asked for and written piece by piece, so that neither side holds one of them whole.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use quorate_core::ids::SessionId;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::super::desk::{Entries, List, Question};
use super::asker::NoAnswer;
use super::body::{Answer, Content, answer};
use super::json::{Members, indent, string, write};
use super::shared::Shared;
use crate::net::ConnectionFacts;

/// How long writing the lists of an answer may take.
const LIMIT: Duration = Duration::from_secs(120);

/// An answer with lists: what comes before them, and the lists.
pub(super) struct Plan {
    before: Members,
    lists: Vec<Member>,
}

/// A member that is a list.
struct Member {
    name: &'static str,
    shape: Shape,
    /// Where it begins; nothing: it is empty.
    from: Option<List>,
}

/// What a list looks like.
#[derive(Clone, Copy)]
enum Shape {
    /// Connections, perhaps in brief.
    Connections(bool),
    /// Sessions by the time at which they expire.
    SessionsByTime,
    /// Paths by session.
    PathsBySession,
    /// Sessions by path.
    SessionsByPath,
}

impl Plan {
    /// `connections`, `stats`. There are no connections with TLS.
    pub(super) fn connections(before: Members, brief: bool) -> Plan {
        let shape = Shape::Connections(brief);
        let open = Member { name: "connections", shape, from: Some(List::Connections(0)) };
        let secure = Member { name: "secure_connections", shape, from: None };
        Plan { before, lists: vec![open, secure] }
    }

    /// `dump`.
    pub(super) fn dump() -> Plan {
        let expiry = Member {
            name: "expiry_time_to_session_ids",
            shape: Shape::SessionsByTime,
            from: Some(List::Expiry(None)),
        };
        let mut plan = Plan::paths("session_id_to_ephemeral_paths", List::Ephemerals(None));
        plan.lists.insert(0, expiry);
        plan
    }

    /// Paths by session.
    pub(super) fn paths(name: &'static str, from: List) -> Plan {
        let list = Member { name, shape: Shape::PathsBySession, from: Some(from) };
        Plan { before: Members::new(), lists: vec![list] }
    }

    /// Watches by path.
    pub(super) fn sessions(name: &'static str) -> Plan {
        let list = Member { name, shape: Shape::SessionsByPath, from: Some(List::WatchesByPath(None)) };
        Plan { before: Members::new(), lists: vec![list] }
    }

    /// The response: it is written while it is sent.
    pub(super) fn response(self, command: &'static str, shared: &Arc<Shared>) -> Answer {
        let (pieces, content) = Content::pieces();
        tokio::spawn(send(self, command, Arc::clone(shared), pieces));
        answer(StatusCode::OK, "application/json", content)
    }
}

/// Why writing ends early.
enum Ended {
    /// The client has gone.
    Left,
    /// The loop has not answered.
    Silent(NoAnswer),
}

async fn send(plan: Plan, command: &'static str, shared: Arc<Shared>, pieces: Sender<io::Result<Bytes>>) {
    let Ok(place) = shared.lists.acquire().await else { return };
    let why = match timeout(LIMIT, write_all(plan, command, &shared, &pieces)).await {
        Ok(Ok(()) | Err(Ended::Left)) => return,
        Ok(Err(Ended::Silent(NoAnswer))) => "the server has not answered in time",
        Err(_) => "the list was taken in too slowly",
    };
    drop(place);
    // What was sent is not all, and must not look like it.
    let _ = timeout(LIMIT, pieces.send(Err(io::Error::other(why)))).await;
}

async fn write_all(
    plan: Plan,
    command: &str,
    shared: &Shared,
    pieces: &Sender<io::Result<Bytes>>,
) -> Result<(), Ended> {
    let mut text = String::from("{\n");
    for (name, value) in &plan.before {
        begin_member(name, &mut text);
        write(value, 1, &mut text);
        text.push_str(",\n");
    }
    for Member { name, shape, from } in plan.lists {
        begin_member(name, &mut text);
        let (mut writer, mut next) = (Writer::new(shape), from);
        while let Some(list) = next {
            let piece = shared.asker.ask(|reply| Question::List(list, reply)).await.map_err(Ended::Silent)?;
            writer.take(&piece.entries, &mut text);
            next = piece.rest;
            give(&mut text, pieces).await?;
        }
        writer.end(&mut text);
        text.push_str(",\n");
    }
    begin_member("command", &mut text);
    text.push_str(&string(command));
    text.push_str(",\n  \"error\" : null\n}\n");
    give(&mut text, pieces).await
}

fn begin_member(name: &str, text: &mut String) {
    indent(1, text);
    text.push_str(&string(name));
    text.push_str(" : ");
}

async fn give(text: &mut String, pieces: &Sender<io::Result<Bytes>>) -> Result<(), Ended> {
    pieces.send(Ok(std::mem::take(text).into())).await.map_err(|_| Ended::Left)
}

/// A connection as `connections` shows it, or in brief as `stats` does.
fn connection(facts: &ConnectionFacts, brief: bool) -> Value {
    let mut members = json!({
        "remote_socket_address": facts.peer.to_string(),
        "interest_ops": facts.interest,
        "outstanding_requests": facts.queued,
        "packets_received": facts.received,
        "packets_sent": facts.sent,
    });
    if let (false, Value::Object(members)) = (brief, &mut members) {
        let rest = [
            ("session_id", json!(facts.session)),
            ("last_operation", json!(facts.operation)),
            ("established", json!(facts.established_ms)),
            ("session_timeout", json!(facts.timeout_ms)),
            ("last_cxid", json!(facts.xid)),
            ("last_zxid", json!(facts.zxid)),
            ("last_response_time", json!(u64::try_from(facts.answered_ms).unwrap_or(u64::MAX))),
            ("last_latency", json!(facts.latency.last_ms())),
            ("min_latency", json!(facts.latency.min_ms())),
            ("avg_latency", json!(facts.latency.mean_ms() as u64)),
            ("max_latency", json!(facts.latency.max_ms())),
        ];
        members.extend(rest.map(|(name, value)| (name.to_owned(), value)));
    }
    members
}

/// Writes a list. It knows the key under which the last entry was.
struct Writer {
    shape: Shape,
    key: Option<String>,
    begun: bool,
}

impl Writer {
    fn new(shape: Shape) -> Writer {
        Writer { shape, key: None, begun: false }
    }

    fn take(&mut self, entries: &Entries, out: &mut String) {
        match entries {
            Entries::Connections(connections) => {
                for facts in connections {
                    let brief = matches!(self.shape, Shape::Connections(true));
                    out.push_str(if self.begun { ", " } else { "[ " });
                    self.begun = true;
                    write(&connection(facts, brief), 1, out);
                }
            }
            Entries::Expiry(sessions) => {
                for (due, session) in sessions {
                    self.entry(&due.to_string(), &session.0.to_string(), out);
                }
            }
            Entries::Paths(paths) => paths.iter().for_each(|(session, path)| self.path(*session, path, out)),
        }
    }

    fn path(&mut self, session: SessionId, path: &str, out: &mut String) {
        match self.shape {
            Shape::SessionsByPath => self.entry(path, &session.0.to_string(), out),
            _ => self.entry(&session.0.to_string(), &string(path), out),
        }
    }

    /// `value` is JSON. Those with the same key follow each other.
    fn entry(&mut self, key: &str, value: &str, out: &mut String) {
        if self.key.as_deref() == Some(key) {
            out.push_str(", ");
        } else {
            out.push_str(if self.begun { " ],\n" } else { "{\n" });
            indent(2, out);
            out.push_str(&string(key));
            out.push_str(" : [ ");
            self.key = Some(key.to_owned());
        }
        self.begun = true;
        out.push_str(value);
    }

    fn end(&self, out: &mut String) {
        out.push_str(match (self.shape, self.begun) {
            (Shape::Connections(_), false) => "[ ]",
            (Shape::Connections(_), true) => " ]",
            (_, false) => "{ }",
            (_, true) => " ]\n  }",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_one_key_are_one_list_however_they_are_cut() {
        let all: Vec<(SessionId, Arc<str>)> =
            [(1, "/a"), (1, "/b\""), (2, "/a")].map(|(s, p)| (SessionId(s), p.into())).into();
        for cut in 0..=all.len() {
            let (mut out, mut writer) = (String::new(), Writer::new(Shape::PathsBySession));
            writer.take(&Entries::Paths(all[..cut].to_vec()), &mut out);
            writer.take(&Entries::Paths(all[cut..].to_vec()), &mut out);
            writer.end(&mut out);
            let parsed: Value = serde_json::from_str(&out).unwrap();
            assert_eq!(parsed, serde_json::json!({"1": ["/a", "/b\""], "2": ["/a"]}), "{cut}");
        }
        let mut out = String::new();
        Writer::new(Shape::SessionsByPath).end(&mut out);
        assert_eq!(out, "{ }");
    }
}
