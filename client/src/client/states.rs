//! What becomes of a session, as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::session::State;

/// Every state of a session, from the moment this was asked for: a stream that ends with the client's task.
///
/// | state | elsewhere | means |
/// |---|---|---|
/// | [`State::Connected`] | CONNECTED | the session has its first connection |
/// | [`State::Suspended`] | SUSPENDED | there is no connection; whatever rests on the session is in doubt |
/// | [`State::Reconnected`] | RECONNECTED | the session goes on: ephemeral znodes and watches are there |
/// | [`State::ReadOnly`] | READ_ONLY | the server takes no writes |
/// | [`State::Over`] | LOST | the session has ended, and says why |
#[derive(Debug)]
pub struct States(mpsc::UnboundedReceiver<State>);

impl States {
    pub(crate) fn new(receiver: mpsc::UnboundedReceiver<State>) -> Self {
        States(receiver)
    }

    /// The next state; `None` once the client's task has ended.
    pub async fn next(&mut self) -> Option<State> {
        self.0.recv().await
    }
}

impl Stream for States {
    type Item = State;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<State>> {
        self.0.poll_recv(cx)
    }
}
