//! Who a connection is, and what an access control list lets it do.

pub mod digest;
pub mod ip;
pub mod sha1;

use alloc::vec::Vec;

use crate::wire::error_code::ErrorCode;
use crate::wire::record::{Acl, Id, perms};

/// Whether `acl` gives somebody who is all of `ids` any of the permission bits `wanted`
/// (`ZooKeeperServer.checkACL`). An empty list allows everything; so does the identity `super`.
pub fn is_allowed(acl: &[Acl], wanted: i32, ids: &[Id]) -> bool {
    acl.is_empty()
        || ids.iter().any(|id| id.scheme == "super")
        || acl.iter().any(|entry| entry.perms & wanted != 0 && is_named(&entry.id, ids))
}

fn is_named(named: &Id, ids: &[Id]) -> bool {
    let same = |matches: fn(&str, &str) -> bool| {
        ids.iter().any(|id| id.scheme == named.scheme && matches(&id.id, &named.id))
    };
    match named.scheme.as_str() {
        "world" => named.id == "anyone",
        "ip" => same(ip::matches),
        "digest" => same(|id, named| id == named),
        _ => false,
    }
}

/// The list that is stored for the list a client asked for (`PrepRequestProcessor.fixupACL`):
/// without repetitions, `auth` replaced by everything the client has proved to be.
///
/// # Errors
/// INVALIDACL for an empty list, an unknown scheme, an id its scheme does not know, and `auth`
/// from somebody who has proved nothing (an address is no proof).
pub fn fix_acl(asked: &[Acl], ids: &[Id]) -> Result<Vec<Acl>, ErrorCode> {
    let mut fixed: Vec<Acl> = Vec::with_capacity(asked.len());
    for (i, entry) in asked.iter().enumerate() {
        if asked[..i].contains(entry) {
            continue;
        }
        match entry.id.scheme.as_str() {
            "world" if entry.id.id == "anyone" => fixed.push(entry.clone()),
            "ip" if ip::is_valid(&entry.id.id) => fixed.push(entry.clone()),
            "digest" if digest::is_valid(&entry.id.id) => fixed.push(entry.clone()),
            "auth" => {
                let before = fixed.len();
                let proved = ids.iter().filter(|id| is_proof(&id.scheme));
                fixed.extend(proved.map(|id| Acl { perms: entry.perms, id: id.clone() }));
                if fixed.len() == before {
                    return Err(ErrorCode::InvalidAcl);
                }
            }
            _ => return Err(ErrorCode::InvalidAcl),
        }
    }
    if fixed.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(fixed) }
}

fn is_proof(scheme: &str) -> bool {
    matches!(scheme, "digest" | "sasl" | "x509")
}

/// The list that `getACL` shows: in full to those who may change it, otherwise with the hashes of
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
mod tests {
    use super::*;
    use alloc::vec;

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
        assert_eq!(fix_acl(&[open.clone(), open.clone()], &local()), Ok(vec![open]));
        let auth = Acl::new(perms::ALL, "auth", "ignored");
        assert_eq!(
            fix_acl(core::slice::from_ref(&auth), &bob()),
            Ok(vec![Acl::new(perms::ALL, "digest", BOB)])
        );
        assert_eq!(fix_acl(&[auth], &local()), Err(ErrorCode::InvalidAcl));
        for (scheme, id) in [("sasl", "x"), ("world", "other"), ("ip", "bad"), ("digest", "x"), ("", "")] {
            assert_eq!(fix_acl(&[Acl::new(31, scheme, id)], &bob()), Err(ErrorCode::InvalidAcl), "{scheme}");
        }
        assert_eq!(fix_acl(&[], &bob()), Err(ErrorCode::InvalidAcl));
    }

    #[test]
    fn hashes_are_for_administrators() {
        let acl = [Acl::new(perms::READ, "world", "anyone"), Acl::new(perms::ALL, "digest", BOB)];
        assert_eq!(shown_acl(&acl, &bob()), acl);
        assert_eq!(shown_acl(&acl, &local())[1].id.id, "bob:x");
    }
}
