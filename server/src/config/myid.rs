//! The `myid` file: which of the servers is this one?

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use quorate_core::ids::ServerId;

use super::error::{ConfigError, Mistake, Warning};
use super::typed::Typed;

/// The highest byte of a session id is that of the server that made it.
const LARGEST: i64 = 255;
/// An `ephemeralOwner` whose highest byte is 255 is a TTL.
const LARGEST_WITH_TTL: i64 = 254;

/// This server's id. A standalone server needs no file.
pub(super) fn server_id(
    typed: &mut Typed,
    data_dir: Option<&Path>,
    extended_types: bool,
) -> Option<ServerId> {
    let file = data_dir?.join("myid");
    let id = match read(&file) {
        Ok(Some(id)) => id,
        Ok(None) if typed.members.len() <= 1 => typed.members.keys().next().copied().unwrap_or(1),
        Ok(None) => {
            return bad(typed, &file, "does not exist; write this server's number into it".to_owned());
        }
        Err(why) => return bad(typed, &file, why),
    };
    if !typed.members.is_empty() && !typed.members.contains_key(&id) {
        let text = format!("{id}, but there is no server.{id} line in {}", typed.list().display());
        return bad(typed, &file, text);
    }
    if extended_types && id > LARGEST_WITH_TTL {
        let text = format!("{id} is above {LARGEST_WITH_TTL}, and extendedTypesEnabled allows no such id");
        return bad(typed, &file, text);
    }
    if id > LARGEST {
        let text = format!(
            "{id} is above {LARGEST}: sessions of this server can get the ids of sessions of server {}",
            id & LARGEST
        );
        typed.warnings.push(Warning { file, line: 1, key: "myid".to_owned(), text, ignored: false });
    }
    Some(ServerId(id))
}

fn bad(typed: &mut Typed, file: &Path, why: String) -> Option<ServerId> {
    typed.errors.push(ConfigError {
        file: file.to_owned(),
        line: None,
        key: None,
        kind: Mistake::BadMyId(why),
    });
    None
}

fn read(file: &Path) -> Result<Option<i64>, String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(format!("cannot be read: {why}")),
    };
    let first = text.lines().next().unwrap_or_default().trim();
    match first.parse::<i64>() {
        Ok(id) if id >= 0 => Ok(Some(id)),
        Ok(id) => Err(format!("{id} is negative")),
        Err(_) => Err(format!("{first:?} is not a number")),
    }
}
