//! A subtree, level by level, with many requests on their way at once.

use std::collections::VecDeque;

use quorate_client::client::Answer;
use quorate_client::{ErrorCode, Request, Response, Stat};
use quorate_core::wire::client::WatchRequest;

use super::call::Call;
use super::failure::Failure;
use super::paths;

/// How many requests are on their way at once.
const AT_ONCE: usize = 64;

/// A znode that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) path: String,
    /// 0 for the one at the top.
    pub(super) depth: usize,
    pub(super) stat: Stat,
}

/// What becomes of a znode that this client may not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unreadable {
    /// The znode is named on standard error, and left out.
    Said,
    /// The walk fails.
    Fails,
}

type Asked = (String, usize, Answer<Response>);

/// The znodes of a subtree down to a depth, each behind its parent. A znode that goes meanwhile is left out.
///
/// # Errors
/// The top does not exist, or what else is refused.
pub(super) async fn walk(
    call: &Call<'_>,
    top: &str,
    levels: usize,
    unreadable: Unreadable,
) -> Result<Vec<Found>, Failure> {
    paths::check(top)?;
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([(top.to_owned(), 0)]);
    let mut asked: VecDeque<Asked> = VecDeque::new();
    loop {
        while asked.len() < AT_ONCE
            && let Some((path, depth)) = waiting.pop_front()
        {
            let request = Request::GetChildren2(WatchRequest { path: path.clone(), watch: false });
            asked.push_back((path, depth, call.session.client().request(request)));
        }
        let Some((path, depth, answer)) = asked.pop_front() else { break };
        match call.session.outcome(answer, Some(&path)).await {
            Ok(Response::Children2 { mut children, stat }) => {
                if depth < levels {
                    children.sort_unstable();
                    waiting.extend(children.iter().map(|name| (paths::child(&path, name), depth + 1)));
                }
                found.push(Found { path, depth, stat });
            }
            Ok(_) => return Err(Failure::code(ErrorCode::MarshallingError, Some(&path))),
            Err(failure) if depth > 0 && failure.is(ErrorCode::NoNode) => {}
            Err(failure) if depth > 0 && failure.is(ErrorCode::NoAuth) && unreadable == Unreadable::Said => {
                call.out.failure(&failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(found)
}
