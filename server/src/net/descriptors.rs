//! How many file descriptors the process may have, and how many of them clients may take.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Descriptors that are not for clients: the data directory, the ports, the connections of the
/// other servers and of those that have not introduced themselves.
const RESERVED: u64 = 256;

/// The most descriptors that connections over HTTP take.
const HTTP: u64 = 128;

/// How many connections over HTTP leave enough for everything else, after the limit was raised.
pub(crate) fn for_http() -> usize {
    http_share(getrlimit(Resource::Nofile).current) as usize
}

/// The share of HTTP of a limit; `None`: there is no limit.
fn http_share(limit: Option<u64>) -> u64 {
    limit.map_or(HTTP, |limit| (limit / 8).min(HTTP))
}

/// Raise the limit of the process as far as it may raise it (`RLIMIT_NOFILE`, the soft limit to
/// the hard one) and return how many client connections leave enough for everything else. `http` says
/// whether there are connections over HTTP.
pub(crate) fn raise_limit(http: bool) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut limit = current;
    if current != maximum {
        match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => limit = maximum,
            Err(error) => warn!("the limit of open files stays at {current:?}: {error}"),
        }
    }
    let clients = for_clients(limit, http);
    debug!("open files: at most {limit:?}, client connections: at most {clients}");
    clients
}

/// The clients' share of a limit; `None`: there is no limit.
fn for_clients(limit: Option<u64>, http: bool) -> usize {
    let reserved = RESERVED + if http { http_share(limit) } else { 0 };
    let share = limit.map_or(u64::MAX, |limit| limit.saturating_sub(reserved).max(limit / 4));
    usize::try_from(share).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_some_for_the_others() {
        assert_eq!(for_clients(Some(1024), false), 768);
        assert_eq!(for_clients(Some(1024), true), 640);
        assert_eq!((for_clients(Some(256), true), http_share(Some(256))), (64, 32));
        assert_eq!(for_clients(None, true), usize::MAX);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let clients = raise_limit(false);
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        assert_eq!(clients, for_clients(maximum, false));
    }
}
