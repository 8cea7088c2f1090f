//! The `ip` scheme: where a connection comes from (`IPAuthenticationProvider`).
//!
//! Addresses are read by ZooKeeper's rules, which are not the standard library's. Numbers may have leading
//! zeros and a sign, and IPv6 addresses no dotted part and no zone.

/// An address, left-aligned in 128 bits, and how many of its bits there are (32 or 128).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Address {
    bits: u128,
    len: u32,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        if text.contains(':') {
            Some(Address { bits: parse_v6(text)?, len: 128 })
        } else {
            Some(Address { bits: u128::from(parse_v4(text)?) << 96, len: 32 })
        }
    }
}

fn parse_v4(text: &str) -> Option<u32> {
    let mut bytes = [0; 4];
    let mut parts = text.split('.');
    for byte in &mut bytes {
        // As an int first: Java reads `+1` and `-0`, too.
        *byte = u8::try_from(parts.next()?.parse::<i32>().ok()?).ok()?;
    }
    if parts.next().is_none() { Some(u32::from_be_bytes(bytes)) } else { None }
}

fn parse_v6(text: &str) -> Option<u128> {
    let segments = |part: &str| -> Option<(u128, usize)> {
        let (mut bits, mut count) = (0, 0);
        for segment in part.split(':').filter(|_| !part.is_empty()) {
            if !(1..=4).contains(&segment.chars().count()) || count == 8 {
                return None;
            }
            bits = bits << 16 | u128::from(i32::from_str_radix(segment, 16).ok()? as u16);
            count += 1;
        }
        Some((bits, count))
    };
    let mut parts = text.split("::");
    let (head, heads) = segments(parts.next()?)?;
    let Some(tail) = parts.next() else { return (heads == 8).then_some(head) };
    let (tail, tails) = segments(tail)?;
    if parts.next().is_some() || heads + tails >= 8 {
        return None;
    }
    Some(head.checked_shl(128 - 16 * heads as u32).unwrap_or(0) | tail)
}

/// An address or a network: `addr` or `addr/bits`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Network {
    address: Address,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(u32::try_from(bits.parse::<i32>().ok()?).ok()?)),
            None => (text, None),
        };
        let address = Address::parse(address)?;
        let bits = bits.unwrap_or(address.len);
        (bits <= address.len).then_some(Network { address, bits })
    }

    fn contains(self, address: Address) -> bool {
        self.address.len == address.len
            && (self.address.bits ^ address.bits).checked_shr(128 - self.bits).unwrap_or(0) == 0
    }
}

/// Whether an ACL may contain this id.
pub fn is_valid(id: &str) -> bool {
    Network::parse(id).is_some()
}

/// Whether the connection's `address` is what the ACL's `expression` names.
pub fn matches(address: &str, expression: &str) -> bool {
    let (Some(address), Some(network)) = (Address::parse(address), Network::parse(expression)) else {
        return false;
    };
    network.contains(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

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
            ("fe80::7", "fe80:0:0:0:0:0:0:7"),
            ("1::", "1:0::/32"),
            ("127.0.0.1", "127.0.0.01"),
            ("127.0.0.1", "+127.0.-0.1/+08"),
        ];
        for (address, expression) in yes {
            assert!(is_valid(expression) && matches(address, expression), "{address} {expression}");
        }
        let no = [
            ("127.0.0.2", "127.0.0.1"),
            ("10.0.0.127", "10.0.0.128/25"),
            ("1.2.3.4", "::/0"),
            ("x", "0.0.0.0/0"),
            ("::1", "0.0.0.0/0"),
            ("::2", "::1"),
        ];
        for (address, expression) in no {
            assert!(!matches(address, expression), "{address} {expression}");
        }
    }

    proptest! {
        #[test]
        fn what_the_standard_library_writes_is_read(v4 in any::<u32>(), v6 in any::<u128>(), bits in 0..=128u32) {
            let address = Ipv4Addr::from_bits(v4).to_string();
            prop_assert_eq!(parse_v4(&address), Some(v4));
            let address = Ipv6Addr::from_bits(v6);
            // The library writes these two kinds with a dotted end.
            prop_assume!(address.to_ipv4().is_none());
            prop_assert_eq!(parse_v6(&address.to_string()), Some(v6));
            let masked = Ipv6Addr::from_bits(v6 & u128::MAX.checked_shl(128 - bits).unwrap_or(0));
            let network = alloc::format!("{masked}/{bits}");
            prop_assert!(masked.to_ipv4().is_some() || matches(&address.to_string(), &network), "{}", network);
        }

        #[test]
        fn any_text_is_judged(address in ".{0,20}", expression in "[0-9a-f:./+-]{0,20}") {
            let _ = is_valid(&expression);
            let _ = matches(&address, &expression);
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
            "1.2.3.4.5",
            "1.-2.3.4",
            " 1.2.3.4",
            ":",
            ":::",
            ":1",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7::8",
            "12345::",
            "g::",
            "::ffff:127.0.0.1",
            "fe80::1%lo",
        ] {
            assert!(!is_valid(id), "{id}");
        }
    }
}
