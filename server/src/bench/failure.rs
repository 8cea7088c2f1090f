//! Why a run is no result.

use std::io;
use std::path::PathBuf;

use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::jute::WireError;

use super::check::Wrong;

/// Why a run ends without a result. Every one of them is printed, and the exit code is 1.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No server answers at this address.
    #[error("{server} cannot be reached: {why}")]
    Connect {
        /// The address.
        server: String,
        /// The system's reason.
        why: io::Error,
    },
    /// A connection ended before its time.
    #[error("the connection to {server} was lost: {why}")]
    Lost {
        /// Which server.
        server: String,
        /// The system's reason.
        why: io::Error,
    },
    /// The session is not there (any more).
    #[error("{server} refuses the session: it has expired or was never there")]
    NoSession {
        /// Which server.
        server: String,
    },
    /// A reply is not the right one.
    #[error("INVALID RUN: connection {connection} to {server}: {wrong}")]
    Wrong {
        /// Which connection, counted from 0.
        connection: usize,
        /// Which server.
        server: String,
        /// What is wrong.
        wrong: Wrong,
    },
    /// A request is not answered.
    #[error("INVALID RUN: connection {connection} to {server}: no answer for {seconds} s")]
    Silent {
        /// Which connection, counted from 0.
        connection: usize,
        /// Which server.
        server: String,
        /// How long nothing has been answered.
        seconds: u64,
    },
    /// A guarantee was broken.
    #[error("INVALID RUN: {0}")]
    Broken(String),
    /// A request of the preparation was refused.
    #[error("{server} answers {what} with error {} ({})", .code, name(*.code))]
    Refused {
        /// Which server.
        server: String,
        /// The request.
        what: String,
        /// The error code.
        code: i32,
    },
    /// Bytes that are no answer.
    #[error("{server} answers {what} with what is no answer: {why}")]
    Unreadable {
        /// Which server.
        server: String,
        /// The request.
        what: String,
        /// What is wrong with the bytes.
        why: WireError,
    },
    /// Something is in the way of the run.
    #[error("{0}")]
    Unfit(String),
    /// A signal came before anything was measured.
    #[error("interrupted before anything was measured")]
    Interrupted,
    /// A process cannot be looked at.
    #[error("process {pid} cannot be looked at: {why}")]
    Process {
        /// The id of the server's process.
        pid: u32,
        /// The system's reason.
        why: io::Error,
    },
    /// A file cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// The file's path.
        path: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// The operating system fails.
    #[error("{what}: {why}")]
    System {
        /// What was being done.
        what: &'static str,
        /// The system's reason.
        why: io::Error,
    },
}

fn name(code: i32) -> String {
    ErrorCode::from_i32(code).map_or_else(|| "unknown".to_owned(), |code| format!("{code:?}"))
}

/// The system's refusal of what was being done.
pub(super) fn system(what: &'static str) -> impl Fn(io::Error) -> Failure {
    move |why| Failure::System { what, why }
}
