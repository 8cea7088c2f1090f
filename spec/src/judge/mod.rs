//! An independent judge: what ZooKeeper promises a client of each operation, written once more.
//!
//! Everything else in this repository runs core's rules about znodes. The judge is what those rules are
//! compared with. [`Judge`] keeps znodes in one map and takes one request after the other; it knows no
//! transactions, no outstanding changes and no wire format. Its rules are those of ZooKeeper's programmer's
//! guide and of servers that were asked, and nothing of core is in [`rules`], [`rights`] or [`words`].
//!
//! [`glue`] translates between the judge's words and core's types, and [`hearing`] follows the clients of a
//! server. Three things ask the judge: the model `road`, the long random requests of `spec/tests/judge/`, and
//! `quorate-checks replay`.

pub mod glue;
pub mod hearing;
mod reads;
pub mod rights;
pub mod rules;
pub mod words;

pub use rules::Judge;
