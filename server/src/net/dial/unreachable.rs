//! Which other servers cannot be reached: said once after some seconds, and again when the reason changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use quorate_core::ids::ServerId;
use tracing::{info, warn};

/// How long a server may be out of reach before that is said: members of an ensemble start one after the
/// other. It is also the shortest time between two lines about the same server.
const PATIENCE: Duration = Duration::from_secs(5);

/// The servers that one port does not reach.
#[derive(Debug)]
pub(super) struct Unreachable {
    port: &'static str,
    servers: BTreeMap<ServerId, Missing>,
}

#[derive(Debug)]
struct Missing {
    /// When the next line about it may be written.
    due: Instant,
    why: String,
    said: Option<String>,
}

/// A line for the log.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Line {
    Missing(ServerId, String),
    Back(ServerId),
}

impl Unreachable {
    /// For the port of this name.
    pub(super) fn new(port: &'static str) -> Unreachable {
        Unreachable { port, servers: BTreeMap::new() }
    }

    /// An attempt to reach a server failed: `why` is what came of all of them so far.
    pub(super) fn failed(&mut self, now: Instant, server: ServerId, why: String) {
        let missing = || Missing { due: now + PATIENCE, why: String::new(), said: None };
        self.servers.entry(server).or_insert_with(missing).why = why;
        self.tell(now);
    }

    /// A server is connected.
    pub(super) fn reached(&mut self, server: ServerId) {
        if let Some(line) = self.back(server) {
            self.log(&line);
        }
    }

    /// Say what is due.
    pub(super) fn tell(&mut self, now: Instant) {
        for line in self.lines(now) {
            self.log(&line);
        }
    }

    /// When something is to be said next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.servers.values().filter(|missing| missing.is_news()).map(|missing| missing.due).min()
    }

    fn lines(&mut self, now: Instant) -> Vec<Line> {
        let due = self.servers.iter_mut().filter(|(_, missing)| missing.is_news() && missing.due <= now);
        due.map(|(server, missing)| {
            missing.due = now + PATIENCE;
            missing.said = Some(missing.why.clone());
            Line::Missing(*server, missing.why.clone())
        })
        .collect()
    }

    fn back(&mut self, server: ServerId) -> Option<Line> {
        self.servers.remove(&server)?.said.map(|_| Line::Back(server))
    }

    fn log(&self, line: &Line) {
        match line {
            Line::Missing(server, why) => {
                warn!("{} port: server {server} cannot be reached: {why}", self.port);
            }
            Line::Back(server) => info!("{} port: server {server} is reached again", self.port),
        }
    }
}

impl Missing {
    fn is_news(&self) -> bool {
        self.said.as_ref() != Some(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_once_and_again_when_the_reason_changes() {
        let mut all = Unreachable::new("election");
        let (start, server) = (Instant::now(), ServerId(3));
        let missing = |why: &str| vec![Line::Missing(server, why.to_owned())];
        all.failed(start, server, "refused".to_owned());
        let just_before =
            (start + PATIENCE).checked_sub(Duration::from_millis(1)).expect("later than the start");
        assert_eq!(all.lines(just_before), vec![]);
        assert_eq!(all.next_due(), Some(start + PATIENCE));
        // Also if nothing is tried any more.
        assert_eq!(all.lines(start + PATIENCE), missing("refused"));
        let later = start + PATIENCE * 10;
        all.failed(later, server, "refused".to_owned());
        assert_eq!((all.lines(later), all.next_due()), (vec![], None));
        all.servers.get_mut(&server).unwrap().why = "silent".to_owned();
        assert_eq!(all.lines(later), missing("silent"));
        // A reason that changes all the time is no flood.
        for n in 0..100 {
            all.servers.get_mut(&server).unwrap().why = format!("reason {n}");
            assert_eq!(all.lines(later + Duration::from_millis(n)), vec![]);
        }
        assert_eq!(all.lines(later + PATIENCE), missing("reason 99"));
        assert_eq!(all.back(server), Some(Line::Back(server)));
        assert_eq!(all.back(server), None);
        // One that is back in time is not mentioned.
        all.failed(later, server, "refused".to_owned());
        assert_eq!(all.back(server), None);
    }
}
