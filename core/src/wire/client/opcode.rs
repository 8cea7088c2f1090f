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

/// What an operation does to the servers' common state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpKind {
    /// A request becomes a transaction, and so uses a zxid, even if it fails.
    Write,
    /// A request is answered from the state of the client's own server.
    Read,
    /// A request concerns the connection or the session's watches, and no znode is read or written.
    Connection,
}

/// The party that may ask for an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asker {
    /// A client, and so servers in its name.
    Client,
    /// A server only: a client that asks is told `Unimplemented`.
    Server,
    /// A client, but only as a part of a multi.
    Part,
}

/// What is known of an operation besides its bytes: a row of the table of operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// What a request of this operation does.
    pub kind: OpKind,
    /// The party that may ask for it.
    pub asker: Asker,
    /// The name in the output of log tools and in metrics.
    pub name: &'static str,
    /// The name in the answer to `cons`; `NA` where ZooKeeper has none.
    pub short: &'static str,
}

const fn row(kind: OpKind, asker: Asker, name: &'static str, short: &'static str) -> Operation {
    Operation { kind, asker, name, short }
}

impl OpCode {
    /// The operation's row. `createSession` and `closeSession` are writes for sessions of the whole ensemble
    /// only. Clients may not ask for `deleteContainer`, which would delete without an ACL check. Nor may they
    /// ask for `check` outside of a multi: older servers log it and then cannot read their log
    /// (ZOOKEEPER-2623).
    pub const fn operation(self) -> Operation {
        use Asker::{Client, Part, Server};
        use OpKind::{Connection, Read, Write};
        match self {
            OpCode::CloseSession => row(Write, Client, "closeSession", "CLOS"),
            OpCode::CreateSession => row(Write, Server, "createSession", "SESS"),
            OpCode::Error => row(Connection, Server, "error", "NA"),
            OpCode::Create => row(Write, Client, "create", "CREA"),
            OpCode::Delete => row(Write, Client, "delete", "DELE"),
            OpCode::Exists => row(Read, Client, "exists", "EXIS"),
            OpCode::GetData => row(Read, Client, "getData", "GETD"),
            OpCode::SetData => row(Write, Client, "setData", "SETD"),
            OpCode::GetAcl => row(Read, Client, "getAcl", "GETA"),
            OpCode::SetAcl => row(Write, Client, "setAcl", "SETA"),
            OpCode::GetChildren => row(Read, Client, "getChildren", "GETC"),
            OpCode::Sync => row(Connection, Client, "sync", "SYNC"),
            OpCode::Ping => row(Connection, Client, "ping", "PING"),
            OpCode::GetChildren2 => row(Read, Client, "getChildren2", "GETC"),
            OpCode::Check => row(Write, Part, "check", "CHEC"),
            OpCode::Multi => row(Write, Client, "multi", "MULT"),
            OpCode::Create2 => row(Write, Client, "create2", "CREA"),
            OpCode::Reconfig => row(Write, Client, "reconfig", "RECO"),
            OpCode::CheckWatches => row(Connection, Client, "checkWatches", "CHKW"),
            OpCode::RemoveWatches => row(Connection, Client, "removeWatches", "REMW"),
            OpCode::CreateContainer => row(Write, Client, "createContainer", "CREA"),
            OpCode::DeleteContainer => row(Write, Server, "deleteContainer", "DELE"),
            OpCode::CreateTtl => row(Write, Client, "createTtl", "CREA"),
            OpCode::MultiRead => row(Read, Client, "multiRead", "MLTR"),
            OpCode::Auth => row(Connection, Client, "auth", "NA"),
            OpCode::SetWatches => row(Connection, Client, "setWatches", "SETW"),
            OpCode::Sasl => row(Connection, Client, "sasl", "NA"),
            OpCode::GetEphemerals => row(Read, Client, "getEphemerals", "GETE"),
            OpCode::GetAllChildrenNumber => row(Read, Client, "getAllChildrenNumber", "GETACN"),
            OpCode::SetWatches2 => row(Connection, Client, "setWatches2", "STW2"),
            OpCode::AddWatch => row(Connection, Client, "addWatch", "ADDW"),
            OpCode::WhoAmI => row(Connection, Client, "whoAmI", "HOMI"),
        }
    }

    /// Whether the request becomes a transaction (and so uses a zxid, even if it fails).
    pub const fn is_write(self) -> bool {
        matches!(self.operation().kind, OpKind::Write)
    }

    /// Whether a client may send it as a request of its own. Anything else is answered with
    /// `Unimplemented`, zxid −1, and the end of the connection.
    pub const fn is_for_clients(self) -> bool {
        matches!(self.operation().asker, Asker::Client)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

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

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut names: Vec<&str> = OpCode::ALL.iter().map(|op| op.operation().name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OpCode::ALL.len());
        for op in OpCode::ALL {
            let variant = alloc::format!("{op:?}");
            assert!(op.operation().name.eq_ignore_ascii_case(&variant), "{variant}");
        }
    }
}
