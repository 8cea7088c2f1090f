//! `quorate data check`: what is in a data directory, whether it is in order, what a start would make of it.
//! If something is wrong, it says where and what to do.

use std::time::Duration;

use quorate_core::Inconsistent;
use quorate_core::ids::{Now, ServerId, Zxid};
use quorate_core::payload::Service;
use quorate_core::pipeline::{ClientTxn, ImageBuilder, Settings, TreeImage, TreeService};
use serde::Serialize;
use serde_json::json;

use super::log::{self, LogSummary};
use super::place::{Place, PlaceArgs};
use super::show;
use super::snapshot::{self, SnapshotSummary};
use crate::error::{EXIT_DATA_DIR, EXIT_UNEXPECTED, Error};
use crate::output::Output;
use crate::storage::{Examined, PassedOver, StorageError, What, examine, files, is_in_use, log_after};

/// Of how many snapshots it is tried whether they could stand in for newer ones.
const FALLBACKS: usize = 3;
/// How often a directory that changes is read again.
const ATTEMPTS: usize = 5;

/// What `quorate data check` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Everything that is found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    data_dir: String,
    data_log_dir: String,
    /// Another process has the directory.
    in_use: bool,
    snapshots: Vec<SnapshotSummary>,
    logs: Vec<LogSummary>,
    accepted_epoch: Option<u32>,
    current_epoch: Option<u32>,
    /// What a start would begin with; absent if it would not start.
    recovered: Option<Recovery>,
    /// Why it would not start, and what to do.
    refused: Option<String>,
    /// What is damaged although a start does not need it.
    damage: Vec<String>,
    /// What is worth knowing.
    notes: Vec<String>,
}

/// What a start would begin with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recovery {
    snapshot: String,
    transactions: u64,
    last: String,
    accepted_epoch: u32,
    current_epoch: u32,
    znodes: usize,
    ephemerals: usize,
    sessions: usize,
    digest: String,
    /// Whether the server may vote at once; otherwise a leader must have given it a history first.
    trusted: bool,
    /// Neither a snapshot nor a log is there.
    empty: bool,
}

/// Check; returns the exit code: 0, 1 if something is damaged that a start does not need, 3 if it would
/// not start.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn run(args: &CheckArgs) -> Result<u8, Error> {
    let place = args.place.resolve()?;
    let mut report = look(&place)?;
    // While a server works there, files come and go: what is wrong twice is wrong.
    for _ in 1..ATTEMPTS {
        if !report.in_use || (report.refused.is_none() && report.damage.is_empty()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
        let again = look(&place)?;
        let same = (&again.refused, &again.damage) == (&report.refused, &report.damage);
        report = again;
        if same {
            break;
        }
    }
    let mut out = Output::stdout();
    if args.json {
        out.json(&json!(report))?
    } else {
        report.print(&mut out)?
    }
    out.flush()?;
    Ok(match (&report.refused, report.damage.is_empty()) {
        (Some(_), _) => EXIT_DATA_DIR,
        (None, false) => EXIT_UNEXPECTED,
        (None, true) => 0,
    })
}

fn look(place: &Place) -> Result<Report, Error> {
    let mut report = Report {
        data_dir: place.data_dir.display().to_string(),
        data_log_dir: place.data_log_dir.display().to_string(),
        in_use: is_in_use(&place.data_dir, &place.data_log_dir)?,
        snapshots: Vec::new(),
        logs: Vec::new(),
        accepted_epoch: None,
        current_epoch: None,
        recovered: None,
        refused: None,
        damage: Vec::new(),
        notes: Vec::new(),
    };
    let mut usable = Vec::new();
    for file in files(&place.data_dir, &place.data_log_dir)? {
        let path = file.path.display();
        match file.what {
            What::Snapshot(zxid, _) => {
                let Some(summary) = unless_gone(snapshot::read(&file.path, &mut |_| true))? else { continue };
                match &summary.damage {
                    // A start says what becomes of it.
                    Some(_) if summary.torn => {}
                    Some(damage) => report.damage.push(format!("{path} cannot be used: {damage}")),
                    None => usable.push(zxid),
                }
                report.snapshots.push(summary);
            }
            What::Log(_) => {
                let Some(summary) = unless_gone(log::read(&file.path, &mut |_| Ok(true)))? else { continue };
                let damage = summary.damage.iter();
                report
                    .damage
                    .extend(damage.map(|d| format!("{path} is damaged at byte {}: {}", d.offset, d.what)));
                if let Some(torn) = &summary.torn {
                    report.notes.push(format!(
                        "{path} ends at byte {} with a transaction that was not completely written ({}): nobody was \
                         told that it is in the log",
                        torn.offset, torn.what
                    ));
                }
                report.logs.push(summary);
            }
            What::Known("an epoch") => {}
            What::Known(what) => report.notes.push(format!("{path}: {what}")),
            What::Other => report.notes.push(format!("{path} is not looked at by a server")),
        }
    }
    let settings = Settings { extended_types: place.extended_types, ..Settings::new(ServerId(1), 2000) };
    let initial = || TreeService::new(&settings, None).snapshot();
    match examine(&place.storage, &ImageBuilder::new(&settings), initial) {
        Ok(examined) => {
            report.notes.extend(examined.passed_over.iter().map(PassedOver::to_string));
            if let Err(why) = report.replay(place, &settings, &examined, &usable) {
                report.refused = Some(why.to_string());
            }
        }
        Err(why) => report.refused = Some(why.to_string()),
    }
    Ok(report)
}

/// A file that was removed since it was listed is none.
fn unless_gone<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    let gone = |e: &std::io::Error| e.kind() == std::io::ErrorKind::NotFound;
    match read {
        Err(Error::Storage(StorageError::Io { source, .. })) if gone(&source) => Ok(None),
        Err(Error::System { why, .. }) if gone(&why) => Ok(None),
        read => read.map(Some),
    }
}

impl Report {
    /// Do what a start does with what it has found. On a running server the log may have grown meanwhile.
    fn replay(
        &mut self,
        place: &Place,
        settings: &Settings,
        examined: &Examined<TreeImage>,
        usable: &[Zxid],
    ) -> Result<(), StorageError> {
        let recovered = &examined.recovered;
        let (snapshot, last) = (recovered.snapshot.zxid, examined.last);
        (self.accepted_epoch, self.current_epoch) = examined.epochs;
        if last.epoch() > recovered.accepted_epoch {
            let accepted = recovered.accepted_epoch;
            self.refused = Some(Inconsistent::LogAfterAccepted { last, accepted }.to_string());
            return Ok(());
        }
        let mut service = TreeService::new(settings, Some(&recovered.image));
        let (now, mut effects) = (Now::default(), Vec::new());
        let (mut transactions, mut last) = (0, snapshot);
        log_after(&examined.overlay, &place.storage, snapshot, &mut |zxid, txn| {
            (transactions, last) = (transactions + 1, zxid);
            service.apply(now, zxid, &ClientTxn(txn), &mut effects);
            effects.clear();
        })?;
        let state = service.status();
        if state.counters.digest_mismatches > 0 {
            self.damage.push(format!(
                "after {} of the transactions after the snapshot the tree has another digest than the server had that \
                 logged them: compare with the other servers",
                state.counters.digest_mismatches
            ));
        }
        if state.counters.unreadable_txns > 0 {
            let count = state.counters.unreadable_txns;
            self.notes
                .push(format!("{count} transactions have a content that no server understands; they fail"));
        }
        for older in usable.iter().rev().filter(|zxid| **zxid < snapshot).take(FALLBACKS - 1) {
            if let Err(why) = log_after(&examined.overlay, &place.storage, *older, &mut |_, _| {}) {
                self.notes.push(format!(
                    "snapshot {older} could not stand in for a newer one that is damaged: {why}"
                ));
            }
        }
        if !recovered.trusted {
            self.notes.push(
                "this server does not vote before it has taken over a leader's history (db.autocreate=false)"
                    .into(),
            );
        }
        self.recovered = Some(Recovery {
            snapshot: show::zxid(snapshot),
            transactions,
            last: show::zxid(last),
            accepted_epoch: recovered.accepted_epoch,
            current_epoch: recovered.current_epoch,
            znodes: state.znodes,
            ephemerals: state.ephemerals,
            sessions: state.sessions,
            digest: show::hex(state.digest as u64),
            trusted: recovered.trusted,
            empty: examined.is_empty,
        });
        Ok(())
    }

    fn print(&self, out: &mut Output) -> Result<(), Error> {
        let user = if self.in_use { "a server runs on it" } else { "no Quorate server runs on it" };
        out.line(&format!("dataDir {}: {user}", self.data_dir))?;
        if self.data_log_dir != self.data_dir {
            out.line(&format!("dataLogDir {}", self.data_log_dir))?;
        }
        let mark = |bad: bool| if bad { "!!" } else { "  " };
        for snapshot in &self.snapshots {
            let name = name(&snapshot.file);
            out.line(&format!(
                "{} {name}: {}",
                mark(snapshot.damage.is_some() && !snapshot.torn),
                snapshot.text()
            ))?;
        }
        for log in &self.logs {
            out.line(&format!("{} {}: {}", mark(log.is_damaged()), name(&log.file), log.text()))?;
        }
        let epoch = |epoch: Option<u32>| epoch.map_or("no file".to_owned(), |epoch| epoch.to_string());
        if self.refused.is_none() {
            let (accepted, current) = (epoch(self.accepted_epoch), epoch(self.current_epoch));
            out.line(&format!("   acceptedEpoch: {accepted}, currentEpoch: {current}"))?;
        }
        for note in &self.notes {
            out.line(&format!("note: {note}"))?;
        }
        for damage in &self.damage {
            out.line(&format!("damage: {damage}"))?;
        }
        if let Some(why) = &self.refused {
            return out.line(&format!("a server would NOT start: {why}"));
        }
        let Some(found) = &self.recovered else { return Ok(()) };
        if found.empty {
            out.line("empty: neither a snapshot nor a log; a start would be a first start")?;
        } else {
            out.line(&format!(
                "a start recovers: snapshot {} and {} transactions after it, up to {}; epochs {} and {}",
                found.snapshot, found.transactions, found.last, found.accepted_epoch, found.current_epoch
            ))?;
            out.line(&format!(
                "                  {} znodes ({} ephemeral), {} sessions, digest {}",
                found.znodes, found.ephemerals, found.sessions, found.digest
            ))?;
        }
        out.line(if self.damage.is_empty() {
            "in order"
        } else {
            "a server would start without what is damaged; keep a copy of the directory, then remove the damaged files"
        })
    }
}

fn name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
