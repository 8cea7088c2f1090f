//! `quorate data initialize`: the directories of a new server, as `zkServer-initialize.sh` makes them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::place::{Place, PlaceArgs};
use crate::error::Error;
use crate::output::Output;
use crate::storage::{Disk, INITIALIZE, LOCK, RealDisk, StorageError, VERSION_DIR};

/// What `quorate data initialize` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct InitializeArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Write this server's number into `myid`; without it, a `myid` that is there stays.
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u8))]
    myid: Option<u8>,
    /// The ensemble has data: leave out the file `initialize`, which says that the whole ensemble is new.
    #[arg(long)]
    join: bool,
    /// If there is data already, move it to `version-2.before-N` and begin anew.
    #[arg(long)]
    force: bool,
}

/// Make directories, `myid` and `initialize`, and say what was made.
///
/// # Errors
/// There is data already; a server runs on it; the system refuses.
pub(super) fn run(args: &InitializeArgs) -> Result<(), Error> {
    let place = args.place.resolve_new()?;
    if let Some(id) = args.myid.map(i64::from).filter(|id| !is_member(&place, *id)) {
        return Err(Error::Usage(format!("there is no server.{id} line in the configuration")));
    }
    let mut done = Vec::new();
    let dirs: Vec<&PathBuf> = if place.data_dir == place.data_log_dir {
        vec![&place.data_dir]
    } else {
        vec![&place.data_dir, &place.data_log_dir]
    };
    for dir in &dirs {
        fs::create_dir_all(dir).map_err(at("create", dir))?;
    }
    let disk = RealDisk::default();
    let mut locks = Vec::new();
    for dir in &dirs {
        let path = dir.join(LOCK);
        let lock = disk.lock(&path).map_err(at("lock", &path))?;
        locks.push(lock.ok_or(StorageError::Locked { path })?);
    }
    let myid = place.data_dir.join("myid");
    if !args.force {
        refuse_to_overwrite(args, &dirs, &myid)?;
    }
    for dir in &dirs {
        let version = dir.join(VERSION_DIR);
        if has_entries(&version)? {
            let aside = unused(dir);
            fs::rename(&version, &aside).map_err(at("move away", &version))?;
            done.push(format!("moved {} to {}", version.display(), aside.display()));
        }
        fs::create_dir_all(&version).map_err(at("create", &version))?;
        done.push(format!("{}", version.display()));
    }
    if let Some(id) = args.myid {
        write(&myid, &format!("{id}\n"))?;
        done.push(format!("{}: {id}", myid.display()));
    }
    let initialize = place.data_log_dir.join(INITIALIZE);
    if args.join {
        match fs::remove_file(&initialize) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            removed => removed.map_err(at("remove", &initialize))?,
        }
    } else {
        write(&initialize, "")?;
        done.push(format!("{}: this server is part of a new ensemble", initialize.display()));
    }
    for dir in &dirs {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(at("sync", dir))?;
    }
    let mut out = Output::stdout();
    for line in done {
        out.line(&line)?;
    }
    if place.members.len() > 1 && !myid.exists() {
        out.line(&format!("write this server's number into {} before it is started", myid.display()))?;
    }
    out.flush()
}

fn is_member(place: &Place, id: i64) -> bool {
    place.members.is_empty() || place.members.contains(&id)
}

fn refuse_to_overwrite(args: &InitializeArgs, dirs: &[&PathBuf], myid: &Path) -> Result<(), Error> {
    for dir in dirs {
        let version = dir.join(VERSION_DIR);
        if has_entries(&version)? {
            return Err(Error::Usage(format!(
                "{} is not empty: there is a server's data already; --force moves it away",
                version.display()
            )));
        }
    }
    let Some(id) = args.myid else { return Ok(()) };
    match fs::read_to_string(myid) {
        Ok(found) if found.trim() != id.to_string() => Err(Error::Usage(format!(
            "{} says {}, not {id}; --force replaces it",
            myid.display(),
            found.trim()
        ))),
        Err(e) if e.kind() != ErrorKind::NotFound => Err(at("read", myid)(e).into()),
        _ => Ok(()),
    }
}

fn has_entries(dir: &Path) -> Result<bool, StorageError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(at("list", dir)(e)),
    }
}

/// A name for what is moved away.
fn unused(dir: &Path) -> PathBuf {
    let names = (1..).map(|n| dir.join(format!("{VERSION_DIR}.before-{n}")));
    names.into_iter().find(|path| !path.exists()).expect("there are enough numbers")
}

fn write(path: &Path, content: &str) -> Result<(), StorageError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(content.as_bytes())?;
        file.sync_all()
    });
    written.map_err(at("write", path))
}

fn at(action: &'static str, path: &Path) -> impl Fn(io::Error) -> StorageError {
    let path = path.to_path_buf();
    move |source| StorageError::Io { action, path: path.clone(), source }
}
