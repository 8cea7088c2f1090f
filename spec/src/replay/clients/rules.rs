//! What every client may rely on: a name, a sentence, a source.

use std::fmt;

/// A statement about what clients are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The rule's name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub claim: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.claim)
    }
}

/// Pings are answered in their turn too. What is answered at once is not: authentication, and what is no
/// request of a client.
pub(super) const REPLIES_IN_ORDER: Rule = Rule {
    name: "RepliesInOrder",
    claim: "A connection's replies come in the order of its requests, one for each.",
    source: "the programmer's guide on consistency; FinalRequestProcessor",
};

/// A connection ends when either side closes it, or with its server's process.
pub(super) const CLOSED_IS_SILENT: Rule = Rule {
    name: "ClosedIsSilent",
    claim: "Nothing is sent to a connection that has not asked for a session, or is closed.",
    source: "the client protocol",
};

/// What is committed is on the disks of a quorum.
pub(super) const ONLY_COMMITTED: Rule = Rule {
    name: "OnlyCommitted",
    claim: "A write is answered OK when the transaction it has become is on the disks of a quorum.",
    source: "DSN'11 §III; the programmer's guide on durability",
};

/// The order is that of the merged run: a reply that leaves before a request arrives.
pub(super) const WRITES_IN_REAL_TIME: Rule = Rule {
    name: "WritesInRealTime",
    claim: "A write that arrives after another was answered OK has a higher zxid.",
    source: "ATC'10 §2.3: linearizable writes",
};

/// Across servers it is what the client says it has seen that counts.
pub(super) const NEVER_BACK: Rule = Rule {
    name: "NeverBack",
    claim: "A session is never shown a state older than the newest that it has seen.",
    source: "the programmer's guide: single system image",
};

/// Watches set again after a reconnect are told without a zxid, and not judged by this.
pub(super) const EVENT_FIRST: Rule = Rule {
    name: "EventFirst",
    claim: "A client is told of a change it watches before it is shown a state with the change.",
    source: "the programmer's guide on watches; ATC'10 §2.3",
};

/// A leader that was replaced and has not noticed may answer a `sync` without what its successors committed.
pub(super) const SYNC_IS_FRESH: Rule = Rule {
    name: "SyncIsFresh",
    claim: "A sync shows every write that was answered OK before it arrived, up to its leader's epoch.",
    source: "the programmer's guide on sync; Leader.processSync",
};

/// A request to end the session once more is harmless.
pub(super) const ENDED_IS_SILENT: Rule = Rule {
    name: "EndedIsSilent",
    claim: "Behind the end of a session there is no transaction of it.",
    source: "PrepRequestProcessor.checkSession",
};

/// The ensemble ends a session on its own account, or its client does.
pub(super) const ENDED_ONCE: Rule = Rule {
    name: "EndedOnce",
    claim: "A session expires once, and one that was told so is not given again.",
    source: "the programmer's guide on sessions",
};

/// All of them.
pub const RULES: &[Rule] = &[
    REPLIES_IN_ORDER,
    CLOSED_IS_SILENT,
    ONLY_COMMITTED,
    WRITES_IN_REAL_TIME,
    NEVER_BACK,
    EVENT_FIRST,
    SYNC_IS_FRESH,
    ENDED_IS_SILENT,
    ENDED_ONCE,
];
