//! A queue for programs on tokio: [`Taker`] with a task around it.

use bytes::Bytes;
use quorate_core::ids::Zxid;

use tokio::sync::mpsc;

use super::lock::LockError;
use super::machine::Input;
use super::run::run;
use super::taker::{Taker, Terms, Told};
use crate::client::Client;
use crate::error::Result;
use crate::mark::mark;

/// A first-in-first-out queue whose items are claimed and then finished. A consumer that dies loses its
/// claim, and another one takes the item. The layout is that of kazoo's `LockingQueue`.
///
/// | what happens | what holds |
/// |---|---|
/// | a consumer dies with an item | another one is given it, once the session is over |
/// | a consumer stands still until its session ends | both have the item; the first one cannot finish it |
/// | the reply to a claim, or to finishing, is lost | the server is asked what was done |
/// | the reply to [`Queue::put`] is lost | that is an unknown outcome; the caller decides |
///
/// ```no_run
/// # async fn example(client: quorate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use quorate_client::recipes::Queue;
///
/// let queue = Queue::new(&client, "/queue");
/// queue.put("resize image 7").await?;
/// let mut consumer = queue.consumer();
/// while let Some(item) = consumer.next().await? {
///     println!("{:?}", item.data);
///     consumer.finish().await;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    directory: String,
}

/// An item that a consumer has claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The item's name: names are in the order of the queue.
    pub name: String,
    /// What is to be done.
    pub data: Bytes,
    /// Grows with every claim of this item. What is worked on should refuse smaller ones.
    pub token: Zxid,
}

/// What stands in front of the number of an item: kazoo's middle priority.
const PRIORITY: u8 = 100;

impl Queue {
    /// The queue in this directory, which is created if need be.
    pub fn new(client: &Client, directory: impl Into<String>) -> Self {
        Queue { client: client.clone(), directory: directory.into() }
    }

    /// Put an item at the end of the queue.
    ///
    /// # Errors
    /// A server refuses the item, or the outcome is unknown.
    pub async fn put(&self, data: impl Into<Bytes>) -> Result<String> {
        self.put_with_priority(data, PRIORITY).await
    }

    /// Put an item behind those of the same and of smaller numbers.
    ///
    /// # Errors
    /// A server refuses the item, or the outcome is unknown.
    pub async fn put_with_priority(&self, data: impl Into<Bytes>, priority: u8) -> Result<String> {
        let path = format!("{}/entries/entry-{priority:03}-", self.directory.trim_end_matches('/'));
        let create = self.client.create(path).sequential();
        let created = create.data(data).parents().await?;
        Ok(created.path.rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// A consumer, which claims an item as soon as there is one.
    pub fn consumer(&self) -> Consumer {
        let (user, inputs) = mpsc::channel(1);
        let (sender, told) = mpsc::unbounded_channel();
        let tell = move |what: Told| {
            let over = matches!(what, Told::Stopped | Told::Failed(_));
            sender.send(what).is_err() || over
        };
        let terms = Terms { directory: self.directory.clone(), mark: mark() };
        drop(tokio::spawn(run(self.client.clone(), Taker::new(terms), inputs, tell)));
        Consumer { user: Some(user), told }
    }
}

/// One that takes items, one at a time. Dropping it gives back what it has.
#[derive(Debug)]
pub struct Consumer {
    /// Closed to stop.
    user: Option<mpsc::Sender<Input>>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Consumer {
    /// The next item; `None` once the consumer is closed. The one before has to be finished.
    ///
    /// # Errors
    /// A server refuses what the queue needs, or the session ends.
    pub async fn next(&mut self) -> std::result::Result<Option<Item>, LockError> {
        loop {
            match self.told.recv().await {
                Some(Told::Item { name, data, token }) => return Ok(Some(Item { name, data, token })),
                // Of an item before.
                Some(Told::Finished(_) | Told::Lost(_)) => {}
                Some(Told::Failed(refusal)) => return Err(LockError::Refused(refusal)),
                Some(Told::Stopped) | None => return Ok(None),
            }
        }
    }

    /// The item is done: take it out of the queue. Whether it was still claimed; if not, another consumer may
    /// do it again.
    pub async fn finish(&mut self) -> bool {
        if let Some(user) = &self.user {
            // A task that has ended has no item.
            let _ = user.send(Input::Finished).await;
        }
        matches!(self.told.recv().await, Some(Told::Finished(_)))
    }

    /// Take no more items, give back what was taken, and wait until its claim is gone or the session over.
    pub async fn close(mut self) {
        self.user = None;
        while self.told.recv().await.is_some_and(|told| !matches!(told, Told::Stopped | Told::Failed(_))) {}
    }
}
