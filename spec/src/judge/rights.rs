//! Which paths are paths, what an ACL may say, and what it lets a client do.

use std::net::IpAddr;

use super::words::{Grant, INVALID_ACL, Identity, MARSHALLING_ERROR};

/// Read.
pub const READ: i32 = 1;
/// Write.
pub const WRITE: i32 = 2;
/// Create children.
pub const CREATE: i32 = 4;
/// Delete children.
pub const DELETE: i32 = 8;
/// Set the ACL.
pub const ADMIN: i32 = 16;

/// Whether a znode may have this path. It is absolute, and no name in it is empty, `.` or `..`. It has none
/// of the characters that the programmer's guide forbids.
pub fn is_path(path: &str) -> bool {
    let forbidden = |c: char| {
        let c = u32::from(c);
        c < 0x20 || (0x7f..=0x9f).contains(&c) || (0xd800..=0xf8ff).contains(&c) || c >= 0xfff0
    };
    path == "/"
        || path.starts_with('/')
            && path[1..].split('/').all(|name| !["", ".", ".."].contains(&name) && !name.contains(forbidden))
}

/// The path above: everything before the last slash; above a top-level path is the root.
pub fn above(path: &str) -> Option<&str> {
    let slash = path.rfind('/')?;
    Some(if slash == 0 { "/" } else { &path[..slash] })
}

/// Whether one of the bits `wanted` is given to a client with these identities. An empty ACL gives
/// everything, and the identity `super` has everything.
pub fn allows(acl: &[Grant], wanted: i32, client: &[Identity]) -> bool {
    acl.is_empty()
        || client.iter().any(|identity| identity.scheme == "super")
        || acl.iter().any(|grant| grant.perms & wanted != 0 && is_one_of(&grant.to, client))
}

fn is_one_of(to: &Identity, client: &[Identity]) -> bool {
    let mut of_scheme = client.iter().filter(|identity| identity.scheme == to.scheme);
    match to.scheme.as_str() {
        "world" => to.id == "anyone",
        "digest" | "x509" => of_scheme.any(|identity| identity.id == to.id),
        "ip" => of_scheme.any(|identity| is_in(&identity.id, &to.id)),
        _ => false,
    }
}

/// The ACL that is stored for the one that was asked for: each entry once, and `auth` replaced by
/// whatever the client has proved. An address is no proof. No more is made of it than `room` bytes.
/// Entries of the scheme `x509` need a server that is shown certificates.
pub fn stored_acl(
    asked: &[Grant],
    client: &[Identity],
    (has_certificates, room): (bool, usize),
) -> Result<Vec<Grant>, i32> {
    let mut stored = Vec::new();
    for (i, grant) in asked.iter().enumerate() {
        if asked[..i].contains(grant) {
            continue;
        }
        let before = stored.len();
        match grant.to.scheme.as_str() {
            "world" if grant.to.id == "anyone" => stored.push(grant.clone()),
            "digest" if is_user_and_hash(&grant.to.id) => stored.push(grant.clone()),
            "ip" if network(&grant.to.id).is_some() => stored.push(grant.clone()),
            "x509" if has_certificates && !grant.to.id.is_empty() => stored.push(grant.clone()),
            "auth" => {
                let proved =
                    client.iter().filter(|identity| ["digest", "x509"].contains(&identity.scheme.as_str()));
                stored.extend(proved.map(|to| Grant { perms: grant.perms, to: to.clone() }));
            }
            _ => {}
        }
        if stored.len() == before {
            return Err(INVALID_ACL);
        }
        if length(&stored) > room {
            return Err(MARSHALLING_ERROR);
        }
    }
    if stored.is_empty() { Err(INVALID_ACL) } else { Ok(stored) }
}

/// How long the entries of an ACL are in a transaction.
pub fn length(acl: &[Grant]) -> usize {
    acl.iter().map(|grant| 12 + grant.to.scheme.len() + grant.to.id.len()).sum()
}

/// What `getACL` shows to a client that may not set the ACL: users without their hashes.
pub fn without_hashes(acl: &[Grant]) -> Vec<Grant> {
    let mut shown = acl.to_vec();
    for grant in shown.iter_mut().filter(|grant| grant.to.scheme == "digest") {
        let user = grant.to.id.split(':').next().unwrap_or_default();
        grant.to.id = format!("{user}:x");
    }
    shown
}

/// Two parts with a colon between them; colons at the end count for nothing.
fn is_user_and_hash(id: &str) -> bool {
    id.trim_end_matches(':').split(':').count() == 2
}

/// An address, or one with the number of bits that count; with its own number of bits.
fn network(id: &str) -> Option<(u128, u32, u32)> {
    let (address, bits) = id.split_once('/').map_or((id, None), |(address, bits)| (address, Some(bits)));
    let (address, width) = match address.parse().ok()? {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let bits = bits.map_or(Some(width), |bits| bits.parse().ok())?;
    (bits <= width).then_some((address, bits, width))
}

fn is_in(address: &str, id: &str) -> bool {
    let (Some((address, _, width)), Some((named, bits, same))) = (network(address), network(id)) else {
        return false;
    };
    let differs = address ^ named;
    width == same && (bits == 0 || differs >> (width - bits) == 0)
}
