//! What one client may be told: its own writes, the znodes it shares with others, its watches.

use quorate_core::wire::record::Stat;

/// Znodes that all clients write and read.
pub(super) const SHARED: usize = 8;

/// How far a znode of the client's own is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Made {
    /// A create was asked for.
    Asked,
    /// The create was acknowledged.
    There,
    /// A delete was asked for.
    Going,
    /// The delete was acknowledged.
    Gone,
}

/// A value that only this client writes: 1, 2, 3 and so on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Own {
    /// The newest that was acknowledged or read.
    pub(super) known: u64,
    /// The newest that was asked for.
    pub(super) asked: u64,
}

impl Own {
    /// The value was read.
    ///
    /// # Errors
    /// The value that was read is not what was written.
    pub(super) fn read(&mut self, value: u64) -> Result<(), String> {
        if !(self.known..=self.asked).contains(&value) {
            let Own { known, asked } = self;
            return Err(format!("its own value is {value}; {known} was known, {asked} was written last"));
        }
        self.known = value;
        Ok(())
    }
}

/// What a client knows of the shared znodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The newest Stat of each: version and mzxid.
    newest: [(i32, i64); SHARED],
    /// The mzxid of each that is watched, over this connection.
    watched: [Option<i64>; SHARED],
}

impl Seen {
    /// A reply shows a shared znode, perhaps to a client that watches it from now on.
    ///
    /// # Errors
    /// The state that was read is older than one seen before, or a watch should have fired.
    pub(super) fn shown(&mut self, key: usize, stat: &Stat, watch: bool) -> Result<(), String> {
        let (version, mzxid) = (stat.version, stat.mzxid.0 as i64);
        let (old_version, old_mzxid) = self.newest[key];
        if version < old_version || mzxid < old_mzxid {
            return Err(format!(
                "shared znode {key} has version {version} of zxid {mzxid:#x}; version {old_version} of {old_mzxid:#x} \
                 was seen before"
            ));
        }
        if let Some(watched) = self.watched[key].filter(|watched| mzxid > *watched) {
            return Err(format!(
                "shared znode {key} is shown with zxid {mzxid:#x}; it is watched since {watched:#x}, and no event came"
            ));
        }
        self.newest[key] = (version, mzxid);
        if watch {
            self.watched[key] = Some(mzxid);
        }
        Ok(())
    }

    /// An event has come.
    ///
    /// # Errors
    /// No watch was set.
    pub(super) fn told(&mut self, key: usize) -> Result<(), String> {
        match self.watched[key].take() {
            Some(_) => Ok(()),
            None => Err(format!("an event of shared znode {key}, which is not watched")),
        }
    }

    /// The connection is gone, and its watches with it.
    pub(super) fn disconnected(&mut self) {
        self.watched = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::ids::Zxid;

    use super::*;

    fn stat(version: i32, mzxid: u64) -> Stat {
        Stat { version, mzxid: Zxid(mzxid), ..Stat::default() }
    }

    #[test]
    fn an_own_value_is_between_what_is_known_and_what_was_asked() {
        let mut own = Own { known: 3, asked: 5 };
        assert!(own.read(2).is_err() && own.read(6).is_err());
        own.read(4).unwrap();
        assert!(own.read(3).unwrap_err().contains("its own value is 3; 4 was known"));
    }

    #[test]
    fn a_shared_znode_does_not_go_back_and_its_watch_fires_first() {
        let mut seen = Seen::default();
        seen.shown(1, &stat(3, 30), false).unwrap();
        assert!(seen.shown(1, &stat(2, 20), false).is_err());
        seen.shown(1, &stat(3, 30), true).unwrap();
        assert!(seen.shown(1, &stat(4, 40), true).unwrap_err().contains("no event came"));
        seen.told(1).unwrap();
        seen.shown(1, &stat(4, 40), false).unwrap();
        assert!(seen.told(1).unwrap_err().contains("not watched"));
        seen.shown(1, &stat(4, 40), true).unwrap();
        seen.disconnected();
        seen.shown(1, &stat(5, 50), false).unwrap();
    }
}
