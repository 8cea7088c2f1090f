//! Where the loop answers what other threads ask: one question a turn, with plain values.
//!
//! Lists are handed over piece by piece. The asker says where the last piece ended, so the loop remembers
//! nothing between two pieces, and none is longer than [`PIECE`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::Waker;
use quorate_core::ids::{ConnId, SessionId, Zxid};
use quorate_core::payload::Service;
use quorate_core::pipeline::TreeImage;
use quorate_core::watch::WalkByPath;
use quorate_core::wire::record::Acl;
use tokio::sync::oneshot;

use super::reading::Reading;
use super::view::{Reset, View};
use crate::config::Changes;
use crate::net::{ConnectionFacts, LinkReading};

/// The most entries of a list that one answer has.
pub(crate) const PIECE: usize = 1000;

/// Where an answer goes. The asker may have stopped waiting for it.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What the loop can be asked.
#[derive(Debug)]
pub(crate) enum Question {
    /// Every figure.
    Reading(Reply<Reading>),
    /// The tree's digest after every 128th transaction.
    Digests(Reply<Vec<(Zxid, i64)>>),
    /// A piece of a list.
    List(List, Reply<Piece>),
    /// The root's ACL.
    RootAcl(Reply<Arc<[Acl]>>),
    /// The state, and where it stands; `None` while clients are not served.
    Image(Reply<Option<(Zxid, TreeImage)>>),
    /// Begin counts anew, or set the mask of the trace.
    Reset(Reset, Reply<()>),
    /// Follow what has changed in the configuration.
    Follow(Box<Changes>, Reply<()>),
    /// Close a part of the connections, see [`Drain`].
    Drain(Drain, Reply<Drained>),
}

/// A list and where its next piece begins.
#[derive(Debug)]
pub(crate) enum List {
    /// Connections, from this place on.
    Connections(usize),
    /// Sessions by the time at which they expire.
    Expiry(Option<(u64, SessionId)>),
    /// Ephemeral znodes by session.
    Ephemerals(Option<(SessionId, Arc<str>)>),
    /// Watches of data and existence, by connection.
    Watches(Option<(ConnId, Arc<str>)>),
    /// Watches of data and existence, by path. The walk is begun with the first piece.
    WatchesByPath(Option<WalkByPath>),
}

/// Some entries of a list, and where it goes on, unless this was all.
#[derive(Debug)]
pub(crate) struct Piece {
    /// The entries.
    pub(crate) entries: Entries,
    /// Where it goes on.
    pub(crate) rest: Option<List>,
}

/// Entries of a list.
#[derive(Debug)]
pub(crate) enum Entries {
    /// Connections.
    Connections(Vec<ConnectionFacts>),
    /// A time and a session each.
    Expiry(Vec<(u64, SessionId)>),
    /// A session and a path each.
    Paths(Vec<(SessionId, Arc<str>)>),
}

/// Close some of the clients' connections, spread evenly over all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    /// How many of a hundred.
    pub(crate) percent: usize,
    /// How many connections were looked at before.
    pub(crate) seen: usize,
    /// The place of the next one.
    pub(crate) from: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drained {
    /// How many connections were closed.
    pub(crate) closed: usize,
    /// How it goes on, unless this was all.
    pub(crate) rest: Option<Drain>,
}

impl Drain {
    /// Whether the `n`-th connection that is looked at is one to be closed.
    pub(crate) fn picks(self, n: usize) -> bool {
        let closed_before = |n: usize| n * self.percent / 100;
        closed_before(self.seen + n + 1) > closed_before(self.seen + n)
    }
}

/// The asker's end.
#[derive(Clone)]
pub(crate) struct Bell {
    questions: Sender<Question>,
    waiting: Arc<AtomicUsize>,
    waker: Arc<Waker>,
}

impl Bell {
    /// Put a question; the loop is woken for it. Without a loop the answer's sender is dropped.
    pub(crate) fn ask(&self, question: Question) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.questions.send(question);
        let _ = self.waker.wake();
    }
}

/// The loop's end.
pub(crate) struct Desk {
    questions: Receiver<Question>,
    waiting: Arc<AtomicUsize>,
    waker: Arc<Waker>,
}

/// Both ends. `waker` wakes the loop.
pub(crate) fn open(waker: Arc<Waker>) -> (Bell, Desk) {
    let ((sender, questions), waiting) = (channel(), Arc::new(AtomicUsize::new(0)));
    let bell = Bell { questions: sender, waiting: Arc::clone(&waiting), waker: Arc::clone(&waker) };
    (bell, Desk { questions, waiting, waker })
}

impl Desk {
    /// The question whose turn it is. The next turn is at once if there is another.
    pub(crate) fn next(&self) -> Option<Question> {
        let question = self.questions.try_recv().ok()?;
        if self.waiting.fetch_sub(1, Ordering::Relaxed) > 1 {
            let _ = self.waker.wake();
        }
        Some(question)
    }
}

/// Answer a question that only looks; gives back one that changes something.
pub(crate) fn look(
    question: Question,
    view: &View<'_>,
    links: impl FnOnce() -> Vec<LinkReading>,
) -> Option<Question> {
    let service = view.peer.service();
    match question {
        Question::Reading(reply) => {
            let _ = reply.send(Reading { links: links(), ..Reading::take(view) });
        }
        Question::Digests(reply) => {
            let _ = reply.send(service.digests().collect());
        }
        Question::List(list, reply) => {
            let _ = reply.send(piece(list, view));
        }
        Question::RootAcl(reply) => {
            let tree = service.tree();
            let acl = tree.get("/").map(|root| Arc::clone(tree.acl(&root)));
            let _ = reply.send(acl.unwrap_or_default());
        }
        Question::Image(reply) => {
            let serves = view.peer.serving();
            let _ = reply.send(serves.then(|| (service.status().applied, service.snapshot())));
        }
        Question::Reset(..) | Question::Drain(..) | Question::Follow(..) => return Some(question),
    }
    None
}

fn piece(list: List, view: &View<'_>) -> Piece {
    let service = view.peer.service();
    match list {
        List::Connections(from) => {
            let mut lines = view.port.connections_from(from);
            let mut next = from;
            let entries = lines.by_ref().take(PIECE).map(|(place, line)| {
                next = place + 1;
                line.facts()
            });
            let entries = entries.collect();
            let rest = lines.next().is_some().then_some(List::Connections(next));
            Piece { entries: Entries::Connections(entries), rest }
        }
        List::Expiry(last) => {
            let after = service.expiry().into_iter().flat_map(|queue| queue.after(last));
            let entries: Vec<_> = after.map(|(due, _, session)| (due, session)).take(PIECE).collect();
            let rest = last_of(&entries).map(|last| List::Expiry(Some(last)));
            Piece { entries: Entries::Expiry(entries), rest }
        }
        List::Ephemerals(last) => {
            let after = service.owned().after(last.as_ref().map(|(session, path)| (*session, &**path)));
            let entries: Vec<_> =
                after.map(|(session, path)| (session, Arc::clone(path))).take(PIECE).collect();
            let rest = last_of(&entries).map(|last| List::Ephemerals(Some(last)));
            Piece { entries: Entries::Paths(entries), rest }
        }
        List::Watches(last) => {
            let after = service.data_watches().after(last.as_ref().map(|(conn, path)| (*conn, &**path)));
            let found: Vec<_> = after.map(|(conn, path)| (conn, Arc::clone(path))).take(PIECE).collect();
            let rest = last_of(&found).map(|last| List::Watches(Some(last)));
            let session = |conn| service.session_of(conn).unwrap_or(SessionId(0));
            let entries = found.into_iter().map(|(conn, path)| (session(conn), path)).collect();
            Piece { entries: Entries::Paths(entries), rest }
        }
        List::WatchesByPath(walk) => {
            let watches = service.data_watches();
            let mut walk = walk.unwrap_or_else(|| WalkByPath::new(watches));
            let session = |conn| service.session_of(conn).unwrap_or(SessionId(0));
            let entries: Vec<_> = std::iter::from_fn(|| walk.next(watches))
                .map(|(path, conn)| (session(conn), path))
                .take(PIECE)
                .collect();
            let rest = (entries.len() == PIECE).then_some(List::WatchesByPath(Some(walk)));
            Piece { entries: Entries::Paths(entries), rest }
        }
    }
}

/// The entry behind which a list goes on: it may if a piece is full.
fn last_of<T: Clone>(entries: &[T]) -> Option<T> {
    entries.last().filter(|_| entries.len() == PIECE).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_connections_is_closed_evenly_however_it_is_cut() {
        for percent in [0, 1, 33, 50, 99, 100] {
            for total in [1, 7, 100, 999] {
                let mut closed = 0;
                for from in (0..total).step_by(10) {
                    let drain = Drain { percent, seen: from, from };
                    closed += (0..10.min(total - from)).filter(|n| drain.picks(*n)).count();
                }
                assert_eq!(closed, total * percent / 100, "{percent} % of {total}");
            }
        }
    }
}
