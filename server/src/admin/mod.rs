//! What an operator can ask a running server: the four-letter words, and over HTTP.

pub(crate) mod answer;
pub(crate) mod answers;
pub(crate) mod civil;
mod date;
pub(crate) mod desk;
pub(crate) mod facts;
mod figures;
pub(crate) mod four_letter;
pub(crate) mod http;
pub(crate) mod metrics;
pub(crate) mod mode;
mod monitor;
mod process;
mod prometheus;
mod reading;
pub(crate) mod reload;
pub(crate) mod view;
