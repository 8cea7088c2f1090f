//! How transactions, requests and images travel between servers.

use bytes::Bytes;

use super::image::{ImageBuilder, ImageError, Reach, TreeImage};
use super::message::{ClientRequest, ClientTxn};
use super::settings::Settings;
use crate::ids::Zxid;
use crate::wire::jute::{Jute, Why, WireError};
use crate::wire::quorum::{SnapshotBuilder, WirePayload, WireRequest};
use crate::wire::snapshot::SnapshotItem;
use crate::wire::txn::TxnHeader;

impl WirePayload for ClientTxn {
    type Builder = TravellingImage;

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

/// An image that arrives behind a SNAP packet.
#[derive(Clone, Debug)]
pub struct TravellingImage(ImageBuilder);

impl TravellingImage {
    /// Nothing has arrived yet; the tree is to have this server's settings.
    pub fn new(settings: &Settings) -> Self {
        TravellingImage(ImageBuilder::new(settings))
    }
}

impl SnapshotBuilder for TravellingImage {
    type Snapshot = TreeImage;

    fn add(&mut self, item: SnapshotItem) -> Result<(), WireError> {
        let added = match item {
            SnapshotItem::Session(session, timeout_ms) => {
                self.0.session(session, timeout_ms);
                Ok(())
            }
            SnapshotItem::Acl(index, list) => self.0.acl(index, &list),
            SnapshotItem::Node(node) => self.0.node(&node.path, node.data.as_deref(), node.acl, node.stat),
            SnapshotItem::End => Ok(()),
        };
        added.map_err(|error| refused(&error))
    }

    fn finish(self, zxid: Zxid) -> Result<TreeImage, WireError> {
        // ZooKeeper goes on applying while it sends.
        let image = self.0.finish(zxid).map_err(|error| refused(&error))?;
        Ok(image.reaching(Reach::UntilServing))
    }
}

fn refused(error: &ImageError) -> WireError {
    let why = Why::Invalid(match error {
        ImageError::NoParent { .. } => "a znode comes before its parent",
        ImageError::BadPath { .. } => "a path that no znode can have",
        ImageError::BadAclIndex { .. } => "a number that no ACL can have",
        ImageError::NoRoot => "the root is missing",
    });
    WireError { field: "Snap", at: 0, why }
}
