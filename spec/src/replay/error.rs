//! What can be wrong with recordings, and with what they show.

use std::fmt;
use std::io;
use std::path::PathBuf;

use quorate_core::ids::ServerId;

use super::clients::Rule;

/// Why recordings were not replayed to their end.
#[derive(Debug)]
pub enum ReplayError {
    /// A file or directory cannot be read.
    Io(PathBuf, io::Error),
    /// There is no recording.
    Nothing(PathBuf),
    /// A file is no recording, or is damaged.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: usize,
        /// What is wrong there.
        why: String,
    },
    /// A voter of the ensemble has no recording.
    Missing(ServerId),
    /// Two recordings are of different ensembles.
    OtherEnsemble(PathBuf, PathBuf),
    /// A recording breaks a rule or a property.
    Failed(Box<Failure>),
}

/// The first thing that is broken, and what led to it.
#[derive(Debug)]
pub struct Failure {
    /// What is broken.
    pub broken: Broken,
    /// The server whose step broke it.
    pub server: ServerId,
    /// Which of its starts, from 1.
    pub start: usize,
    /// Which step of this start, from 1.
    pub step: u64,
    /// The path of the recording.
    pub path: PathBuf,
    /// Where in it, in bytes.
    pub offset: usize,
    /// The last steps of all servers, the newest last, in words.
    pub story: Vec<String>,
}

/// What can be broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Broken {
    /// A step led to something else than in the server.
    Replay(String),
    /// The shell did something that core may rely on not being done.
    Contract(String),
    /// A property of the ensemble does not hold.
    Property(&'static str, &'static str),
    /// A client was told something else than the judge says.
    Answer(String),
    /// A client was told what it must not be told.
    Clients(&'static Rule, String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Replay(what) => write!(f, "REPLAY DIFFERS: {what}"),
            Broken::Contract(what) => write!(f, "CONTRACT BROKEN: {what}"),
            Broken::Answer(what) => write!(f, "ANSWER WRONG: {what}"),
            Broken::Property(name, claim) => write!(f, "PROPERTY BROKEN: {name}: {claim}"),
            Broken::Clients(rule, what) => write!(f, "CLIENT TOLD WRONG: {rule} Here: {what}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { broken, server, start, step, path, offset, .. } = self;
        write!(
            f,
            "{broken}; at step {step} of start {start} of server {server} ({}, offset {offset})",
            path.display()
        )
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            ReplayError::Nothing(path) => write!(f, "{}: there is no recording (*.qrec)", path.display()),
            ReplayError::Unreadable { path, offset, why } => {
                write!(f, "{}: offset {offset}: {why}", path.display())
            }
            ReplayError::Missing(id) => {
                write!(f, "there is no recording of server {id}; those of all voters are needed")
            }
            ReplayError::OtherEnsemble(one, other) => {
                write!(f, "{} and {} are of different ensembles", one.display(), other.display())
            }
            ReplayError::Failed(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for ReplayError {}
