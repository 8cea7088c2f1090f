//! The thread of the admin server: its listeners and its connections.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::{debug, error, info};

use super::super::desk::Bell;
use super::super::reload::Reload;
use super::asker::Asker;
use super::connection::Watched;
use super::route::{self, Offer};
use super::shared::Shared;
use crate::config::{HostPort, ServerConfig};
use crate::error::{Error, system};
use crate::net::descriptors::for_http;
use crate::net::listen;

/// One address may have all connections but this part: one in this many.
const FOR_OTHERS: usize = 8;
/// A connection is closed after this long, whatever moves on it.
const LIFETIME: Duration = Duration::from_secs(3600);
/// How long the head of a request may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The most headers of a request.
const MAX_HEADERS: usize = 64;
/// The backlog of the listeners.
const BACKLOG: i32 = 128;
/// The pause after connections could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Listen where the configuration says, on a thread of its own. Questions go to the loop by `bell`. `initial`
/// is the text of the configuration file, and `reload` reads it again.
///
/// A port that is taken is an error in the log: clients are served all the same, as ZooKeeper does it.
///
/// # Errors
/// The thread cannot be started.
pub(crate) fn start(config: &ServerConfig, initial: String, bell: Bell, reload: Reload) -> Result<(), Error> {
    let places = [(&config.admin.server, Offer::Admin), (&config.admin.metrics, Offer::Metrics)];
    let mut listeners = Vec::new();
    for (place, offer) in places {
        let Some(place) = place else { continue };
        let what = if offer == Offer::Admin { "admin server" } else { "metrics port" };
        match open(what, place) {
            Ok(opened) => listeners.extend(opened.into_iter().map(|listener| (listener, offer))),
            Err(why) => error!("{why}; clients are served without it"),
        }
    }
    if listeners.is_empty() {
        return Ok(());
    }
    let failed = system("starting the admin server's thread");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(4)
        .build()
        .map_err(&failed)?;
    let shared = Arc::new(Shared::new(config.clone(), initial, Asker::new(bell), reload));
    let run = move || runtime.block_on(serve(listeners, shared));
    thread::Builder::new().name("admin".into()).spawn(run).map_err(&failed)?;
    Ok(())
}

fn open(what: &'static str, place: &HostPort) -> Result<Vec<std::net::TcpListener>, Error> {
    let any = matches!(place.host.as_str(), "" | "0.0.0.0" | "::");
    let listeners = listen(what, (!any).then_some(place.host.as_str()), place.port, BACKLOG)?;
    for listener in &listeners {
        if let Ok(address) = listener.local_addr() {
            info!("{what}: listening on {address}");
        }
    }
    Ok(listeners.into_iter().map(std::net::TcpListener::from).collect())
}

async fn serve(listeners: Vec<(std::net::TcpListener, Offer)>, shared: Arc<Shared>) {
    let connections = for_http();
    let places = Arc::new(Places {
        all: Arc::new(Semaphore::new(connections)),
        per_address: connections - connections / FOR_OTHERS,
        by_address: Mutex::default(),
    });
    let mut running = Vec::new();
    for (listener, offer) in listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                running.push(tokio::spawn(accept(listener, offer, Arc::clone(&shared), Arc::clone(&places))));
            }
            Err(why) => error!("admin server: {why}"),
        }
    }
    for listener in running {
        let _ = listener.await;
    }
}

/// How many connections there are.
struct Places {
    all: Arc<Semaphore>,
    per_address: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A place that one connection takes.
struct Place {
    places: Arc<Places>,
    address: IpAddr,
    _one_of_all: tokio::sync::OwnedSemaphorePermit,
}

impl Places {
    /// A place for a connection from this address, if there is one.
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let one_of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(self), address, _one_of_all: one_of_all })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.places.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

async fn accept(listener: TcpListener, offer: Offer, shared: Arc<Shared>, places: Arc<Places>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(why) => {
                debug!("admin server: accepting: {why}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match places.take(peer.ip().to_canonical()) {
            Some(place) => drop(tokio::spawn(talk(stream, peer, offer, Arc::clone(&shared), place))),
            None => debug!("admin server: too many connections, {peer} is closed"),
        }
    }
}

async fn talk(stream: TcpStream, peer: SocketAddr, offer: Offer, shared: Arc<Shared>, place: Place) {
    let _ = stream.set_nodelay(true);
    let idle = shared.config.admin.idle_timeout;
    let (stream, moved) = Watched::new(stream);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(route::answer(shared, offer, peer.ip(), request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let (mut connection, mut stalled) = (pin!(connection), pin!(moved.stands_still_for(idle)));
    let ended = poll_fn(|cx| match connection.as_mut().poll(cx) {
        Poll::Ready(Ok(())) => Poll::Ready("closed".to_owned()),
        Poll::Ready(Err(why)) => Poll::Ready(why.to_string()),
        Poll::Pending => stalled.as_mut().poll(cx).map(|()| "nothing moved".to_owned()),
    });
    let why =
        tokio::time::timeout(LIFETIME, ended).await.unwrap_or_else(|_| "it was open for long".to_owned());
    debug!("admin server: {peer}: {why}");
    drop(place);
}
