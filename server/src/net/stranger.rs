//! What a connection speaks that speaks none of what its port is for, by its first bytes.

use crate::word::Word;

/// As many bytes as are looked at.
const LOOKED_AT: usize = 16;

/// The first bytes of a connection that has not introduced itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Greeting {
    bytes: [u8; LOOKED_AT],
    len: usize,
}

/// A port between servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    /// Learners introduce themselves.
    Quorum,
    /// Voters and observers introduce themselves.
    Election,
}

impl Greeting {
    /// These bytes have come, too.
    pub(super) fn heard(&mut self, bytes: &[u8]) {
        let taken = bytes.len().min(LOOKED_AT - self.len);
        self.bytes[self.len..self.len + taken].copy_from_slice(&bytes[..taken]);
        self.len += taken;
    }

    /// Nothing has come.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// TLS or HTTP, also where this server has dialed.
    pub(super) fn foreign(&self) -> Option<&'static str> {
        foreign(&self.bytes[..self.len])
    }

    /// What it is, if it is something that is known and that this port is not for.
    pub(super) fn stranger(&self, expected: Expected) -> Option<&'static str> {
        let said = &self.bytes[..self.len];
        if is_election(said) && expected == Expected::Quorum {
            return Some(
                "speaks the election protocol on the quorum port: are the two ports swapped in a server.N line?",
            );
        }
        if is_quorum(said) && expected == Expected::Election {
            return Some(
                "speaks the quorum protocol on the election port: are the two ports swapped in a server.N line?",
            );
        }
        anywhere(said)
    }
}

/// What is recognised on both ports between servers.
fn anywhere(said: &[u8]) -> Option<&'static str> {
    if let Some(what) = foreign(said) {
        return Some(what);
    }
    if let Some((word, rest)) = said.split_first_chunk::<4>()
        && rest.trim_ascii().is_empty()
        && Word::recognise(*word).is_some()
    {
        return Some("asks a four-letter word: only the client port answers these");
    }
    is_client(said).then_some("is a ZooKeeper client: clients connect to the client port")
}

/// TLS or HTTP.
pub(super) fn foreign(said: &[u8]) -> Option<&'static str> {
    const METHODS: [&[u8]; 8] = [b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"CONN", b"PRI "];
    if said.starts_with(&[0x16, 3]) {
        Some("speaks TLS, and this port does not")
    } else if METHODS.iter().any(|method| said.starts_with(method)) || said.starts_with(b"HTTP") {
        Some("speaks HTTP, and this port does not")
    } else {
        None
    }
}

/// What it is that says this without TLS on a port that wants TLS.
pub(super) fn without_tls(said: &[u8]) -> &'static str {
    let is_word = said.first_chunk::<4>().is_some_and(|word| Word::recognise(*word).is_some());
    if foreign(said).is_some() {
        "speaks HTTP, and this port wants TLS"
    } else if is_word {
        "asks a four-letter word without TLS, and this port wants TLS"
    } else if is_client(said) {
        "is a ZooKeeper client without TLS, and this port wants TLS"
    } else if is_election(said) || is_quorum(said) {
        "is a server without TLS, and this port wants TLS"
    } else {
        "does not speak TLS, and this port wants TLS"
    }
}

/// The version of an initial message, -65536 or -65535.
fn is_election(said: &[u8]) -> bool {
    said.starts_with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0])
        || said.starts_with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1])
}

/// FOLLOWERINFO or OBSERVERINFO, a zxid, and data of 20 bytes.
fn is_quorum(said: &[u8]) -> bool {
    matches!(said, [0, 0, 0, 11 | 16, _, _, _, _, _, _, _, _, 0, 0, 0, 20])
}

/// A frame of 44 or 45 bytes, or one with another password, that begins with version 0.
fn is_client(said: &[u8]) -> bool {
    matches!(said, [0, 0, 0, 28..=80, 0, 0, 0, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(expected: Expected, said: &[u8]) -> Option<&'static str> {
        let mut greeting = Greeting::default();
        assert!(greeting.is_empty());
        // One byte after the other, as a network may deliver them.
        said.iter().for_each(|byte| greeting.heard(&[*byte]));
        assert_eq!(greeting.len, said.len().min(LOOKED_AT));
        greeting.stranger(expected)
    }

    #[test]
    fn what_answers_a_dial_is_recognised() {
        let mut greeting = Greeting::default();
        greeting.heard(b"HTTP/1.1 400 Bad Request");
        assert!(greeting.foreign().is_some_and(|what| what.contains("HTTP")));
        let mut greeting = Greeting::default();
        greeting.heard(&[0, 0, 0, 17, 0, 0, 0, 1]);
        assert_eq!(greeting.foreign(), None);
    }

    #[test]
    fn what_comes_without_tls_is_named() {
        let client: &[u8] = &[0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0];
        let server: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0];
        for (said, what) in [
            (client, "is a ZooKeeper client"),
            (server, "is a server"),
            (b"GET / HTTP/1.1", "speaks HTTP"),
            (b"ruok", "four-letter word"),
            (b"x", "does not speak TLS"),
        ] {
            assert!(without_tls(said).contains(what), "{said:?}: {}", without_tls(said));
        }
    }

    #[test]
    fn strangers_are_recognised_by_what_they_say() {
        use Expected::{Election, Quorum};
        let hello: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3];
        let follower: &[u8] = &[0, 0, 0, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0];
        let observer: &[u8] = &[0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0];
        let client: &[u8] = &[0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for (expected, said, what) in [
            (Quorum, hello, "election protocol on the quorum port"),
            (Election, follower, "quorum protocol on the election port"),
            (Election, observer, "quorum protocol on the election port"),
            (Election, client, "is a ZooKeeper client"),
            (Quorum, client, "is a ZooKeeper client"),
            (Quorum, b"ruok", "four-letter word"),
            (Election, b"mntr\n", "four-letter word"),
            (Election, b"GET / HTTP/1.1\r\n", "HTTP"),
            (Quorum, b"POST /x", "HTTP"),
            (Election, &[0x16, 3, 1, 2, 0], "TLS"),
        ] {
            let found = stranger(expected, said).unwrap_or_default();
            assert!(found.contains(what), "{said:?} on {expected:?}: {found}");
        }
        for (expected, said) in
            [(Election, hello), (Quorum, follower), (Quorum, observer), (Quorum, b"xyzz"), (Election, b"")]
        {
            assert_eq!(stranger(expected, said), None, "{said:?} on {expected:?}");
        }
    }
}
