//! Why a path is no transcript.

use std::fmt;

/// A path that cannot be written as a transcript.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unwritable(pub String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no transcript can be written: {}", self.0)
    }
}

impl std::error::Error for Unwritable {}
