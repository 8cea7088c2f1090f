//! A disk on which nothing changes: what is done to it is kept in memory, and only its owner sees it.
//!
//! With it the very functions that recover or purge a directory say what they would do, even while a
//! server runs on it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, flock};

use super::disk::{Disk, SyncPoint};
use super::real_disk::{file_names, next_data};

/// A disk that takes changes and passes none of them on.
#[derive(Default)]
pub struct Overlay {
    /// What was changed; `None`: it was removed.
    changed: Mutex<BTreeMap<PathBuf, Option<Entry>>>,
}

#[derive(Clone)]
enum Entry {
    Dir,
    File(OverlayFile),
}

/// An open file of an [`Overlay`].
#[derive(Clone)]
pub struct OverlayFile {
    path: PathBuf,
    content: Arc<Mutex<Content>>,
}

enum Content {
    /// A real file, opened for reading only, as long as it was then or as it was cut.
    Real {
        file: fs::File,
        len: u64,
    },
    Memory(Vec<u8>),
}

impl OverlayFile {
    fn new(path: &Path, content: Content) -> Self {
        OverlayFile { path: path.to_path_buf(), content: Arc::new(Mutex::new(content)) }
    }

    fn real(path: &Path) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        let len = file.metadata()?.len();
        Ok(OverlayFile::new(path, Content::Real { file, len }))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Overlay {
    /// Whether another process has the lock at `path`. Nothing is written, no lock file made.
    ///
    /// # Errors
    /// The lock file is there and cannot be read.
    pub fn is_locked(path: &Path) -> io::Result<bool> {
        let file = match fs::File::open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(e) => Err(e.into()),
        }
    }

    fn changed(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Option<Entry>>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, path: &Path, to: Option<Entry>) {
        self.changed().insert(path.to_path_buf(), to);
    }
}

impl Disk for Overlay {
    type File = OverlayFile;
    type Lock = ();

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let changed = self.changed();
        let mut names: Vec<String> = match fs::read_dir(dir) {
            Err(e) if e.kind() == ErrorKind::NotFound && matches!(changed.get(dir), Some(Some(_))) => vec![],
            Err(e) => return Err(e),
            Ok(_) => file_names(dir)?,
        };
        names.retain(|name| !changed.contains_key(&dir.join(name)));
        let is_file = |entry: &Option<Entry>| matches!(entry, Some(Entry::File(_)));
        let added = changed.iter().filter(|(path, entry)| is_file(entry) && path.parent() == Some(dir));
        names.extend(added.filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned())));
        Ok(names)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(dir, Some(Entry::Dir));
        Ok(())
    }

    fn canonical(&self, dir: &Path) -> io::Result<PathBuf> {
        match dir.canonicalize() {
            Err(e) if e.kind() == ErrorKind::NotFound && self.exists(dir)? => Ok(dir.to_path_buf()),
            canonical => canonical,
        }
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.changed().get(path) {
            Some(entry) => Ok(entry.is_some()),
            None => path.try_exists(),
        }
    }

    fn create(&self, path: &Path) -> io::Result<OverlayFile> {
        if self.exists(path)? {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = OverlayFile::new(path, Content::Memory(Vec::new()));
        self.change(path, Some(Entry::File(file.clone())));
        Ok(file)
    }

    fn open(&self, path: &Path) -> io::Result<OverlayFile> {
        match self.changed().get(path) {
            Some(Some(Entry::File(file))) => Ok(file.clone()),
            Some(Some(Entry::Dir)) => Err(ErrorKind::IsADirectory.into()),
            Some(None) => Err(ErrorKind::NotFound.into()),
            None => OverlayFile::real(path),
        }
    }

    fn len(&self, file: &OverlayFile) -> io::Result<u64> {
        Ok(match &*file.content() {
            Content::Real { len, .. } => *len,
            Content::Memory(bytes) => bytes.len() as u64,
        })
    }

    fn next_data(&self, file: &OverlayFile, at: u64) -> io::Result<Option<u64>> {
        match &*file.content() {
            Content::Real { file, len } => Ok(next_data(file, at)?.filter(|data| data < len)),
            Content::Memory(bytes) => Ok((at < bytes.len() as u64).then_some(at)),
        }
    }

    fn read_at(&self, file: &OverlayFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let content = file.content();
        let len = match &*content {
            Content::Real { len, .. } => *len,
            Content::Memory(bytes) => bytes.len() as u64,
        };
        let wanted = (into.len() as u64).min(len.saturating_sub(offset)) as usize;
        match &*content {
            Content::Memory(bytes) => {
                into[..wanted].copy_from_slice(&bytes[len.min(offset) as usize..][..wanted]);
                Ok(wanted)
            }
            Content::Real { file, .. } => {
                let mut read = 0;
                while read < wanted {
                    match file.read_at(&mut into[read..wanted], offset + read as u64) {
                        Ok(0) => break,
                        Ok(n) => read += n,
                        Err(e) if e.kind() == ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(read)
            }
        }
    }

    fn write_at(&self, file: &OverlayFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match &mut *file.content() {
            Content::Memory(content) => {
                let (start, end) = (offset as usize, offset as usize + bytes.len());
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[start..end].copy_from_slice(bytes);
                Ok(())
            }
            // Recovery cuts and replaces files that were there; it does not write into them.
            Content::Real { .. } => Err(ErrorKind::ReadOnlyFilesystem.into()),
        }
    }

    fn set_len(&self, file: &OverlayFile, new: u64) -> io::Result<()> {
        match &mut *file.content() {
            Content::Memory(content) => content.resize(new as usize, 0),
            Content::Real { len, .. } if new <= *len => *len = new,
            Content::Real { .. } => return Err(ErrorKind::ReadOnlyFilesystem.into()),
        }
        self.change(&file.path, Some(Entry::File(file.clone())));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = OverlayFile { path: to.to_path_buf(), ..self.open(from)? };
        let mut changed = self.changed();
        changed.insert(to.to_path_buf(), Some(Entry::File(file)));
        changed.insert(from.to_path_buf(), None);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if !self.exists(path)? {
            return Err(ErrorKind::NotFound.into());
        }
        self.change(path, None);
        Ok(())
    }

    fn sync(&self, _: &OverlayFile, _: SyncPoint) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path, _: SyncPoint) -> io::Result<()> {
        Ok(())
    }

    /// No other process sees what is done here.
    fn lock(&self, _: &Path) -> io::Result<Option<()>> {
        Ok(Some(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_only_the_overlay_has_lists_what_was_made_in_it() {
        let real = tempfile::tempdir().unwrap();
        let (overlay, dir) = (Overlay::default(), real.path().join("new"));
        assert_eq!(overlay.list(&dir).unwrap_err().kind(), ErrorKind::NotFound);
        overlay.create_dir(&dir).unwrap();
        assert!(overlay.list(&dir).unwrap().is_empty());
        overlay.create(&dir.join("file")).unwrap();
        assert_eq!(overlay.list(&dir).unwrap(), ["file"]);
        assert!(!dir.exists());
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let real = tempfile::tempdir().unwrap();
        let overlay = Overlay::default();
        let directory = overlay.open(real.path()).unwrap();
        let why = overlay.read_at(&directory, 0, &mut [0; 10]).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::IsADirectory);
    }
}
