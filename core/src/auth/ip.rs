//! The `ip` scheme: where a connection comes from (`IPAuthenticationProvider`).

use core::net::IpAddr;

/// An address or a network: `addr` or `addr/bits`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Network { address, bits })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Whether an ACL may contain this id.
pub fn is_valid(id: &str) -> bool {
    Network::parse(id).is_some()
}

/// Whether the connection's `address` is what the ACL's `expression` names.
pub fn matches(address: &str, expression: &str) -> bool {
    let (Ok(address), Some(network)) = (address.parse(), Network::parse(expression)) else { return false };
    network.contains(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks() {
        let yes = [
            ("127.0.0.1", "127.0.0.1"),
            ("127.9.9.9", "127.0.0.1/8"),
            ("1.2.3.4", "0.0.0.0/0"),
            ("10.0.0.129", "10.0.0.128/25"),
            ("::1", "::1"),
            ("fe80::7", "fe80::/64"),
            ("fe80::7", "::/0"),
        ];
        for (address, expression) in yes {
            assert!(is_valid(expression) && matches(address, expression), "{address} {expression}");
        }
        let no = [
            ("127.0.0.2", "127.0.0.1"),
            ("10.0.0.127", "10.0.0.128/25"),
            ("1.2.3.4", "::/0"),
            ("x", "0.0.0.0/0"),
        ];
        for (address, expression) in no {
            assert!(!matches(address, expression), "{address} {expression}");
        }
    }

    #[test]
    fn bad_expressions() {
        for id in [
            "",
            "bad",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/",
            "1.2.3.256",
            "::1/129",
            "1.2.3.4/8/8",
        ] {
            assert!(!is_valid(id), "{id}");
        }
    }
}
