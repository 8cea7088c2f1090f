//! The schemes of access control lists, as one table: what an id of each may be, and whom it names.

use super::{digest, ip};

/// A scheme.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    /// As lists name it.
    pub name: &'static str,
    /// Whether a list may have this id. `None`: only `auth` brings ids of the scheme into a list.
    pub is_valid: Option<fn(&str) -> bool>,
    /// Whether a client with the first id is named by the second.
    pub names: fn(&str, &str) -> bool,
    /// Whether ids are compared as they are.
    pub is_exact: bool,
    /// Whether the id is a proof of identity; an address is none.
    pub is_proof: bool,
}

const TABLE: [Scheme; 4] = [
    Scheme {
        name: "world",
        is_valid: Some(|id| id == "anyone"),
        names: |_, id| id == "anyone",
        is_exact: false,
        is_proof: false,
    },
    Scheme { name: "ip", is_valid: Some(ip::is_valid), names: ip::matches, is_exact: false, is_proof: false },
    Scheme {
        name: "digest",
        is_valid: Some(digest::is_valid),
        names: |id, named| id == named,
        is_exact: true,
        is_proof: true,
    },
    Scheme {
        name: "x509",
        is_valid: Some(|id| !id.is_empty()),
        names: |id, named| id == named,
        is_exact: true,
        is_proof: true,
    },
];

/// The schemes that a server has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Schemes {
    /// Whether there is `x509`: where clients can show certificates.
    pub x509: bool,
}

impl Schemes {
    /// The scheme of this name, if lists may name it.
    pub fn of_lists(self, name: &str) -> Option<&'static Scheme> {
        scheme(name).filter(|scheme| self.x509 || scheme.name != "x509")
    }
}

/// The scheme of this name.
pub fn scheme(name: &str) -> Option<&'static Scheme> {
    TABLE.iter().find(|scheme| scheme.name == name)
}
