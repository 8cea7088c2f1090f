//! Commands that read znodes: `get`, `ls`, `stat`, `getAcl`, `getEphemerals`, `getAllChildrenNumber`, `sync`.

use quorate_client::session::WatchKinds;
use quorate_client::{Acl, ErrorCode, Request, Response, Stat};
use quorate_core::wire::client::PathRequest;
use serde_json::{Value, json};

use super::call::{Call, Content};
use super::commands;
use super::failure::Failure;
use super::flags::table;
use super::{paths, show, values};

/// The words of a command that had a `watch` argument in former times, `get path watch`, as they are now. The
/// second word is taken for that argument, whatever it is.
pub(super) fn with_old_watch(words: &[String], positional: usize) -> Option<Vec<String>> {
    if positional < 2 {
        return None;
    }
    let mut words = words.to_vec();
    "-w".clone_into(words.get_mut(1)?);
    Some(words)
}

/// What is said then.
pub(super) fn old_watch_is_deprecated(name: &str) -> String {
    let now = match name {
        "get" => "get [-s] [-w] path",
        "ls" => "ls [-w] path",
        _ => "stat [-w] path",
    };
    format!("'{name} path [watch]' has been deprecated. Please use '{now}' instead.")
}

pub(super) async fn get(call: &Call<'_>) -> Result<(), Failure> {
    let (path, watch) = (call.arg(0), call.parsed.has("w"));
    let content = call.content(path, watch).await?;
    if watch {
        call.session.watches().set(path, WatchKinds::DATA);
    }
    call.out.answer(
        || {
            let bytes = content.data.as_deref().unwrap_or(b"null");
            if call.parsed.has("x") {
                show::hex_dump(bytes)
            } else if call.parsed.has("b") {
                show::base64(bytes)
            } else {
                show::data(bytes).into_owned()
            }
        },
        || json_of(path, &content),
    );
    if call.parsed.has("s") {
        call.out.line(&show::stat(&content.stat));
    }
    Ok(())
}

/// A znode for programs.
pub(super) fn json_of(path: &str, content: &Content) -> Value {
    let mut object = values::object(json!({ "path": path, "stat": values::stat(&content.stat) }));
    values::put_data(&mut object, content.data.as_deref());
    object.into()
}

pub(super) async fn ls(call: &Call<'_>) -> Result<(), Failure> {
    if call.parsed.has("?")
        && let Some(command) = commands::find("ls")
    {
        call.out.text(&format!("usage: ls [options] path\n{}", table(command.flags)));
    }
    if call.parsed.args.is_empty() {
        return Err(Failure::new(commands::find("ls").map_or(String::new(), |ls| ls.usage())));
    }
    let (path, watch) = (call.arg(0), call.parsed.has("w"));
    if call.parsed.has("R") {
        return list_all(call, path, watch).await;
    }
    let (children, stat) = call.children(path, watch).await?;
    if watch {
        call.session.watches().set(path, WatchKinds::CHILD);
    }
    call.out.answer(
        || {
            let names: Vec<_> = children.iter().map(|child| show::name(child)).collect();
            format!("[{}]", names.join(", "))
        },
        || json!({ "path": path, "children": children, "stat": values::stat(&stat) }),
    );
    if call.parsed.has("s") {
        call.out.line(&show::stat(&stat));
    }
    Ok(())
}

async fn list_all(call: &Call<'_>, top: &str, watch: bool) -> Result<(), Failure> {
    call.content(top, watch).await?;
    let print = |path: &str| call.out.answer(|| show::name(path).into_owned(), || json!({ "path": path }));
    print(top);
    let mut waiting = vec![top.to_owned()];
    while let Some(path) = waiting.pop() {
        let children = call.children_if_there(&path, watch).await?;
        if watch {
            call.session.watches().set(&path, WatchKinds::CHILD);
        }
        let children: Vec<_> = children.iter().map(|name| paths::child(&path, name)).collect();
        children.iter().for_each(|path| print(path));
        waiting.extend(children.into_iter().rev());
        if call.out.closed() {
            break;
        }
        call.out.flush();
    }
    if watch {
        call.session.watches().set(top, WatchKinds::DATA);
    }
    Ok(())
}

pub(super) async fn stat(call: &Call<'_>) -> Result<(), Failure> {
    let (path, watch) = (call.arg(0), call.parsed.has("w"));
    let stat = call.exists(path, watch).await?;
    if watch {
        call.session.watches().set(path, if stat.is_some() { WatchKinds::DATA } else { WatchKinds::EXIST });
    }
    let stat = stat.ok_or_else(|| Failure::code(ErrorCode::NoNode, Some(path)))?;
    call.out.answer(|| show::stat(&stat), || json!({ "path": path, "stat": values::stat(&stat) }));
    Ok(())
}

pub(super) async fn get_acl(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    let (acl, stat): (Vec<Acl>, Stat) = call.acl(path).await?;
    for entry in &acl {
        call.out.line(&show::acl_entry(entry));
    }
    call.out.value(&json!({ "path": path, "acl": values::acl(&acl), "stat": values::stat(&stat) }));
    if call.parsed.has("s") {
        call.out.line(&show::stat(&stat));
    }
    Ok(())
}

pub(super) async fn get_ephemerals(call: &Call<'_>) -> Result<(), Failure> {
    let prefix = call.parsed.args.first().map_or("/", String::as_str);
    let request = Request::GetEphemerals(Some(prefix.to_owned()));
    let Response::Children(paths) = call.ask(request, prefix).await? else {
        return Err(Failure::code(ErrorCode::MarshallingError, Some(prefix)));
    };
    call.out.answer(
        || {
            let paths: Vec<_> = paths.iter().map(|path| show::name(path)).collect();
            format!("[{}]", paths.join(", "))
        },
        || json!({ "prefix": prefix, "ephemerals": paths }),
    );
    Ok(())
}

pub(super) async fn count(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    let request = Request::GetAllChildrenNumber(PathRequest { path: path.to_owned() });
    let Response::ChildrenNumber(count) = call.ask(request, path).await? else {
        return Err(Failure::code(ErrorCode::MarshallingError, Some(path)));
    };
    call.out.answer(|| count.to_string(), || json!({ "path": path, "count": count }));
    Ok(())
}

pub(super) async fn sync(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    paths::check(path)?;
    match call.ask(Request::Sync(Some(path.to_owned())), path).await {
        Ok(_) => call.out.answer(|| "Sync is OK".to_owned(), || json!({ "path": path, "synced": true })),
        Err(failure) => match failure.number() {
            Some(code) if !call.out.is_json() => call.out.line(&format!("Sync has failed. rc={code}")),
            _ => return Err(failure),
        },
    }
    Ok(())
}
