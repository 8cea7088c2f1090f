//! How the leader makes a transaction of a request (`PrepRequestProcessor`).

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::ids::Zxid;
use crate::mutation::mutated;
use crate::pipeline::outstanding::{Future, Outstanding};
use crate::pipeline::settings::Settings;
use crate::tree::store::Meta;
use crate::tree::{DataTree, Owner};
use crate::wire::error_code::ErrorCode;
use crate::wire::record::Acl;

/// The version after `current`: −1 means "any" in requests and is left out (ZOOKEEPER-4743).
pub(in crate::pipeline) const fn next_version(current: i32) -> i32 {
    match current.wrapping_add(1) {
        -1 => 0,
        next => next,
    }
}

/// The version after `current`, if the client expects that one, or any (−1): `checkAndIncVersion`.
#[inline]
pub(in crate::pipeline) fn compared_version(
    settings: &Settings,
    expected: i32,
    current: i32,
) -> Result<i32, ErrorCode> {
    let agrees = expected == -1 || expected == current || mutated!(settings, VersionNotCompared);
    if agrees { Ok(next_version(current)) } else { Err(ErrorCode::BadVersion) }
}

/// Never in a shipped build: a request is prepared against what is applied, without what is outstanding.
#[inline]
pub(in crate::pipeline) fn outstanding_is_ignored(settings: &Settings) -> bool {
    mutated!(settings, OutstandingIgnored)
}

/// The list that says what a client may do with a znode: the outstanding one, not the one in the tree.
#[inline]
pub(in crate::pipeline) fn acl_that_counts<'a>(
    settings: &Settings,
    tree: &'a DataTree,
    path: &str,
    znode: &'a Future,
) -> &'a Arc<[Acl]> {
    let present = if mutated!(settings, PresentAclCounts) { tree.get(path) } else { None };
    present.map_or(&znode.acl, |present| tree.acl(&present))
}

/// The number in the name of a sequential znode: how many times the parent's children have changed.
#[inline]
pub(in crate::pipeline) fn sequence_number(settings: &Settings, parent: &Future) -> i32 {
    if mutated!(settings, SequenceFromChildren) { parent.children as i32 } else { parent.meta.cversion }
}

/// Whether a znode of this owner may have children: an ephemeral may not.
#[inline]
pub(in crate::pipeline) fn may_have_children(settings: &Settings, owner: &Owner) -> bool {
    !matches!(owner, Owner::Session(_)) || mutated!(settings, EphemeralsHaveChildren)
}

/// The cversion of a parent that gets a child: one more.
#[inline]
pub(in crate::pipeline) fn cversion_with_child(settings: &Settings, cversion: i32) -> i32 {
    if mutated!(settings, CversionNotRaised) { cversion } else { cversion.wrapping_add(1) }
}

/// Never in a shipped build: the ACL of the znode, not its parent's, tells which clients may delete it.
#[inline]
pub(in crate::pipeline) fn delete_asks_znode(settings: &Settings) -> bool {
    mutated!(settings, DeleteAsksZnode)
}

/// The pzxid that the deletion of a child at `zxid` gives its parent.
#[inline]
pub(in crate::pipeline) fn pzxid_of_deletion(settings: &Settings, zxid: Zxid) -> Zxid {
    if mutated!(settings, DeleteLeavesPzxid) { Zxid::ZERO } else { zxid }
}

/// Never in a shipped build: setData compares the version before it looks whether the client may write.
#[inline]
pub(in crate::pipeline) fn version_comes_before_acl(settings: &Settings) -> bool {
    mutated!(settings, VersionBeforeAcl)
}

/// Always in a shipped build: setData says by which transaction, and when, the data was set.
#[inline]
pub(in crate::pipeline) fn set_data_sets_times(settings: &Settings) -> bool {
    !mutated!(settings, SetDataLeavesTimes)
}

/// The version that setACL compares: that of the list, not that of the data.
#[inline]
pub(in crate::pipeline) fn version_of_acl(settings: &Settings, meta: &Meta) -> i32 {
    if mutated!(settings, SetAclComparesVersion) { meta.version } else { meta.aversion }
}

/// The aversion that setACL leaves: the next one.
#[inline]
pub(in crate::pipeline) fn aversion_after(settings: &Settings, before: i32, next: i32) -> i32 {
    if mutated!(settings, AversionNotRaised) { before } else { next }
}

/// The version that a check is logged with: what it was `compared` to, with what is outstanding, and not what
/// the tree has at `present`.
#[inline]
pub(in crate::pipeline) fn version_of_check(
    settings: &Settings,
    compared: i32,
    present: impl FnOnce() -> Option<i32>,
) -> i32 {
    if mutated!(settings, CheckLogsPresentVersion) { present().map_or(0, next_version) } else { compared }
}

/// The error of the parts of a multi behind the one that failed with this code.
#[inline]
pub(in crate::pipeline) fn code_behind_failure(settings: &Settings, failed: ErrorCode) -> ErrorCode {
    if mutated!(settings, PartsBehindFailAlike) { failed } else { ErrorCode::RuntimeInconsistency }
}

/// Always in a shipped build: of a multi that fails, no change stays among the outstanding ones.
#[inline]
pub(in crate::pipeline) fn failed_multi_is_rolled_back(settings: &Settings) -> bool {
    !(mutated!(settings, MultiNotRolledBack) || mutated!(settings, MultiStopsAtFailure))
}

/// The znodes that the end of a session names: all its ephemerals, those that are only proposed among them.
#[inline]
pub(in crate::pipeline) fn named_by_close_session(
    settings: &Settings,
    tree: &DataTree,
    mut ephemerals: Vec<Arc<str>>,
) -> Vec<Arc<str>> {
    if mutated!(settings, CloseSessionSeesTreeOnly) {
        ephemerals.retain(|path| tree.get(path).is_some());
    }
    if mutated!(settings, EphemeralsOutliveSession) {
        ephemerals.clear();
    }
    ephemerals
}

/// The longest transaction that is proposed, in bytes: what every learner accepts.
#[inline]
pub(in crate::pipeline) fn longest_txn(settings: &Settings) -> usize {
    if mutated!(settings, SizeNotChecked) { usize::MAX } else { settings.max_txn }
}

/// Never in a shipped build: the end of a session names its znodes though the transaction is too long.
#[inline]
pub(in crate::pipeline) fn close_session_is_always_named(settings: &Settings) -> bool {
    mutated!(settings, CloseSessionAlwaysNamed)
}

/// The digest in a transaction: that of the tree after it.
#[inline]
pub(in crate::pipeline) fn digest_of_txn(settings: &Settings, outstanding: &Outstanding) -> i64 {
    if mutated!(settings, DigestOfBefore) { outstanding.digest_before() } else { outstanding.digest() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ServerId, SessionId};

    fn settings() -> Settings {
        Settings::new(ServerId(1), 2000)
    }

    #[test]
    fn the_version_that_means_any_is_left_out() {
        assert_eq!([0, 7, i32::MAX, -2].map(next_version), [1, 8, i32::MIN, 0]);
    }

    #[test]
    fn a_version_is_compared_unless_any_will_do() {
        assert_eq!(compared_version(&settings(), 3, 3), Ok(4));
        assert_eq!(compared_version(&settings(), -1, 3), Ok(4));
        assert_eq!(compared_version(&settings(), 2, 3), Err(ErrorCode::BadVersion));
    }

    #[test]
    fn only_an_ephemeral_has_no_children() {
        for owner in [Owner::Nobody, Owner::Container, Owner::Ttl(1)] {
            assert!(may_have_children(&settings(), &owner), "{owner:?}");
        }
        assert!(!may_have_children(&settings(), &Owner::Session(SessionId(1))));
    }
}
