//! What a certificate says: whose it is, for which names, and how long.

use std::fmt::Write;
use std::net::IpAddr;

use x509_parser::der_parser::asn1_rs::{Any, Tag};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// What a certificate says. The names are what another party wrote: they are escaped where they are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Certificate {
    /// Whose it is, as in RFC 2253: `CN=client,O=Example`.
    pub(crate) subject: String,
    /// The party that signed it.
    pub(crate) issuer: String,
    /// The last common name of the subject.
    pub(crate) common_name: Option<String>,
    /// The other names, with the number of their kind in RFC 5280.
    pub(crate) other_names: Vec<(u8, String)>,
    /// The addresses among them.
    pub(crate) addresses: Vec<IpAddr>,
    /// When it begins to hold, in seconds since 1970.
    pub(crate) not_before: i64,
    /// When it ends.
    pub(crate) not_after: i64,
}

/// The kind of a DNS name.
pub(crate) const DNS: u8 = 2;

impl Certificate {
    /// Read a certificate.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn read(der: &[u8]) -> Result<Certificate, String> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|why| why.to_string())?;
        if !rest.is_empty() {
            return Err("something follows it".to_owned());
        }
        let names = certificate.subject_alternative_name().map_err(|why| why.to_string())?;
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let common_name = certificate.subject().iter_common_name().last();
        let validity = certificate.validity();
        Ok(Certificate {
            subject: rfc2253(certificate.subject()),
            issuer: rfc2253(certificate.issuer()),
            common_name: common_name.and_then(|name| text(name.attr_value())),
            other_names: names.iter().filter_map(other_name).collect(),
            addresses: names.iter().filter_map(address).collect(),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }

    /// Whether it names anything besides its subject.
    pub(crate) fn has_other_names(&self) -> bool {
        !self.other_names.is_empty()
    }
}

fn other_name(name: &GeneralName<'_>) -> Option<(u8, String)> {
    Some(match name {
        GeneralName::RFC822Name(name) => (1, (*name).to_owned()),
        GeneralName::DNSName(name) => (DNS, (*name).to_owned()),
        GeneralName::DirectoryName(name) => (4, rfc2253(name)),
        GeneralName::URI(name) => (6, (*name).to_owned()),
        GeneralName::IPAddress(_) => (7, address(name)?.to_string()),
        GeneralName::RegisteredID(oid) => (8, oid.to_id_string()),
        GeneralName::OtherName(_, bytes) => (0, hex(bytes)),
        _ => return None,
    })
}

fn address(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else { return None };
    match bytes.len() {
        4 => <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// The attributes that RFC 2253 has a word for, as `X500Principal.getName` writes them.
const WORDS: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// A name as Java writes it (`X500Principal.getName`): the last part first.
pub(super) fn rfc2253(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for part in parts.into_iter().rev() {
        if !out.is_empty() {
            out.push(',');
        }
        for (n, attribute) in part.iter().enumerate() {
            if n > 0 {
                out.push('+');
            }
            let oid = attribute.attr_type().to_id_string();
            let word = WORDS.iter().find(|(known, _)| *known == oid).map(|(_, word)| *word);
            match (word, text(attribute.attr_value())) {
                (Some(word), Some(value)) => {
                    let _ = write!(out, "{word}={}", escaped(&value));
                }
                _ => {
                    let _ = write!(out, "{}=#{}", word.unwrap_or(&oid), hex(&der(attribute.attr_value())));
                }
            }
        }
    }
    out
}

/// The text of an attribute, if it is one.
fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            std::str::from_utf8(value.data).ok().map(str::to_owned)
        }
        // ISO 8859-1, as everybody reads it.
        Tag::T61String => Some(value.data.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => {
            let units = value.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<String, _>>().ok()
        }
        _ => None,
    }
}

/// The value as it stands in the certificate.
fn der(value: &Any<'_>) -> Vec<u8> {
    let mut der = vec![value.tag().0 as u8];
    match value.data.len() {
        length @ 0..=127 => der.push(length as u8),
        length => {
            let bytes = length.to_be_bytes();
            let begin = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
            der.push(0x80 | (bytes.len() - begin) as u8);
            der.extend_from_slice(&bytes[begin..]);
        }
    }
    der.extend_from_slice(value.data);
    der
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn escaped(value: &str) -> String {
    let mut out = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (n, c) in value.chars().enumerate() {
        match c {
            '\0' => out.push_str("\\00"),
            ',' | '=' | '+' | '<' | '>' | '#' | ';' | '"' | '\\' => out.extend(['\\', c]),
            ' ' if n == 0 || n == last => out.push_str("\\ "),
            c => out.push(c),
        }
    }
    out
}
