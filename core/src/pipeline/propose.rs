//! What the leader proposes for a request: a transaction that every learner accepts.
//!
//! A learner refuses what is longer than its `jute.maxbuffer` and extra size allow, and leaves its
//! leader. So nothing longer is logged or proposed: such a request fails with MARSHALLINGERROR, and
//! the end of a session is said without the names of its znodes.

use alloc::vec::Vec;

use super::message::{ClientRequest, ClientTxn};
use super::prepare::Preparation;
use super::rules::prepare as rules;
use super::tree_service::{Leading, TreeService};
use crate::auth::Rights;
use crate::ids::{Now, Zxid};
use crate::payload::Origin;
use crate::tree::digest;
use crate::wire::error_code::ErrorCode;
use crate::wire::txn::{TxnBody, TxnDigest, TxnHeader, write_txn};

impl TreeService {
    /// The transaction with this zxid that comes of the request, and how many entries of access
    /// control lists were looked at for it.
    pub(super) fn propose(
        &mut self,
        now: Now,
        zxid: Zxid,
        request: &ClientRequest,
        origin: Origin,
    ) -> (ClientTxn, usize) {
        let settings = &*self.settings;
        let leading = self.leading.get_or_insert_with(|| Leading::new(settings));
        let (outstanding, tracker) = (&mut leading.outstanding, &mut leading.tracker);
        let limit = rules::longest_txn(settings);
        let rights = Rights::new(&request.auth, settings.skip_acl);
        let (tree, room) = (&self.state.tree, limit);
        let mut preparation =
            Preparation { settings, tree, outstanding, tracker, now, zxid, request, origin, room, rights };
        let body = preparation.prepare();
        let header =
            TxnHeader { client_id: request.session, cxid: request.cxid, zxid, time: now.wall_ms, op: 0 };
        let encode = |preparation: &Preparation<'_>, body: &TxnBody| {
            let mut out = Vec::with_capacity(TxnHeader::LEN + request.body.len() + 64);
            let tree_digest = rules::digest_of_txn(settings, preparation.outstanding);
            let digest = TxnDigest { version: digest::VERSION, tree_digest };
            // ZooKeeper reads a digest behind a body that names nothing as names.
            let has_digest = !matches!(body, TxnBody::Error(_) | TxnBody::CloseSession(None));
            write_txn(&mut out, header, body, (has_digest && settings.digest).then_some(digest));
            out
        };
        let mut out = encode(&preparation, &body);
        if out.len() > limit {
            out = match body {
                TxnBody::CloseSession(_) if rules::close_session_is_always_named(settings) => out,
                // Every server knows what belongs to the session: the changes are the same.
                TxnBody::CloseSession(_) => encode(&preparation, &TxnBody::CloseSession(None)),
                _ => {
                    let failure = preparation.fail(ErrorCode::MarshallingError);
                    encode(&preparation, &failure)
                }
            };
        }
        (ClientTxn(out.into()), preparation.rights.visited())
    }
}
