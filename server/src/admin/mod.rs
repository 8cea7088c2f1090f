//! What an operator can ask a running server: the four-letter words.

pub(crate) mod answer;
pub(crate) mod answers;
pub(crate) mod civil;
mod date;
pub(crate) mod facts;
pub(crate) mod four_letter;
pub(crate) mod metrics;
pub(crate) mod mode;
mod monitor;
