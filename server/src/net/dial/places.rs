//! Where another server's port is: at one place or at several that are tried in turn, each with one address
//! or with several.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::HostPort;

/// The least time that an attempt to connect to one of several addresses gets.
const LEAST: Duration = Duration::from_secs(1);

/// The places of one port of another server, the addresses of the one whose turn it is, and what came of
/// those that were tried.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    all: Vec<HostPort>,
    turn: usize,
    /// Addresses of the current place that are not tried yet.
    untried: VecDeque<SocketAddr>,
    /// How many addresses the current place has.
    addresses: u32,
    tried: Option<SocketAddr>,
    /// The address that worked last.
    good: Option<SocketAddr>,
    /// What came of the attempts since one worked, the last for each address.
    failures: Vec<(String, String)>,
}

impl Places {
    /// Nothing was tried yet. There is at least one place.
    pub(crate) fn new(all: &[HostPort]) -> Places {
        assert!(!all.is_empty(), "a server has an address");
        Places {
            all: all.to_vec(),
            turn: 0,
            untried: VecDeque::new(),
            addresses: 1,
            tried: None,
            good: None,
            failures: Vec::new(),
        }
    }

    /// The hosts of all places, the one whose turn it is first.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        let (before, from) = self.all.split_at(self.turn);
        from.iter().chain(before).map(|place| place.host.as_str())
    }

    /// The one to resolve and to dial.
    pub(crate) fn current(&self) -> &HostPort {
        &self.all[self.turn]
    }

    /// The current place has these addresses. The one that worked last comes first.
    pub(crate) fn resolved(&mut self, addresses: Vec<SocketAddr>) {
        self.addresses = addresses.len().max(1) as u32;
        self.untried = addresses.into();
        if let Some(at) = self.untried.iter().position(|address| Some(*address) == self.good)
            && let Some(good) = self.untried.remove(at)
        {
            self.untried.push_front(good);
        }
    }

    /// The next address to dial; none if the current place has to be resolved first.
    pub(crate) fn next_address(&mut self) -> Option<SocketAddr> {
        self.tried = self.untried.pop_front();
        self.tried
    }

    /// Whether an address of the current place waits to be tried.
    pub(crate) fn has_untried(&self) -> bool {
        !self.untried.is_empty()
    }

    /// How long an attempt may take: all addresses of a place together not much longer than one.
    pub(crate) fn limit(&self, whole: Duration) -> Duration {
        (whole / self.addresses).max(LEAST.min(whole))
    }

    /// The attempt under way led to nothing. `true`: there is another address to try at once; otherwise the
    /// next place has its turn.
    pub(crate) fn failed(&mut self, why: &str) -> bool {
        let place = self.current().to_string();
        let what = match self.tried.take() {
            Some(address) if address.to_string() != place => format!("{place} ({address})"),
            _ => place,
        };
        self.failures.retain(|(other, _)| *other != what);
        self.failures.push((what, why.to_owned()));
        // Names that change their addresses must not make the list grow.
        if self.failures.len() > 4 * self.all.len() + 4 {
            self.failures.remove(0);
        }
        if !self.untried.is_empty() {
            return true;
        }
        self.turn = (self.turn + 1) % self.all.len();
        false
    }

    /// The other server has come by itself: what failed before is no news.
    pub(crate) fn is_there(&mut self) {
        self.failures.clear();
    }

    /// The attempt under way has worked.
    pub(crate) fn worked(&mut self) {
        self.good = self.tried.take().or(self.good);
        self.untried.clear();
        self.failures.clear();
    }

    /// What came of the attempts since one worked, in a fixed order; empty: nothing was tried.
    pub(crate) fn failures(&self) -> String {
        let mut all: Vec<String> = self.failures.iter().map(|(what, why)| format!("{what}: {why}")).collect();
        all.sort_unstable();
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str) -> HostPort {
        HostPort { host: host.to_owned(), port: 1 }
    }

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 1))
    }

    #[test]
    fn places_take_turns_and_one_that_works_stays() {
        let mut places = Places::new(&[place("a"), place("b")]);
        assert_eq!(places.current().host, "a");
        assert!(!places.failed("away"));
        assert_eq!((places.current().host.as_str(), places.current().host.as_str()), ("b", "b"));
        assert!(!places.failed("away"));
        assert_eq!(places.current().host, "a");
    }

    #[test]
    fn every_address_of_a_name_is_tried_before_the_next_place() {
        let mut places = Places::new(&[place("a"), place("127.0.0.9")]);
        assert_eq!(places.next_address(), None, "it has to be resolved");
        places.resolved(vec![at(1), at(2)]);
        assert_eq!(places.next_address(), Some(at(1)));
        assert!(places.failed("refused"));
        assert_eq!(places.next_address(), Some(at(2)));
        assert!(!places.failed("silent"));
        assert_eq!(places.next_address(), None);
        assert_eq!(places.current().host, "127.0.0.9");
        places.resolved(vec![at(9)]);
        places.next_address();
        assert!(!places.failed("refused"));
        let all = "127.0.0.9:1: refused, a:1 (127.0.0.1:1): refused, a:1 (127.0.0.2:1): silent";
        assert_eq!(places.failures(), all);
        // The one that has worked is the first the next time.
        places.resolved(vec![at(1), at(2)]);
        places.next_address();
        places.failed("refused");
        places.next_address();
        places.worked();
        assert_eq!((places.failures().as_str(), places.next_address()), ("", None));
        places.resolved(vec![at(1), at(2)]);
        assert_eq!(places.next_address(), Some(at(2)));
    }

    #[test]
    fn several_addresses_share_the_time_of_one() {
        let mut places = Places::new(&[place("a")]);
        assert_eq!(places.limit(Duration::from_secs(5)), Duration::from_secs(5));
        places.resolved(vec![at(1), at(2)]);
        assert_eq!(places.limit(Duration::from_secs(5)), Duration::from_millis(2500));
        places.resolved((1..=20).map(at).collect());
        assert_eq!(places.limit(Duration::from_secs(5)), Duration::from_secs(1));
        assert_eq!(places.limit(Duration::from_millis(400)), Duration::from_millis(400));
    }
}
