//! Creates whose flags are those of another operation, in the form that every leader understands alike.
//!
//! The operation decides what is created: `create` and `create2` never make a container, `createContainer`
//! makes nothing else. A ZooKeeper leader computes the tree's digest from the flags instead. A leader of 3.8
//! makes of a part of a multi what the flags say. So a request that is forwarded to a leader asks with the
//! flags that belong to its operation.

use alloc::vec::Vec;

use bytes::Bytes;

use super::multi::{MultiHeader, MultiOp};
use super::opcode::OpCode;
use super::request::{CreateMode, CreateRequest, Request};
use crate::wire::jute::{Jute, Reader, WireError};

/// The request's body with flags that agree with its operations; `None` if they do so already.
///
/// A container with a number in its name has no flags of its own: it asks for a number.
pub fn agreeing_body(request: &Request, body: &Bytes) -> Option<Bytes> {
    let op = request.op();
    let disagrees = match request {
        Request::Create(r) | Request::Create2(r) | Request::CreateContainer(r) => {
            agreeing(op, r.flags).is_some()
        }
        // In a multi the flags of a container make one of any create.
        Request::Multi(parts) => parts.iter().any(
            |part| matches!(part, MultiOp::CreateContainer(r) if agreeing(OpCode::CreateContainer, r.flags).is_some()),
        ),
        _ => false,
    };
    let places = disagrees.then(|| places(op, body))?.ok()?;
    let mut agreed = body.to_vec();
    for (op, at) in places {
        let mut flags = [0; 4];
        flags.copy_from_slice(&body[at..at + 4]);
        if let Some(flags) = agreeing(op, i32::from_be_bytes(flags)) {
            agreed[at..at + 4].copy_from_slice(&flags.to_be_bytes());
        }
    }
    Some(agreed.into())
}

/// The flags to ask with instead of these.
fn agreeing(op: OpCode, flags: i32) -> Option<i32> {
    let mode = match (op, CreateMode::from_i32(flags)?) {
        (OpCode::Create | OpCode::Create2, CreateMode::Container) => CreateMode::Persistent,
        (OpCode::CreateContainer, CreateMode::Persistent | CreateMode::Ephemeral) => CreateMode::Container,
        (OpCode::CreateContainer, CreateMode::EphemeralSequential) => CreateMode::PersistentSequential,
        _ => return None,
    };
    Some(mode.to_i32())
}

/// Where the flags are that decide nothing: after which operation, and at which byte.
fn places(op: OpCode, body: &Bytes) -> Result<Vec<(OpCode, usize)>, WireError> {
    let mut r = Reader::with_limit(body, body.len());
    if op != OpCode::Multi {
        CreateRequest::read(&mut r, "")?;
        return Ok([(op, r.position() - 4)].into());
    }
    let mut places = Vec::new();
    loop {
        let header = MultiHeader::read(&mut r, "")?;
        if header.done {
            return Ok(places);
        }
        match OpCode::from_i32(header.op) {
            Some(op @ OpCode::CreateContainer) => {
                CreateRequest::read(&mut r, "")?;
                places.push((op, r.position() - 4));
            }
            op => drop(MultiOp::read_one(op, &mut r)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::client::{CreateTtlRequest, DeleteRequest, SetDataRequest};
    use crate::wire::record::Acl;
    use alloc::vec;

    fn new(flags: i32) -> CreateRequest {
        let data = Some(Bytes::from_static(b"data"));
        CreateRequest { path: "/ä/\u{1f600}".into(), data, acl: vec![Acl::open(); 2], flags }
    }

    fn agreed(request: &Request) -> Option<Request> {
        let body = agreeing_body(request, &request.body())?;
        Some(Request::decode(request.op(), &body).expect("it can still be read"))
    }

    #[test]
    fn flags_of_other_operations_are_replaced() {
        for flags in -1..9 {
            let persistent = (flags == 4).then(|| new(0));
            assert_eq!(agreed(&Request::Create(new(flags))), persistent.clone().map(Request::Create));
            assert_eq!(agreed(&Request::Create2(new(flags))), persistent.map(Request::Create2));
            let container = match flags {
                0 | 1 => Some(4),
                3 => Some(2),
                _ => None,
            };
            let container = container.map(|flags| Request::CreateContainer(new(flags)));
            assert_eq!(agreed(&Request::CreateContainer(new(flags))), container);
            let ttl = CreateTtlRequest { path: "/a".into(), data: None, acl: vec![], flags, ttl: 5 };
            assert_eq!(agreed(&Request::CreateTtl(ttl)), None);
        }
    }

    #[test]
    fn the_parts_of_a_multi_keep_everything_else() {
        let ttl = CreateTtlRequest { path: "/t".into(), data: None, acl: vec![], flags: 5, ttl: 5 };
        let parts = |container: i32, numbered: i32| {
            Request::Multi(vec![
                MultiOp::Create(new(0)),
                MultiOp::Delete(DeleteRequest { path: "/x".into(), version: 3 }),
                MultiOp::CreateContainer(new(container)),
                MultiOp::CreateTtl(ttl.clone()),
                MultiOp::Create2(new(3)),
                MultiOp::CreateContainer(new(numbered)),
                MultiOp::SetData(SetDataRequest { path: "/y".into(), data: None, version: -1 }),
            ])
        };
        assert_eq!(agreed(&parts(1, 3)), Some(parts(4, 2)));
        assert_eq!(agreed(&parts(4, 2)), None);
    }

    /// What stands behind a body stays there.
    #[test]
    fn bytes_behind_the_body_stay() {
        let request = Request::Create(new(4));
        let body: Bytes = [&request.body()[..], b"more"].concat().into();
        let agreed = agreeing_body(&request, &body).unwrap();
        assert_eq!(agreed.len(), body.len());
        assert!(agreed.ends_with(b"\0\0\0\0more"));
    }
}
