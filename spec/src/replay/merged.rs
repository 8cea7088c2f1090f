//! All recordings together: which record is next, what it must not break, what the properties see.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};

use quorate_core::election::{Notification, ServerState};
use quorate_core::ids::{ConnId, Link, ServerId, Zxid};
use quorate_core::pipeline::{ClientReply, ClientTxn};
use quorate_core::recording::{self, Frames, Record, fingerprint};
use quorate_core::timer::Timer;
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, Reason, ZabState};
use xxhash_rust::xxh3::Xxh3;

use super::answers::Answers;
use super::chain::Chain;
use super::clients::{At, Clients};
use super::error::{Broken, Failure, ReplayError};
use super::file::Recording;
use super::server::Server;
use super::summary::{Summary, floor, kind};
use super::wires::{Phase, Sent, Wires};
use crate::properties::{Invariant, Predicate, zab_in};
use crate::world::{Ghost, answers_needlessly, is_oversized, promises, votes, votes_for_less};

/// The number of steps that are told when something is broken.
const STORY: usize = 40;
/// The longest line of it.
const LINE: usize = 300;

/// What came of looking for the next step.
pub(super) enum Happened {
    Step,
    End,
}

/// Where the recordings of one server are being read.
struct Reader<'a> {
    /// The recordings of this server that have not begun, and the one that has.
    waiting: VecDeque<usize>,
    current: Option<(usize, Frames<'a>)>,
    /// The next record and where it begins.
    next: Option<(usize, Record)>,
    /// The wall-clock time of the step, ms.
    wall_ms: i64,
}

/// A step, for the story.
struct Told {
    server: usize,
    recording: usize,
    offset: usize,
    step: u64,
    after: (ServerState, ZabState, Zxid, Zxid),
}

/// The merged run so far.
pub(super) struct Merged<'a> {
    pub(super) recordings: &'a [Recording],
    pub(super) ids: Vec<ServerId>,
    pub(super) servers: Vec<Server>,
    readers: Vec<Reader<'a>>,
    pub(super) wires: Wires,
    /// What was ever said to whom.
    pub(super) votes: HashSet<(usize, ServerId, u64)>,
    pub(super) ghost: Ghost<u64>,
    /// The beginnings of what was delivered.
    pub(super) delivered: Chain,
    pub(super) judged: usize,
    pub(super) discarded: usize,
    pub(super) preloaded: HashSet<(Zxid, u64)>,
    pub(super) floor: Zxid,
    /// The digest of the tree after each transaction.
    pub(super) digests: HashMap<Zxid, i64>,
    pub(super) answers: Answers,
    pub(super) properties: Vec<(&'static Invariant, Predicate<Merged<'a>>)>,
    pub(super) clients: Clients,
    story: VecDeque<Told>,
    pub(super) summary: Summary,
}

impl<'a> Merged<'a> {
    pub(super) fn new(recordings: &'a [Recording]) -> Result<Self, ReplayError> {
        let mut by_server: BTreeMap<ServerId, VecDeque<usize>> = BTreeMap::new();
        for (r, recording) in recordings.iter().enumerate() {
            by_server.entry(recording.id()).or_default().push_back(r);
            let (config, first) = (&recording.header.config, &recordings[0].header.config);
            if config.membership.verifiers != first.membership.verifiers {
                return Err(ReplayError::OtherEnsemble(recordings[0].path.clone(), recording.path.clone()));
            }
        }
        let config = &recordings[0].header.config;
        if let Some(missing) = config.membership.voters().find(|id| !by_server.contains_key(id)) {
            return Err(ReplayError::Missing(missing));
        }
        let floor = floor(recordings);
        let mut preloaded = HashSet::new();
        for firsts in by_server.values() {
            let entries = &recordings[firsts[0]].header.recovered.entries;
            preloaded.extend(entries.iter().map(|(zxid, txn)| (*zxid, fingerprint::of_txn(txn))));
        }
        let wires = Wires::new(recordings);
        let summary = Summary {
            servers: by_server.len(),
            unpaired: wires.unpaired(recordings),
            torn: recordings.iter().filter(|recording| recording.torn).count(),
            ..Summary::default()
        };
        let reader = |waiting: &VecDeque<usize>| Reader {
            wall_ms: recordings[waiting[0]].header.wall_ms,
            waiting: waiting.clone(),
            current: None,
            next: None,
        };
        Ok(Merged {
            recordings,
            ids: by_server.keys().copied().collect(),
            servers: by_server.keys().map(|_| Server::default()).collect(),
            readers: by_server.values().map(reader).collect(),
            wires,
            votes: HashSet::new(),
            ghost: Ghost::default(),
            delivered: Chain::default(),
            judged: 0,
            discarded: 0,
            preloaded,
            floor,
            digests: HashMap::new(),
            answers: Answers::new(by_server.len()),
            properties: zab_in(),
            clients: Clients::default(),
            story: VecDeque::new(),
            summary,
        })
    }

    pub(super) fn summary(&self) -> Summary {
        let (clients, answers) = (self.clients.judged(), self.answers.judged);
        Summary { delivered: self.ghost.delivered.len(), answers, clients, ..self.summary }
    }

    /// Take the next record of whichever server it can be.
    pub(super) fn advance(&mut self) -> Result<Happened, ReplayError> {
        let mut best: Option<(i64, usize)> = None;
        let mut blocked: Option<(i64, usize)> = None;
        for i in 0..self.readers.len() {
            self.read_ahead(i)?;
            let reader = &self.readers[i];
            if reader.next.is_none() && reader.waiting.is_empty() {
                continue;
            }
            let at = (reader.wall_ms, i);
            let slot = if self.can_happen(i) { &mut best } else { &mut blocked };
            if slot.is_none_or(|earliest| at < earliest) {
                *slot = Some(at);
            }
        }
        match (best, blocked) {
            (Some((_, i)), _) => self.take(i).map(|()| Happened::Step),
            (None, Some((_, i))) => Err(self.never_sent(i)),
            (None, None) => Ok(Happened::End),
        }
    }

    fn read_ahead(&mut self, i: usize) -> Result<(), ReplayError> {
        let reader = &mut self.readers[i];
        let Some((r, frames)) = reader.current.as_mut().filter(|_| reader.next.is_none()) else {
            return Ok(());
        };
        let (r, offset) = (*r, frames.offset());
        let content = frames.next().expect("it was checked");
        match content.map(recording::read) {
            Some(Ok(mut record)) => {
                if let Record::Step { input: Input::Packet(_, Packet::Snap { snapshot, .. }), .. } =
                    &mut record
                {
                    let Recording { path, header, .. } = &self.recordings[r];
                    *snapshot = snapshot.read_again(&header.config.settings).map_err(|why| {
                        ReplayError::Unreadable { path: path.clone(), offset, why: why.to_string() }
                    })?;
                }
                if let Record::Step { now, .. } = &record {
                    reader.wall_ms = reader.wall_ms.max(now.wall_ms);
                }
                reader.next = Some((offset, record));
            }
            None => {
                // The process is gone.
                reader.current = None;
                let process = self.servers[i].up.take();
                let ended = process.map_or(Ok(()), |process| self.answers.ended(i, &process.peer));
                self.clients.gone(i);
                self.wires.forget(r);
                if let Some(next) = reader.waiting.front() {
                    reader.wall_ms = self.recordings[*next].header.wall_ms;
                }
                return ended.map_err(|why| self.failed(i, r, offset, Broken::Answer(why)));
            }
            Some(Err(why)) => {
                let path = self.recordings[r].path.clone();
                return Err(ReplayError::Unreadable {
                    path,
                    offset,
                    why: format!("this is no record: {why}"),
                });
            }
        }
        Ok(())
    }

    /// Whether what the next record is about has been sent.
    fn can_happen(&self, i: usize) -> bool {
        let reader = &self.readers[i];
        let (Some((r, _)), Some((_, Record::Step { input, .. }))) = (&reader.current, &reader.next) else {
            return true;
        };
        match input {
            Input::Packet(link, _) => {
                let end = (*r, *link);
                self.wires.phase(end) != Phase::Open || self.wires.arrives(end).unwrap_or(true)
            }
            Input::Notification(from, vote) => {
                let Some(j) = self.index(*from) else { return true };
                self.votes.contains(&(j, self.ids[i], of_vote(vote)))
            }
            _ => true,
        }
    }

    fn take(&mut self, i: usize) -> Result<(), ReplayError> {
        let Some((offset, record)) = self.readers[i].next.take() else {
            let r = self.readers[i].waiting.pop_front().expect("a start is next");
            let recording = &self.recordings[r];
            self.readers[i].current = Some((r, recording.records()));
            self.summary.starts += 1;
            let broken = &mut self.ghost.broken;
            broken.disk_refused |= recording.header.recovered.check().is_err();
            self.answers.started(i, &recording.header);
            let first = self.servers[i].starts == 0;
            let started = self.servers[i].start(&recording.header, self.floor, first);
            return started
                .map_err(Broken::Contract)
                .and_then(|()| self.judge())
                .map_err(|broken| self.failed(i, r, 0, broken));
        };
        let r = self.readers[i].current.as_ref().expect("it is being read").0;
        let taken = match record {
            Record::Step { now, input, outputs } => self.step(i, r, offset, now, input, outputs),
            Record::State { fingerprint, whole } => {
                self.summary.states += 1;
                let server = &mut self.servers[i];
                server.look(0, true, self.floor);
                let peer = &server.up.as_ref().expect("it is up").peer;
                if fingerprint::of_state(peer, whole) == fingerprint {
                    self.judge()
                } else {
                    Err(Broken::Replay(format!(
                        "another state{}",
                        if whole { "" } else { " (role, history, counts)" }
                    )))
                }
            }
            Record::Synced(ticket) => match self.servers[i].synced(ticket) {
                Ok(backwards) => {
                    self.ghost.broken.epoch_monotone |= backwards;
                    self.judge()
                }
                Err(why) => Err(Broken::Contract(why)),
            },
            Record::Opened { .. } | Record::End => Ok(()),
            other @ Record::Header(_) => Err(Broken::Replay(format!("{} is out of place", kind(&other)))),
        };
        taken.map_err(|broken| self.failed(i, r, offset, broken))
    }

    fn step(
        &mut self,
        i: usize,
        r: usize,
        offset: usize,
        now: quorate_core::ids::Now,
        input: Input<ClientTxn>,
        expected: u64,
    ) -> Result<(), Broken> {
        self.arrives(i, r, &input).map_err(Broken::Contract)?;
        let checked = matches!(input, Input::Alarm(Timer::Liveness));
        let heard = matches!(input, Input::Packet(..) | Input::Progress(_));
        if let Input::Client(conn, event) = &input {
            self.answers.hears(i, *conn, event);
            self.clients.arrives(i, *conn, event, self.servers[i].ahead.current);
        }
        let process = self.servers[i].up.as_mut().expect("it is up");
        let mut outputs = Vec::new();
        let asked = match &input {
            Input::Notification(from, notification) => Some((*from, *notification, process.peer.state())),
            _ => None,
        };
        process.peer.step(now, input, &mut outputs);
        self.ghost.broken.needless_answer |= asked.is_some_and(|(from, notification, state)| {
            answers_needlessly(from, &notification, state != process.peer.state(), &outputs)
        });
        process.steps += 1;
        self.summary.steps += 1;
        let history = process.peer.history();
        let after = (process.peer.state(), process.peer.zab(), history.last(), history.applied());
        let told = Told { server: i, recording: r, offset, step: process.steps, after };
        if self.story.len() == STORY {
            self.story.pop_front();
        }
        self.story.push_back(told);
        if fingerprint::of_outputs(&outputs) != expected {
            let words: Vec<String> = outputs.iter().map(|output| shorten(format!("{output:?}"))).collect();
            return Err(Broken::Replay(format!("other outputs; here: [{}]", words.join(", "))));
        }
        let mut appended = 0;
        for output in &outputs {
            appended += usize::from(self.perform(i, r, output)?);
        }
        let peer = &self.servers[i].up.as_ref().expect("it is up").peer;
        self.answers.judge(i, &outputs, peer).map_err(Broken::Answer)?;
        self.servers[i].look(appended, false, self.floor);
        self.ghost.broken.leads_unheard |= self.servers[i].leads_unheard(checked, heard);
        self.observe(i)?;
        self.judge()
    }

    /// What the contract says about an input.
    fn arrives(&mut self, i: usize, r: usize, input: &Input<ClientTxn>) -> Result<(), String> {
        let must = |wires: &Wires, link: Link, wanted: Phase, what: &str| match wires.phase((r, link)) {
            phase if phase == wanted => Ok(()),
            Phase::New => Err(format!("{what} of {link:?}, of which core was not told")),
            Phase::Open => Err(format!("{what} of {link:?}, which is in use already")),
            Phase::Closed => Err(format!("{what} of {link:?}, which is closed")),
        };
        match input {
            Input::Up(link) | Input::Accepted(link) => {
                must(&self.wires, *link, Phase::New, "the beginning")?;
                self.wires.set((r, *link), Phase::Open);
            }
            Input::Down(link) => {
                // A dial that came to nothing was never up.
                if self.wires.phase((r, *link)) == Phase::Closed {
                    must(&self.wires, *link, Phase::Open, "the end")?;
                }
                self.wires.set((r, *link), Phase::Closed);
            }
            Input::Progress(link) => must(&self.wires, *link, Phase::Open, "progress")?,
            Input::Packet(link, packet) => {
                must(&self.wires, *link, Phase::Open, "a packet")?;
                match self.wires.receive((r, *link)) {
                    Some((_, sent)) if sent.fingerprint == fingerprint::of_packet(packet) => {
                        self.summary.packets += 1;
                        if sent.state.is_some() {
                            self.servers[i].received = sent.state;
                        }
                    }
                    Some((nth, _)) => {
                        return Err(format!(
                            "packet {nth} of {link:?} is not what the other end sent: {}",
                            shorten(format!("{packet:?}"))
                        ));
                    }
                    None => {}
                }
            }
            Input::Notification(from, _) => self.summary.votes += u64::from(self.index(*from).is_some()),
            Input::Done(ticket) => self.servers[i].done(*ticket)?,
            _ => {}
        }
        Ok(())
    }

    /// Note an output. Answers whether it appends a transaction.
    fn perform(&mut self, i: usize, r: usize, output: &Output<ClientTxn>) -> Result<bool, Broken> {
        match output {
            Output::Elect(to, vote) => {
                self.ghost.broken.lost_disk_spoke |= votes(vote) && self.servers[i].lost();
                let peer = &self.servers[i].up.as_ref().expect("it is up").peer;
                self.ghost.broken.worse_vote |= votes_for_less(peer, vote);
                self.votes.insert((i, *to, of_vote(vote)));
            }
            Output::Send(link, packet) => {
                self.ghost.broken.ack_durable |= !self.servers[i].may_say(packet);
                self.ghost.broken.lost_disk_spoke |= promises(packet) && self.servers[i].lost();
                if let Some(sent) = self.wires.one_by_one((r, *link), packet) {
                    let peer = &self.servers[i].up.as_ref().expect("it is up").peer;
                    self.ghost.broken.oversized_diff |= is_oversized(peer, sent);
                }
                let state = match packet {
                    Packet::Snap { zxid, .. } => {
                        let chain = &self.servers[i].ahead.chain;
                        Some((*zxid, chain.beginning(chain.up_to(*zxid))))
                    }
                    _ => None,
                };
                self.wires.send((r, *link), Sent { fingerprint: fingerprint::of_packet(packet), state });
            }
            Output::Hangup(link, reason) => {
                let offence = matches!(reason, Reason::Unexpected | Reason::Gap | Reason::CommitOutOfOrder);
                self.ghost.broken.offence |= offence;
                self.wires.set((r, *link), Phase::Closed);
            }
            Output::Reply(conn, reply) => self.reply(i, *conn, reply)?,
            Output::CloseClient(conn) => self.clients.closed(i, *conn),
            storage => {
                let appended = self.servers[i].store(storage).map_err(Broken::Replay)?;
                if let (Some((zxid, txn)), Output::Append(_, _, bytes)) = (appended, storage) {
                    self.clients.appended(zxid, txn, bytes);
                    let peer = &self.servers[i].up.as_ref().expect("it is up").peer;
                    if peer.established_epoch() == Some(zxid.epoch()) {
                        self.ghost.propose(zxid, txn);
                    }
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Something leaves for a client.
    fn reply(&mut self, i: usize, conn: ConnId, reply: &ClientReply) -> Result<(), Broken> {
        let (ids, servers) = (&self.ids, &self.servers);
        let membership = &self.recordings[0].header.config.membership;
        let on_quorum = |zxid, txn| {
            let has = |server: &Server| server.durable.chain.find(zxid) == Some((zxid, txn));
            membership.is_quorum(|id| ids.binary_search(&id).is_ok_and(|j| has(&servers[j])))
        };
        let read_only = servers[i].up.as_ref().is_some_and(|up| up.peer.is_read_only());
        self.clients.told(At { server: i, id: ids[i], read_only }, conn, reply, &on_quorum)
    }

    /// Tell the ghost what this server made visible.
    fn observe(&mut self, i: usize) -> Result<(), Broken> {
        let server = &mut self.servers[i];
        let peer = &server.up.as_ref().expect("it is up").peer;
        if !peer.serving() {
            return Ok(());
        }
        if server.applied > server.agreed {
            let applied = &server.ahead.chain.entries()[..server.applied];
            self.ghost.deliver(server.agreed, applied);
            server.agreed = server.applied.min(self.ghost.delivered.len());
            for entry in &self.ghost.delivered[self.delivered.len()..] {
                self.delivered.push(*entry);
                self.clients.delivered(entry.0)?;
            }
            let (zxid, digest) = (peer.history().applied(), peer.service().status().digest);
            match self.digests.entry(zxid) {
                Entry::Vacant(vacant) => {
                    vacant.insert(digest);
                }
                Entry::Occupied(known) if *known.get() != digest => {
                    return Err(Broken::Property(
                        "SameState",
                        "Servers that have applied the same have the same tree.",
                    ));
                }
                Entry::Occupied(_) => {}
            }
        }
        let established = peer.established_epoch();
        if let Some(epoch) = established.filter(|_| established != server.reign) {
            self.ghost.establish(epoch, i, server.applied());
        }
        server.reign = established.or(server.reign);
        Ok(())
    }

    fn judge(&mut self) -> Result<(), Broken> {
        if self.ghost.discarded.len() != self.discarded {
            // What was delivered before may be among it.
            self.judged = 0;
        }
        if let Some((invariant, _)) = self.properties.iter().find(|(_, holds)| !holds(self)) {
            return Err(Broken::Property(invariant.name, invariant.claim));
        }
        (self.judged, self.discarded) = (self.ghost.delivered.len(), self.ghost.discarded.len());
        Ok(())
    }

    /// Nothing can happen, and this server received something next.
    fn never_sent(&self, i: usize) -> ReplayError {
        let reader = &self.readers[i];
        let (Some((r, _)), Some((offset, Record::Step { input, .. }))) = (&reader.current, &reader.next)
        else {
            unreachable!("only a step waits for something");
        };
        let from = match input {
            Input::Packet(link, _) => link.server,
            Input::Notification(from, _) => *from,
            _ => self.ids[i],
        };
        let torn = self.recordings.iter().any(|recording| recording.id() == from && recording.torn);
        let lost = if torn { " (a recording of that server ends within a record)" } else { "" };
        let what = shorten(format!("{input:?}"));
        let broken =
            Broken::Contract(format!("{what} was received, and server {from} has not sent it{lost}"));
        self.failed(i, *r, *offset, broken)
    }

    fn failed(&self, i: usize, r: usize, offset: usize, broken: Broken) -> ReplayError {
        let server = &self.servers[i];
        let tell = |told: &Told| {
            let words = match self.recordings[told.recording].record_at(told.offset) {
                Some(Record::Step { input, .. }) => shorten(format!("{input:?}")),
                _ => "?".into(),
            };
            let (state, zab, last, applied) = told.after;
            format!(
                "server {} step {}: {words} → {state:?}/{zab:?}, last {last:?}, applied {applied:?}",
                self.ids[told.server], told.step
            )
        };
        ReplayError::Failed(Box::new(Failure {
            broken,
            server: self.ids[i],
            start: server.starts,
            step: server.up.as_ref().map_or(0, |process| process.steps),
            path: self.recordings[r].path.clone(),
            offset,
            story: self.story.iter().map(tell).collect(),
        }))
    }

    pub(super) fn index(&self, id: ServerId) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }
}

fn of_vote(vote: &Notification) -> u64 {
    let mut hasher = Xxh3::new();
    vote.hash(&mut hasher);
    hasher.finish()
}

fn shorten(mut line: String) -> String {
    if line.len() > LINE {
        let at = (0..=LINE).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        line.truncate(at);
        line.push('…');
    }
    line
}
