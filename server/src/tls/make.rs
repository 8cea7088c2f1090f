//! A certificate authority and what it issues, for trying things out and for tests.

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::admin::civil::civil;
use crate::clock::wall_ms;

const DAY: i64 = 86_400;

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The authority's certificate, as PEM.
    pub(crate) certificate: String,
    /// The authority's key, as PEM.
    pub(crate) key: String,
}

/// What a certificate is to say.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The common name.
    pub(crate) name: String,
    /// Hosts by name or address, and URIs.
    pub(crate) other_names: Vec<String>,
    /// From when on it holds, in days from now.
    pub(crate) from: i64,
    /// How long it holds, in days from now.
    pub(crate) days: i64,
}

/// A key and its certificate.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    /// The certificate, as PEM.
    pub(crate) certificate: String,
    /// The key, as PEM.
    pub(crate) key: String,
}

impl Wanted {
    /// For this party, from now on.
    pub(crate) fn new(name: &str, other_names: &[&str], days: i64) -> Wanted {
        let other_names = other_names.iter().map(|name| (*name).to_owned()).collect();
        Wanted { name: name.to_owned(), other_names, from: 0, days }
    }
}

impl Authority {
    /// A new authority of this name.
    ///
    /// # Errors
    /// No key can be made, or the name cannot stand in a certificate.
    pub(crate) fn new(name: &str, days: i64) -> Result<Authority, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params(name, 0, days)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        let pem = key.serialize_pem();
        Ok(Authority { issuer: Issuer::new(params, key), certificate, key: pem })
    }

    /// An authority whose certificate and key are there.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn read(certificate: &str, key: &str) -> Result<Authority, rcgen::Error> {
        let issuer = Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(key)?)?;
        Ok(Authority { issuer, certificate: certificate.to_owned(), key: key.to_owned() })
    }

    /// A key, and a certificate for it that is good for both ends of a connection.
    ///
    /// # Errors
    /// No key can be made, or a name cannot stand in a certificate.
    pub(crate) fn issue(&self, wanted: &Wanted) -> Result<Issued, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params(&wanted.name, wanted.from, wanted.days)?;
        params.subject_alt_names =
            wanted.other_names.iter().map(|name| other_name(name)).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { certificate, key: key.serialize_pem() })
    }

    #[cfg(test)]
    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

fn params(name: &str, from: i64, days: i64) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Quorate");
    params.distinguished_name.push(DnType::CommonName, name);
    let today = wall_ms() / 1000 / DAY;
    // Other machines' clocks may be behind.
    let date = |day| {
        let (year, month, day) = civil(day);
        date_time_ymd(year as i32, month as u8 + 1, day as u8)
    };
    params.not_before = date(today + from - 1);
    params.not_after = date(today + days);
    Ok(params)
}

fn other_name(name: &str) -> Result<SanType, rcgen::Error> {
    if let Ok(address) = name.parse() {
        return Ok(SanType::IpAddress(address));
    }
    let text = Ia5String::try_from(name.to_owned())?;
    Ok(if name.contains("://") { SanType::URI(text) } else { SanType::DnsName(text) })
}
