//! Fast Leader Election.

mod notification;
mod vote;

pub use notification::{Notification, ServerState};
pub use vote::Vote;
