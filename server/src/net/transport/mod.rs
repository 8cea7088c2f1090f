//! What carries a connection's bytes: a socket as it is, or TLS over it.
//!
//! All three ports read and write through [`Transport`]. A handshake is no work of the loop. While it lasts,
//! the socket is away with another thread (`threads.rs`); then it comes back ready to use.

mod carrier;
mod handshake;
mod reload;
mod session;
mod threads;
mod tls;

pub(crate) use carrier::{Door, Transport};

pub(crate) use handshake::{Direction, Ticket};
pub(crate) use reload::Reload;
pub(crate) use threads::{Credentials, Finished, Handshakes, Limits};

#[cfg(test)]
mod tests;
