//! `quorate data purge`: remove what recovery does not need, from a directory no server runs on.

use serde_json::json;

use super::place::PlaceArgs;
use crate::config::MIN_RETAINED;
use crate::error::Error;
use crate::output::Output;
use crate::storage::{Overlay, Purged, RealDisk, StorageError, purge};

/// What `quorate data purge` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// How many of the newest intact snapshots stay, with every log they need.
    #[arg(long, value_name = "N", default_value_t = MIN_RETAINED as u32,
          value_parser = clap::value_parser!(u32).range(MIN_RETAINED as i64..))]
    keep: u32,
    /// Say what would be removed and remove nothing; also while a server runs.
    #[arg(long)]
    dry_run: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Remove old files, or say which.
///
/// # Errors
/// The directory is in use or cannot be read; a file cannot be removed.
pub(super) fn run(args: &PurgeArgs) -> Result<(), Error> {
    let place = args.place.resolve()?;
    let (data, logs, keep) = (&place.data_dir, &place.data_log_dir, args.keep as usize);
    let purged = if args.dry_run {
        purge(&Overlay::default(), data, logs, keep)
    } else {
        purge(&RealDisk::default(), data, logs, keep)
    };
    let purged = purged.map_err(|why| match why {
        StorageError::Locked { path } => Error::Usage(format!(
            "{} is locked: a server runs on this directory. It removes old files itself if its zoo.cfg says \
             autopurge.purgeInterval=24; --dry-run says what could be removed",
            path.display()
        )),
        other => Error::Storage(other),
    })?;
    print(&purged, args)
}

fn print(purged: &Purged, args: &PurgeArgs) -> Result<(), Error> {
    let mut out = Output::stdout();
    if args.json {
        out.json(&json!({ "removed": purged.removed, "bytes": purged.bytes, "dryRun": args.dry_run }))?;
        return out.flush();
    }
    let done = if args.dry_run { "would be removed" } else { "removed" };
    for path in &purged.removed {
        if out.closed() {
            break;
        }
        out.line(&format!("{done}: {}", path.display()))?;
    }
    out.line(&format!("{} files, {} KiB {done}", purged.removed.len(), purged.bytes / 1024))?;
    out.flush()
}
