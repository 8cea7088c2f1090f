//! Sessions: their ids, passwords, owners and ends.

pub mod expiry;
pub mod id;
pub mod password;
mod rules;
pub mod tracker;

pub use expiry::ExpiryQueue;
pub use id::SessionIds;
pub use tracker::{SessionError, SessionTracker};
