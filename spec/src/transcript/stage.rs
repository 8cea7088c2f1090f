//! What the commands of a transcript do: a [`World`] in which nothing happens by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_core::config::{Constant, ElectionMode, PeerConfig, SizeLimit};
use quorate_core::ids::{Epoch, ServerId, Zxid};
use quorate_core::membership::Membership;
use quorate_core::quorum::{Group, QuorumVerifier};
use quorate_core::timer::Timer;

use crate::byte::Byte;
use crate::models::ensemble::Ensemble;
use crate::world::{
    Action, Budget, Connection, DiskOp, Durable, End, Flaws, Forged, Harsh, QuorumPort, Setting, Side, World,
};
use crate::{properties, words};

/// More steps than any scenario needs to come to rest.
const MOST_STEPS: usize = 10_000;

/// The budget of a world in which commands decide what happens.
const UNBOUNDED: Budget = Budget { faults: u8::MAX, txns: u8::MAX, elections: u8::MAX, resends: u8::MAX };

const TIMERS: [Timer; 8] = [
    Timer::ElectionResend,
    Timer::ElectionDecide,
    Timer::Redial,
    Timer::PhaseLimit,
    Timer::Liveness,
    Timer::Ping,
    Timer::SessionExpiry,
    Timer::ReadOnly,
];

const SIDES: [Side; 2] = [Side::Learner, Side::Leader];

/// A world, and what `settle` leaves alone.
#[derive(Debug, Default)]
pub struct Stage {
    play: Option<Play>,
    /// Directions in which nothing arrives.
    held_links: BTreeSet<(usize, usize)>,
    held_disks: BTreeSet<usize>,
}

#[derive(Debug)]
struct Play {
    setting: Arc<Setting>,
    world: World,
    judge: Ensemble,
}

/// What came of a command, line by line; or why it cannot be done.
type Said = Result<Vec<String>, String>;

impl Stage {
    /// Do what one command says.
    ///
    /// * `servers N [observers M] [remember K] [diff K] [groups 1,2,3/4,5,6/7,8,9] [oracle] [eager]` begins:
    ///   N voters, all down, with empty disks. Each remembers K committed transactions for learners that are
    ///   behind, and sends at most K of them one by one. With `oracle` no server votes: leaders are named.
    ///   With `eager`, deliveries that only their receiver can notice happen at once, as in the models. With
    ///   either of them, a server that cannot connect tries again at once
    /// * `config I [remember K] [diff K] [snapshots K] [loses disk] [forged E] [like zookeeper]` makes one
    ///   server different. It begins a snapshot after K transactions. Its disk is gone when it dies.
    ///   Strangers take its name, and claim epoch E. It behaves as ZooKeeper does (with `oracle`)
    /// * `disk I epochs ACCEPTED/CURRENT [snapshot Z=x…] [reaches Z] [log Z=x…] [lost]` what a server has
    ///   before; the snapshot may contain what is up to `reaches`
    /// * `start I…`, `crash I [keeping N]`: a process; of the pending writes the first N take effect
    /// * `lead I`, `follow I J`: the oracle names a leader; the first follows the second
    /// * `vote I -> J`, `deliver I -> J [N]`, `deliver I -> J new`, `deliver I -> J of G`: one vote, N
    ///   packets, a packet of the newest connection between the two, or of generation G, arrives at J
    /// * `notice I J [of G]`: I sees that its connection to J is down
    /// * `connect I`: I's attempt to connect to its leader succeeds
    /// * `sync I [N]`: N pending writes of I become durable
    /// * `snapshot I`: the snapshot that I writes in the background is complete
    /// * `submit I x…`: clients hand I transactions
    /// * `ask I`: a client asks I, which serves, for `sync`
    /// * `alarm I NAME`: an alarm fires
    /// * `cut I J [of G]`: the connections between these break
    /// * `forge I`: a stranger introduces itself to I, and goes
    /// * `hold I -> J`, `hold I`, `hold disk I`, `release …`: `settle` delivers nothing in this
    ///   direction, from or to this server, from this disk; `release` alone releases all
    /// * `settle`: everything else happens
    /// * `quietly COMMAND`: without a word
    /// * `show [I…]`: the servers at rest, and what is under way
    ///
    /// # Errors
    /// The command cannot be understood, is impossible now, or breaks a property.
    pub fn command(&mut self, command: &str) -> Said {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["servers", rest @ ..] => self.servers(rest),
            ["disk", i, rest @ ..] => self.disk(i, rest),
            ["config", i, rest @ ..] => self.config(i, rest),
            ["lead", i] => self.act(Action::Lead(self.index(i)?)),
            ["follow", i, j] => self.act(Action::Follow(self.index(i)?, self.index(j)?)),
            ["quietly", rest @ ..] => {
                self.command(&rest.join(" "))?;
                Ok(vec![])
            }
            ["start", ids @ ..] => each(ids, |id| self.act(Action::Start(self.index(id)?))),
            ["crash", i] => self.crash(i, 0),
            ["crash", i, "keeping", n] => self.crash(i, number(n)?),
            ["vote", i, "->", j] => {
                let (from, to) = (self.index(i)?, self.index(j)?);
                self.act(Action::Vote { from, to })
            }
            ["deliver", i, "->", j] => self.deliver(i, j, 1, Which::Oldest),
            ["deliver", i, "->", j, "new"] => self.deliver(i, j, 1, Which::Newest),
            ["deliver", i, "->", j, "of", g] => self.deliver(i, j, 1, Which::Generation(number(g)? as u32)),
            ["deliver", i, "->", j, n] => self.deliver(i, j, number(n)?, Which::Oldest),
            ["notice", i, j, rest @ ..] => {
                let (i, j) = (self.index(i)?, self.index(j)?);
                let generation = generation(rest)?;
                let all = self.world()?.connections().iter().enumerate();
                let ends = all.flat_map(|(c, connection)| SIDES.map(|side| (c, connection, side)));
                let found = ends
                    .filter(|(_, connection, side)| connection.between(*side) == (j, i))
                    .filter(|(_, connection, _)| generation.is_none_or(|g| connection.generation == g))
                    .find(|(_, connection, side)| connection.sees_down(*side));
                let (c, _, side) = found.ok_or("there is no such connection that is down")?;
                self.act(Action::Down(c, side))
            }
            ["connect", i] => self.act(Action::Connect(self.index(i)?)),
            ["sync", i] => self.act(Action::Sync(self.index(i)?)),
            ["sync", i, n] => each(&vec![*i; number(n)?], |i| self.act(Action::Sync(self.index(i)?))),
            ["snapshot", i] => self.act(Action::Snapshot(self.index(i)?)),
            ["submit", i, letters @ ..] => each(letters, |letter| self.submit(i, letter)),
            ["ask", i] => {
                let i = self.index(i)?;
                self.world_mut()?.ask(i);
                self.tell(None)
            }
            ["alarm", i, name] => self.alarm(i, name),
            ["forge", i] => self.act(Action::Forge(self.index(i)?)),
            ["cut", i, j, rest @ ..] => self.cut(i, j, generation(rest)?),
            ["hold", rest @ ..] => self.hold(rest, true),
            ["release"] => {
                self.held_links.clear();
                self.held_disks.clear();
                Ok(vec![])
            }
            ["release", rest @ ..] => self.hold(rest, false),
            ["settle"] => self.settle(),
            ["show", ids @ ..] => self.show(ids),
            _ => Err(format!("there is no command `{}`", words.first().unwrap_or(&""))),
        }
    }

    // --- the beginning -------------------------------------------------------------------------

    fn servers(&mut self, words: &[&str]) -> Said {
        let ids = |n: usize| -> Vec<ServerId> { (1..=n as i64).map(ServerId).collect() };
        let (voters, mut rest) = words.split_first().ok_or("how many servers?")?;
        let voters = number(voters)?;
        let (mut all, mut remember, mut verifier) = (voters, 500, QuorumVerifier::Majority(ids(voters)));
        let mut diff_limit = SizeLimit::NONE;
        let (mut election, mut eager) = (ElectionMode::Fast, false);
        while let Some((key, more)) = rest.split_first() {
            rest = more;
            let oracle = *key == "oracle";
            if oracle || *key == "eager" {
                (election, eager) = if oracle { (ElectionMode::Oracle, eager) } else { (election, true) };
                continue;
            }
            let (value, more) = rest.split_first().ok_or_else(|| format!("`{key}` of how many?"))?;
            match *key {
                "observers" => all = voters + number(value)?,
                "remember" => remember = number(value)?,
                "diff" => diff_limit = SizeLimit { bytes: number(value)?, percent: 0 },
                "groups" => verifier = groups(value)?,
                other => return Err(format!("`{other}` is nothing that servers have")),
            }
            rest = more;
        }
        let config = |id: ServerId| {
            Constant::new(PeerConfig::<Byte> {
                election,
                commit_log_count: remember,
                diff_limit,
                init_limit: 1,
                tick_ms: 1000,
                sync_limit: 1,
                ..PeerConfig::new(id, Membership::new(verifier.clone(), ids(all).split_off(voters)), ())
            })
        };
        let setting = Arc::new(Setting {
            configs: ids(all).into_iter().map(config).collect(),
            quorum_port: QuorumPort::Open,
            submit_anywhere: true,
            syncs: true,
            eager,
            redials: eager || election == ElectionMode::Oracle,
            votes_wait: false,
            harsh: Harsh::default(),
            fragile: None,
            forged: None,
            java: Vec::new(),
            interchangeable: Vec::new(),
            salt: 0,
        });
        self.begin(setting, vec![Durable::empty(); all]);
        Ok(vec![])
    }

    /// One server is configured differently.
    fn config(&mut self, i: &str, words: &[&str]) -> Said {
        let i = self.index(i)?;
        let play = self.play.take().ok_or(NO_SERVERS)?;
        if play.world.peers().next().is_some() {
            return Err("servers are configured before any of them starts".to_owned());
        }
        let mut setting = Setting::clone(&play.setting);
        let mut config = PeerConfig::clone(&setting.configs[i]);
        for pair in words.chunks(2) {
            match pair {
                ["remember", k] => config.commit_log_count = number(k)?,
                ["diff", k] => config.diff_limit = SizeLimit { bytes: number(k)?, percent: 0 },
                ["snapshots", k] => config.snap_count = number(k)? as u64,
                ["loses", "disk"] => setting.fragile = Some(i),
                ["like", "zookeeper"] => setting.java.push((i, Flaws::NONE)),
                ["forged", epoch] => {
                    let accepted_epoch = number(epoch)? as Epoch;
                    setting.forged = Some(Forged { server: setting.configs[i].id, accepted_epoch });
                }
                other => return Err(format!("`{}` is nothing that a server has", other.join(" "))),
            }
        }
        setting.configs[i] = Constant::new(config);
        let disks = play.world.servers().map(|s| s.disk.durable.clone()).collect();
        self.begin(Arc::new(setting), disks);
        Ok(vec![])
    }

    fn disk(&mut self, i: &str, words: &[&str]) -> Said {
        let i = self.index(i)?;
        let mut disk: Durable = Durable::empty();
        let mut into = "";
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "epochs" => {
                    let epochs = words.next().and_then(|w| w.split_once('/')).ok_or("epochs 2/1")?;
                    disk.accepted_epoch = number(epochs.0)? as Epoch;
                    disk.current_epoch = number(epochs.1)? as Epoch;
                }
                "snapshot" | "log" => into = word,
                "reaches" => {
                    let zxid = words.next().ok_or("reaches 1:3")?;
                    disk.reaches = place(zxid)?;
                }
                "lost" => disk.lost = true,
                word if into == "snapshot" => {
                    let (zxid, byte) = transaction(word)?;
                    let (at, state) = disk.snapshot.get_or_insert_default();
                    *at = zxid;
                    Arc::make_mut(state).push((zxid, byte));
                }
                word if into == "log" => disk.log.push(transaction(word)?),
                word => return Err(format!("`{word}` is nothing that a disk has")),
            }
        }
        let play = self.play.take().ok_or(NO_SERVERS)?;
        if play.world.peers().next().is_some() {
            return Err("disks are given before a server starts".to_owned());
        }
        let mut disks: Vec<Durable> = play.world.servers().map(|s| s.disk.durable.clone()).collect();
        disks[i] = disk;
        self.begin(play.setting, disks);
        Ok(vec![])
    }

    fn begin(&mut self, setting: Arc<Setting>, disks: Vec<Durable>) {
        let mut world = World::new(Arc::clone(&setting), disks, UNBOUNDED);
        world.take_trace();
        let judge = Ensemble {
            init: vec![world.clone()],
            invariants: properties::ZAB,
            sometimes: &[],
            terminal: |_| true,
            goal: None,
        };
        self.play = Some(Play { setting, world, judge });
    }

    // --- what happens --------------------------------------------------------------------------

    /// One action, which must be possible.
    fn act(&mut self, action: Action) -> Said {
        let world = self.world()?;
        let mut possible = Vec::new();
        world.actions(&mut possible);
        if !possible.contains(&action) {
            return Err(format!("impossible now: {action}"));
        }
        let done = match action {
            Action::Sync(i) => world.servers().nth(i).and_then(|s| s.disk.pending.front().cloned()),
            _ => None,
        };
        let started = match action {
            Action::Start(i) => world.servers().nth(i).map(|s| words::durable(&s.disk.durable)),
            _ => None,
        };
        let play = self.play.as_mut().expect("there is a world");
        play.world = play.world.next(&action);
        let mut said = self.tell(done.as_ref())?;
        if let (Some(disk), Some(first)) = (started, said.first_mut()) {
            let disk = if disk == "empty" { "an empty disk".to_owned() } else { disk };
            *first += &format!(" with {disk}");
        }
        Ok(said)
    }

    fn submit(&mut self, i: &str, letter: &str) -> Said {
        let (i, byte) = (self.index(i)?, byte(letter)?);
        self.up(i)?;
        self.world_mut()?.submit(i, byte);
        self.tell(None)
    }

    fn alarm(&mut self, i: &str, name: &str) -> Said {
        let found = TIMERS.into_iter().find(|timer| format!("{timer:?}") == name);
        let timer = found.ok_or_else(|| format!("there is no alarm `{name}`"))?;
        let i = self.index(i)?;
        if !self.world()?.armed(i, timer) {
            return Err(format!("{name} of server {} is not set", i + 1));
        }
        self.world_mut()?.fire(i, timer);
        self.tell(None)
    }

    fn crash(&mut self, i: &str, kept: usize) -> Said {
        let i = self.index(i)?;
        let mut said = words::death(self.world()?, i, kept);
        said.extend(self.act(Action::Crash(i, kept))?);
        Ok(said)
    }

    fn cut(&mut self, i: &str, j: &str, generation: Option<u32>) -> Said {
        let (i, j) = (self.index(i)?, self.index(j)?);
        let joins = |c: &Connection| {
            generation.is_none_or(|g| c.generation == g)
                && !c.cut
                && [(i, j), (j, i)].contains(&(c.learner, c.leader))
                && c.learner_end == End::Open
        };
        let lost = words::under_way(self.world()?, |c| joins(c));
        let all = self.world()?.connections().iter().enumerate();
        let cut: Vec<usize> = all.filter(|(_, c)| joins(c)).map(|(at, _)| at).collect();
        if cut.is_empty() {
            return Err(format!("{} and {} are not connected", i + 1, j + 1));
        }
        let mut said = vec![format!("the connection between {} and {} breaks", i + 1, j + 1)];
        said.extend(lost.into_iter().map(|what| format!("    lost: {what}")));
        for c in cut {
            said.extend(self.act(Action::Cut(c))?);
        }
        Ok(said)
    }

    fn deliver(&mut self, i: &str, j: &str, packets: usize, which: Which) -> Said {
        let (from, to) = (self.index(i)?, self.index(j)?);
        let mut said = Vec::new();
        for _ in 0..packets {
            let world = self.world()?;
            let all = world.connections().iter().enumerate();
            let ends = all.flat_map(|(c, connection)| SIDES.map(|side| (c, connection, side)));
            let ready = ends.filter(|(_, connection, side)| {
                let open = connection.end(*side) != End::Closed;
                open && connection.between(*side) == (from, to) && !connection.queue(*side).is_empty()
            });
            let ready: Vec<(usize, Side)> = ready.map(|(c, _, side)| (c, side)).collect();
            let of = |g: u32| ready.iter().find(|(c, _)| world.connections()[*c].generation == g);
            let found = match which {
                Which::Oldest => ready.first(),
                Which::Newest => ready.last(),
                Which::Generation(g) => of(g),
            };
            let &(c, side) =
                found.ok_or_else(|| format!("nothing is under way from {} to {}", from + 1, to + 1))?;
            said.extend(self.act(Action::Deliver(c, side))?);
        }
        Ok(said)
    }

    fn hold(&mut self, words: &[&str], hold: bool) -> Said {
        let links = match words {
            ["disk", i] => {
                let i = self.index(i)?;
                let disks = &mut self.held_disks;
                if hold {
                    disks.insert(i)
                } else {
                    disks.remove(&i)
                };
                return Ok(vec![]);
            }
            [i, "->", j] => vec![(self.index(i)?, self.index(j)?)],
            [i] => {
                let (i, n) = (self.index(i)?, self.world()?.servers().count());
                (0..n).flat_map(|j| [(i, j), (j, i)]).collect()
            }
            _ => return Err("hold I -> J, hold I, or hold disk I".to_owned()),
        };
        for link in links {
            if hold {
                self.held_links.insert(link)
            } else {
                self.held_links.remove(&link)
            };
        }
        Ok(vec![])
    }

    /// Everything that can happen without a fault and is not held back.
    fn settle(&mut self) -> Said {
        let mut said = Vec::new();
        for _ in 0..MOST_STEPS {
            let world = self.world()?;
            let mut actions = Vec::new();
            world.actions(&mut actions);
            let next = actions.into_iter().filter_map(|a| Some((self.turn(world, &a)?, a)));
            if let Some((_, action)) = next.min_by_key(|(turn, _)| *turn) {
                said.extend(self.act(action)?);
                continue;
            }
            let redials = |i: &usize| world.armed(*i, Timer::Redial) && world.peers().any(|(j, _)| j == *i);
            let Some(i) = (0..world.servers().count()).find(redials) else { return Ok(said) };
            self.world_mut()?.fire(i, Timer::Redial);
            said.extend(self.tell(None)?);
        }
        Err(format!("it does not come to rest within {MOST_STEPS} steps"))
    }

    /// When an action has its turn in `settle`; `None` if it is a fault or held back.
    fn turn(&self, world: &World, action: &Action) -> Option<u8> {
        let free = |from: usize, to: usize| !self.held_links.contains(&(from, to));
        match action {
            Action::Vote { from, to } => free(*from, *to).then_some(0),
            Action::Deliver(c, side) | Action::Down(c, side) => {
                let (from, to) = world.connections()[*c].between(*side);
                free(from, to).then_some(1)
            }
            Action::Sync(i) | Action::Snapshot(i) => (!self.held_disks.contains(i)).then_some(2),
            Action::Connect(i) => {
                let status = world.peers().find(|(j, _)| j == i).map(|(_, p)| p.status())?;
                let leader = usize::try_from(status.leader?.0 - 1).expect("servers are numbered from 1");
                (free(*i, leader) && free(leader, *i)).then_some(3)
            }
            Action::Decide(_) => Some(4),
            _ => None,
        }
    }

    fn show(&mut self, ids: &[&str]) -> Said {
        let n = self.world()?.servers().count();
        let indices: Result<Vec<usize>, String> = ids.iter().map(|id| self.index(id)).collect();
        let indices = indices?;
        let shown = (0..n).filter(|i| indices.is_empty() || indices.contains(i));
        let world = self.world()?;
        let mut said: Vec<String> = shown.map(|i| words::server(world, i)).collect();
        if indices.is_empty() {
            said.extend(
                words::under_way(world, |_| true).into_iter().map(|what| format!("under way: {what}")),
            );
        }
        Ok(said)
    }

    // --- small things --------------------------------------------------------------------------

    /// The steps since the last time, in words, if no property is broken.
    fn tell(&mut self, done: Option<&DiskOp>) -> Said {
        let play = self.play.as_mut().ok_or(NO_SERVERS)?;
        if let Some(broken) = play.judge.broken(&play.world) {
            return Err(format!("{} is broken: {}", broken.name, broken.claim));
        }
        Ok(play.world.take_trace().iter().flat_map(|event| words::event(event, done)).collect())
    }

    /// The world as it is.
    ///
    /// # Errors No command has said yet how many servers there are.
    pub fn world(&self) -> Result<&World, String> {
        self.play.as_ref().map(|play| &play.world).ok_or_else(|| NO_SERVERS.to_owned())
    }

    fn world_mut(&mut self) -> Result<&mut World, String> {
        self.play.as_mut().map(|play| &mut play.world).ok_or_else(|| NO_SERVERS.to_owned())
    }

    fn index(&self, id: &str) -> Result<usize, String> {
        let number: usize = id.parse().map_err(|_| format!("`{id}` is no server"))?;
        let there = (1..=self.world()?.servers().count()).contains(&number);
        if there { Ok(number - 1) } else { Err(format!("there is no server {id}")) }
    }

    fn up(&self, i: usize) -> Result<(), String> {
        let up = self.world()?.servers().nth(i).is_some_and(|server| server.view().is_some());
        if up { Ok(()) } else { Err(format!("server {} is down", i + 1)) }
    }
}

/// Which of several connections.
#[derive(Clone, Copy)]
enum Which {
    Oldest,
    Newest,
    Generation(u32),
}

/// `of G`, or nothing.
fn generation(words: &[&str]) -> Result<Option<u32>, String> {
    match words {
        [] => Ok(None),
        ["of", g] => Ok(Some(number(g)? as u32)),
        other => Err(format!("`{}` is not like `of 1`", other.join(" "))),
    }
}

const NO_SERVERS: &str = "begin with `servers N`";

fn each<T: Copy>(of: &[T], mut act: impl FnMut(T) -> Said) -> Said {
    let mut said = Vec::new();
    for one in of {
        said.extend(act(*one)?);
    }
    Ok(said)
}

fn number(word: &str) -> Result<usize, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

fn byte(letter: &str) -> Result<Byte, String> {
    match letter.as_bytes() {
        [byte] if byte.is_ascii_graphic() => Ok(Byte(*byte)),
        _ => Err(format!("`{letter}` is no transaction: those are single letters")),
    }
}

/// `1:2=b`
fn transaction(word: &str) -> Result<(Zxid, Byte), String> {
    let (zxid, letter) = word.split_once('=').ok_or_else(|| format!("`{word}` is not like 1:2=b"))?;
    Ok((place(zxid)?, byte(letter)?))
}

/// `1:2`.
fn place(word: &str) -> Result<Zxid, String> {
    let (epoch, counter) = word.split_once(':').ok_or_else(|| format!("`{word}` is not like 1:2"))?;
    Ok(Zxid::new(number(epoch)? as Epoch, number(counter)? as u32))
}

/// `1,2,3/4,5,6/7,8,9`, every server of weight 1.
fn groups(word: &str) -> Result<QuorumVerifier, String> {
    let member = |id: &str| Ok((ServerId(number(id)? as i64), 1));
    let group = |text: &str| {
        let members: Result<Vec<(ServerId, u32)>, String> = text.split(',').map(member).collect();
        Ok(Group { members: members? })
    };
    let all: Result<Vec<Group>, String> = word.split('/').map(group).collect();
    Ok(QuorumVerifier::Hierarchical(all?))
}
