//! A barrier and a double barrier for programs on tokio: [`Waiter`] and [`Member`] with a task around them.

use bytes::Bytes;

use tokio::sync::{mpsc, oneshot, watch};

use super::barrier::{Barrier as Waiter, Told as Passed};
use super::double_barrier::{Member, Terms, Told};
use super::lock::LockError;
use super::machine::Input;
use super::run::run;
use crate::client::Client;
use crate::error::Result;
use crate::mark::mark;
use crate::session::Refusal;

/// A barrier: a program that comes waits as long as it is closed. The layout is that of kazoo's `Barrier` and
/// of Curator's `DistributedBarrier`.
///
/// ```no_run
/// # async fn example(client: quorate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use quorate_client::recipes::Barrier;
///
/// let barrier = Barrier::new(&client, "/barriers/migration");
/// barrier.close().await?;
/// // Elsewhere:
/// barrier.wait().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Barrier {
    client: Client,
    path: String,
}

impl Barrier {
    /// The barrier that is closed while this znode is there.
    pub fn new(client: &Client, path: impl Into<String>) -> Self {
        Barrier { client: client.clone(), path: path.into() }
    }

    /// Close the barrier; whether it was open.
    ///
    /// # Errors
    /// A server refuses to create the znode, or the outcome is unknown.
    pub async fn close(&self) -> Result<bool> {
        match self.client.create(&*self.path).data(Bytes::new()).parents().await {
            Ok(_) => Ok(true),
            Err(error) if error.is_node_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Open the barrier; whether it was closed.
    ///
    /// # Errors
    /// A server refuses to delete the znode, or the outcome is unknown.
    pub async fn open(&self) -> Result<bool> {
        match self.client.delete(&*self.path).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_no_node() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Wait until the barrier is open. It may be closed again by the time the caller goes on.
    ///
    /// # Errors
    /// A server refuses to say, or the session ends.
    pub async fn wait(&self) -> std::result::Result<(), LockError> {
        let (_stop, stopped) = mpsc::channel(1);
        let (told, passed) = oneshot::channel();
        let mut told = Some(told);
        let tell = move |what| {
            if let Some(told) = told.take() {
                // Whoever does not wait any longer does not need to know.
                let _ = told.send(what);
            }
            true
        };
        drop(tokio::spawn(run(self.client.clone(), Waiter::new(self.path.clone()), stopped, tell)));
        match passed.await {
            Ok(Passed::Open) => Ok(()),
            Ok(Passed::Failed(refusal)) => Err(LockError::Refused(refusal)),
            Ok(Passed::Stopped) | Err(_) => Err(LockError::GivenUp),
        }
    }
}

/// Where a member stands.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Standing {
    Waiting,
    In,
    Over(Option<Refusal>),
}

/// A double barrier: a number of members begin together, and end together. The layout is that of kazoo's and
/// of Curator's, whose members count too.
///
/// ```no_run
/// # async fn example(client: quorate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use quorate_client::recipes::DoubleBarrier;
///
/// let inside = DoubleBarrier::new(&client, "/barriers/round-7", 3).enter().await?;
/// compute().await;
/// inside.leave().await?;
/// # Ok(())
/// # }
/// # async fn compute() {}
/// ```
#[derive(Clone, Debug)]
pub struct DoubleBarrier {
    client: Client,
    directory: String,
    members: usize,
}

impl DoubleBarrier {
    /// The double barrier of this number of members in this directory, which is created if need be. A
    /// directory serves one beginning and one end at a time.
    pub fn new(client: &Client, directory: impl Into<String>, members: usize) -> Self {
        DoubleBarrier { client: client.clone(), directory: directory.into(), members }
    }

    /// Wait until all members are there. Dropping the future takes this one back.
    ///
    /// # Errors
    /// A server refuses what the barrier needs, or the session ends.
    pub async fn enter(&self) -> std::result::Result<Inside, LockError> {
        let (stop, stopped) = mpsc::channel(1);
        let (sender, mut standing) = watch::channel(Standing::Waiting);
        let terms = Terms { directory: self.directory.clone(), members: self.members, mark: mark() };
        let tell = move |told: Told| {
            let now = match told {
                Told::Entered => Standing::In,
                Told::Left => Standing::Over(None),
                Told::Failed(refusal) => Standing::Over(Some(refusal)),
            };
            let over = now != Standing::In;
            drop(sender.send_replace(now));
            over
        };
        drop(tokio::spawn(run(self.client.clone(), Member::new(terms), stopped, tell)));
        let seen = standing.wait_for(|now| *now != Standing::Waiting).await.map(|now| now.clone());
        match seen {
            Ok(Standing::In) => Ok(Inside { standing, stop }),
            Ok(Standing::Over(Some(refusal))) => Err(LockError::Refused(refusal)),
            _ => Err(LockError::GivenUp),
        }
    }
}

/// A member that has begun with all others.
#[derive(Debug)]
#[must_use = "a member that is dropped leaves"]
pub struct Inside {
    standing: watch::Receiver<Standing>,
    /// Closed to leave.
    stop: mpsc::Sender<Input>,
}

impl Inside {
    /// Leave, and wait until all members have.
    ///
    /// # Errors
    /// A server refuses what the barrier needs, or the session ends.
    pub async fn leave(self) -> std::result::Result<(), LockError> {
        let Inside { mut standing, stop } = self;
        drop(stop);
        let seen = standing.wait_for(|now| matches!(now, Standing::Over(_))).await.map(|now| now.clone());
        match seen {
            Ok(Standing::Over(Some(refusal))) => Err(LockError::Refused(refusal)),
            Ok(_) => Ok(()),
            Err(_) => Err(LockError::GivenUp),
        }
    }
}
