//! ZAB: discovery of an epoch, synchronisation of histories, broadcast of transactions.
//!
//! ```text
//!             leader                                       learner
//! discovery   ◄── FOLLOWERINFO(acceptedEpoch) ──────────── dials the elected leader
//!             quorum: epoch = max + 1, written
//!             ── LEADERINFO(epoch) ──────────────────────► written
//!             ◄── ACKEPOCH(currentEpoch, last zxid) ──────
//! sync        quorum: currentEpoch written
//!             ── DIFF | TRUNC | SNAP, PROPOSAL+COMMIT… ──► logged
//!             ── NEWLEADER(epoch) ───────────────────────► all of it on disk, then currentEpoch
//!             ◄── ACK(epoch, 0) ──────────────────────────
//!             quorum: the initial history is committed
//!             ── UPTODATE ───────────────────────────────► applied, serves clients
//! broadcast   ── PROPOSAL(zxid) ─────────────────────────► logged, on disk
//!             ◄── ACK(zxid) ──────────────────────────────
//!             quorum: ── COMMIT(zxid), INFORM to observers ► applied
//! ```

mod cached;
mod failures;
mod history;
mod leader;
mod learner;
mod learner_handler;
mod lease;
mod lobby;
mod member;
pub(crate) mod packet;
mod rules;
mod sync_plan;

pub use history::{Gap, History};
pub use learner_handler::{LearnerHandler, Promise, Stage};
pub use packet::{Packet, RequestOf, SnapshotOf};
pub use sync_plan::{SyncPlan, sync_plan};

pub(crate) use leader::Leader;
pub(crate) use learner::Learner;
pub(crate) use lobby::{Guest, Lobby};
pub(crate) use member::{Context, Member, RoleEnded};
