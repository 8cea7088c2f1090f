//! What an operator can ask a running server.

pub mod four_letter;
