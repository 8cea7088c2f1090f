//! Transactions, requests and states as they go to files and to other servers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::image::{ImageBuilder, ImageError, TreeImage};
use super::message::{ClientRequest, ClientTxn};
use crate::ids::Zxid;
use crate::tree::digest;
use crate::wire::jute::{Jute, Why, WireError};
use crate::wire::quorum::{WirePayload, WireRequest};
use crate::wire::record::Acl;
use crate::wire::snapshot::{SnapshotEncoder, SnapshotItem};
use crate::wire::state::{Reach, Snapshot, SnapshotBody, SnapshotBuilder};
use crate::wire::txn::TxnHeader;

impl WirePayload for ClientTxn {
    type Builder = ImageBuilder;

    fn txn_bytes(&self) -> &[u8] {
        &self.0
    }

    fn from_txn_bytes(zxid: Zxid, bytes: Bytes) -> Result<Self, WireError> {
        // It lives for as long as the history remembers it: what arrived with it need not.
        let txn = Bytes::copy_from_slice(&bytes);
        let header = TxnHeader::from_bytes(&txn)?;
        if header.zxid != zxid {
            let why = Why::Value(header.zxid.0 as i64);
            return Err(WireError { field: "TxnHeader.zxid", at: 12, why });
        }
        Ok(ClientTxn(txn))
    }

    fn snapshot_body(snapshot: &TreeImage) -> Box<dyn SnapshotBody + Send> {
        let sessions: Vec<_> = snapshot.sessions().collect();
        let acls: Vec<(i64, Vec<Acl>)> =
            snapshot.acls().map(|(index, list)| (index, list.to_vec())).collect();
        let nodes = snapshot.clone().into_nodes();
        Box::new(SnapshotEncoder::new(sessions.into_iter(), acls.into_iter(), nodes))
    }

    fn request_to_wire(request: &ClientRequest) -> WireRequest {
        WireRequest {
            session: request.session,
            cxid: request.cxid,
            op: request.op,
            body: request.body.clone(),
            authinfo: (!request.auth.is_empty()).then(|| request.auth.to_vec()),
        }
    }

    fn request_from_wire(request: WireRequest) -> Result<ClientRequest, WireError> {
        Ok(ClientRequest {
            session: request.session,
            cxid: request.cxid,
            op: request.op,
            body: request.body,
            auth: request.authinfo.unwrap_or_default().into(),
        })
    }
}

impl Snapshot for TreeImage {
    type Builder = ImageBuilder;

    fn body(&self) -> Box<dyn SnapshotBody + '_> {
        Box::new(SnapshotEncoder::new(self.sessions(), self.acls(), self.nodes()))
    }

    fn digest(&self) -> Option<(i32, i64)> {
        Some((digest::VERSION, TreeImage::digest(self)))
    }

    fn is_exact(&self) -> bool {
        self.reach() == Reach::Exact
    }
}

impl SnapshotBuilder for ImageBuilder {
    type Snapshot = TreeImage;
    type Error = ImageError;

    fn add(&mut self, item: SnapshotItem) -> Result<(), ImageError> {
        match item {
            SnapshotItem::Session(session, timeout_ms) => self.session(session, timeout_ms),
            SnapshotItem::Acl(index, list) => self.acl(index, &list)?,
            SnapshotItem::Node(node) => self.node(&node.path, node.data.as_deref(), node.acl, node.stat)?,
            SnapshotItem::End => {}
        }
        Ok(())
    }

    fn finish(self, zxid: Zxid, reach: Reach) -> Result<TreeImage, ImageError> {
        Ok(ImageBuilder::finish(self, zxid)?.reaching(reach))
    }
}

impl From<ImageError> for WireError {
    fn from(error: ImageError) -> Self {
        let why = Why::Invalid(match error {
            ImageError::NoParent { .. } => "a znode comes before its parent",
            ImageError::BadPath { .. } => "a path that no znode can have",
            ImageError::BadAclIndex { .. } => "a number that no ACL can have",
            ImageError::NoRoot => "the root is missing",
        });
        WireError { field: "Snap", at: 0, why }
    }
}
