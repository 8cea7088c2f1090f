//! TLS without sockets: keys and certificates, whom to believe, and what to say when something is wrong.

mod certificate;
mod context;
mod identity;
mod names;
pub(crate) mod settings;
mod store;
mod trouble;
mod verify;
pub(crate) mod words;

pub(crate) use certificate::Certificate;
pub(crate) use context::{Context, files};
pub(crate) use names::Expected;
pub(crate) use trouble::{Part, Trouble};
