//! What one connection may prove to be: a list whose length and bytes are bounded.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::wire::record::Id;

/// The most identities of one connection, its address included.
pub const MAX_IDENTITIES: usize = 64;

/// The most bytes that a connection's identities take together where a server sends them to its leader. An
/// identity takes two lengths of four bytes, its scheme and its id.
///
/// This limit is far below what a leader reads with one request, so a learner never sends more than its
/// leader accepts. It also bounds what one entry of the scheme `auth` in an ACL is replaced by.
pub const MAX_IDENTITY_BYTES: usize = 8 * 1024;

/// The identity would be one too many, or the identities would take too many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

/// The list `ids` with what was proved added to it; `None` if nothing is new.
///
/// A list is copied only for a new identity. So a connection copies at most [`MAX_IDENTITIES`] lists
/// of at most [`MAX_IDENTITY_BYTES`] in its life, however often it proves something.
///
/// # Errors
/// [`TooMany`] if the result would be above a limit: then nothing is added.
pub fn with_proved(ids: &[Id], proved: Vec<Id>) -> Result<Option<Arc<[Id]>>, TooMany> {
    let mut new = Vec::new();
    for id in proved {
        if !ids.contains(&id) && !new.contains(&id) {
            new.push(id);
        }
    }
    if new.is_empty() {
        return Ok(None);
    }
    let bytes = ids.iter().chain(&new).map(wire_size).sum::<usize>();
    if ids.len() + new.len() > MAX_IDENTITIES || bytes > MAX_IDENTITY_BYTES {
        return Err(TooMany);
    }
    Ok(Some(ids.iter().cloned().chain(new).collect()))
}

fn wire_size(id: &Id) -> usize {
    8 + id.scheme.len() + id.id.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::jute::Jute;
    use alloc::format;
    use alloc::vec;

    fn ids(n: usize) -> Vec<Id> {
        (0..n).map(|i| Id::new("digest", &format!("user{i:02}:x"))).collect()
    }

    #[test]
    fn what_is_known_is_not_copied() {
        let known = ids(3);
        assert_eq!(with_proved(&known, known.clone()), Ok(None));
        let more = with_proved(&known, ids(4)).unwrap().unwrap();
        assert_eq!(&*more, ids(4).as_slice());
    }

    #[test]
    fn the_number_is_bounded() {
        let full = ids(MAX_IDENTITIES);
        assert!(with_proved(&full[1..], vec![full[0].clone()]).unwrap().is_some());
        assert_eq!(with_proved(&full, vec![Id::new("digest", "one:more")]), Err(TooMany));
        assert_eq!(with_proved(&full, vec![full[5].clone()]), Ok(None));
        // Two at once (a user that is the administrator, too) are two.
        assert_eq!(with_proved(&full[1..], vec![full[0].clone(), Id::new("super", "")]), Err(TooMany));
    }

    #[test]
    fn the_bytes_are_bounded_as_they_are_sent() {
        let id = Id::new("digest", &"u".repeat(MAX_IDENTITY_BYTES - 8 - 6));
        let full = with_proved(&[], vec![id.clone()]).unwrap().unwrap();
        assert_eq!(full[0].to_bytes().len(), MAX_IDENTITY_BYTES);
        assert_eq!(with_proved(&full, vec![Id::new("super", "")]), Err(TooMany));
        let longer = Id::new("digest", &format!("{}u", id.id));
        assert_eq!(with_proved(&[], vec![longer]), Err(TooMany));
    }
}
