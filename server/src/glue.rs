//! Where core's tree meets storage and the quorum port: a [`TreeImage`] as the body of a snapshot.

use quorate_core::pipeline::{ImageBuilder, ImageNodes, Reach, Settings, TreeImage};
use quorate_core::tree::digest;
use quorate_core::wire::files::Sections;
use quorate_core::wire::record::Acl;
use quorate_core::wire::snapshot::{NodeRef, NodeSource, SnapshotEncoder, SnapshotItem};

use crate::net::SnapshotBody;
use crate::storage::{BodyEncoder, Image, ImageBuilder as StoredImageBuilder, ImageError, SnapshotInfo};

/// The znodes of an image in the order of a snapshot.
struct Nodes(ImageNodes);

impl NodeSource for Nodes {
    fn next_node(&mut self) -> Option<NodeRef<'_>> {
        let node = self.0.next()?;
        Some(NodeRef { path: node.path, data: node.data, acl: node.acl, stat: node.stat })
    }
}

/// The body of a snapshot, piece by piece, giving memory back on the way.
pub(crate) fn snapshot_body(image: &TreeImage) -> SnapshotBody {
    let sessions: Vec<_> = image.sessions().collect();
    let acls: Vec<(i64, Vec<Acl>)> = image.acls().map(|(index, list)| (index, list.to_vec())).collect();
    let nodes = Nodes(image.clone().into_nodes());
    let mut encoder = SnapshotEncoder::new(sessions.into_iter(), acls.into_iter(), nodes);
    Box::new(move |out, at_least| encoder.fill(out, at_least))
}

impl Image for TreeImage {
    type Builder = StoredImage;

    fn encoder(&self) -> Box<dyn BodyEncoder + '_> {
        Box::new(SnapshotEncoder::new(self.sessions(), self.acls(), Nodes(self.nodes())))
    }

    fn digest(&self) -> Option<(i32, i64)> {
        Some((digest::VERSION, TreeImage::digest(self)))
    }

    fn is_exact(&self) -> bool {
        self.reach() == Reach::Exact
    }
}

/// An image that is being read from a snapshot file.
#[derive(Clone)]
pub struct StoredImage(ImageBuilder);

impl StoredImage {
    /// Nothing has been read yet; the tree is to have this server's settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        StoredImage(ImageBuilder::new(settings))
    }
}

impl StoredImageBuilder for StoredImage {
    type Image = TreeImage;

    fn push(&mut self, item: SnapshotItem) -> Result<(), ImageError> {
        match item {
            SnapshotItem::Session(session, timeout_ms) => self.0.session(session, timeout_ms),
            SnapshotItem::Acl(index, list) => self.0.acl(index, &list)?,
            SnapshotItem::Node(node) => {
                self.0.node(&node.path, node.data.as_deref(), node.acl, node.stat)?;
            }
            SnapshotItem::End => {}
        }
        Ok(())
    }

    fn finish(self, info: SnapshotInfo, _: &Sections) -> Result<TreeImage, ImageError> {
        Ok(self.0.finish(info.zxid)?.reaching(Reach::UpTo(info.reaches)))
    }
}
