//! The end of a run: everything that was acknowledged is on every server, and the recordings are judged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_core::wire::client::{Request, Response, WatchRequest};
use quorate_core::wire::record::Stat;

use super::super::client::{Client, Session};
use super::super::failure::Failure;
use super::super::place;
use super::expected::{Made, SHARED};
use super::shared::{HERE, Shared, shared_path};
use super::worker::{Left, TIMEOUT, made_parent, number, own_path};

/// How long a server that is whole again may take to let a client in, and sessions that are gone to expire.
const LIMIT: Duration = Duration::from_secs(30);
/// The program that judges recordings, beside this one.
const CHECKS: &str = "quorate-checks";

/// What a server has in the end: what must be the same on all.
type Content = Vec<(u64, BTreeSet<String>)>;

/// Look at every server.
///
/// # Errors
/// The first thing that is missing, too much, or not the same.
pub(super) fn everything_is_there(shared: &Shared, clients: &[Left]) -> Result<(), String> {
    let mut first: Option<Content> = None;
    for index in 0..shared.servers.len() {
        let found =
            on_server(shared, index, clients).map_err(|what| format!("on server {}: {what}", index + 1))?;
        match &first {
            None => first = Some(found),
            Some(first) if *first != found => {
                return Err(format!("server 1 and server {} do not have the same znodes", index + 1));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn on_server(shared: &Shared, index: usize, clients: &[Left]) -> Result<Content, String> {
    let until = Instant::now() + LIMIT;
    let mut client = loop {
        match Client::attach(&shared.servers[index], Session::new(TIMEOUT), LIMIT) {
            Ok(client) => break client,
            Err(why) if Instant::now() > until => return Err(why.to_string()),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let said = |failure: Failure| failure.to_string();
    place::sync(&mut client).map_err(said)?;
    let mut content = Content::new();
    for left in clients {
        content.push(of_client(&mut client, left)?);
    }
    for key in 0..SHARED {
        let (_, stat) = get(&mut client, shared_path(key))?;
        let (acknowledged, highest) = shared.versions(key);
        // The first version is 0, before any write.
        if stat.version < highest || (stat.version as usize) < acknowledged {
            return Err(format!(
                "shared znode {key} has version {}; {acknowledged} writes were acknowledged, up to version {highest}",
                stat.version
            ));
        }
    }
    ephemerals(&mut client, clients, until)?;
    client.close().map_err(said)?;
    Ok(content)
}

/// What only this client has written.
fn of_client(client: &mut Client, left: &Left) -> Result<(u64, BTreeSet<String>), String> {
    let n = left.number;
    let (value, _) = get(client, own_path(n))?;
    let value = number(value.as_ref())?;
    let mut own = left.own;
    own.read(value).map_err(|what| format!("client {n}: {what}"))?;
    let names = children(client, made_parent(n))?;
    for (made, state) in left.made.iter().enumerate() {
        let there = names.contains(&made.to_string());
        if there && *state == Made::Gone || !there && *state == Made::There {
            let is = if there { "there" } else { "not there" };
            return Err(format!(
                "client {n}: znode {made} is {is}, and the last that was acknowledged is {state:?}"
            ));
        }
    }
    Ok((value, names))
}

/// Every session is closed or has expired: its ephemerals go.
fn ephemerals(client: &mut Client, clients: &[Left], until: Instant) -> Result<(), String> {
    loop {
        let names = children(client, HERE.to_owned())?;
        let mut expired = clients.iter().flat_map(|left| &left.expired);
        if let Some(session) = expired.find(|session| {
            let prefix = format!("{:x}-", session.0);
            names.iter().any(|name| name.starts_with(&prefix))
        }) && Instant::now() > until
        {
            return Err(format!("session {:#x} has expired, and an ephemeral of it is there", session.0));
        }
        if names.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("every session is over, and these ephemerals are there: {names:?}"));
        }
        std::thread::sleep(Duration::from_millis(200));
        place::sync(client).map_err(|why| why.to_string())?;
    }
}

fn get(client: &mut Client, path: String) -> Result<(Option<Bytes>, Stat), String> {
    match client.call(&Request::GetData(WatchRequest { path: path.clone(), watch: false })) {
        Ok(Response::Data { data, stat }) => Ok((data, stat)),
        other => Err(format!("{path}: {other:?}")),
    }
}

fn children(client: &mut Client, path: String) -> Result<BTreeSet<String>, String> {
    match client.call(&Request::GetChildren(WatchRequest { path: path.clone(), watch: false })) {
        Ok(Response::Children(names)) => Ok(names.into_iter().collect()),
        other => Err(format!("{path}: {other:?}")),
    }
}

/// The program that judges recordings, if it is beside this one.
pub(super) fn checks() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.with_file_name(CHECKS);
    beside.is_file().then_some(beside)
}

/// Judge the recordings; what it says goes where this program's words go.
///
/// # Errors
/// Something is broken.
pub(super) fn replay(checks: &Path, recordings: &Path) -> Result<(), Failure> {
    let status = Command::new(checks)
        .arg("replay")
        .arg(recordings)
        .status()
        .map_err(super::super::failure::system("starting quorate-checks"))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::Broken(format!("quorate-checks replay {}: {status}", recordings.display()))),
    }
}
