//! The writes of a quorum: proposed by the leader, on the disk of more than half, then committed.
//!
//! | message | from | says |
//! |---|---|---|
//! | HELLO | a follower | its number; the first frame of its connection |
//! | WRITE | a follower | a client of it has sent this |
//! | PROPOSE | the leader | this is the next write, and whose it is |
//! | ACK | a follower | it has synced all writes up to this one |
//! | COMMIT | the leader | a quorum has all writes up to this one |
//!
//! A server alone is a quorum of one. No follower is ever synchronised.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;

use super::log::Log;

const WRITE: u8 = 1;
const PROPOSE: u8 = 2;
const ACK: u8 = 3;
const COMMIT: u8 = 4;
/// The length of HELLO: shorter than any request of a client.
const HELLO: usize = 2;

/// A write, and the connection that waits for its answer, if that is here.
pub(super) type Write = (Option<usize>, Bytes);

/// One server's part in the quorum. The leader is number 0.
pub(super) struct Replica {
    me: usize,
    log: Log,
    /// What is to be appended next.
    batch: Vec<u8>,
    /// The number of the last write that was proposed.
    proposed: u64,
    /// Proposed and not committed.
    pending: VecDeque<Write>,
    /// Sent to the leader, and not proposed yet.
    forwarded: VecDeque<Write>,
    /// How far each server has synced.
    synced: Vec<u64>,
    /// How far it is committed.
    committed: u64,
    /// How many of those were taken by [`Replica::next_committed`].
    taken: u64,
    /// What is to be sent: to each follower, or (the first) to the leader.
    out: Vec<Vec<u8>>,
}

impl Replica {
    /// Server `me` of this number of servers.
    pub(super) fn new(me: usize, servers: usize, log: Log) -> Replica {
        Replica {
            me,
            log,
            batch: Vec::new(),
            proposed: 0,
            pending: VecDeque::new(),
            forwarded: VecDeque::new(),
            synced: vec![0; servers],
            committed: 0,
            taken: 0,
            out: vec![Vec::new(); servers],
        }
    }

    /// Whether this server orders the writes.
    pub(super) fn leads(&self) -> bool {
        self.me == 0
    }

    /// A client of this server, on this connection, writes.
    pub(super) fn submit(&mut self, connection: usize, frame: Bytes) {
        if self.leads() {
            self.propose(0, Some(connection), frame);
        } else {
            message(&mut self.out[0], &[WRITE], &frame);
            self.forwarded.push_back((Some(connection), frame));
        }
    }

    fn propose(&mut self, origin: usize, connection: Option<usize>, frame: Bytes) {
        for follower in 1..self.out.len() {
            message(&mut self.out[follower], &[PROPOSE, origin as u8], &frame);
        }
        self.log_next(connection, frame);
    }

    fn log_next(&mut self, connection: Option<usize>, frame: Bytes) {
        self.proposed += 1;
        self.batch.extend_from_slice(&frame);
        self.pending.push_back((connection, frame));
    }

    /// A frame from another server. `None`: it makes no sense.
    pub(super) fn hear(&mut self, from: usize, frame: &[u8]) -> Option<()> {
        match (self.leads(), frame.split_first()?) {
            (true, (&WRITE, body)) => self.propose(from, None, Bytes::copy_from_slice(body)),
            (true, (&ACK, body)) => self.synced[from] = u64::from_be_bytes(body.try_into().ok()?),
            (false, (&PROPOSE, body)) => {
                let (origin, frame) = body.split_first()?;
                let (connection, frame) = match usize::from(*origin) == self.me {
                    true => self.forwarded.pop_front()?,
                    false => (None, Bytes::copy_from_slice(frame)),
                };
                self.log_next(connection, frame);
            }
            (false, (&COMMIT, body)) => self.committed = u64::from_be_bytes(body.try_into().ok()?),
            _ => return None,
        }
        Some(())
    }

    /// The end of a round: hand the log what is new, and see what is durable and committed by now.
    ///
    /// # Errors
    /// The log's.
    pub(super) fn turn(&mut self) -> io::Result<()> {
        if !self.batch.is_empty() {
            self.log.append(self.proposed, std::mem::take(&mut self.batch))?;
        }
        if let Some(synced) = self.log.synced()? {
            self.synced[self.me] = synced;
            if !self.leads() {
                message(&mut self.out[0], &[ACK], &synced.to_be_bytes());
            }
        }
        if self.leads() {
            let committed = by_quorum(&self.synced);
            if committed > self.committed {
                self.committed = committed;
                for follower in 1..self.out.len() {
                    message(&mut self.out[follower], &[COMMIT], &committed.to_be_bytes());
                }
            }
        }
        Ok(())
    }

    /// The next write that is committed.
    pub(super) fn next_committed(&mut self) -> Option<Write> {
        if self.taken == self.committed {
            return None;
        }
        self.taken += 1;
        self.pending.pop_front()
    }

    /// What is to be sent to a server, which is then empty.
    pub(super) fn out(&mut self, server: usize) -> &mut Vec<u8> {
        &mut self.out[server]
    }
}

/// How far more than half of the servers have come.
fn by_quorum(synced: &[u64]) -> u64 {
    let mut sorted = synced.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() - 1) / 2]
}

/// The first frame of follower `me`.
pub(super) fn hello(me: usize) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, &[0, me as u8], &[]);
    out
}

/// The number of the follower whose first frame this is.
pub(super) fn heard_hello(frame: &[u8]) -> Option<usize> {
    match frame {
        [0, me] if frame.len() == HELLO => Some(usize::from(*me)),
        _ => None,
    }
}

fn message(out: &mut Vec<u8>, head: &[u8], body: &[u8]) {
    out.extend_from_slice(&((head.len() + body.len()) as u32).to_be_bytes());
    out.extend_from_slice(head);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_must_have_synced() {
        assert_eq!(by_quorum(&[7]), 7);
        assert_eq!(by_quorum(&[9, 0, 0]), 0);
        assert_eq!(by_quorum(&[9, 0, 4]), 4);
        assert_eq!(by_quorum(&[3, 9, 4]), 4);
        assert_eq!(by_quorum(&[3, 9, 4, 5]), 4);
        assert_eq!(by_quorum(&[3, 9, 4, 5, 6]), 5);
    }

    #[test]
    fn a_follower_is_told_from_a_client() {
        assert_eq!(heard_hello(&hello(2)[4..]), Some(2));
        assert_eq!(heard_hello(&[0; 44]), None);
    }
}
