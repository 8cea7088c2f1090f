//! Files made for tests: logs, damaged records, snapshots.

use bytes::Bytes;
use quorate_core::ids::Zxid;
use quorate_core::wire::files::{FileKind, write_record};
use quorate_core::wire::state::Snapshot;
use simd_adler32::adler32;

use super::super::disk::{Disk, SyncPoint};
use super::super::snapshot_file;
use super::test_disk::TestDisk;

/// A record of the log.
pub(super) fn record(txn: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_record(&mut out, adler32(&txn), txn);
    out
}

/// A record whose checksum is wrong.
pub(super) fn damaged_record(txn: &[u8]) -> Vec<u8> {
    let mut record = record(txn);
    record[7] ^= 1;
    record
}

/// A log without padding.
pub(super) fn log_file(txns: &[Bytes]) -> Vec<u8> {
    let mut file = FileKind::Log.header().to_vec();
    for txn in txns {
        file.extend_from_slice(&record(txn));
    }
    file
}

/// A snapshot as this program writes it.
pub(super) fn snapshot_file<I: Snapshot>(zxid: Zxid, image: I) -> Vec<u8> {
    let disk = TestDisk::new();
    let path = std::path::Path::new("/snapshot");
    snapshot_file::write(&disk, path, zxid, &image, SyncPoint::SnapshotContent).unwrap();
    assert!(disk.exists(path).unwrap());
    disk.get(path).unwrap()
}
