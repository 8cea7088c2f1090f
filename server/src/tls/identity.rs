//! The name under which lists of access rights know the holder of a certificate (`ssl.x509.*`).

use regex_lite::Regex;

use super::certificate::Certificate;
use super::settings::OtherName;

/// How a name is made of a certificate.
#[derive(Debug)]
pub(super) enum Identity {
    /// The subject, as in RFC 2253.
    Subject,
    /// One of the other names, or a part of it.
    Other {
        /// The kind of name, by its number in RFC 5280.
        kind: u8,
        /// What it must have in it.
        matches: Regex,
        /// What of it is the name.
        extract: Regex,
        /// Which group of that.
        group: usize,
    },
}

impl Identity {
    /// # Errors
    /// Which expression cannot be read.
    pub(super) fn new(rule: Option<&OtherName>) -> Result<Identity, String> {
        let Some(OtherName { kind, matches, extract, group }) = rule else { return Ok(Identity::Subject) };
        let compiled = |text: &String| Regex::new(text).map_err(|why| format!("{text:?}: {why}"));
        let (matches, extract) = (compiled(matches)?, compiled(extract)?);
        if *group >= extract.captures_len() {
            return Err(format!("{:?} has no group {group}", extract.as_str()));
        }
        Ok(Identity::Other { kind: *kind, matches, extract, group: *group })
    }

    /// The name; nothing if it would be empty. Where not exactly one other name matches, the subject counts.
    pub(super) fn name(&self, certificate: &Certificate) -> Option<String> {
        let name = self.other(certificate).unwrap_or_else(|| certificate.subject.clone());
        (!name.is_empty()).then_some(name)
    }

    fn other(&self, certificate: &Certificate) -> Option<String> {
        let Identity::Other { kind, matches, extract, group } = self else { return None };
        let fits = |(of, name): &&(u8, String)| of == kind && matches.is_match(name);
        let mut fitting = certificate.other_names.iter().filter(fits);
        let (Some((_, name)), None) = (fitting.next(), fitting.next()) else { return None };
        Some(extract.captures(name)?.get(*group)?.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[(u8, &str)]) -> Certificate {
        Certificate {
            subject: "CN=app,O=Example".to_owned(),
            issuer: "CN=CA".to_owned(),
            common_name: Some("app".to_owned()),
            other_names: names.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect(),
            addresses: Vec::new(),
            not_before: 0,
            not_after: 0,
        }
    }

    fn rule(matches: &str, extract: &str, group: usize) -> Result<Identity, String> {
        let rule = OtherName { kind: 6, matches: matches.to_owned(), extract: extract.to_owned(), group };
        Identity::new(Some(&rule))
    }

    #[test]
    fn a_name_is_the_subject_or_an_other_name() {
        let app = certificate(&[(2, "app.example.org"), (6, "spiffe://example.org/app"), (6, "https://x")]);
        let name = |identity: Result<Identity, String>| identity.unwrap().name(&app);
        assert_eq!(name(Identity::new(None)).as_deref(), Some("CN=app,O=Example"));
        assert_eq!(name(rule("^spiffe:", ".*", 0)).as_deref(), Some("spiffe://example.org/app"));
        assert_eq!(name(rule("^spiffe:", "([^/]+)$", 1)).as_deref(), Some("app"));
        // Two match, or none, or nothing is left: the subject.
        for identity in [rule(".*", ".*", 0), rule("^ftp:", ".*", 0), rule("^spiffe:", "nothing", 0)] {
            assert_eq!(name(identity).as_deref(), Some("CN=app,O=Example"));
        }
        assert!(rule("(", ".*", 0).is_err() && rule(".*", ".*", 1).is_err());
        let nobody = Certificate { subject: String::new(), ..certificate(&[]) };
        assert_eq!(Identity::Subject.name(&nobody), None);
    }
}
