//! What a world's parts ask of its payload: transactions that can be told apart.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use quorate_core::ids::Zxid;
use quorate_core::payload::Payload;
use quorate_core::zab::SnapshotOf;

/// What has been applied, in order, each transaction by its mark.
pub type AppliedOf<P> = Arc<Vec<(Zxid, <P as Marked>::Mark)>>;

/// A payload whose transactions can be told apart. What its service has applied can be looked at.
pub trait Marked: Payload {
    /// What tells transactions apart.
    type Mark: Copy + Eq + Ord + Hash + Debug + Send + Sync;

    /// This transaction's mark.
    fn mark(&self) -> Self::Mark;

    /// What a service has applied.
    fn applied(service: &Self::Service) -> &AppliedOf<Self>;

    /// What is in a snapshot.
    fn listed(snapshot: &SnapshotOf<Self>) -> &[(Zxid, Self::Mark)];
}
