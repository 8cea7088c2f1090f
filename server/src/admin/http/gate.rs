//! Which requests are answered at all.
//!
//! A page in a browser that can reach the server must neither read its answers nor set something off. So a
//! request must call the server by an address or a known name, against DNS rebinding. It must not come from a
//! page of another origin. Browsers always send a Host header; a probe may send none. No header says where a
//! request comes from but the connection.

use std::fs;
use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{Method, StatusCode};

use super::body::{Answer, refusal};
use crate::config::ServerConfig;

/// The names under which the server may be called, in lower case.
pub(super) fn names(config: &ServerConfig) -> Vec<String> {
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_lowercase();
    let listens = config.admin.server.iter().map(|place| place.host.to_lowercase());
    let members = config.members.values().flat_map(|member| &member.quorum);
    let members = members.map(|place| place.host.to_lowercase());
    let names = ["localhost".to_owned(), own].into_iter().chain(listens).chain(members);
    names.chain(config.admin.hosts.iter().cloned()).filter(|name| !name.is_empty()).collect()
}

/// Why a request is refused, if it is. `names` are the known names; `None`: any will do.
pub(super) fn refused(method: &Method, headers: &HeaderMap, names: Option<&[String]>) -> Option<Answer> {
    if method == Method::TRACE {
        return Some(refusal(StatusCode::FORBIDDEN, "TRACE is not answered"));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if let Some(names) = names
        && headers.get(HOST).is_some_and(|_| !host.is_some_and(|host| is_known(host, names)))
    {
        let why =
            "the Host header is neither an address nor a name of this server; quorate.adminHosts adds names";
        return Some(refusal(StatusCode::MISDIRECTED_REQUEST, why));
    }
    if !is_of_this_origin(headers, host.unwrap_or_default()) {
        return Some(refusal(StatusCode::FORBIDDEN, "requests of pages of another origin are not answered"));
    }
    None
}

fn is_known(host: &str, names: &[String]) -> bool {
    let name = without_port(host).to_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    bare.parse::<IpAddr>().is_ok() || names.iter().any(|known| known == bare || known == "*")
}

/// `[::1]:80`: `[::1]`; `name:80`: `name`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn is_of_this_origin(headers: &HeaderMap, host: &str) -> bool {
    let word = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = word("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let own = format!("http://{host}");
    let origin = headers.get(ORIGIN).is_none_or(|origin| origin.as_bytes() == own.as_bytes());
    site && origin
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn status(method: Method, headers: &[(&str, &str)]) -> Option<u16> {
        let names = ["localhost".to_owned(), "zk1.example".to_owned()];
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = headers.iter().map(pair).collect();
        refused(&method, &headers, Some(&names)).map(|answer| answer.status().as_u16())
    }

    #[test]
    fn a_host_is_an_address_or_a_known_name() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "localhost:1",
            "LOCALHOST",
            "zk1.example.:80",
        ] {
            assert_eq!(status(Method::GET, &[("host", host)]), None, "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "", "127.0.0.1.evil.example", "localhost.evil"] {
            assert_eq!(status(Method::GET, &[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(status(Method::GET, &[]), None);
        let any = refused(&Method::GET, &HeaderMap::new(), None);
        assert!(any.is_none());
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        let host = ("host", "localhost:8080");
        for (header, allowed) in [
            (("origin", "http://localhost:8080"), true),
            (("origin", "http://localhost:8081"), false),
            (("origin", "null"), false),
            (("origin", "https://evil.example"), false),
            (("sec-fetch-site", "same-origin"), true),
            (("sec-fetch-site", "none"), true),
            (("sec-fetch-site", "cross-site"), false),
            (("sec-fetch-site", "same-site"), false),
            (("x-forwarded-for", "127.0.0.1"), true),
        ] {
            let expected = if allowed { None } else { Some(403) };
            assert_eq!(status(Method::POST, &[host, header]), expected, "{header:?}");
        }
        assert_eq!(status(Method::TRACE, &[host]), Some(403));
    }
}
