//! The `digest` scheme: a user and the hash of a password (`DigestAuthenticationProvider`).

use alloc::string::String;

use super::sha1::sha1;
use crate::wire::jute::decode_string;

/// The identity that `user:password` proves: `user:base64(sha1(user:password))`.
///
/// The user is everything before the first colon; without one it is the whole (as ZooKeeper has it).
/// Credentials are text: what is not UTF-8 is replaced before it is hashed.
pub fn identity(credentials: &[u8]) -> String {
    let credentials = decode_string(credentials);
    let mut id = String::from(user(&credentials));
    id.push(':');
    base64(&sha1(credentials.as_bytes()), &mut id);
    id
}

/// Whether an ACL may contain this id: two parts around one colon, the second not empty.
///
/// The test is Java's `split(":").length == 2`, so trailing colons do not count.
pub fn is_valid(id: &str) -> bool {
    id.trim_end_matches(':').split(':').count() == 2
}

/// The user's name in an id: what `whoAmI` shows and what is left of a masked ACL.
pub fn user(id: &str) -> &str {
    id.split(':').next().unwrap_or_default()
}

fn base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from ZooKeeper 3.8.0.
    #[test]
    fn recorded_identity() {
        assert_eq!(identity(b"bob:secret"), "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=");
    }

    #[test]
    fn credentials_without_colon_are_a_user() {
        assert_eq!(user(&identity(b"x")), "x");
        assert_eq!(user(&identity(b"")), "");
    }

    /// `\u{fffd}:x`, as Java's decoder makes of it.
    #[test]
    fn credentials_that_are_no_text() {
        assert_eq!(identity(b"\xff:x"), identity("\u{fffd}:x".as_bytes()));
    }

    #[test]
    fn rfc4648_vectors() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in cases {
            let mut out = String::new();
            base64(plain.as_bytes(), &mut out);
            assert_eq!(out, encoded);
        }
    }

    #[test]
    fn ids_have_two_parts() {
        for id in ["a:b", ":b", "a:b:"] {
            assert!(is_valid(id), "{id}");
        }
        for id in ["", "a", "a:", ":", "a:b:c"] {
            assert!(!is_valid(id), "{id}");
        }
    }
}
