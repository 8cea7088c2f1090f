//! The file that a server in the background logs to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Lines of a log that are shown when a server has not come up.
const TAIL_LINES: usize = 10;
/// Bytes of a log that are read for them.
const TAIL_BYTES: u64 = 16 << 10;

/// A log, and where what a new process says will begin.
#[derive(Debug)]
pub(crate) struct LogFile {
    /// The path of the log file.
    pub(crate) path: PathBuf,
    since: u64,
}

impl LogFile {
    /// Make the directory and the file, or find them.
    pub(crate) fn open(path: &Path) -> io::Result<(LogFile, File)> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let since = file.metadata()?.len();
        Ok((LogFile { path: path.to_owned(), since }, file))
    }

    /// The last lines of what was said since [`LogFile::open`], indented.
    pub(crate) fn tail(&self) -> String {
        self.read().unwrap_or_else(|why| format!("  {}: {why}", self.path.display()))
    }

    fn read(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let end = file.metadata()?.len();
        let from = end.saturating_sub(TAIL_BYTES).max(self.since);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        Ok(last.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_tail_is_of_this_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/server.log");
        let (log, mut file) = LogFile::open(&path).unwrap();
        assert_eq!(log.tail(), "");
        writeln!(file, "an old word").unwrap();
        let (log, mut file) = LogFile::open(&path).unwrap();
        for n in 1..=12 {
            writeln!(file, "line {n}").unwrap();
        }
        let tail = log.tail();
        assert!(tail.starts_with("  line 3\n") && tail.ends_with("\n  line 12"), "{tail}");
        let (log, mut file) = LogFile::open(&path).unwrap();
        writeln!(file, "a new word").unwrap();
        assert_eq!(log.tail(), "  a new word");
    }
}
