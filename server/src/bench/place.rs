//! The znodes of a run: made before it, removed after it, and never any others.

use quorate_core::wire::client::{
    CreateMode, CreateRequest, DeleteRequest, MultiOp, MultiResult, Request, Response, WatchRequest,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::Acl;

use super::client::Client;
use super::failure::Failure;
use super::progress::Progress;
use super::request::Paths;
use super::value::Values;

/// What the parent of a run's znodes contains: by this a later run knows that it may remove them.
const MARK: &[u8] = b"quorate bench";
/// Parts of a multi, at most.
const BATCH: usize = 100;
/// Bytes of a multi, about: well below the default of `jute.maxbuffer`.
const BATCH_BYTES: usize = 500_000;
/// Multis under way.
const WINDOW: usize = 16;

/// The version of the values that znodes are made with.
pub(super) const FIRST_VERSION: u64 = 0;

/// Make the parent; what an earlier run has left below it goes first.
///
/// # Errors
/// The znode is there and not from a run; the server's and the connection's.
pub(super) fn make(client: &mut Client, path: &str) -> Result<(), Failure> {
    let found = client.call(&Request::GetData(WatchRequest { path: path.to_owned(), watch: false }));
    match found {
        Ok(Response::Data { data, .. }) if data.as_deref() == Some(MARK) => remove(client, path)?,
        Ok(_) => {
            let what = format!("{path} exists and is not from a benchmark: choose another --path");
            return Err(Failure::Unfit(what));
        }
        Err(Failure::Refused { code, .. }) if code == ErrorCode::NoNode.to_i32() => {}
        Err(failure) => return Err(failure),
    }
    client.call(&create(path.to_owned(), MARK.to_vec())).map(|_| ())
}

/// Make the znodes of the keys `0..keys` below a parent that [`make`] has made. Every answer is checked.
///
/// # Errors
/// The server's and the connection's; an answer that is not the right one.
pub(super) fn fill(
    client: &mut Client,
    paths: &Paths,
    keys: u64,
    values: &Values,
    progress: &Progress,
) -> Result<(), Failure> {
    let batch = BATCH.min(BATCH_BYTES / (values.size() + paths.len() + 64)).max(1) as u64;
    let starts = (0..keys).step_by(batch as usize);
    let multis = starts.map(|start| {
        let parts = start..keys.min(start + batch);
        Request::Multi(parts.map(|key| MultiOp::Create(znode(paths.of(key), value(values, key)))).collect())
    });
    let mut made = 0;
    pipeline(client, multis, |results| {
        for result in results {
            if *result != MultiResult::Create(paths.of(made)) {
                return Err(Failure::Broken(format!("{} was to be made, but: {result:?}", paths.of(made))));
            }
            made += 1;
        }
        progress.set(made);
        Ok(())
    })?;
    if made != keys {
        return Err(Failure::Broken(format!("{made} of {keys} znodes were made")));
    }
    Ok(())
}

/// Remove the parent and everything directly below it.
///
/// # Errors
/// The server's and the connection's.
pub(super) fn remove(client: &mut Client, path: &str) -> Result<(), Failure> {
    let listing = client.call(&Request::GetChildren(WatchRequest { path: path.to_owned(), watch: false }))?;
    let Response::Children(names) = listing else { unreachable!("the answer is read as one of getChildren") };
    let delete = |path: String| DeleteRequest { path, version: -1 };
    let multis = names.chunks(BATCH).map(|names| {
        let path = |name: &String| format!("{path}/{name}");
        Request::Multi(names.iter().map(|name| MultiOp::Delete(delete(path(name)))).collect())
    });
    pipeline(client, multis, |results| {
        match results.iter().find(|result| **result != MultiResult::Delete) {
            Some(result) => Err(Failure::Unfit(format!("{path} cannot be emptied: {result:?}"))),
            None => Ok(()),
        }
    })?;
    client.call(&Request::Delete(delete(path.to_owned()))).map(|_| ())
}

/// Let this connection's server have everything that was acknowledged before.
///
/// # Errors
/// The server's and the connection's.
pub(super) fn sync(client: &mut Client) -> Result<(), Failure> {
    client.call(&Request::Sync(Some("/".to_owned()))).map(|_| ())
}

/// Send multis, [`WINDOW`] of them under way, and see every answer in order.
fn pipeline(
    client: &mut Client,
    mut multis: impl Iterator<Item = Request>,
    mut answered: impl FnMut(&[MultiResult]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let kind = Request::Multi(Vec::new());
    let mut under_way = 0;
    loop {
        let mut asked = false;
        while under_way < WINDOW {
            let Some(multi) = multis.next() else { break };
            client.ask(&multi);
            under_way += 1;
            asked = true;
        }
        if asked {
            client.flush()?;
        }
        if under_way == 0 {
            return Ok(());
        }
        let (header, body) = client.answer()?;
        under_way -= 1;
        let Response::Multi(results) = client.judge(&kind, header, &body)? else {
            unreachable!("the answer is read as one of multi");
        };
        answered(&results)?;
    }
}

/// What a key's znode contains at first.
pub(super) fn value(values: &Values, key: u64) -> Vec<u8> {
    let mut value = Vec::with_capacity(values.size());
    values.write(&mut value, key, FIRST_VERSION);
    value
}

fn znode(path: String, data: Vec<u8>) -> CreateRequest {
    CreateRequest {
        path,
        data: Some(data.into()),
        acl: vec![Acl::open()],
        flags: CreateMode::Persistent.to_i32(),
    }
}

/// A create of a persistent znode that every client may use.
pub(super) fn create(path: String, data: Vec<u8>) -> Request {
    Request::Create(znode(path, data))
}
