//! The election port: the caller's id, and votes.
//!
//! A connection starts with an [`InitialMessage`] from the side that dialed; then both sides send
//! frames, each a [`NotificationMessage`]. Source: `QuorumCnxManager`, `FastLeaderElection`.

mod address;
mod config_text;
mod initial;
mod notification;

pub use address::Address;
pub use config_text::{ConfigText, ConfigTextError, Endpoints, MemberRole, ServerLine};
pub use initial::{InitialMessage, MAX_INITIAL_ADDRESSES, OBSERVER_ID};
pub use notification::{NOTIFICATION_VERSION, NotificationMessage, write_notification};
