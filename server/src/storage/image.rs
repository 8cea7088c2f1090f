//! What storage needs to know of a state: how it becomes the items of a snapshot and comes back.

use std::error::Error;

use quorate_core::ids::SessionId;
use quorate_core::wire::files::Sections;
use quorate_core::wire::record::Acl;
use quorate_core::wire::snapshot::{NodeSource, SnapshotEncoder, SnapshotItem};

use super::snapshot_file::SnapshotInfo;

/// What an image's builder can find wrong.
pub type ImageError = Box<dyn Error + Send + Sync>;

/// A state that can be written to a snapshot file.
pub trait Image: Sized + Send + 'static {
    /// Puts an image together from the items of a snapshot.
    type Builder: ImageBuilder<Image = Self>;

    /// The body of the snapshot, piece by piece.
    fn encoder(&self) -> Box<dyn BodyEncoder + '_>;

    /// The version of the tree's digest and the digest; `None` if digests are off.
    fn digest(&self) -> Option<(i32, i64)>;

    /// Whether no transaction behind the one where it stands has effects in it.
    fn is_exact(&self) -> bool {
        true
    }
}

/// Writes the body of a snapshot piece by piece.
pub trait BodyEncoder {
    /// Append at least `at_least` bytes or everything there is; returns whether that was all.
    fn fill(&mut self, out: &mut Vec<u8>, at_least: usize) -> bool;
}

impl<S, A, L, N> BodyEncoder for SnapshotEncoder<S, A, N>
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

/// Puts an image together. A copy of one that was given nothing begins another image: one snapshot
/// may turn out to be damaged and the next one be read.
pub trait ImageBuilder: Clone {
    /// What comes out.
    type Image;

    /// The next item; [`SnapshotItem::End`] is the last.
    ///
    /// # Errors
    /// An item that does not fit what came before; the snapshot is then not used.
    fn push(&mut self, item: SnapshotItem) -> Result<(), ImageError>;

    /// All items and seals were read and are intact. `info` says where the snapshot stands, which is
    /// also in `sections.last_processed` (what an older ZooKeeper did not write and a busy one wrote
    /// too late).
    ///
    /// # Errors
    /// The items do not make a state, or not the one `sections` tells of.
    fn finish(self, info: SnapshotInfo, sections: &Sections) -> Result<Self::Image, ImageError>;
}
