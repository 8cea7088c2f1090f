//! A disk in memory that forgets what was not synced.
//!
//! Of a file, what was synced survives. Of what was done to it later survives either a first part, or any of
//! its sectors. The last write of a first part may be torn (a first part of its bytes). Of a directory the
//! names as they were synced survive, changed by an arbitrary subset of what was done later. A rename is kept
//! or lost as a whole. Syncing a file does not sync its name. A failing process writes nothing more.
//!
//! It may also become full. Then a first part of what is written is there and an error is returned. Or, where
//! room is looked for late, everything seems to be written and syncing it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::disk::{Disk, SyncPoint};

/// What survives as a whole or not at all, in bytes.
const SECTOR: usize = 512;

/// A small deterministic random generator (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    later: Vec<Change>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Add(PathBuf, usize),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, usize),
}

impl NameChange {
    fn dir(&self) -> &Path {
        let (NameChange::Add(path, _) | NameChange::Remove(path) | NameChange::Rename(path, ..)) = self;
        path.parent().unwrap_or(Path::new(""))
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Add(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
            NameChange::Rename(from, to, inode) => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// `None` is a directory.
    inodes: Vec<Option<Content>>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    later: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    changes_left: Option<u64>,
    room: Room,
    skipped: Option<SyncPoint>,
    reached: Vec<SyncPoint>,
    /// Of some file some sectors have survived and some have not.
    has_holes: bool,
    /// How many bytes were read.
    read: u64,
}

/// When the disk is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Room {
    /// The disk is never full.
    #[default]
    Enough,
    /// After this number of further creations and writes.
    Writes(u64),
    /// After this number of further syncs of a file.
    Syncs(u64),
}

/// What a full disk says.
fn full() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

/// A disk in memory that forgets what was not synced.
#[derive(Clone, Debug)]
pub(super) struct TestDisk(Arc<Mutex<State>>);

/// What a process that was killed gets.
fn killed() -> io::Error {
    io::Error::other("killed")
}

impl TestDisk {
    pub(super) fn new() -> Self {
        let mut state = State { inodes: vec![None], ..State::default() };
        state.names.insert(PathBuf::from("/"), 0);
        state.synced_names = state.names.clone();
        TestDisk(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The process is killed at the `n`-th change from now.
    pub(super) fn kill_after(&self, n: u64) {
        self.state().changes_left = Some(n);
    }

    /// The machine goes on, and another process begins: it sees what this one has done.
    pub(super) fn restart(&self) {
        self.state().changes_left = None;
    }

    pub(super) fn killed(&self) -> bool {
        self.state().changes_left == Some(0)
    }

    /// From now on there is so much room.
    pub(super) fn room(&self, room: Room) {
        self.state().room = room;
    }

    /// Whether the disk is full.
    pub(super) fn is_full(&self) -> bool {
        matches!(self.state().room, Room::Writes(0) | Room::Syncs(0))
    }

    /// From now on this is not synced, silently.
    pub(super) fn skip(&self, point: Option<SyncPoint>) {
        self.state().skipped = point;
    }

    /// What was synced so far.
    pub(super) fn reached(&self) -> Vec<SyncPoint> {
        self.state().reached.clone()
    }

    /// The machine stops; what a new process finds.
    pub(super) fn crash(&self, rng: &mut Rng) -> TestDisk {
        let state = self.state();
        let mut names = state.synced_names.clone();
        let how = rng.below(4);
        for change in &state.later {
            if how == 0 || how > 1 && rng.one_in(2) {
                change.apply(&mut names);
            }
        }
        let survives = |path: &Path| path.ancestors().all(|dir| names.contains_key(dir));
        let names: BTreeMap<PathBuf, usize> =
            names.iter().filter(|(path, _)| survives(path)).map(|(p, i)| (p.clone(), *i)).collect();
        let mut has_holes = state.has_holes;
        let mut crash = |content: &Content| content.crash(rng, &mut has_holes);
        let inodes = state.inodes.iter().map(|inode| inode.as_ref().map(&mut crash)).collect();
        let skipped = state.skipped;
        let synced_names = names.clone();
        let state = State { inodes, names, synced_names, skipped, has_holes, ..State::default() };
        TestDisk(Arc::new(Mutex::new(state)))
    }

    /// Whether a crash has kept some sectors of a file and lost others, and no start has mended it.
    pub(super) fn has_holes(&self) -> bool {
        self.state().has_holes
    }

    /// A start has found nothing wrong, or mended it.
    pub(super) fn is_mended(&self) {
        self.state().has_holes = false;
    }

    /// How many bytes were read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.state().read
    }

    /// A file's content.
    pub(super) fn get(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path).and_then(|inode| state.inodes[*inode].as_ref()).map(|c| c.now.clone())
    }

    /// Put a file there, synced, and the directories above it.
    pub(super) fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let mut dirs: Vec<&Path> = path.ancestors().skip(1).collect();
        dirs.reverse();
        for dir in dirs {
            if !state.names.contains_key(dir) {
                state.add(dir, None);
            }
        }
        let content = Content { now: bytes.to_vec(), synced: bytes.to_vec(), later: vec![] };
        state.add(path, Some(content));
    }

    /// Every file, as in [`TestDisk::list`] of each directory.
    pub(super) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let content = |inode: &usize| state.inodes[*inode].as_ref().map(|c| c.now.clone());
        state.names.iter().filter_map(|(path, inode)| Some((path.clone(), content(inode)?))).collect()
    }
}

impl Content {
    fn crash(&self, rng: &mut Rng, has_holes: &mut bool) -> Content {
        let kept = if rng.one_in(2) { self.first_part(rng) } else { self.sectors(rng, has_holes) };
        Content { now: kept.clone(), synced: kept, later: vec![] }
    }

    /// What was synced, and a first part of what was done later.
    fn first_part(&self, rng: &mut Rng) -> Vec<u8> {
        let mut kept = self.synced.clone();
        let whole = match rng.below(4) {
            0 => 0,
            1 => self.later.len(),
            _ => rng.below(self.later.len() as u64 + 1) as usize,
        };
        for change in &self.later[..whole] {
            change.apply(&mut kept);
        }
        if let Some(Change::Write(at, bytes)) = self.later.get(whole) {
            let first = rng.below(bytes.len() as u64 + 1) as usize;
            if first > 0 {
                Change::Write(*at, bytes[..first].to_vec()).apply(&mut kept);
            }
        }
        kept
    }

    /// What was synced, with the length and any of the sectors as they were when the machine stopped.
    fn sectors(&self, rng: &mut Rng, has_holes: &mut bool) -> Vec<u8> {
        let mut kept = self.synced.clone();
        if self.later.is_empty() {
            return kept;
        }
        if rng.one_in(4) {
            kept.truncate(self.now.len());
        }
        kept.resize(kept.len().max(if rng.one_in(4) { 0 } else { self.now.len() }), 0);
        let (mut new, mut old) = (0, 0);
        for (kept, now) in kept.chunks_mut(SECTOR).zip(self.now.chunks(SECTOR)) {
            let len = kept.len().min(now.len());
            if kept[..len] == now[..len] {
            } else if rng.one_in(2) {
                kept[..len].copy_from_slice(&now[..len]);
                new += 1;
            } else {
                old += 1;
            }
        }
        *has_holes |= new > 0 && old > 0;
        kept
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write(at, bytes) => {
                let (at, end) = (*at as usize, *at as usize + bytes.len());
                content.resize(content.len().max(end), 0);
                content[at..end].copy_from_slice(bytes);
            }
            Change::SetLen(len) => content.resize(*len as usize, 0),
        }
    }
}

impl State {
    fn change(&mut self) -> io::Result<()> {
        match &mut self.changes_left {
            Some(0) => Err(killed()),
            Some(left) => {
                *left -= 1;
                if *left == 0 { Err(killed()) } else { Ok(()) }
            }
            None => Ok(()),
        }
    }

    fn add(&mut self, path: &Path, content: Option<Content>) -> usize {
        let inode = self.inodes.len();
        self.inodes.push(content);
        self.names.insert(path.to_path_buf(), inode);
        self.synced_names.insert(path.to_path_buf(), inode);
        inode
    }

    /// Room for one more creation or write.
    fn take_room(&mut self) -> io::Result<()> {
        match &mut self.room {
            Room::Writes(0) => return Err(full()),
            Room::Writes(left) => *left -= 1,
            Room::Enough | Room::Syncs(_) => {}
        }
        Ok(())
    }

    fn create(&mut self, path: &Path, content: Option<Content>) -> io::Result<usize> {
        self.change()?;
        self.take_room()?;
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if path.parent().is_some_and(|dir| !self.names.contains_key(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inode = self.inodes.len();
        self.inodes.push(content);
        self.record(NameChange::Add(path.to_path_buf(), inode));
        Ok(inode)
    }

    fn record(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.later.push(change);
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn content(&mut self, inode: usize) -> &mut Content {
        self.inodes[inode].as_mut().expect("a file")
    }

    fn write(&mut self, inode: usize, mut change: Change) -> io::Result<()> {
        self.change()?;
        let shrinks = matches!(&change, Change::SetLen(len) if *len <= self.content(inode).now.len() as u64);
        if !shrinks && let Err(full) = self.take_room() {
            if let Change::Write(_, bytes) = &mut change {
                bytes.truncate(bytes.len() / 2);
                change.apply(&mut self.content(inode).now);
                self.content(inode).later.push(change);
            }
            return Err(full);
        }
        let content = self.content(inode);
        change.apply(&mut content.now);
        content.later.push(change);
        Ok(())
    }
}

/// Gives the lock back.
#[derive(Debug)]
pub(super) struct Held(TestDisk, PathBuf);

impl Drop for Held {
    fn drop(&mut self) {
        if let Ok(mut state) = self.0.0.lock() {
            state.locks.remove(&self.1);
        }
    }
}

impl Disk for TestDisk {
    type File = usize;
    type Lock = Held;

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.inode(dir)?;
        let is_file = |inode: &usize| state.inodes[*inode].is_some();
        let files = state.names.iter().filter(|(_, inode)| is_file(inode)).map(|(path, _)| path);
        let within = files.filter(|path| path.parent() == Some(dir));
        Ok(within.filter_map(|path| path.file_name()?.to_str().map(str::to_string)).collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.state().create(dir, None).map(drop)
    }

    fn canonical(&self, dir: &Path) -> io::Result<PathBuf> {
        Ok(dir.to_path_buf())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.state().names.contains_key(path))
    }

    fn create(&self, path: &Path) -> io::Result<usize> {
        self.state().create(path, Some(Content::default()))
    }

    fn open(&self, path: &Path) -> io::Result<usize> {
        self.state().inode(path)
    }

    fn len(&self, file: &usize) -> io::Result<u64> {
        Ok(self.state().content(*file).now.len() as u64)
    }

    fn next_data(&self, file: &usize, at: u64) -> io::Result<Option<u64>> {
        let mut state = self.state();
        let now = &state.content(*file).now;
        let rest = now.get(at as usize..).unwrap_or_default();
        Ok(rest.iter().position(|byte| *byte != 0).map(|zeros| at + zeros as u64))
    }

    fn read_at(&self, file: &usize, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        let from = state.content(*file).now.get(offset as usize..).unwrap_or_default();
        let n = from.len().min(into.len());
        into[..n].copy_from_slice(&from[..n]);
        state.read += n as u64;
        Ok(n)
    }

    fn write_at(&self, file: &usize, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.state().write(*file, Change::Write(offset, bytes.to_vec()))
    }

    fn set_len(&self, file: &usize, len: u64) -> io::Result<()> {
        self.state().write(*file, Change::SetLen(len))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let inode = state.inode(from)?;
        state.record(NameChange::Rename(from.to_path_buf(), to.to_path_buf(), inode));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.inode(path)?;
        state.record(NameChange::Remove(path.to_path_buf()));
        Ok(())
    }

    fn sync(&self, file: &usize, point: SyncPoint) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        match &mut state.room {
            Room::Syncs(0) => return Err(full()),
            Room::Syncs(left) => *left -= 1,
            Room::Enough | Room::Writes(_) => {}
        }
        state.reached.push(point);
        if state.skipped != Some(point) {
            let content = state.content(*file);
            content.synced = content.now.clone();
            content.later.clear();
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path, point: SyncPoint) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.reached.push(point);
        if state.skipped != Some(point) {
            let State { synced_names, later, .. } = &mut *state;
            later.retain(|change| {
                let here = change.dir() == dir;
                if here {
                    change.apply(synced_names);
                }
                !here
            });
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Held>> {
        let taken = self.state().locks.insert(path.to_path_buf());
        Ok(taken.then(|| Held(self.clone(), path.to_path_buf())))
    }
}
