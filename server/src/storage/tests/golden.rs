//! Directories that ZooKeeper wrote, and files written as ZooKeeper writes them.

use std::fs;
use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use quorate_core::ids::{Ticket, Zxid};
use quorate_core::wire::files::{Compression, Sections, txn_zxid_and_type};
use quorate_core::wire::snapshot::SnapshotItem;
use quorate_core::wire::txn::Txn;

use super::super::disk::SyncPoint;
use super::super::{
    RealDisk, Recovered, SnapshotInfo, Storage, StorageConfig, StorageOp, read_items, snapshot_file,
};
use super::images::{Items, txn};

const LOG: &[u8] = include_bytes!("../../../../tests/golden/log.1.bin");
const SNAPSHOT_0: &[u8] = include_bytes!("../../../../tests/golden/snapshot.0.bin");
const SNAPSHOT_31: &[u8] = include_bytes!("../../../../tests/golden/snapshot.31.bin");
const SNAPSHOT_MASTER: &[u8] = include_bytes!("../../../../tests/golden/snapshot.master.bin");

/// A data directory with these files, opened.
fn open(dir: &Path, files: &[(&str, &[u8])]) -> (Storage<RealDisk>, Recovered<Items>) {
    let version = dir.join("version-2");
    fs::create_dir_all(&version).unwrap();
    for (name, bytes) in files {
        fs::write(version.join(name), bytes).unwrap();
    }
    let config = StorageConfig::new(dir);
    let opened = Storage::open(RealDisk::default(), &config, &Items::default(), Items::default);
    let (storage, mut found) = opened.unwrap();
    let digest = sections(dir, found.snapshot.zxid).and_then(|sections| sections.digest);
    found.image.digest = digest.map(|digest| (digest.version, digest.digest));
    (storage, found)
}

/// What a snapshot file that is not compressed says behind its tree.
fn sections(dir: &Path, zxid: Zxid) -> Option<Sections> {
    let path = dir.join(format!("version-2/snapshot.{:x}", zxid.0));
    let read = || read_items(&RealDisk::default(), &path, Compression::None, &mut |_| Ok(())).unwrap();
    path.exists().then(read)
}

fn paths(image: &Items) -> Vec<&str> {
    let nodes = image.items.iter().filter_map(|item| match item {
        SnapshotItem::Node(node) => Some(node.path.as_str()),
        _ => None,
    });
    nodes.collect()
}

#[test]
fn a_log_after_the_first_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let (_, found) = open(dir.path(), &[("snapshot.0", SNAPSHOT_0), ("log.1", LOG)]);
    assert_eq!(paths(&found.image), ["", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"]);
    assert_eq!((found.accepted_epoch, found.current_epoch, found.trusted), (0, 0, true));
    let zxids: Vec<u64> = found.entries.iter().map(|(zxid, _)| zxid.0).collect();
    assert_eq!(zxids, (1..=found.last().0).collect::<Vec<_>>());
    let kinds: Vec<i32> = found.entries.iter().map(|(_, t)| txn_zxid_and_type(t).unwrap().1).collect();
    assert_eq!(kinds[..2], [-10, -10]);
    for kind in [1, 15, 19, 21, 7, -1, 14, 5, 2, -11] {
        assert!(kinds.contains(&kind), "type {kind}");
    }
    for epoch in ["acceptedEpoch", "currentEpoch"] {
        assert_eq!(fs::read(dir.path().join("version-2").join(epoch)).unwrap(), b"0");
    }
}

#[test]
fn a_later_snapshot_ends_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 3] =
        [("snapshot.0", SNAPSHOT_0), ("snapshot.31", SNAPSHOT_31), ("log.1", LOG)];
    let (_, found) = open(dir.path(), &files);
    assert_eq!(found.snapshot, SnapshotInfo { zxid: Zxid(0x31), reaches: Zxid(0x31) });
    assert!(paths(&found.image).contains(&"/u\u{e9}\u{4e2d}"));
    assert!(found.entries.iter().all(|(zxid, _)| *zxid > Zxid(0x31)));
    assert_eq!(sections(dir.path(), Zxid(0x31)).unwrap().digest.unwrap().digest, 0x4_319e_b8a8);
}

#[test]
fn the_format_of_3_9() {
    let dir = tempfile::tempdir().unwrap();
    let zxid =
        Zxid(u64::from_be_bytes(*SNAPSHOT_MASTER[SNAPSHOT_MASTER.len() - 21..].first_chunk().unwrap()));
    let name = format!("snapshot.{:x}", zxid.0);
    let (_, found) = open(dir.path(), &[(&name, SNAPSHOT_MASTER)]);
    assert_eq!(found.snapshot, SnapshotInfo { zxid, reaches: zxid });
    assert_eq!(sections(dir.path(), zxid).unwrap().last_processed, Some(zxid));
    assert_eq!(found.current_epoch, zxid.epoch());
    // And written back.
    let path = dir.path().join("again");
    snapshot_file::write(&RealDisk::default(), &path, zxid, &found.image, SyncPoint::SnapshotContent)
        .unwrap();
    assert_eq!(fs::read(path).unwrap(), SNAPSHOT_MASTER);
}

#[test]
fn a_snapshot_is_written_as_3_8_does_up_to_the_last_section() {
    for (zxid, file) in [(0, SNAPSHOT_0), (0x31, SNAPSHOT_31)] {
        let dir = tempfile::tempdir().unwrap();
        let (_, found) = open(dir.path(), &[(&format!("snapshot.{zxid:x}"), file)]);
        let path = dir.path().join("again");
        let disk = RealDisk::default();
        snapshot_file::write(&disk, &path, Zxid(zxid), &found.image, SyncPoint::SnapshotContent).unwrap();
        let written = fs::read(path).unwrap();
        assert_eq!(written[..file.len()], *file);
        assert_eq!(written.len(), file.len() + 21);
    }
}

#[test]
fn a_log_is_written_as_zookeeper_does() {
    let from = tempfile::tempdir().unwrap();
    let (_, found) = open(from.path(), &[("snapshot.0", SNAPSHOT_0), ("log.1", LOG)]);
    let to = tempfile::tempdir().unwrap();
    let (mut storage, _) = open(to.path(), &[("snapshot.0", SNAPSHOT_0)]);
    for batch in found.entries.chunks(5) {
        let op = |(i, (zxid, txn)): (usize, &(Zxid, Bytes))| {
            StorageOp::<Items>::Append(Ticket(i as u64), *zxid, txn.clone())
        };
        storage.execute(batch.iter().enumerate().map(op)).unwrap();
    }
    let written = fs::read(to.path().join("version-2/log.1")).unwrap();
    assert_eq!(written[..LOG.len()], *LOG);
    assert!(written[LOG.len()..].iter().all(|b| *b == 0));
    assert_eq!(written.len(), 64 << 20);
}

#[test]
fn a_compressed_snapshot_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(SNAPSHOT_31).unwrap();
    let gz = gz.finish().unwrap();
    let (_, found) = open(dir.path(), &[("snapshot.31.gz", &gz), ("log.1", LOG)]);
    assert_eq!(found.snapshot.zxid, Zxid(0x31));
    assert!(paths(&found.image).contains(&"/eph"));
    // Cut short, it is as bad as any other.
    let cut = tempfile::tempdir().unwrap();
    let files = [("snapshot.0", SNAPSHOT_0), ("snapshot.31.gz", &gz[..gz.len() / 2]), ("log.1", LOG)];
    assert_eq!(open(cut.path(), &files).1.snapshot.zxid, Zxid::ZERO);
}

/// A leader that works sends a fuzzy state, then what it has ordered meanwhile, then NEWLEADER.
#[test]
fn what_a_working_zookeeper_sends_is_kept_with_how_far_it_reaches() {
    let from = tempfile::tempdir().unwrap();
    let (_, found) = open(from.path(), &[("snapshot.0", SNAPSHOT_0), ("log.1", LOG)]);
    let digest = |txn: &Bytes| Txn::decode(txn).unwrap().digest;
    let last = found.entries.iter().rposition(|(_, txn)| digest(txn).is_some()).unwrap();
    let (base, tail) = (found.entries[last - 3].0, &found.entries[last - 2..=last]);
    for is_fuzzy in [false, true] {
        let to = tempfile::tempdir().unwrap();
        let (mut storage, old) = open(to.path(), &[("snapshot.0", SNAPSHOT_0)]);
        let image = Items { is_fuzzy, ..found.image.clone() };
        let mut ops = vec![StorageOp::InstallSnapshot(Ticket(1), base, image)];
        let append = |(i, (zxid, txn)): (usize, &(Zxid, Bytes))| {
            StorageOp::Append(Ticket(2 + i as u64), *zxid, txn.clone())
        };
        ops.extend(tail.iter().enumerate().map(append));
        // Before the epoch that begins with it nothing has changed.
        assert_eq!(storage.execute(ops.clone()).unwrap().done, None);
        assert_eq!((storage.is_holding(), storage.last()), (true, tail[2].0));
        drop(storage);
        let (mut storage, again) = open(to.path(), &[]);
        assert_eq!((again.last(), again.current_epoch), (old.last(), 0));
        ops.push(StorageOp::SaveAcceptedEpoch(Ticket(0), 7));
        ops.rotate_right(1);
        ops.push(StorageOp::SaveCurrentEpoch(Ticket(9), 7));
        assert_eq!(storage.execute(ops).unwrap().done, Some(Ticket(9)));
        assert!(!storage.is_holding());
        drop(storage);
        let (_, new) = open(to.path(), &[]);
        assert_eq!((new.snapshot.zxid, new.current_epoch, &new.entries[..]), (base, 7, tail));
        let reaches = if is_fuzzy { tail[2].0 } else { base };
        assert_eq!(new.snapshot.reaches, reaches);
        let stored = sections(to.path(), base).unwrap().digest.unwrap();
        let logged = digest(&tail[2].1).unwrap().tree_digest;
        assert_eq!(is_fuzzy, (stored.zxid, stored.digest) == (reaches, logged));
    }
}

#[test]
fn a_snapshot_that_java_wrote_while_it_worked_says_how_far_it_reaches() {
    let dir = tempfile::tempdir().unwrap();
    let (mut storage, found) = open(dir.path(), &[("snapshot.2e", SNAPSHOT_31)]);
    assert_eq!(found.snapshot, SnapshotInfo { zxid: Zxid(0x2e), reaches: Zxid(0x31) });
    // The state in front of what it may contain cannot be rebuilt.
    let append = (0x2f..=0x32).map(|n| StorageOp::<Items>::Append(Ticket(n), Zxid(n), txn(Zxid(n), 0, 0)));
    storage.execute(append).unwrap();
    storage.execute([StorageOp::<Items>::Truncate(Ticket(1), Zxid(0x31))]).unwrap();
    let error = storage.execute([StorageOp::<Items>::Truncate(Ticket(2), Zxid(0x30))]).err().unwrap();
    assert!(error.to_string().contains("cannot go back to 0x30"), "{error}");
}
