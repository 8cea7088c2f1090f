//! Ports for servers that are killed and started again.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below what operating systems hand out to outgoing connections, so that no connection takes the port of a
/// server while it is down.
const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Free ports of 127.0.0.1 that this process has not given out before.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| free_port())
}

fn free_port() -> u16 {
    loop {
        let port = next(1);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The first of `count` ports that this process has not given out before.
fn next(count: u16) -> u16 {
    // Processes that run at the same time begin in different places.
    let start = std::process::id().wrapping_mul(131) % COUNT;
    let offset = NEXT.fetch_add(u32::from(count), Ordering::Relaxed);
    assert!(offset < COUNT, "every port has been tried");
    u16::try_from(FIRST + (start + offset) % COUNT).expect("all are below 65536")
}

/// The first of `count` client ports for `quorate ensemble`, whose quorum and election ports are
/// free too.
pub(crate) fn ensemble_ports(count: u16) -> u16 {
    loop {
        let first = next(count);
        let ports = [0, 707, 1707].into_iter().flat_map(|offset| (first + offset)..(first + offset + count));
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if ports.into_iter().all(free) {
            return first;
        }
    }
}
