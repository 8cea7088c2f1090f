//! What a command comes to.

use hyper::StatusCode;
use serde_json::Value;

use super::asker::NoAnswer;
use super::json::Members;
use super::lists::Plan;

/// What is answered while clients are not served.
pub(super) const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// What a command comes to.
pub(super) enum Outcome {
    /// An object's members.
    Members(Members),
    /// A list.
    List(Plan),
    /// An error, with this status.
    Failed(StatusCode, String),
}

impl From<NoAnswer> for Outcome {
    fn from(NoAnswer: NoAnswer) -> Outcome {
        Outcome::Failed(StatusCode::SERVICE_UNAVAILABLE, "the server has not answered in time".to_owned())
    }
}

/// An error of the kind that ZooKeeper answers with status 200.
pub(super) fn failed(why: impl Into<String>) -> Outcome {
    Outcome::Failed(StatusCode::OK, why.into())
}

/// An object of these members.
pub(super) fn members<const N: usize>(members: [(&str, Value); N]) -> Outcome {
    Outcome::Members(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
