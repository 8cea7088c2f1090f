//! The answer to a word, written in pieces: lists can be as long as a server's memory, and neither
//! the loop nor the connection is to be filled with one of them.
//!
//! A list remembers the last entry that was written. Entries that come or go between two pieces
//! are shown or not; those that stay are shown once.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use quorate_core::ids::{ConnId, Now, SessionId};
use quorate_core::pipeline::TreeService;
use quorate_core::watch::WalkByPath;

use super::date;
use crate::net::{ClientPort, ConnectionExpiry};

/// What lists are read from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// Sessions, ephemeral znodes, watches.
    pub(crate) service: &'a TreeService,
    /// Connections.
    pub(crate) port: &'a ClientPort,
    /// The time, for sessions.
    pub(crate) now: Now,
}

/// A part of an answer. What a list holds is its last entry.
#[derive(Debug)]
pub(crate) enum Part {
    /// Something short.
    Text(String),
    /// Every connection from this place on; in brief, or with its session.
    Connections {
        /// Without the session.
        brief: bool,
        /// The next place.
        from: usize,
    },
    /// Sessions with their timeouts.
    Sessions(Option<SessionId>),
    /// Sessions by the time at which they expire.
    SessionExpiry(Option<(u64, SessionId)>),
    /// Ephemeral znodes by session.
    Ephemerals(Option<(SessionId, Arc<str>)>),
    /// Connections by the time at which they are closed if they stay silent.
    ConnectionExpiry(std::vec::IntoIter<ConnectionExpiry>, Option<i64>),
    /// Watches by session.
    WatchesBySession(Option<(ConnId, Arc<str>)>),
    /// Watches by path.
    WatchesByPath(WalkByPath, Option<Arc<str>>),
}

/// What is left of an answer.
#[derive(Debug, Default)]
pub(crate) struct Answer(VecDeque<Part>);

impl Answer {
    /// An answer of these parts, one after the other.
    pub(crate) fn of(parts: impl IntoIterator<Item = Part>) -> Answer {
        Answer(parts.into_iter().collect())
    }

    /// Append at least this many bytes, or everything there is; says whether that was all.
    pub(crate) fn fill(&mut self, source: Source<'_>, out: &mut String, at_least: usize) -> bool {
        while let Some(part) = self.0.front_mut() {
            if out.len() >= at_least {
                return false;
            }
            if part.fill(source, out, at_least) {
                self.0.pop_front();
            }
        }
        true
    }
}

impl From<String> for Answer {
    fn from(text: String) -> Answer {
        Answer::of([Part::Text(text)])
    }
}

impl Part {
    fn fill(&mut self, source: Source<'_>, out: &mut String, at_least: usize) -> bool {
        match self {
            Part::Text(text) => {
                out.push_str(text);
                return true;
            }
            Part::Connections { brief, from } => {
                for (index, connection) in source.port.connections_from(*from) {
                    connection.write(out, *brief);
                    *from = index + 1;
                    if out.len() >= at_least {
                        return false;
                    }
                }
            }
            Part::Sessions(last) => {
                for (session, timeout_ms) in source.service.sessions_after(*last) {
                    let _ = writeln!(out, "{:#x}\t{timeout_ms}ms", session.0);
                    *last = Some(session);
                    if out.len() >= at_least {
                        return false;
                    }
                }
            }
            Part::SessionExpiry(last) => {
                let Some(queue) = source.service.expiry() else { return true };
                let mut head = last.map(|(bucket, _)| bucket);
                for (bucket, count, session) in queue.after(*last) {
                    if head.replace(bucket) != Some(bucket) {
                        let in_ms = bucket as i64 - source.now.elapsed_ms as i64;
                        let _ =
                            writeln!(out, "{count} expire at {}:", date::text(source.now.wall_ms + in_ms));
                    }
                    let _ = writeln!(out, "\t{:#x}", session.0);
                    *last = Some((bucket, session));
                    if out.len() >= at_least {
                        return false;
                    }
                }
            }
            Part::Ephemerals(last) => return ephemerals(last, source, out, at_least),
            Part::ConnectionExpiry(rest, head) => {
                for entry in rest.by_ref() {
                    if head.replace(entry.due_ms) != Some(entry.due_ms) {
                        let _ = writeln!(out, "{} expire at {}:", entry.together, date::text(entry.due_ms));
                    }
                    let _ = writeln!(out, "\tip: /{} sessionId: {:#x}", entry.peer, entry.session);
                    if out.len() >= at_least {
                        return false;
                    }
                }
            }
            Part::WatchesBySession(last) => return by_session(last, source, out, at_least),
            Part::WatchesByPath(walk, head) => {
                while let Some((path, conn)) = walk.next(source.service.data_watches()) {
                    if head.as_ref() != Some(&path) {
                        let _ = writeln!(out, "{path}");
                        *head = Some(path);
                    }
                    let _ = writeln!(out, "\t{:#x}", session(source, conn));
                    if out.len() >= at_least {
                        return false;
                    }
                }
            }
        }
        true
    }
}

fn ephemerals(
    last: &mut Option<(SessionId, Arc<str>)>,
    source: Source<'_>,
    out: &mut String,
    at_least: usize,
) -> bool {
    let mut head = last.as_ref().map(|(session, _)| *session);
    let after = last.as_ref().map(|(session, path)| (*session, &**path));
    let mut reached = None;
    for (session, path) in source.service.owned().after(after) {
        if head.replace(session) != Some(session) {
            let _ = writeln!(out, "{:#x}:", session.0);
        }
        let _ = writeln!(out, "\t{path}");
        if out.len() >= at_least {
            reached = Some((session, Arc::clone(path)));
            break;
        }
    }
    let more = reached.is_some();
    *last = reached;
    !more
}

fn by_session(
    last: &mut Option<(ConnId, Arc<str>)>,
    source: Source<'_>,
    out: &mut String,
    at_least: usize,
) -> bool {
    let mut head = last.as_ref().map(|(conn, _)| *conn);
    let after = last.as_ref().map(|(conn, path)| (*conn, &**path));
    let mut reached = None;
    for (conn, path) in source.service.data_watches().after(after) {
        if head.replace(conn) != Some(conn) {
            let _ = writeln!(out, "{:#x}", session(source, conn));
        }
        let _ = writeln!(out, "\t{path}");
        if out.len() >= at_least {
            reached = Some((conn, Arc::clone(path)));
            break;
        }
    }
    let more = reached.is_some();
    *last = reached;
    !more
}

fn session(source: Source<'_>, conn: ConnId) -> i64 {
    source.service.session_of(conn).map_or(0, |session| session.0)
}
