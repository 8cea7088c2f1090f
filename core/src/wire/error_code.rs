//! The error codes of the client protocol (`KeeperException.Code`).

use core::fmt;

use super::jute::int_enum;

int_enum! {
    /// Why a request failed. `Ok` is no error.
    pub enum ErrorCode {
        /// No error.
        Ok = 0,
        /// Something the server did not expect.
        SystemError = -1,
        /// The server found itself inconsistent; in a multi: an operation behind the one that failed.
        RuntimeInconsistency = -2,
        /// Data was found inconsistent.
        DataInconsistency = -3,
        /// The connection was lost (clients only).
        ConnectionLoss = -4,
        /// The request could not be read.
        MarshallingError = -5,
        /// The operation is not known, or switched off.
        Unimplemented = -6,
        /// The operation took too long (clients only).
        OperationTimeout = -7,
        /// An argument is not valid.
        BadArguments = -8,
        /// The session is not known.
        UnknownSession = -12,
        /// No quorum of the new configuration is connected and up to date.
        NewConfigNoQuorum = -13,
        /// Another reconfiguration is under way.
        ReconfigInProgress = -14,
        /// API errors start here; never sent by itself.
        ApiError = -100,
        /// The znode does not exist.
        NoNode = -101,
        /// The ACL does not allow it.
        NoAuth = -102,
        /// The version is not the expected one.
        BadVersion = -103,
        /// Ephemeral znodes have no children.
        NoChildrenForEphemerals = -108,
        /// The znode exists already.
        NodeExists = -110,
        /// The znode has children.
        NotEmpty = -111,
        /// The session has expired.
        SessionExpired = -112,
        /// The callback is not valid (clients only).
        InvalidCallback = -113,
        /// The ACL is not valid.
        InvalidAcl = -114,
        /// Authentication failed.
        AuthFailed = -115,
        /// The session lives on another connection now.
        SessionMoved = -118,
        /// The server is read-only.
        NotReadOnly = -119,
        /// A local session asked for an ephemeral znode.
        EphemeralOnLocalSession = -120,
        /// There is no such watch.
        NoWatcher = -121,
        /// The request took too long (clients only).
        RequestTimeout = -122,
        /// Reconfiguration is switched off.
        ReconfigDisabled = -123,
        /// The server demands SASL authentication.
        SessionClosedRequireSaslAuth = -124,
        /// A quota is exceeded.
        QuotaExceeded = -125,
        /// The server is overloaded.
        ThrottledOp = -127,
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.to_i32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_come_back() {
        assert_eq!(ErrorCode::ALL.len(), 32);
        for (i, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(ErrorCode::from_i32(code.to_i32()), Some(*code));
            assert!(ErrorCode::ALL[..i].iter().all(|other| other.to_i32() != code.to_i32()));
        }
        assert_eq!(ErrorCode::from_i32(-126), None);
        assert_eq!(ErrorCode::from_i32(1), None);
    }
}
