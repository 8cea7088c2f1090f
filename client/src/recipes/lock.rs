//! A lock and a latch for programs on tokio: [`Contender`] with a task around it.

use std::fmt;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::contender::{Contender, Terms, Token, Told};
use super::machine::Input;
use super::run::run;
use crate::client::Client;
use crate::mark::mark;
use crate::session::{Refusal, State};

/// Why a lock was not acquired.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LockError {
    /// A server refused what the lock needs, or the session is over.
    Refused(Refusal),
    /// The lock was given up, or lost before it could be told.
    GivenUp,
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockError::Refused(refusal) => write!(f, "the lock was not acquired: {refusal}"),
            LockError::GivenUp => f.write_str("the lock was given up"),
        }
    }
}

impl std::error::Error for LockError {}

/// Where a contender stands.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Standing {
    Waiting,
    Held(Token),
    Lost,
    Over(Option<Refusal>),
}

/// A lock that one contender at a time holds, in the order in which they came. The layout is that of
/// Curator's `InterProcessMutex`; contenders of kazoo's `Lock` count too.
///
/// ```no_run
/// # async fn example(client: quorate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use quorate_client::recipes::Lock;
///
/// let held = Lock::new(&client, "/locks/orders").acquire().await?;
/// tokio::select! {
///     // Whatever is written carries the token: the store refuses smaller ones.
///     written = write_orders(held.token()) => written?,
///     () = held.lost() => println!("lost: another one may hold it now"),
/// }
/// held.release().await;
/// # Ok(())
/// # }
/// # async fn write_orders(_: quorate_client::recipes::contender::Token) -> std::io::Result<()> { Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Lock {
    client: Client,
    directory: String,
    data: Bytes,
    kind: fn(String, String, Bytes) -> Terms,
}

impl Lock {
    /// The lock whose contenders are in this directory, which is created if need be.
    pub fn new(client: &Client, directory: impl Into<String>) -> Self {
        Lock { client: client.clone(), directory: directory.into(), data: Bytes::new(), kind: Terms::lock }
    }

    /// The lock of this directory as readers hold it, together: none of them waits for another. Those of
    /// Curator's `InterProcessReadWriteLock` and of kazoo's `ReadLock` and `WriteLock` count too.
    pub fn shared(client: &Client, directory: impl Into<String>) -> Self {
        Lock { kind: Terms::shared, ..Lock::new(client, directory) }
    }

    /// The lock of this directory as a writer holds it: alone, while no reader of [`Lock::shared`] does.
    pub fn exclusive(client: &Client, directory: impl Into<String>) -> Self {
        Lock { kind: Terms::exclusive, ..Lock::new(client, directory) }
    }

    /// What the contender's znode says of it, for people to read.
    #[must_use]
    pub fn data(self, data: impl Into<Bytes>) -> Self {
        Lock { data: data.into(), ..self }
    }

    /// Wait for the lock. Dropping the future gives it up and leaves nothing behind.
    ///
    /// # Errors
    /// A server refuses what the lock needs, or the session ends.
    pub async fn acquire(&self) -> Result<Held, LockError> {
        let (stop, stopped) = mpsc::channel(1);
        let (sender, mut standing) = watch::channel(Standing::Waiting);
        let machine = Contender::new((self.kind)(self.directory.clone(), mark(), self.data.clone()));
        let tell = move |told: Told| {
            let now = match told {
                Told::Held(token) => Standing::Held(token),
                Told::Lost => Standing::Lost,
                Told::Stopped => Standing::Over(None),
                Told::Failed(refusal) => Standing::Over(Some(refusal)),
            };
            let over = matches!(now, Standing::Over(_));
            drop(sender.send_replace(now));
            over
        };
        drop(tokio::spawn(run(self.client.clone(), machine, stopped, tell)));
        let found =
            standing.wait_for(|standing| *standing != Standing::Waiting).await.map(|found| found.clone());
        match found {
            Ok(Standing::Held(token)) => Ok(Held { token, standing, stop }),
            Ok(Standing::Over(Some(refusal))) => Err(LockError::Refused(refusal)),
            _ => Err(LockError::GivenUp),
        }
    }
}

/// A lock that is held, until it is released, dropped or lost.
#[derive(Debug)]
#[must_use = "a lock that is dropped is released"]
pub struct Held {
    token: Token,
    standing: watch::Receiver<Standing>,
    /// Closed to stop.
    stop: mpsc::Sender<Input>,
}

impl Held {
    /// The token of this holder: greater than those of all earlier ones. What is protected should refuse
    /// smaller ones than the greatest it has seen.
    pub fn token(&self) -> Token {
        self.token
    }

    /// Whether the lock is held as far as is known. Only the token closes the gap of a pause.
    pub fn is_held(&self) -> bool {
        *self.standing.borrow() == Standing::Held(self.token)
    }

    /// Wait until the lock is lost: the connection was lost, or the contender's znode was deleted.
    pub async fn lost(&self) {
        let mut standing = self.standing.clone();
        // A task that has ended holds nothing.
        let _ = standing.wait_for(|standing| *standing != Standing::Held(self.token)).await;
    }

    /// Release the lock, and wait until its znode is gone or its session over.
    pub async fn release(self) {
        let Held { mut standing, stop, .. } = self;
        drop(stop);
        let _ = standing.wait_for(|standing| matches!(standing, Standing::Over(_))).await;
    }
}

/// One leader among candidates. A candidate that loses its leadership becomes a candidate again, until it is
/// dropped. The layout is that of Curator's `LeaderLatch`.
///
/// ```no_run
/// # async fn example(client: quorate_client::Client) {
/// use quorate_client::recipes::Latch;
///
/// let mut latch = Latch::new(&client, "/leader", "server 7");
/// while let Some(token) = latch.lead().await {
///     println!("leading, as {token:?}");
///     latch.lost().await;
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Latch {
    standing: watch::Receiver<Standing>,
    /// Closed to stop.
    stop: mpsc::Sender<Input>,
}

impl Latch {
    /// Become a candidate in this directory, which is created if need be.
    pub fn new(client: &Client, directory: impl Into<String>, data: impl Into<Bytes>) -> Self {
        let (stop, stopped) = mpsc::channel(1);
        let (sender, standing) = watch::channel(Standing::Waiting);
        let terms = Terms::latch(directory.into(), String::new(), data.into());
        drop(tokio::spawn(candidate(client.clone(), terms, stopped, sender)));
        Latch { standing, stop }
    }

    /// The token, if this candidate leads.
    pub fn leading(&self) -> Option<Token> {
        if let Standing::Held(token) = *self.standing.borrow() { Some(token) } else { None }
    }

    /// Wait until this candidate leads; `None` if a server refuses that, or the session is over.
    pub async fn lead(&mut self) -> Option<Token> {
        let leads = |standing: &Standing| matches!(standing, Standing::Held(_) | Standing::Over(_));
        match *self.standing.wait_for(leads).await.ok()? {
            Standing::Held(token) => Some(token),
            _ => None,
        }
    }

    /// Wait until this candidate does not lead any more.
    pub async fn lost(&mut self) {
        // A task that has ended leads nothing.
        let _ = self.standing.wait_for(|standing| !matches!(standing, Standing::Held(_))).await;
    }

    /// Be no candidate any more, and wait until the znode is gone or the session over.
    pub async fn close(self) {
        let Latch { mut standing, stop } = self;
        drop(stop);
        let _ = standing.wait_for(|standing| matches!(standing, Standing::Over(_))).await;
    }
}

/// Contend again and again, each time with a znode of its own.
async fn candidate(
    client: Client,
    terms: Terms,
    mut stop: mpsc::Receiver<Input>,
    standing: watch::Sender<Standing>,
) {
    let refusal = loop {
        let (stopped, refusal) = contend_once(&client, &terms, &mut stop, &standing).await;
        if stopped || !may_contend_again(&client, refusal.as_ref()).await {
            break refusal;
        }
    };
    drop(standing.send_replace(Standing::Over(refusal)));
}

/// Contend until it is over: whether that was wanted, and what was refused.
async fn contend_once(
    client: &Client,
    terms: &Terms,
    stop: &mut mpsc::Receiver<Input>,
    standing: &watch::Sender<Standing>,
) -> (bool, Option<Refusal>) {
    let (pass, passed) = mpsc::channel(1);
    let (mut pass, mut refusal) = (Some(pass), None);
    let tell = |told: Told| {
        let (now, over) = match told {
            Told::Held(token) => (Standing::Held(token), false),
            Told::Lost => (Standing::Lost, false),
            Told::Stopped => (Standing::Waiting, true),
            Told::Failed(why) => {
                refusal = Some(why);
                (Standing::Waiting, true)
            }
        };
        drop(standing.send_replace(now));
        over
    };
    let machine = Contender::new(Terms { mark: mark(), ..terms.clone() });
    {
        let mut contending = std::pin::pin!(run(client.clone(), machine, passed, tell));
        loop {
            tokio::select! {
                () = &mut contending => break,
                _ = stop.recv(), if pass.is_some() => pass = None,
            }
        }
    }
    (pass.is_none(), refusal)
}

/// Whether there is a session, now or after a renewal, in which to go on.
async fn may_contend_again(client: &Client, refusal: Option<&Refusal>) -> bool {
    match refusal {
        // The znode was deleted by another program.
        None | Some(Refusal::Server(_)) => !matches!(client.state(), State::Over(_)),
        Some(Refusal::Over(_)) => client.wait_until_renewed().await,
        Some(_) => false,
    }
}
