//! A way through a model as something to read: what each process did, what went to disk, where messages went.
//!
//! A [`Story`] is told by a model ([`Subject::tell`](crate::search::Subject::tell)) to a [`Teller`], step by
//! step. Then it is shown as text with a diagram ([`Story::text`]), as a sequence diagram ([`Story::svg`]) or
//! as a page of its own ([`Story::html`]). Time runs downwards: one row per *beat*, which is one thing that
//! one process does at once. An arrow begins where a message is sent and ends where it is read.

pub(crate) mod ensemble;
mod html;
mod svg;
mod tell;
pub(crate) mod teller;
mod text;
pub(crate) mod way;

pub use tell::tell;
pub use teller::{Arrow, Beat, Channel, Fate, Kind, Look, NoSuchPath, Step, Story, Teller};
pub use way::{parse_path, show_path, way_to};
