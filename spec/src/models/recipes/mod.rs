//! Recipes of the client library: the shipped machines over shipped sessions and the server's own service.
//!
//! | abstracted | by |
//! |---|---|
//! | the ensemble | one server that applies a transaction when it proposes it |
//! | the shell's tasks and channels | three mailboxes per machine, emptied in any order |
//! | time | a session expires whenever its client has noticed the loss of its connection; pauses end at once |
//! | pings | none: what is silent too long is a cut |
//!
//! Xids and zxids are part of a state, and every step that comes of itself ends. A search that ends has shown
//! that nothing goes on for ever of itself. Every way leads to a quiet state, of which `SomebodyHolds` and
//! its kind are claimed.

pub mod barrier;
pub mod cache;
pub mod double_barrier;
pub mod line;
pub mod lock;
pub mod party;
pub mod queue;
mod recipe;
pub mod server;
pub mod shared;
pub mod world;

use super::model_spec::{Expected, ModelSpec, Variant};
use super::paxos::Checked;
pub use recipe::{Recipe, Theme};
use world::Recipes;

/// The models of recipes.
pub fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "cache",
            composes: "a copy of a subtree over its session and a server, beside an operator",
            bounds: "3 znodes. 1 cut and 2 changes of 6 kinds, or 3 changes, or 1 cut, expiry, change and stop",
            unique: 82_091,
            expected: Expected::Holds,
            build: |variant| build(cache::Cache, variant),
        },
        ModelSpec {
            name: "lock",
            composes: "contenders for a lock over their sessions and a server",
            bounds: "2 or 3 contenders, of which 2 may share a session. 1 cut and expiry, restart, pause, reaping or \
                     operator's deed. Foreign znodes in the directory",
            unique: 137_303,
            expected: Expected::Holds,
            build: |variant| build(lock::Lock, variant),
        },
        ModelSpec {
            name: "shared-lock",
            composes: "readers and writers that contend for one lock",
            bounds: "2 readers and a writer with a stop. A reader and a writer, 1 cut and expiry. 2 writers and a \
                     reader in 2 processes",
            unique: 93_076,
            expected: Expected::Holds,
            build: |variant| build(shared::Shared, variant),
        },
        ModelSpec {
            name: "barrier",
            composes: "two that wait for a barrier, beside an operator that opens and closes it",
            bounds: "1 cut and expiry, 2 deeds; or one process, 2 deeds and a stop",
            unique: 30_519,
            expected: Expected::Holds,
            build: |variant| build(barrier::Gate, variant),
        },
        ModelSpec {
            name: "double-barrier",
            composes: "members that begin and end together",
            bounds: "2 members with a cut, or a pause and expiry, or no directory, or one that withdraws; 3 members \
                     that begin",
            unique: 156_331,
            expected: Expected::Holds,
            build: |variant| build(double_barrier::Both, variant),
        },
        ModelSpec {
            name: "queue",
            composes: "consumers that claim items of a queue and finish them",
            bounds: "2 consumers and 2 items. 2 and 1, with a pause and expiry or with a stop. 1 consumer with a cut: 2 \
                     items, a new item, or no directory",
            unique: 119_536,
            expected: Expected::Holds,
            build: |variant| build(queue::Queue, variant),
        },
    ]
}

fn build<R: Recipe>(recipe: R, variant: Variant) -> Box<dyn crate::search::Searchable> {
    Box::new(Checked { protocol: Recipes { recipe, variant, only: None }, salt: variant.salt })
}
