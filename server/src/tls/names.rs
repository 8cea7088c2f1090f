//! Whether a certificate is for the party at the other end.

use std::net::IpAddr;

use super::certificate::{Certificate, DNS};

/// Whom a certificate may be for: hosts as the configuration names them, and an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expected {
    /// Hosts, by name or by address.
    pub(crate) hosts: Vec<String>,
    /// The other end's address.
    pub(crate) address: IpAddr,
}

impl Expected {
    /// Whether the certificate names one of them.
    ///
    /// # Errors
    /// What it names instead.
    pub(crate) fn check(&self, certificate: &Certificate) -> Result<(), String> {
        let fits = |host: &String| match host.parse::<IpAddr>() {
            Ok(address) => certificate.addresses.contains(&address),
            Err(_) => names(certificate, host),
        };
        if certificate.addresses.contains(&self.address) || self.hosts.iter().any(fits) {
            return Ok(());
        }
        let mut wanted = self.hosts.clone();
        wanted.push(self.address.to_string());
        wanted.dedup();
        let named = match certificate.has_other_names() {
            true => {
                certificate.other_names.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>().join(", ")
            }
            false => certificate.common_name.clone().unwrap_or_else(|| "nobody".to_owned()),
        };
        Err(format!("the certificate is for {named:.200}, and not for {}", wanted.join(" or ")))
    }
}

/// Whether a certificate names a host. Its common name counts only where it has no other names, as for
/// ZooKeeper.
fn names(certificate: &Certificate, host: &str) -> bool {
    let mut dns = certificate.other_names.iter().filter(|(kind, _)| *kind == DNS);
    match certificate.has_other_names() {
        true => dns.any(|(_, pattern)| matches(pattern, host)),
        false => certificate.common_name.as_ref().is_some_and(|name| matches(name, host)),
    }
}

/// Whether a name in a certificate stands for a host. `*` stands for the first label, where at least two
/// labels follow it.
fn matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.trim_end_matches('.'), host.trim_end_matches('.'));
    if pattern.eq_ignore_ascii_case(host) {
        return !pattern.is_empty();
    }
    let Some(domain) = pattern.strip_prefix("*.") else { return false };
    let Some((label, rest)) = host.split_once('.') else { return false };
    !label.is_empty() && domain.contains('.') && rest.eq_ignore_ascii_case(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        for (pattern, host, fits) in [
            ("zoo1.example.org", "ZOO1.example.org", true),
            ("zoo1.example.org", "zoo1.example.org.", true),
            ("*.example.org", "zoo1.example.org", true),
            ("*.example.org", "a.zoo1.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.org", "example.org", false),
            ("*", "zoo1", false),
            ("zoo*.example.org", "zoo1.example.org", false),
            ("", "", false),
        ] {
            assert_eq!(matches(pattern, host), fits, "{pattern} for {host}");
        }
    }
}
