//! Requests over HTTP, written and read as text.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::ensemble::{Ensemble, Setup};
use super::ports::free_ports;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HttpAnswer {
    /// The status.
    pub(crate) status: u16,
    /// The head, in lower case.
    pub(crate) head: String,
    /// The body. What is not text is replaced.
    pub(crate) body: String,
}

impl HttpAnswer {
    /// The value of `"name" : value` in a body of ZooKeeper's form; only for simple values.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        let line = self.body.lines().find_map(|line| line.trim().strip_prefix(&format!("\"{name}\" : ")))?;
        Some(line.trim_end_matches(',').trim_matches('"'))
    }

    /// The value of a sample of `/metrics`.
    #[track_caller]
    pub(crate) fn sample(&self, name: &str) -> f64 {
        let value = self.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.unwrap_or_else(|| panic!("no {name} in {}", self.body));
        value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}"))
    }
}

/// Send these bytes over a new connection and read until it is closed; `None` if there is no answer.
pub(crate) fn http_raw(port: u16, request: &[u8]) -> Option<HttpAnswer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    // It may be closed before everything is said.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_lowercase();
    let body = if head.contains("transfer-encoding: chunked") { joined(body) } else { body.to_owned() };
    Some(HttpAnswer { status, head, body })
}

/// What chunks hold.
fn joined(chunks: &str) -> String {
    let (mut rest, mut body) = (chunks, String::new());
    while let Some((length, after)) = rest.split_once("\r\n") {
        let Ok(length) = usize::from_str_radix(length, 16) else { break };
        let Some(chunk) = after.get(..length) else { break };
        body += chunk;
        rest = after.get(length + 2..).unwrap_or_default();
    }
    body
}

/// A request with these further lines in its head.
pub(crate) fn http(port: u16, method: &str, path: &str, lines: &[&str], body: &str) -> Option<HttpAnswer> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    for line in lines {
        text += &format!("{line}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    http_raw(port, format!("{text}\r\n{body}").as_bytes())
}

/// GET a path.
#[track_caller]
pub(crate) fn http_get(port: u16, path: &str) -> HttpAnswer {
    http(port, "GET", path, &[], "").unwrap_or_else(|| panic!("no answer to {path}"))
}

/// An ensemble whose servers have admin servers on these ports, by id from 1 on. Nothing runs.
pub(crate) fn with_admin_servers(setup: Setup) -> (Ensemble, Vec<u16>) {
    let ensemble = setup.prepare();
    let ports = ensemble.ids().iter().map(|id| admin_server(&ensemble, *id)).collect();
    (ensemble, ports)
}

/// Give a server that does not run an admin server.
fn admin_server(ensemble: &Ensemble, id: u64) -> u16 {
    let [port] = free_ports();
    let mut config = OpenOptions::new().append(true).open(ensemble.config(id)).expect("there is a zoo.cfg");
    writeln!(config, "admin.enableServer=true\nadmin.serverPort={port}").expect("it can be written to");
    port
}
