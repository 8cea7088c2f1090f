//! Bytes ↔ values: jute, the three ports' messages, and the layouts of log and snapshot files.

pub mod client;
pub mod election;
pub mod error_code;
pub mod files;
pub mod frame;
pub mod jute;
pub mod quorum;
pub mod record;
mod scan;
pub mod snapshot;
pub mod state;
pub mod txn;

#[cfg(test)]
mod golden;
