//! What a server answers: the body of every reply.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::multi::{self, MultiResult};
use super::opcode::OpCode;
use crate::wire::jute::{Jute, Reader, Why, WireError};
use crate::wire::record::{Acl, ClientInfo, Stat};

/// The body of a reply without error.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Response {
    /// Nothing: delete, ping, auth, closeSession, setWatches, checkWatches, removeWatches.
    Empty,
    /// create: a path.
    Path(String),
    /// sync: the path that was sent with it, or null.
    Sync(Option<String>),
    /// create2, createContainer, createTTL: path and Stat.
    PathStat(String, Stat),
    /// exists, setData, setACL.
    Stat(Stat),
    /// getData; reconfig (the new configuration's text).
    Data {
        /// The data; null is not empty.
        data: Option<Bytes>,
        /// The Stat.
        stat: Stat,
    },
    /// getACL.
    Acl {
        /// The ACL.
        acl: Vec<Acl>,
        /// The Stat.
        stat: Stat,
    },
    /// getChildren, getEphemerals: names or paths.
    Children(Vec<String>),
    /// getChildren2.
    Children2 {
        /// The children's names.
        children: Vec<String>,
        /// The Stat.
        stat: Stat,
    },
    /// multi, multiRead.
    Multi(Vec<MultiResult>),
    /// getAllChildrenNumber.
    ChildrenNumber(i32),
    /// addWatch: an error code, again.
    Error(i32),
    /// sasl: the server's token.
    Sasl(Option<Bytes>),
    /// whoAmI.
    WhoAmI(Vec<ClientInfo>),
}

impl Response {
    /// Append the body.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Response::Empty => {}
            Response::Path(path) => path.write(out),
            Response::Sync(path) => path.write(out),
            Response::PathStat(path, stat) => {
                path.write(out);
                stat.write(out);
            }
            Response::Stat(stat) => stat.write(out),
            Response::Data { data, stat } => {
                data.write(out);
                stat.write(out);
            }
            Response::Acl { acl, stat } => {
                acl.write(out);
                stat.write(out);
            }
            Response::Children(children) => children.write(out),
            Response::Children2 { children, stat } => {
                children.write(out);
                stat.write(out);
            }
            Response::Multi(results) => multi::write_results(results, out),
            Response::ChildrenNumber(n) | Response::Error(n) => n.write(out),
            Response::Sasl(token) => token.write(out),
            Response::WhoAmI(infos) => infos.write(out),
        }
    }

    /// Read the body of a reply (without error) to a request of this kind.
    ///
    /// # Errors
    /// The field that cannot be read. `Error` and `CreateSession` are not answered this way.
    pub fn read(op: OpCode, r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match op {
            OpCode::Error | OpCode::CreateSession => {
                return Err(r.error("RequestHeader.type", Why::Value(i64::from(op.to_i32()))));
            }
            OpCode::CloseSession
            | OpCode::Delete
            | OpCode::DeleteContainer
            | OpCode::Check
            | OpCode::Ping
            | OpCode::Auth
            | OpCode::SetWatches
            | OpCode::SetWatches2
            | OpCode::CheckWatches
            | OpCode::RemoveWatches => Response::Empty,
            OpCode::Create => Response::Path(Jute::read(r, "CreateResponse.path")?),
            OpCode::Sync => Response::Sync(Jute::read(r, "SyncResponse.path")?),
            OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                Response::PathStat(Jute::read(r, "Create2Response.path")?, Jute::read(r, "")?)
            }
            OpCode::Exists | OpCode::SetData | OpCode::SetAcl => Response::Stat(Jute::read(r, "")?),
            OpCode::GetData | OpCode::Reconfig => {
                Response::Data { data: r.buffer("GetDataResponse.data")?, stat: Jute::read(r, "")? }
            }
            OpCode::GetAcl => {
                Response::Acl { acl: r.vector("GetACLResponse.acl")?, stat: Jute::read(r, "")? }
            }
            OpCode::GetChildren => Response::Children(r.vector("GetChildrenResponse.children")?),
            OpCode::GetEphemerals => Response::Children(r.vector("GetEphemeralsResponse.ephemerals")?),
            OpCode::GetChildren2 => Response::Children2 {
                children: r.vector("GetChildren2Response.children")?,
                stat: Jute::read(r, "")?,
            },
            OpCode::Multi | OpCode::MultiRead => Response::Multi(multi::read_results(r)?),
            OpCode::GetAllChildrenNumber => {
                Response::ChildrenNumber(r.int("GetAllChildrenNumberResponse.totalNumber")?)
            }
            OpCode::AddWatch => Response::Error(r.int("ErrorResponse.err")?),
            OpCode::Sasl => Response::Sasl(r.buffer("SetSASLResponse.token")?),
            OpCode::WhoAmI => Response::WhoAmI(r.vector("WhoAmIResponse.clientInfo")?),
        })
    }
}
