//! `quorate snapshot dump|verify`: one snapshot file, item by item, in constant memory.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use quorate_core::ids::Zxid;
use quorate_core::tree::digest;
use quorate_core::tree::store::Meta;
use quorate_core::wire::files::{Compression, FileKind};
use quorate_core::wire::record::StatPersisted;
use quorate_core::wire::snapshot::{OPEN_ACL_INDEX, SnapshotItem, SnapshotNode};
use serde::Serialize;
use serde_json::json;

use super::show::{self, Fields};
use crate::error::{EXIT_DATA_DIR, Error, system};
use crate::output::Output;
use crate::storage::{ItemError, Overlay, read_items};

/// What can be asked about a snapshot.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Print every session, ACL and znode of a snapshot file, ZooKeeper's or Quorate's. Exit code 3 if it is
    /// damaged.
    Dump {
        /// The file, snapshot.ZXID or snapshot.ZXID.gz.
        file: PathBuf,
        /// Also print the data of znodes.
        #[arg(long)]
        data: bool,
        /// As JSON: an object per line, the last one is about the file.
        #[arg(long)]
        json: bool,
    },
    /// Read snapshot files to their ends and check their seals and digests. Exit code 3 if one cannot be
    /// used.
    Verify {
        /// The files, snapshot.ZXID or snapshot.ZXID.gz.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// As JSON: an object per file.
        #[arg(long)]
        json: bool,
    },
}

impl SnapshotCommand {
    /// Answer on standard output; returns the exit code.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub(crate) fn run(&self) -> Result<u8, Error> {
        let mut out = Output::stdout();
        let mut damaged = false;
        match self {
            SnapshotCommand::Dump { file, data, json } => {
                let mut failed = None;
                let summary = read(file, &mut |item| match print(item, *data, *json, &mut out) {
                    Ok(()) if !out.closed() => true,
                    Ok(()) => false,
                    Err(why) => {
                        failed = Some(why);
                        false
                    }
                })?;
                if let Some(why) = failed {
                    return Err(why);
                }
                if !out.closed() {
                    damaged |= summary.damage.is_some();
                    summary.print(&mut out, *json)?;
                }
            }
            SnapshotCommand::Verify { files, json } => {
                for file in files {
                    let summary = read(file, &mut |_| true)?;
                    damaged |= summary.damage.is_some();
                    summary.print(&mut out, *json)?;
                }
            }
        }
        out.flush()?;
        Ok(if damaged { EXIT_DATA_DIR } else { 0 })
    }
}

fn print(item: &SnapshotItem, with_data: bool, as_json: bool, out: &mut Output) -> Result<(), Error> {
    let fields = Fields::default();
    let fields = match item {
        SnapshotItem::Session(id, timeout_ms) => {
            fields.with("session", show::session(*id)).with("timeoutMs", *timeout_ms)
        }
        SnapshotItem::Acl(index, list) => fields.with("aclIndex", *index).with("acl", show::acl(list)),
        SnapshotItem::Node(node) => show_node(node, with_data),
        SnapshotItem::End => return Ok(()),
    };
    if as_json { out.json(&fields.json()) } else { out.line(&fields.text()) }
}

fn show_node(node: &SnapshotNode, with_data: bool) -> Fields {
    let stat = &node.stat;
    let path = if node.path.is_empty() { "/" } else { &node.path };
    let fields = show::data(node.data.as_deref(), with_data).with("acl", node.acl);
    let fields = Fields::default()
        .with("path", path)
        .and(fields)
        .with("czxid", show::zxid(stat.czxid))
        .with("mzxid", show::zxid(stat.mzxid))
        .with("pzxid", show::zxid(stat.pzxid))
        .with("ctime", show::time(stat.ctime))
        .with("mtime", show::time(stat.mtime))
        .with("version", stat.version)
        .with("cversion", stat.cversion)
        .with("aversion", stat.aversion);
    match stat.ephemeral_owner {
        0 => fields,
        owner => fields.with("ephemeralOwner", show::hex(owner as u64)),
    }
}

/// A snapshot file that was read to its end.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SnapshotSummary {
    /// Where it is.
    pub(super) file: PathBuf,
    /// The file's length, in bytes.
    pub(super) length: u64,
    /// Where it stands, as its name says.
    pub(super) zxid: Option<String>,
    /// Sessions in it.
    pub(super) sessions: u64,
    /// Znodes in it, the root included.
    pub(super) znodes: u64,
    /// Of these with an owner: ephemeral and container and TTL znodes.
    pub(super) owned: u64,
    /// Bytes of data of all znodes.
    pub(super) data_bytes: u64,
    /// The digest in it, if there is one.
    pub(super) digest: Option<String>,
    /// Whether it is that of the znodes, if it should be.
    pub(super) digest_is_right: Option<bool>,
    /// The last transaction that may have effects in it, if it says so.
    pub(super) reaches: Option<String>,
    /// Why it cannot be used.
    pub(super) damage: Option<String>,
    /// Never written to its end, as a stop leaves it: nothing has damaged it.
    pub(super) torn: bool,
}

impl SnapshotSummary {
    /// In a few words.
    pub(super) fn text(&self) -> String {
        let SnapshotSummary { length, sessions, znodes, owned, data_bytes, .. } = self;
        let digest = match self.digest_is_right {
            Some(true) => ", digest right",
            _ if self.digest.is_none() => ", no digest",
            _ => "",
        };
        match &self.damage {
            Some(damage) => damage.clone(),
            None => format!(
                "{length} bytes, {znodes} znodes ({owned} with an owner) with {data_bytes} bytes of data, {sessions} \
                 sessions{digest}"
            ),
        }
    }

    fn print(&self, out: &mut Output, as_json: bool) -> Result<(), Error> {
        if as_json {
            return out.json(&json!(self));
        }
        let verdict = match (&self.damage, self.torn) {
            (None, _) => "in order",
            (Some(_), true) => "CANNOT BE USED, was never written to its end",
            (Some(_), false) => "CANNOT BE USED",
        };
        out.line(&format!("{}: {verdict}: {}", self.file.display(), self.text()))
    }
}

/// Read a snapshot to its end. `visit` is given every item and says whether to go on.
///
/// # Errors
/// The file cannot be opened.
pub(super) fn read(
    path: &Path,
    visit: &mut dyn FnMut(&SnapshotItem) -> bool,
) -> Result<SnapshotSummary, Error> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let parsed = FileKind::Snapshot.parse_name(name);
    let compression = match parsed {
        Some((_, compression)) => compression,
        None if name.ends_with(".gz") => Compression::Gzip,
        None => Compression::None,
    };
    let length = path.metadata().map_err(|why| open_error(path, why))?.len();
    let zxid = parsed.map(|(zxid, _)| zxid);
    let mut summary = SnapshotSummary {
        file: path.to_path_buf(),
        length,
        zxid: zxid.map(show::zxid),
        ..SnapshotSummary::default()
    };
    let mut computed: u64 = 0;
    let mut lists = std::collections::BTreeSet::from([OPEN_ACL_INDEX]);
    let mut missing_lists: u64 = 0;
    let mut stopped = false;
    let result = read_items(&Overlay::default(), path, compression, &mut |item| {
        match &item {
            SnapshotItem::Session(..) => summary.sessions += 1,
            SnapshotItem::Acl(index, _) => {
                lists.insert(*index);
            }
            SnapshotItem::Node(node) => {
                summary.znodes += 1;
                summary.owned += u64::from(node.stat.ephemeral_owner != 0);
                summary.data_bytes += node.data.as_ref().map_or(0, |data| data.len() as u64);
                computed = computed.wrapping_add(digest_of(node));
                missing_lists += u64::from(!lists.contains(&node.acl));
            }
            SnapshotItem::End => {}
        }
        if visit(&item) {
            return Ok(());
        }
        stopped = true;
        Err(ItemError::from("the output is closed"))
    });
    match result {
        Ok(sections) => {
            let reaches = [sections.digest.map(|d| d.zxid), sections.last_processed];
            let reaches = reaches.into_iter().flatten().max();
            summary.reaches = reaches.map(show::zxid);
            if let Some(stored) = sections.digest {
                summary.digest = Some(show::hex(stored.digest as u64));
                // ZooKeeper writes that of another moment if it works meanwhile, and none (0 at 0) if it has
                // applied nothing yet.
                let stands = zxid.or(sections.last_processed).filter(|zxid| *zxid != Zxid::ZERO);
                if stored.version == digest::VERSION && stands == Some(stored.zxid) && missing_lists == 0 {
                    let right = stored.digest as u64 == computed;
                    summary.digest_is_right = Some(right);
                    if !right {
                        summary.damage = Some(format!(
                            "its digest says {:#x}, its znodes have {computed:#x}: it was not written as it was meant",
                            stored.digest
                        ));
                    }
                }
            }
        }
        Err(_) if stopped => {}
        Err(why) => {
            summary.torn = why.is_torn();
            summary.damage = Some(why.to_string());
        }
    }
    Ok(summary)
}

fn open_error(path: &Path, why: std::io::Error) -> Error {
    let why = std::io::Error::new(why.kind(), format!("{}: {why}", path.display()));
    system("reading a snapshot")(why)
}

fn digest_of(node: &SnapshotNode) -> u64 {
    let StatPersisted { czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeral_owner, pzxid } =
        node.stat;
    let content_crc = digest::content_crc(&node.path, node.data.as_deref());
    let meta = Meta {
        czxid,
        mzxid,
        pzxid,
        ctime,
        mtime,
        ephemeral_owner,
        version,
        cversion,
        aversion,
        content_crc,
        ..Meta::default()
    };
    digest::of_node(&node.path, &meta)
}
