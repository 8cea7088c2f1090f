//! Where another server's port is: on one address or on several that are tried in turn.

use crate::config::HostPort;

/// The addresses of one port of another server, and whose turn it is.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    all: Vec<HostPort>,
    turn: usize,
}

impl Places {
    /// These addresses; at least one.
    pub(crate) fn new(all: &[HostPort]) -> Places {
        assert!(!all.is_empty(), "a server has an address");
        Places { all: all.to_vec(), turn: 0 }
    }

    /// The one to dial.
    pub(crate) fn current(&self) -> &HostPort {
        &self.all[self.turn]
    }

    /// It did not answer: the next one has its turn.
    pub(crate) fn failed(&mut self) {
        self.turn = (self.turn + 1) % self.all.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_turns_and_one_that_works_stays() {
        let place = |host: &str| HostPort { host: host.to_owned(), port: 1 };
        let mut places = Places::new(&[place("a"), place("b")]);
        assert_eq!(places.current().host, "a");
        places.failed();
        assert_eq!((places.current().host.as_str(), places.current().host.as_str()), ("b", "b"));
        places.failed();
        assert_eq!(places.current().host, "a");
    }
}
