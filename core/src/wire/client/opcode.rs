//! The operations of the client protocol (`ZooDefs.OpCode`).

use crate::wire::jute::int_enum;

int_enum! {
    /// An operation: the type of a request, of a transaction, or of a part of a multi.
    pub enum OpCode {
        /// Close the session.
        CloseSession = -11,
        /// Begin a session (between servers).
        CreateSession = -10,
        /// A failed transaction; a failed part of a multi.
        Error = -1,
        /// Create a znode; answers its path.
        Create = 1,
        /// Delete a znode.
        Delete = 2,
        /// Whether a znode exists.
        Exists = 3,
        /// Data and [`Stat`](crate::wire::record::Stat) of a znode.
        GetData = 4,
        /// Replace the data of a znode.
        SetData = 5,
        /// The ACL of a znode.
        GetAcl = 6,
        /// Replace the ACL of a znode.
        SetAcl = 7,
        /// The names of a znode's children.
        GetChildren = 8,
        /// Catch up with the leader.
        Sync = 9,
        /// Keep the session alive.
        Ping = 11,
        /// The names of a znode's children, and its Stat.
        GetChildren2 = 12,
        /// Fail unless a znode has this version; only as a part of a multi.
        Check = 13,
        /// Several writes, all or none.
        Multi = 14,
        /// Create a znode; answers its path and Stat.
        Create2 = 15,
        /// Change the ensemble's configuration.
        Reconfig = 16,
        /// Whether a watch is set.
        CheckWatches = 17,
        /// Remove a watch.
        RemoveWatches = 18,
        /// Create a container.
        CreateContainer = 19,
        /// Delete an empty container or TTL znode; only by the leader itself.
        DeleteContainer = 20,
        /// Create a TTL znode.
        CreateTtl = 21,
        /// Several reads.
        MultiRead = 22,
        /// Add an identity to the connection.
        Auth = 100,
        /// Set watches again after a reconnect.
        SetWatches = 101,
        /// A step of a SASL handshake.
        Sasl = 102,
        /// The session's ephemeral znodes.
        GetEphemerals = 103,
        /// How many znodes live below a znode.
        GetAllChildrenNumber = 104,
        /// As `SetWatches`, with the persistent kinds.
        SetWatches2 = 105,
        /// Set a persistent watch.
        AddWatch = 106,
        /// The connection's identities.
        WhoAmI = 107,
    }
}

impl OpCode {
    /// Whether the request becomes a transaction (and so uses a zxid, even if it fails).
    ///
    /// `createSession` and `closeSession` do so for global sessions only.
    pub const fn is_write(self) -> bool {
        matches!(
            self,
            OpCode::CreateSession
                | OpCode::CloseSession
                | OpCode::Create
                | OpCode::Create2
                | OpCode::CreateContainer
                | OpCode::CreateTtl
                | OpCode::Delete
                | OpCode::DeleteContainer
                | OpCode::SetData
                | OpCode::SetAcl
                | OpCode::Check
                | OpCode::Multi
                | OpCode::Reconfig
        )
    }

    /// Whether a client may send it. What it may not is answered with `Unimplemented`, zxid −1,
    /// and the end of the connection: besides −1, `createSession`, `deleteContainer` (it would
    /// delete without an ACL check), and `check` outside of a multi (older servers log it and can
    /// then not read their log; ZOOKEEPER-2623).
    pub const fn is_for_clients(self) -> bool {
        !matches!(self, OpCode::Error | OpCode::CreateSession | OpCode::DeleteContainer | OpCode::Check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back() {
        for op in OpCode::ALL {
            assert_eq!(OpCode::from_i32(op.to_i32()), Some(*op));
        }
        assert_eq!(OpCode::from_i32(0), None);
        assert_eq!(OpCode::from_i32(10), None);
        assert!(!OpCode::Sync.is_write() && OpCode::Reconfig.is_write());
    }
}
