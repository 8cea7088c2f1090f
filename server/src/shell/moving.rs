//! Commands that carry subtrees: `cp`, `mv`.

use quorate_client::session::Refusal;
use quorate_client::{ErrorKind, Request};
use quorate_core::wire::client::{DeleteRequest, MultiOp};
use serde_json::json;

use super::call::Call;
use super::copies::{self, Subtree, Writing};
use super::failure::Failure;
use super::{paths, show};

/// The words of the command: from where, to where.
fn places<'a>(call: &'a Call<'_>) -> Result<(&'a str, &'a str), Failure> {
    let (from, to) = (call.arg(0), call.arg(1));
    paths::check(from)?;
    paths::check(to)?;
    if paths::is_at_or_below(to, from) {
        return Err(Failure::new(format!("{} is in {} itself", show::name(to), show::name(from))));
    }
    Ok((from, to))
}

fn say_left_out(call: &Call<'_>, subtree: &Subtree) {
    for path in &subtree.ephemerals {
        call.out.complain(&format!("{} is ephemeral: it is left out", show::name(path)));
    }
}

pub(super) async fn cp(call: &Call<'_>) -> Result<(), Failure> {
    let (from, to) = places(call)?;
    let subtree = copies::read(call, from).await?;
    if subtree.znodes.is_empty() {
        return Err(Failure::new(format!("{} is ephemeral: it cannot be copied", show::name(from))));
    }
    say_left_out(call, &subtree);
    let how = Writing::of(call);
    copies::write(call, &subtree.znodes, to, how).await?;
    say_done(call, "copied", &subtree, (from, to), how.dry_run);
    Ok(())
}

fn say_done(call: &Call<'_>, what: &str, subtree: &Subtree, (from, to): (&str, &str), dry_run: bool) {
    if dry_run {
        return;
    }
    let count = subtree.znodes.len();
    call.out.answer(
        || format!("{what} {count} znodes from {} to {}", show::name(from), show::name(to)),
        || json!({ "done": what, "znodes": count, "from": from, "to": to, "leftOut": subtree.ephemerals }),
    );
}

pub(super) async fn mv(call: &Call<'_>) -> Result<(), Failure> {
    let (from, to) = places(call)?;
    if from == "/" {
        return Err(Failure::new("the root cannot be moved"));
    }
    let subtree = copies::read(call, from).await?;
    if let Some(path) = subtree.ephemerals.first() {
        return Err(Failure::new(format!("{} is ephemeral: it cannot be moved", show::name(path))));
    }
    let dry_run = call.parsed.has("dry-run");
    if dry_run {
        return copies::write(call, &subtree.znodes, to, Writing { dry_run, replace: false }).await;
    }
    let (parts, paths) = move_parts(&subtree, from, to);
    let answer = call.session.client().request(Request::Multi(parts));
    match answer.await {
        Ok(_) => {
            say_done(call, "moved", &subtree, (from, to), false);
            Ok(())
        }
        Err(error) => match error.kind() {
            ErrorKind::Refused(Refusal::TooLong { .. }) => Err(Failure::new(format!(
                "{} is too much for one transaction: {}; cp and deleteall need several",
                show::name(from),
                error.kind()
            ))),
            _ => {
                let path = error.part().and_then(|part| paths.get(part));
                Err(Failure::of(&error, path.map(String::as_str)))
            }
        },
    }
}

/// The transaction: everything is created there, and deleted here if no client has changed it since. The
/// paths of its parts come with it.
fn move_parts(subtree: &Subtree, from: &str, to: &str) -> (Vec<MultiOp>, Vec<String>) {
    let (mut parts, mut paths) = (Vec::new(), Vec::new());
    for znode in &subtree.znodes {
        parts.push(znode.create(to));
        paths.push(znode.path(to));
    }
    for znode in subtree.znodes.iter().rev() {
        let path = znode.path(from);
        paths.push(path.clone());
        parts.push(MultiOp::Delete(DeleteRequest { path, version: znode.version }));
    }
    (parts, paths)
}

#[cfg(test)]
mod tests {
    use super::super::copies::Carried;
    use super::*;

    #[test]
    fn what_is_moved_is_created_from_above_and_deleted_from_below() {
        let carried =
            |below: &str, version| Carried { below: below.to_owned(), data: None, acl: Vec::new(), version };
        let znodes = vec![carried("", 3), carried("/x", 5)];
        let (parts, paths) = move_parts(&Subtree { znodes, ephemerals: Vec::new() }, "/a", "/b");
        assert_eq!(paths, ["/b", "/b/x", "/a/x", "/a"]);
        assert!(matches!(&parts[0], MultiOp::Create(r) if r.path == "/b"));
        assert!(matches!(&parts[2], MultiOp::Delete(r) if r.path == "/a/x" && r.version == 5));
    }
}
