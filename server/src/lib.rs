//! The `quorate` program as a library: configuration, sockets, files, the loop around `core`.

pub mod admin;
pub mod config;
pub mod error;
pub mod timer;
