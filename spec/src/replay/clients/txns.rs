//! Which session each of the newest transactions is of: enough of them for every request that may still be
//! answered.

use std::collections::VecDeque;

use quorate_core::ids::{SessionId, Zxid};
use quorate_core::pipeline::ClientTxn;
use quorate_core::wire::jute::{Jute, Reader};
use quorate_core::wire::txn::TxnHeader;

/// How many are remembered. No server answers clients that far behind the others.
const REMEMBERED: usize = 1 << 17;

/// What a transaction is, as far as clients are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) zxid: Zxid,
    pub(super) fingerprint: u64,
    pub(super) session: SessionId,
    pub(super) cxid: i32,
    pub(super) op: i32,
}

/// What was looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// The transaction is known.
    Known(Known),
    /// One so old that it was forgotten.
    Forgotten,
    /// There is no such transaction.
    Nothing,
}

/// The newest transactions that were proposed, in the order of their zxids.
#[derive(Debug, Default)]
pub(super) struct Txns {
    known: VecDeque<Known>,
    forgotten: Zxid,
}

impl Txns {
    /// A server logs a transaction; the first to do so is the leader that proposes it. What a deposed leader
    /// proposes is left out: its zxids are lower.
    pub(super) fn appended(&mut self, zxid: Zxid, fingerprint: u64, txn: &ClientTxn) {
        if self.known.back().is_some_and(|last| last.zxid >= zxid) || zxid <= self.forgotten {
            return;
        }
        let Ok(header) = TxnHeader::read(&mut Reader::new(&txn.0), "") else { return };
        if self.known.len() == REMEMBERED
            && let Some(oldest) = self.known.pop_front()
        {
            self.forgotten = oldest.zxid;
        }
        let TxnHeader { client_id: session, cxid, op, .. } = header;
        self.known.push_back(Known { zxid, fingerprint, session, cxid, op });
    }

    /// The transaction with this zxid.
    pub(super) fn find(&self, zxid: Zxid) -> Found {
        match self.known.binary_search_by_key(&zxid, |known| known.zxid) {
            Ok(at) => Found::Known(self.known[at]),
            Err(_) if zxid <= self.forgotten => Found::Forgotten,
            Err(_) => Found::Nothing,
        }
    }
}
