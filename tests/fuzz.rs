//! Input from strangers, made of what was recorded and changed at random. No decoder, sequence of inputs,
//! data directory or configuration file may cause a panic, or cost much more than it is long.
//!
//! `QUORATE_FUZZ_SECONDS` says how long each target takes (default 1). `QUORATE_FUZZ_SEED` begins with that
//! case. A case is a function of its number, which a failure prints.

#[path = "fuzz/client_session.rs"]
mod client_session;
#[path = "fuzz/configs.rs"]
mod configs;
#[path = "fuzz/corpus.rs"]
mod corpus;
#[path = "fuzz/data_dirs.rs"]
mod data_dirs;
#[path = "fuzz/decoders.rs"]
mod decoders;
#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "fuzz/run.rs"]
mod run;
#[path = "fuzz/steps.rs"]
mod steps;
