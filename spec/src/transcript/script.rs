//! A path of an ensemble as a transcript: the same steps as commands, performed and compared.

pub(super) use crate::transcript::unwritable::Unwritable;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use quorate_core::config::{ElectionMode, SizeLimit};
use quorate_core::quorum::QuorumVerifier;
use stateright::Model;

use super::perform;
use super::stage::Stage;
use crate::byte::Byte;
use crate::models::ensemble::Ensemble;
use crate::story::way::way_to;
use crate::words;
use crate::world::{Action, Budget, Durable, Flaws, World};

/// How many states are searched for what went before a path that begins in the middle.
const PRELUDE: usize = 200_000;

/// The transcript of a path, with what comes of each command. A path that ends in a broken property of ZAB
/// cannot be performed to its end as long as core is as it is. The rest is then without output, and a comment
/// says where and why.
///
/// # Errors
/// There is no such path; or the ensemble has something that no transcript has a command for.
pub fn write(ensemble: &Ensemble, title: &str, path: &[usize]) -> Result<String, Unwritable> {
    let lost = |what: &str| Unwritable(what.to_owned());
    let first = path.first().and_then(|i| ensemble.init.get(*i)).ok_or_else(|| lost("no such path"))?;
    let mut text = format!("# {title}\n\n");
    begin(first, &mut text)?;
    text.push('\n');
    let mut world = first.clone();
    for index in &path[1..] {
        let mut possible = Vec::new();
        ensemble.actions(&world, &mut possible);
        let action = possible.get(*index).ok_or_else(|| lost("no such path"))?;
        for command in commands(&world, action) {
            let _ = writeln!(text, "> {command}");
        }
        match catch_unwind(AssertUnwindSafe(|| world.next(action))) {
            Ok(next) => world = next,
            Err(_) => break,
        }
    }
    text += "> show\n";
    match perform(&text) {
        Ok(performed) => {
            let mut stage = Stage::default();
            for command in text.lines().filter_map(|line| line.strip_prefix("> ")) {
                stage.command(command).map_err(Unwritable)?;
            }
            let same = stage.world().is_ok_and(|end| servers(end) == servers(&world));
            if same { Ok(performed) } else { Err(lost("its commands lead to another state")) }
        }
        Err(refused) => {
            let mut lines: Vec<&str> = text.lines().collect();
            let why = format!("# Refused here: {}", refused.why);
            lines.insert(refused.line - 1, &why);
            let whole = lines.join("\n") + "\n";
            // What comes before it is performed.
            let done = perform(&lines[..refused.line - 1].join("\n")).map_err(|e| lost(&e.why))?;
            let rest = whole.lines().skip(refused.line - 1).collect::<Vec<_>>().join("\n");
            Ok(format!("{done}{rest}\n"))
        }
    }
}

fn servers(world: &World) -> Vec<String> {
    let n = world.servers().count();
    let servers = (0..n).map(|i| words::server(world, i));
    servers.chain(words::under_way(world, |_| true)).collect()
}

/// The commands that lead to the first world of a path.
fn begin(world: &World, text: &mut String) -> Result<(), Unwritable> {
    let setting = world.setting();
    let first = &setting.configs[0];
    let voters = setting.configs.iter().filter(|c| c.membership.is_voter(c.id)).count();
    let observers = setting.configs.len() - voters;
    let _ = write!(text, "> servers {voters}");
    if observers > 0 {
        let _ = write!(text, " observers {observers}");
    }
    match first.membership.verifiers.as_slice() {
        [QuorumVerifier::Majority(_)] => {}
        [QuorumVerifier::Hierarchical(groups)] => {
            if groups.iter().flat_map(|g| &g.members).any(|(_, weight)| *weight != 1) {
                return Err(Unwritable("weights other than 1".into()));
            }
            let group = |members: &[(quorate_core::ids::ServerId, u32)]| {
                members.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(",")
            };
            let groups: Vec<String> = groups.iter().map(|g| group(&g.members)).collect();
            let _ = write!(text, " groups {}", groups.join("/"));
        }
        _ => return Err(Unwritable("two quorum systems at the same time".into())),
    }
    if first.election == ElectionMode::Oracle {
        *text += " oracle";
    }
    if setting.eager {
        *text += " eager";
    }
    text.push('\n');
    for (i, config) in setting.configs.iter().enumerate() {
        let mut different = String::new();
        if config.commit_log_count != 500 {
            let _ = write!(different, " remember {}", config.commit_log_count);
        }
        if config.diff_limit != SizeLimit::NONE {
            let _ = write!(different, " diff {}", config.diff_limit.bytes);
        }
        if config.snap_count > 0 {
            let _ = write!(different, " snapshots {}", config.snap_count);
        }
        if setting.fragile == Some(i) {
            different += " loses disk";
        }
        match setting.java(i) {
            None => {}
            Some(Flaws::NONE) => different += " like zookeeper",
            Some(_) => return Err(Unwritable("a ZooKeeper server with a weakness".into())),
        }
        if let Some(forged) = setting.forged.filter(|forged| forged.server == config.id) {
            let _ = write!(different, " forged {}", forged.accepted_epoch);
        }
        if !different.is_empty() {
            let _ = writeln!(text, "> config {}{different}", i + 1);
        }
    }
    let (disks, actions) = prelude(world)
        .ok_or_else(|| Unwritable("it begins in the middle, and how it came to that is not found".into()))?;
    for (i, disk) in disks.iter().enumerate().filter(|(_, disk)| **disk != Durable::empty()) {
        let _ = write!(text, "> disk {} epochs {}/{}", i + 1, disk.accepted_epoch, disk.current_epoch);
        let entries = |all: &[(quorate_core::ids::Zxid, Byte)]| {
            all.iter().map(|(zxid, txn)| format!(" {zxid:?}={txn}")).collect::<String>()
        };
        if let Some((_, applied)) = disk.snapshot.as_ref().filter(|(_, applied)| !applied.is_empty()) {
            let _ = write!(text, " snapshot{}", entries(applied));
        }
        if disk.reaches > quorate_core::ids::Zxid::ZERO {
            let _ = write!(text, " reaches {:?}", disk.reaches);
        }
        if !disk.log.is_empty() {
            let _ = write!(text, " log{}", entries(&disk.log));
        }
        if disk.lost {
            *text += " lost";
        }
        text.push('\n');
    }
    let mut at = World::new(std::sync::Arc::new(setting.clone()), disks, calm());
    for action in &actions {
        for command in commands(&at, action) {
            let _ = writeln!(text, "> {command}");
        }
        at.act(action);
    }
    Ok(())
}

/// Nothing but what has to happen.
fn calm() -> Budget {
    Budget { faults: 0, txns: 0, elections: u8::MAX, resends: 0 }
}

/// The disks and the actions that a world came from: every server down, every server just started, or a
/// shortest way from empty disks.
fn prelude(world: &World) -> Option<(Vec<Durable>, Vec<Action>)> {
    let setting = std::sync::Arc::new(world.setting().clone());
    let n = setting.configs.len();
    let disks: Vec<Durable> = world.servers().map(|s| s.disk.durable.clone()).collect();
    let mut fresh = World::new(std::sync::Arc::clone(&setting), disks.clone(), calm());
    if fresh.looks_like(world) {
        return Some((disks, vec![]));
    }
    let starts: Vec<Action> = (0..n).map(Action::Start).collect();
    starts.iter().for_each(|start| fresh.act(start));
    if fresh.looks_like(world) {
        return Some((disks, starts));
    }
    let empty = vec![Durable::empty(); n];
    let mut begun = World::new(setting, empty.clone(), calm());
    starts.iter().for_each(|start| begun.act(start));
    let search = Ensemble {
        init: vec![begun.clone()],
        invariants: &[],
        sometimes: &[],
        terminal: |_| true,
        goal: None,
    };
    let path = way_to(&search, PRELUDE, |w| w.looks_like(world))?;
    let mut actions = starts;
    for index in &path[1..] {
        let mut possible = Vec::new();
        begun.actions(&mut possible);
        let action = possible.into_iter().nth(*index)?;
        begun.act(&action);
        actions.push(action);
    }
    Some((empty, actions))
}

/// The commands that do what an action does.
fn commands(world: &World, action: &Action) -> Vec<String> {
    // Of several connections between two servers, which one.
    let of = |a: usize, b: usize, generation: u32| {
        let joins = |c: &&crate::world::Connection| [(a, b), (b, a)].contains(&(c.learner, c.leader));
        let only = world.connections().iter().filter(joins).count() == 1;
        if only { String::new() } else { format!(" of {generation}") }
    };
    let one = match *action {
        Action::Start(i) => format!("start {}", i + 1),
        Action::Lead(i) => format!("lead {}", i + 1),
        Action::Follow(i, j) => format!("follow {} {}", i + 1, j + 1),
        Action::Vote { from, to } => format!("vote {} -> {}", from + 1, to + 1),
        Action::Decide(i) => format!("alarm {} ElectionDecide", i + 1),
        Action::Resend(i) => format!("alarm {} ElectionResend", i + 1),
        Action::Connect(i) => format!("connect {}", i + 1),
        Action::Deliver(c, side) => {
            let connection = &world.connections()[c];
            let (from, to) = connection.between(side);
            format!("deliver {} -> {}{}", from + 1, to + 1, of(from, to, connection.generation))
        }
        Action::Down(c, side) => {
            let connection = &world.connections()[c];
            let (from, to) = connection.between(side);
            format!("notice {} {}{}", to + 1, from + 1, of(from, to, connection.generation))
        }
        Action::Submit(i) => format!("submit {} {}", i + 1, Byte::nth(world.budget().txns)),
        Action::Ask(i) => format!("ask {}", i + 1),
        Action::Sync(i) => format!("sync {}", i + 1),
        Action::Snapshot(i) => format!("snapshot {}", i + 1),
        Action::PhaseLimit(i) => format!("alarm {} PhaseLimit", i + 1),
        Action::Silence(i) => {
            let once = format!("alarm {} Liveness", i + 1);
            return vec![once; world.config(i).sync_limit as usize + 1];
        }
        Action::Crash(i, 0) => format!("crash {}", i + 1),
        Action::Crash(i, kept) => format!("crash {} keeping {kept}", i + 1),
        Action::Forge(i) => format!("forge {}", i + 1),
        Action::Cut(c) => {
            let (a, b) = (world.connections()[c].learner, world.connections()[c].leader);
            format!("cut {} {}{}", a + 1, b + 1, of(a, b, world.connections()[c].generation))
        }
    };
    vec![one]
}
