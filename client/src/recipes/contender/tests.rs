//! Contenders over a small tree, in random orders: replies that are lost, sessions that expire.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;
use quorate_core::wire::record::Stat;

use super::*;
use crate::session::End;

const DIR: &str = "/l";

fn terms(mark: &str) -> Terms {
    let (directory, mark) = (DIR.to_string(), mark.to_string());
    Terms { directory, infix: "lock-", others: &["__lock__"], sharing: &[], mark, data: Bytes::new() }
}

/// A contender with its session.
struct Party {
    machine: Contender,
    asked: VecDeque<Request>,
    up: bool,
    expired: bool,
    /// Events on their way, and watches by path.
    events: VecDeque<(EventType, String)>,
    watches: Vec<String>,
    told: Vec<Told>,
}

/// A directory of contenders, and which party has created each of them when.
#[derive(Default)]
struct Tree {
    dir: bool,
    nodes: BTreeMap<String, (usize, u64)>,
    count: u64,
}

struct World {
    tree: Tree,
    parties: Vec<Party>,
    tokens: Vec<Token>,
}

impl World {
    fn new(count: usize) -> World {
        let party = |i: usize| Party {
            machine: Contender::new(terms(&i.to_string())),
            asked: VecDeque::new(),
            up: true,
            expired: false,
            events: VecDeque::new(),
            watches: vec![],
            told: vec![],
        };
        World { tree: Tree::default(), parties: (0..count).map(party).collect(), tokens: vec![] }
    }

    fn step(&mut self, i: usize, input: Input) {
        let mut out = vec![];
        let party = &mut self.parties[i];
        party.machine.step(input, &mut out);
        for output in out {
            match output {
                Output::Ask(request) => party.asked.push_back(request),
                Output::Tell(told) => {
                    if let Told::Held(token) = &told {
                        assert!(
                            self.tokens.last().is_none_or(|last| last < token),
                            "a token that does not grow"
                        );
                        self.tokens.push(*token);
                    }
                    party.told.push(told);
                }
            }
        }
        assert!(party.asked.len() <= 1, "one operation at a time");
        let holders = self.parties.iter().filter(|party| party.machine.holds()).count();
        assert!(holders <= 1, "{holders} hold");
    }

    /// What a server does of a request.
    fn apply(&mut self, i: usize, request: &Request) -> Outcome {
        let code = |code: ErrorCode| Outcome::Refused(Refusal::Server(code.to_i32()));
        let stat = |czxid: u64| Stat { czxid: Zxid(czxid), ..Stat::default() };
        match request {
            Request::Create2(_) if !self.tree.dir => code(ErrorCode::NoNode),
            Request::Create2(r) => {
                self.tree.count += 1;
                let path = format!("{}{:010}", r.path, self.tree.count);
                self.tree.nodes.insert(path.clone(), (i, self.tree.count));
                Outcome::Done(Response::PathStat(path, stat(self.tree.count)))
            }
            Request::CreateContainer(_) if self.tree.dir => code(ErrorCode::NodeExists),
            Request::CreateContainer(r) => {
                self.tree.dir = true;
                Outcome::Done(Response::PathStat(r.path.clone(), Stat::default()))
            }
            Request::GetChildren(_) if !self.tree.dir => code(ErrorCode::NoNode),
            Request::GetChildren(_) => {
                let mut names: Vec<String> =
                    ["foreign", "lock-", "x-lock-12", "lock-000000000x"].map(String::from).into();
                names.extend(
                    self.tree.nodes.keys().filter_map(|path| path.rsplit('/').next()).map(String::from),
                );
                Outcome::Done(Response::Children(names))
            }
            Request::GetData(r) | Request::Exists(r) => match self.tree.nodes.get(&r.path) {
                None => code(ErrorCode::NoNode),
                Some((_, czxid)) => {
                    let stat = stat(*czxid);
                    self.parties[i].watches.push(r.path.clone());
                    Outcome::Done(match request {
                        Request::Exists(_) => Response::Stat(stat),
                        _ => Response::Data { data: None, stat },
                    })
                }
            },
            Request::Sync(path) => Outcome::Done(Response::Sync(path.clone())),
            Request::Delete(r) => {
                if self.remove(&r.path) {
                    Outcome::Done(Response::Empty)
                } else {
                    code(ErrorCode::NoNode)
                }
            }
            request => panic!("{request:?}"),
        }
    }

    fn remove(&mut self, path: &str) -> bool {
        self.fire(EventType::NodeDeleted, path);
        self.tree.nodes.remove(path).is_some()
    }

    fn fire(&mut self, event: EventType, path: &str) {
        for party in &mut self.parties {
            if let Some(at) = party.watches.iter().position(|watched| watched == path) {
                party.watches.remove(at);
                party.events.push_back((event, path.to_string()));
            }
        }
    }

    /// The next thing that a server has for a party.
    fn serve(&mut self, i: usize) -> bool {
        if self.parties[i].expired && self.parties[i].up && self.parties[i].asked.pop_front().is_some() {
            self.step(i, Input::Outcome(Outcome::Refused(Refusal::Over(End::Expired))));
            return true;
        }
        if self.parties[i].expired || !self.parties[i].up {
            return false;
        }
        if let Some((event, path)) = self.parties[i].events.pop_front() {
            self.step(i, Input::Event { event, path });
            return true;
        }
        let Some(request) = self.parties[i].asked.pop_front() else { return false };
        let outcome = self.apply(i, &request);
        // Events of what it has done itself come before the reply.
        while let Some((event, path)) = self.parties[i].events.pop_front() {
            self.step(i, Input::Event { event, path });
        }
        self.step(i, Input::Outcome(outcome));
        true
    }

    /// The connection is lost. What was asked may have been done, and the reply may have come. The machine
    /// may hear of the loss before it hears of the reply.
    fn cut(&mut self, i: usize, asked_for: Asked) {
        if !self.parties[i].up || self.parties[i].expired {
            return;
        }
        self.parties[i].up = false;
        let asked = self.parties[i].asked.pop_front();
        if asked_for == Asked::Answered {
            let outcome = asked.map(|request| self.apply(i, &request));
            self.step(i, Input::Session(State::Suspended));
            if let Some(outcome) = outcome {
                self.step(i, Input::Outcome(outcome));
            }
            return;
        }
        if let Some(request) = asked {
            // A watch whose reply is lost is not registered.
            let watches = self.parties[i].watches.clone();
            if asked_for == Asked::Done {
                self.apply(i, &request);
            }
            self.parties[i].watches.retain(|path| watches.contains(path));
            self.step(i, Input::Outcome(Outcome::Unknown));
        }
        self.step(i, Input::Session(State::Suspended));
    }

    fn reconnect(&mut self, i: usize) {
        if !self.parties[i].up {
            self.parties[i].up = true;
            if self.parties[i].expired {
                self.step(i, Input::Session(State::Over(End::Expired)));
                while self.serve(i) {}
                return;
            }
            // A watch whose znode has gone meanwhile is made up for.
            let gone = |path: &String| !self.tree.nodes.contains_key(path);
            let missed: Vec<String> =
                self.parties[i].watches.iter().filter(|path| gone(path)).cloned().collect();
            self.parties[i].watches.retain(|path| !missed.contains(path));
            self.parties[i].events.extend(missed.into_iter().map(|path| (EventType::NodeDeleted, path)));
            self.step(i, Input::Session(State::Reconnected));
        }
    }

    /// A session expires only where its connection was lost. Its client hears of it when it comes back.
    fn expire(&mut self, i: usize) {
        if self.parties[i].up || self.parties[i].expired {
            return;
        }
        self.parties[i].expired = true;
        let owned = |(path, (owner, _)): (&String, &(usize, u64))| (*owner == i).then(|| path.clone());
        let owned: Vec<String> = self.tree.nodes.iter().filter_map(owned).collect();
        self.parties[i].watches.clear();
        self.parties[i].events.clear();
        for path in owned {
            self.remove(&path);
        }
    }

    /// Everything that is under way arrives.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let served: Vec<bool> = (0..self.parties.len()).map(|i| self.serve(i)).collect();
            if !served.contains(&true) {
                return;
            }
        }
        panic!("it does not come to rest");
    }
}

/// What became of the request of a connection that was lost.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Asked {
    Lost,
    Done,
    Answered,
}

#[derive(Clone, Copy, Debug)]
enum Do {
    Start,
    Serve,
    Cut(Asked),
    Reconnect,
    Expire,
    Stop,
    /// An operator deletes the contender's znode, or the whole directory is reaped if it is empty.
    Meddle,
    /// Another program changes the data of the contender's znode.
    Change,
}

fn what() -> impl Strategy<Value = Do> {
    prop_oneof![
        2 => Just(Do::Start),
        12 => Just(Do::Serve),
        2 => (0usize..3).prop_map(|i| Do::Cut([Asked::Lost, Asked::Done, Asked::Answered][i])),
        3 => Just(Do::Reconnect),
        1 => Just(Do::Expire),
        1 => Just(Do::Stop),
        1 => Just(Do::Meddle),
        1 => Just(Do::Change),
    ]
}

fn act(world: &mut World, what: Do, i: usize) {
    match what {
        Do::Start => world.step(i, Input::Start),
        Do::Serve => drop(world.serve(i)),
        Do::Cut(asked) => world.cut(i, asked),
        Do::Reconnect => world.reconnect(i),
        Do::Expire => world.expire(i),
        Do::Stop => world.step(i, Input::Stop),
        Do::Meddle => {
            let own =
                world.tree.nodes.iter().find(|(_, (owner, _))| *owner == i).map(|(path, _)| path.clone());
            match own {
                // The one that is deleted may hold until it hears of it: only its own events are waited for.
                Some(path) if !world.parties[i].machine.holds() => drop(world.remove(&path)),
                _ if world.tree.nodes.is_empty() => world.tree.dir = false,
                _ => {}
            }
        }
        Do::Change => {
            let own =
                world.tree.nodes.iter().find(|(_, (owner, _))| *owner == i).map(|(path, _)| path.clone());
            if let Some(path) = own {
                world.fire(EventType::NodeDataChanged, &path);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn one_holds_and_none_is_left_behind(
        steps in proptest::collection::vec((what(), 0usize..3), 0..150)
    ) {
        let mut world = World::new(3);
        for (what, i) in steps {
            act(&mut world, what, i);
        }
        // Once all have a connection, one of those that still contend holds.
        (0..3).for_each(|i| world.reconnect(i));
        world.settle();
        let contending = |party: &&Party| {
            party.machine.phase != Phase::New && !party.machine.is_over() && !party.machine.stopping
        };
        if world.parties.iter().filter(contending).count() > 0 {
            prop_assert_eq!(world.parties.iter().filter(|party| party.machine.holds()).count(), 1);
        }
        // Once all have stopped nothing is left.
        for i in 0..3 {
            world.step(i, Input::Stop);
            world.settle();
        }
        for i in 0..3 {
            if world.parties[i].machine.phase != Phase::New {
                prop_assert!(world.parties[i].machine.is_over(), "{:?}", world.parties[i].machine);
                let ends = world.parties[i].told.iter().filter(|told| matches!(told, Told::Stopped | Told::Failed(_)));
                prop_assert_eq!(ends.count(), 1, "{:?}", world.parties[i].told);
            }
        }
        prop_assert!(world.tree.nodes.is_empty(), "left behind: {:?}", world.tree.nodes);
    }
}

#[test]
fn the_first_one_holds_and_the_next_one_alone_is_woken() {
    let mut world = World::new(3);
    for i in 0..3 {
        world.step(i, Input::Start);
        world.settle();
    }
    assert_eq!(world.parties[0].told, [Told::Held(Token(Zxid(1)))]);
    assert_eq!(world.parties[1].watches, ["/l/_c_0-lock-0000000001"]);
    assert_eq!(world.parties[2].watches, ["/l/_c_1-lock-0000000002"]);
    world.step(0, Input::Stop);
    while world.serve(0) {}
    assert_eq!((world.parties[1].events.len(), world.parties[2].events.len()), (1, 0));
    world.settle();
    assert_eq!(world.parties[0].told.last(), Some(&Told::Stopped));
    assert_eq!(world.parties[1].told, [Told::Held(Token(Zxid(2)))]);
    assert_eq!(world.parties[2].told, []);
}

#[test]
fn a_lost_connection_is_a_lost_lock() {
    let mut world = World::new(2);
    for i in 0..2 {
        world.step(i, Input::Start);
        world.settle();
    }
    world.cut(0, Asked::Lost);
    assert_eq!(world.parties[0].told.last(), Some(&Told::Lost));
    world.settle();
    assert!(!world.parties[1].machine.holds(), "its znode is still there");
    world.reconnect(0);
    world.settle();
    assert_eq!(world.parties[0].told.last(), Some(&Told::Stopped));
    assert!(world.parties[1].machine.holds());
}

#[test]
fn a_creation_whose_reply_is_lost_is_found_again() {
    for asked in [Asked::Lost, Asked::Done, Asked::Answered] {
        let mut world = World::new(1);
        world.tree.dir = true;
        world.step(0, Input::Start);
        world.cut(0, asked);
        assert_eq!(world.tree.nodes.len(), usize::from(asked != Asked::Lost));
        world.reconnect(0);
        world.settle();
        assert_eq!(world.tree.nodes.len(), 1);
        assert!(world.parties[0].machine.holds());
    }
}

#[test]
fn numbers_of_contenders() {
    assert_eq!(number("_c_x-lock-0000000012", "lock-"), Some(12));
    assert_eq!(number("a__lock__0000000012", "__lock__"), Some(12));
    assert_eq!(number("lock--000000012", "lock-"), Some(-12));
    for foreign in ["lock-12", "lock-", "lock-00000000x1", "lock-00000000000000000000000001", "other"] {
        assert_eq!(number(foreign, "lock-"), if foreign.len() > 30 { Some(1) } else { None }, "{foreign}");
    }
}
