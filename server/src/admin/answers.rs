//! Answers to words that are being written: what is left of each, by the connection that asked.

use std::collections::HashMap;

use quorate_core::ids::ConnId;

use super::answer::{Answer, Source};

/// Bytes of an answer that are written in one go.
const PIECE: usize = 64 * 1024;

/// What is left of every answer.
#[derive(Debug, Default)]
pub(crate) struct Answers(HashMap<ConnId, Answer>);

impl Answers {
    /// A connection is to be sent this.
    pub(crate) fn begin(&mut self, conn: ConnId, answer: Answer) {
        self.0.insert(conn, answer);
    }

    /// A connection is gone.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.0.remove(&conn);
    }

    /// The next piece for a connection, and whether it is the last; `None` if nothing is left for it.
    pub(crate) fn next_piece(&mut self, conn: ConnId, source: Source<'_>) -> Option<(String, bool)> {
        let mut piece = String::new();
        let last = self.0.get_mut(&conn)?.fill(source, &mut piece, PIECE);
        if last {
            self.0.remove(&conn);
        }
        Some((piece, last))
    }
}
