//! Commands about watches: `addWatch`, `removewatches`, and `watch`, which follows a subtree.

use quorate_client::session::{State, WatchKinds};
use quorate_client::{AddWatchMode, ErrorCode, EventType, Request, WatcherType};
use quorate_core::wire::client::{AddWatchRequest, WatcherRequest};
use serde_json::{Map, json};

use super::call::Call;
use super::failure::Failure;
use super::{commands, paths, show, values};

/// How much of a znode's data a line of `watch` shows, in characters.
const SHOWN: usize = 60;

pub(super) async fn add(call: &Call<'_>) -> Result<(), Failure> {
    let usage = || Failure::new(commands::find("addWatch").map_or(String::new(), |command| command.usage()));
    if call.parsed.args.len() != 1 {
        return Err(usage());
    }
    let (mode, kind) = match call.parsed.value("m").map(str::to_uppercase).as_deref() {
        None | Some("PERSISTENT_RECURSIVE") => (AddWatchMode::PersistentRecursive, WatchKinds::RECURSIVE),
        Some("PERSISTENT") => (AddWatchMode::Persistent, WatchKinds::PERSISTENT),
        Some(_) => return Err(usage()),
    };
    let path = call.arg(0);
    call.ask(Request::AddWatch(AddWatchRequest { path: path.to_owned(), mode }), path).await?;
    call.session.watches().set(path, kind);
    call.out.value(&json!({ "path": path, "watched": true }));
    Ok(())
}

pub(super) async fn remove(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    let watcher = [
        ("c", WatcherType::Children),
        ("d", WatcherType::Data),
        ("p", WatcherType::Persistent),
        ("r", WatcherType::PersistentRecursive),
    ]
    .into_iter()
    .find(|(flag, _)| call.parsed.has(flag))
    .map_or(WatcherType::Any, |(_, watcher)| watcher);
    let request = Request::RemoveWatches(WatcherRequest { path: path.to_owned(), watcher });
    match call.ask(request, path).await {
        Ok(_) => {}
        Err(failure) if failure.is(ErrorCode::ConnectionLoss) && call.parsed.has("l") => {}
        Err(failure) => return Err(failure),
    }
    let removed = call.session.watches().remove(path, WatchKinds::of(watcher));
    call.events.removed(path, removed);
    call.out.value(&json!({ "path": path, "removed": true }));
    Ok(())
}

/// Print every change of a znode and of what is below it.
pub(super) async fn follow(call: &Call<'_>) -> Result<(), Failure> {
    let path = call.arg(0);
    let most: u64 = call.number("n", u64::MAX)?;
    paths::check(path)?;
    let ((), mut changes) = call
        .session
        .client()
        .watch(path, AddWatchMode::PersistentRecursive)
        .await
        .map_err(|why| Failure::of(&why, Some(path)))?;
    call.session.watches().set(path, WatchKinds::RECURSIVE);
    let were_wanted = call.events.are_wanted();
    call.events.want(false);
    let mut states = call.session.client().states();
    let mut count = 0;
    let mut followed = Ok(());
    while count < most && !call.out.closed() {
        let change = tokio::select! {
            biased;
            Some(state) = states.next() => {
                tell_state(call, state);
                continue;
            }
            change = changes.next() => change,
        };
        let Some(change) = change else {
            let over = if call.session.is_alive() { "the watch was removed" } else { "the session is over" };
            followed = Err(Failure::new(format!("{}: {over}", show::name(path))));
            break;
        };
        count += 1;
        tell(call, change.event, &change.path, change.zxid).await;
        call.out.flush();
    }
    drop(changes);
    call.events.want(were_wanted);
    let watcher = WatcherType::PersistentRecursive;
    if call.session.is_alive() {
        // What is not removed goes with the session.
        let _ = call.session.client().remove_watches(path, watcher).await;
    }
    call.session.watches().remove(path, WatchKinds::RECURSIVE);
    followed
}

/// What a lost connection means: changes until there is another one are not told.
fn tell_state(call: &Call<'_>, state: State) {
    let what = match state {
        State::Suspended => "suspended",
        State::Reconnected | State::ReadOnly => "reconnected",
        _ => return,
    };
    call.out
        .answer(|| format!("{what}  changes without a connection are not told"), || json!({ "state": what }));
}

/// A change, with the data as it is now.
async fn tell(call: &Call<'_>, event: EventType, path: &str, zxid: Option<i64>) {
    let what = match event {
        EventType::NodeCreated => "created",
        EventType::NodeDeleted => "deleted",
        EventType::NodeDataChanged => "changed",
        _ => "children",
    };
    let content = match event {
        EventType::NodeCreated | EventType::NodeDataChanged => call.content(path, false).await.ok(),
        _ => None,
    };
    call.out.answer(
        || {
            let data = content.as_ref().and_then(|content| content.data.as_deref());
            let shown = data.map_or(String::new(), |data| format!("  {}", one_line(data)));
            format!("{what}  {}{shown}", show::name(path))
        },
        || {
            let mut object =
                Map::from_iter([("change".to_owned(), what.into()), ("path".to_owned(), path.into())]);
            object.insert("zxid".to_owned(), zxid.map(|zxid| values::hex(zxid.cast_unsigned())).into());
            if let Some(content) = &content {
                values::put_data(&mut object, content.data.as_deref());
                object.insert("version".to_owned(), content.stat.version.into());
            }
            object.into()
        },
    );
}

/// The beginning of data in one line.
pub(super) fn one_line(data: &[u8]) -> String {
    let text = show::data(data);
    let mut line: String =
        text.chars().map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c }).take(SHOWN + 1).collect();
    if line.chars().count() > SHOWN {
        line = line.chars().take(SHOWN - 1).chain(['…']).collect();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_an_end() {
        assert_eq!(one_line(b"a\nb\x00"), "a b\\x00");
        assert_eq!(one_line(&[b'x'; 61]).chars().count(), 60);
        assert_eq!(one_line(&[b'x'; 60]), "x".repeat(60));
    }
}
