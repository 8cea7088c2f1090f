//! What a server has whatever its role: configuration, epochs, history, storage queue, service.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::failures::Failures;
use super::history::{Gap, History};
use super::packet::{Packet, RequestOf, SnapshotOf};
use super::rules::history as rules;
use crate::config::{Constant, PeerConfig, SizeLimit};
use crate::ids::{Epoch, Link, Now, Zxid};
use crate::membership::Membership;
use crate::output::{Output, Outputs, Reason};
use crate::payload::{Effects, Payload, Service, Size};
use crate::storage::{Awaited, StorageQueue};

/// One server, but for its role.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Member<P: Payload> {
    pub(crate) config: Constant<PeerConfig<P>>,
    /// The members of the ensemble: part of the state, though nothing changes them yet.
    pub(crate) membership: Arc<Membership>,
    /// The newest epoch promised. In memory as soon as its write is issued: nothing that depends
    /// on it leaves before the write is done, and a failed write ends the process.
    pub(crate) accepted_epoch: Epoch,
    /// The epoch whose history this server has.
    pub(crate) current_epoch: Epoch,
    pub(crate) history: History<P>,
    pub(crate) storage: StorageQueue,
    pub(crate) service: P::Service,
    /// Transactions applied since the last snapshot was begun.
    since_snapshot: u64,
    /// Their size, in bytes, as far as it counts.
    bytes_since_snapshot: usize,
    taking_snapshot: bool,
    /// The state may contain effects up to here: it cannot be truncated to before it.
    pub(crate) reaches: Zxid,
    /// Whether an empty history is the truth and not a lost disk.
    pub(crate) trusted: bool,
    /// Roles that came to nothing, one after the other.
    pub(crate) failures: Failures,
}

/// One call of `step`: when it is, and where outputs go.
pub(crate) struct Context<'a, P: Payload> {
    pub(crate) now: Now,
    pub(crate) out: &'a mut Outputs<P>,
}

impl<P: Payload> Context<'_, P> {
    pub(crate) fn send(&mut self, link: Link, packet: Packet<P>) {
        self.out.push(Output::Send(link, packet));
    }

    pub(crate) fn hangup(&mut self, link: Link, reason: Reason) {
        self.out.push(Output::Hangup(link, reason));
    }
}

/// A role cannot go on: the server looks for a leader again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RoleEnded;

/// What a service asked the leader for, in order.
pub(crate) type EffectsOf<P> = Effects<<P as Payload>::Service>;

impl<P: Payload> Member<P> {
    pub(crate) fn new(
        config: Constant<PeerConfig<P>>,
        accepted_epoch: Epoch,
        current_epoch: Epoch,
        history: History<P>,
        snapshot: Option<&SnapshotOf<P>>,
    ) -> Self {
        let service = P::Service::new(&config.settings, snapshot);
        Member {
            membership: Arc::clone(&config.membership),
            config,
            accepted_epoch,
            current_epoch,
            history,
            storage: StorageQueue::default(),
            service,
            since_snapshot: 0,
            bytes_since_snapshot: 0,
            taking_snapshot: false,
            reaches: Zxid::ZERO,
            trusted: true,
            failures: Failures::default(),
        }
    }

    /// Promise not to follow an older epoch.
    pub(crate) fn accept_epoch(&mut self, epoch: Epoch, cx: &mut Context<'_, P>) {
        self.accepted_epoch = epoch;
        let ticket = self.storage.issue(cx.now, Awaited::AcceptedEpoch(epoch), 0);
        cx.out.push(Output::SaveAcceptedEpoch(ticket, epoch));
    }

    /// The history of this epoch is complete here, as soon as what was issued before is on disk.
    pub(crate) fn enter_epoch(&mut self, epoch: Epoch, cx: &mut Context<'_, P>) {
        self.current_epoch = epoch;
        let ticket = self.storage.issue(cx.now, Awaited::CurrentEpoch(epoch), 0);
        cx.out.push(Output::SaveCurrentEpoch(ticket, epoch));
    }

    /// Add a transaction to history and log.
    pub(crate) fn append(&mut self, zxid: Zxid, txn: P, cx: &mut Context<'_, P>) -> Result<(), Gap> {
        self.history.append(zxid, txn.clone())?;
        let ticket = self.storage.issue(cx.now, Awaited::Logged(zxid), txn.size());
        cx.out.push(Output::Append(ticket, zxid, txn));
        Ok(())
    }

    /// Drop every transaction after `zxid`, which the history must pass and not have applied past.
    pub(crate) fn truncate(&mut self, zxid: Zxid, cx: &mut Context<'_, P>) {
        if rules::truncates_memory(&self.config) {
            self.history.truncate(zxid);
        }
        self.storage.forget_logged_after(zxid);
        let ticket = self.storage.issue(cx.now, Awaited::Nothing, 0);
        cx.out.push(Output::Truncate(ticket, zxid));
    }

    /// Replace everything by a leader's state.
    pub(crate) fn install(&mut self, zxid: Zxid, snapshot: SnapshotOf<P>, cx: &mut Context<'_, P>) {
        self.service.install(&snapshot);
        if rules::state_replaces_history(&self.config) {
            self.history.reset(zxid);
        }
        self.storage.forget_logged_after(Zxid::ZERO);
        self.reaches = Zxid::ZERO;
        if !rules::state_is_written(&self.config) {
            return;
        }
        // Its size is the state's, which is here in any case.
        let ticket = self.storage.issue(cx.now, Awaited::Nothing, 0);
        cx.out.push(Output::InstallSnapshot(ticket, zxid, snapshot));
    }

    /// Apply, in order, what is known to be committed up to `limit`.
    pub(crate) fn apply_to(&mut self, limit: Zxid, cx: &mut Context<'_, P>) -> EffectsOf<P> {
        let mut effects = Vec::new();
        while let Some((zxid, txn)) = self.history.next_to_apply(limit) {
            self.service.apply(cx.now, zxid, &txn, &mut effects);
            self.snapshot_if_due(zxid, txn.size(), cx);
        }
        effects
    }

    /// Whether this server's disk is later than a learner may be silent: what the disk was given `syncLimit`
    /// ticks ago is not durable yet.
    pub(crate) fn disk_is_late(&self, now: Now) -> bool {
        self.storage.waits_longer(now, self.config.tick_ms.saturating_mul(u64::from(self.config.sync_limit)))
    }

    /// Whether more waits for this server's disk than a leader adds to on behalf of learners.
    pub(crate) fn has_backlog(&self) -> bool {
        self.storage.bytes() > self.config.max_backlog
    }

    /// Where clients see this server: the last transaction, or the start of the epoch it serves.
    pub(crate) fn applied_for_clients(&self, epoch: Epoch) -> Zxid {
        self.history.applied().max(Zxid::new(epoch, 0))
    }

    /// The background snapshot is on disk.
    pub(crate) fn snapshot_taken(&mut self) {
        self.taking_snapshot = false;
    }

    /// The state with the whole history in it, applied or not: what a leader's initial history is.
    pub(crate) fn whole_state(&self, now: Now) -> SnapshotOf<P> {
        self.whole_service(now).snapshot()
    }

    /// A service of its own with that state; what happens to it does not happen to this server's.
    pub(crate) fn whole_service(&self, now: Now) -> P::Service {
        let mut state = self.service.clone();
        let mut discarded = Vec::new();
        for (zxid, txn) in self.history.after(self.history.applied()) {
            state.apply(now, *zxid, txn, &mut discarded);
        }
        state
    }

    /// What the transactions that a learner lacks may take before it is sent the state instead.
    pub(crate) fn diff_limit(&self) -> usize {
        rules::diff_limit(&self.config, self.service.size())
    }

    /// Forget what no learner will be sent any more.
    pub(crate) fn trim(&mut self) {
        self.history.trim(self.config.commit_log_count, self.config.commit_log_bytes);
    }

    fn snapshot_if_due(&mut self, applied: Zxid, size: usize, cx: &mut Context<'_, P>) {
        if self.config.snap_count == 0 {
            return;
        }
        self.since_snapshot += 1;
        let limit = match self.config.snap_size {
            SizeLimit::NONE => usize::MAX,
            limit => {
                self.bytes_since_snapshot = self.bytes_since_snapshot.saturating_add(size);
                limit.of(self.service.size())
            }
        };
        let is_due = self.since_snapshot >= self.config.snap_count || self.bytes_since_snapshot >= limit;
        if is_due && !self.taking_snapshot {
            (self.since_snapshot, self.bytes_since_snapshot) = (0, 0);
            self.taking_snapshot = true;
            let state = if rules::snapshot_has_tail(&self.config) {
                self.whole_state(cx.now)
            } else {
                self.service.snapshot()
            };
            let stands = rules::snapshot_stands_at(&self.config, applied, self.history.last());
            cx.out.push(Output::TakeSnapshot(stands, state));
        }
    }
}

/// Requests waiting for something, oldest first.
pub(crate) type Requests<P> = alloc::collections::VecDeque<RequestOf<P>>;
