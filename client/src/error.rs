//! Why an operation failed: which one, on which path, and what is known of its outcome.

use std::fmt;

use quorate_core::wire::client::OpCode;
use quorate_core::wire::error_code::ErrorCode;

use crate::session::{ConnectStringError, End, Ended, Outcome, Refusal};

/// An operation failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    op: OpCode,
    path: Option<String>,
    kind: ErrorKind,
}

/// What went wrong with an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operation was not done, and will not be.
    Refused(Refusal),
    /// The connection was lost with the request on its way. A write may have been done, or not.
    ConnectionLost,
    /// There was no outcome within the time that the caller gave. A write may have been done, or not.
    TimedOut,
    /// The znode to create cannot be all that was asked for; says what contradicts what.
    Mode(&'static str),
    /// The client's task has ended, with its runtime.
    Stopped,
    /// The server's answer is that of another operation.
    Unexpected,
}

/// What comes of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(op: OpCode, path: Option<String>, kind: ErrorKind) -> Self {
        Error { op, path, kind }
    }

    /// Which operation failed.
    pub fn op(&self) -> OpCode {
        self.op
    }

    /// The path it was for, as the client knows it; for a multi there is none.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The server's code, if it is a server's refusal; for a multi that of the part that failed.
    pub fn code(&self) -> Option<ErrorCode> {
        match &self.kind {
            ErrorKind::Refused(Refusal::Server(code) | Refusal::Part { code, .. }) => {
                ErrorCode::from_i32(*code)
            }
            _ => None,
        }
    }

    /// Which part of a multi failed, from 0.
    pub fn part(&self) -> Option<usize> {
        match &self.kind {
            ErrorKind::Refused(Refusal::Part { index, .. }) => Some(*index),
            _ => None,
        }
    }

    /// Whether the znode, or its parent, does not exist.
    pub fn is_no_node(&self) -> bool {
        self.code() == Some(ErrorCode::NoNode)
    }

    /// Whether the znode exists already.
    pub fn is_node_exists(&self) -> bool {
        self.code() == Some(ErrorCode::NodeExists)
    }

    /// Whether the version is not the expected one.
    pub fn is_bad_version(&self) -> bool {
        self.code() == Some(ErrorCode::BadVersion)
    }

    /// Whether the znode has children.
    pub fn is_not_empty(&self) -> bool {
        self.code() == Some(ErrorCode::NotEmpty)
    }

    /// Whether the operation may have been done all the same.
    pub fn is_unknown(&self) -> bool {
        matches!(self.kind, ErrorKind::ConnectionLost | ErrorKind::TimedOut | ErrorKind::Stopped)
    }

    /// Why the session is over, if that is the reason.
    pub fn end(&self) -> Option<End> {
        match &self.kind {
            ErrorKind::Refused(Refusal::Over(end)) => Some(*end),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.op)?;
        if let Some(path) = &self.path {
            write!(f, " {path:?}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Refused(refusal) => write!(f, "{refusal}"),
            ErrorKind::ConnectionLost => f.write_str("the connection was lost; the outcome is unknown"),
            ErrorKind::TimedOut => f.write_str("no outcome in time; it is unknown"),
            ErrorKind::Mode(why) => f.write_str(why),
            ErrorKind::Stopped => f.write_str("the client's task has ended; the outcome is unknown"),
            ErrorKind::Unexpected => f.write_str("the answer is that of another operation"),
        }
    }
}

/// An outcome without a response, as a kind of error.
pub(crate) fn done(outcome: Outcome) -> Result<quorate_core::wire::client::Response, ErrorKind> {
    match outcome {
        Outcome::Done(response) => Ok(response),
        Outcome::Refused(refusal) => Err(ErrorKind::Refused(refusal)),
        Outcome::Unknown => Err(ErrorKind::ConnectionLost),
    }
}

/// Why there is no session.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text names no servers.
    ConnectString(ConnectStringError),
    /// The session ended before it had a connection: no server answered in time, or one refused an identity.
    /// The last thing that was heard of a connection is told too.
    Over(End, Option<Ended>),
    /// There is no tokio runtime to run the client's task on.
    NoRuntime,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::ConnectString(error) => write!(f, "{error}"),
            ConnectError::Over(end, None | Some(Ended::Over(_))) => write!(f, "{end}"),
            ConnectError::Over(end, Some(last)) => write!(f, "{end}; the last attempt: {last}"),
            ConnectError::NoRuntime => f.write_str("there is no tokio runtime"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl From<ConnectStringError> for ConnectError {
    fn from(error: ConnectStringError) -> Self {
        ConnectError::ConnectString(error)
    }
}
