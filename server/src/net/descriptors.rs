//! How many file descriptors the process may have, and how many of them clients may take.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// Descriptors that are not for clients: the data directory, the ports, the connections of the
/// other servers and of those that have not introduced themselves.
const RESERVED: u64 = 256;

/// Raise the limit of the process as far as it may raise it (`RLIMIT_NOFILE`, the soft limit to
/// the hard one) and return how many client connections leave enough for everything else.
pub(crate) fn raise_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut limit = current;
    if current != maximum {
        match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => limit = maximum,
            Err(error) => warn!("the limit of open files stays at {current:?}: {error}"),
        }
    }
    let clients = for_clients(limit);
    debug!("open files: at most {limit:?}, client connections: at most {clients}");
    clients
}

/// The clients' share of a limit; `None`: there is no limit.
fn for_clients(limit: Option<u64>) -> usize {
    let share = limit.map_or(u64::MAX, |limit| limit.saturating_sub(RESERVED).max(limit / 4));
    usize::try_from(share).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_some_for_the_others() {
        assert_eq!(for_clients(Some(1024)), 768);
        assert_eq!(for_clients(Some(256)), 64);
        assert_eq!(for_clients(None), usize::MAX);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let clients = raise_limit();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
        assert_eq!(clients, for_clients(maximum));
    }
}
