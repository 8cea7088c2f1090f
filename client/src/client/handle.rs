//! How a program connects, and its handle on the session.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::ids::SessionId;
use quorate_core::tree::path::validate;
use quorate_core::wire::client::{AuthPacket, OpCode, Request, Response};
use tokio::sync::{mpsc, oneshot, watch as latest};

use super::answer;
use crate::client::answer::Answer;
use crate::client::driver::{Command, Driver, Plan, Seen, next_id};
use crate::client::listener::{Listener, Notice};
use crate::client::states::States;
use crate::client::watch::{Ears, Wish};
use crate::error::{ConnectError, ErrorKind, done};
use crate::session::{ConnectString, ConnectStringError, End, Outcome, Settings, State, WatchKinds, chroot};

/// How to connect: made by [`Client::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is connected before `connect`"]
pub struct Builder {
    pub(super) connect: Result<Settings, ConnectError>,
    pub(super) identities: Vec<AuthPacket>,
    pub(super) renew: bool,
    pub(super) listener: Option<Listener>,
}

impl Builder {
    pub(super) fn new(connect: &str) -> Self {
        let connect = connect.parse::<ConnectString>().map(Settings::new).map_err(ConnectError::from);
        Builder { connect, identities: Vec::new(), renew: false, listener: None }
    }

    pub(super) fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        if let Ok(settings) = &mut self.connect {
            set(settings);
        }
        self
    }

    /// The session timeout to ask for (ten seconds). Servers limit it; [`Client::session_timeout`] says what
    /// they gave.
    pub fn session_timeout(self, timeout: Duration) -> Self {
        let ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        self.set(|settings| settings.timeout_ms = ms)
    }

    /// How long the first connection may take (thirty seconds), counted from the first attempt over all
    /// servers. `None`: no limit.
    pub fn connect_timeout(self, timeout: Option<Duration>) -> Self {
        let ms = timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self.set(|settings| settings.connect_timeout_ms = ms)
    }

    /// Put up with a read-only server until one is found that takes writes.
    pub fn or_read_only(self) -> Self {
        self.set(|settings| settings.read_only = true)
    }

    /// The longest request to send, in bytes: `jute.maxbuffer` of the servers (1,048,575).
    pub fn max_request(self, bytes: usize) -> Self {
        self.set(|settings| settings.max_request = bytes)
    }

    /// The longest reply to take, in bytes (32 MiB).
    pub fn max_reply(self, bytes: usize) -> Self {
        self.set(|settings| settings.max_reply = bytes)
    }

    /// Prove an identity on every connection, for example `("digest", "user:password")`.
    pub fn auth(mut self, scheme: &str, proof: impl AsRef<[u8]>) -> Self {
        let auth = Some(Bytes::copy_from_slice(proof.as_ref()));
        self.identities.push(AuthPacket { auth_type: 0, scheme: scheme.to_owned(), auth });
        self
    }

    /// Begin a new session when one expires. Its ephemeral znodes and watches do not come back:
    /// [`Client::states`] tells of the end ([`State::Over`]) and of the beginning ([`State::Connected`]).
    pub fn renew_sessions(mut self) -> Self {
        self.renew = true;
        self
    }

    /// Be told everything that the session is told besides answers, in its order: an event comes before the
    /// answers behind it. The client's task makes the call, and waits until it returns.
    pub fn on_notice(mut self, listener: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener::new(listener));
        self
    }

    /// Begin without waiting for a connection: operations wait for it.
    ///
    /// # Errors
    /// The connect string cannot be read, or there is no tokio runtime.
    pub fn start(self) -> Result<Client, ConnectError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let ids = Arc::new(AtomicU64::new(0));
        let plan = Plan {
            settings: self.connect?,
            identities: self.identities,
            renew: self.renew,
            listener: self.listener,
            ids: ids.clone(),
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        let (seen, watched) = latest::channel(Seen::nothing());
        let driver = Driver::new(plan, receiver, Arc::new(seen));
        drop(runtime.spawn(driver.run()));
        Ok(Client { commands: sender, seen: watched, renews: self.renew, ids, root: None })
    }

    /// Begin, and wait for the first connection.
    ///
    /// # Errors
    /// As [`Builder::start`]; and no server gave a session in time.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let client = self.start()?;
        client.wait_until_connected().await?;
        Ok(client)
    }
}

/// A session with an ensemble. Clones are cheap and share the session; it is closed when the last one goes.
///
/// An operation is sent as soon as its future is made, and operations are answered in order:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # use quorate_client::Client;
/// use std::future::IntoFuture;
///
/// let client = Client::connect("127.0.0.1:2181/app").await?;
/// let (a, b) = (client.get("/a").into_future(), client.get("/b").into_future());
/// let (a, b) = (a.await?, b.await?);
/// assert!(a.stat.czxid != b.stat.czxid);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) commands: mpsc::UnboundedSender<Command>,
    pub(super) seen: latest::Receiver<Seen>,
    /// Whether an expired session is followed by another.
    pub(super) renews: bool,
    pub(super) ids: Arc<AtomicU64>,
    /// What all paths begin with, besides the session's root.
    pub(super) root: Option<Arc<str>>,
}

impl Client {
    /// Connect to an ensemble: `host:port,host:port/chroot`. Everything else is as usual.
    ///
    /// # Errors
    /// As [`Builder::connect`].
    pub async fn connect(servers: &str) -> Result<Client, ConnectError> {
        Client::builder(servers).connect().await
    }

    /// Say how to connect.
    pub fn builder(servers: &str) -> Builder {
        Builder::new(servers)
    }

    /// What the session is now.
    pub fn state(&self) -> State {
        self.seen.borrow().state
    }

    /// Every state from now on.
    pub fn states(&self) -> States {
        let (sender, receiver) = mpsc::unbounded_channel();
        // A task that has ended tells nothing: the stream ends.
        let _ = self.commands.send(Command::States(sender));
        States::new(receiver)
    }

    /// Wait until there is a connection.
    ///
    /// # Errors
    /// The session is over.
    pub async fn wait_until_connected(&self) -> Result<(), ConnectError> {
        let mut seen = self.seen.clone();
        let waited = seen.wait_for(|seen| !matches!(seen.state, State::Connecting | State::Suspended)).await;
        let seen = waited.map_err(|_| ConnectError::NoRuntime)?;
        match seen.state {
            State::Over(end) => Err(ConnectError::Over(end, seen.last_ended.clone())),
            _ => Ok(()),
        }
    }

    /// The session's id; 0 before the first connection.
    pub fn session_id(&self) -> SessionId {
        self.seen.borrow().id
    }

    /// The session's password: with id and password another program can take the session over.
    pub fn session_password(&self) -> [u8; 16] {
        self.seen.borrow().password
    }

    /// The session timeout that the servers gave; zero before the first connection.
    pub fn session_timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.seen.borrow().timeout_ms).unwrap_or(0))
    }

    /// Close the session: its ephemeral znodes go at once. What was asked before is done before.
    pub async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.commands.send(Command::Close(sender)).is_ok() {
            // A task that has ended has no session.
            let _ = receiver.await;
        }
    }

    /// Any operation of the client protocol, as it is written. The other methods are made of this.
    pub fn request(&self, request: Request) -> Answer<Response> {
        let path = path_of(&request);
        self.submit(request, path, done)
    }

    /// A handle to the same session, for a part of a program that takes a znode for its root. The znode is
    /// not created by this.
    ///
    /// ```no_run
    /// # async fn example(client: quorate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let orders = client.namespace("/services/orders")?;
    /// orders.create("/leader").parents().await?;          // creates /services/orders/leader
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No znode can have this path.
    pub fn namespace(&self, path: &str) -> Result<Client, ConnectStringError> {
        validate(path).map_err(|why| ConnectStringError::Chroot(path.to_owned(), why))?;
        let root = chroot::outside(self.root.as_deref().unwrap_or_default(), path);
        let root = (root != "/").then(|| Arc::from(&*root));
        Ok(Client { root, ..self.clone() })
    }

    /// A path as the session knows it.
    pub(super) fn outside(&self, path: String) -> String {
        match &self.root {
            Some(root) => chroot::outside(root, &path).into_owned(),
            None => path,
        }
    }

    /// Wait for an operation no longer. An operation that was not sent is not sent any more. Of another one
    /// the outcome is unknown. The answer says which it is, or that it was done before.
    pub fn give_up<T>(&self, answer: &Answer<T>) {
        // A task that has ended sends nothing.
        let _ = self.commands.send(Command::GiveUp(answer.id()));
    }

    /// An operation for a machine: its outcome as it is, and the watch that it sets.
    pub(crate) fn ask(&self, request: Request) -> (Answer<Outcome>, Option<Ears>) {
        let path = path_of(&request);
        let once = |path: &str, kind, absent| {
            let (wish, watch) = Wish::once(path, kind, absent);
            (wish, Ears::Once(watch))
        };
        let (wish, ears) = match &request {
            Request::GetData(r) if r.watch => once(&r.path, WatchKinds::DATA, WatchKinds::NONE),
            Request::Exists(r) if r.watch => once(&r.path, WatchKinds::DATA, WatchKinds::EXIST),
            Request::GetChildren(r) if r.watch => once(&r.path, WatchKinds::CHILD, WatchKinds::NONE),
            Request::AddWatch(r) => {
                let (wish, changes) = Wish::many(&r.path, WatchKinds::RECURSIVE);
                (wish, Ears::Many(changes))
            }
            _ => return (self.send(request, path, Ok, false, None), None),
        };
        (self.send(request, path, Ok, false, Some(wish)), Some(ears))
    }

    /// Wait until an expired session was followed by another; whether it was.
    pub(crate) async fn wait_until_renewed(&self) -> bool {
        if !self.renews {
            return false;
        }
        let mut seen = self.seen.clone();
        // A task that has ended renews nothing.
        seen.wait_for(|seen| !matches!(seen.state, State::Over(End::Expired)))
            .await
            .is_ok_and(|seen| !matches!(seen.state, State::Over(_)))
    }

    pub(super) fn submit<T>(
        &self,
        request: Request,
        path: Option<String>,
        read: answer::Read<T>,
    ) -> Answer<T> {
        self.send(request, path, read, false, None)
    }

    /// An operation whose paths are those of the servers.
    pub(super) fn submit_absolute<T>(
        &self,
        request: Request,
        path: Option<String>,
        read: answer::Read<T>,
    ) -> Answer<T> {
        self.send(request, path, read, true, None)
    }

    pub(super) fn send<T>(
        &self,
        request: Request,
        path: Option<String>,
        read: answer::Read<T>,
        absolute: bool,
        wish: Option<Wish>,
    ) -> Answer<T> {
        let (op, id) = (request.op(), next_id(&self.ids));
        let (sender, receiver) = oneshot::channel();
        // A path that no znode can have stays as it is: the session says what is wrong with it.
        let root = self.root.clone().filter(|_| !absolute && chroot::validate(&request).is_ok());
        let (mut request, mut wish) = (request, wish);
        if let Some(root) = &root {
            chroot::enter(root, &mut request);
            wish = wish.map(|wish| wish.below(root));
        }
        match self.commands.send(Command::Submit { id, request, absolute, answer: sender, wish }) {
            Ok(()) => Answer::new(receiver, id, op, path, read).below(root),
            Err(_) => Answer::failed(ErrorKind::Stopped, op, path, read),
        }
    }

    pub(super) fn fail<T>(op: OpCode, path: String, kind: ErrorKind, read: answer::Read<T>) -> Answer<T> {
        Answer::failed(kind, op, Some(path), read)
    }
}

pub(super) fn path_of(request: &Request) -> Option<String> {
    Some(match request {
        Request::Create(r) | Request::Create2(r) | Request::CreateContainer(r) => r.path.clone(),
        Request::CreateTtl(r) => r.path.clone(),
        Request::Delete(r) => r.path.clone(),
        Request::Exists(r) | Request::GetData(r) | Request::GetChildren(r) | Request::GetChildren2(r) => {
            r.path.clone()
        }
        Request::SetData(r) => r.path.clone(),
        Request::GetAcl(r) | Request::GetAllChildrenNumber(r) => r.path.clone(),
        Request::SetAcl(r) => r.path.clone(),
        Request::CheckWatches(r) | Request::RemoveWatches(r) => r.path.clone(),
        Request::AddWatch(r) => r.path.clone(),
        Request::Sync(path) | Request::GetEphemerals(path) => path.clone()?,
        _ => return None,
    })
}
