//! A client that writes on and on, whatever happens to the servers, and remembers what was acknowledged. It
//! also checks that all of that is everywhere.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use quorate_core::wire::client::CreateMode;
use quorate_core::wire::error_code::ErrorCode;

use super::ensemble::Ensemble;
use super::facts::contents;
use super::raw_client::{Failure, RawClient, Session};

/// After this long without an answer the next server is tried.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// One write that a server said is done.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    /// The znode's name.
    pub(crate) name: String,
    /// When the answer came.
    pub(crate) at: Instant,
}

/// A writer in a thread of its own.
#[derive(Debug)]
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Create `path`/`<prefix><number>`, each with its own name as data, one after the other, with
    /// whichever of `ports` answers.
    pub(crate) fn start(ports: Vec<u16>, path: &str, prefix: &str) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let count = Arc::new(AtomicU64::new(0));
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let mut loops = WriteLoop {
            stop: Arc::clone(&stop),
            count: Arc::clone(&count),
            acknowledged: Arc::clone(&acknowledged),
            ports,
            next_port: 0,
            session: Session::new(60_000),
        };
        let (path, prefix) = (path.to_owned(), prefix.to_owned());
        let thread = std::thread::spawn(move || loops.run(&path, &prefix));
        Writer { stop, count, acknowledged, thread }
    }

    /// How many writes were acknowledged.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// When the first write after `from` was acknowledged.
    pub(crate) fn first_after(&self, from: Instant) -> Option<Instant> {
        let acknowledged = self.acknowledged.lock().expect("the writer did not panic");
        acknowledged.iter().rev().map(|a| a.at).take_while(|at| *at > from).last()
    }

    /// Stop after the write that is under way.
    pub(crate) fn stop(self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer did not panic");
        std::mem::take(&mut *self.acknowledged.lock().expect("the writer did not panic"))
    }
}

struct WriteLoop {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    acknowledged: Arc<Mutex<Vec<Acknowledged>>>,
    ports: Vec<u16>,
    next_port: usize,
    session: Session,
}

impl WriteLoop {
    fn run(&mut self, path: &str, prefix: &str) {
        let mut number = 0u64;
        while !self.stopped() {
            let Some(mut client) = self.connect() else { continue };
            while !self.stopped() {
                let name = format!("{prefix}{number:07}");
                match client.create(&format!("{path}/{name}"), name.as_bytes(), CreateMode::Persistent) {
                    // An answer that was lost: the znode is there, so it was committed.
                    Ok(_) | Err(Failure::Code(ErrorCode::NodeExists)) => {
                        let done = Acknowledged { name, at: Instant::now() };
                        self.acknowledged.lock().expect("nobody panics").push(done);
                        self.count.fetch_add(1, Ordering::Relaxed);
                        number += 1;
                    }
                    Err(Failure::Lost(_)) => break,
                    Err(other) => panic!("{path}/{name}: {other:?}"),
                }
            }
            self.session = client.session;
        }
    }

    /// The next server that gives this session.
    fn connect(&mut self) -> Option<RawClient> {
        let port = self.ports[self.next_port % self.ports.len()];
        self.next_port += 1;
        match RawClient::connect_within(ANSWER_LIMIT, port, &self.session) {
            Ok(client) => Some(client),
            Err(Failure::Refused) => panic!("the session {:?} is gone", self.session),
            Err(_) => {
                std::thread::sleep(Duration::from_millis(10));
                None
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Every server has every acknowledged child of `path`, and all have the same, made by the same
/// transactions.
#[track_caller]
pub(crate) fn check_acknowledged<'a>(
    ensemble: &Ensemble,
    path: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) {
    let mut before = None;
    for id in ensemble.ids() {
        let here = contents(ensemble, id, path);
        let lost: Vec<&str> = names.clone().filter(|name| !here.contains_key(*name)).collect();
        assert!(lost.is_empty(), "server {id} has {} and lost {lost:?}", here.len());
        for (name, (data, _)) in &here {
            assert_eq!(data, name.as_bytes(), "server {id}");
        }
        if let Some((other, there)) = &before {
            assert_eq!(&here, there, "servers {other} and {id} differ");
        }
        before = Some((id, here));
    }
}
