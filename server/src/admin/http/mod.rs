//! The admin server: commands, figures and health over HTTP, on a thread of its own.
//!
//! ```text
//! request ─► gate (who may ask at all) ─► route ─► asker ─► the loop's desk, one question a turn
//!                                           └────► answer: JSON, a list in pieces, a snapshot, figures
//! ```
//!
//! What it knows of the server, it has asked for. The loop does nothing for it but answer questions.

mod asker;
mod authorization;
mod body;
mod commands;
mod connection;
mod ensemble;
mod gate;
mod health;
mod json;
mod lists;
mod outcome;
mod query;
mod route;
mod server;
mod shared;
mod snapshot;

pub(crate) use server::start;
