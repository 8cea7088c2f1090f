//! The identities of a connection, and what an access control list lets it do.

pub mod digest;
pub mod identities;
pub mod ip;
mod rights;
pub mod schemes;
pub mod sha1;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

pub use rights::Rights;
use schemes::{Scheme, Schemes, scheme};

use crate::wire::error_code::ErrorCode;
use crate::wire::record::{Acl, Id, perms};

/// From how many comparisons on the identities are sorted first.
const MANY: usize = 256;

/// Whether `acl` gives a client with the identities `ids` any of the permission bits `wanted`
/// (`ZooKeeperServer.checkACL`). An empty list allows everything; so does the identity `super`.
///
/// Every entry is looked at once, in a number of comparisons that grows with the logarithm of the
/// number of identities.
pub fn is_allowed(acl: &[Acl], wanted: i32, ids: &[Id]) -> bool {
    if acl.is_empty() || ids.iter().any(|id| id.scheme == "super") {
        return true;
    }
    let mut wanted = acl.iter().filter(|entry| entry.perms & wanted != 0);
    if acl.len().saturating_mul(ids.len()) < MANY {
        return wanted.any(|entry| is_named(&entry.id, ids));
    }
    let all: BTreeSet<(&str, &str)> = ids.iter().map(|id| (id.scheme.as_str(), id.id.as_str())).collect();
    let others: Vec<&Id> = ids.iter().filter(|id| !scheme(&id.scheme).is_some_and(|s| s.is_exact)).collect();
    wanted.any(|entry| {
        let (name, id) = (entry.id.scheme.as_str(), entry.id.id.as_str());
        scheme(name).is_some_and(|scheme| match scheme.is_exact {
            true => all.contains(&(name, id)),
            false => names(scheme, &entry.id, others.iter().copied()),
        })
    })
}

fn is_named(named: &Id, ids: &[Id]) -> bool {
    scheme(&named.scheme).is_some_and(|scheme| names(scheme, named, ids.iter()))
}

/// Whether an id of the scheme names one of these identities. Every client is in the world.
fn names<'a>(scheme: &Scheme, named: &Id, mut ids: impl Iterator<Item = &'a Id>) -> bool {
    match scheme.name {
        "world" => (scheme.names)("", &named.id),
        name => ids.any(|id| id.scheme == name && (scheme.names)(&id.id, &named.id)),
    }
}

/// The list that is stored for the list a client asked for (`PrepRequestProcessor.fixupACL`):
/// without repetitions, `auth` replaced by everything the client has proved to be.
///
/// # Errors
/// INVALIDACL for an empty list, for an unknown scheme, and for an id its scheme does not know. Also for
/// `auth` from a client that has proved nothing (an address is no proof). MARSHALLINGERROR as soon as the
/// list takes more than `limit` bytes: no more than that is ever made of it.
pub fn fix_acl(schemes: Schemes, asked: &[Acl], ids: &[Id], limit: usize) -> Result<Vec<Acl>, ErrorCode> {
    let mut fixed = Fixed { list: Vec::new(), left: limit };
    for entry in first_of_each(asked) {
        match entry.id.scheme.as_str() {
            "auth" => {
                let before = fixed.list.len();
                let is_proof = |id: &&Id| scheme(&id.scheme).is_some_and(|scheme| scheme.is_proof);
                for id in ids.iter().filter(is_proof) {
                    fixed.push(entry.perms, id)?;
                }
                if fixed.list.len() == before {
                    return Err(ErrorCode::InvalidAcl);
                }
            }
            name => {
                let is_valid = schemes.of_lists(name).and_then(|scheme| scheme.is_valid);
                if !is_valid.is_some_and(|is_valid| is_valid(&entry.id.id)) {
                    return Err(ErrorCode::InvalidAcl);
                }
                fixed.push(entry.perms, &entry.id)?;
            }
        }
    }
    if fixed.list.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(fixed.list) }
}

/// A list and the bytes that it may still grow by.
struct Fixed {
    list: Vec<Acl>,
    left: usize,
}

impl Fixed {
    fn push(&mut self, perms: i32, id: &Id) -> Result<(), ErrorCode> {
        let size = 12 + id.scheme.len() + id.id.len();
        self.left = self.left.checked_sub(size).ok_or(ErrorCode::MarshallingError)?;
        self.list.push(Acl { perms, id: id.clone() });
        Ok(())
    }
}

/// Every entry that was not there before, in order.
fn first_of_each<T: Ord>(all: &[T]) -> impl Iterator<Item = &T> {
    let mut seen = BTreeSet::new();
    all.iter().filter(move |entry| seen.insert(*entry))
}

/// The list that `getACL` shows: in full to clients that may change it, otherwise with the hashes of
/// `digest` ids masked.
pub fn shown_acl(acl: &[Acl], ids: &[Id]) -> Vec<Acl> {
    let mut shown = acl.to_vec();
    if !is_allowed(acl, perms::ADMIN, ids) {
        for entry in shown.iter_mut().filter(|entry| entry.id.scheme == "digest") {
            if let Some(colon) = entry.id.id.find(':') {
                entry.id.id.truncate(colon);
                entry.id.id.push_str(":x");
            }
        }
    }
    shown
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "a test counts comparisons")]
mod tests {
    use super::*;
    use crate::wire::jute::Jute;
    use alloc::format;
    use alloc::vec;
    use core::cell::Cell;
    use proptest::prelude::*;

    const BOB: &str = "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=";

    fn local() -> Vec<Id> {
        vec![Id::new("ip", "127.0.0.1")]
    }

    fn bob() -> Vec<Id> {
        vec![Id::new("ip", "127.0.0.1"), Id::new("digest", BOB)]
    }

    #[test]
    fn who_may_do_what() {
        let acl = [Acl::new(perms::READ, "world", "anyone"), Acl::new(perms::ALL, "digest", BOB)];
        assert!(is_allowed(&acl, perms::READ, &local()));
        assert!(!is_allowed(&acl, perms::WRITE, &local()));
        assert!(is_allowed(&acl, perms::WRITE, &bob()));
        assert!(is_allowed(&acl, perms::WRITE, &[Id::new("super", "")]));
        assert!(is_allowed(&[], perms::WRITE, &[]));
        let network = [Acl::new(perms::READ, "ip", "127.0.0.0/8")];
        assert!(is_allowed(&network, perms::READ | perms::ADMIN, &local()));
        assert!(!is_allowed(&network, perms::READ, &[Id::new("ip", "10.0.0.1")]));
        assert!(!is_allowed(&[Acl::new(perms::ALL, "sasl", "x")], perms::READ, &[Id::new("sasl", "x")]));
    }

    #[test]
    fn lists_are_fixed() {
        let open = Acl::open();
        let fix = |asked: &[Acl], ids: &[Id]| fix_acl(Schemes::default(), asked, ids, 1000);
        assert_eq!(fix(&[open.clone(), open.clone()], &local()), Ok(vec![open]));
        let auth = Acl::new(perms::ALL, "auth", "ignored");
        assert_eq!(fix(core::slice::from_ref(&auth), &bob()), Ok(vec![Acl::new(perms::ALL, "digest", BOB)]));
        assert_eq!(fix(&[auth], &local()), Err(ErrorCode::InvalidAcl));
        for (scheme, id) in [("sasl", "x"), ("world", "other"), ("ip", "bad"), ("digest", "x"), ("", "")] {
            assert_eq!(fix(&[Acl::new(31, scheme, id)], &bob()), Err(ErrorCode::InvalidAcl), "{scheme}");
        }
        assert_eq!(fix(&[], &bob()), Err(ErrorCode::InvalidAcl));
    }

    #[test]
    fn a_certificate_is_an_identity_like_others() {
        let named = [Id::new("ip", "127.0.0.1"), Id::new("x509", "CN=bob,O=Example")];
        let acl = [Acl::new(perms::ALL, "x509", "CN=bob,O=Example")];
        assert!(is_allowed(&acl, perms::WRITE, &named));
        assert!(!is_allowed(&acl, perms::WRITE, &[Id::new("x509", "CN=BOB,O=Example")]));
        assert!(!is_allowed(&acl, perms::WRITE, &[Id::new("digest", "CN=bob,O=Example")]));
        let on = Schemes { x509: true };
        let auth = [Acl::new(perms::ALL, "auth", "")];
        assert_eq!(fix_acl(on, &auth, &named, 1000), Ok(acl.to_vec()));
        assert_eq!(fix_acl(on, &acl, &local(), 1000), Ok(acl.to_vec()));
        assert_eq!(fix_acl(on, &[Acl::new(31, "x509", "")], &named, 1000), Err(ErrorCode::InvalidAcl));
        // A server that nobody shows a certificate has no such scheme.
        assert_eq!(fix_acl(Schemes::default(), &acl, &named, 1000), Err(ErrorCode::InvalidAcl));
    }

    /// Entries of the scheme `auth` that differ only in what is ignored are replaced one by one.
    #[test]
    fn a_list_grows_to_its_limit_and_no_further() {
        let ids: Vec<Id> = (0..60).map(|i| Id::new("digest", &format!("user{i:02}:x"))).collect();
        let asked: Vec<Acl> = (0..50).map(|i| Acl::new(perms::ALL, "auth", &format!("{i}"))).collect();
        let whole = fix_acl(Schemes::default(), &asked, &ids, usize::MAX).unwrap();
        let size = whole.to_bytes().len() - 4;
        assert_eq!(whole.len(), 3000);
        assert_eq!(fix_acl(Schemes::default(), &asked, &ids, size), Ok(whole));
        assert_eq!(fix_acl(Schemes::default(), &asked, &ids, size - 1), Err(ErrorCode::MarshallingError));
    }

    /// An entry that counts how often it is compared.
    struct Counted<'a>(i32, &'a Cell<usize>);

    impl Ord for Counted<'_> {
        fn cmp(&self, other: &Self) -> core::cmp::Ordering {
            self.1.set(self.1.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted<'_> {
        fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other).is_eq()
        }
    }

    impl Eq for Counted<'_> {}

    #[test]
    fn repetitions_are_found_in_nearly_linear_work() {
        let comparisons = |n: i32| {
            let count = Cell::new(0);
            let all: Vec<Counted<'_>> = (0..n).map(|i| Counted(i * 7919 % n / 2, &count)).collect();
            assert_eq!(first_of_each(&all).count() as i32, n / 2);
            count.get()
        };
        let (once, twice) = (comparisons(20_000), comparisons(40_000));
        assert!(twice < once * 5 / 2, "{once} comparisons of 20,000 entries, {twice} of 40,000");
    }

    proptest! {
        /// The two ways to judge a list agree.
        #[test]
        fn many_entries_are_judged_as_few_are(
            entries in proptest::collection::vec((0..3i32, 0..4usize, 0..40u8), 1..12),
            ids in proptest::collection::vec((0..3usize, 0..40u8), 0..12),
            wanted in 1..3i32,
        ) {
            let id = |scheme: usize, n: u8| match scheme {
                0 => Id::new("digest", &format!("user{n}:x")),
                1 => Id::new("ip", &format!("10.0.0.{n}")),
                2 => Id::new("x509", &format!("CN=user{n}")),
                _ => Id::new("sasl", "x"),
            };
            let ids: Vec<Id> = ids.iter().map(|(scheme, n)| id(*scheme, *n)).collect();
            let acl: Vec<Acl> = entries.iter().map(|(perms, scheme, n)| Acl { perms: *perms, id: id(*scheme, *n) }).collect();
            let one_by_one = acl.iter().any(|entry| entry.perms & wanted != 0 && is_named(&entry.id, &ids));
            let nobody = Acl { perms: wanted, id: Id::new("sasl", "y") };
            let mut many = acl.clone();
            many.resize(acl.len() + MANY, nobody);
            prop_assert_eq!(is_allowed(&acl, wanted, &ids), one_by_one);
            prop_assert_eq!(is_allowed(&many, wanted, &ids), one_by_one);
        }
    }

    #[test]
    fn hashes_are_for_administrators() {
        let acl = [Acl::new(perms::READ, "world", "anyone"), Acl::new(perms::ALL, "digest", BOB)];
        assert_eq!(shown_acl(&acl, &bob()), acl);
        assert_eq!(shown_acl(&acl, &local())[1].id.id, "bob:x");
    }
}
