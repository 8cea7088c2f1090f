//! A whole ensemble in one value: servers, disks, connections, votes under way, a budget of faults.
//!
//! Every transition is one call of the shipped [`QuorumPeer::step`](quorate_core::QuorumPeer::step) (or a
//! fault); its outputs are performed here the way the server's shell performs them. What the world adds is
//! nondeterminism: which packet arrives next, when a write becomes durable, which alarm fires, what dies.

mod action;
mod bytes;
mod disk;
mod enabled;
mod ghost;
mod java;
mod link;
mod marked;
mod modelled;
mod observe;
mod perform;
mod setting;
mod settle;
mod show;
mod state;
mod symmetry;
mod trace;

pub use action::Action;
pub use disk::{Disk, DiskOp, Durable};
pub use ghost::{Broken, Ghost};
pub use java::{Flaws, JavaPeer};
pub use link::{Connection, End, Side};
pub use marked::{AppliedOf, Marked};
pub use modelled::Modelled;
pub(crate) use observe::{
    OneByOne, acknowledges_what_is_durable, answers_needlessly, is_oversized, leads_unheard, promises, votes,
    votes_for_less,
};
pub use setting::{Budget, Forged, Harsh, QuorumPort, Setting};
pub(crate) use state::Told;
pub use state::{Server, World};
use state::{bit, id, index};
pub use trace::{Event, View};

use crate::hash::Printed;
