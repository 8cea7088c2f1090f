//! Which requests may have a snapshot sent or connections closed: those whose header `Authorization` has the
//! credentials, `<scheme> <credentials>`.

use std::net::IpAddr;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap};
use quorate_core::auth::{digest, is_allowed};
use quorate_core::wire::record::{Acl, Id, perms};

/// Why a request is not allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Denied {
    /// There is no header.
    Missing,
    /// The header proves nothing.
    NotAuthenticated,
    /// The identity may not do it.
    NotAllowed,
}

impl Denied {
    /// The status and the text, as ZooKeeper has them.
    pub(super) fn told(self) -> (StatusCode, &'static str) {
        match self {
            Denied::Missing => (StatusCode::UNAUTHORIZED, "Auth info is missing for the command"),
            Denied::NotAuthenticated => (StatusCode::UNAUTHORIZED, "Not authenticated"),
            Denied::NotAllowed => (StatusCode::FORBIDDEN, "Not authorized"),
        }
    }
}

/// The identity that the header proves: `digest user:password`, or `ip` for the address of the connection.
pub(super) fn identity(headers: &HeaderMap, peer: IpAddr) -> Result<Id, Denied> {
    let header = headers.get(AUTHORIZATION).ok_or(Denied::Missing)?.as_bytes();
    let end = header.iter().position(|byte| *byte == b' ').unwrap_or(header.len());
    let (scheme, credentials) = (&header[..end], header.get(end + 1..).unwrap_or_default());
    match scheme {
        b"digest" if !credentials.is_empty() => Ok(Id::new("digest", &digest::identity(credentials))),
        b"ip" => Ok(Id::new("ip", &peer.to_canonical().to_string())),
        _ => Err(Denied::NotAuthenticated),
    }
}

/// Whether an identity may do everything to the root, each thing by an entry that names it.
///
/// An entry for the whole world does not count: a snapshot holds what the lists of other znodes protect.
///
/// # Errors
/// It may not.
pub(super) fn check(id: &Id, root: &[Acl], super_digest: Option<&str>) -> Result<(), Denied> {
    if id.scheme == "digest" && super_digest == Some(id.id.as_str()) {
        return Ok(());
    }
    let named: Vec<Acl> = root.iter().filter(|entry| entry.id.scheme != "world").cloned().collect();
    // An empty list would allow everything.
    let everything = [perms::READ, perms::WRITE, perms::CREATE, perms::DELETE, perms::ADMIN];
    let ids = [id.clone()];
    let may = !named.is_empty() && everything.iter().all(|wanted| is_allowed(&named, *wanted, &ids));
    if may { Ok(()) } else { Err(Denied::NotAllowed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn who(header: &str) -> Result<Id, Denied> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        identity(&headers, IpAddr::from([127, 0, 0, 1]))
    }

    #[test]
    fn a_header_proves_an_identity_or_nothing() {
        assert_eq!(who("digest bob:secret"), Ok(Id::new("digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=")));
        assert_eq!(who("ip"), Ok(Id::new("ip", "127.0.0.1")));
        for nothing in ["digest", "digest ", "Digest bob:secret", "x509", "super x", "", "bearer t"] {
            assert_eq!(who(nothing), Err(Denied::NotAuthenticated), "{nothing:?}");
        }
        let none = identity(&HeaderMap::new(), IpAddr::from([127, 0, 0, 1]));
        assert_eq!(none, Err(Denied::Missing));
    }

    #[test]
    fn everything_must_be_allowed_by_name() {
        let bob = who("digest bob:secret").unwrap();
        let list = |perms, scheme: &str, id: &str| [Acl::new(perms, scheme, id)];
        let all = perms::ALL;
        assert_eq!(check(&bob, &list(all, "digest", &bob.id), None), Ok(()));
        assert_eq!(check(&bob, &list(all & !perms::ADMIN, "digest", &bob.id), None), Err(Denied::NotAllowed));
        assert_eq!(check(&bob, &list(all, "world", "anyone"), None), Err(Denied::NotAllowed));
        assert_eq!(check(&bob, &[], None), Err(Denied::NotAllowed));
        assert_eq!(check(&bob, &[], Some(&bob.id)), Ok(()));
        let here = who("ip").unwrap();
        assert_eq!(check(&here, &list(all, "ip", "127.0.0.0/8"), None), Ok(()));
        assert_eq!(check(&here, &list(all, "ip", "10.0.0.0/8"), None), Err(Denied::NotAllowed));
        // An identity of another kind is not the super user, whatever it is called.
        assert_eq!(check(&Id::new("ip", &bob.id), &[], Some(&bob.id)), Err(Denied::NotAllowed));
    }
}
