//! What a state is to files and to SNAP: it becomes the items of a snapshot, and comes back from them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::error::Error;

use super::record::Acl;
use super::snapshot::{NodeSource, SnapshotEncoder, SnapshotItem};
use crate::ids::{SessionId, Zxid};

/// How far the effects of transactions behind the one where a state stands may be in it.
///
/// ZooKeeper writes snapshots, and sends its state to learners, while it applies transactions: what comes
/// of that is fuzzy. Those transactions follow in the log or in the stream, and applying them again ends
/// in the right state (`tree/replay.rs`). Before that the tree has another digest than the leader's had.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub enum Reach {
    /// The snapshot has no effects of later transactions.
    #[default]
    Exact,
    /// Of transactions up to this one.
    UpTo(Zxid),
    /// Of any that the leader that sent it commits before the state is complete: they are applied when
    /// clients are served.
    UntilServing,
}

/// A state of which snapshots are made.
pub trait Snapshot: Sized + Send + 'static {
    /// Puts a state together from the items of a snapshot.
    type Builder: SnapshotBuilder<Snapshot = Self>;

    /// The body of the snapshot, piece by piece.
    fn body(&self) -> Box<dyn SnapshotBody + '_>;

    /// The version of the tree's digest and the digest; `None` if digests are off.
    fn digest(&self) -> Option<(i32, i64)>;

    /// Whether no transaction behind the one where it stands has effects in it.
    fn is_exact(&self) -> bool {
        true
    }
}

/// Writes the body of a snapshot piece by piece.
pub trait SnapshotBody {
    /// Append at least `at_least` bytes or everything there is; returns whether that was all.
    fn fill(&mut self, out: &mut Vec<u8>, at_least: usize) -> bool;
}

impl<S, A, L, N> SnapshotBody for SnapshotEncoder<S, A, N>
where
    S: ExactSizeIterator<Item = (SessionId, i32)>,
    A: ExactSizeIterator<Item = (i64, L)>,
    L: AsRef<[Acl]>,
    N: NodeSource,
{
    fn fill(&mut self, out: &mut Vec<u8>, at_least: usize) -> bool {
        SnapshotEncoder::fill(self, out, at_least)
    }
}

/// Puts a state together from the items of a snapshot: of a file, or of a stream behind SNAP.
///
/// A copy of one that was given nothing begins another state. One file may turn out to be damaged and the
/// next one be read; one connection may bring several states.
pub trait SnapshotBuilder: Clone {
    /// The state that the items make.
    type Snapshot;
    /// What can be wrong with the items.
    type Error: Error + Send + Sync + 'static;

    /// Take the next item. [`SnapshotItem::End`] means nothing.
    ///
    /// # Errors
    /// An item that does not fit what came before; the snapshot is then not used.
    fn add(&mut self, item: SnapshotItem) -> Result<(), Self::Error>;

    /// That was all, and it is intact. The state stands at `zxid`, and has effects of what `reach` says.
    ///
    /// # Errors
    /// The items do not make a state.
    fn finish(self, zxid: Zxid, reach: Reach) -> Result<Self::Snapshot, Self::Error>;
}
