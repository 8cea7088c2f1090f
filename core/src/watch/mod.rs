//! Which connection wants to know what about which path: the tables of watches.

mod manager;
mod rules;
mod table;

pub use manager::{Told, WatchManager};
pub use table::{Mode, Modes, WalkByPath, WatchTable};
