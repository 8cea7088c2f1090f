//! Sends the state as a snapshot file: one at a time, and seldom.
//!
//! The state is a view that the loop hands over. A thread of its own encodes the view twice: first for its
//! size, then to be sent. So the file is never in memory.

use std::io;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use quorate_core::ids::Zxid;
use quorate_core::pipeline::TreeImage;
use quorate_core::wire::state::Snapshot;
use tokio::sync::{OwnedSemaphorePermit, mpsc::Sender, oneshot};
use tracing::{info, warn};

use super::super::desk::Question;
use super::body::{Answer, Content, answer};
use super::outcome::{NOT_SERVING, Outcome, failed};
use super::query::parameter;
use super::shared::Shared;
use crate::storage::encode_snapshot;

/// A client that takes in less than this in a second is cut off: the view costs memory while it is there.
const SLOWEST: u64 = 256 * 1024;
/// What every client gets besides.
const GRACE: Duration = Duration::from_secs(60);

/// The response, or what the command comes to instead.
pub(super) async fn send(query: &str, shared: &Arc<Shared>) -> Result<Answer, Outcome> {
    if !shared.config.admin.snapshot_enabled {
        let why = "snapshots are not sent: admin.snapshot.enabled=false";
        return Err(Outcome::Failed(StatusCode::SERVICE_UNAVAILABLE, why.to_owned()));
    }
    if parameter(query, "streaming").is_some_and(|value| !value.eq_ignore_ascii_case("true")) {
        let why = "a snapshot is only sent: streaming=false is not offered";
        return Err(Outcome::Failed(StatusCode::BAD_REQUEST, why.to_owned()));
    }
    let place = begin(shared)?;
    let image = shared.asker.ask(Question::Image).await.map_err(Outcome::from)?;
    let Some((zxid, image)) = image else { return Err(failed(NOT_SERVING)) };
    if !image.is_exact() {
        let why = "the state that another program left is not caught up with yet";
        return Err(Outcome::Failed(StatusCode::SERVICE_UNAVAILABLE, why.to_owned()));
    }
    let (pieces, content) = Content::pieces();
    let (size, measured) = oneshot::channel();
    let run = move || write(place, zxid, &image, size, &pieces);
    let spawned = thread::Builder::new().name("admin-snapshot".into()).spawn(run);
    let measured = match spawned {
        Ok(_) => measured.await.ok(),
        Err(_) => None,
    };
    let Some(size) = measured else {
        let why = "the snapshot could not be begun".to_owned();
        return Err(Outcome::Failed(StatusCode::INTERNAL_SERVER_ERROR, why));
    };
    let mut response = answer(StatusCode::OK, "application/octet-stream", content);
    let text = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("last_zxid"), text(format!("{:#x}", zxid.0)));
    headers.insert(HeaderName::from_static("snapshot_size"), text(size.to_string()));
    headers.insert(CONTENT_LENGTH, text(size.to_string()));
    info!("admin server: sending a snapshot at {zxid}, {size} bytes");
    Ok(response)
}

/// The place for a snapshot, if none is being sent and the last one was long ago.
fn begin(shared: &Shared) -> Result<OwnedSemaphorePermit, Outcome> {
    let too_many = |why: &str| Outcome::Failed(StatusCode::TOO_MANY_REQUESTS, why.to_owned());
    let place = Arc::clone(&shared.snapshots)
        .try_acquire_owned()
        .map_err(|_| too_many("a snapshot is being sent; one is sent at a time"))?;
    let mut last = shared.last_snapshot.lock().unwrap_or_else(PoisonError::into_inner);
    let interval = shared.config.admin.snapshot_interval;
    if last.is_some_and(|last| last.elapsed() < interval) {
        return Err(too_many("the last snapshot was sent less than admin.rateLimiterIntervalInMS ago"));
    }
    *last = Some(Instant::now());
    Ok(place)
}

fn write(
    place: OwnedSemaphorePermit,
    zxid: Zxid,
    image: &TreeImage,
    measured: oneshot::Sender<u64>,
    pieces: &Sender<io::Result<Bytes>>,
) {
    let mut size = 0;
    let counted: Result<(), ()> = encode_snapshot(zxid, image, &mut |piece| {
        size += piece.len() as u64;
        Ok(())
    });
    if counted.is_err() || measured.send(size).is_err() {
        return;
    }
    let (began, limit) = (Instant::now(), GRACE + Duration::from_secs(size / SLOWEST));
    let sent = encode_snapshot(zxid, image, &mut |piece| {
        if began.elapsed() > limit {
            return Err("it was taken in too slowly");
        }
        pieces.blocking_send(Ok(piece.into())).map_err(|_| "the client has gone")
    });
    if let Err(why) = sent {
        warn!("admin server: the snapshot at {zxid} was not sent to its end: {why}");
        let _ = pieces.blocking_send(Err(io::Error::other(why)));
    }
    drop(place);
}
