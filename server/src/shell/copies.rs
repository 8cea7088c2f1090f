//! Znodes that are carried elsewhere: read from a subtree, written below another path.

use bytes::Bytes;
use quorate_client::{Acl, CreateMode, ErrorCode, Request, Response};
use quorate_core::wire::client::{CreateRequest, MultiOp};
use serde_json::json;

use super::call::{ANY, Call};
use super::failure::Failure;
use super::walk::{Unreadable, walk};
use super::{paths, show};

/// How many znodes are created in a transaction, and how many bytes it has at most.
const BATCH: (usize, usize) = (100, 512 << 10);

/// What servers keep for themselves.
const SYSTEM: &str = "/zookeeper";

/// A znode without its place. That it is a container, or has a time to live, is nothing that servers tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Carried {
    /// The path below the top of the subtree; empty for the top itself.
    pub(super) below: String,
    pub(super) data: Option<Bytes>,
    pub(super) acl: Vec<Acl>,
    /// The version of the data when it was read.
    pub(super) version: i32,
}

/// A subtree that was read.
#[derive(Debug, Default)]
pub(super) struct Subtree {
    /// Each behind its parent.
    pub(super) znodes: Vec<Carried>,
    /// Ephemeral znodes: they belong to their sessions, and cannot be carried.
    pub(super) ephemerals: Vec<String>,
}

/// Read a subtree. It is no snapshot: others may change it meanwhile.
///
/// # Errors
/// A znode may not be read, or the top does not exist.
pub(super) async fn read(call: &Call<'_>, top: &str) -> Result<Subtree, Failure> {
    let mut subtree = Subtree::default();
    for node in walk(call, top, usize::MAX, Unreadable::Fails).await? {
        if paths::is_at_or_below(&node.path, SYSTEM) && !paths::is_at_or_below(top, SYSTEM) {
            continue;
        }
        if node.stat.ephemeral_owner != 0 {
            subtree.ephemerals.push(node.path);
            continue;
        }
        let read = async { Ok((call.content(&node.path, false).await?, call.acl(&node.path).await?.0)) };
        let (content, acl) = match read.await {
            Err(failure) if node.depth > 0 && Failure::is(&failure, ErrorCode::NoNode) => continue,
            read => read?,
        };
        let below = node.path.strip_prefix(top.trim_end_matches('/')).unwrap_or_default();
        let below = if node.depth == 0 { "" } else { below };
        subtree.znodes.push(Carried {
            below: below.to_owned(),
            data: content.data,
            acl,
            version: content.stat.version,
        });
    }
    Ok(subtree)
}

impl Carried {
    /// Where it goes.
    pub(super) fn path(&self, top: &str) -> String {
        match (top, self.below.as_str()) {
            (top, "") => top.to_owned(),
            (top, below) => format!("{}{below}", top.trim_end_matches('/')),
        }
    }

    /// The part of a transaction that creates it.
    pub(super) fn create(&self, top: &str) -> MultiOp {
        let (path, data, acl) = (self.path(top), self.data.clone(), self.acl.clone());
        MultiOp::Create(CreateRequest { path, data, acl, flags: CreateMode::Persistent.to_i32() })
    }

    fn len(&self, top: &str) -> usize {
        let acl = self.acl.iter().map(|acl| acl.id.scheme.len() + acl.id.id.len() + 12).sum::<usize>();
        self.path(top).len() + self.data.as_ref().map_or(0, Bytes::len) + acl + 64
    }
}

/// How znodes are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Writing {
    /// Only say what would be done.
    pub(super) dry_run: bool,
    /// Replace data and ACLs of znodes that exist.
    pub(super) replace: bool,
}

impl Writing {
    pub(super) fn of(call: &Call<'_>) -> Self {
        Writing { dry_run: call.parsed.has("dry-run"), replace: call.parsed.has("f") }
    }
}

/// Write znodes below a path. What exists is found before anything is written.
///
/// # Errors
/// A znode exists and is not to be replaced, or what a server refuses: then some are written.
pub(super) async fn write(
    call: &Call<'_>,
    znodes: &[Carried],
    top: &str,
    how: Writing,
) -> Result<(), Failure> {
    paths::check(top)?;
    let existing = existing(call, znodes, top).await?;
    if !how.replace
        && let Some(i) = existing.iter().position(|exists| *exists)
        && !(top == "/"
            && znodes[i].below.is_empty()
            && existing.iter().filter(|exists| **exists).count() == 1)
    {
        let path = znodes[i].path(top);
        let failure = Failure::code(ErrorCode::NodeExists, Some(&path));
        return Err(Failure::new(format!("{}; -f replaces what exists", failure.text())));
    }
    let progress = super::progress::Progress::start(call.out, znodes.len());
    let mut batch = Batch::default();
    for (znode, exists) in znodes.iter().zip(&existing) {
        let path = znode.path(top);
        if path == "/" {
            continue;
        }
        if how.dry_run {
            let what = if *exists { "replace" } else { "create" };
            let bytes = znode.data.as_ref().map_or(0, Bytes::len);
            call.out.answer(
                || format!("would {what} {} ({bytes} bytes)", show::name(&path)),
                || json!({ "would": what, "path": path, "bytes": bytes }),
            );
        } else if *exists {
            call.set(&path, znode.data.clone(), ANY).await?;
            call.set_acl(&path, znode.acl.clone(), ANY).await?;
            progress.add(1);
        } else {
            let len = znode.len(top);
            if batch.is_full_with(len) {
                progress.add(batch.send(call).await?);
            }
            batch.add(znode.create(top), path, len);
        }
    }
    progress.add(batch.send(call).await?);
    Ok(())
}

/// Which of the znodes exist. Below one that does not, there is none.
async fn existing(call: &Call<'_>, znodes: &[Carried], top: &str) -> Result<Vec<bool>, Failure> {
    let mut existing = vec![false; znodes.len()];
    for (i, znode) in znodes.iter().enumerate() {
        existing[i] = call.exists(&znode.path(top), false).await?.is_some();
        if i == 0 && !existing[0] && znode.below.is_empty() {
            break;
        }
    }
    Ok(existing)
}

/// Znodes that are created in one transaction.
#[derive(Default)]
struct Batch {
    parts: Vec<MultiOp>,
    paths: Vec<String>,
    len: usize,
}

impl Batch {
    fn is_full_with(&self, len: usize) -> bool {
        !self.parts.is_empty() && (self.parts.len() == BATCH.0 || self.len + len > BATCH.1)
    }

    fn add(&mut self, part: MultiOp, path: String, len: usize) {
        self.parts.push(part);
        self.paths.push(path);
        self.len += len;
    }

    /// Send it, and begin another; how many znodes were created.
    async fn send(&mut self, call: &Call<'_>) -> Result<usize, Failure> {
        let Batch { parts, paths, .. } = std::mem::take(self);
        if !parts.is_empty() {
            transact(call, parts, &paths).await?;
        }
        Ok(paths.len())
    }
}

/// Several writes in one transaction; `paths` are those of its parts.
///
/// # Errors
/// A part was refused, and so all of them: said with its path.
pub(super) async fn transact(call: &Call<'_>, parts: Vec<MultiOp>, paths: &[String]) -> Result<(), Failure> {
    let answer = call.session.client().request(Request::Multi(parts));
    match answer.await {
        Ok(Response::Multi(_)) => Ok(()),
        Ok(_) => Err(Failure::code(ErrorCode::MarshallingError, None)),
        Err(error) => {
            let path = error.part().and_then(|part| paths.get(part));
            Err(Failure::of(&error, path.map(String::as_str)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(below: &str) -> Carried {
        let (data, acl) = (Some(Bytes::from_static(b"x")), vec![Acl::open()]);
        Carried { below: below.to_owned(), data, acl, version: 0 }
    }

    #[test]
    fn where_znodes_go() {
        assert_eq!(carried("").path("/a"), "/a");
        assert_eq!(carried("/b").path("/a"), "/a/b");
        assert_eq!(carried("/b").path("/"), "/b");
        assert_eq!(carried("").path("/"), "/");
    }

    #[test]
    fn transactions_do_not_grow_too_long() {
        let mut batch = Batch::default();
        assert!(!batch.is_full_with(usize::MAX), "one znode always fits");
        batch.add(carried("").create("/a"), "/a".to_owned(), 300 << 10);
        assert!(batch.is_full_with(300 << 10) && !batch.is_full_with(100));
    }
}
