//! Between the judge's words and core's types: requests, answers, transactions and trees, translated.

use std::collections::BTreeMap;

use quorate_core::pipeline::{Settings, TreeService};
use quorate_core::tree::{DataTree, Owner};
use quorate_core::wire::client::{
    CreateRequest, CreateTtlRequest, MultiOp, MultiResult, ReadOp, Request, Response,
};
use quorate_core::wire::record::{self, Acl, Id};
use quorate_core::wire::txn::{Txn, TxnBody};

use super::Judge;
use super::rules::Znode;
use super::words::{Answer, Grant, How, Identity, Op, Stat};

/// What the client asks the judge; `None` for what is no matter of znodes.
pub fn op(request: &Request) -> Option<Op> {
    Some(match request {
        Request::Create(r) => create(How::Create, r),
        Request::Create2(r) => create(How::Create2, r),
        Request::CreateContainer(r) => create(How::Container, r),
        Request::CreateTtl(r) => create_ttl(r),
        Request::Delete(r) => Op::Delete { path: r.path.clone(), version: r.version },
        Request::DeleteContainer(r) => Op::DeleteContainer(r.path.clone()),
        Request::SetData(r) => Op::SetData { path: r.path.clone(), data: r.data.clone(), version: r.version },
        Request::SetAcl(r) => Op::SetAcl { path: r.path.clone(), acl: grants(&r.acl), version: r.version },
        Request::Multi(parts) => Op::Multi(parts.iter().map(part).collect()),
        Request::CreateSession(_) => Op::OpenSession,
        Request::CloseSession => Op::CloseSession,
        Request::Exists(r) => Op::Exists(r.path.clone()),
        Request::GetData(r) => Op::GetData(r.path.clone()),
        Request::GetAcl(r) => Op::GetAcl(r.path.clone()),
        Request::GetChildren(r) => Op::GetChildren(r.path.clone(), false),
        Request::GetChildren2(r) => Op::GetChildren(r.path.clone(), true),
        Request::GetAllChildrenNumber(r) => Op::GetAllChildrenNumber(r.path.clone()),
        Request::GetEphemerals(prefix) => Op::GetEphemerals(prefix.clone()),
        Request::MultiRead(parts) => Op::MultiRead(parts.iter().map(read_part).collect()),
        Request::Sync(path) => Op::Sync(path.clone()),
        _ => return None,
    })
}

fn create(how: How, r: &CreateRequest) -> Op {
    Op::Create { how, path: r.path.clone(), data: r.data.clone(), acl: grants(&r.acl), flags: r.flags }
}

fn create_ttl(r: &CreateTtlRequest) -> Op {
    let how = How::Ttl(r.ttl);
    Op::Create { how, path: r.path.clone(), data: r.data.clone(), acl: grants(&r.acl), flags: r.flags }
}

fn part(part: &MultiOp) -> Op {
    match part {
        MultiOp::Create(r) => create(How::Create, r),
        MultiOp::Create2(r) => create(How::Create2, r),
        MultiOp::CreateContainer(r) => create(How::Container, r),
        MultiOp::CreateTtl(r) => create_ttl(r),
        MultiOp::Delete(r) => Op::Delete { path: r.path.clone(), version: r.version },
        MultiOp::SetData(r) => Op::SetData { path: r.path.clone(), data: r.data.clone(), version: r.version },
        MultiOp::Check(r) => Op::Check { path: r.path.clone(), version: r.version },
    }
}

fn read_part(part: &ReadOp) -> Op {
    match part {
        ReadOp::GetData(r) => Op::GetData(r.path.clone()),
        ReadOp::GetChildren(r) => Op::GetChildren(r.path.clone(), false),
    }
}

/// What was answered. Names have no order of their own.
pub fn answer(err: i32, response: &Response) -> Answer {
    if err != 0 {
        return Answer::Error(err);
    }
    match response {
        Response::Path(path) => Answer::Path(Some(path.clone())),
        Response::Sync(path) => Answer::Path(path.clone()),
        Response::PathStat(path, s) => Answer::Created(path.clone(), stat(s)),
        Response::Stat(s) => Answer::Stat(stat(s)),
        Response::Data { data, stat: s } => Answer::Data(data.clone(), stat(s)),
        Response::Acl { acl, stat: s } => Answer::Acl(grants(acl), stat(s)),
        Response::Children(names) => Answer::Names(sorted(names)),
        Response::Children2 { children, stat: s } => Answer::NamesAndStat(sorted(children), stat(s)),
        Response::ChildrenNumber(number) => Answer::Number(*number),
        Response::Multi(results) => Answer::Parts(results.iter().map(result).collect()),
        Response::Empty | Response::Error(_) | Response::Sasl(_) | Response::WhoAmI(_) => Answer::Done,
    }
}

fn result(result: &MultiResult) -> Answer {
    match result {
        MultiResult::Create(path) => Answer::Path(Some(path.clone())),
        MultiResult::Create2(path, s) => Answer::Created(path.clone(), stat(s)),
        MultiResult::Delete => Answer::Done,
        MultiResult::SetData(s) => Answer::Stat(stat(s)),
        MultiResult::Check => Answer::Holds,
        MultiResult::GetData { data, stat: s } => Answer::Data(data.clone(), stat(s)),
        MultiResult::GetChildren(names) => Answer::Names(sorted(names)),
        MultiResult::Error(code) => Answer::Error(*code),
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

/// What the judge calls this Stat.
pub fn stat(stat: &record::Stat) -> Stat {
    Stat {
        czxid: stat.czxid.0 as i64,
        mzxid: stat.mzxid.0 as i64,
        ctime: stat.ctime,
        mtime: stat.mtime,
        version: stat.version,
        cversion: stat.cversion,
        aversion: stat.aversion,
        ephemeral_owner: stat.ephemeral_owner,
        data_length: stat.data_length,
        num_children: stat.num_children,
        pzxid: stat.pzxid.0 as i64,
    }
}

/// What the judge calls this access control list.
pub fn grants(acl: &[Acl]) -> Vec<Grant> {
    acl.iter().map(|entry| Grant { perms: entry.perms, to: identity(&entry.id) }).collect()
}

/// What the judge calls this identity.
pub fn identity(id: &Id) -> Identity {
    Identity { scheme: id.scheme.clone(), id: id.id.clone() }
}

/// A judge that begins with the znodes and sessions of a service.
pub fn judge(service: &TreeService, settings: &Settings) -> Judge {
    let sessions = service.sessions().map(|(session, _)| session.0).collect();
    let mut judge = Judge::new(znodes(service.tree()), sessions);
    configure(&mut judge, settings);
    judge
}

/// The judge goes by these settings.
pub fn configure(judge: &mut Judge, settings: &Settings) {
    judge.has_ttl = settings.extended_types;
    judge.skips_acl = settings.skip_acl;
    judge.has_certificates = settings.schemes.x509;
    judge.longest = settings.max_txn;
}

/// Every znode of a tree.
pub fn znodes(tree: &DataTree) -> BTreeMap<String, Znode> {
    let mut znodes = BTreeMap::new();
    let mut waiting = vec![String::from("/")];
    while let Some(path) = waiting.pop() {
        let Some(node) = tree.get(&path) else { continue };
        let names = tree.children(&path).into_iter().flatten();
        waiting.extend(names.map(|name| format!("{}/{name}", path.trim_end_matches('/'))));
        let passing = matches!(tree.owner(node.meta()), Owner::Container | Owner::Ttl(_));
        let znode = Znode {
            data: node.data().map(bytes::Bytes::copy_from_slice),
            acl: grants(tree.acl(&node)).into(),
            stat: stat(&tree.stat(&node)),
            born: node.meta().cversion,
            passing,
        };
        znodes.insert(path, znode);
    }
    znodes
}

/// The request that a transaction may have come of, if it did not fail: of a client that may do everything.
pub fn op_of(txn: &Txn) -> Option<Op> {
    of_body(&txn.body)
}

fn of_body(body: &TxnBody) -> Option<Op> {
    let created = |how, path: &String, data: &Option<bytes::Bytes>, acl: &[Acl], flags| Op::Create {
        how,
        path: path.clone(),
        data: data.clone(),
        acl: grants(acl),
        flags,
    };
    Some(match body {
        TxnBody::Create(t) | TxnBody::Create2(t) => {
            created(How::Create, &t.path, &t.data, &t.acl, i32::from(t.ephemeral))
        }
        TxnBody::CreateContainer(t) => created(How::Container, &t.path, &t.data, &t.acl, 4),
        TxnBody::CreateTtl(t) => created(How::Ttl(t.ttl), &t.path, &t.data, &t.acl, 5),
        TxnBody::Delete(path) => Op::Delete { path: path.clone(), version: -1 },
        TxnBody::DeleteContainer(path) => Op::DeleteContainer(path.clone()),
        TxnBody::SetData(t) | TxnBody::Reconfig(t) => {
            Op::SetData { path: t.path.clone(), data: t.data.clone(), version: -1 }
        }
        TxnBody::SetAcl(t) => Op::SetAcl { path: t.path.clone(), acl: grants(&t.acl), version: -1 },
        TxnBody::Check(t) => Op::Check { path: t.path.clone(), version: -1 },
        TxnBody::CreateSession(_) => Op::OpenSession,
        TxnBody::CloseSession(_) => Op::CloseSession,
        TxnBody::Multi(parts) => Op::Multi(parts.iter().map(of_body).collect::<Option<_>>()?),
        TxnBody::Error(_) => return None,
    })
}

/// How a transaction fails: its code, or the codes of its parts.
pub fn failure(txn: &Txn) -> Option<Vec<i32>> {
    let code = |body: &TxnBody| if let TxnBody::Error(code) = body { *code } else { 0 };
    let codes = match &txn.body {
        TxnBody::Multi(parts) => parts.iter().map(code).collect(),
        body => vec![code(body)],
    };
    Some(codes).filter(|codes| codes.iter().any(|code| *code != 0))
}
