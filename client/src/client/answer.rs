//! The future of an operation: it is sent when the future is made.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quorate_core::wire::client::OpCode;
use tokio::sync::oneshot;
use tracing::Span;

use super::watch::Watch;
use crate::error::{Error, ErrorKind};
use crate::session::{OpId, Outcome, chroot};

/// What an outcome is to the caller.
pub(crate) type Read<T> = fn(Outcome) -> Result<T, ErrorKind>;

/// The outcome of an operation, which is on its way already: several can be awaited together.
///
/// Dropping it does not take the operation back; [`Client::give_up`](super::Client::give_up) may.
#[must_use = "an operation's failure is told here"]
pub struct Answer<T> {
    outcome: Result<oneshot::Receiver<Outcome>, Option<ErrorKind>>,
    id: OpId,
    op: OpCode,
    path: Option<String>,
    read: Read<T>,
    /// What the paths of the response begin with, besides the session's root.
    root: Option<Arc<str>>,
    span: Span,
}

impl<T> Answer<T> {
    pub(crate) fn new(
        outcome: oneshot::Receiver<Outcome>,
        id: OpId,
        op: OpCode,
        path: Option<String>,
        read: Read<T>,
    ) -> Self {
        let span = tracing::debug_span!("operation", ?op, path);
        Answer { outcome: Ok(outcome), id, op, path, read, root: None, span }
    }

    /// An operation that failed before it was sent.
    pub(crate) fn failed(kind: ErrorKind, op: OpCode, path: Option<String>, read: Read<T>) -> Self {
        Answer { outcome: Err(Some(kind)), id: OpId(0), op, path, read, root: None, span: Span::none() }
    }

    /// The paths of the response begin with this, and are told without it.
    pub(crate) fn below(mut self, root: Option<Arc<str>>) -> Self {
        self.root = root;
        self
    }

    /// How the client's task knows the operation.
    pub(crate) fn id(&self) -> OpId {
        self.id
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("op", &self.op).field("path", &self.path).finish_non_exhaustive()
    }
}

impl<T> Future for Answer<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let read = match &mut this.outcome {
            Err(kind) => Err(kind.take().unwrap_or(ErrorKind::Stopped)),
            Ok(outcome) => match Pin::new(outcome).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(mut outcome)) => {
                    if let (Some(root), Outcome::Done(response)) = (&this.root, &mut outcome) {
                        chroot::leave(root, response, this.op == OpCode::GetEphemerals);
                    }
                    (this.read)(outcome)
                }
                Poll::Ready(Err(_)) => Err(ErrorKind::Stopped),
            },
        };
        let result = read.map_err(|kind| Error::new(this.op, this.path.take(), kind));
        let _entered = this.span.enter();
        match &result {
            Ok(_) => tracing::trace!("done"),
            Err(error) => tracing::debug!(%error, "failed"),
        }
        Poll::Ready(result)
    }
}

/// The outcome of an operation that also sets a watch.
#[must_use = "an operation's failure is told here"]
#[derive(Debug)]
pub struct Watched<T, W = Watch> {
    answer: Answer<T>,
    watch: Option<W>,
}

impl<T, W> Watched<T, W> {
    pub(crate) fn new(answer: Answer<T>, watch: W) -> Self {
        Watched { answer, watch: Some(watch) }
    }
}

impl<T, W: Unpin> Future for Watched<T, W> {
    type Output = Result<(T, W), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Poll::Ready(result) = Pin::new(&mut this.answer).poll(cx) else { return Poll::Pending };
        let kind = |kind| Error::new(this.answer.op, None, kind);
        let watch = this.watch.take().ok_or_else(|| kind(ErrorKind::Stopped));
        Poll::Ready(result.and_then(|value| Ok((value, watch?))))
    }
}
