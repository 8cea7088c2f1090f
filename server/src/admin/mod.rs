//! What an operator can ask a running server.

pub(crate) mod facts;
pub(crate) mod four_letter;
