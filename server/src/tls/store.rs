//! Files with keys and certificates: PEM and PKCS#12.

use std::fs;
use std::path::Path;

use p12_keystore::Pkcs12Archive;
use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::certificate::Certificate;
use super::settings::StoreFile;
use super::trouble::{Part, Trouble, Why};

/// The first bytes of a key store of Java.
const JKS: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
/// What a key with a password begins and ends with in PEM.
const ENCRYPTED: (&str, &str) =
    ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----END ENCRYPTED PRIVATE KEY-----");

/// What is in a file, in its order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) keys: Vec<PrivateKeyDer<'static>>,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// Read a file with keys or certificates. The parts say what the file is for, and what its password.
///
/// # Errors
/// Which file is wrong, and why.
pub(super) fn read(file: &StoreFile, (part, secret): (Part, Part)) -> Result<Contents, Trouble> {
    let trouble = |why| Trouble::new(part, &file.location, why);
    let bytes = fs::read(&file.location).map_err(|why| trouble(Why::Unreadable(why)))?;
    let password = password(file, secret)?;
    if bytes.starts_with(&JKS) {
        return Err(trouble(Why::Jks(file.location.display().to_string())));
    }
    // A sequence in DER; PEM is text.
    let contents =
        if bytes.first() == Some(&0x30) { pkcs12(&bytes, &password) } else { pem(&bytes, &password) };
    contents.map_err(trouble)
}

/// How many keys a file has, and what its certificates say.
///
/// # Errors
/// Which file is wrong, and why.
pub(crate) fn contents(file: &StoreFile) -> Result<(usize, Vec<Certificate>), Trouble> {
    let contents = read(file, (Part::KeyStore, Part::KeyStorePassword))?;
    let bad = |(n, why): (usize, String)| {
        Trouble::new(Part::KeyStore, &file.location, Why::BadCertificate { number: n + 1, why })
    };
    let said = contents.certificates.iter().enumerate();
    let said = said.map(|(n, der)| Certificate::read(der).map_err(|why| bad((n, why))));
    Ok((contents.keys.len(), said.collect::<Result<_, _>>()?))
}

/// The file with the password is stronger than the key.
fn password(file: &StoreFile, part: Part) -> Result<String, Trouble> {
    let Some(path) = &file.password_path else { return Ok(file.password.0.clone()) };
    let text = fs::read_to_string(path);
    let text = text.map_err(|why| Trouble::new(part, path, Why::Unreadable(why)))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn pkcs12(bytes: &[u8], password: &str) -> Result<Contents, Why> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|why| Why::Pkcs12(why.to_string()))?;
    let key = |bag: p12_keystore::PrivateKeyBag| {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()))
    };
    let certificate = |bag: p12_keystore::CertificateBag| CertificateDer::from(bag.cert.as_der().to_vec());
    Ok(Contents {
        keys: archive.keys.into_iter().map(key).collect(),
        certificates: archive.certs.into_iter().map(certificate).collect(),
    })
}

fn pem(bytes: &[u8], password: &str) -> Result<Contents, Why> {
    let mut contents = Contents::default();
    let mut sections = 0;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let (kind, der) = section.map_err(|why| Why::BadPem(why.to_string()))?;
        sections += 1;
        match kind {
            SectionKind::Certificate => contents.certificates.push(der.into()),
            kind => contents.keys.extend(PrivateKeyDer::from_pem(kind, der)),
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let mut rest = &*text;
    while let Some(at) = rest.find(ENCRYPTED.0) {
        let block = &rest[at..];
        let end =
            block.find(ENCRYPTED.1).ok_or_else(|| Why::BadPem("an encrypted key has no end".to_owned()))?;
        let (block, after) = block.split_at(end + ENCRYPTED.1.len());
        contents.keys.push(decrypted(block, password).map_err(Why::Encrypted)?);
        (rest, sections) = (after, sections + 1);
    }
    if sections == 0 { Err(Why::Unknown) } else { Ok(contents) }
}

fn decrypted(block: &str, password: &str) -> Result<PrivateKeyDer<'static>, String> {
    let (_, document) = pkcs8::SecretDocument::from_pem(block).map_err(|why| why.to_string())?;
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|why| why.to_string())?;
    let plain = info.decrypt(password).map_err(|why| why.to_string())?;
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec())))
}

/// Read lists of revoked certificates.
///
/// # Errors
/// Which file is wrong, and why.
pub(super) fn read_crls(
    part: Part,
    file: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>, Trouble> {
    let trouble = |why| Trouble::new(part, file, why);
    let bytes = fs::read(file).map_err(|why| trouble(Why::Unreadable(why)))?;
    let all = CertificateRevocationListDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|why| trouble(Why::BadPem(why.to_string())))?;
    if all.is_empty() {
        return Err(trouble(Why::BadCrl("it is no PEM with the word X509 CRL".to_owned())));
    }
    Ok(all)
}
