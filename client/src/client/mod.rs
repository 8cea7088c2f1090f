//! A session with an ensemble, for programs that run on tokio.

mod answer;
mod driver;
mod handle;
mod listener;
mod operations;
mod states;
mod transport;
mod watch;

pub(crate) use watch::Ears;

pub use answer::{Answer, Watched};
pub use handle::{Builder, Client};
pub use listener::Notice;
pub use operations::{
    Children, Create, CreateWithParents, Created, Delete, Exists, Get, GetChildren, Multi, MultiRead, Node,
    ReadResult, Reconfigure, SetAcl, SetData,
};
pub use states::States;
pub use watch::{Change, Changes, Watch, WatchLost};
