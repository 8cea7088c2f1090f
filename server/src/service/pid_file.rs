//! The file that says which process runs a server: `zookeeper_server.pid`, as `zkServer.sh` writes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// The name in `dataDir`.
pub(super) const NAME: &str = "zookeeper_server.pid";

/// The pid in the file; `None` if there is no file or no number in it.
pub(super) fn read(path: &Path) -> io::Result<Option<i32>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(parse(&text)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) if why.kind() == ErrorKind::InvalidData => Ok(None),
        Err(why) => Err(why),
    }
}

fn parse(text: &str) -> Option<i32> {
    text.trim().parse().ok().filter(|pid| *pid > 0)
}

/// A pid file that no other command may start a server with.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    file: File,
}

impl Claim {
    /// Make the file if there is none, and keep other starts out until this value is dropped.
    /// `None`: another start is under way.
    pub(super) fn take(path: &Path) -> io::Result<Option<Claim>> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Claim { path: path.to_owned(), file })),
            Err(why) if why == rustix::io::Errno::WOULDBLOCK => Ok(None),
            Err(why) => Err(why.into()),
        }
    }

    /// The pid that was in it.
    pub(super) fn pid(&mut self) -> io::Result<Option<i32>> {
        let mut text = String::new();
        self.file.rewind()?;
        match self.file.read_to_string(&mut text) {
            Ok(_) => Ok(parse(&text)),
            Err(why) if why.kind() == ErrorKind::InvalidData => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// This process runs the server.
    pub(super) fn write(&mut self, pid: u32) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        write!(self.file, "{pid}")
    }

    /// Nothing runs the server.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_start_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data").join(NAME);
        assert_eq!(read(&path).unwrap(), None);
        let mut claim = Claim::take(&path).unwrap().unwrap();
        assert!(Claim::take(&path).unwrap().is_none());
        assert_eq!(claim.pid().unwrap(), None);
        claim.write(123_456).unwrap();
        claim.write(77).unwrap();
        drop(claim);
        assert_eq!(fs::read_to_string(&path).unwrap(), "77");
        let mut claim = Claim::take(&path).unwrap().unwrap();
        assert_eq!(claim.pid().unwrap(), Some(77));
        claim.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn only_a_number_is_a_pid() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        for (text, pid) in [
            (&b"4711\n"[..], Some(4711)),
            (b"", None),
            (b"-1", None),
            (b"0", None),
            (b"x", None),
            (b"\xff", None),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap(), pid, "{text:?}");
            assert_eq!(Claim::take(&path).unwrap().unwrap().pid().unwrap(), pid, "{text:?}");
        }
    }
}
