//! The `quorate` program as a library: configuration, sockets, files, the loop around `core`.
//!
//! | module | job |
//! |---|---|
//! | [`cli`] | the command line and the exit codes |
//! | [`config`] | `zoo.cfg`: as typed, then as meant |
//! | `driver` | the loop: the one caller of core's `step` |
//! | `net` | every socket, on one thread |
//! | [`storage`] | log, snapshots and epochs on disk |
//! | `admin` | what operators ask: four-letter words |
//! | `service` | servers in the background: start, stop, restart, status |
//! | `data` | what operators do with a server's files |
//! | `ensemble` | a whole ensemble on this machine |
//! | `bench` | the load generator |
//! | `shell` | the shell for people and scripts |
//! | `output` | standard output and standard error of commands |
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr))]

mod admin;
pub mod bench;
mod cert;
pub mod cli;
mod clock;
pub mod config;
mod data;
mod driver;
mod ensemble;
pub mod error;
pub mod logging;
mod mutation;
mod net;
mod output;
#[cfg(test)]
mod pages;
mod panic_hook;
mod service;
mod shell;
mod stats;
pub mod storage;
mod timer;
mod tls;
mod word;
