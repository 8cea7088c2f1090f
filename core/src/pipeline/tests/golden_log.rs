//! A log that ZooKeeper 3.8.0 wrote, replayed: every digest on the way must be the recorded one.

use super::*;
use crate::pipeline::ImageBuilder;
use crate::wire::record::{Acl, StatPersisted};
use crate::wire::snapshot::NodeSource;
use crate::wire::txn::{Txn, TxnBody};

const LOG: &[u8] = include_bytes!("../../../../tests/golden/log.1.bin");

/// The payloads of the log's records.
pub(super) fn records() -> Vec<Bytes> {
    let log = Bytes::from_static(LOG);
    let mut at = 16;
    let mut records = vec![];
    while at + 12 <= log.len() {
        let len = u32::from_be_bytes(log[at + 8..at + 12].try_into().expect("four bytes")) as usize;
        if len == 0 {
            break;
        }
        records.push(log.slice(at + 12..at + 12 + len));
        assert_eq!(log[at + 12 + len], b'B');
        at += 12 + len + 1;
    }
    records
}

pub(super) fn replay(records: &[Bytes]) -> TreeService {
    let mut settings = Settings::new(ServerId(1), 2000);
    settings.extended_types = true;
    let mut service = TreeService::new(&settings, None);
    let mut fx = vec![];
    for record in records {
        let txn = Txn::decode(record).expect("a transaction");
        service.apply(Now::default(), txn.header.zxid, &ClientTxn(record.clone()), &mut fx);
        assert_eq!(service.status().counters, Counters::default(), "after {txn:?}");
    }
    assert!(fx.is_empty(), "nobody is served: {fx:?}");
    service
}

#[test]
fn every_recorded_digest_is_reached() {
    let records = records();
    let with_digest = |record: &&Bytes| Txn::decode(record).expect("a transaction").digest.is_some();
    assert!(records.iter().filter(with_digest).count() > 20);
    let service = replay(&records);
    assert_eq!(service.status().applied, Zxid(records.len() as u64));
    // Replaying everything again, as after a fuzzy snapshot, must not move a znode's data.
    let once = service.snapshot();
    assert_eq!(once.node_count(), service.status().znodes);
}

/// An image written out and read again is the same state, and goes on in the same way.
#[test]
fn an_image_is_the_whole_state() {
    let records = records();
    let (first, rest) = records.split_at(records.len() / 2);
    let service = replay(first);
    let image = service.snapshot();
    let mut settings = Settings::new(ServerId(2), 2000);
    settings.extended_types = true;
    settings.hash_key = [5, 6];
    let mut builder = ImageBuilder::new(&settings);
    image.sessions().for_each(|(session, timeout_ms)| builder.session(session, timeout_ms));
    for (index, list) in image.acls() {
        builder.acl(index, list).unwrap();
    }
    let mut nodes = image.nodes();
    while let Some(node) = nodes.next_node() {
        builder.node(node.path, node.data, node.acl, node.stat).unwrap();
    }
    assert_eq!(builder.missing_lists(), 0);
    let read = builder.finish(image.applied()).unwrap();
    assert_eq!(read, image);
    assert_eq!(read.digest(), image.digest());
    let mut copy = TreeService::new(&settings, Some(&read));
    for record in rest {
        let zxid = Txn::decode(record).expect("a transaction").header.zxid;
        copy.apply(Now::default(), zxid, &ClientTxn(record.clone()), &mut vec![]);
    }
    assert_eq!(copy.status().counters, Counters::default());
    assert_eq!(copy.snapshot(), replay(&records).snapshot());
    // A service that was given a taken image, not a read one, stands at the same point.
    assert_eq!(TreeService::new(&settings, Some(&image)).snapshot(), image);
}

/// A fuzzy snapshot: it says it stands at an earlier zxid than its contents.
#[test]
fn replaying_what_is_there_already_ends_in_the_same_data() {
    let records = records();
    let image = replay(&records).snapshot();
    let mut settings = Settings::new(ServerId(1), 2000);
    settings.extended_types = true;
    let mut again = TreeService::new(&settings, Some(&image));
    let last_creates = records.iter().rev().take(6);
    let mut last: Vec<&Bytes> = last_creates.collect();
    last.reverse();
    for record in last {
        let txn = Txn::decode(record).expect("a transaction");
        assert!(!matches!(txn.body, TxnBody::Check(_)));
        again.apply(Now::default(), txn.header.zxid, &ClientTxn(record.clone()), &mut vec![]);
    }
    let (mut before, mut after) = (image.nodes(), again.snapshot().into_nodes());
    while let (Some(b), Some(a)) = (before.next_node(), after.next_node()) {
        assert_eq!(
            (b.path, b.data, b.stat.version, b.stat.cversion),
            (a.path, a.data, a.stat.version, a.stat.cversion)
        );
    }
}

#[test]
fn damaged_images_are_named() {
    let settings = Settings::new(ServerId(1), 2000);
    let stat = StatPersisted::default();
    let mut builder = ImageBuilder::new(&settings);
    assert_eq!(builder.clone().finish(Zxid(1)), Err(ImageError::NoRoot));
    builder.node("", None, -1, stat).unwrap();
    assert_eq!(builder.node("/a/b", None, -1, stat), Err(ImageError::NoParent { path: "/a/b".into() }));
    assert_eq!(builder.node("a", None, -1, stat), Err(ImageError::BadPath { path: "a".into() }));
    assert_eq!(builder.acl(0, &[Acl::open()]), Err(ImageError::BadAclIndex { index: 0 }));
    builder.node("/a", None, 7, stat).unwrap();
    assert_eq!(builder.missing_lists(), 1);
    let image = builder.finish(Zxid(1)).unwrap();
    // A znode whose list is missing is closed to everybody.
    assert!(image.acls().any(|(_, list)| list[0].perms == 0));
    assert_eq!(image.node_count(), 5);
}

#[test]
fn a_list_of_an_installed_state_is_forgotten_with_its_last_znode() {
    let settings = Settings::new(ServerId(1), 2000);
    let read = || {
        let mut builder = ImageBuilder::new(&settings);
        builder.acl(1, &[Acl::new(1, "digest", "a:b")]).unwrap();
        builder.node("", Some(b""), -1, StatPersisted::default()).unwrap();
        builder.node("/private", None, 1, StatPersisted::default()).unwrap();
        TreeService::new(&settings, Some(&builder.finish(Zxid::ZERO).unwrap()))
    };
    // Taken from a running service, as a first start has it, it comes to the same as read from a file.
    let taken = TreeService::new(&settings, Some(&read().snapshot()));
    assert_eq!(taken, read());
}
