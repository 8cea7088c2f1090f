//! What can be wrong with a configuration, each with the file, the line and the key.

use std::fmt;
use std::path::PathBuf;

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The file it is in.
    pub file: PathBuf,
    /// The line (from 1), unless something is missing.
    pub line: Option<usize>,
    /// The key, unless the file as a whole is wrong.
    pub key: Option<String>,
    /// What is wrong.
    pub kind: Mistake,
}

/// The kinds of mistakes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Mistake {
    /// The operating system refused to read the file.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// `\u` without four hexadecimal digits.
    #[error("\\u must be followed by four hexadecimal digits")]
    BadEscape,
    /// A key that must be given was not.
    #[error("missing: {0}")]
    Missing(&'static str),
    /// No number where one must be.
    #[error("{value:?} is not a number")]
    NotANumber {
        /// What was written.
        value: String,
    },
    /// A number outside the limits.
    #[error("{value} is not within {min} and {max}{}{unit}", if unit.is_empty() { "" } else { " " })]
    OutOfRange {
        /// What was written.
        value: i64,
        /// The smallest that is allowed.
        min: i64,
        /// The largest that is allowed.
        max: i64,
        /// The unit, or nothing.
        unit: &'static str,
    },
    /// Neither true nor false.
    #[error("{value:?} is neither true nor false")]
    NotABoolean {
        /// What was written.
        value: String,
    },
    /// No length of time.
    #[error("{value:?} is neither a number of hours nor a number with ms, s, m, h or d")]
    NotAnInterval {
        /// What was written.
        value: String,
    },
    /// None of the words that are allowed.
    #[error("{value:?} is none of {}", allowed.join(", "))]
    NotOneOf {
        /// What was written.
        value: String,
        /// The words.
        allowed: &'static [&'static str],
    },
    /// `server.N`, `group.N` or `weight.N` that cannot be understood.
    #[error("{0}")]
    BadMember(String),
    /// Two settings that contradict each other.
    #[error("{0}")]
    Conflict(String),
    /// A key or a certificate that cannot be used.
    #[error("{0}")]
    Tls(String),
    /// A setting that protects something and that this server does not have: starting without it
    /// would be worse than not starting.
    #[error("asks for a protection that is not there: {0}")]
    Unprotected(&'static str),
    /// Something that has no effect, where nothing may be ignored.
    #[error("{0} (and `strict` lets nothing be ignored)")]
    Strict(String),
    /// The `myid` file.
    #[error("myid: {0}")]
    BadMyId(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for ConfigError {}

/// Everything that is wrong with a configuration, at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ConfigError::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Something the operator should know although the server starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// The file it is in.
    pub file: PathBuf,
    /// The line (from 1).
    pub line: usize,
    /// The key.
    pub key: String,
    /// What to know.
    pub text: String,
    /// Whether it is about something in the file that has no effect.
    pub ignored: bool,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file.display(), self.line, self.key, self.text)
    }
}
