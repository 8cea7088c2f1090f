//! Names become addresses on threads of their own. So a slow name server does not stop the loop, and a name
//! that takes long does not hold up another one.
//!
//! Each host is looked up once at a time, on a thread that ends with it. A host whose last address is
//! known is waited for only a moment; then the known addresses serve until the answer comes. They serve
//! also when the look-up fails.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::Waker;
use quorate_core::ids::ServerId;
use tracing::debug;

use crate::config::HostPort;

/// Look-ups at the same time; further hosts wait.
const THREADS: usize = 32;
/// How long an answer is waited for if an earlier one is known.
const GRACE: Duration = Duration::from_millis(300);

/// The asker: handed back with the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asker {
    /// The quorum port wants to dial this server.
    Quorum(ServerId),
    /// The election port wants to.
    Election(ServerId),
}

/// Every address of a name, in the system's order; or why there is none.
pub(crate) type Answer = Result<Vec<SocketAddr>, String>;

/// Turns a host into addresses.
type LookUp = fn(&str) -> Result<Vec<IpAddr>, String>;

/// An asker that waits for the addresses of a host.
#[derive(Debug)]
struct Question {
    asker: Asker,
    port: u16,
    since: Instant,
}

/// The look-ups under way, the askers that wait for them, and what is known.
#[derive(Debug)]
pub(crate) struct Resolver {
    look_up: LookUp,
    waker: Arc<Waker>,
    outbox: Sender<(String, Result<Vec<IpAddr>, String>)>,
    inbox: Receiver<(String, Result<Vec<IpAddr>, String>)>,
    /// The askers that wait for each host, also for one that has no thread yet.
    questions: BTreeMap<String, Vec<Question>>,
    /// Hosts that are looked up.
    running: Vec<String>,
    /// Hosts that wait for a thread.
    waiting: VecDeque<String>,
    /// The last addresses of each host.
    known: BTreeMap<String, Vec<IpAddr>>,
    answers: VecDeque<(Asker, Answer)>,
}

impl Resolver {
    /// Without any look-up. `waker` is woken for each answer.
    pub(crate) fn new(waker: Arc<Waker>) -> Resolver {
        Resolver::with(waker, look_up)
    }

    fn with(waker: Arc<Waker>, look_up: LookUp) -> Resolver {
        let (outbox, inbox) = channel();
        Resolver {
            look_up,
            waker,
            outbox,
            inbox,
            questions: BTreeMap::new(),
            running: Vec::new(),
            waiting: VecDeque::new(),
            known: BTreeMap::new(),
            answers: VecDeque::new(),
        }
    }

    /// The address, if no question is needed; otherwise the answer comes later.
    pub(crate) fn ask(&mut self, now: Instant, asker: Asker, place: &HostPort) -> Option<SocketAddr> {
        if let Ok(ip) = place.host.parse::<IpAddr>() {
            return Some(SocketAddr::new(ip, place.port));
        }
        let host = &place.host;
        self.questions.values_mut().for_each(|all| all.retain(|question| question.asker != asker));
        self.answers.retain(|(other, _)| *other != asker);
        let question = Question { asker, port: place.port, since: now };
        self.questions.entry(host.clone()).or_default().push(question);
        if !self.running.contains(host) && !self.waiting.contains(host) {
            self.waiting.push_back(host.clone());
            self.start_waiting();
        }
        None
    }

    /// The next answer.
    pub(crate) fn answer(&mut self, now: Instant) -> Option<(Asker, Answer)> {
        while let Ok((host, found)) = self.inbox.try_recv() {
            self.running.retain(|other| *other != host);
            self.start_waiting();
            let questions = self.questions.remove(&host).unwrap_or_default();
            match found {
                Ok(addresses) => {
                    self.known.insert(host.clone(), addresses.clone());
                    self.tell(questions, &Ok(addresses));
                }
                Err(why) => {
                    let known = self.known.get(&host).cloned();
                    if known.is_some() {
                        debug!("{host} cannot be resolved: {why}; its last address serves");
                    }
                    self.tell(questions, &known.ok_or(why));
                }
            }
        }
        let late = |question: &Question| question.since + GRACE <= now;
        let mut served = Vec::new();
        for (host, questions) in &mut self.questions {
            let Some(known) = self.known.get(host) else { continue };
            let late: Vec<Question> = questions.extract_if(.., |question| late(question)).collect();
            served.push((late, known.clone()));
        }
        for (questions, known) in served {
            self.tell(questions, &Ok(known));
        }
        self.answers.pop_front()
    }

    /// When an asker has waited long enough for an answer and gets the last known one.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let known = self.questions.iter().filter(|(host, _)| self.known.contains_key(*host));
        known.flat_map(|(_, questions)| questions.iter().map(|question| question.since + GRACE)).min()
    }

    fn tell(&mut self, questions: Vec<Question>, found: &Result<Vec<IpAddr>, String>) {
        for Question { asker, port, .. } in questions {
            let at = |ips: &Vec<IpAddr>| ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
            self.answers.push_back((asker, found.as_ref().map(at).map_err(Clone::clone)));
        }
    }

    fn start_waiting(&mut self) {
        while self.running.len() < THREADS
            && let Some(host) = self.waiting.pop_front()
        {
            let (outbox, waker, look_up, name) =
                (self.outbox.clone(), Arc::clone(&self.waker), self.look_up, host.clone());
            let run = move || {
                // The loop may have ended meanwhile.
                let _ = outbox.send((name.clone(), look_up(&name)));
                let _ = waker.wake();
            };
            self.running.push(host.clone());
            if let Err(why) = thread::Builder::new().name("resolver".into()).spawn(run) {
                let _ = self.outbox.send((host, Err(why.to_string())));
                let _ = self.waker.wake();
            }
        }
    }
}

fn look_up(host: &str) -> Result<Vec<IpAddr>, String> {
    let found = (host, 0).to_socket_addrs().map_err(|why| why.to_string())?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.map(|found| found.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::net::token::Source;

    fn resolver(look_up: LookUp) -> (mio::Poll, Resolver) {
        let poll = mio::Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), Source::Waker.token()).unwrap();
        (poll, Resolver::with(Arc::new(waker), look_up))
    }

    fn place(host: &str, port: u16) -> HostPort {
        HostPort { host: host.to_owned(), port }
    }

    /// The next answer, at a time that does not move.
    fn answer(resolver: &mut Resolver, now: Instant) -> (Asker, Answer) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(answer) = resolver.answer(now) {
                return answer;
            }
            assert!(Instant::now() < end, "no answer");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn literal_addresses_are_no_question() {
        let (_poll, mut resolver) = resolver(|_| unreachable!());
        let asker = Asker::Quorum(ServerId(1));
        let found = resolver.ask(Instant::now(), asker, &place("::1", 5));
        assert_eq!(found, Some("[::1]:5".parse().unwrap()));
    }

    static HELD: Mutex<()> = Mutex::new(());
    static LOOK_UPS: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn a_slow_name_holds_up_no_other() {
        let held = HELD.lock().unwrap();
        let (_poll, mut resolver) = resolver(|host| {
            if host == "slow" {
                LOOK_UPS.fetch_add(1, Ordering::Relaxed);
                drop(HELD.lock());
            }
            Ok(vec![ip(1), ip(2)])
        });
        let now = Instant::now();
        let (slow, other, fast) =
            (Asker::Election(ServerId(1)), Asker::Quorum(ServerId(1)), Asker::Election(ServerId(2)));
        assert_eq!(resolver.ask(now, slow, &place("slow", 1)), None);
        assert_eq!(resolver.ask(now, other, &place("slow", 3)), None);
        assert_eq!(resolver.ask(now, fast, &place("fast", 2)), None);
        let (asker, found) = answer(&mut resolver, now);
        assert_eq!((asker, found.unwrap()[1]), (fast, SocketAddr::new(ip(2), 2)));
        drop(held);
        assert_eq!(
            answer(&mut resolver, now),
            (slow, Ok(vec![ip(1), ip(2)].into_iter().map(|ip| SocketAddr::new(ip, 1)).collect()))
        );
        assert_eq!(answer(&mut resolver, now).0, other);
        assert_eq!(LOOK_UPS.load(Ordering::Relaxed), 1, "one look-up serves all who ask for the same");
    }

    static SLOW: Mutex<()> = Mutex::new(());
    static FAILS: AtomicBool = AtomicBool::new(false);

    #[test]
    fn the_last_known_address_serves_meanwhile() {
        let (_poll, mut resolver) = resolver(|_| {
            drop(SLOW.lock());
            if FAILS.load(Ordering::Relaxed) { Err("no name server".to_owned()) } else { Ok(vec![ip(7)]) }
        });
        let (now, asker) = (Instant::now(), Asker::Election(ServerId(1)));
        let known = Ok(vec![SocketAddr::new(ip(7), 1)]);
        resolver.ask(now, asker, &place("name", 1));
        assert_eq!(resolver.next_due(), None, "nothing is known that could serve");
        assert_eq!(answer(&mut resolver, now), (asker, known.clone()));
        let held = SLOW.lock().unwrap();
        resolver.ask(now, asker, &place("name", 1));
        assert_eq!(resolver.next_due(), Some(now + GRACE));
        assert_eq!(resolver.answer(now), None, "it is waited for a moment");
        assert_eq!(resolver.answer(now + GRACE), Some((asker, known.clone())));
        // And the look-up that takes long is not begun again.
        resolver.ask(now, asker, &place("name", 1));
        assert_eq!(resolver.running.len(), 1);
        FAILS.store(true, Ordering::Relaxed);
        drop(held);
        assert_eq!(answer(&mut resolver, now), (asker, known), "it serves also when there is no answer");
    }

    #[test]
    fn look_ups_are_bounded() {
        static GATE: Mutex<()> = Mutex::new(());
        let held = GATE.lock().unwrap();
        let (_poll, mut resolver) = resolver(|_| {
            drop(GATE.lock());
            Err("nothing".to_owned())
        });
        let now = Instant::now();
        for n in 0..THREADS as i64 + 5 {
            resolver.ask(now, Asker::Election(ServerId(n)), &place(&format!("host{n}"), 1));
        }
        assert_eq!((resolver.running.len(), resolver.waiting.len()), (THREADS, 5));
        drop(held);
        for _ in 0..THREADS + 5 {
            assert_eq!(answer(&mut resolver, now).1, Err("nothing".to_owned()));
        }
        assert_eq!((resolver.running.len(), resolver.waiting.len(), resolver.questions.len()), (0, 0, 0));
    }
}
