//! Subtrees in files, as lines of JSON: `export`, `import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::Path;

use bytes::Bytes;
use quorate_client::Acl;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::call::Call;
use super::copies::{self, Carried, Writing};
use super::failure::Failure;
use super::{acl, paths, show};

/// The form of the lines; another number is another form.
const FORM: u32 = 1;

/// The first line: what follows.
#[derive(Serialize, Deserialize)]
struct Head {
    #[serde(rename = "quorate-export")]
    form: u32,
    /// Where the subtree stood.
    from: String,
    znodes: usize,
}

/// A znode.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The path below the top; empty for the top itself.
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// Data that is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    acl: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    scheme: String,
    id: String,
    perms: String,
}

impl Line {
    fn of(znode: &Carried) -> Self {
        let text = znode.data.as_deref().map(|data| std::str::from_utf8(data).map_err(|_| data));
        let entry = |acl: &Acl| Entry {
            scheme: acl.id.scheme.clone(),
            id: acl.id.id.clone(),
            perms: show::permissions(acl.perms),
        };
        Line {
            path: znode.below.clone(),
            data: text.and_then(Result::ok).map(str::to_owned),
            base64: text.and_then(Result::err).map(show::base64),
            acl: znode.acl.iter().map(entry).collect(),
        }
    }

    /// # Errors
    /// What is wrong with it.
    fn znode(self) -> Result<Carried, String> {
        if !self.path.is_empty() {
            paths::check(&self.path).map_err(|failure| failure.text().to_owned())?;
        }
        let data = match (self.data, self.base64) {
            (Some(_), Some(_)) => return Err("both data and base64".to_owned()),
            (data, None) => data.map(Bytes::from),
            (None, Some(text)) => Some(show::from_base64(&text)?.into()),
        };
        let entry = |entry: Entry| match acl::bits(&entry.perms) {
            Some(bits) => Ok(Acl::new(bits, &entry.scheme, &entry.id)),
            None => Err(format!("perms {:?} are not letters of cdrwa", entry.perms)),
        };
        let acl = self.acl.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        if acl.is_empty() {
            return Err("the ACL has no entry".to_owned());
        }
        Ok(Carried { below: self.path, data, acl, version: 0 })
    }
}

pub(super) async fn export(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    let subtree = copies::read(call, path).await?;
    if subtree.znodes.is_empty() {
        return Err(Failure::new(format!("{} is ephemeral: it cannot be exported", show::name(path))));
    }
    for path in &subtree.ephemerals {
        call.out.complain(&format!("{} is ephemeral: it is left out", show::name(path)));
    }
    let mut text = Vec::new();
    let head = Head { form: FORM, from: path.to_owned(), znodes: subtree.znodes.len() };
    let written = line(&mut text, &head)
        .and_then(|()| subtree.znodes.iter().try_for_each(|znode| line(&mut text, &Line::of(znode))));
    written.map_err(|why| Failure::new(why.to_string()))?;
    let Some(file) = call.parsed.args.get(1) else {
        call.out.raw(text);
        return Ok(());
    };
    save(Path::new(file), &text).map_err(|why| Failure::new(format!("{file}: {why}")))?;
    let count = subtree.znodes.len();
    call.out.answer(
        || format!("exported {count} znodes to {}", show::name(file)),
        || json!({ "path": path, "file": file, "znodes": count, "leftOut": subtree.ephemerals }),
    );
    Ok(())
}

fn line(text: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *text, value)?;
    text.write_all(b"\n")
}

/// A file that was not there before, whole or not at all.
fn save(file: &Path, text: &[u8]) -> io::Result<()> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut out = BufWriter::new(tempfile::NamedTempFile::new_in(directory)?);
    out.write_all(text)?;
    let file_written = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file_written.as_file().sync_all()?;
    file_written.persist_noclobber(file)?;
    Ok(())
}

pub(super) async fn import(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    paths::check(path)?;
    let name = call.parsed.args.get(1).cloned();
    if name.is_none() && (call.script || io::stdin().is_terminal()) {
        return Err(Failure::new("import: standard input has the commands; name a file"));
    }
    // Everything is read and understood before anything is written.
    let read = tokio::task::spawn_blocking(move || match name {
        None => parse(io::stdin().lock(), "standard input"),
        Some(name) => match File::open(&name) {
            Ok(file) => parse(BufReader::new(file), &name),
            Err(why) => Err(format!("{name}: {why}")),
        },
    });
    let znodes = read.await.map_err(|why| why.to_string()).and_then(|read| read).map_err(Failure::new)?;
    let how = Writing::of(call);
    copies::write(call, &znodes, path, how).await?;
    if !how.dry_run {
        call.out.answer(
            || format!("imported {} znodes to {}", znodes.len(), show::name(path)),
            || json!({ "path": path, "znodes": znodes.len() }),
        );
    }
    Ok(())
}

/// The znodes of an export, each behind its parent.
///
/// # Errors
/// Which line is wrong, and why.
fn parse(mut from: impl BufRead, name: &str) -> Result<Vec<Carried>, String> {
    let mut text = String::new();
    from.read_to_string(&mut text).map_err(|why| format!("{name}: {why}"))?;
    let mut lines = text.lines().enumerate();
    let head = lines.next().map_or("", |(_, line)| line);
    let head: Head = serde_json::from_str(head).map_err(|why| format!("{name}: no export: {why}"))?;
    if head.form != FORM {
        return Err(format!("{name}: an export of form {}, form {FORM} is known", head.form));
    }
    let mut znodes: Vec<Carried> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (i, line) in lines {
        let wrong = |why: String| format!("{name}, line {}: {why}", i + 1);
        let line: Line = serde_json::from_str(line).map_err(|why| wrong(why.to_string()))?;
        let znode = line.znode().map_err(wrong)?;
        let parent = znode.below.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !znodes.is_empty() && !seen.contains(parent) {
            return Err(wrong(format!("the parent of {} does not come before it", show::name(&znode.below))));
        }
        if znodes.is_empty() && !znode.below.is_empty() {
            return Err(wrong("the first znode is not the top".to_owned()));
        }
        if !seen.insert(znode.below.clone()) {
            return Err(wrong(format!("{} comes twice", show::name(&znode.below))));
        }
        znodes.push(znode);
    }
    if znodes.len() != head.znodes {
        return Err(format!("{name}: {} znodes, its first line says {}", znodes.len(), head.znodes));
    }
    Ok(znodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(znodes: &[Carried]) -> Vec<u8> {
        let mut text = Vec::new();
        line(&mut text, &Head { form: FORM, from: "/a".to_owned(), znodes: znodes.len() }).unwrap();
        znodes.iter().for_each(|znode| line(&mut text, &Line::of(znode)).unwrap());
        text
    }

    #[test]
    fn what_was_exported_is_imported() {
        let carried = |below: &str, data: Option<&'static [u8]>| Carried {
            below: below.to_owned(),
            data: data.map(Bytes::from_static),
            acl: vec![Acl::open(), Acl::new(1, "digest", "a:b")],
            version: 0,
        };
        let znodes = vec![
            carried("", None),
            carried("/text", Some(b"a\n\"b\"")),
            carried("/bytes", Some(b"\xff\x00")),
            carried("/bytes/empty", Some(b"")),
        ];
        assert_eq!(parse(&written(&znodes)[..], "x").unwrap(), znodes);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let head = r#"{"quorate-export":1,"from":"/a","znodes":1}"#;
        let top = r#"{"path":"","acl":[{"scheme":"world","id":"anyone","perms":"r"}]}"#;
        let wrong = |lines: &[&str]| parse(lines.join("\n").as_bytes(), "f").unwrap_err();
        assert!(wrong(&[]).starts_with("f: no export"));
        assert!(wrong(&[&head.replace(":1,", ":2,")]).contains("form 2"));
        assert_eq!(wrong(&[head]), "f: 0 znodes, its first line says 1");
        assert!(wrong(&[head, &top.replace("\"r\"", "\"x\"")]).contains("f, line 2: perms \"x\""));
        assert!(wrong(&[head, &top.replace("\"\"", "\"/b\"")]).contains("not the top"));
        assert!(wrong(&[head, top, top]).contains("line 3:  comes twice"));
        assert!(wrong(&[head, top, &top.replace("\"\"", "\"/b/c\"")]).contains("the parent of /b/c"));
        assert!(wrong(&[head, &top.replace("\"acl\"", "\"owner\"")]).contains("line 2"));
    }

    #[test]
    fn a_file_that_exists_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x");
        save(&file, b"1").unwrap();
        assert_eq!(save(&file, b"2").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&file).unwrap(), b"1");
    }
}
