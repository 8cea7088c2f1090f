//! When a client is not read: the server has too much in process, or the disk is behind.

use super::budget::{Budget, Held};
use super::conn::{Client, Stage};
use super::stats::{InProcess, Waiting};
use crate::net::engine::{Conn, Gate};
use crate::net::pressure::Pressure;

/// Bytes of requests in process above which a client waits for the end of its own, as with
/// `globalOutstandingLimit`.
const MAX_IN_PROCESS: usize = 64 << 20;

/// What all clients together have in process and make the server hold.
pub(super) struct Flow {
    outstanding_limit: usize,
    in_process: InProcess,
    budget: Budget,
    pub(super) pressure: Pressure,
    /// Connections that are not read until less is in process.
    throttled: Vec<usize>,
}

impl Flow {
    /// Nothing is in process. At most `outstanding_limit` requests are, and `memory` bytes are held.
    pub(super) fn new(outstanding_limit: usize, memory: usize) -> Flow {
        Flow {
            outstanding_limit,
            in_process: InProcess::default(),
            budget: Budget::new(memory),
            pressure: Pressure::None,
            throttled: Vec::new(),
        }
    }

    /// Other limits from now on.
    pub(super) fn set_limits(&mut self, outstanding_limit: usize, memory: usize) {
        self.outstanding_limit = outstanding_limit;
        self.budget.set_limit(memory);
    }

    /// Whether requests in process are above their limits: a client then waits for the end of its own.
    fn over_limit(&self) -> bool {
        let InProcess { requests, bytes } = self.in_process;
        requests >= self.outstanding_limit || bytes >= MAX_IN_PROCESS || self.pressure > Pressure::None
    }

    /// Whether connections that had to wait may be read again.
    pub(super) fn resumes(&self) -> bool {
        !self.throttled.is_empty() && !self.over_limit()
    }

    /// The connections that had to wait and may be read again.
    pub(super) fn resume(&mut self) -> Vec<usize> {
        if self.resumes() { std::mem::take(&mut self.throttled) } else { Vec::new() }
    }

    /// Requests not yet answered.
    pub(super) fn requests(&self) -> usize {
        self.in_process.requests
    }

    /// A request is handed to core.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.in_process.add(bytes);
    }

    /// A request is answered.
    pub(super) fn answered(&mut self, waiting: &Waiting) {
        self.in_process.remove(waiting);
    }

    /// Count anew what a connection holds.
    pub(super) fn account(&mut self, conn: &mut Conn<Client>) {
        let (before, now) = conn.count();
        self.budget.account(before, now);
    }

    /// A connection is gone.
    pub(super) fn left(&mut self, conn: &Conn<Client>) {
        conn.waiting().for_each(|waiting| self.in_process.remove(waiting));
        self.budget.account(conn.counted(), 0);
    }

    /// What all connections hold, in bytes: unfinished frames, requests in process, unsent answers.
    pub(super) fn memory(&self) -> usize {
        self.budget.held() + self.in_process.bytes
    }

    /// Whether that and what others hold for them is more than it may be.
    pub(super) fn is_overrun(&self, others: usize) -> bool {
        self.budget.is_overrun(self.in_process.bytes.saturating_add(others))
    }

    /// The connections of `each` that have to go, where `others` bytes are held for them elsewhere.
    pub(super) fn greediest(&self, each: Vec<Held>, others: usize) -> Vec<Held> {
        self.budget.greediest(each, self.memory() + others)
    }
}

impl Gate<Client> for Flow {
    fn may_read(&mut self, index: usize, conn: &Conn<Client>) -> bool {
        if conn.is_paused() {
            return false;
        }
        let overloaded = self.pressure == Pressure::Overloaded;
        let in_process = conn.has_waiting() || overloaded && matches!(conn.stage, Stage::Open(_));
        if in_process && self.over_limit() {
            self.throttled.push(index);
            return false;
        }
        true
    }

    fn looked_at(&mut self, conn: &mut Conn<Client>) {
        self.account(conn);
    }
}
