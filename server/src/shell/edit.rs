//! `edit`: data in the user's editor, set only if no other client has set it meanwhile.

use std::io::{Read, Seek, SeekFrom, Write};
use std::process::Stdio;

use quorate_client::ErrorCode;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::process::Command;

use super::call::Call;
use super::failure::Failure;
use super::{paths, show};

/// The editor where none is set.
const EDITOR: &str = "vi";

pub(super) async fn edit(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    if call.script {
        return Err(Failure::new("edit: standard input has the commands"));
    }
    let before = call.content(path, false).await?;
    let old = before.data.as_deref().unwrap_or_default();
    let failed = |why: std::io::Error| Failure::new(format!("edit: {why}"));
    let mut file = write(paths::base_name(path), old).map_err(failed)?;
    call.out.flush();
    let editor = editor();
    let status = Command::new("sh")
        .args(["-c", &format!("{editor} \"$1\""), "sh"])
        .arg(file.path())
        .stdin(Stdio::inherit())
        .kill_on_drop(true)
        .status()
        .await
        .map_err(failed)?;
    if !status.success() {
        return Err(Failure::new(format!("{editor} ended with {status}: nothing is set")));
    }
    let new = read(&mut file).map_err(failed)?;
    let new = without_added_newline(old, &new);
    if new == old {
        call.out.answer(|| "unchanged".to_owned(), || json!({ "path": path, "changed": false }));
        return Ok(());
    }
    match call.set(path, Some(new.to_vec().into()), before.stat.version).await {
        Ok(stat) => {
            call.out.answer(
                || format!("set {}, version {}", show::name(path), stat.version),
                || json!({ "path": path, "changed": true, "version": stat.version }),
            );
            Ok(())
        }
        Err(failure) => {
            let kept = file.into_temp_path().keep().map_err(|why| failed(why.error))?;
            let why = if failure.is(ErrorCode::BadVersion) {
                format!("{} was set by another client meanwhile", show::name(path))
            } else {
                failure.text().to_owned()
            };
            Err(Failure::new(format!("{why}; your text is in {}", kept.display())))
        }
    }
}

/// `VISUAL`, `EDITOR` or vi, perhaps with arguments.
fn editor() -> String {
    let set = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| EDITOR.to_owned())
}

/// A file that only this user can read; its name ends like the znode's, which editors go by.
fn write(name: &str, data: &[u8]) -> std::io::Result<NamedTempFile> {
    let ending = name.rsplit_once('.').map_or(String::new(), |(_, ending)| format!(".{ending}"));
    let mut file = tempfile::Builder::new().prefix("quorate-edit-").suffix(&ending).tempfile()?;
    file.write_all(data)?;
    file.flush()?;
    Ok(file)
}

/// What is in the file now: editors write the same file, or put another one in its place.
fn read(file: &mut NamedTempFile) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::new();
    match std::fs::File::open(file.path()) {
        Ok(mut file) => file.read_to_end(&mut data)?,
        Err(_) => {
            file.seek(SeekFrom::Start(0))?;
            file.read_to_end(&mut data)?
        }
    };
    Ok(data)
}

/// Editors end the last line; data that did not end so is not changed by that.
fn without_added_newline<'a>(old: &[u8], new: &'a [u8]) -> &'a [u8] {
    match new.strip_suffix(b"\n") {
        Some(rest) if !old.ends_with(b"\n") => rest,
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newline_of_the_editor_is_no_change() {
        for (old, new, expected) in [
            (&b"a"[..], &b"a\n"[..], &b"a"[..]),
            (b"a\n", b"a\n", b"a\n"),
            (b"a", b"b\n\n", b"b\n"),
            (b"", b"x", b"x"),
            (b"a\n", b"a", b"a"),
        ] {
            assert_eq!(without_added_newline(old, new), expected);
        }
    }

    #[test]
    fn the_file_ends_like_the_znode() {
        let mut file = write("settings.json", b"{}").unwrap();
        assert!(file.path().to_str().unwrap().ends_with(".json"));
        assert_eq!(read(&mut file).unwrap(), b"{}");
    }
}
