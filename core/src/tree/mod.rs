//! The tree of znodes: the container, the rules that change it, and the paths, lists, owners and
//! digest that belong to it.

pub mod acl;
pub mod crc32;
mod data_tree;
pub mod digest;
pub mod owner;
pub mod path;
pub mod path_map;
mod replay;
pub mod store;

pub use acl::{AclId, AclTable};
pub use data_tree::{DataTree, Deleted, NewZnode, TreeError};
pub use owner::{Owned, Owner};
