//! When a failed operation is tried again, and which operations can be.
//!
//! An operation whose outcome is unknown may have been done. Reads can be repeated. A write can be repeated
//! where it can be told afterwards whether it was done:
//!
//! | call | how it is told |
//! |---|---|
//! | [`Retrying::delete`] | the znode is not there |
//! | [`Retrying::set`] with a version | the next version is there, with this data |
//! | [`Retrying::create_protected`] | a znode with this name's own mark is there |
//!
//! There is no repeating call for any other write.

use std::future::IntoFuture;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_core::wire::client::{CreateMode, CreateRequest, OpCode, Request, Response};
use quorate_core::wire::record::{Acl, Stat};

use crate::client::{Children, Client, Created, Node};
use crate::error::{Error, ErrorKind, Result};
use crate::mark::mark;

/// How often, and after which pauses, an operation is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryPolicy {
    /// Once, after this pause.
    Once(Duration),
    /// This number of times, each after this pause.
    Times(u32, Duration),
    /// This number of times, after a random pause below a bound that doubles.
    ExponentialBackoff {
        /// How often at most.
        times: u32,
        /// The bound of the first pause.
        first: Duration,
        /// No pause is longer.
        longest: Duration,
    },
    /// Until this much time has passed since the first attempt, each after this pause.
    UntilElapsed(Duration, Duration),
    /// For ever, each after this pause.
    Forever(Duration),
}

impl RetryPolicy {
    /// The pause before the next attempt; `None`: no further one.
    ///
    /// `failed` attempts were made in `elapsed` time; `random` is drawn for this call.
    pub fn pause(self, failed: u32, elapsed: Duration, random: u64) -> Option<Duration> {
        let wait = |holds: bool, pause| holds.then_some(pause);
        match self {
            RetryPolicy::Once(pause) => wait(failed < 2, pause),
            RetryPolicy::Times(times, pause) => wait(failed <= times, pause),
            RetryPolicy::UntilElapsed(limit, pause) => wait(elapsed + pause <= limit, pause),
            RetryPolicy::Forever(pause) => Some(pause),
            RetryPolicy::ExponentialBackoff { times, first, longest } => {
                let doubled =
                    first.saturating_mul(1u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
                let bound = u64::try_from(doubled.min(longest).as_micros()).unwrap_or(u64::MAX).max(1);
                wait(failed <= times, Duration::from_micros(random % bound))
            }
        }
    }
}

/// A client that repeats what can be repeated: made by [`Client::retrying`].
#[derive(Clone, Debug)]
pub struct Retrying<'a> {
    client: &'a Client,
    policy: RetryPolicy,
    limit: Option<Duration>,
}

/// Whether another attempt may end otherwise: the outcome is unknown, and the session is not over.
fn may_change(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::TimedOut)
}

impl<'a> Retrying<'a> {
    /// An operation has this much time over all attempts; then it is an [`ErrorKind::TimedOut`].
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Retrying { limit: Some(limit), ..self }
    }

    /// Repeat whatever the caller knows to be repeatable, as long as its outcome is unknown. The closure is
    /// told how many attempts have failed.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn run<T, F>(&self, mut attempt: impl FnMut(u32) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let began = Instant::now();
        let mut failed = 0;
        loop {
            let left = self.limit.map(|limit| limit.saturating_sub(began.elapsed()));
            let result = match left {
                None => attempt(failed).await,
                Some(left) => match tokio::time::timeout(left, attempt(failed)).await {
                    Ok(result) => result,
                    Err(_) => return Err(Error::new(OpCode::Error, None, ErrorKind::TimedOut)),
                },
            };
            let error = match result {
                Err(error) if may_change(&error) => error,
                result => return result,
            };
            failed += 1;
            let pause = self.policy.pause(failed, began.elapsed(), fastrand::u64(..));
            let Some(pause) = pause else { return Err(error) };
            tracing::debug!(%error, failed, ?pause, "once more");
            tokio::time::sleep(pause).await;
        }
    }

    /// As [`Client::get`].
    ///
    /// # Errors
    /// That of the last attempt; so with the other calls.
    pub async fn get(&self, path: &str) -> Result<Node> {
        self.run(|_| self.client.get(path).into_future()).await
    }

    /// As [`Client::exists`].
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn exists(&self, path: &str) -> Result<Option<Stat>> {
        self.run(|_| self.client.exists(path).into_future()).await
    }

    /// As [`Client::children`].
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn children(&self, path: &str) -> Result<Children> {
        self.run(|_| self.client.children(path).into_future()).await
    }

    /// Delete a znode for sure. That it is not there after an attempt of unknown outcome is a success.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let once = |failed| async move {
            match self.client.delete(path).await {
                Err(error) if failed > 0 && error.is_no_node() => Ok(()),
                result => result,
            }
        };
        self.run(once).await
    }

    /// Replace the data of a znode that has this version. After an attempt of unknown outcome, the next
    /// version with this data is what was asked for. Without a version (−1) nothing is repeated.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn set(&self, path: &str, data: impl Into<Bytes>, version: i32) -> Result<Stat> {
        let data = data.into();
        if version < 0 {
            return self.client.set(path, data).await;
        }
        self.run(|failed| self.set_once(path, data.clone(), version, failed)).await
    }

    async fn set_once(&self, path: &str, data: Bytes, version: i32, failed: u32) -> Result<Stat> {
        match self.client.set(path, data.clone()).version(version).await {
            Err(error) if failed > 0 && error.is_bad_version() => {
                let node = self.client.get(path).await?;
                // Some servers skip −1.
                let next = [version.wrapping_add(1), version.wrapping_add(2)];
                let is_next = node.stat.version == next[0] || (next[0] == -1 && node.stat.version == next[1]);
                if is_next && node.data == data { Ok(node.stat) } else { Err(error) }
            }
            result => result,
        }
    }

    /// Create a znode whose name gets a mark of its own in front, `_c_MARK-`, as Curator does it. After an
    /// attempt of unknown outcome the mark is searched for. So the znode is created once.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn create_protected(
        &self,
        path: &str,
        data: impl Into<Bytes>,
        mode: CreateMode,
    ) -> Result<Created> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (parent, mark, data) =
            (if parent.is_empty() { "/" } else { parent }, format!("_c_{}-", mark()), data.into());
        self.run(|failed| self.create_once(parent, &mark, name, data.clone(), mode, failed)).await
    }

    async fn create_once(
        &self,
        parent: &str,
        mark: &str,
        name: &str,
        data: Bytes,
        mode: CreateMode,
        failed: u32,
    ) -> Result<Created> {
        let below = |name: &str| format!("{}/{name}", parent.trim_end_matches('/'));
        if failed > 0 {
            // What the old connection's server has passed on is in front of this, or refused.
            self.client.sync(parent).await?;
            let children = self.client.children(parent).await?;
            if let Some(found) = children.names.into_iter().find(|name| name.starts_with(mark)) {
                let path = below(&found);
                if let Some(stat) = self.client.exists(&*path).await? {
                    return Ok(Created { path, stat });
                }
            }
        }
        let path = below(&format!("{mark}{name}"));
        let request = CreateRequest {
            path: path.clone(),
            data: Some(data),
            acl: vec![Acl::open()],
            flags: mode.to_i32(),
        };
        let request = match mode {
            CreateMode::Container => Request::CreateContainer(request),
            _ => Request::Create2(request),
        };
        let op = request.op();
        match self.client.request(request).await? {
            Response::PathStat(path, stat) => Ok(Created { path, stat }),
            _ => Err(Error::new(op, Some(path), ErrorKind::Unexpected)),
        }
    }
}

impl Client {
    /// Repeat what can be repeated while its outcome is unknown.
    ///
    /// ```no_run
    /// # async fn example(client: quorate_client::Client) -> Result<(), quorate_client::Error> {
    /// use quorate_client::retry::RetryPolicy;
    /// use std::time::Duration;
    ///
    /// let patient = client.retrying(RetryPolicy::Times(5, Duration::from_millis(100)));
    /// let node = patient.get("/config").await?;
    /// patient.set("/config", "new", node.stat.version).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn retrying(&self, policy: RetryPolicy) -> Retrying<'_> {
        Retrying { client: self, policy, limit: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    /// How many further attempts there are if each takes a millisecond.
    fn count(policy: RetryPolicy) -> u32 {
        (1..1000).find(|failed| policy.pause(*failed, MS * *failed, 7).is_none()).unwrap_or(1000) - 1
    }

    #[test]
    fn how_often() {
        assert_eq!(count(RetryPolicy::Once(MS)), 1);
        assert_eq!(count(RetryPolicy::Times(0, MS)), 0);
        assert_eq!(count(RetryPolicy::Times(3, MS)), 3);
        assert_eq!(count(RetryPolicy::UntilElapsed(MS * 20, MS)), 19);
        assert_eq!(count(RetryPolicy::Forever(MS)), 999);
        let backoff = RetryPolicy::ExponentialBackoff { times: 9, first: MS, longest: MS * 50 };
        assert_eq!(count(backoff), 9);
    }

    proptest! {
        #[test]
        fn pauses_stay_below_a_bound_that_doubles(failed in 1u32..100, random: u64) {
            let backoff = RetryPolicy::ExponentialBackoff { times: 100, first: MS, longest: MS * 500 };
            let pause = backoff.pause(failed, Duration::ZERO, random).unwrap();
            prop_assert!(pause < MS * 500 && (failed > 20 || pause < MS * (1 << (failed - 1))));
        }
    }
}
