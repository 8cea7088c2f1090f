//! Fast Leader Election: votes, the message that carries them, the search.

mod fast;
mod link;
pub(crate) mod notification;
mod rules;
mod vote;

pub use fast::FastLeaderElection;
pub use link::{ElectionLink, LinkOutput, LinkOutputs, Slot};
pub use notification::{Notification, ServerState};
pub use vote::Vote;
