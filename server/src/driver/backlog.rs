//! What the log writer was given and has not made durable yet: how much, and since when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use quorate_core::ids::Ticket;

use crate::net::Pressure;

/// Bytes waiting for the log above which a client is only read while nothing of it is in process.
const BUSY: usize = 64 << 20;
/// Bytes above which neither clients nor servers are read, except for those that begin to speak.
const OVERLOADED: usize = 256 << 20;
/// After this long without any progress the disk is said not to answer; then after twice as long,
/// and so on.
const SILENCE: Duration = Duration::from_secs(10);

/// The batches given to the log writer, oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    batches: VecDeque<Batch>,
    bytes: usize,
    /// When the disk last answered, or was given something to do.
    progress: Option<Instant>,
    /// How long it has been silent when that is next worth a line.
    next_word: Option<Duration>,
}

/// What was given to the log writer in one turn.
#[derive(Clone, Copy, Debug)]
struct Batch {
    last: Ticket,
    bytes: usize,
}

/// The disk does not answer, or answers again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// For so long, while so many bytes wait.
    Silent(Duration, usize),
    /// After so long.
    Answers(Duration),
}

impl Backlog {
    /// A batch was given to the log writer; `last` is the last of its tickets.
    pub(super) fn given(&mut self, now: Instant, last: Ticket, bytes: usize) {
        if self.batches.is_empty() {
            self.progress = Some(now);
        }
        self.batches.push_back(Batch { last, bytes });
        self.bytes += bytes;
    }

    /// This operation and every earlier one is durable.
    pub(super) fn done(&mut self, now: Instant, ticket: Ticket) -> Option<Word> {
        while let Some(batch) = self.batches.front().filter(|batch| batch.last <= ticket) {
            self.bytes -= batch.bytes;
            self.batches.pop_front();
        }
        let since = self.progress.replace(now)?;
        let was_silent = self.next_word.take().is_some_and(|next| next > SILENCE);
        was_silent.then(|| Word::Answers(now.duration_since(since)))
    }

    /// What is to be said now, if anything.
    pub(super) fn word(&mut self, now: Instant) -> Option<Word> {
        let silent = now.duration_since(self.progress.filter(|_| !self.batches.is_empty())?);
        if silent < self.next_word.unwrap_or(SILENCE) {
            return None;
        }
        self.next_word = Some(silent * 2);
        Some(Word::Silent(silent, self.bytes))
    }

    /// When to ask for a word again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let since = self.progress.filter(|_| !self.batches.is_empty())?;
        Some(since + self.next_word.unwrap_or(SILENCE))
    }

    /// What the network should do about it.
    pub(super) fn pressure(&self) -> Pressure {
        match self.bytes {
            OVERLOADED.. => Pressure::Overloaded,
            BUSY.. => Pressure::Busy,
            _ => Pressure::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_by_what_the_network_may_read() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        backlog.given(now, Ticket(3), BUSY - 1);
        assert_eq!(backlog.pressure(), Pressure::None);
        backlog.given(now, Ticket(5), 1);
        assert_eq!(backlog.pressure(), Pressure::Busy);
        backlog.given(now, Ticket(9), OVERLOADED - BUSY);
        assert_eq!(backlog.pressure(), Pressure::Overloaded);
        // A ticket within a batch says nothing about the batch.
        backlog.done(now, Ticket(4));
        assert_eq!(backlog.bytes, OVERLOADED - BUSY + 1);
        backlog.done(now, Ticket(9));
        assert_eq!((backlog.pressure(), backlog.bytes), (Pressure::None, 0));
    }

    #[test]
    fn a_silent_disk_is_told_of_ever_more_seldom() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!((backlog.next_due(), backlog.word(after(100))), (None, None));
        backlog.given(after(0), Ticket(0), 7);
        backlog.given(after(9), Ticket(1), 5);
        assert_eq!((backlog.next_due(), backlog.word(after(9))), (Some(after(10)), None));
        assert_eq!(backlog.word(after(10)), Some(Word::Silent(SILENCE, 12)));
        assert_eq!((backlog.next_due(), backlog.word(after(19))), (Some(after(20)), None));
        assert_eq!(backlog.word(after(25)), Some(Word::Silent(Duration::from_secs(25), 12)));
        assert_eq!(backlog.done(after(30), Ticket(0)), Some(Word::Answers(Duration::from_secs(30))));
        // The second batch has its own patience.
        assert_eq!((backlog.word(after(39)), backlog.next_due()), (None, Some(after(40))));
        assert_eq!(backlog.done(after(39), Ticket(1)), None);
        assert_eq!((backlog.word(after(99)), backlog.next_due()), (None, None));
    }
}
