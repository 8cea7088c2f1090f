//! Small disks of the servers' own, which can be full: file systems in memory, seen by this run alone.
//!
//! Mounting needs a mount namespace, and for an ordinary user a user namespace too. util-linux's `unshare`
//! makes both, and this program runs in them from its start. Where the system does not allow that, there are
//! no full disks, and the run says so. Limits on the lengths of files would need no permission, but they
//! would end the recordings with the log. Nothing of it outlives the run.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::statvfs;
use rustix::process::geteuid;

use super::super::failure::{Failure, system};

/// Set in the environment of this program once it is in namespaces of its own.
const INSIDE: &str = "QUORATE_CHAOS_INSIDE";
/// The size of a server's disk, in MiB.
const SIZE_MIB: u64 = 256;
/// The file that takes the room.
const BALLAST: &str = "ballast";
/// What is written at once, in bytes.
const CHUNK: usize = 1 << 20;

/// Begin this program again where it can mount; says why it cannot, if so.
pub(super) fn enter() -> Result<(), String> {
    if env::var_os(INSIDE).is_some() {
        return Ok(());
    }
    let tried = tempfile::tempdir().map_err(|why| why.to_string())?;
    let mut trial = unshare();
    trial.arg("mount").args(MOUNT).arg("size=1m").arg("quorate").arg(tried.path());
    let output = trial.stdin(Stdio::null()).output().map_err(|why| format!("unshare: {why}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let program = env::current_exe().map_err(|why| why.to_string())?;
    let why = unshare().arg(program).args(env::args_os().skip(1)).env(INSIDE, "1").exec();
    Err(format!("unshare: {why}"))
}

const MOUNT: [&str; 3] = ["-t", "tmpfs", "-o"];

/// A command in a mount namespace of its own. Root needs no more than that.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--"]);
    command
}

/// A server's disk.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mount an empty one at this directory.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(super) fn mount(path: PathBuf) -> Result<Disk, Failure> {
        let mut mount = Command::new("mount");
        mount.args(MOUNT).arg(format!("size={SIZE_MIB}m")).arg("quorate").arg(&path);
        let output = mount.output().map_err(system("starting mount"))?;
        match output.status.success() {
            true => Ok(Disk { path }),
            false => Err(Failure::Unfit(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        }
    }

    /// Leave this many bytes of room, or a little less; a server may write meanwhile.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn fill(&self, leave: u64) -> io::Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.path.join(BALLAST))?;
        let zeros = vec![0; CHUNK];
        loop {
            let more = self.room()?.saturating_sub(leave).min(CHUNK as u64) as usize;
            match ballast.write_all(&zeros[..more]) {
                Ok(()) if more > 0 => {}
                Ok(()) => return Ok(()),
                Err(why) if why.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(why) => return Err(why),
            }
        }
    }

    /// Make room again.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn free(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join(BALLAST)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }

    /// Whether old files should go.
    pub(super) fn is_half_full(&self) -> bool {
        self.room().is_ok_and(|room| room < SIZE_MIB << 19)
    }

    fn room(&self) -> io::Result<u64> {
        let found = statvfs(&self.path)?;
        Ok(found.f_bavail * found.f_frsize)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays mounted goes with the namespace.
        let _ = Command::new("umount").arg(&self.path).stderr(Stdio::null()).status();
    }
}

/// Copy a directory and all that is in it.
///
/// # Errors
/// The system's.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}
