//! A story, and how a model tells it step by step.

use std::fmt;

/// A way through a model.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What is told, in one line.
    pub title: String,
    /// What the last state shows: what is broken, or what is reached.
    pub verdict: Vec<String>,
    /// The way as numbers: of the initial state, then of each action among those that are possible.
    pub path: Vec<usize>,
    /// How to see it again, if a command does that.
    pub again: String,
    /// The processes that take part: the columns of the diagram. Empty if the model does not say.
    pub lanes: Vec<String>,
    /// How they look at first.
    pub looks: Vec<Look>,
    /// The first state.
    pub first: Vec<String>,
    /// The actions of the way.
    pub steps: Vec<Step>,
    /// The rows of the diagram.
    pub beats: Vec<Beat>,
    /// The arrows of the diagram: the messages.
    pub arrows: Vec<Arrow>,
    /// The step (from 0) before which a state stands that the last step leads back to.
    pub cycle: Option<usize>,
}

/// One action.
#[derive(Clone, Debug)]
pub struct Step {
    /// What happens in this action.
    pub headline: String,
    /// The state afterwards.
    pub after: Vec<String>,
}

/// One thing that one process does at once.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Index of the step it belongs to.
    pub step: usize,
    /// The column of the process that does it.
    pub lane: usize,
    /// The kind of thing that happens.
    pub kind: Kind,
    /// What happens: a line, then what comes of it, further in.
    pub lines: Vec<String>,
    /// What of it the diagram says beside the arrows.
    pub notes: Vec<String>,
    /// The process from now on.
    pub look: Look,
}

/// What kind of thing happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A process does something.
    Does,
    /// A write has become durable.
    Disk,
    /// A fault.
    Fault,
}

/// How a process looks in the diagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Look {
    /// Nothing is said about it.
    #[default]
    Plain,
    /// The process does not run.
    Down,
    /// The process looks for a leader.
    Looking,
    /// The process has a leader.
    Following,
    /// A leader, by its own account.
    Leading,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// The process that sent the message.
    pub from: usize,
    /// Whom it is for.
    pub to: usize,
    /// What the message says.
    pub what: String,
    /// The beat at which it was sent; `None` if before the first.
    pub sent: Option<usize>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The message was read at this beat.
    Arrives(usize),
    /// The message was lost at this beat.
    Lost(usize),
    /// The message never left, or a newer one took its place.
    Dropped,
    /// The message is still under way.
    UnderWay,
}

/// Messages of one channel arrive in the order in which they were sent: from whom, to whom, and which of
/// their channels.
pub type Channel = (usize, usize, u32);

/// What a model tells its steps to.
#[derive(Debug)]
pub struct Teller {
    story: Story,
    under_way: Vec<(Channel, usize)>,
    looks: Vec<Look>,
}

/// A path that a model does not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoSuchPath(pub String);

impl fmt::Display for NoSuchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoSuchPath {}

impl Teller {
    /// Nothing has happened yet: the processes, how they look (as far as the model says it), the first state.
    pub fn new(lanes: Vec<String>, looks: Vec<Look>, first: Vec<String>) -> Self {
        let looks: Vec<Look> =
            (0..lanes.len()).map(|lane| looks.get(lane).copied().unwrap_or_default()).collect();
        let title = "a way through the model".to_owned();
        let story = Story { title, lanes, first, looks: looks.clone(), ..Story::default() };
        Teller { story, under_way: vec![], looks }
    }

    /// An action begins.
    pub fn step(&mut self, headline: impl Into<String>) {
        self.story.steps.push(Step { headline: headline.into(), after: Vec::new() });
    }

    /// The process of this column does something. What is sent and read next is sent and read by it.
    pub fn beat(&mut self, lane: usize, kind: Kind, lines: Vec<String>, notes: Vec<String>) {
        let step = self.story.steps.len() - 1;
        self.story.beats.push(Beat { step, lane, kind, lines, notes, look: self.looks[lane] });
    }

    /// A process reads messages, does something (`notes`), and sends messages. Each message comes with the
    /// other side, the number of the channel between them, and what it says.
    pub fn act(
        &mut self,
        lane: usize,
        reads: &[(usize, u32, String)],
        notes: Vec<String>,
        sends: &[(usize, u32, String)],
    ) {
        let name = |lane: usize| &self.story.lanes[lane];
        let read = reads.iter().map(|(from, _, what)| format!("    reads from {}: {what}", name(*from)));
        let did = notes.iter().map(|note| format!("    {note}"));
        let sent = sends.iter().map(|(to, _, what)| format!("    → {}: {what}", name(*to)));
        let lines = read.chain(did).chain(sent).collect();
        self.beat(lane, Kind::Does, lines, notes);
        for (from, channel, what) in reads {
            self.read((*from, lane, *channel), what);
        }
        for (to, channel, what) in sends {
            self.send((lane, *to, *channel), what);
        }
    }

    /// The process that acts looks like this from now on.
    pub fn look(&mut self, look: Look) {
        let beat = self.story.beats.last_mut().expect("somebody acts");
        beat.look = look;
        self.looks[beat.lane] = look;
    }

    /// The process that acts sends this.
    pub fn send(&mut self, channel: Channel, what: impl Into<String>) {
        let sent = self.story.beats.len().checked_sub(1);
        self.under_way.push((channel, self.story.arrows.len()));
        let (from, to, _) = channel;
        self.story.arrows.push(Arrow { from, to, what: what.into(), sent, fate: Fate::UnderWay });
    }

    /// The process that acts reads the oldest message of this channel; if none was told of, this one.
    pub fn read(&mut self, channel: Channel, what: impl Into<String>) {
        let beat = self.story.beats.len() - 1;
        let at = self.under_way.iter().position(|(c, _)| *c == channel);
        let fate = Fate::Arrives(beat);
        match at {
            Some(at) => {
                let (_, arrow) = self.under_way.remove(at);
                self.story.arrows[arrow].fate = fate;
            }
            None => {
                let (from, to, _) = channel;
                self.story.arrows.push(Arrow { from, to, what: what.into(), sent: None, fate });
            }
        }
    }

    /// Of what is under way on each channel, as many as `left` says are left; the newer ones are lost.
    pub fn lose(&mut self, left: impl Fn(Channel) -> usize) {
        let beat = self.story.beats.len().saturating_sub(1);
        let mut seen: Vec<(Channel, usize)> = Vec::new();
        let arrows = &mut self.story.arrows;
        self.under_way.retain(|(channel, arrow)| {
            let at = seen.iter().position(|(c, _)| c == channel).unwrap_or_else(|| {
                seen.push((*channel, left(*channel)));
                seen.len() - 1
            });
            let stays = seen[at].1 > 0;
            seen[at].1 = seen[at].1.saturating_sub(1);
            if !stays {
                arrows[*arrow].fate = Fate::Lost(beat);
            }
            stays
        });
    }

    /// What is under way on this channel is superseded, or was never sent.
    pub fn drop_all(&mut self, channel: Channel) {
        let arrows = &mut self.story.arrows;
        self.under_way.retain(|(c, arrow)| {
            if *c == channel {
                arrows[*arrow].fate = Fate::Dropped;
            }
            *c != channel
        });
    }

    /// The state after the step.
    pub fn after(&mut self, state: Vec<String>) {
        self.story.steps.last_mut().expect("a step has begun").after = state;
    }

    /// The story is complete.
    pub fn end(self) -> Story {
        self.story
    }
}
