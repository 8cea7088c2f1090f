//! Why a znode may go by itself: what `ephemeralOwner` stands for, and what each session owns.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::ops::Bound;

use crate::ids::SessionId;

/// What the `ephemeralOwner` of a znode means (`EphemeralType`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Owner {
    /// No owner: the znode stays until it is deleted.
    Nobody,
    /// A session: it goes with it.
    Session(SessionId),
    /// A container: the znode goes when its last child has gone.
    Container,
    /// With a TTL: the znode goes when it has had no children and no change for this long, ms.
    Ttl(i64),
}

/// The longest time to live, ms: 40 bits.
pub const MAX_TTL: i64 = (1 << 40) - 1;

const CONTAINER: i64 = i64::MIN;
const EXTENDED: u64 = 0xFF << 56;
const EXTENDED_TYPE: u64 = 0xFFFF << 40;

impl Owner {
    /// What `raw` means. Without `extended` types (`zookeeper.extendedTypesEnabled`) a TTL mark is
    /// the id of a session; every server of an ensemble must agree on it.
    pub const fn from_raw(raw: i64, extended: bool) -> Self {
        let bits = raw as u64;
        if raw == 0 {
            Owner::Nobody
        } else if raw == CONTAINER {
            Owner::Container
        } else if extended && bits & EXTENDED == EXTENDED && bits & EXTENDED_TYPE == 0 {
            Owner::Ttl((bits & MAX_TTL as u64) as i64)
        } else {
            Owner::Session(SessionId(raw))
        }
    }

    /// The stored form. A time to live must be between 0 and [`MAX_TTL`].
    pub const fn to_raw(self) -> i64 {
        match self {
            Owner::Nobody => 0,
            Owner::Session(SessionId(id)) => id,
            Owner::Container => CONTAINER,
            Owner::Ttl(ttl) => (EXTENDED | ttl as u64) as i64,
        }
    }
}

/// The paths of every znode that may go by itself, by what makes it go.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Owned {
    sessions: BTreeMap<SessionId, BTreeSet<Arc<str>>>,
    ephemerals: usize,
    containers: BTreeSet<Arc<str>>,
    ttls: BTreeSet<Arc<str>>,
}

impl Owned {
    /// A znode was created: note it if it has an owner.
    pub fn add(&mut self, owner: Owner, path: &str) {
        let new = match owner {
            Owner::Nobody => return,
            Owner::Session(session) => {
                let new = self.sessions.entry(session).or_default().insert(path.into());
                self.ephemerals += usize::from(new);
                return;
            }
            Owner::Container => &mut self.containers,
            Owner::Ttl(_) => &mut self.ttls,
        };
        new.insert(path.into());
    }

    /// A znode was deleted: forget what was noted of it.
    pub fn remove(&mut self, owner: Owner, path: &str) {
        match owner {
            Owner::Nobody => {}
            Owner::Session(session) => {
                if let Some(paths) = self.sessions.get_mut(&session) {
                    self.ephemerals -= usize::from(paths.remove(path));
                    if paths.is_empty() {
                        self.sessions.remove(&session);
                    }
                }
            }
            Owner::Container => {
                self.containers.remove(path);
            }
            Owner::Ttl(_) => {
                self.ttls.remove(path);
            }
        }
    }

    /// The session's znodes, in order of paths.
    pub fn of_session(&self, session: SessionId) -> impl Iterator<Item = &Arc<str>> {
        self.sessions.get(&session).into_iter().flatten()
    }

    /// The znodes of sessions, by session and path, after this one.
    pub fn after(&self, last: Option<(SessionId, &str)>) -> impl Iterator<Item = (SessionId, &Arc<str>)> {
        let (from, rest) = match last {
            None => (Bound::Unbounded, None),
            Some((session, path)) => {
                let range = (Bound::Excluded(path), Bound::Unbounded);
                let rest = self.sessions.get(&session).map(|paths| paths.range::<str, _>(range));
                (Bound::Excluded(session), rest.map(|rest| rest.map(move |path| (session, path))))
            }
        };
        let later = self.sessions.range((from, Bound::Unbounded));
        let later = later.flat_map(|(session, paths)| paths.iter().map(|path| (*session, path)));
        rest.into_iter().flatten().chain(later)
    }

    /// How many sessions own a znode.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Every session that owns a znode, with the number of them.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, usize)> {
        self.sessions.iter().map(|(session, paths)| (*session, paths.len()))
    }

    /// How many znodes belong to sessions.
    pub fn ephemeral_count(&self) -> usize {
        self.ephemerals
    }

    /// The containers and TTL znodes, in order of paths within each kind.
    pub fn expiring(&self) -> impl Iterator<Item = &Arc<str>> {
        self.containers.iter().chain(&self.ttls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks() {
        assert_eq!(Owner::Container.to_raw() as u64, 0x8000_0000_0000_0000);
        assert_eq!(Owner::Ttl(600_000).to_raw() as u64, 0xFF00_0000_0009_27C0);
        assert_eq!(Owner::from_raw(i64::MIN, false), Owner::Container);
        let ttl = Owner::Ttl(5).to_raw();
        assert_eq!(Owner::from_raw(ttl, true), Owner::Ttl(5));
        assert_eq!(Owner::from_raw(ttl, false), Owner::Session(SessionId(ttl)));
        let other_type = ttl | 1 << 40;
        assert_eq!(Owner::from_raw(other_type, true), Owner::Session(SessionId(other_type)));
    }

    proptest! {
        #[test]
        fn every_raw_owner_comes_back(raw in any::<i64>(), ttl in 0..=MAX_TTL, extended in any::<bool>()) {
            prop_assert_eq!(Owner::from_raw(raw, extended).to_raw(), raw);
            prop_assert_eq!(Owner::from_raw(Owner::Ttl(ttl).to_raw(), true), Owner::Ttl(ttl));
        }
    }

    #[test]
    fn bookkeeping() {
        let mut owned = Owned::default();
        let session = SessionId(7);
        owned.add(Owner::Session(session), "/b");
        owned.add(Owner::Session(session), "/a");
        owned.add(Owner::Session(session), "/a");
        owned.add(Owner::Container, "/c");
        owned.add(Owner::Ttl(1), "/t");
        owned.add(Owner::Nobody, "/x");
        assert_eq!(owned.ephemeral_count(), 2);
        assert!(owned.of_session(session).map(|p| &**p).eq(["/a", "/b"]));
        assert!(owned.expiring().map(|p| &**p).eq(["/c", "/t"]));
        owned.add(Owner::Session(SessionId(9)), "/0");
        let all = [(session, "/a"), (session, "/b"), (SessionId(9), "/0")];
        assert!(owned.after(None).map(|(s, p)| (s, &**p)).eq(all));
        assert!(owned.after(Some(all[0])).map(|(s, p)| (s, &**p)).eq(all[1..].iter().copied()));
        // One that went meanwhile, and a session that did.
        assert!(owned.after(Some((session, "/aa"))).map(|(s, p)| (s, &**p)).eq(all[1..].iter().copied()));
        assert!(owned.after(Some((SessionId(8), "/z"))).map(|(s, p)| (s, &**p)).eq(all[2..].iter().copied()));
        assert_eq!(owned.after(Some(all[2])).next(), None);
        owned.remove(Owner::Session(SessionId(9)), "/0");
        for (owner, path) in [
            (Owner::Session(session), "/a"),
            (Owner::Session(session), "/b"),
            (Owner::Container, "/c"),
            (Owner::Ttl(1), "/t"),
        ] {
            owned.remove(owner, path);
        }
        assert_eq!(owned, Owned::default());
    }
}
