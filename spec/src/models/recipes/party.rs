//! One user of a recipe: the shipped machine, and the mailboxes in which the shell leaves what it is told.

use std::collections::VecDeque;

use quorate_client::recipes::machine::{Input, Machine, Output};
use quorate_client::session::{Outcome, Refusal, State, WatchEvent, WatchKinds};
use quorate_core::ids::Zxid;
use quorate_core::tree::path;
use quorate_core::wire::client::{EventType, Request};
use quorate_core::wire::error_code::ErrorCode;

/// A user of a recipe.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Party<M> {
    /// The shipped machine.
    pub machine: M,
    /// Whose session it uses.
    pub client: usize,
    /// How many machines there were before in this place.
    pub life: u8,
    /// Whether it was begun.
    pub started: bool,
    /// Whether it was told to stop.
    pub stopping: bool,
    /// What its machine knows of its session.
    pub knows: State,
    /// Where the server stood when that came to be, if the recipe minds.
    pub knows_at: Zxid,
    /// How many operations it has asked for.
    pub asks: u8,
    /// Whether an operation is under way.
    pub asked: bool,
    outcome: Option<Outcome>,
    events: VecDeque<(EventType, String)>,
    /// How many of these events were there before the outcome: the others are taken after it.
    events_first: usize,
    states: VecDeque<(State, Zxid)>,
    /// How many of these states were there when the operation was asked for: the shell looks at them at once.
    states_first: usize,
    /// The watch that the operation under way sets.
    wish: Option<Wish>,
    /// The watch that it has set, and what that has told: it is listened to once the outcome is taken.
    next: Option<Ears>,
    heard: VecDeque<(EventType, String)>,
    /// The watch that is listened to.
    ears: Option<Ears>,
}

/// A watch that an operation sets: of one kind if the znode is there, of another if not.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Wish {
    path: String,
    present: WatchKinds,
    absent: WatchKinds,
}

/// What listens to a watch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Ears {
    path: String,
    kind: WatchKinds,
}

impl Ears {
    fn are_meant(&self, event: &WatchEvent) -> bool {
        if !self.kind.contains(WatchKinds::RECURSIVE) {
            return event.path == self.path && event.kinds.contains(self.kind);
        }
        let mut at = event.path.as_str();
        loop {
            match path::parent(at) {
                _ if at == self.path => return event.recursive,
                Some(parent) if at != path::ROOT => at = parent,
                _ => return false,
            }
        }
    }
}

/// The mailboxes of a machine. Each keeps its order. An event does not overtake an outcome; apart from that
/// the scheduler decides which is emptied first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mailbox {
    /// The outcome of what was asked for.
    Outcome,
    /// Events of the watch.
    Event,
    /// The session's states.
    State,
}

impl<M> Party<M> {
    /// A user of this client's session, not begun.
    pub fn new(machine: M, client: usize, life: u8) -> Self {
        Party {
            machine,
            client,
            life,
            started: false,
            stopping: false,
            knows: State::Connecting,
            knows_at: Zxid::ZERO,
            asks: 0,
            asked: false,
            outcome: None,
            events: VecDeque::new(),
            events_first: 0,
            states: VecDeque::new(),
            states_first: 0,
            wish: None,
            next: None,
            heard: VecDeque::new(),
            ears: None,
        }
    }

    /// Which mailboxes have something.
    pub fn waiting(&self) -> impl Iterator<Item = Mailbox> {
        let boxes = [
            (self.outcome.is_some() && self.states_first == 0, Mailbox::Outcome),
            (
                if self.outcome.is_some() { self.events_first > 0 } else { !self.events.is_empty() },
                Mailbox::Event,
            ),
            (!self.states.is_empty(), Mailbox::State),
        ];
        boxes.into_iter().filter_map(|(has, which)| has.then_some(which))
    }

    /// Whether it has yet to learn that its connection is lost.
    pub fn learns_of_loss(&self) -> bool {
        self.states.iter().any(|(state, _)| *state == State::Suspended)
    }

    /// The next thing of a mailbox.
    pub fn next(&mut self, which: Mailbox) -> Option<Input> {
        match which {
            Mailbox::Outcome => {
                self.asked = false;
                self.events_first = 0;
                if self.wish.take().is_some() {
                    self.ears = self.next.take();
                    self.events.append(&mut self.heard);
                }
                self.outcome.take().map(Input::Outcome)
            }
            Mailbox::Event => {
                self.events_first = self.events_first.saturating_sub(1);
                self.events.pop_front().map(|(event, path)| Input::Event { event, path })
            }
            Mailbox::State => {
                (self.knows, self.knows_at) = self.states.pop_front()?;
                self.states_first = self.states_first.saturating_sub(1);
                Some(Input::Session(self.knows))
            }
        }
    }

    /// The session's state has changed.
    pub fn tell(&mut self, state: State, at: Zxid) {
        if self.started {
            self.states.push_back((state, at));
        }
    }

    /// The operation has its outcome: its watch is set if the server has set it.
    pub fn complete(&mut self, outcome: Outcome) {
        let no_node = Outcome::Refused(Refusal::Server(ErrorCode::NoNode.to_i32()));
        self.next = self.wish.as_ref().and_then(|wish| {
            let kind = match &outcome {
                Outcome::Done(_) => wish.present,
                refused if *refused == no_node => wish.absent,
                _ => WatchKinds::NONE,
            };
            (!kind.is_empty()).then(|| Ears { path: wish.path.clone(), kind })
        });
        self.outcome = Some(outcome);
        self.events_first = self.events.len();
    }

    /// A watch of the session has fired.
    pub fn hear(&mut self, event: &WatchEvent) {
        for (slot, heard) in [(&mut self.ears, &mut self.events), (&mut self.next, &mut self.heard)] {
            let Some(ears) = slot.as_ref().filter(|ears| ears.are_meant(event)) else { continue };
            if !ears.kind.contains(WatchKinds::RECURSIVE) {
                *slot = None;
            }
            heard.push_back((event.event, event.path.clone()));
        }
    }
}

impl<M: Machine> Party<M> {
    /// The machine takes an input: what it asks for, and what it tells.
    pub fn step(&mut self, input: Input) -> (Option<Request>, Vec<M::Told>) {
        let (mut out, mut asked, mut told) = (Vec::new(), None, Vec::new());
        self.machine.step(input, &mut out);
        for output in out {
            match output {
                Output::Ask(request) => {
                    assert!(!self.asked, "one operation at a time");
                    self.asked = true;
                    self.asks = self.asks.saturating_add(1);
                    self.wish = wish(&request);
                    self.states_first = self.states.len();
                    asked = Some(request);
                }
                Output::Tell(what) => told.push(what),
            }
        }
        (asked, told)
    }
}

/// The watch that an operation sets.
fn wish(request: &Request) -> Option<Wish> {
    let once = |path: &str, present, absent| Some(Wish { path: path.into(), present, absent });
    match request {
        Request::GetData(r) if r.watch => once(&r.path, WatchKinds::DATA, WatchKinds::NONE),
        Request::Exists(r) if r.watch => once(&r.path, WatchKinds::DATA, WatchKinds::EXIST),
        Request::GetChildren(r) if r.watch => once(&r.path, WatchKinds::CHILD, WatchKinds::NONE),
        Request::AddWatch(r) => once(&r.path, WatchKinds::RECURSIVE, WatchKinds::NONE),
        _ => None,
    }
}
