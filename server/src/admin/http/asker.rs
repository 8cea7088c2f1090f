//! Questions to the loop: one at a time, and figures that many want at once are asked for once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Turn, oneshot};
use tokio::time::timeout;

use super::super::desk::{Bell, Question, Reply};
use super::super::reading::Reading;

/// How long the loop may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Figures that are no older than this are shown to readers that come often.
const FRESH: Duration = Duration::from_millis(100);

/// The way to the loop.
pub(super) struct Asker {
    bell: Bell,
    /// A request that holds this may ask. In it are the figures that came last.
    turn: Turn<Option<(Instant, Arc<Reading>)>>,
    /// Since when the loop has not answered.
    silent_since: Mutex<Option<Instant>>,
}

/// The loop has not answered in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoAnswer;

impl Asker {
    pub(super) fn new(bell: Bell) -> Asker {
        Asker { bell, turn: Turn::new(None), silent_since: Mutex::new(None) }
    }

    /// Ask, when it is this asker's turn.
    pub(super) async fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Result<T, NoAnswer> {
        let _turn = self.turn.lock().await;
        self.put(question).await
    }

    /// The figures of this moment.
    pub(super) async fn reading(&self) -> Result<Arc<Reading>, NoAnswer> {
        let mut last = self.turn.lock().await;
        let reading = Arc::new(self.put(Question::Reading).await?);
        *last = Some((Instant::now(), Arc::clone(&reading)));
        Ok(reading)
    }

    /// The figures of this moment or of one shortly before.
    pub(super) async fn recent_reading(&self) -> Result<Arc<Reading>, NoAnswer> {
        let mut last = self.turn.lock().await;
        if let Some((at, reading)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(reading));
        }
        let reading = Arc::new(self.put(Question::Reading).await?);
        *last = Some((Instant::now(), Arc::clone(&reading)));
        Ok(reading)
    }

    /// For how long the loop has owed an answer.
    pub(super) fn silence(&self) -> Duration {
        self.silent_since().map_or(Duration::ZERO, |since| since.elapsed())
    }

    async fn put<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Result<T, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        self.silent_since().get_or_insert_with(Instant::now);
        self.bell.ask(question(reply));
        let answer = timeout(PATIENCE, answer).await.map_err(|_| NoAnswer)?.map_err(|_| NoAnswer)?;
        *self.silent_since() = None;
        Ok(answer)
    }

    fn silent_since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.silent_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
