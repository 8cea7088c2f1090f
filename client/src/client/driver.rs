//! The task of a client: it owns the connection, and is the one caller of [`Session::step`].

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use quorate_core::config::Constant;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{AuthPacket, Request};
use quorate_core::wire::error_code::ErrorCode;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::{Instrument, debug, info, warn};

use super::listener::{Listener, Notice};
use super::transport::{dial, probe};
use super::watch::{Watchers, Wish};
use crate::session::{
    End, Ended, Host, Input, Moment, OpId, Outcome, Output, Outputs, Refusal, Session, Settings, State,
    Timer, WatchKinds,
};

/// How many requests are on their way at most; further ones wait in the channel.
const IN_FLIGHT: usize = 16 << 10;

/// How many commands are taken before the sockets are looked at again.
const COMMANDS: usize = 256;

/// How much is read at once, in bytes.
const READ: usize = 64 << 10;

/// What the client's handles ask of its task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Carry out an operation.
    Submit {
        id: OpId,
        request: Request,
        absolute: bool,
        answer: oneshot::Sender<Outcome>,
        wish: Option<Wish>,
    },
    /// The caller does not wait for an operation any longer.
    GiveUp(OpId),
    /// Watches of a znode were removed.
    Unwatch { path: String, kinds: WatchKinds },
    /// Tell every state from now on.
    States(mpsc::UnboundedSender<State>),
    /// Close the session, and say when it is over.
    Close(oneshot::Sender<()>),
}

/// What the handles can see at any time.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) state: State,
    pub(crate) id: SessionId,
    pub(crate) password: [u8; 16],
    pub(crate) timeout_ms: i32,
    /// Why the last connection ended.
    pub(crate) last_ended: Option<Ended>,
}

impl Seen {
    pub(crate) fn nothing() -> Self {
        Seen {
            state: State::Connecting,
            id: SessionId(0),
            password: [0; 16],
            timeout_ms: 0,
            last_ended: None,
        }
    }
}

/// How the task behaves, besides the session's settings.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) identities: Vec<AuthPacket>,
    /// Whether an expired session is followed by a new one.
    pub(crate) renew: bool,
    /// A listener that is told everything.
    pub(crate) listener: Option<Listener>,
    /// The last number that an operation got.
    pub(crate) ids: Arc<AtomicU64>,
}

/// A server, and whether it takes writes.
type Probed = (Host, bool);

type Dial = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// The connection, as far as there is one.
enum Link {
    None,
    Dialing(Dial),
    Up(TcpStream),
}

/// An operation whose outcome is awaited.
struct Waiting {
    answer: oneshot::Sender<Outcome>,
    wish: Option<Wish>,
}

pub(crate) struct Driver {
    plan: Plan,
    settings: Constant<Settings>,
    session: Session,
    began: Instant,
    link: Link,
    /// What is to be written, from `written` on.
    unwritten: Vec<u8>,
    written: usize,
    commands: mpsc::UnboundedReceiver<Command>,
    probes: (mpsc::UnboundedSender<Probed>, mpsc::UnboundedReceiver<Probed>),
    waiting: HashMap<OpId, Waiting>,
    watchers: Watchers,
    states: Vec<mpsc::UnboundedSender<State>>,
    closing: Vec<oneshot::Sender<()>>,
    /// Whether no handle is left.
    deserted: bool,
    seen: Arc<watch::Sender<Seen>>,
    outputs: Outputs,
}

/// What the task has waited for.
enum Happened {
    Commands,
    NoHandles,
    Dialed(io::Result<TcpStream>),
    Readable,
    Writable,
    Probed(Host, bool),
    Due,
}

impl Driver {
    pub(crate) fn new(
        plan: Plan,
        commands: mpsc::UnboundedReceiver<Command>,
        seen: Arc<watch::Sender<Seen>>,
    ) -> Self {
        let settings = Constant::new(plan.settings.clone());
        Driver {
            session: Session::new(settings.clone(), fastrand::u64(..)),
            settings,
            plan,
            began: Instant::now(),
            link: Link::None,
            unwritten: Vec::new(),
            written: 0,
            commands,
            probes: mpsc::unbounded_channel(),
            waiting: HashMap::new(),
            watchers: Watchers::default(),
            states: Vec::new(),
            closing: Vec::new(),
            deserted: false,
            seen,
            outputs: Outputs::default(),
        }
    }

    /// Run until the session is over and no handle is left.
    pub(crate) async fn run(self) {
        let span = tracing::info_span!("session", servers = %self.settings.connect);
        self.drive().instrument(span).await;
    }

    async fn drive(mut self) {
        let mut arrived = BytesMut::with_capacity(READ);
        let mut commands = Vec::with_capacity(COMMANDS);
        let mut sleep = Box::pin(sleep_until(self.began));
        self.begin();
        while !self.deserted || !self.is_over() {
            self.write();
            match self.wait(&mut commands, sleep.as_mut()).await {
                Happened::Commands => commands.drain(..).for_each(|command| self.command(command)),
                Happened::NoHandles => {
                    self.deserted = true;
                    self.plan.renew = false;
                    self.step(Input::Close);
                }
                Happened::Dialed(Ok(stream)) => {
                    self.link = Link::Up(stream);
                    self.step(Input::Connected);
                }
                Happened::Dialed(Err(why)) => {
                    debug!(%why, "not connected");
                    self.disconnected();
                }
                Happened::Readable => self.read(&mut arrived),
                Happened::Writable => {}
                Happened::Probed(host, writable) => self.step(Input::Probed { host, writable }),
                Happened::Due => self.due(),
            }
        }
    }

    /// A new session; the identities are those that are known.
    fn begin(&mut self) {
        for packet in self.plan.identities.clone() {
            let id = self.take_id();
            self.step(Input::Submit { id, request: Request::Auth(packet), absolute: false });
        }
        self.step(Input::Start);
    }

    /// Wait for whatever comes first. Commands are taken as long as not too much is on its way.
    async fn wait(&mut self, commands: &mut Vec<Command>, mut sleep: Pin<&mut Sleep>) -> Happened {
        // The timer is moved only if it would come too late: that it comes too early costs less.
        if let Some((_, at)) = self.session.next_alarm() {
            let at = self.began + Duration::from_millis(at);
            if at < sleep.deadline() || sleep.is_elapsed() {
                sleep.as_mut().reset(at);
            }
        }
        let has_alarm = self.session.next_alarm().is_some();
        let has_room = self.is_over() || (self.session.outstanding() < IN_FLIGHT && self.closing.is_empty());
        let takes_commands = has_room && !self.deserted;
        let unwritten = self.written < self.unwritten.len();
        let (dialing, stream) = match &mut self.link {
            Link::None => (None, None),
            Link::Dialing(dial) => (Some(dial), None),
            Link::Up(stream) => (None, Some(&*stream)),
        };
        tokio::select! {
            ready = readable(stream), if stream.is_some() => { let () = ready; Happened::Readable }
            ready = writable(stream), if stream.is_some() && unwritten => { let () = ready; Happened::Writable }
            dialed = dialed(dialing) => Happened::Dialed(dialed),
            count = self.commands.recv_many(commands, COMMANDS), if takes_commands => {
                if count == 0 { Happened::NoHandles } else { Happened::Commands }
            }
            Some((host, writable)) = self.probes.1.recv() => Happened::Probed(host, writable),
            () = sleep, if has_alarm => Happened::Due,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.session.state(), State::Over(_))
    }

    fn take_id(&mut self) -> OpId {
        next_id(&self.plan.ids)
    }

    fn moment(&self) -> Moment {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Moment { ms, random: fastrand::u64(..) }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Submit { id, request, absolute, answer, wish } => {
                // The caller has gone before anything was sent.
                if answer.is_closed() {
                    return;
                }
                self.waiting.insert(id, Waiting { answer, wish });
                self.step(Input::Submit { id, request, absolute });
            }
            Command::GiveUp(id) => self.step(Input::GiveUp(id)),
            Command::Unwatch { path, kinds } => self.watchers.remove(&path, kinds),
            Command::States(sender) => self.states.push(sender),
            Command::Close(done) => {
                self.plan.renew = false;
                self.closing.push(done);
                self.step(Input::Close);
                self.say_closed();
            }
        }
    }

    fn due(&mut self) {
        let now = self.moment().ms;
        let due: Vec<Timer> =
            self.session.alarms().filter(|(_, at)| *at <= now).map(|(timer, _)| timer).collect();
        for timer in due {
            self.step(Input::Alarm(timer));
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let at = self.moment();
        self.session.step(at, input, &mut outputs);
        for output in outputs.list.drain(..) {
            self.perform(output);
        }
        self.unwritten.append(&mut outputs.bytes);
        self.outputs = outputs;
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Dial(host) => {
                debug!(%host, "dialing");
                self.link = Link::Dialing(Box::pin(dial(host)));
            }
            Output::Hangup(why) => {
                match &why {
                    Ended::Offence(_) => warn!(%why, "hung up"),
                    why => debug!(%why, "hung up"),
                }
                self.link = Link::None;
                self.unwritten.clear();
                self.written = 0;
                self.notify(|| Notice::Ended(why.clone()));
                self.seen.send_modify(|seen| seen.last_ended = Some(why));
            }
            Output::Probe(host) => {
                let probes = self.probes.0.clone();
                drop(tokio::spawn(async move {
                    // A server that does not answer says nothing.
                    if let Some(writable) = probe(&host).await {
                        drop(probes.send((host, writable)));
                    }
                }));
            }
            Output::Complete(id, outcome) => self.complete(id, outcome),
            Output::Event(event) => {
                self.watchers.tell(&event);
                self.notify(|| Notice::Event(event));
            }
            Output::State(state) => self.tell(state),
        }
    }

    fn complete(&mut self, id: OpId, outcome: Outcome) {
        let Some(Waiting { answer, wish }) = self.waiting.remove(&id) else { return };
        if let Some(wish) = wish {
            let no_node = Outcome::Refused(Refusal::Server(ErrorCode::NoNode.to_i32()));
            let kind = match &outcome {
                Outcome::Done(_) => wish.kind,
                outcome if *outcome == no_node => wish.absent,
                _ => WatchKinds::NONE,
            };
            if !kind.is_empty() {
                self.watchers.add(wish, kind);
            }
        }
        // A caller that does not wait any longer does not need to know.
        let _ = answer.send(outcome);
    }

    fn tell(&mut self, state: State) {
        let (id, timeout_ms) = (self.session.id(), self.session.timeout_ms());
        info!(?state, session = format_args!("{:#x}", id.0), timeout_ms, "session");
        let password = *self.session.password();
        self.seen.send_modify(|seen| {
            *seen = Seen { state, id, password, timeout_ms, last_ended: seen.last_ended.take() }
        });
        self.states.retain(|states| states.send(state).is_ok());
        self.notify(|| Notice::State(state));
        if let State::Over(end) = state {
            self.watchers.clear();
            self.say_closed();
            if end == End::Expired && self.plan.renew {
                let accepted: Vec<AuthPacket> = self.session.identities().cloned().collect();
                self.plan.identities = accepted;
                self.session = Session::new(self.settings.clone(), fastrand::u64(..));
                self.begin();
            }
        }
    }

    fn notify(&self, notice: impl FnOnce() -> Notice) {
        if let Some(listener) = &self.plan.listener {
            listener.tell(notice());
        }
    }

    fn say_closed(&mut self) {
        if self.is_over() {
            for done in self.closing.drain(..) {
                let _ = done.send(());
            }
        }
    }

    fn disconnected(&mut self) {
        self.link = Link::None;
        self.step(Input::Disconnected);
    }

    /// Write what the socket takes.
    fn write(&mut self) {
        let Link::Up(stream) = &self.link else { return };
        while self.written < self.unwritten.len() {
            match stream.try_write(&self.unwritten[self.written..]) {
                Ok(0) => return self.disconnected(),
                Ok(count) => self.written += count,
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return,
                Err(why) => {
                    debug!(%why, "cannot write");
                    return self.disconnected();
                }
            }
        }
        self.unwritten.clear();
        self.written = 0;
    }

    /// Read what has arrived, once: other things get their turn.
    fn read(&mut self, arrived: &mut BytesMut) {
        let Link::Up(stream) = &self.link else { return };
        arrived.clear();
        arrived.reserve(READ);
        match stream.try_read_buf(arrived) {
            Ok(0) => self.disconnected(),
            Ok(_) => self.step(Input::Bytes(arrived)),
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            Err(why) => {
                debug!(%why, "cannot read");
                self.disconnected();
            }
        }
    }
}

/// A number for an operation.
pub(crate) fn next_id(ids: &AtomicU64) -> OpId {
    OpId(ids.fetch_add(1, Ordering::Relaxed) + 1)
}

/// The socket can be read, or is broken, which reading shows.
async fn readable(stream: Option<&TcpStream>) {
    if let Some(stream) = stream {
        drop(stream.readable().await);
    }
}

async fn writable(stream: Option<&TcpStream>) {
    if let Some(stream) = stream {
        drop(stream.writable().await);
    }
}

async fn dialed(dial: Option<&mut Dial>) -> io::Result<TcpStream> {
    match dial {
        Some(dial) => dial.await,
        None => std::future::pending().await,
    }
}
