//! What must be true of Quorate's core, and the machinery that checks it.
//!
//! [`world::World`] is a whole ensemble in one value whose transitions are calls of the shipped
//! `QuorumPeer::step`. [`properties`] are predicates over its states; [`models`] are bounded worlds that a
//! search exhausts. The program `quorate-checks` is a thin layer above this library. What follows shows how
//! to check a protocol or a property of your own.
//!
//! # An ensemble with bounds and a property of your own
//!
//! A [`world::Budget`] says what may happen: it is part of the state, so that a search that ends has seen
//! everything within it. [`models::zab`] makes an ensemble of any size; for other configurations build
//! a [`world::Setting`]. The property here is false on purpose; [`search::breadth_first`] finds a
//! shortest way to a state that breaks it, and [`story`] tells it.
//!
//! ```
//! use quorate_core::config::ElectionMode;
//! use quorate_spec::models::{Variant, zab};
//! use quorate_spec::properties::Invariant;
//! use quorate_spec::search::{Limits, Searchable, breadth_first};
//! use quorate_spec::world::{Budget, Durable};
//!
//! const MINE: &[Invariant] = &[Invariant {
//!     name: "OneReign",
//!     claim: "There is one epoch at most.",
//!     source: "an example",
//!     holds: |_, world| world.peers().all(|(_, peer)| peer.established_epoch() <= Some(1)),
//! }];
//!
//! // An oracle names leaders, twice, and something may fail, once.
//! let budget = Budget { elections: 2, faults: 1, ..Budget::default() };
//! let mut ensemble = zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], Variant::default());
//! ensemble.invariants = MINE;
//!
//! let found = breadth_first(&ensemble, Limits::default(), |_| {});
//! let violation = found.violation.expect("a second leader is established");
//! assert_eq!(violation.broken.name(), "OneReign");
//!
//! let story = ensemble.story(&violation.indices)?;
//! assert!(story.text().contains("OneReign is broken: There is one epoch at most."));
//! let picture: String = story.svg();
//! # assert!(picture.starts_with("<svg"));
//! # Ok::<(), quorate_spec::story::NoSuchPath>(())
//! ```
//!
//! A search says *exhausted* ([`search::Report::exhausted`]) only if nothing cut it short. Its second
//! opinion is stateright's own search of the same model ([`search::Searchable::second_opinion`]):
//! [`models::Ensemble`] is a stateright `Model`.
//!
//! # A protocol of your own
//!
//! [`models::paxos::Protocol`] asks for states, steps and claims; [`models::paxos::Checked`] makes a model of
//! it that the same searches, stories and pictures work on. `tell` may be left out: a story is then a list of
//! steps.
//!
//! ```
//! use quorate_spec::models::paxos::{Checked, Claim, Protocol};
//! use quorate_spec::search::{Limits, Searchable, breadth_first};
//! use quorate_spec::story::Teller;
//!
//! /// Two processes hand a token to each other; a careless one keeps it.
//! struct Token {
//!     careless: bool,
//! }
//!
//! #[derive(Clone, PartialEq, Eq, Hash, Debug)]
//! struct State {
//!     has: [bool; 2],
//!     under_way: Option<usize>,
//! }
//!
//! #[derive(Clone, PartialEq, Debug)]
//! enum Step {
//!     Hand(usize),
//!     Take(usize),
//! }
//!
//! impl Protocol for Token {
//!     type State = State;
//!     type Step = Step;
//!     const CLAIMS: &'static [Claim<State>] =
//!         &[Claim { name: "OneToken", says: "one process has it at most", holds: |s| s.has != [true; 2] }];
//!     const REACHES: &'static [Claim<State>] =
//!         &[Claim { name: "the other has it", says: "", holds: |s| s.has[1] }];
//!
//!     fn begin(&self) -> Vec<State> {
//!         vec![State { has: [true, false], under_way: None }]
//!     }
//!
//!     fn steps(&self, state: &State, steps: &mut Vec<Step>) {
//!         match state.under_way {
//!             Some(to) => steps.push(Step::Take(to)),
//!             None => steps.extend((0..2).filter(|p| state.has[*p]).map(Step::Hand)),
//!         }
//!     }
//!
//!     fn after(&self, state: &State, step: &Step) -> State {
//!         let mut next = state.clone();
//!         match *step {
//!             Step::Hand(from) => {
//!                 next.has[from] = self.careless;
//!                 next.under_way = Some(1 - from);
//!             }
//!             Step::Take(to) => {
//!                 next.has[to] = true;
//!                 next.under_way = None;
//!             }
//!         }
//!         next
//!     }
//!
//!     fn lanes(&self) -> Vec<String> {
//!         vec!["left".into(), "right".into()]
//!     }
//!
//!     fn tell(&self, teller: &mut Teller, _: &State, step: &Step, _: &State) {
//!         match *step {
//!             Step::Hand(from) => teller.act(from, &[], vec![], &[(1 - from, 0, "TOKEN".into())]),
//!             Step::Take(to) => teller.act(to, &[(1 - to, 0, "TOKEN".into())], vec![], &[]),
//!         }
//!     }
//! }
//! # impl std::fmt::Display for State {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{self:?}") }
//! # }
//! # impl std::fmt::Display for Step {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{self:?}") }
//! # }
//!
//! let careful = Checked { protocol: Token { careless: false }, salt: 0 };
//! let found = breadth_first(&careful, Limits::default(), |_| {});
//! assert!(found.exhausted && found.violation.is_none() && found.unreached.is_empty());
//!
//! let careless = Checked { protocol: Token { careless: true }, salt: 0 };
//! let violation = breadth_first(&careless, Limits::default(), |_| {}).violation.expect("both keep it");
//! assert_eq!(violation.path.len(), 2);
//! println!("{}", careless.story(&violation.indices)?.diagram());
//! # Ok::<(), quorate_spec::story::NoSuchPath>(())
//! ```
//!
//! (States and steps are also `Display`: a state in words, clauses separated by `; `, and a step in words.)
//!
//! What of this library stays as it is from version to version is listed in its README.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod byte;
pub mod deed;
pub mod deep;
mod explorer;
pub mod fall;
pub mod hash;
mod identity;
pub mod judge;
pub mod liveness;
pub mod models;
#[cfg(feature = "mutants")]
pub mod mutants;
mod progress;
pub mod properties;
pub mod replay;
#[cfg(feature = "mutants")]
pub mod rule;
pub mod search;
pub mod simulate;
pub mod story;
mod subject;
pub mod transcript;
mod words;
pub mod world;
