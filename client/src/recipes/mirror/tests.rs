//! Copies of a small tree that others change, in random orders.

use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;
use quorate_core::tree::path as paths;
use quorate_core::wire::error_code::ErrorCode;

use super::*;
use crate::session::End;

/// A tree, and a copy that is told of it.
struct World {
    /// Data, and the transactions that created and changed it.
    tree: BTreeMap<String, (u8, Version)>,
    zxid: u64,
    machine: Mirror,
    asked: VecDeque<Request>,
    /// Replies and events, in the order of the connection.
    coming: VecDeque<Input>,
    up: bool,
    watched: bool,
    /// The copy as its user has it.
    copy: BTreeMap<String, (Option<Bytes>, Version)>,
    in_sync: bool,
}

impl World {
    fn new() -> World {
        let mut world = World {
            tree: BTreeMap::new(),
            zxid: 0,
            machine: Mirror::new("/r"),
            asked: VecDeque::new(),
            coming: VecDeque::new(),
            up: true,
            watched: false,
            copy: BTreeMap::new(),
            in_sync: false,
        };
        world.create("/r");
        world
    }

    fn step(&mut self, input: Input) {
        let mut out = vec![];
        self.machine.step(input, &mut out);
        for output in out {
            match output {
                Output::Ask(request) => self.asked.push_back(request),
                Output::Tell(Told::Set { path, data, stat }) => {
                    drop(self.copy.insert(path, (data, (stat.czxid, stat.mzxid))));
                }
                Output::Tell(Told::Removed(path)) => {
                    assert!(self.copy.remove(&path).is_some(), "{path} is removed twice");
                    let below = [&path, "/"].concat();
                    assert!(!self.copy.keys().any(|other| other.starts_with(&below)), "below {path}");
                }
                Output::Tell(Told::InSync) => self.in_sync = true,
                Output::Tell(Told::Behind) => self.in_sync = false,
                Output::Tell(Told::Failed(_) | Told::Stopped) => {}
            }
        }
        assert!(self.asked.len() <= 1, "one operation at a time");
    }

    fn tell(&mut self, event: EventType, path: &str) {
        if self.up && self.watched {
            self.coming.push_back(Input::Event { event, path: path.to_string() });
        }
    }

    fn create(&mut self, path: &str) {
        let parent = paths::parent(path).filter(|parent| *parent != "/");
        if !self.tree.contains_key(path) && parent.is_none_or(|parent| self.tree.contains_key(parent)) {
            self.zxid += 1;
            self.tree.insert(path.to_string(), (0, (Zxid(self.zxid), Zxid(self.zxid))));
            self.tell(EventType::NodeCreated, path);
        }
    }

    fn set(&mut self, path: &str, data: u8) {
        self.zxid += 1;
        let zxid = Zxid(self.zxid);
        if let Some((old, (_, mzxid))) = self.tree.get_mut(path) {
            (*old, *mzxid) = (data, zxid);
            self.tell(EventType::NodeDataChanged, path);
        }
    }

    fn delete(&mut self, path: &str) {
        let below = [path, "/"].concat();
        if !self.tree.keys().any(|other| other.starts_with(&below)) && self.tree.remove(path).is_some() {
            self.zxid += 1;
            self.tell(EventType::NodeDeleted, path);
        }
    }

    /// A server takes what was asked.
    fn serve(&mut self) {
        if !self.up {
            return;
        }
        let Some(request) = self.asked.pop_front() else { return };
        let response = match request {
            Request::AddWatch(_) => {
                self.watched = true;
                Response::Error(0)
            }
            Request::MultiRead(parts) => Response::Multi(parts.iter().map(|part| self.part(part)).collect()),
            request => panic!("{request:?}"),
        };
        self.coming.push_back(Input::Outcome(Outcome::Done(response)));
    }

    fn part(&self, part: &ReadOp) -> MultiResult {
        let (ReadOp::GetData(r) | ReadOp::GetChildren(r)) = part;
        let Some((data, (czxid, mzxid))) = self.tree.get(&r.path) else {
            return MultiResult::Error(ErrorCode::NoNode.to_i32());
        };
        match part {
            ReadOp::GetData(_) => {
                let stat = Stat { czxid: *czxid, mzxid: *mzxid, ..Stat::default() };
                MultiResult::GetData { data: Some(Bytes::copy_from_slice(&[*data])), stat }
            }
            ReadOp::GetChildren(_) => {
                let children = self.tree.keys().filter(|path| paths::parent(path) == Some(&r.path));
                MultiResult::GetChildren(
                    children.filter_map(|path| path.rsplit('/').next()).map(String::from).collect(),
                )
            }
        }
    }

    /// The next reply or event arrives.
    fn arrive(&mut self) -> bool {
        let Some(input) = self.coming.pop_front() else { return false };
        self.step(input);
        true
    }

    fn cut(&mut self) {
        if !self.up {
            return;
        }
        self.up = false;
        let answered = self.coming.iter().any(|input| matches!(input, Input::Outcome(_)));
        self.coming.clear();
        if answered || self.asked.pop_front().is_some() {
            self.step(Input::Outcome(Outcome::Unknown));
        }
        self.step(Input::Session(State::Suspended));
    }

    fn reconnect(&mut self) {
        if !self.up {
            self.up = true;
            self.step(Input::Session(State::Reconnected));
        }
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            self.serve();
            if !self.arrive() && self.asked.is_empty() {
                return;
            }
        }
        panic!("it does not come to rest");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_copy_is_the_tree_once_that_is_still(
        steps in proptest::collection::vec((0u8..12, 0usize..5, any::<u8>()), 0..120)
    ) {
        let names = ["/r", "/r/a", "/r/a/b", "/r/a/b/c", "/r/d"];
        let mut world = World::new();
        world.step(Input::Start);
        for (what, i, data) in steps {
            match what {
                0 | 1 => world.create(names[i]),
                2 | 3 => world.set(names[i], data),
                4 => world.delete(names[i]),
                5 => world.cut(),
                6 => world.reconnect(),
                7 | 8 => world.serve(),
                _ => drop(world.arrive()),
            }
        }
        world.reconnect();
        world.settle();
        let copy: Vec<_> = world.copy.iter().map(|(path, (data, version))| {
            (path.clone(), data.as_ref().map_or(0, |data| data[0]), *version)
        }).collect();
        let tree: Vec<_> =
            world.tree.iter().map(|(path, (data, version))| (path.clone(), *data, *version)).collect();
        prop_assert_eq!(copy, tree);
        prop_assert!(world.in_sync);
        prop_assert_eq!(world.machine.paths().count(), world.copy.len());
    }
}

#[test]
fn a_znode_that_was_deleted_and_created_again_is_another_one() {
    let mut world = World::new();
    world.create("/r/a");
    world.step(Input::Start);
    world.settle();
    let before = world.copy["/r/a"].clone();
    world.cut();
    world.delete("/r/a");
    world.create("/r/a");
    assert!(!world.in_sync);
    world.reconnect();
    world.settle();
    assert!(world.in_sync);
    assert_eq!(world.copy["/r/a"].0, before.0);
    assert_ne!(world.copy["/r/a"].1, before.1);
}

#[test]
fn it_ends_with_its_session_and_when_it_is_stopped() {
    let mut world = World::new();
    world.step(Input::Start);
    world.settle();
    let mut stopped = world.machine.clone();
    let mut out = vec![];
    stopped.step(Input::Stop, &mut out);
    assert_eq!(out, [Output::Tell(Told::Stopped)]);
    out.clear();
    world.machine.step(Input::Session(State::Over(End::Expired)), &mut out);
    assert_eq!(out, [Output::Tell(Told::Failed(Refusal::Over(End::Expired)))]);
    out.clear();
    world.machine.step(Input::Session(State::Over(End::Expired)), &mut out);
    assert_eq!(out, []);
}
