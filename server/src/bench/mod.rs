//! `quorate bench`: how fast servers that speak ZooKeeper's client protocol are, and whether every
//! answer is right.
//!
//! | module | job |
//! |---|---|
//! | `args` | the command line |
//! | `load`, `worker` | reads and writes over many connections |
//! | `check` | judges every reply |
//! | `value`, `request` | what is written and asked for |
//! | `socket`, `client` | connections that do not wait, and one that does |
//! | `place` | the znodes of a run |
//! | `machine` | processor time and memory of processes |
//! | `report`, `progress` | what people see |

mod args;
mod check;
mod client;
mod failure;
mod load;
mod machine;
mod place;
mod progress;
mod report;
mod request;
mod server;
mod socket;
mod value;
mod worker;

pub(crate) use args::BenchArgs;
pub use check::{Asked, Wrong};
pub use failure::Failure;

use args::Mode;

/// Run a benchmark.
///
/// # Errors
/// Anything that makes the run no result; where JSON is wanted, it says so too.
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let (mode, json, result) = match &args.mode {
        Mode::Load(args) => ("load", &args.common.json, load::run(args)),
    };
    if let (Err(failure), Some(path)) = (&result, json) {
        report::give_failure(path, mode, failure);
    }
    result
}
