//! Which client connections are taken: up to a number in all, and up to a number of one address.

use std::collections::HashMap;
use std::net::IpAddr;

use quorate_core::ids::ConnId;

use super::id::{MAX_CONNECTIONS, conn_id};

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// `maxClientCnxns`: connections per address; 0: no limit.
    pub(crate) per_address: usize,
    /// `maxCnxns`: connections of all addresses together; 0: no limit but the next.
    pub(crate) all: usize,
    /// Connections of all addresses together, which must leave descriptors for the log.
    pub(crate) descriptors: usize,
}

/// The connections that there are, by address.
pub(super) struct Admission {
    limits: ConnectionLimits,
    per_address: HashMap<IpAddr, usize>,
    accepted: u64,
}

impl Admission {
    /// No connections.
    pub(super) fn new(limits: ConnectionLimits) -> Admission {
        Admission { limits, per_address: HashMap::new(), accepted: 0 }
    }

    /// Other limits from now on; the connections that there are stay.
    pub(super) fn set_limits(&mut self, per_address: usize, all: usize) {
        self.limits = ConnectionLimits { per_address, all, ..self.limits };
    }

    /// Whether one more connection of this address may come to the `open` ones.
    ///
    /// # Errors
    /// Which limit it would exceed.
    pub(super) fn may_enter(&self, open: usize, address: IpAddr) -> Result<(), String> {
        let ConnectionLimits { per_address, all, descriptors } = self.limits;
        if open >= descriptors.min(MAX_CONNECTIONS) {
            return Err("too many connections for this server's limit of open files".to_owned());
        }
        if all > 0 && open >= all {
            return Err(format!("too many connections (maxCnxns={all})"));
        }
        let of_address = self.per_address.get(&address).copied().unwrap_or(0);
        if per_address > 0 && of_address >= per_address {
            return Err(format!("too many connections from this address (maxClientCnxns={per_address})"));
        }
        Ok(())
    }

    /// The number of the next connection, which is kept in this slot.
    pub(super) fn next_id(&mut self, slot: usize) -> ConnId {
        self.accepted += 1;
        conn_id(self.accepted, slot)
    }

    /// A connection of this address has come.
    pub(super) fn entered(&mut self, address: IpAddr) {
        *self.per_address.entry(address).or_default() += 1;
    }

    /// A connection of this address has gone.
    pub(super) fn left(&mut self, address: IpAddr) {
        if let Some(count) = self.per_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_named() {
        let limits = ConnectionLimits { per_address: 1, all: 2, descriptors: 3 };
        let [here, there] = [1, 2].map(|last| IpAddr::from([127, 0, 0, last]));
        let mut admission = Admission::new(limits);
        assert_eq!(admission.may_enter(0, here), Ok(()));
        admission.entered(here);
        assert!(admission.may_enter(1, here).unwrap_err().contains("maxClientCnxns=1"));
        assert_eq!(admission.may_enter(1, there), Ok(()));
        assert!(admission.may_enter(2, there).unwrap_err().contains("maxCnxns=2"));
        assert!(admission.may_enter(3, there).unwrap_err().contains("open files"));
        admission.left(here);
        assert_eq!(admission.may_enter(0, here), Ok(()));
        assert!(admission.per_address.is_empty(), "an address without connections takes no memory");
        assert_ne!(admission.next_id(0), admission.next_id(0));
    }
}
