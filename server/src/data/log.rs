//! `quorate log dump|verify`: one log file, transaction by transaction, in constant memory.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use quorate_core::ids::Zxid;
use quorate_core::wire::files::FileKind;
use quorate_core::wire::txn::Txn;
use serde::Serialize;
use serde_json::{Value, json};

use super::show;
use crate::error::{EXIT_DATA_DIR, Error};
use crate::output::Output;
use crate::storage::{Ending, LogReader, Overlay, Record, StorageError};

/// What can be asked about a transaction log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print every transaction of a log file, ZooKeeper's or Quorate's, and how the file ends. Exit code 3
    /// if it is damaged.
    Dump {
        /// The file, log.ZXID.
        file: PathBuf,
        /// Also print the data of znodes.
        #[arg(long)]
        data: bool,
        /// As JSON: an object per line, the last one is about the file.
        #[arg(long)]
        json: bool,
    },
    /// Read log files to their ends and say whether they are in order. Exit code 3 if one is damaged; a
    /// transaction that was being written when the server stopped is no damage.
    Verify {
        /// The files, log.ZXID.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// As JSON: an object per file.
        #[arg(long)]
        json: bool,
    },
}

impl LogCommand {
    /// Answer on standard output; returns the exit code.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn run(&self) -> Result<u8, Error> {
        let mut out = Output::stdout();
        let mut damaged = false;
        match self {
            LogCommand::Dump { file, data, json } => {
                let summary = read(file, &mut |record| {
                    print(record, *data, *json, &mut out)?;
                    Ok(!out.closed())
                })?;
                damaged |= summary.is_damaged();
                summary.print(&mut out, *json)?;
            }
            LogCommand::Verify { files, json } => {
                for file in files {
                    let summary = read(file, &mut |_| Ok(true))?;
                    damaged |= summary.is_damaged();
                    summary.print(&mut out, *json)?;
                }
            }
        }
        out.flush()?;
        Ok(if damaged { EXIT_DATA_DIR } else { 0 })
    }
}

fn print(record: &Record, with_data: bool, as_json: bool, out: &mut Output) -> Result<(), Error> {
    let fields = match Txn::decode(&record.payload) {
        Ok(txn) => show::txn(&txn, with_data),
        Err(why) => show::Fields::default()
            .with("zxid", show::zxid(record.zxid))
            .with("type", show::operation(record.kind))
            .with("unreadable", why.to_string()),
    };
    let fields = fields.with("offset", record.at);
    if as_json { out.json(&fields.json()) } else { out.line(&fields.text()) }
}

/// A log file that was read to its end.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogSummary {
    /// Where it is.
    pub(super) file: PathBuf,
    /// The file's length, in bytes.
    pub(super) length: u64,
    /// How many transactions can be read.
    pub(super) transactions: u64,
    /// The first.
    pub(super) first: Option<String>,
    /// The last.
    pub(super) last: Option<String>,
    /// Where the last intact one ends, in bytes.
    pub(super) intact: u64,
    /// What a stop in the middle of a write leaves: not damage.
    pub(super) torn: Option<Place>,
    /// What is wrong.
    pub(super) damage: Vec<Place>,
    /// Intact transactions that no server understands; they are applied as failed ones.
    pub(super) unreadable: u64,
    #[serde(skip)]
    last_zxid: Option<Zxid>,
}

/// Something at a place of a file.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Place {
    /// Where, in bytes.
    pub(super) offset: u64,
    /// What.
    pub(super) what: String,
}

impl LogSummary {
    pub(super) fn is_damaged(&self) -> bool {
        !self.damage.is_empty()
    }

    /// In a few words.
    pub(super) fn text(&self) -> String {
        let range = match (&self.first, &self.last) {
            (Some(first), Some(last)) => format!("{} transactions, {first} to {last}", self.transactions),
            _ => "no transaction".to_owned(),
        };
        let rest = match self.length - self.intact {
            0 => String::new(),
            rest if self.torn.is_none() && self.damage.is_empty() => {
                format!(", then {rest} bytes of preallocated zeros")
            }
            rest => format!(", then {rest} bytes"),
        };
        let unreadable = match self.unreadable {
            0 => String::new(),
            n => format!("; {n} of them have a content that no server understands"),
        };
        format!("{range}, up to byte {}{rest}{unreadable}", self.intact)
    }

    fn print(&self, out: &mut Output, as_json: bool) -> Result<(), Error> {
        if as_json {
            let Value::Object(mut summary) = json!(self) else { unreachable!("a struct is an object") };
            summary.insert("intactToTheEnd".into(), json!(!self.is_damaged()));
            return out.json(&Value::Object(summary));
        }
        let verdict = if self.is_damaged() { "DAMAGED" } else { "in order" };
        out.line(&format!("{}: {verdict}: {}", self.file.display(), self.text()))?;
        if let Some(torn) = &self.torn {
            out.line(&format!(
                "  byte {}: {}: a transaction that was not completely written when the server stopped (or is being \
                 written now); it was not acknowledged, and the next start cuts it off",
                torn.offset, torn.what
            ))?;
        }
        for damage in &self.damage {
            out.line(&format!("  byte {}: {}", damage.offset, damage.what))?;
        }
        if self.is_damaged() {
            out.line("  `quorate data check` says what this means for the server and what to do")?;
        }
        Ok(())
    }
}

/// Read a log to its end. `visit` is given every transaction and says whether to go on.
///
/// # Errors
/// The file cannot be read; what `visit` says.
pub(super) fn read(
    path: &Path,
    visit: &mut dyn FnMut(&Record) -> Result<bool, Error>,
) -> Result<LogSummary, Error> {
    let disk = Overlay::default();
    let mut reader = LogReader::open(&disk, path)?;
    let mut summary = LogSummary {
        file: path.to_path_buf(),
        length: reader.len(),
        transactions: 0,
        first: None,
        last: None,
        intact: 0,
        torn: None,
        damage: Vec::new(),
        unreadable: 0,
        last_zxid: None,
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = FileKind::Log.parse_name(name).map(|(zxid, _)| zxid);
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                summary.add(&record, name);
                if !visit(&record)? {
                    break;
                }
            }
            Ok(None) => break,
            Err(StorageError::DamagedLog { offset, what, .. }) => {
                summary.damage.push(Place { offset, what });
                break;
            }
            Err(why) => return Err(why.into()),
        }
    }
    summary.length = reader.len();
    summary.intact = reader.position();
    summary.end(reader.ending());
    Ok(summary)
}

impl LogSummary {
    fn add(&mut self, record: &Record, name: Option<Zxid>) {
        let follows = match self.last_zxid {
            None => name.is_none_or(|name| name == record.zxid),
            Some(last) => last.may_be_followed_by(record.zxid) || (last == record.zxid && record.kind == -1),
        };
        if !follows {
            let what = match self.last_zxid {
                None => format!("the first transaction is {}, which is not the file's name", record.zxid),
                Some(last) => format!("transaction {} does not follow {last}", record.zxid),
            };
            self.damage.push(Place { offset: record.at, what });
        }
        self.unreadable += u64::from(Txn::decode(&record.payload).is_err());
        self.transactions += 1;
        self.first.get_or_insert_with(|| show::zxid(record.zxid));
        self.last = Some(show::zxid(record.zxid));
        self.last_zxid = Some(record.zxid);
    }

    fn end(&mut self, ending: Ending) {
        let Ending::Damage(damage) = ending else { return };
        let place = |what| Place { offset: damage.at, what };
        match damage.verdict() {
            Some(what) => self.damage.push(place(what)),
            None => self.torn = Some(place(damage.what)),
        }
    }
}
