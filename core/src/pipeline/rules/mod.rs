//! The rules of the pipeline as pure functions: of preparing a transaction, of applying it, of clients, and
//! of sessions.
//!
//! Rules are broken on purpose here, and nowhere in the other files of the pipeline (see `mutation.rs`).

pub(super) mod apply;
pub(super) mod clients;
pub(super) mod prepare;
pub(super) mod sessions;
