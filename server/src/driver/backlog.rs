//! What the log writer was given and has not made durable yet: how much, and since when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use quorate_core::ids::Ticket;

use crate::net::Pressure;

/// Bytes waiting for the log above which a client is only read while nothing of it is in process. A leader
/// then lets the requests of its learners wait, too.
pub(super) const BUSY: usize = 64 << 20;
/// Bytes above which neither clients nor a learner's leader are read. Clients that begin to speak are, and so
/// is every learner of a leader.
const OVERLOADED: usize = 256 << 20;
/// After this long without any progress the disk is said not to answer; then after twice as long,
/// and so on.
const SILENCE: Duration = Duration::from_secs(10);
/// While something waits, the disk is looked after once in this time. When that is later than it should be,
/// it was not the disk that stood still, but this process.
const LOOK: Duration = Duration::from_secs(1);

/// The batches given to the log writer, oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    batches: VecDeque<Batch>,
    /// How long the batches that are done had waited, until this is asked for.
    waits: Vec<Duration>,
    operations: usize,
    bytes: usize,
    /// When the disk last answered, or was given something to do; pauses of this process come on top.
    progress: Option<Instant>,
    /// When the disk was last looked after.
    looked: Option<Instant>,
    /// How long it has been silent when that is next worth a line.
    next_word: Option<Duration>,
}

/// What was given to the log writer in one turn.
#[derive(Clone, Copy, Debug)]
struct Batch {
    given: Instant,
    last: Ticket,
    operations: usize,
    bytes: usize,
}

/// The disk does not answer, or answers again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// The disk does not answer.
    Silent {
        /// How long it has not answered.
        time: Duration,
        /// The number of operations that wait for it.
        operations: usize,
        /// The size of these operations.
        bytes: usize,
    },
    /// The disk answers after this time.
    Answers(Duration),
}

impl Backlog {
    /// A batch was given to the log writer, with this number of operations and bytes; `last` is the last of
    /// its tickets.
    pub(super) fn given(&mut self, now: Instant, last: Ticket, operations: usize, bytes: usize) {
        if self.batches.is_empty() {
            self.progress = Some(now);
            self.looked = Some(now);
        }
        self.batches.push_back(Batch { given: now, last, operations, bytes });
        self.operations += operations;
        self.bytes += bytes;
    }

    /// This operation and every earlier one is durable.
    pub(super) fn done(&mut self, now: Instant, ticket: Ticket) -> Option<Word> {
        self.look(now);
        while let Some(batch) = self.batches.front().filter(|batch| batch.last <= ticket) {
            self.operations -= batch.operations;
            self.bytes -= batch.bytes;
            self.waits.push(now.saturating_duration_since(batch.given));
            self.batches.pop_front();
        }
        let since = self.progress.replace(now)?;
        let was_silent = self.next_word.take().is_some_and(|next| next > SILENCE);
        was_silent.then(|| Word::Answers(now.duration_since(since)))
    }

    /// What is to be said now, if anything.
    pub(super) fn word(&mut self, now: Instant) -> Option<Word> {
        self.look(now);
        let silent = now.duration_since(self.progress.filter(|_| !self.batches.is_empty())?);
        if silent < self.next_word.unwrap_or(SILENCE) {
            return None;
        }
        self.next_word = Some(silent * 2);
        Some(Word::Silent { time: silent, operations: self.operations, bytes: self.bytes })
    }

    /// When to ask for a word again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let since = self.progress.filter(|_| !self.batches.is_empty())?;
        let due = since + self.next_word.unwrap_or(SILENCE);
        Some(self.looked.map_or(due, |looked| due.min(looked + LOOK)))
    }

    /// The disk is looked after. Time in which this process stood still is not the disk's.
    fn look(&mut self, now: Instant) {
        let Some(looked) = self.looked.replace(now).filter(|_| !self.batches.is_empty()) else { return };
        let pause = now.duration_since(looked).saturating_sub(LOOK);
        if pause >= LOOK {
            self.progress = self.progress.map(|progress| (progress + pause).min(now));
        }
    }

    /// Operations and bytes.
    pub(super) fn amount(&self) -> (usize, usize) {
        (self.operations, self.bytes)
    }

    /// How long the batches that were done with the last answer had waited since they were given.
    pub(super) fn waits(&mut self) -> impl Iterator<Item = Duration> {
        self.waits.drain(..)
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
        backlog.given(now, Ticket(3), 1, BUSY - 1);
        assert_eq!(backlog.pressure(), Pressure::None);
        backlog.given(now, Ticket(5), 1, 1);
        assert_eq!(backlog.pressure(), Pressure::Busy);
        backlog.given(now, Ticket(9), 1, OVERLOADED - BUSY);
        assert_eq!(backlog.pressure(), Pressure::Overloaded);
        // A ticket within a batch says nothing about the batch.
        backlog.done(now, Ticket(4));
        assert_eq!(backlog.bytes, OVERLOADED - BUSY + 1);
        backlog.done(now, Ticket(9));
        assert_eq!((backlog.pressure(), backlog.bytes), (Pressure::None, 0));
    }

    /// Looks after the disk whenever that is due, until `end`; returns what there was to say.
    fn watch(backlog: &mut Backlog, end: Instant) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(due) = backlog.next_due().filter(|due| *due <= end) {
            words.extend(backlog.word(due));
        }
        words
    }

    fn silent(seconds: u64, operations: usize, bytes: usize) -> Word {
        Word::Silent { time: Duration::from_secs(seconds), operations, bytes }
    }

    #[test]
    fn a_silent_disk_is_told_of_ever_more_seldom() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!((backlog.next_due(), backlog.word(after(100))), (None, None));
        backlog.given(after(0), Ticket(0), 2, 7);
        assert_eq!(watch(&mut backlog, after(9)), []);
        backlog.given(after(9), Ticket(1), 1, 5);
        assert_eq!(watch(&mut backlog, after(10)), [silent(10, 3, 12)]);
        assert_eq!(watch(&mut backlog, after(19)), []);
        assert_eq!(watch(&mut backlog, after(29)), [silent(20, 3, 12)]);
        assert_eq!(backlog.done(after(30), Ticket(0)), Some(Word::Answers(Duration::from_secs(30))));
        // The second batch has its own patience.
        assert_eq!(watch(&mut backlog, after(39)), []);
        assert_eq!(backlog.done(after(39), Ticket(1)), None);
        assert_eq!((backlog.word(after(99)), backlog.next_due()), (None, None));
        assert_eq!(backlog.operations, 0);
    }

    #[test]
    fn a_pause_of_the_process_is_not_the_disks_silence() {
        let (mut backlog, start) = (Backlog::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        backlog.given(after(0), Ticket(0), 1, 7);
        assert_eq!(watch(&mut backlog, after(3)), []);
        // It stands still for 18 s; then the disk has its time again.
        assert_eq!(backlog.word(after(21)), None);
        assert_eq!(watch(&mut backlog, after(26)), []);
        // What it does not answer afterwards is told, without the pause.
        assert_eq!(watch(&mut backlog, after(27)), [silent(10, 1, 7)]);
        // The other way round: the answer is the first that is heard after another pause.
        assert_eq!(backlog.done(after(90), Ticket(0)), Some(Word::Answers(Duration::from_secs(11))));
    }
}
