//! What one client may do while one of its requests is worked on: every list is judged once.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use super::is_allowed;
use crate::wire::record::{Acl, Id};

/// A list that is no longer than this is judged again: that takes less than to look it up.
const FEW: usize = 8;

/// The rights of a client, for the time of one request.
///
/// Requests with many parts name the same znode, or znodes with the same list, again and again.
/// Znodes with equal lists share them, so that the list itself tells whether it was judged.
#[derive(Debug)]
pub struct Rights<'a> {
    ids: &'a [Id],
    /// Every list allows everything (`zookeeper.skipACL`).
    skip: bool,
    /// By address of the list and wanted bits; the list is kept, so that its address is not reused.
    judged: BTreeMap<(usize, i32), Judged>,
    visited: usize,
}

#[derive(Debug)]
struct Judged {
    _list: Arc<[Acl]>,
    allowed: bool,
}

impl<'a> Rights<'a> {
    /// The rights of a client with the identities `ids`; everything if `skip` says that lists do not count.
    pub fn new(ids: &'a [Id], skip: bool) -> Self {
        Rights { ids, skip, judged: BTreeMap::new(), visited: 0 }
    }

    /// Whether the list allows any of the bits `wanted`.
    pub fn allow(&mut self, acl: &Arc<[Acl]>, wanted: i32) -> bool {
        if self.skip {
            return true;
        }
        if acl.len() <= FEW {
            self.visited += acl.len();
            return is_allowed(acl, wanted, self.ids);
        }
        let address = Arc::as_ptr(acl).cast::<Acl>().addr();
        if let Some(judged) = self.judged.get(&(address, wanted)) {
            return judged.allowed;
        }
        self.visited += acl.len();
        let allowed = is_allowed(acl, wanted, self.ids);
        self.judged.insert((address, wanted), Judged { _list: Arc::clone(acl), allowed });
        allowed
    }

    /// How many entries of lists were looked at.
    pub fn visited(&self) -> usize {
        self.visited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record::perms;
    use alloc::format;
    use alloc::vec::Vec;

    #[test]
    fn a_list_is_looked_at_once_for_each_wish() {
        let list: Vec<Acl> =
            (0..100).map(|i| Acl::new(perms::READ, "digest", &format!("user{i}:x"))).collect();
        let (first, second): (Arc<[Acl]>, Arc<[Acl]>) = (list.clone().into(), list.into());
        let ids = [Id::new("digest", "user99:x")];
        let mut rights = Rights::new(&ids, false);
        for _ in 0..1000 {
            assert!(rights.allow(&first, perms::READ));
            assert!(!rights.allow(&first, perms::WRITE));
        }
        assert_eq!(rights.visited(), 200);
        assert!(rights.allow(&second, perms::READ));
        assert_eq!(rights.visited(), 300);
        let mut everything = Rights::new(&[], true);
        assert!(everything.allow(&first, perms::ADMIN));
        assert_eq!(everything.visited(), 0);
    }
}
