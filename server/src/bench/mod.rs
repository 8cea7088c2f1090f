//! `quorate bench`: how fast servers that speak ZooKeeper's client protocol are, and whether every
//! answer is right.
//!
//! | module | job |
//! |---|---|
//! | `args` | the command line |
//! | `load`, `worker` | reads and writes over many connections |
//! | `fill`, `sessions`, `watch` | many znodes, sessions, watches |
//! | `failover`, `ready` | the leader killed, a server started |
//! | `chaos` | an ensemble of its own under faults, and a verdict |
//! | `null` | the floor: a server that knows nothing |
//! | `check` | judges every reply |
//! | `value`, `request` | what is written and asked for |
//! | `socket`, `fleet`, `client` | connections that do not wait, many of them, and one that waits |
//! | `place` | the znodes of a run |
//! | `machine` | processor time and memory of processes |
//! | `report`, `progress` | what people see |

mod args;
mod chaos;
mod check;
mod client;
mod failover;
pub(crate) mod failure;
mod fill;
mod fleet;
mod load;
mod machine;
mod null;
mod place;
mod progress;
mod ready;
mod report;
mod request;
mod server;
mod sessions;
mod socket;
mod value;
mod watch;
mod worker;

pub(crate) use args::BenchArgs;
pub use check::{Asked, Wrong};
pub use failure::Failure;

use crate::net::descriptors::raise_limit;
use args::Mode;

/// Run a benchmark.
///
/// # Errors
/// Anything that makes the run no result; where JSON is wanted, it says so too.
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    raise_limit(false);
    if let Some(path) = args.mode.json() {
        report::try_file(path)?;
    }
    let (mode, result) = match &args.mode {
        Mode::Load(args) => ("load", load::run(args)),
        Mode::Fill(args) => ("fill", fill::run(args)),
        Mode::Sessions(args) => ("sessions", sessions::run(args)),
        Mode::Watch(args) => ("watch", watch::run(args)),
        Mode::Failover(args) => ("failover", failover::run(args)),
        Mode::Ready(args) => ("ready", ready::run(args)),
        Mode::Chaos(args) => ("chaos", chaos::run(args)),
        Mode::Null(args) => ("null", null::run(args)),
    };
    if let (Err(failure), Some(path)) = (&result, args.mode.json()) {
        report::give_failure(path, mode, failure);
    }
    result
}
