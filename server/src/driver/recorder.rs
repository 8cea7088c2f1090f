//! Writes down every step: `--record`. What leaves the process is in the file before it leaves.
//!
//! The file is written once per turn, before the turn's packets are sent and its operations are handed to the
//! disk. So a process that is killed has told nothing that is not in its recording. The file is not synced: a
//! power failure may take the end of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quorate_core::config::PeerConfig;
use quorate_core::ids::{Link, Now, ServerId, Ticket};
use quorate_core::pipeline::ClientTxn;
use quorate_core::recording::{self, Header, MAGIC, Record, fingerprint};
use quorate_core::{Input, Output, QuorumPeer, Recovered};
use tracing::{error, info};

use crate::error::{Error, system};

/// The environment variable that says where servers record their steps.
pub(crate) const RECORD: &str = "QUORATE_RECORD";

/// After this number of steps the cheap part of the state is recorded.
const CHEAP_EVERY: u64 = 256;
/// After this number of steps all of the state is recorded, if the tree is not larger than [`WHOLE_LIMIT`].
const WHOLE_EVERY: u64 = 16_384;
/// The most znodes of a tree that is recorded as a whole.
const WHOLE_LIMIT: usize = 10_000;
/// What is collected within a turn before it is written anyway, in bytes.
const CHUNK: usize = 1 << 20;

/// How far the log writer has synced: one more than the last ticket.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncedUpTo(Arc<AtomicU64>);

impl SyncedUpTo {
    /// Everything up to this ticket is durable.
    pub(crate) fn set(&self, ticket: Ticket) {
        self.0.store(ticket.0 + 1, Ordering::Release);
    }

    fn get(&self) -> Option<Ticket> {
        self.0.load(Ordering::Acquire).checked_sub(1).map(Ticket)
    }
}

/// The recording of one process.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    /// `None` after an error: the server goes on without.
    file: Option<File>,
    buffer: Vec<u8>,
    /// Where the frame of the step under way begins.
    frame: usize,
    steps: u64,
    synced: SyncedUpTo,
    /// What was last said of it.
    said: Option<Ticket>,
}

impl Recorder {
    /// A new file in `dir`, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn start(
        dir: &Path,
        config: &PeerConfig<ClientTxn>,
        recovered: &Recovered<ClientTxn>,
        wall_ms: i64,
    ) -> Result<Self, Error> {
        let failed = system("writing the recording");
        fs::create_dir_all(dir).map_err(&failed)?;
        let (path, mut file) = create(dir, config.id, wall_ms).map_err(&failed)?;
        let mut header = MAGIC.to_vec();
        let begin = Header {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            wall_ms,
            config: config.clone(),
            recovered: recovered.clone(),
        };
        recording::write(&mut header, &Record::Header(Box::new(begin)));
        file.write_all(&header).map_err(&failed)?;
        // A process that is killed before has begun no recording.
        fs::rename(unfinished(&path), &path).map_err(&failed)?;
        let recorder = Recorder {
            path,
            file: Some(file),
            buffer: Vec::new(),
            frame: 0,
            steps: 0,
            synced: SyncedUpTo::default(),
            said: None,
        };
        info!("recording every step in {}", recorder.path.display());
        Ok(recorder)
    }

    /// What the log writer tells.
    pub(crate) fn synced(&self) -> SyncedUpTo {
        self.synced.clone()
    }

    /// A step is about to be taken. `ends` are the addresses of the connection it is about, if it is new.
    pub(crate) fn before(
        &mut self,
        now: Now,
        input: &Input<ClientTxn>,
        ends: impl FnOnce(Link) -> Option<(SocketAddr, SocketAddr)>,
    ) {
        match input {
            Input::Up(link) | Input::Accepted(link) => {
                if let Some((local, remote)) = ends(*link) {
                    let dialed = matches!(input, Input::Up(_));
                    let opened = Record::Opened { link: *link, dialed, local, remote };
                    recording::write(&mut self.buffer, &opened);
                }
            }
            Input::Done(_) => {
                let synced = self.synced.get();
                if let Some(ticket) = synced.filter(|_| synced != self.said) {
                    recording::write(&mut self.buffer, &Record::Synced(ticket));
                    self.said = synced;
                }
            }
            _ => {}
        }
        self.frame = recording::begin_step(&mut self.buffer, now, input);
    }

    /// The step was taken.
    pub(crate) fn after(&mut self, outputs: &[Output<ClientTxn>], peer: &QuorumPeer<ClientTxn>) {
        recording::finish_step(&mut self.buffer, self.frame, fingerprint::of_outputs(outputs));
        self.steps += 1;
        if self.steps.is_multiple_of(CHEAP_EVERY) {
            let whole =
                self.steps.is_multiple_of(WHOLE_EVERY) && peer.service().status().znodes <= WHOLE_LIMIT;
            self.state(peer, whole);
        }
        // Votes and what is closed may leave at once.
        let leaves = |output: &Output<ClientTxn>| matches!(output, Output::Elect(..) | Output::Hangup(..));
        if self.buffer.len() >= CHUNK || outputs.iter().any(leaves) {
            self.flush();
        }
    }

    /// Write what was collected.
    pub(crate) fn flush(&mut self) {
        if let Some(file) = self.file.as_mut().filter(|_| !self.buffer.is_empty())
            && let Err(why) = file.write_all(&self.buffer)
        {
            error!("the recording {} ends here: {why}", self.path.display());
            self.file = None;
        }
        self.buffer.clear();
        self.buffer.shrink_to(2 * CHUNK);
    }

    /// The process ends as it should.
    pub(crate) fn end(mut self, peer: &QuorumPeer<ClientTxn>) {
        self.state(peer, peer.service().status().znodes <= 100 * WHOLE_LIMIT);
        recording::write(&mut self.buffer, &Record::End);
        self.flush();
    }

    fn state(&mut self, peer: &QuorumPeer<ClientTxn>, whole: bool) {
        let fingerprint = fingerprint::of_state(peer, whole);
        recording::write(&mut self.buffer, &Record::State { fingerprint, whole });
    }
}

/// What a recording is called until its header is written.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("unfinished")
}

/// A file that will be named after the server and the time. Only the server's own user may read it: it
/// contains everything that clients say.
fn create(dir: &Path, id: ServerId, wall_ms: i64) -> io::Result<(PathBuf, File)> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut at = wall_ms;
    loop {
        let path = dir.join(format!("server-{id}-{at}.qrec"));
        if !path.try_exists()? {
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(unfinished(&path)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| (path, file)),
            }
        }
        at += 1;
    }
}
