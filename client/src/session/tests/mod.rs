//! One scenario for each rule of a session, and random ones.

mod connecting;
mod ending;
mod lies;
mod random;
mod requests;
mod script;
mod watching;
