//! What a response consists of: text that is there, or pieces that come.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Pieces that wait for a client that takes them in slowly.
const WAITING: usize = 2;

/// The body of a response.
pub(super) enum Content {
    /// All of it; `None` once it is sent.
    Whole(Option<Bytes>),
    /// One piece after the other. A piece that is an error cuts the connection: what came is not all.
    Pieces(Receiver<io::Result<Bytes>>),
}

impl Content {
    /// Pieces, and the way to give them.
    pub(super) fn pieces() -> (Sender<io::Result<Bytes>>, Content) {
        let (sender, pieces) = channel(WAITING);
        (sender, Content::Pieces(pieces))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Pieces(pieces) => pieces.poll_recv(cx).map(|piece| Some(piece?.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Content::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Pieces(_) => SizeHint::default(),
        }
    }
}

/// A response as the server gives it.
pub(super) type Answer = Response<Content>;

/// A response of this content.
pub(super) fn answer(status: StatusCode, content_type: &'static str, content: Content) -> Answer {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A browser shows it as what it is, and in no other page.
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// A response of a text.
pub(super) fn text(status: StatusCode, content_type: &'static str, text: String) -> Answer {
    answer(status, content_type, Content::Whole(Some(text.into())))
}

/// A refusal in one line.
pub(super) fn refusal(status: StatusCode, why: &str) -> Answer {
    text(status, "text/plain; charset=utf-8", format!("{why}\n"))
}
