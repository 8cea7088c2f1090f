//! The first message on the election port: the server that dialed gives its id.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::address::Address;
use crate::ids::ServerId;
use crate::wire::jute::{Jute, Why, WireError, decode_string, write_length};
use crate::wire::scan::{Scan, Stop, arrived};

/// The id of an observer that was given none; the listener chooses one for it (−1, −2, …).
pub const OBSERVER_ID: ServerId = ServerId(i64::MAX);

/// The longest text of addresses that is accepted, in bytes.
pub const MAX_INITIAL_ADDRESSES: usize = 2048;

/// Marks an initial message with one address.
const PROTOCOL_VERSION_V1: i64 = -65536;
/// Several addresses, with `|` between them.
const PROTOCOL_VERSION_V2: i64 = -65535;

/// The server that dialed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct InitialMessage {
    /// The sender's id, or [`OBSERVER_ID`].
    pub server: ServerId,
    /// Where its election port can be dialed; none from servers before 3.5. Addresses that mean
    /// "everywhere" are left out.
    pub addresses: Vec<Address>,
}

impl InitialMessage {
    /// Read the message from the first bytes of a connection, once all of it has arrived. Also
    /// says how long it is: frames start there.
    ///
    /// # Errors
    /// An unknown protocol, a text too long, no address in it.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, WireError> {
        arrived(scan(bytes))
    }

    /// Append the message: with one address in the form that every server since 3.5 understands
    /// (V1), with several in the form of 3.6 (V2). It is to be sent in one piece: Java reads it with
    /// one read.
    pub fn write(server: ServerId, addresses: &[Address], out: &mut Vec<u8>) {
        let text: Vec<_> = addresses.iter().map(Address::to_string).collect();
        let text = text.join("|");
        let version = if addresses.len() > 1 { PROTOCOL_VERSION_V2 } else { PROTOCOL_VERSION_V1 };
        version.write(out);
        server.write(out);
        write_length(out, text.len());
        out.extend_from_slice(text.as_bytes());
    }
}

fn long(scan: &mut Scan<'_>) -> Result<i64, Stop> {
    let high = i64::from(scan.int()?);
    Ok(high << 32 | i64::from(scan.int()? as u32))
}

fn scan(bytes: &[u8]) -> Result<(InitialMessage, usize), Stop> {
    let bad = |field, at, why| Stop::Bad(WireError { field, at, why });
    let mut scan = Scan::new(bytes, MAX_INITIAL_ADDRESSES);
    let version = long(&mut scan)?;
    if version >= 0 {
        // Before 3.5 the message was the id alone.
        return Ok((InitialMessage { server: ServerId(version), addresses: Vec::new() }, 8));
    }
    if version != PROTOCOL_VERSION_V1 && version != PROTOCOL_VERSION_V2 {
        return Err(bad("InitialMessage.protocolVersion", 0, Why::Value(version)));
    }
    let server = ServerId(long(&mut scan)?);
    let text = scan.field("InitialMessage.addresses")?;
    if text.is_empty() {
        let why = Why::Length { len: 0, max: MAX_INITIAL_ADDRESSES as u64 };
        return Err(bad("InitialMessage.addresses", 16, why));
    }
    let mut addresses = Vec::new();
    for address in decode_string(text).split('|') {
        let why = Why::Invalid("not host:port");
        addresses.push(Address::parse(address).ok_or(bad("InitialMessage.addresses", 20, why))?);
    }
    addresses.retain(|address| !address.is_wildcard());
    Ok((InitialMessage { server, addresses }, scan.position()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::golden::recordings;
    use alloc::vec;
    use proptest::prelude::*;

    const ELECTION: &str = include_str!("../../../../tests/golden/05_election.txt");

    #[test]
    fn recorded() {
        let recorded = &recordings(ELECTION)[0];
        let (message, len) = InitialMessage::parse(&recorded.bytes).unwrap().unwrap();
        assert_eq!(len, recorded.bytes.len());
        assert_eq!(message.server, ServerId(3));
        assert_eq!(message.addresses, [Address::new("127.0.0.1", 24232)]);
        let mut again = Vec::new();
        InitialMessage::write(message.server, &message.addresses, &mut again);
        assert_eq!(again, recorded.bytes);
        for cut in 0..len {
            assert_eq!(InitialMessage::parse(&recorded.bytes[..cut]), Ok(None));
        }
    }

    fn v2(text: &str) -> Vec<u8> {
        let mut out = PROTOCOL_VERSION_V2.to_bytes();
        7i64.write(&mut out);
        write_length(&mut out, text.len());
        out.extend_from_slice(text.as_bytes());
        out
    }

    #[test]
    fn other_forms() {
        let (message, _) = InitialMessage::parse(&v2("a:1|0.0.0.0:2|[::1]:3")).unwrap().unwrap();
        assert_eq!(message.addresses, [Address::new("a", 1), Address::new("::1", 3)]);
        let several = [Address::new("a", 1), Address::new("::1", 3)];
        let mut out = Vec::new();
        InitialMessage::write(ServerId(7), &several, &mut out);
        assert_eq!(out, v2("a:1|[::1]:3"));
        let old = InitialMessage::parse(&9i64.to_bytes()).unwrap();
        assert_eq!(old, Some((InitialMessage { server: ServerId(9), addresses: vec![] }, 8)));
    }

    #[test]
    fn refused() {
        let field = |bytes: &[u8]| InitialMessage::parse(bytes).unwrap_err().field;
        assert_eq!(field(&(-65534i64).to_bytes()), "InitialMessage.protocolVersion");
        assert_eq!(field(&v2("")), "InitialMessage.addresses");
        assert_eq!(field(&v2("nowhere")), "InitialMessage.addresses");
        assert_eq!(field(&v2(&"x".repeat(MAX_INITIAL_ADDRESSES + 1))[..20]), "InitialMessage.addresses");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), known in any::<bool>()) {
            let mut message = if known { PROTOCOL_VERSION_V1.to_bytes() } else { Vec::new() };
            message.extend_from_slice(&bytes);
            let _ = InitialMessage::parse(&message);
        }
    }
}
