//! Recipes: what programs agree on by means of znodes.
//!
//! Each is a pure machine, which models can exhaust together with the servers, and a thin wrapper around it
//! for the feature `tokio`.
//!
//! | recipe | machine | wrapper |
//! |---|---|---|
//! | a lock that one contender holds | [`contender::Contender`] | `Lock` |
//! | a lock that readers share and writers do not | [`contender::Contender`] | `Lock::shared`, `Lock::exclusive` |
//! | a leader among candidates | [`contender::Contender`] | `Latch` |
//! | a copy of a subtree | [`mirror::Mirror`] | `TreeCache` |
//! | a barrier | [`barrier::Barrier`] | `Barrier` |
//! | a double barrier | [`double_barrier::Member`] | `DoubleBarrier` |
//! | a queue whose items are claimed | [`taker::Taker`] | `Queue`, `Consumer` |
//!
//! # Fencing
//!
//! A holder may be paused at any moment, for longer than its session lives. Then another one holds, and the
//! first does not know it yet. No lock over a network can prevent that. So every holder gets a
//! [`contender::Token`], which grows with every holder. The resource that is protected refuses a token that
//! is smaller than the greatest it has seen.
//!
//! | what happens | what holds |
//! |---|---|
//! | the connection is lost | the holder is told *lost* at once, and its znode is deleted later |
//! | the session expires | the holder was told when the connection was lost; the znode is gone |
//! | an operator deletes the znode | the holder is told *lost* |
//! | the process pauses, the session expires | the holder finds out when it runs again; the token closes the gap |
//! | the reply to a creation is lost | the znode is searched for by its mark, behind a `sync`, and deleted or used |

pub mod barrier;
#[cfg(feature = "tokio")]
mod cache;
pub mod contender;
pub mod double_barrier;
#[cfg(feature = "tokio")]
mod gates;
#[cfg(feature = "tokio")]
mod lock;
pub mod machine;
pub mod mirror;
#[cfg(feature = "tokio")]
mod queue;
#[cfg(feature = "tokio")]
mod run;
pub mod taker;

#[cfg(feature = "tokio")]
pub use cache::{CacheChange, TreeCache};
#[cfg(feature = "tokio")]
pub use gates::{Barrier, DoubleBarrier, Inside};
#[cfg(feature = "tokio")]
pub use lock::{Held, Latch, Lock, LockError};
#[cfg(feature = "tokio")]
pub use queue::{Consumer, Item, Queue};
