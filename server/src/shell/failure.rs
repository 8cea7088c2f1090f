//! Why a command failed: what is said, and the exit code.

use quorate_client::session::{End, Refusal};
use quorate_client::{Error, ErrorCode, ErrorKind};
use serde_json::{Value, json};

/// The exit code of a command that failed.
const FAILED: u8 = 1;

/// The exit code for a command that does not exist.
const NOT_FOUND: u8 = 127;

/// A command that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failure {
    text: String,
    exit: u8,
    code: Option<ErrorCode>,
    path: Option<String>,
}

impl Failure {
    /// A failure that a text says all about.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Failure { text: text.into(), exit: FAILED, code: None, path: None }
    }

    /// There is no such command.
    pub(super) fn not_found(command: &str) -> Self {
        let text = format!("Command not found: Command not found {command}");
        Failure { exit: NOT_FOUND, ..Failure::new(text) }
    }

    /// A refusal with this code, of an operation on this path.
    pub(super) fn code(code: ErrorCode, path: Option<&str>) -> Self {
        let text = text_of(code, path);
        Failure { text, exit: FAILED, code: Some(code), path: path.map(str::to_owned) }
    }

    /// The command ended with another exit code than usual.
    pub(super) fn exit(self, exit: u8) -> Self {
        Failure { exit, ..self }
    }

    /// What the client says of an operation on this path.
    pub(super) fn of(error: &Error, path: Option<&str>) -> Self {
        match error.kind() {
            ErrorKind::Refused(Refusal::Server(code) | Refusal::Part { code, .. }) => {
                match ErrorCode::from_i32(*code) {
                    Some(code) => Failure::code(code, path),
                    None => Failure::new(message(&format!("Unknown error {code}"), path)),
                }
            }
            ErrorKind::Refused(Refusal::Over(End::Expired)) => Failure::code(ErrorCode::SessionExpired, path),
            ErrorKind::Refused(Refusal::Over(End::AuthFailed)) => Failure::code(ErrorCode::AuthFailed, path),
            ErrorKind::ConnectionLost | ErrorKind::Refused(Refusal::GivenUp | Refusal::Over(_)) => {
                Failure::code(ErrorCode::ConnectionLoss, path)
            }
            _ => Failure { path: path.map(str::to_owned), ..Failure::new(error.to_string()) },
        }
    }

    /// Whether the server refused with this code.
    pub(super) fn is(&self, code: ErrorCode) -> bool {
        self.code == Some(code)
    }

    /// The server's code.
    pub(super) fn number(&self) -> Option<i32> {
        self.code.map(ErrorCode::to_i32)
    }

    /// What ZooKeeper's client says.
    pub(super) fn keeper_text(&self) -> String {
        match self.code {
            Some(code) => keeper_message(code, self.path.as_deref()),
            None => self.text.clone(),
        }
    }

    /// What is said.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The exit code.
    pub(super) fn exit_code(&self) -> u8 {
        self.exit
    }

    /// The failure as a value.
    pub(super) fn json(&self) -> Value {
        let code = self.code.map(|code| format!("{code:?}"));
        json!({ "error": self.text.trim_end(), "code": code, "path": self.path, "exit": self.exit })
    }
}

/// What ZooKeeper's shell says of a refusal.
fn text_of(code: ErrorCode, path: Option<&str>) -> String {
    let on = path.unwrap_or("null");
    match code {
        ErrorCode::NoNode => format!("Node does not exist: {on}"),
        ErrorCode::NoChildrenForEphemerals => format!("Ephemerals cannot have children: {on}"),
        ErrorCode::NodeExists => format!("Node already exists: {on}"),
        ErrorCode::NotEmpty => format!("Node not empty: {on}"),
        ErrorCode::NotReadOnly => format!("Not a read-only call: {on}"),
        ErrorCode::InvalidAcl => format!("Acl is not valid : {on}"),
        ErrorCode::NoAuth => format!("Insufficient permission : {on}"),
        ErrorCode::BadArguments => format!("Arguments are not valid : {on}"),
        ErrorCode::BadVersion => format!("version No is not valid : {on}"),
        ErrorCode::QuotaExceeded => format!("Quota has exceeded : {on}"),
        ErrorCode::ReconfigInProgress => {
            "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)".to_owned()
        }
        ErrorCode::NewConfigNoQuorum => {
            "No quorum of new config is connected and up-to-date with the leader \
                                         of last commmitted config - try invoking reconfiguration after new \
                                         servers are connected and synced"
                .to_owned()
        }
        code => keeper_message(code, path),
    }
}

/// What ZooKeeper's client says of a refusal.
pub(super) fn keeper_message(code: ErrorCode, path: Option<&str>) -> String {
    let name = match code {
        ErrorCode::NotEmpty => "Directory not empty".to_owned(),
        ErrorCode::SessionExpired => "Session expired".to_owned(),
        ErrorCode::SessionMoved => "Session moved".to_owned(),
        ErrorCode::InvalidCallback => "Invalid callback".to_owned(),
        ErrorCode::NotReadOnly => "Not a read-only call".to_owned(),
        ErrorCode::EphemeralOnLocalSession => "Ephemeral node on local session".to_owned(),
        ErrorCode::NoWatcher => "No such watcher".to_owned(),
        ErrorCode::ReconfigDisabled => "Reconfig is disabled".to_owned(),
        ErrorCode::SessionClosedRequireSaslAuth => {
            "Session closed because client failed to authenticate".to_owned()
        }
        ErrorCode::QuotaExceeded => "Quota has exceeded".to_owned(),
        ErrorCode::ThrottledOp => "Op throttled due to high load".to_owned(),
        ErrorCode::InvalidAcl => "InvalidACL".to_owned(),
        ErrorCode::ApiError => "APIError".to_owned(),
        code => format!("{code:?}"),
    };
    message(&name, path)
}

fn message(name: &str, path: Option<&str>) -> String {
    match path {
        None | Some("") => format!("KeeperErrorCode = {name}"),
        Some(path) => format!("KeeperErrorCode = {name} for {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said() {
        for (code, path, text) in [
            (ErrorCode::NoNode, Some("/a"), "Node does not exist: /a"),
            (ErrorCode::InvalidAcl, None, "Acl is not valid : null"),
            (ErrorCode::NoWatcher, Some("/a"), "KeeperErrorCode = No such watcher for /a"),
            (ErrorCode::ConnectionLoss, None, "KeeperErrorCode = ConnectionLoss"),
            (ErrorCode::Unimplemented, Some(""), "KeeperErrorCode = Unimplemented"),
        ] {
            assert_eq!(Failure::code(code, path).text(), text);
        }
        let missing = Failure::not_found("nonsense");
        assert_eq!((missing.exit_code(), missing.is(ErrorCode::NoNode)), (127, false));
    }
}
