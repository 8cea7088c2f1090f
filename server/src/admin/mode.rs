//! In which capacity a server serves, as operators are told.

/// In which capacity the server serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Alone.
    Standalone,
    /// Orders writes.
    Leader,
    /// Votes, forwards writes.
    Follower,
    /// Forwards writes.
    Observer,
    /// Knows no leader and serves reads.
    ReadOnly,
}

impl Mode {
    /// Every one.
    pub(crate) const ALL: [Mode; 5] =
        [Mode::Standalone, Mode::Leader, Mode::Follower, Mode::Observer, Mode::ReadOnly];

    /// The word `srvr` shows.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mode::Standalone => "standalone",
            Mode::Leader => "leader",
            Mode::Follower => "follower",
            Mode::Observer => "observer",
            Mode::ReadOnly => "read-only",
        }
    }
}
