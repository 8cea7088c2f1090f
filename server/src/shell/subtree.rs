//! A znode and everything below it: listed, and deleted in transactions.

use std::collections::VecDeque;

use quorate_client::{Request, Response};
use quorate_core::wire::client::{DeleteRequest, MultiOp};

use super::call::{ANY, Call};
use super::failure::Failure;
use super::paths;

/// How many transactions are on their way at once.
const AT_ONCE: usize = 10;

/// How many bytes a transaction has at most: servers take a megabyte.
const LONGEST: usize = 512 << 10;

/// The paths of a subtree, each in front of those below it, level by level.
pub(super) async fn list(call: &Call<'_>, top: &str) -> Result<Vec<String>, Failure> {
    let (children, _) = call.children(top, false).await?;
    let mut found = vec![top.to_owned()];
    let mut waiting: VecDeque<String> = children.into_iter().map(|name| paths::child(top, &name)).collect();
    while let Some(path) = waiting.pop_front() {
        let children = call.children_if_there(&path, false).await?;
        waiting.extend(children.iter().map(|name| paths::child(&path, name)));
        found.push(path);
    }
    Ok(found)
}

/// Delete these, the last one first, at most `batch` in a transaction. A failure ends it; whether all went
/// well.
pub(super) async fn delete(call: &Call<'_>, listed: &[String], batch: usize) -> bool {
    let mut waiting = VecDeque::new();
    for parts in batches(listed, batch) {
        if waiting.len() == AT_ONCE && !done(call, waiting.pop_front()).await {
            waiting.drain(..).for_each(drop);
            return false;
        }
        waiting.push_back(call.session.client().request(Request::Multi(parts)));
    }
    let mut all = true;
    while !waiting.is_empty() {
        all &= done(call, waiting.pop_front()).await;
    }
    all
}

async fn done(call: &Call<'_>, answer: Option<quorate_client::client::Answer<Response>>) -> bool {
    match answer {
        Some(answer) => call.session.outcome(answer, None).await.is_ok(),
        None => true,
    }
}

/// Transactions of at most `batch` deletions, and not too long.
fn batches(listed: &[String], batch: usize) -> Vec<Vec<MultiOp>> {
    let (mut batches, mut parts, mut len) = (Vec::new(), Vec::new(), 0);
    for path in listed.iter().rev() {
        if parts.len() >= batch || len + path.len() > LONGEST {
            batches.push(std::mem::take(&mut parts));
            len = 0;
        }
        len += path.len() + 32;
        parts.push(MultiOp::Delete(DeleteRequest { path: path.clone(), version: ANY }));
    }
    if !parts.is_empty() {
        batches.push(parts);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_are_short_and_from_below() {
        let listed: Vec<_> = (0..5).map(|i| format!("/{i}")).collect();
        let sizes = |batch| batches(&listed, batch).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(2), [2, 2, 1]);
        assert_eq!(sizes(1000), [5]);
        let MultiOp::Delete(first) = &batches(&listed, 2)[0][0] else { panic!() };
        assert_eq!(first.path, "/4");
        let long: Vec<_> = (0..20).map(|i| format!("/{i}{}", "x".repeat(100_000))).collect();
        assert!(batches(&long, 1000).iter().all(|parts| parts.len() <= 5));
    }
}
