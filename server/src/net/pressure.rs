//! How much waits for the disk.

/// How much waits for the disk, and so which connections may be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum Pressure {
    /// All connections.
    #[default]
    None,
    /// Servers, and clients of which nothing is in process.
    Busy,
    /// Clients that ask for a session or send a four-letter word, votes, and a leader's learners.
    Overloaded,
}
