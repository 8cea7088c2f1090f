//! Replacing everything by a leader's snapshot: the old state whole or the new one, never a mix.
//!
//! A leader sends its state, the transactions that it ordered meanwhile, and NEWLEADER. Only then is the
//! history of its epoch complete, and only then may it take the place of the old one. This server has vouched
//! for the old one. So a snapshot is staged ([`Held`]) under a name that is ignored, with the transactions
//! after it, until `currentEpoch` is to be written. All three become the truth together. What ends the wait
//! otherwise (another operation, or too much to stage) makes the truth of what is there.
//!
//! The one step is the rename to `install.<zxid>-<epoch>-<tail>`. The name says where the snapshot stands and
//! which epoch begins with it. It also says which transaction is the first of the log after it (0: none). All
//! three are hexadecimal. That log is in `installing.<tail>`, in the directory of the logs. Only then is the
//! old state removed and everything given the name ZooKeeper knows, the snapshot last. A start that finds the
//! marker finishes the work. Old logs must be gone before the new name is there: their transactions after the
//! snapshot's zxid would be replayed on top of it.
//!
//! ZooKeeper's state is fuzzy if it works while it sends. How far it reaches is known when it is staged no
//! longer: to the last transaction behind it. The file then says so, with the digest that this transaction
//! carries, as ZooKeeper's own fuzzy snapshots do.

use bytes::Bytes;
use quorate_core::ids::{Epoch, Ticket, Zxid};
use quorate_core::tree::digest;
use quorate_core::wire::files::{FileKind, Sections, SnapshotDigest, parse_hex, write_record};
use quorate_core::wire::state::Snapshot;
use quorate_core::wire::txn::Txn;
use simd_adler32::adler32;

use super::disk::{Disk, SyncPoint};
use super::epochs;
use super::error::{During, StorageError};
use super::paths::{INSTALL, INSTALLING, Paths};
use super::snapshot_file::Body;

/// The most bytes of transactions that are staged behind a snapshot.
const MOST_HELD: usize = 64 << 20;

/// A leader's snapshot that is not the truth yet, and the transactions after it.
pub(super) struct Held<D: Disk> {
    zxid: Zxid,
    body: Body<D>,
    /// The digest of the snapshot.
    digest: Option<(i32, i64)>,
    is_exact: bool,
    tail: Vec<(Zxid, Bytes)>,
    bytes: usize,
    /// The last operation that waits.
    pub(super) ticket: Ticket,
}

impl<D: Disk> Held<D> {
    /// Write the snapshot beside everything.
    pub(super) fn begin<I: Snapshot>(
        disk: &D,
        paths: &Paths,
        ticket: Ticket,
        zxid: Zxid,
        image: &I,
    ) -> Result<Self, StorageError> {
        let body = Body::write(disk, &paths.temporary("install"), image)?;
        let (digest, is_exact) = (image.digest(), image.is_exact());
        Ok(Held { zxid, body, digest, is_exact, tail: Vec::new(), bytes: 0, ticket })
    }

    /// The last transaction, or where the snapshot stands.
    pub(super) fn last(&self) -> Zxid {
        self.tail.last().map_or(self.zxid, |(zxid, _)| *zxid)
    }

    /// Where the snapshot stands.
    pub(super) fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// Add a transaction after it. Returns whether more can be staged.
    pub(super) fn append(&mut self, ticket: Ticket, zxid: Zxid, txn: Bytes) -> bool {
        self.bytes += txn.len();
        self.tail.push((zxid, txn));
        self.ticket = ticket;
        self.bytes < MOST_HELD
    }

    /// Make it the truth, with the epoch that begins with it.
    pub(super) fn settle(self, disk: &D, paths: &Paths, epoch: Option<Epoch>) -> Result<(), StorageError> {
        let sections = self.sections();
        self.body.finish(disk, &sections, SyncPoint::InstallContent)?;
        let tail = self.tail.first().map(|(first, _)| *first);
        if let Some(first) = tail {
            write_tail(disk, paths, first, &self.tail)?;
        }
        let marker = Marker { zxid: self.zxid, epoch, tail };
        let (beside, installed) = (paths.temporary("install"), paths.snap.join(marker.name()));
        disk.rename(&beside, &installed).during("rename", &beside)?;
        disk.sync_dir(&paths.snap, SyncPoint::InstallBegun).during("sync", &paths.snap)?;
        finish(disk, paths, marker)
    }

    fn sections(&self) -> Sections {
        let digest = match self.tail.last().filter(|_| !self.is_exact) {
            None => self.digest.map(|(version, digest)| SnapshotDigest { zxid: self.zxid, version, digest }),
            Some((zxid, txn)) => Txn::decode(txn)
                .ok()
                .and_then(|txn| txn.digest)
                .filter(|logged| logged.version == digest::VERSION)
                .map(|logged| SnapshotDigest {
                    zxid: *zxid,
                    version: logged.version,
                    digest: logged.tree_digest,
                }),
        };
        Sections { digest, last_processed: Some(self.zxid) }
    }
}

/// Write the log after a staged snapshot beside everything, and make it and its name durable.
fn write_tail<D: Disk>(
    disk: &D,
    paths: &Paths,
    first: Zxid,
    tail: &[(Zxid, Bytes)],
) -> Result<(), StorageError> {
    let path = paths.installing(first);
    if disk.exists(&path).during("look for", &path)? {
        disk.remove(&path).during("remove", &path)?;
    }
    let file = disk.create(&path).during("create", &path)?;
    let mut content = FileKind::Log.header().to_vec();
    for (_, txn) in tail {
        write_record(&mut content, adler32(&&txn[..]), txn);
    }
    disk.write_at(&file, 0, &content).during("write to", &path)?;
    disk.sync(&file, SyncPoint::InstallTail).during("sync", &path)?;
    disk.sync_dir(&paths.log, SyncPoint::InstallTailNamed).during("sync", &paths.log)
}

/// What the name of a snapshot that replaces everything says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Marker {
    /// Where the snapshot stands.
    pub(super) zxid: Zxid,
    /// The epoch that begins with it.
    epoch: Option<Epoch>,
    /// The first transaction of the log after it.
    tail: Option<Zxid>,
}

impl Marker {
    pub(super) fn name(self) -> String {
        let (epoch, tail) = (self.epoch.unwrap_or(0), self.tail.unwrap_or(Zxid::ZERO));
        format!("{INSTALL}{:x}-{epoch:x}-{:x}", self.zxid.0, tail.0)
    }

    /// What a file's name says; one with the zxid alone has neither an epoch nor a log.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(INSTALL)?.splitn(3, '-');
        let zxid = parse_hex(parts.next()?)?;
        let epoch = parts.next().map_or(Some(Zxid::ZERO), parse_hex)?;
        let tail = parts.next().map_or(Some(Zxid::ZERO), parse_hex)?;
        let epoch = Some(Epoch::try_from(epoch.0).ok()?).filter(|epoch| *epoch > 0);
        Some(Marker { zxid, epoch, tail: Some(tail).filter(|tail| *tail > Zxid::ZERO) })
    }
}

/// Carry it out. May be repeated after a crash at any point.
pub(super) fn finish<D: Disk>(disk: &D, paths: &Paths, marker: Marker) -> Result<(), StorageError> {
    let new_log = marker.tail.map(|first| FileKind::Log.name(first));
    for name in disk.list(&paths.log).during("list", &paths.log)? {
        if FileKind::Log.parse_name(&name).is_some() && Some(&name) != new_log.as_ref() {
            let path = paths.log.join(name);
            disk.remove(&path).during("remove", &path)?;
        }
    }
    if let Some(first) = marker.tail {
        let written = paths.installing(first);
        // If it is not there it has its final name.
        if disk.exists(&written).during("look for", &written)? {
            disk.rename(&written, &paths.log_file(first)).during("rename", &written)?;
        }
    }
    disk.sync_dir(&paths.log, SyncPoint::InstallRetiredLogs).during("sync", &paths.log)?;
    for name in disk.list(&paths.snap).during("list", &paths.snap)? {
        if FileKind::Snapshot.parse_name(&name).is_some() {
            let path = paths.snap.join(name);
            disk.remove(&path).during("remove", &path)?;
        }
    }
    disk.sync_dir(&paths.snap, SyncPoint::InstallRetiredSnapshots).during("sync", &paths.snap)?;
    if let Some(epoch) = marker.epoch {
        epochs::save_current(disk, paths, epoch)?;
    }
    let installed = paths.snap.join(marker.name());
    let installed = if disk.exists(&installed).during("look for", &installed)? {
        installed
    } else {
        paths.install(marker.zxid)
    };
    disk.rename(&installed, &paths.snapshot(marker.zxid)).during("rename", &installed)?;
    disk.sync_dir(&paths.snap, SyncPoint::InstallDone).during("sync", &paths.snap)
}

/// Remove the log after a snapshot that was never the truth.
pub(super) fn drop_unfinished<D: Disk>(disk: &D, paths: &Paths) -> Result<(), StorageError> {
    for name in disk.list(&paths.log).during("list", &paths.log)? {
        if name.starts_with(INSTALLING) {
            let path = paths.log.join(name);
            disk.remove(&path).during("remove", &path)?;
        }
    }
    Ok(())
}
