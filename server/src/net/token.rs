//! What an event of the operating system is about.

use mio::Token;

/// The three ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PortKind {
    /// Clients.
    Client,
    /// Learners and leader.
    Quorum,
    /// Elections.
    Election,
}

impl PortKind {
    /// The port's name in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            PortKind::Client => "client",
            PortKind::Quorum => "quorum",
            PortKind::Election => "election",
        }
    }
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// A new connection waits.
    Listener(PortKind),
    /// A connection of a port.
    Connection(PortKind, usize),
    /// Another thread.
    Waker,
    /// A signal.
    Signal,
    /// Standard input.
    Stdin,
}

impl Source {
    /// As a token: the kind in the low three bits, the number above them.
    pub(crate) fn token(self) -> Token {
        let (kind, number) = match self {
            Source::Connection(PortKind::Client, number) => (0, number),
            Source::Connection(PortKind::Quorum, number) => (1, number),
            Source::Connection(PortKind::Election, number) => (2, number),
            Source::Listener(PortKind::Client) => (3, 0),
            Source::Listener(PortKind::Quorum) => (3, 1),
            Source::Listener(PortKind::Election) => (3, 2),
            Source::Waker => (4, 0),
            Source::Signal => (4, 1),
            Source::Stdin => (4, 2),
        };
        Token(number << 3 | kind)
    }

    /// What a token stands for.
    pub(crate) fn of(token: Token) -> Option<Source> {
        let number = token.0 >> 3;
        Some(match (token.0 & 7, number) {
            (0, _) => Source::Connection(PortKind::Client, number),
            (1, _) => Source::Connection(PortKind::Quorum, number),
            (2, _) => Source::Connection(PortKind::Election, number),
            (3, 0) => Source::Listener(PortKind::Client),
            (3, 1) => Source::Listener(PortKind::Quorum),
            (3, 2) => Source::Listener(PortKind::Election),
            (4, 0) => Source::Waker,
            (4, 1) => Source::Signal,
            (4, 2) => Source::Stdin,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        let ports = [PortKind::Client, PortKind::Quorum, PortKind::Election];
        let mut all = vec![Source::Waker, Source::Signal, Source::Stdin];
        for port in ports {
            all.extend([
                Source::Listener(port),
                Source::Connection(port, 0),
                Source::Connection(port, 70_000),
            ]);
        }
        for (i, a) in all.iter().enumerate() {
            assert_eq!(Source::of(a.token()), Some(*a));
            assert!(all[..i].iter().all(|b| a.token() != b.token()), "{a:?}");
        }
        assert_eq!(Source::of(Token(7)), None);
    }
}
