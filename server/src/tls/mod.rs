//! TLS without sockets: keys and certificates, whom to believe, and what to say when something is wrong.

mod certificate;
pub(crate) mod connect;
mod context;
mod identity;
pub(crate) mod make;
mod names;
pub(crate) mod settings;
mod store;
mod trouble;
mod verify;
pub(crate) mod words;

pub(crate) use certificate::Certificate;
pub(crate) use context::{Context, files};
pub(crate) use names::Expected;
pub(crate) use store::contents;
pub(crate) use trouble::{Part, Trouble};
pub(crate) use verify::date;

#[cfg(test)]
pub(crate) mod tests;
