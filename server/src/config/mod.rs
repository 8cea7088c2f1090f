//! A server's configuration: `zoo.cfg`, the dynamic file it names, and `myid`.
//!
//! In two stages: as it was typed (`typed.rs`), then as it is meant, with defaults filled in and
//! contradictions found (`meaning.rs`, `membership.rs`). Keys, defaults and limits are in one table
//! (`keys/`).

mod admin;
mod check;
pub(crate) mod error;
mod files;
mod keys;
mod load;
mod meaning;
mod member;
mod membership;
mod myid;
mod properties;
mod reference;
mod reload;
mod server_config;
mod tls;
mod typed;
mod value;

pub use admin::AdminSettings;
pub(crate) use check::ConfigCommand;
pub use error::{ConfigError, ConfigErrors, Mistake, Warning};
pub(crate) use files::Directories;
pub use files::{Autopurge, FileSettings, MIN_RETAINED, SnapSizeLimit};
#[cfg(test)]
pub(crate) use keys::is_key;
pub use member::{ClientAddress, HostPort, LearnerType, Member};
pub(crate) use reload::{Changes, Reloader};
pub use server_config::{Containers, ServerConfig, Strictness, Whitelist};
pub use tls::{Listens, TlsConfig};

#[cfg(test)]
mod tests;
