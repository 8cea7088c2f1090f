//! Every operation of the client protocol, as calls that read like sentences.

mod admin;
mod create;
mod multi;
mod node;
mod read;
mod waiting;
mod watching;
mod write;

pub use admin::Reconfigure;
pub use create::{Create, CreateWithParents, Created};
pub use multi::{Multi, MultiRead, ReadResult};
pub use node::Node;
pub use read::{Children, Exists, Get, GetChildren};
pub use write::{Delete, SetAcl, SetData};
