//! A listener that is told what a session is told, in the session's order.

use std::fmt;
use std::sync::Arc;

use crate::session::{Ended, State, WatchEvent};

/// What a session is told, besides answers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// The session's state has changed.
    State(State),
    /// A watch fired. An event that several watches were set for is told once.
    Event(WatchEvent),
    /// A connection ended, or an attempt to connect.
    Ended(Ended),
}

/// Calls a closure.
#[derive(Clone)]
pub(crate) struct Listener(Arc<dyn Fn(Notice) + Send + Sync>);

impl Listener {
    pub(crate) fn new(listener: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        Listener(Arc::new(listener))
    }

    pub(crate) fn tell(&self, notice: Notice) {
        (self.0)(notice);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
