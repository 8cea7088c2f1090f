//! The shell's session with an ensemble: operations that fail when no server can be reached, and events.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_client::client::{Answer, Notice};
use quorate_client::session::{ConnectString, End, State, WatchEvent, WatchKinds};
use quorate_client::{Client, Error, ErrorCode, EventType, Request, Response};
use serde_json::json;
use tokio::sync::watch;

use super::args::Settings;
use super::failure::Failure;
use super::paths;
use super::printer::Printer;
use super::show;

/// How long closing may take: the servers expire what is left.
const CLOSING: Duration = Duration::from_secs(2);

/// How long a prompt waits for the first connection.
const SETTLING: Duration = Duration::from_millis(500);

/// A session, whatever has become of it.
pub(super) struct Session {
    client: Client,
    /// How many attempts to connect have failed, and connections have ended.
    ended: watch::Receiver<u64>,
    /// How many servers are named.
    servers: u64,
    watches: Arc<Watches>,
    request_timeout: Option<Duration>,
}

impl Session {
    /// Begin a session; the first connection comes later.
    ///
    /// # Errors
    /// The connect string cannot be read.
    pub(super) fn begin(settings: &Settings, host: &str, events: &Events) -> Result<Self, Failure> {
        let connect: ConnectString =
            host.parse().map_err(|why| Failure::new(format!("-server {host}: {why}")))?;
        let servers = connect.hosts.len() as u64;
        let mut builder = Client::builder(host).session_timeout(settings.timeout).connect_timeout(None);
        if settings.read_only {
            builder = builder.or_read_only();
        }
        if let Some(bytes) = settings.max_buffer {
            builder = builder.max_request(bytes).max_reply(bytes);
        }
        let watches = Arc::new(Watches::default());
        let (sender, ended) = watch::channel(0);
        let (events, book) = (events.clone(), watches.clone());
        let client = builder
            .on_notice(move |notice| match notice {
                Notice::State(state) => events.state(state),
                Notice::Event(event) => {
                    book.fired(&event);
                    events.event(&event);
                }
                Notice::Ended(_) => sender.send_modify(|count| *count += 1),
                _ => {}
            })
            .start()
            .map_err(|why| Failure::new(why.to_string()))?;
        Ok(Session { client, ended, servers, watches, request_timeout: settings.request_timeout })
    }

    /// The client itself, for recipes.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Wait for the first connection.
    ///
    /// # Errors
    /// There is none in this time.
    pub(super) async fn wait(&self, patience: Duration) -> Result<(), Failure> {
        match tokio::time::timeout(patience, self.client.wait_until_connected()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Failure::code(ErrorCode::ConnectionLoss, None)),
        }
    }

    /// Wait a moment for the first connection: then the prompt says what is so.
    pub(super) async fn settle(&self) {
        // Without one, the prompt says that.
        let _ = self.wait(SETTLING).await;
    }

    /// What ZooKeeper's client calls the state.
    pub(super) fn state(&self) -> &'static str {
        match self.client.state() {
            State::Connecting | State::Suspended => "CONNECTING",
            State::Connected | State::Reconnected => "CONNECTED",
            State::ReadOnly => "CONNECTEDREADONLY",
            State::Over(End::AuthFailed) => "AUTH_FAILED",
            State::Over(_) => "CLOSED",
        }
    }

    /// Whether the session is not over.
    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.client.state(), State::Over(_))
    }

    fn is_connected(&self) -> bool {
        matches!(self.client.state(), State::Connected | State::Reconnected | State::ReadOnly)
    }

    pub(super) async fn close(&self) {
        // What cannot be told to a server in time is left to expire.
        let _ = tokio::time::timeout(CLOSING, self.client.close()).await;
    }

    /// An operation on a path, which is checked before.
    ///
    /// # Errors
    /// It was refused, or no server can be reached.
    pub(super) async fn ask(&self, request: Request, path: &str) -> Result<Response, Failure> {
        paths::check(path)?;
        self.outcome(self.client.request(request), Some(path)).await
    }

    /// What comes of an operation. It is given up when every server was tried once in vain.
    ///
    /// # Errors
    /// It was refused, or no server can be reached.
    pub(super) async fn outcome<T>(&self, mut answer: Answer<T>, path: Option<&str>) -> Result<T, Failure> {
        let mut ended = self.ended.clone();
        let before = *ended.borrow_and_update();
        let timeout = async {
            match self.request_timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(timeout);
        let mut given_up = None;
        loop {
            tokio::select! {
                biased;
                outcome = &mut answer => return outcome.map_err(|error| failed(&error, given_up, path)),
                () = &mut timeout, if given_up.is_none() => {
                    given_up = Some(ErrorCode::RequestTimeout);
                    self.client.give_up(&answer);
                }
                changed = ended.changed(), if given_up.is_none() => {
                    let tried = *ended.borrow_and_update() - before;
                    if changed.is_err() || (tried >= self.servers && !self.is_connected()) {
                        given_up = Some(ErrorCode::ConnectionLoss);
                        self.client.give_up(&answer);
                    }
                }
            }
        }
    }

    /// The watches that are set.
    pub(super) fn watches(&self) -> &Watches {
        &self.watches
    }
}

/// An operation that was given up failed for the reason for which it was.
fn failed(error: &Error, given_up: Option<ErrorCode>, path: Option<&str>) -> Failure {
    match given_up {
        Some(code) if error.code().is_none() && error.end().is_none() => Failure::code(code, path),
        _ => Failure::of(error, path),
    }
}

/// Which watches the shell has set, on which paths.
#[derive(Default)]
pub(super) struct Watches(Mutex<HashMap<String, WatchKinds>>);

impl Watches {
    fn change(&self, path: &str, change: impl FnOnce(WatchKinds) -> WatchKinds) -> WatchKinds {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(path).copied().unwrap_or_default();
        let after = change(before);
        if after.is_empty() {
            all.remove(path);
        } else {
            all.insert(path.to_owned(), after);
        }
        before
    }

    pub(super) fn set(&self, path: &str, kinds: WatchKinds) {
        self.change(path, |before| before.with(kinds));
    }

    /// Watches of these kinds are removed; which of them there were.
    pub(super) fn remove(&self, path: &str, kinds: WatchKinds) -> WatchKinds {
        self.change(path, |before| before.without(kinds)).and(kinds)
    }

    fn fired(&self, event: &WatchEvent) {
        self.remove(&event.path, event.kinds.and(WatchKinds::ONCE));
    }
}

/// Prints what happens meanwhile, as long as that is wanted.
#[derive(Clone)]
pub(super) struct Events {
    printer: Printer,
    wanted: Arc<AtomicBool>,
}

impl Events {
    pub(super) fn new(printer: Printer) -> Self {
        Events { printer, wanted: Arc::new(AtomicBool::new(true)) }
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    pub(super) fn want(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    fn state(&self, state: State) {
        let name = match state {
            State::Connecting => return,
            // Programs want the answer; a person wants to know that there is a connection.
            State::Connected | State::ReadOnly if self.printer.is_json() => return,
            State::Connected | State::Reconnected => "SyncConnected",
            State::ReadOnly => "ConnectedReadOnly",
            State::Suspended => "Disconnected",
            State::Over(End::AuthFailed) => "AuthFailed",
            State::Over(End::Expired) => "Expired",
            State::Over(_) => "Closed",
        };
        self.print(name, EventType::None, None, -1);
    }

    fn event(&self, event: &WatchEvent) {
        if !event.kinds.is_empty() || event.recursive {
            self.print("SyncConnected", event.event, Some(&event.path), event.zxid.unwrap_or(-1));
        }
    }

    /// Watches of a path were removed.
    pub(super) fn removed(&self, path: &str, kinds: WatchKinds) {
        let data = WatchKinds::DATA.with(WatchKinds::EXIST);
        let stays = WatchKinds::PERSISTENT.with(WatchKinds::RECURSIVE);
        for (of, event) in [
            (data, EventType::DataWatchRemoved),
            (WatchKinds::CHILD, EventType::ChildWatchRemoved),
            (stays, EventType::PersistentWatchRemoved),
        ] {
            if !kinds.and(of).is_empty() {
                self.print("SyncConnected", event, Some(path), -1);
            }
        }
    }

    fn print(&self, state: &str, event: EventType, path: Option<&str>, zxid: i64) {
        if !self.are_wanted() {
            return;
        }
        self.printer.event(
            || {
                let path = path.map_or("null".into(), show::name);
                format!("\nWATCHER::\n\nWatchedEvent state:{state} type:{event:?} path:{path} zxid: {zxid}\n")
            },
            || json!({ "event": format!("{event:?}"), "state": state, "path": path, "zxid": zxid }),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_that_fired_are_not_there_to_be_removed() {
        let watches = Watches::default();
        watches.set("/a", WatchKinds::DATA);
        watches.set("/a", WatchKinds::RECURSIVE);
        let kinds = WatchKinds::DATA.with(WatchKinds::RECURSIVE);
        let event = EventType::NodeDeleted;
        watches.fired(&WatchEvent { event, path: "/a".to_owned(), zxid: None, kinds, recursive: true });
        assert_eq!(watches.remove("/a", WatchKinds::ALL), WatchKinds::RECURSIVE);
        assert_eq!(watches.remove("/a", WatchKinds::ALL), WatchKinds::NONE);
    }
}
