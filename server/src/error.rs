//! Why the program does not start, or stops, and the exit code that says so.

use std::io;
use std::net::SocketAddr;

use crate::config::error::ConfigErrors;

/// Bad usage or configuration, as for every command-line tool.
pub const EXIT_USAGE: u8 = 2;
/// The process met something it must not continue after (ZooKeeper: unexpected error).
pub const EXIT_UNEXPECTED: u8 = 1;
/// The data directory cannot be used (ZooKeeper's code).
pub const EXIT_DATA_DIR: u8 = 3;
/// A snapshot could not be written (ZooKeeper's code).
pub const EXIT_SNAPSHOT: u8 = 10;
/// The transaction log cannot be written: the disk is full or fails (a code ZooKeeper does not use).
pub const EXIT_LOG: u8 = 11;
/// A port cannot be bound (ZooKeeper's code for the election port).
pub const EXIT_BIND: u8 = 14;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong; every mistake is listed.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// A port cannot be listened on.
    #[error("{what} {address} cannot be listened on: {why}")]
    Bind {
        /// Which port.
        what: &'static str,
        /// Where.
        address: String,
        /// The system's reason.
        why: io::Error,
    },
    /// A port is taken.
    #[error("{what} {address} is already in use by another program")]
    InUse {
        /// Which port.
        what: &'static str,
        /// Where.
        address: SocketAddr,
    },
    /// A name has no address.
    #[error("{what} {host}: the name cannot be resolved: {why}")]
    Resolve {
        /// Which port.
        what: &'static str,
        /// The name.
        host: String,
        /// The system's reason.
        why: String,
    },
    /// The data directory cannot be used.
    #[error("{0}{advice}", advice = what_to_do(.0))]
    Storage(#[from] crate::storage::StorageError),
    /// The data in it contradicts itself.
    #[error("the stored data contradicts itself: {0}")]
    Inconsistent(#[from] quorate_core::Inconsistent),
    /// The log cannot be written: what was not acknowledged must not be.
    #[error("the transaction log cannot be written: {0}{advice}", advice = what_to_do(.0))]
    Log(crate::storage::StorageError),
    /// The log was not written when the process was to end.
    #[error(
        "the transaction log was not written within {} s of the request to stop; nothing that is missing was \
         acknowledged", .0.as_secs()
    )]
    LogUnfinished(std::time::Duration),
    /// A snapshot cannot be written.
    #[error("a snapshot cannot be written: {0}")]
    Snapshot(crate::storage::StorageError),
    /// The command line asks for something impossible.
    #[error("{0}")]
    Usage(String),
    /// A server in the background is not as it was asked to be.
    #[error("{0}")]
    Service(String),
    /// A server of the ensemble did not come up.
    #[error("{0}")]
    Ensemble(String),
    /// A benchmark has no result.
    #[error("{0}")]
    Bench(#[from] crate::bench::failure::Failure),
    /// The operating system failed in a way that leaves nothing to do.
    #[error("{what}: {why}")]
    System {
        /// What was being done.
        what: &'static str,
        /// The system's reason.
        why: io::Error,
    },
}

impl Error {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Config(_) | Error::Usage(_) => EXIT_USAGE,
            Error::Bind { .. } | Error::InUse { .. } | Error::Resolve { .. } => EXIT_BIND,
            Error::Storage(_) | Error::Inconsistent(_) => EXIT_DATA_DIR,
            Error::Snapshot(_) => EXIT_SNAPSHOT,
            Error::Log(_) | Error::LogUnfinished(_) => EXIT_LOG,
            Error::Service(_) | Error::Ensemble(_) | Error::Bench(_) | Error::System { .. } => {
                EXIT_UNEXPECTED
            }
        }
    }
}

/// What an operator can do about an error of the disk itself.
fn what_to_do(why: &crate::storage::StorageError) -> &'static str {
    if why.is_no_room() {
        "; nothing that was acknowledged is lost: make room and start the server again (quorate data purge \
         removes snapshots and logs that recovery does not need)"
    } else {
        ""
    }
}

/// Turns the system's refusal into an error that says what was being done.
pub fn system(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |why| Error::System { what, why }
}
